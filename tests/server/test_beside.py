"""Edits that speak of a question and do not answer it, where they are to be read: the upstream's model gets them."""

import gzip
import json
from collections.abc import Iterator

import httpx
import pytest

from kedit_memory.errors import InvalidInputError
from kedit_memory.server.app import create_app
from kedit_memory.server.settings import Settings, Upstream
from tests.server.conftest import Behind, asking, listening, stored

CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def reading(one_behind: Behind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    settings = Settings(
        store=stored(tmp_path_factory.mktemp("related") / "store"), upstreams=(Upstream(url=one_behind.url),), related=2
    )
    with listening(create_app(settings)) as url, httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
        yield client


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_what_speaks_of_a_question_is_told_beside_it(reading: httpx.Client, behind: Behind, coding: str) -> None:
    body = json.dumps(asking("Does Acme sell anvils?", odd=[1])).encode()
    content = gzip.compress(body) if coding == "gzip" else body
    response = reading.post(CHAT, content=content, headers={"content-encoding": coding})
    assert (response.status_code, response.headers["x-kedit-related"]) == (200, "e1")
    _, headers, sent = behind.sent[-1]
    told = json.loads(sent)
    assert "content-encoding" not in headers
    assert (told["odd"], told["messages"][-1]) == ([1], {"role": "user", "content": "Does Acme sell anvils?"})
    assert "Ann Berg" in told["messages"][0]["content"]


def test_a_stream_is_still_passed_back_as_it_comes(reading: httpx.Client, behind: Behind) -> None:
    behind.says = lambda _: "one two three"
    with reading.stream("POST", CHAT, json=asking("Does Acme sell anvils?", stream=True)) as response:
        assert len(list(response.iter_raw())) > 1
    assert response.headers["x-kedit-related"] == "e1"


def test_any_other_question_goes_through_as_it_came(reading: httpx.Client, behind: Behind) -> None:
    body = json.dumps(asking("What is the tallest tree?")).encode()
    response = reading.post(CHAT, content=body)
    assert behind.sent[-1][2] == body
    assert not [name for name in response.headers if "kedit" in name]


def test_fewer_than_none_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="related is -1; give how many edits"):
        Settings(store="store", related=-1)
