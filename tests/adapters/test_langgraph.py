"""What LangGraph expects of a store, asked with and without waiting; and what the memory makes of its items."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from kedit_memory.adapters.langgraph import to_langgraph
from kedit_memory.errors import InvalidInputError, MissingDependencyError
from kedit_memory.memory import EditMemory
from kedit_memory.models.encoder import HashingEncoder
from kedit_memory.records import Status
from kedit_memory.routing.router import Router

base = pytest.importorskip("langgraph.store.base")

ANN = ("users", "ann")


class Awaited:
    """The asynchronous verbs of a store, each waited for."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Callable[..., Any]:
        verb = getattr(self._store, f"a{name}")
        return lambda *args, **fields: asyncio.run(verb(*args, **fields))


@pytest.fixture(params=["sync", "async"])
def make(request: pytest.FixtureRequest, memory: EditMemory) -> Callable[..., Any]:
    def build(**options: Any) -> Any:
        store = to_langgraph(memory, **options)
        return store if request.param == "sync" else Awaited(store)

    return build


@pytest.fixture
def store(make: Callable[..., Any]) -> Any:
    return make()


def keys(items: list[Any]) -> list[str]:
    return [one.key for one in items]


def test_an_item_is_put_got_changed_and_deleted(store: Any) -> None:
    assert store.get(ANN, "k") is None
    store.put(ANN, "k", MappingProxyType({"text": "likes tea", "n": [1, {"deep": None}]}))
    item = store.get(ANN, "k")
    assert type(item) is base.Item
    assert (item.namespace, item.key, item.value) == (ANN, "k", {"text": "likes tea", "n": [1, {"deep": None}]})
    assert item.created_at == item.updated_at
    assert item.created_at.tzinfo
    store.put(ANN, "k", {"text": "likes coffee"})
    again = store.get(ANN, "k")
    assert again.value == {"text": "likes coffee"}
    assert again.created_at == item.created_at < again.updated_at
    assert store.get(("users",), "k") is None
    store.delete(ANN, "k")
    store.delete(ANN, "k")  # nothing is there any more
    assert store.get(ANN, "k") is None
    store.put(ANN, "k", {"text": "back"})
    assert store.get(ANN, "k").value == {"text": "back"}


def test_keys_are_told_apart_to_the_character(store: Any) -> None:
    names = ["e1", " a", "a", "a\nb", "é", "e\u0301", '"', "", "None", "1"]
    for name in names:
        store.put(ANN, name, {"is": name or "empty"})
    assert [store.get(ANN, name).value["is"] for name in names] == [name or "empty" for name in names]
    assert sorted(keys(store.search(ANN, limit=20))) == sorted(names)


def test_results_are_in_order_and_reads_see_what_was_there_before(store: Any) -> None:
    store.put(ANN, "old", {"n": 1})
    results = store.batch(
        [
            base.GetOp(ANN, "old"),
            base.PutOp(ANN, "old", {"n": 2}),
            base.PutOp(ANN, "new", {"n": 3}),
            base.PutOp(ANN, "new", {"n": 4}),
            base.PutOp(ANN, "gone", {"n": 5}),
            base.PutOp(ANN, "gone", None),
            base.SearchOp(("users",)),
            base.ListNamespacesOp(),
            base.GetOp(ANN, "new"),
        ]
    )
    assert results[0].value == {"n": 1}
    assert results[1:6] == [None] * 5
    assert keys(results[6]) == ["old"]
    assert results[7:] == [[ANN], None]
    assert [store.get(ANN, key).value for key in ("old", "new")] == [{"n": 2}, {"n": 4}]
    assert store.get(ANN, "gone") is None
    assert store.batch([]) == []
    with pytest.raises(TypeError, match="str is no operation"):
        store.batch(["get"])


