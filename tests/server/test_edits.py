"""The memory over HTTP: every verb once, bad input, and what the audit says."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kedit_memory.memory import EditMemory
from kedit_memory.server.app import create_app
from kedit_memory.server.audit import FILE
from kedit_memory.server.settings import Settings, Upstream
from tests.server.conftest import listening, stored


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return stored(tmp_path / "store")


@pytest.fixture
def client(store: Path) -> Iterator[httpx.Client]:
    settings = Settings(store=store, upstreams=(Upstream(url="http://127.0.0.1:9/v1"),), models=("kedit-mini",))
    with listening(create_app(settings)) as url, httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        yield client


def test_an_edit_lives_its_life(client: httpx.Client, store: Path) -> None:
    fact = {"prompt": "Who feeds the cat?", "target": "Bo", "paraphrases": ["The cat is fed by"], "metadata": {"n": 1}}
    made = client.post("/edits", json=fact)
    assert made.status_code == 201
    edit_id = made.json()["id"]
    assert client.get(f"/edits/{edit_id}").json()["metadata"] == {"n": 1}
    assert client.post("/explain", json={"question": "the cat is fed by"}).json()["edits"][0]["id"] == edit_id
    assert client.patch(f"/edits/{edit_id}", json={"target": "Cleo"}).json()["target"] == "Cleo"
    confirmed = client.post(f"/edits/{edit_id}/confirm", json={"question": "Whose turn is the cat?"})
    assert confirmed.status_code == 200
    assert client.post("/explain", json={"question": "whose turn is the cat"}).json()["route"] == "direct"
    assert client.post(f"/edits/{edit_id}/reject", json={"question": "Whose turn is the cat?"}).status_code == 200
    assert client.post("/explain", json={"question": "whose turn is the cat"}).json()["route"] != "direct"
    assert client.delete(f"/edits/{edit_id}").json()["status"] == "retracted"
    assert client.post("/undo", params={"edit_id": edit_id}).json()["undone"][0]["verb"] == "retract"
    verbs = [one["verb"] for one in client.get(f"/edits/{edit_id}/history").json()["history"]]
    assert verbs == ["add", "update", "confirm", "reject", "retract", "undo"]
    with EditMemory.open(store, create=False) as memory:
        assert memory.get(edit_id).target == "Cleo"
    lines = [json.loads(line) for line in (store / FILE).read_text().splitlines()]
    assert [one["verb"] for one in lines] == ["add", "update", "confirm", "reject", "retract", "undo"]
    assert {(one["who"], one["from"], one["namespace"]) for one in lines} == {("local", "127.0.0.1", "default")}
    assert all(one["edits"] == [edit_id] and one["request"] for one in lines)


def test_edits_come_by_page(client: httpx.Client) -> None:
    rows = [{"prompt": f"What is number {n}?", "target": str(n)} for n in range(5)]
    assert len(client.post("/edits/batch", json={"edits": rows}).json()["edits"]) == 5
    seen: list[str] = []
    after, more = None, True
    while more:
        page = client.get("/edits", params={"limit": 3} | ({"after": after} if after else {})).json()
        seen += [one["id"] for one in page["edits"]]
        after, more = seen[-1], page["more"]
    assert seen == sorted(set(seen), key=lambda one: int(one[1:]))
    assert len(seen) == 8
    assert len(client.get("/edits", params={"subject": "acme"}).json()["edits"]) == 1


def test_a_batch_is_stored_whole_or_not_at_all(client: httpx.Client) -> None:
    before = client.get("/edits").json()
    response = client.post(
        "/edits/batch", json={"edits": [{"prompt": "What is up?", "target": "sky"}, {"target": "x"}]}
    )
    assert response.status_code == 400
    assert client.get("/edits").json() == before


def test_what_is_erased_is_refused_and_a_conflict_is_told(client: httpx.Client) -> None:
    erased = client.post("/edits/erase", json={"prompt": "What is the code of the gate?", "purge": True})
    assert erased.json()["kind"] == "erasure"
    assert client.post("/query", json={"question": "What is the code of the gate?"}).json()["route"] == "refusal"
    assert "7731" not in client.get("/edits", params={"status": "all"}).text
    clash = {"prompt": "Who leads Acme?", "target": "Dan", "subject": "Acme", "on_conflict": "reject"}
    response = client.post("/edits", json=clash)
    assert (response.status_code, response.json()["error"]["code"]) == (409, "conflict")


def test_a_preview_stores_nothing(client: httpx.Client) -> None:
    given = {"edit": {"prompt": "Who leads Acme?", "target": "Dan", "subject": "Acme"}, "questions": ["who leads acme"]}
    told = client.post("/edits/preview", json=given).json()
    assert told["gives_way"] == ["e1"]
    assert [one["question"] for one in told["fires"]] == ["who leads acme"]
    assert client.get("/edits/e1").json()["target"] == "Ann Berg"


def test_questions_are_answered_and_searched(client: httpx.Client) -> None:
    answer = client.post("/query", json={"question": "Who leads Acme?"}).json()
    assert (answer["answer"], answer["route"]) == ("Ann Berg", "direct")
    dialogue = [{"role": "user", "content": "Hi"}, {"role": "user", "content": "Who leads Acme?"}]
    assert client.post("/explain", json={"messages": dialogue}).json()["edits"][0]["id"] == "e1"
    found = client.post("/search", json={"query": "the leader of Acme", "limit": 1}).json()["matches"]
    assert found[0]["edit"]["id"] == "e1"
    assert client.post("/query", json={"question": "a b", "model": "no-such"}).status_code == 404
    results = client.post("/v1/vector_stores/kedit/search", json={"query": "the leader of Acme"}).json()
    assert results["object"] == "vector_store.search_results.page"
    assert "Ann Berg" in results["data"][0]["content"][0]["text"]
    assert client.post("/v1/vector_stores/kedit/search", json={"query": 7}).status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/edits", {}, 400),
        ("POST", "/edits", {"prompt": 7}, 422),
        ("POST", "/edits", {"prompt": "Who?", "target": "A", "namespace": "other"}, 422),
        ("POST", "/edits", {"prompt": "Who is it?", "target": "A", "radius": 3}, 422),
        ("POST", "/edits", {"prompt": "Who is it?", "target": "A", "valid_from": "tomorrow"}, 400),
        ("POST", "/edits", {"prompt": "x" * 200_000, "target": "A"}, 400),
        ("POST", "/edits", [], 422),
        ("PATCH", "/edits/e99", {"target": "A"}, 404),
        ("PATCH", "/edits/e1", {"targett": "A"}, 422),
        ("GET", "/edits/nobody", None, 404),
        ("DELETE", "/edits/e4", None, 404),
        ("GET", "/edits?limit=0", None, 422),
        ("GET", "/edits?colour=red", None, 422),
        ("POST", "/edits/e1/confirm", {"question": ""}, 422),
        ("POST", "/explain", {}, 400),
        ("POST", "/explain", {"question": "a", "messages": []}, 400),
        ("PUT", "/edits", {}, 405),
        ("GET", "/nowhere", None, 404),
    ],
)
def test_bad_input_is_told_in_one_shape(
    client: httpx.Client, method: str, path: str, body: object, status: int
) -> None:
    response = client.request(method, path, json=body)
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    assert "\n" not in error["message"]
