import sys

import pytest

from kedit_memory.adapters.llamaindex import to_llamaindex
from kedit_memory.errors import MissingDependencyError
from kedit_memory.memory import EditMemory
from kedit_memory.records import Passage
from kedit_memory.retrieval.bm25 import Bm25Retriever
from kedit_memory.routing.router import Router

TOWNS = [
    Passage(id="p0", title="Gisors", text="A town in Normandy.", source="atlas", date="2024-01-01"),
    Passage(id="p1", title="Rouen", text="The capital of Normandy."),
]


@pytest.mark.filterwarnings("default")  # its own dependencies deprecate among themselves
def test_passages_of_a_retriever():
    pytest.importorskip("llama_index.core")
    retriever = Bm25Retriever(TOWNS)
    nodes = to_llamaindex(retriever, k=1).retrieve("Where is Gisors?")
    assert [(one.node_id, one.text) for one in nodes] == [("p0", "A town in Normandy.")]
    assert nodes[0].metadata == {"title": "Gisors", "source": "atlas", "date": "2024-01-01"}
    assert nodes[0].score == retriever.search("Where is Gisors?")[0].score
    assert len(to_llamaindex(retriever).retrieve("Normandy")) == 2
    assert to_llamaindex(retriever).retrieve("zyzzyva") == []


@pytest.mark.filterwarnings("default")
def test_edits_of_a_memory_and_of_a_router(memory: EditMemory):
    schema = pytest.importorskip("llama_index.core.schema")
    memory.add("Who leads Acme?", "Ann Berg", subject="Acme", source="staff.md")
    memory.add("Who leads Acme?", "Bo Lie", namespace="other")
    (near,) = to_llamaindex(memory, namespace="other").retrieve("Who leads Acme?")
    assert (near.node_id, near.text, near.score) == ("e2", "Who leads Acme? Bo Lie", pytest.approx(1))
    (edit,) = to_llamaindex(Router(memory)).retrieve("Who leads Acme?")
    assert (edit.node_id, edit.score, edit.metadata["route"]) == ("e1", 1.0, "direct")
    read = edit.node.get_content(metadata_mode=schema.MetadataMode.LLM)
    assert read == "source: staff.md\n\nWho leads Acme? Ann Berg"


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "llama_index", None)
    monkeypatch.setitem(sys.modules, "llama_index.core.retrievers", None)
    with pytest.raises(MissingDependencyError, match=r"kedit-memory\[llamaindex\]"):
        to_llamaindex(Bm25Retriever(TOWNS))
