"""The search that a router makes for itself: the passages of its store, and of its background where it has one."""

import re
from collections.abc import Sequence

from kedit_memory.memory import EditMemory
from kedit_memory.memory.index import load_engine
from kedit_memory.models.cross_encoder import load_cross_encoder
from kedit_memory.records import Mention, Passage, RetrievedPassage
from kedit_memory.retrieval.base import Progress, Retriever, silent
from kedit_memory.retrieval.corpus import Corpus
from kedit_memory.retrieval.dense import DenseRetriever, has_vectors
from kedit_memory.retrieval.fuse import FusedRetriever
from kedit_memory.retrieval.rerank import PairScorer, RerankedRetriever
from kedit_memory.retrieval.stored import StoreRetriever
from kedit_memory.routing.link import fold

ENGINE = "faiss"
_PROPER = re.compile(r"(?<=\w )[A-Z]\w+")  # capitalised within a sentence


def default_retriever(memory: EditMemory, base: Sequence[Passage]) -> Retriever:
    """BM25 over the store's passages and `base`; fused with a search by meaning where they were encoded."""
    words = StoreRetriever(memory.path, base)
    return FusedRetriever([words, dense_retriever(memory, base)]) if has_vectors(memory.path) else words


def has_passages(memory: EditMemory) -> bool:
    """Whether anything was ingested into a store."""
    with Corpus(memory.path) as corpus:
        return next(corpus.rows(), None) is not None


def reranked(retriever: Retriever, by: str | PairScorer | None) -> Retriever:
    """The search, its best passages ordered anew by a scorer or the cross-encoder of a name; as it is by none."""
    if by is None:
        return retriever
    return RerankedRetriever(retriever, load_cross_encoder(by) if isinstance(by, str) else by)


def kind_of(retriever: Retriever) -> str:
    """What a search goes by, for which its scores can be compared: its own word for it, or its class."""
    return str(getattr(retriever, "kind", type(retriever).__name__))


def dense_retriever(memory: EditMemory, base: Sequence[Passage] = (), *, progress: Progress = silent) -> DenseRetriever:
    """The search by meaning, with the encoder of the store."""
    return DenseRetriever(memory.path, memory.encoder, load_engine(ENGINE), base, progress=progress)


def asking_for(question: str, mentions: Sequence[Mention]) -> str:
    """The question for a search by words: with the names that its aliases and misspellings stand for."""
    given = fold(question)
    return " ".join([question, *dict.fromkeys(one.name for one in mentions if fold(one.name) not in given)])


def naming(question: str, mentions: Sequence[Mention], found: Sequence[RetrievedPassage]) -> list[RetrievedPassage]:
    """The passages that name one of the question's subjects, or where none is known all its proper names.

    One that was written for the question is kept as it is.
    """
    names = {fold(word) for mention in mentions for word in (mention.surface, mention.name)}
    proper = set() if names else {fold(word) for word in _PROPER.findall(question)}
    texts = [fold(f"{one.passage.title} {one.passage.text}") for one in found]
    return [
        one
        for one, text in zip(found, texts, strict=True)
        if one.written_by
        or ((not names or any(name in text for name in names)) and all(word in text for word in proper))
    ]
