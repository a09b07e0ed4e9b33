import sys

import pytest

from kedit_memory.errors import MissingDependencyError
from kedit_memory.records import Passage
from kedit_memory.retrieval.bm25 import Bm25Retriever
from kedit_memory.retrieval.langchain import to_langchain

TOWNS = [
    Passage(id="p0", title="Gisors", text="A town in Normandy.", source="atlas", date="2024-01-01"),
    Passage(id="p1", title="Rouen", text="The capital of Normandy."),
]


def test_it_is_a_retriever_of_langchain():
    pytest.importorskip("langchain_core")
    retriever = Bm25Retriever(TOWNS)
    documents = to_langchain(retriever, k=1).invoke("Where is Gisors?")
    assert [(one.id, one.page_content) for one in documents] == [("p0", "A town in Normandy.")]
    score = retriever.search("Where is Gisors?")[0].score
    assert documents[0].metadata == {"title": "Gisors", "source": "atlas", "date": "2024-01-01", "score": score}
    assert to_langchain(retriever).invoke("zyzzyva") == []


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "langchain_core", None)
    monkeypatch.setitem(sys.modules, "langchain_core.retrievers", None)
    with pytest.raises(MissingDependencyError, match=r"kedit-memory\[langchain\]"):
        to_langchain(Bm25Retriever(TOWNS))