@pytest.mark.parametrize("labels", [("a.b",), ("a", ""), ("a\0",), (3,), (" a",)])
def test_namespaces_that_cannot_be(make: Callable[..., Any], labels: Any) -> None:
    store = make()
    for op in (base.GetOp(labels, "k"), base.PutOp(labels, "k", {"a": 1}), base.PutOp(labels, "k", None)):
        with pytest.raises(base.InvalidNamespaceError):
            store.batch([op])
    if labels != (" a",):  # which nothing can begin with
        with pytest.raises(base.InvalidNamespaceError):
            store.batch([base.SearchOp(labels)])
        with pytest.raises(base.InvalidNamespaceError):
            store.batch([base.ListNamespacesOp((base.MatchCondition("suffix", labels),))])


def test_namespaces_that_are_not_for_items(store: Any) -> None:
    for labels in ((), ("langgraph", "x")):
        with pytest.raises(base.InvalidNamespaceError):
            store.put(labels, "k", {"a": 1})
    with pytest.raises(base.InvalidNamespaceError):
        store.batch([base.PutOp((), "k", {"a": 1})])
    store.put(("x", "langgraph"), "k", {"a": 1})
    assert store.search(())[0].namespace == ("x", "langgraph")


def test_there_is_no_time_to_live(store: Any) -> None:
    with pytest.raises(NotImplementedError):
        store.put(ANN, "k", {"a": 1}, ttl=5)
    with pytest.raises(NotImplementedError, match="no time to live here"):
        store.batch([base.PutOp(ANN, "k", {"a": 1}, ttl=5)])
    store.put(ANN, "k", {"a": 1}, ttl=None)
    assert store.get(ANN, "k")


def test_a_search_pages_through_a_prefix(store: Any) -> None:
    for labels in (("a",), ("a", "b"), ("ab",), ("a", "c", "d")):
        for n in range(5):
            store.put(labels, f"k{n}", {"n": n, "even": n % 2 == 0})
    every = [(one.namespace, one.key) for one in store.search(("a",), limit=100)]
    assert len(every) == len(set(every)) == 15
    assert {labels for labels, _ in every} == {("a",), ("a", "b"), ("a", "c", "d")}
    pages = [store.search(("a",), limit=4, offset=start) for start in range(0, 16, 4)]
    assert [(one.namespace, one.key) for page in pages for one in page] == every
    assert len(store.search(("a",))) == 10
    assert store.search(("a",), limit=0) == store.search(("b",)) == store.search(("a", "b", "c")) == []
    assert len(store.search((), limit=100)) == 20
    even = store.search(("a",), filter={"even": True, "n": {"$gt": 0}}, limit=100)
    assert [one.value["n"] for one in even] == [2, 4, 2, 4, 2, 4]
    assert store.search(("a",), filter={"even": True, "n": {"$gt": 0}}, limit=2, offset=1) == even[1:3]
    assert all(one.score is None for one in even)


def test_a_query_ranks_by_meaning(store: Any) -> None:
    for key, text, color, score in (
        ("1", "red apple", "red", 4.5), ("2", "red car", "red", 3.0),
        ("3", "green apple", "green", 4.0), ("4", "blue car", "blue", 3.5),
    ):  # fmt: skip
        store.put(("test",), key, {"text": text, "color": color, "score": score}, index=["text"])
    store.put(("other",), "5", {"text": "red apple"})
    assert keys(store.search(("test",), query="apple", filter={"color": "red"})) == ["1", "2"]
    assert keys(store.search(("test",), query="car", filter={"color": "red"})) == ["2", "1"]
    found = store.search(("test",), query="blue", filter={"score": {"$gt": 3.2}})
    assert (keys(found)[0], len(found)) == ("4", 3)
    assert keys(store.search(("test",), query="apple", filter={"score": {"$gte": 4}, "color": "green"})) == ["3"]
    scores = [one.score for one in store.search((), query="red apple")]
    assert scores == sorted(scores, reverse=True)
    assert scores[:2] == [pytest.approx(1), pytest.approx(1)]
    ranked = keys(store.search(("test",), query="red apple"))
    assert keys(store.search(("test",), query="red apple", limit=2)) == ranked[:2]
    assert keys(store.search(("test",), query="red apple", limit=2, offset=2)) == ranked[2:]
    store.put(("test",), "1", {"text": "a yellow submarine"})
    assert keys(store.search(("test",), query="a yellow submarine"))[0] == "1"
    assert keys(store.search(("test",), query="red apple"))[0] != "1"


