"""Passages over HTTP: added, listed, searched and removed, each in the namespace of its key."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from kedit_memory.retrieval.contents import list_passages
from kedit_memory.retrieval.corpus import Corpus
from kedit_memory.server.app import create_app
from kedit_memory.server.audit import FILE
from kedit_memory.server.keys import KeyRing
from kedit_memory.server.settings import Settings
from tests.server.conftest import listening, stored

TREES = {"text": "The tallest tree, Hyperion, is a redwood of 116 metres.", "title": "Trees", "source": "trees.md"}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return stored(tmp_path / "store")


@pytest.fixture
def secrets(store: Path) -> dict[str, str]:
    with closing(KeyRing(store)) as ring:
        return {
            "desk": ring.make("desk", namespaces=["default"], rights=["write"]),
            "other": ring.make("other", namespaces=["other"], rights=["write"]),
            "reader": ring.make("reader", namespaces=["default"]),
        }


@pytest.fixture
def client(store: Path, secrets: dict[str, str]) -> Iterator[httpx.Client]:
    headers = {"x-kedit-key": secrets["desk"]}
    with (
        listening(create_app(Settings(store=store, models=("kedit-mini",)))) as url,
        httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False) as client,
    ):
        yield client


def test_a_passage_lives_its_life(client: httpx.Client, store: Path) -> None:
    made = client.post("/passages", json={"passages": [TREES, {"text": "Oslo has a fjord.", "id": "a/b #1"}]})
    assert made.status_code == 201
    assert made.json()["added"] == 2
    first, second = (one["id"] for one in made.json()["passages"])
    assert client.post("/passages", json={"passages": [TREES]}).json()["added"] == 0
    assert [one["id"] for one in client.get("/passages").json()["passages"]] == [first, second]
    assert client.get("/passages/a%2Fb%20%231").json()["text"] == "Oslo has a fjord."
    found = client.post("/passages/search", json={"query": "How tall is the tallest tree?", "limit": 1}).json()
    assert [(one["id"], one["score"] > 0) for one in found["passages"]] == [(first, True)]
    answer = client.post("/explain", json={"question": "What is the tallest tree?"}).json()
    assert first in {one["id"] for one in answer["passages"]} or "Trees" in answer["reason"]
    assert client.delete("/passages/a%2Fb%20%231").json() == {"removed": 1}
    assert client.delete("/passages", params={"source": "trees.md"}).json() == {"removed": 1}
    assert client.get("/passages").json() == {"passages": [], "more": False}
    assert client.post("/passages/search", json={"query": "the tallest tree"}).json() == {"passages": []}
    for file in store.rglob("*"):
        assert not file.is_file() or b"Hyperion" not in file.read_bytes()
    lines = [json.loads(line) for line in (store / FILE).read_text().splitlines()]
    assert [(one["who"], one["verb"], one["passages"]) for one in lines] == [
        ("desk", "add passages", [first, second]),
        ("desk", "add passages", [first]),
        ("desk", "remove passages", ["a/b #1"]),
        ("desk", "remove passages", [first]),
    ]


def test_passages_come_by_page_and_long_ones_in_parts(client: httpx.Client, store: Path) -> None:
    long = {"text": "One two three four five. " * 400, "id": "long"}
    made = client.post("/passages", json={"passages": [long]}).json()["passages"]
    assert len(made) > 2
    assert [one["id"] for one in made][:2] == ["long#1", "long#2"]
    seen, more = [], True
    while more:
        page = client.get("/passages", params={"limit": 2} | ({"after": seen[-1]} if seen else {})).json()
        seen += [one["id"] for one in page["passages"]]
        more = page["more"]
    with Corpus(store) as corpus:
        assert seen == [one.id for one in list_passages(corpus)] == [one["id"] for one in made]


def test_a_namespace_is_its_keys_own(client: httpx.Client, secrets: dict[str, str]) -> None:
    (passage,) = client.post("/passages", json={"passages": [TREES]}).json()["passages"]
    other, reader = ({"x-kedit-key": secrets[name]} for name in ("other", "reader"))
    assert client.get("/passages", headers=other).json()["passages"] == []
    assert client.get(f"/passages/{passage['id']}", headers=other).status_code == 404
    assert client.delete(f"/passages/{passage['id']}", headers=other).status_code == 404
    assert client.delete("/passages", params={"source": "trees.md"}, headers=other).status_code == 404
    assert client.post("/passages/search", json={"query": "tree"}, headers=other).json() == {"passages": []}
    assert client.get("/passages", headers=reader).json()["passages"] == [passage]
    assert client.post("/passages", json={"passages": [TREES]}, headers=reader).status_code == 403
    assert client.delete(f"/passages/{passage['id']}", headers=reader).status_code == 403
    assert client.get("/passages", headers={"x-kedit-key": "none"}).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/passages", {}, 422),
        ("POST", "/passages", {"passages": []}, 422),
        ("POST", "/passages", {"passages": [TREES, {"text": " \n"}]}, 400),
        ("POST", "/passages", {"passages": [{"text": 7}]}, 422),
        ("POST", "/passages", {"passages": [TREES | {"namespace": "other"}]}, 422),
        ("POST", "/passages/search", {"query": ""}, 422),
        ("GET", "/passages/nobody", None, 404),
        ("GET", "/passages?after=nobody", None, 404),
        ("GET", "/passages?limit=0", None, 422),
        ("DELETE", "/passages/nobody", None, 404),
        ("DELETE", "/passages?source=nowhere", None, 404),
        ("DELETE", "/passages", None, 422),
    ],
)
def test_bad_input_changes_nothing(client: httpx.Client, method: str, path: str, body: object, status: int) -> None:
    response = client.request(method, path, json=body)
    assert response.status_code == status, response.text
    assert "\n" not in response.json()["error"]["message"]
    assert client.get("/passages").json()["passages"] == []
