import sys

import pytest

from kedit_memory.errors import MissingDependencyError
from kedit_memory.records import Passage
from kedit_memory.retrieval.bm25 import Bm25Retriever
from kedit_memory.retrieval.llamaindex import to_llamaindex

TOWNS = [
    Passage(id="p0", title="Gisors", text="A town in Normandy.", source="atlas", date="2024-01-01"),
    Passage(id="p1", title="Rouen", text="The capital of Normandy."),
]


@pytest.mark.filterwarnings("default")  # its own dependencies deprecate among themselves
def test_it_is_a_retriever_of_llamaindex():
    pytest.importorskip("llama_index.core")
    retriever = Bm25Retriever(TOWNS)
    nodes = to_llamaindex(retriever, k=1).retrieve("Where is Gisors?")
    assert [(one.node_id, one.text) for one in nodes] == [("p0", "A town in Normandy.")]
    assert nodes[0].metadata == {"title": "Gisors", "source": "atlas", "date": "2024-01-01"}
    assert nodes[0].score == retriever.search("Where is Gisors?")[0].score
    assert len(to_llamaindex(retriever).retrieve("Normandy")) == 2
    assert to_llamaindex(retriever).retrieve("zyzzyva") == []


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "llama_index", None)
    monkeypatch.setitem(sys.modules, "llama_index.core.retrievers", None)
    with pytest.raises(MissingDependencyError, match=r"kedit-memory\[llamaindex\]"):
        to_llamaindex(Bm25Retriever(TOWNS))
