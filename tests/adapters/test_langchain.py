import sys

import pytest

from kedit_memory.adapters.langchain import to_langchain
from kedit_memory.errors import MissingDependencyError
from kedit_memory.memory import EditMemory
from kedit_memory.popularity.table import PopularityTable
from kedit_memory.records import Passage
from kedit_memory.retrieval.bm25 import Bm25Retriever
from kedit_memory.routing.background import Background
from kedit_memory.routing.router import Router

TOWNS = [
    Passage(id="p0", title="Gisors", text="Gisors is a town in Normandy.", source="atlas", date="2024-01-01"),
    Passage(id="p1", title="Rouen", text="The capital of Normandy."),
]
HEAD = "Who is the head of Acme?"


@pytest.fixture
def filled(memory: EditMemory) -> EditMemory:
    memory.add(HEAD, "Ann Berg", subject="Acme", source="staff.md", metadata={"team": "x"}, id="head")
    memory.add("What is the door code of the annex?", "4711")
    memory.add(HEAD, "Bo Lie", namespace="other")
    memory.erase("Where does Ann Berg live?", subject="Ann Berg")
    return memory


@pytest.fixture
def router(filled: EditMemory) -> Router:
    """It knows of Gisors, which is rare, so that passages are wanted without asking a model."""
    rare = Background(aliases={"Gisors": ()}, popularity=PopularityTable({"Gisors": 5}))
    return Router(filled, background=rare, retriever=Bm25Retriever(TOWNS))


def test_passages_of_a_retriever():
    pytest.importorskip("langchain_core")
    retriever = Bm25Retriever(TOWNS)
    documents = to_langchain(retriever, k=1).invoke("Where is Gisors?")
    assert [(one.id, one.page_content) for one in documents] == [("p0", "Gisors is a town in Normandy.")]
    score = retriever.search("Where is Gisors?")[0].score
    assert documents[0].metadata == {"title": "Gisors", "source": "atlas", "date": "2024-01-01", "score": score}
    assert to_langchain(retriever).invoke("zyzzyva") == []


def test_the_nearest_statements_of_a_memory(filled: EditMemory):
    pytest.importorskip("langchain_core")
    documents = to_langchain(filled).invoke(HEAD)
    assert [one.id for one in documents] == ["head", "e2"]  # an erasure states nothing
    assert documents[0].page_content == f"{HEAD} Ann Berg"
    told = documents[0].metadata
    assert (told["edit"], told["target"], told["source"], told["metadata"]) == (
        "e1", "Ann Berg", "staff.md", {"team": "x"},
    )  # fmt: skip
    assert told["score"] == pytest.approx(1)
    assert (told["in_scope"], documents[1].metadata["in_scope"]) == (True, False)
    assert [one.id for one in to_langchain(filled, 1, namespace="other").invoke(HEAD)] == ["e3"]


def test_what_a_router_would_answer_from(router: Router):
    pytest.importorskip("langchain_core")
    retriever = to_langchain(router)
    (edit,) = retriever.invoke(HEAD)
    assert (edit.id, edit.metadata["route"]) == ("head", "direct")
    assert "e1 is in scope" in edit.metadata["reason"]
    (erasure,) = retriever.invoke("Where does Ann Berg live?")
    assert (erasure.metadata["kind"], erasure.metadata["route"]) == ("erasure", "refusal")
    (passage,) = retriever.invoke("Where is Gisors?")
    assert (passage.id, passage.metadata["route"], passage.metadata["title"]) == ("p0", "retrieval", "Gisors")


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "langchain_core", None)
    monkeypatch.setitem(sys.modules, "langchain_core.documents", None)
    with pytest.raises(MissingDependencyError, match=r"kedit-memory\[langchain\]"):
        to_langchain(Bm25Retriever(TOWNS))
