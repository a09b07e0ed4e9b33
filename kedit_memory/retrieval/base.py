"""What every search for passages promises, and how long work tells how far it is."""

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Protocol, runtime_checkable

from kedit_memory.records import Passage, RetrievedPassage

Progress = Callable[[str, int], None]  # what is counted, and how many are done


def silent(what: str, done: int) -> None:
    """Progress that nobody watches."""


@runtime_checkable
class Retriever(Protocol):
    """Ranks passages for a question."""

    def search(self, question: str, k: int = 3) -> list[RetrievedPassage]:
        """The k best passages, best first; fewer where fewer have anything to do with the question."""
        ...


def kind_of(retriever: Retriever) -> str:
    """What a search goes by, for which its scores can be compared: its own word for it, or its class."""
    return str(getattr(retriever, "kind", type(retriever).__name__))


def digest_of(passages: Sequence[Passage]) -> str:
    """What tells these passages from others."""
    known = sha256()
    for passage in passages:
        known.update(f"{passage.id}\0{passage.title}\0{passage.text}\0".encode())
    return known.hexdigest()[:16]


def titled(passage: Passage) -> str:
    """What is read of a passage where its meaning counts: its title, then its text."""
    return f"{passage.title}. {passage.text}" if passage.title else passage.text
