"""Who may ask what: keys, namespaces, rights, and this machine alone."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from kedit_memory.errors import InvalidInputError
from kedit_memory.server.app import create_app
from kedit_memory.server.keys import KeyRing
from kedit_memory.server.listening import listen
from kedit_memory.server.run import run
from kedit_memory.server.settings import Settings, Upstream
from tests.server.conftest import Behind, asking, listening, stored

CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def secrets() -> dict[str, str]:
    return {}


@pytest.fixture(scope="module")
def guarded(one_behind: Behind, secrets: dict[str, str], tmp_path_factory) -> Iterator[httpx.Client]:
    """A server with keys, which passes the callers' own bearer tokens on."""
    store = stored(tmp_path_factory.mktemp("guarded") / "store")
    with closing(KeyRing(store)) as ring:
        secrets["reader"] = ring.make("reader", namespaces=["default"])
        secrets["other"] = ring.make("other", namespaces=["other", "third"], rights=["write"])
        secrets["admin"] = ring.make("admin", namespaces=["*"], rights=["admin"])
        secrets["gone"] = ring.make("gone", namespaces=["*"])
        ring.revoke("gone")
    settings = Settings(store=store, upstreams=(Upstream(url=one_behind.url),))
    with listening(create_app(settings)) as url, httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
        yield client


def with_key(secret: str, **more: str) -> dict[str, str]:
    return {"x-kedit-key": secret, **more}


def test_without_a_key_nothing_is_answered(guarded: httpx.Client, secrets, behind: Behind) -> None:
    for headers in ({}, with_key("kedit-wrong"), with_key(secrets["gone"]), {"authorization": "Bearer sk-up"}):
        for response in (
            guarded.post(CHAT, json=asking("Who leads Acme?"), headers=headers),
            guarded.get("/v1/models", headers=headers),
            guarded.post("/v1/files", headers=headers),
            guarded.get("/edits", headers=headers),
            guarded.post("/edits", json={"prompt": "a b c.", "target": "d"}, headers=headers),
            guarded.post("/explain", json={"question": "Who leads Acme?"}, headers=headers),
            guarded.get("/metrics", headers=headers),
        ):
            assert response.status_code == 401
            assert response.json()["error"]["type"] == "authentication_error"
    assert not behind.sent
    assert guarded.get("/health/live").json() == {"status": "live"}


def test_the_namespace_comes_from_the_key(guarded: httpx.Client, secrets) -> None:
    def leads(headers: dict[str, str]) -> str:
        return guarded.post(CHAT, json=asking("Who leads Acme?"), headers=headers).json()["choices"][0]["message"][
            "content"
        ]

    assert leads(with_key(secrets["reader"])) == "Ann Berg"
    assert leads(with_key(secrets["other"])) == "Cara Dunn"
    assert leads(with_key(secrets["admin"], **{"x-kedit-namespace": "other"})) == "Cara Dunn"
    assert leads({"authorization": f"Bearer {secrets['reader']}", "x-kedit-key": secrets["other"]}) == "Cara Dunn"
    for name, wanted in (("reader", "other"), ("other", "default")):
        refused = guarded.get("/edits", headers=with_key(secrets[name], **{"x-kedit-namespace": wanted}))
        assert (refused.status_code, refused.json()["error"]["type"]) == (403, "permission_error")
    assert [one["target"] for one in guarded.get("/edits", headers=with_key(secrets["other"])).json()["edits"]] == [
        "Cara Dunn"
    ]
    assert guarded.get("/edits/e1", headers=with_key(secrets["other"])).status_code == 404


def test_rights_are_kept(guarded: httpx.Client, secrets) -> None:
    fact = {"prompt": "Who feeds the cat?", "target": "Bo"}
    assert guarded.post("/edits", json=fact, headers=with_key(secrets["reader"])).status_code == 403
    assert guarded.post("/edits", json=fact, headers=with_key(secrets["other"])).status_code == 201
    assert guarded.get("/metrics", headers=with_key(secrets["other"])).status_code == 403
    assert "kedit_questions_total" in guarded.get("/metrics", headers=with_key(secrets["admin"])).text


def test_our_key_never_goes_upstream(guarded: httpx.Client, secrets, behind: Behind, monkeypatch, tmp_path) -> None:
    headers = with_key(secrets["reader"], authorization="Bearer sk-mine")
    guarded.post(CHAT, json=asking("What is the tallest tree?"), headers=headers)
    assert behind.sent[0][1]["authorization"] == "Bearer sk-mine"
    assert secrets["reader"] not in str(behind.sent)
    monkeypatch.setenv("KEDIT_TEST_UPSTREAM", "sk-held")
    store = stored(tmp_path / "store")
    with closing(KeyRing(store)) as ring:
        secret = ring.make("desk", namespaces=["default"])
    holding = Upstream(url=behind.url, key_variable="KEDIT_TEST_UPSTREAM")
    with listening(create_app(Settings(store=store, upstreams=(holding,)))) as url:
        for name in ("authorization", "x-kedit-key"):
            behind.sent.clear()
            value = f"Bearer {secret}" if name == "authorization" else secret
            response = httpx.post(
                f"{url}{CHAT}", json=asking("What is the tallest tree?"), headers={name: value}, trust_env=False
            )
            assert response.status_code == 200
            assert behind.sent[0][1]["authorization"] == "Bearer sk-held"
            assert secret not in str(behind.sent)


def test_a_page_that_was_led_here_by_another_name_is_refused(served: httpx.Client) -> None:
    response = served.get("/edits", headers={"host": "evil.example:8321"})
    assert response.status_code == 403
    assert served.get("/edits", headers={"host": "localhost:8321"}).status_code == 200


def test_nothing_is_open_to_others_before_there_is_a_key(tmp_path: Path) -> None:
    store = stored(tmp_path / "store")
    with pytest.raises(InvalidInputError, match="there is no key yet; make one with `kedit keys add NAME`"):
        run(Settings(store=store, upstreams=(Upstream(url="http://127.0.0.1:9/v1"),), host="192.0.2.7"), print)
    with pytest.raises(InvalidInputError, match="nothing to stand in front of"):
        run(Settings(store=store), print)


def test_a_port_that_is_taken_is_told_in_one_line(tmp_path: Path) -> None:
    upstream = Upstream(url="http://127.0.0.1:9/v1")
    with listen("127.0.0.1", 0) as taken, pytest.raises(InvalidInputError, match="cannot be used"):
        run(Settings(store=tmp_path / "store", upstreams=(upstream,), port=taken.getsockname()[1]), print)