def test_an_item_that_is_not_indexed_comes_last_without_a_score(store: Any) -> None:
    store.put(("test",), "hidden", {"text": "red apple"}, index=False)
    store.put(("test",), "other", {"text": "a blue car"})
    found = store.search(("test",), query="red apple")
    assert keys(found) == ["other", "hidden"]
    assert (found[0].score is None, found[1].score) == (False, None)
    assert keys(store.search(("test",), query="red apple", limit=1)) == ["other"]
    assert store.get(("test",), "hidden").value == {"text": "red apple"}
    store.put(("test",), "hidden", {"text": "red apple"})
    assert keys(store.search(("test",), query="red apple")) == ["hidden", "other"]


def test_the_fields_that_a_search_goes_by(make: Callable[..., Any]) -> None:
    store = make(fields=["title", "parts[*].text"])
    store.put(("docs",), "1", {"title": "oslo", "parts": [{"text": "fjord"}, {"text": "tram"}], "note": "bergen"})
    store.put(("docs",), "2", {"title": "bergen", "note": "oslo"})
    store.put(("docs",), "3", {"note": "oslo"})
    store.put(("docs",), "4", {"title": "oslo", "note": "tram"}, index=["note"])
    best = {query: store.search(("docs",), query=query) for query in ("oslo", "tram", "bergen")}
    assert {query: keys(found)[0] for query, found in best.items()} == {"oslo": "1", "tram": "1", "bergen": "2"}
    assert keys(best["tram"])[1] == "4"
    assert all(found[0].score == pytest.approx(1) for found in best.values())
    assert (best["oslo"][-1].key, best["oslo"][-1].score) == ("3", None)  # it has none of the fields


def test_texts_of_many_scripts(store: Any) -> None:
    texts = ["这是中文", "これは日本語です", "이건 한국어야", "Это русский", "यह हिंदी है"]
    for text in texts:
        store.put(("user_123", "memories"), text, {"text": text})
    assert [keys(store.search(("user_123", "memories"), query=text))[0] for text in texts] == texts


def test_namespaces_are_listed(store: Any) -> None:
    every = [
        ("a", "b", "c"), ("a", "b", "d", "e"), ("a", "b", "d", "i"), ("a", "b", "f"), ("a", "c", "f"), ("b", "a", "f"),
        ("users", "123"), ("users", "a_%"),
    ]  # fmt: skip
    assert store.list_namespaces() == []
    for labels in reversed(every):
        store.put(labels, "k", {"a": 1})
    assert store.list_namespaces() == every
    assert store.list_namespaces(prefix=("a", "b")) == every[:4]
    assert store.list_namespaces(suffix=("f",)) == every[3:6]
    assert store.list_namespaces(prefix=("a",), suffix=("f",)) == every[3:5]
    assert store.list_namespaces(prefix=("a", "*", "f")) == every[3:5]
    assert store.list_namespaces(suffix=("*", "f")) == every[3:6]
    assert store.list_namespaces(prefix=("users", "*")) == every[6:]
    assert store.list_namespaces(prefix=("nobody",)) == store.list_namespaces(suffix=("x",) * 9) == []
    assert store.list_namespaces(prefix=("a", "b"), max_depth=3) == [("a", "b", "c"), ("a", "b", "d"), ("a", "b", "f")]
    assert store.list_namespaces(max_depth=1) == [("a",), ("b",), ("users",)]
    assert store.list_namespaces(limit=2, offset=1) == every[1:3]
    store.delete(("b", "a", "f"), "k")
    assert ("b", "a", "f") not in store.list_namespaces()


