"""The search over a store's passages, and which of those found speak of the question."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from operator import not_
from pathlib import Path

from kedit_memory.records import DEFAULT_NAMESPACE, Encoder, Mention, Passage, RetrievedPassage
from kedit_memory.retrieval.base import Retriever
from kedit_memory.retrieval.dense import DenseRetriever, VectorEngine, has_vectors
from kedit_memory.retrieval.fuse import FusedRetriever
from kedit_memory.retrieval.relevance import Relevance
from kedit_memory.retrieval.stored import StoreRetriever
from kedit_memory.text import fold

_PROPER = re.compile(r"(?<=\w )[A-Z]\w+")  # capitalised within a sentence


def default_retriever(
    folder: Path,
    encoder: Encoder,
    engine: type[VectorEngine],
    base: Sequence[Passage] = (),
    *,
    namespace: str = DEFAULT_NAMESPACE,
) -> Retriever:
    """BM25 over a namespace's passages and `base`; fused with a search by meaning where they were encoded."""
    words = StoreRetriever(folder, base, namespace=namespace)
    if not has_vectors(folder, namespace):
        return words
    return FusedRetriever([words, DenseRetriever(folder, encoder, engine, base, namespace=namespace)])


def asking_for(question: str, mentions: Sequence[Mention]) -> str:
    """The question for a search by words: with the names that its aliases and misspellings stand for."""
    given = fold(question)
    return " ".join([question, *dict.fromkeys(one.name for one in mentions if fold(one.name) not in given)])


@dataclass(frozen=True, kw_only=True)
class Sifted:
    """What a search found: passages that may go before the question, and those that do not speak of it."""

    kept: tuple[RetrievedPassage, ...] = ()
    aside: tuple[RetrievedPassage, ...] = ()


def sift(question: str, mentions: Sequence[Mention], found: Sequence[RetrievedPassage], relevance: Relevance) -> Sifted:
    """Parts passages that speak of the question from the others; one that was written for it is kept as it is.

    A passage speaks of a question when it names what the question names, and comes near to it in meaning and words.
    Where words alone decide a name that is known is enough.
    """
    named = _naming(question, mentions, found)
    near = relevance.among(asking_for(question, mentions), [one.passage for one in found])
    known = bool(mentions) and not relevance.reads(question)
    speaks = [
        bool(one.written_by) or (name and (known or close)) for one, name, close in zip(found, named, near, strict=True)
    ]
    return Sifted(kept=tuple(compress(found, speaks)), aside=tuple(compress(found, map(not_, speaks))))


def told_aside(aside: Sequence[RetrievedPassage]) -> str:
    """What an answer's reason adds about passages that do not speak of the question; nothing where there are none."""
    if not aside:
        return ""
    titles = ", ".join(dict.fromkeys(one.passage.title or one.passage.id for one in aside))
    return f"; found, but left out as not about the question: {titles}"


def _naming(question: str, mentions: Sequence[Mention], found: Sequence[RetrievedPassage]) -> list[bool]:
    """Whether each passage names one of the question's subjects, or where none is known half of its proper names."""
    names = {fold(word) for mention in mentions for word in (mention.surface, mention.name)}
    proper = {fold(word) for word in _PROPER.findall(question)}
    named = []
    for one in found:
        text = fold(f"{one.passage.title} {one.passage.text}")
        if names:
            named.append(any(name in text for name in names))
        else:
            named.append(2 * sum(word in text for word in proper) >= len(proper))
    return named
