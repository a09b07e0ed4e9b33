"""A model of this machine behind the same routes: no upstream, the whole product in one process."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest

from kedit_memory.errors import KeditError
from kedit_memory.server.app import create_app
from kedit_memory.server.settings import Settings
from tests.server.conftest import asking, listening, stored

MODEL = "kedit-mini"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    store = stored(tmp_path_factory.mktemp("local") / "store")
    app = create_app(Settings(store=store, models=(MODEL,), answer="context"))
    with listening(app) as url, httpx.Client(base_url=url, timeout=120, trust_env=False) as client:
        yield client


def ask(client: httpx.Client, question: str, **more: object) -> httpx.Response:
    return client.post("/v1/chat/completions", json=asking(question, **more) | {"model": MODEL})


def test_its_models_are_listed(local: httpx.Client) -> None:
    assert [one["id"] for one in local.get("/v1/models").json()["data"]] == [MODEL]


def test_an_edit_answers_through_the_model(local: httpx.Client) -> None:
    response = ask(local, "Who leads Acme?")
    assert "Ann Berg" in response.json()["choices"][0]["message"]["content"]
    assert response.headers["x-kedit-edit"] == "e1"
    told = local.post(
        "/v1/chat/completions", json=asking("Who leads Acme?") | {"model": MODEL}, headers={"x-kedit-explain": "1"}
    )
    assert told.json()["kedit"]["edits"][0]["id"] == "e1"


def test_a_reply_is_streamed(local: httpx.Client) -> None:
    whole = ask(local, "What is the capital of France?").json()["choices"][0]["message"]["content"]
    lines = ask(local, "What is the capital of France?", stream=True).text.splitlines()
    data = [line[6:] for line in lines if line.startswith("data: ")]
    assert data[-1] == "[DONE]"
    chunks = [json.loads(one)["choices"][0] for one in data[:-1]]
    assert "".join(one["delta"].get("content", "") for one in chunks) == whole
    assert chunks[-1]["finish_reason"] in ("stop", "length")


def test_a_reply_is_cut_where_the_request_says(local: httpx.Client) -> None:
    short = ask(local, "What is the capital of France?", max_tokens=1)
    assert len(short.json()["choices"][0]["message"]["content"].split()) <= 1


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"n": 2}, "cannot do n;"),
        ({"tools": [{"type": "function"}]}, "cannot do tools"),
        ({"logprobs": True}, "cannot do logprobs"),
        ({"response_format": {"type": "json_object"}}, "cannot do response_format"),
        ({"max_tokens": 0}, "0 tokens are no limit"),
        ({"messages": [{"role": "assistant", "content": "Well"}]}, "no text of the user"),
    ],
)
def test_what_it_cannot_do_is_said(local: httpx.Client, more: dict, message: str) -> None:
    response = ask(local, "Who leads Acme?", **more)
    assert response.status_code == 400
    assert message in response.json()["error"]["message"]


def test_a_name_that_stands_for_nothing_is_told_at_the_start(tmp_path: Path) -> None:
    store = stored(tmp_path / "store")
    with pytest.raises(KeditError) as told:
        create_app(Settings(store=store, models=(str(tmp_path / "nothing"),)))
    assert "nothing" in str(told.value)
    assert "\n" not in str(told.value)


def test_another_model_is_not_known(local: httpx.Client) -> None:
    response = local.post("/v1/chat/completions", json=asking("Hello?"))
    assert (response.status_code, response.json()["error"]["code"]) == (404, "model_not_found")


def test_the_recipe_of_the_readme(tmp_path: Path) -> None:
    """Start the command, ask it with OpenAI's client, stop it."""
    store = stored(tmp_path / "store")
    command = [
        sys.executable,
        "-m",
        "kedit_memory.cli.main",
        "serve",
        "--model",
        MODEL,
        "--store",
        str(store),
        "--port",
        "0",
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment) as process:
        try:
            assert process.stderr is not None
            line = next(line for line in process.stderr if "listening on" in line)
            found = re.search(r"http://127.0.0.1:\d+/v1", line)
            assert found
            http = openai.DefaultHttpxClient(trust_env=False)
            with openai.OpenAI(base_url=found[0], api_key="none", http_client=http) as client:
                asked = [{"role": "user", "content": "Who leads Acme?"}]
                answer = client.chat.completions.create(model=MODEL, messages=asked)
            assert answer.choices[0].message.content == "Ann Berg"
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