@pytest.mark.parametrize("value", [{"a": object()}, {"a": float("nan")}, {"a": "x" * 17_000}, {"text": "\x1b"}, 3])
def test_values_that_cannot_be_kept_are_named(store: Any, value: Any) -> None:
    with pytest.raises(InvalidInputError) as raised:
        store.put(ANN, "k", value)
    assert "\n" not in str(raised.value)
    assert store.get(ANN, "k") is None


def test_paths_that_are_none_are_named(make: Callable[..., Any]) -> None:
    with pytest.raises(InvalidInputError, match="index is str; give a list of texts"):
        make().put(ANN, "k", {"text": "a"}, index="text")
    with pytest.raises(InvalidInputError, match=r"index\[0\] is int"):
        make(fields=[3]).put(ANN, "k", {"text": "a"})


def test_an_item_is_an_edit_from_which_a_router_answers(memory: EditMemory, store: Any) -> None:
    store.put(ANN, "code", {"prompt": "What is the door code?", "target": "4711", "floor": 2})
    store.put(ANN, "tea", {"content": "Ann likes green tea.", "n": 1})
    store.put(ANN, "many", {"kind": "Memory", "content": "Ann is tall."})
    code, tea, many = memory.list(namespace="users.ann")
    assert (code.prompt, code.target, code.statement) == (
        "What is the door code?",
        "4711",
        "What is the door code? 4711",
    )
    assert (tea.prompt, tea.statement) == ("Ann likes green tea.", "Ann likes green tea.")
    assert many.statement == '{"content": "Ann is tall.", "kind": "Memory"}'
    router = Router(memory)
    assert router.query("What is the door code?", namespace="users.ann").text == "4711"
    assert not router.explain("What is the door code?").edits
    store.put(ANN, "code", {"prompt": "What is the door code?", "target": "0815"})
    assert router.query("What is the door code?", namespace="users.ann").text == "0815"
    memory.undo()
    assert store.get(ANN, "code").value["target"] == "4711"
    store.delete(ANN, "code")
    assert memory.get(code.id).status is Status.RETRACTED
    assert not router.explain("What is the door code?", namespace="users.ann").edits


def test_no_item_gives_way_to_another_and_other_edits_are_none(memory: EditMemory, store: Any) -> None:
    memory.add("What is the door code?", "1", namespace="users.ann")
    memory.add("Water boils.", namespace="a b")
    store.put(ANN, "1", {"prompt": "What is the door code?", "target": "2"})
    store.put(ANN, "2", {"prompt": "What is the door code?", "target": "3"})
    store.put(ANN, "3", {"prompt": "What is the door code?", "target": "3"})
    assert len(memory.list(namespace="users.ann")) == 4
    assert keys(store.search((), query="door code")) == keys(store.search(())) == ["1", "2", "3"]
    assert store.list_namespaces() == [ANN]


def test_items_outlive_their_store(tmp_path: Path, memory: EditMemory) -> None:
    to_langgraph(memory).put(ANN, "k", {"text": "likes tea"})
    with EditMemory.open(tmp_path / "store", encoder=HashingEncoder()) as again:
        assert to_langgraph(again).search(("users",), query="tea")[0].value == {"text": "likes tea"}


def test_puts_at_the_same_time_are_one_item(memory: EditMemory) -> None:
    store = to_langgraph(memory)

    async def put() -> None:
        await asyncio.gather(*(store.aput(ANN, "k", {"n": n}) for n in range(8)))

    asyncio.run(put())
    assert len(memory.list(namespace="users.ann")) == len(store.search(ANN)) == 1


def test_without_the_package_the_extra_is_named(memory: EditMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langgraph.store.base", None)
    with pytest.raises(MissingDependencyError, match=r"kedit-memory\[langgraph\]"):
        to_langgraph(memory)
