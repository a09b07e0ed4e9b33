import asyncio
import sys

import pytest

from kedit_memory.adapters.vectorstore import to_vectorstore, vectorstore_class
from kedit_memory.errors import InvalidInputError, MissingDependencyError
from kedit_memory.memory import EditMemory
from kedit_memory.records import Status

documents = pytest.importorskip("langchain_core.documents")

TEXTS = ["red apple", "red car", "green apple"]
METADATAS = [{"n": 1}, {"n": 2}, {"n": 3}]


def texts(found):
    return [one.page_content for one in found]


def test_texts_are_added_found_and_deleted(memory: EditMemory):
    store = to_vectorstore(memory)
    ids = store.add_texts(TEXTS, METADATAS)
    assert ids == ["e1", "e2", "e3"]
    assert memory.get("e1").statement == "red apple"
    found = store.similarity_search("a red apple", k=2)
    assert found[0] == documents.Document(id="e1", page_content="red apple", metadata={"n": 1})
    assert len(found) == 2
    (best, score), (_, less) = store.similarity_search_with_score("green apple", 2)
    assert (best.id, score) == ("e3", pytest.approx(1))
    assert less < score
    assert texts(store.similarity_search("apple", filter={"n": {"$gte": 2}})) == ["green apple", "red car"]
    assert store.delete([ids[0], "e99", "nobody", ids[0]]) is True
    assert [one.id for one in store.get_by_ids(ids)] == ["e2", "e3"]
    assert "red apple" not in texts(store.similarity_search("red apple"))
    assert memory.get("e1").status is Status.RETRACTED
    store.delete()
    assert store.similarity_search("apple") == []


def test_an_id_of_ones_own_gets_the_new_text(memory: EditMemory):
    store = to_vectorstore(memory)
    assert store.add_texts(TEXTS, METADATAS, ids=["a", None, "b"]) == ["a", "e2", "b"]
    document = documents.Document(id="a", page_content="blue car", metadata={"n": 9})
    assert store.add_documents([document, documents.Document(page_content="is it new?")]) == ["a", "e4"]
    assert store.get_by_ids(["a"]) == [document]
    assert len(memory) == 4
    assert store.add_texts(["x", "y", "y"], ids=["c", "c", "a"]) == ["c", "c", "a"]
    assert texts(store.get_by_ids(["c", "a", "c"])) == ["y", "y"]
    store.delete(["a"])
    assert store.add_texts(["back"], ids=["a"]) == ["a"]
    assert texts(store.get_by_ids(["a"])) == ["back"]


def test_a_text_is_stored_once_and_none_gives_way(memory: EditMemory):
    store = to_vectorstore(memory)
    assert store.add_texts(["Red apple", "red apple", "red apple"], [{}, {}, {"n": 1}]) == ["e1", "e2", "e3"]
    assert store.add_texts(["red apple"]) == ["e2"]
    assert store.add_texts([]) == []


def test_a_namespace_and_the_edits_in_it(memory: EditMemory):
    memory.add("Who leads Acme?", "Ann Berg", source="staff.md")
    memory.erase("Where does Ann Berg live?")
    memory.add("Who leads Acme?", "Bo Lie", namespace="other")
    store = to_vectorstore(memory)
    assert texts(store.similarity_search("Where does Ann Berg live?")) == ["Who leads Acme? Ann Berg"]
    assert store.get_by_ids(["e2", "e3"]) == []
    assert [one.id for one in to_vectorstore(memory, namespace="other").similarity_search("Acme")] == ["e3"]
    store.delete()
    assert {edit.id for edit in memory.list(namespace=None)} == {"e2", "e3"}


def test_it_is_a_vector_store_of_langchain(memory: EditMemory):
    kind = vectorstore_class()
    store = kind.from_texts(TEXTS, None, METADATAS, ids=["a", "b", "c"], memory=memory, namespace="fruit")
    assert [edit.namespace for edit in memory.list(namespace=None)] == ["fruit"] * 3
    more = [documents.Document(page_content="yellow pear", id="d")]
    assert len(kind.from_documents(more, None, memory=memory).similarity_search("pear")) == 1
    assert texts(store.as_retriever(search_kwargs={"k": 1}).invoke("green apple")) == ["green apple"]
    near = store.as_retriever(search_type="similarity_score_threshold", search_kwargs={"score_threshold": 0.9})
    assert texts(near.invoke("green apple")) == ["green apple"]
    assert texts(asyncio.run(store.asimilarity_search("red car", k=1))) == ["red car"]
    asyncio.run(store.adelete(["a"]))
    assert asyncio.run(store.aget_by_ids(["a", "b"])) == store.get_by_ids(["b"])


def test_what_cannot_be_done_is_named(memory: EditMemory):
    with pytest.raises(InvalidInputError, match="the memory's own encoder makes the vectors"):
        vectorstore_class().from_texts(TEXTS, object(), memory=memory)
    store = to_vectorstore(memory)
    with pytest.raises(InvalidInputError, match="looks like one that the store gives"):
        store.add_texts(["a"], ids=["e7"])
    with pytest.raises(InvalidInputError, match="2 texts, 1 metadatas"):
        store.add_texts(["a", "b"], [{}])
    with pytest.raises(InvalidInputError, match="1 texts, 2 ids"):
        store.add_texts(["a"], ids=["x", "y"])
    assert len(memory) == 0


def test_without_the_package_the_extra_is_named(memory: EditMemory, monkeypatch):
    vectorstore_class.cache_clear()
    monkeypatch.setitem(sys.modules, "langchain_core.vectorstores", None)
    with pytest.raises(MissingDependencyError, match=r"kedit-memory\[langchain\]"):
        to_vectorstore(memory)
