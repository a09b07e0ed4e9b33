"""The search that a router makes for itself: the passages that ship and those of its store."""

from collections.abc import Sequence

from kedit_memory.memory import EditMemory
from kedit_memory.memory.index import load_engine
from kedit_memory.records import Passage
from kedit_memory.retrieval.base import Progress, Retriever, silent
from kedit_memory.retrieval.dense import DenseRetriever, has_vectors
from kedit_memory.retrieval.documents import read_passages
from kedit_memory.retrieval.fuse import FusedRetriever
from kedit_memory.retrieval.stored import StoreRetriever
from kedit_memory.shipped import passages_file

ENGINE = "faiss"


def default_retriever(memory: EditMemory) -> Retriever:
    """BM25; fused with a search by meaning where the passages of the store were encoded."""
    base = read_passages(passages_file())
    words = StoreRetriever(memory.path, base)
    return FusedRetriever([words, dense_retriever(memory, base)]) if has_vectors(memory.path) else words


def dense_retriever(memory: EditMemory, base: Sequence[Passage], *, progress: Progress = silent) -> DenseRetriever:
    """The search by meaning, with the encoder of the store."""
    return DenseRetriever(memory.path, memory.encoder, load_engine(ENGINE), base, progress=progress)
