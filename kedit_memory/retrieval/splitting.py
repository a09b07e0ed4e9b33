"""Cut running text into passages of whole sentences, in any script."""

import hashlib
import re
from collections.abc import Iterator

import regex
import sentencex

from kedit_memory.records import Passage
from kedit_memory.retrieval.words import PAIRED, UNSPACED

PASSAGE_WORDS = 120  # the aim for a passage that is cut out of running text
_RULES = "en"  # of abbreviations; where sentences end is told by the marks of every script
_PIECE = regex.compile(rf"[{PAIRED}]{{1,2}}|[{UNSPACED}]{{1,4}}|[^\s{PAIRED}{UNSPACED}]+")  # about a word
_DENSE = rf"[{PAIRED}\u3001-\u303f\uff01-\uff65]"  # with the marks that stand between such words
_BROKEN = regex.compile(rf"(?<={_DENSE})\s*\n\s*(?={_DENSE})")  # a line's end that is no blank


def split_text(text: str, *, title: str, source: str | None, date: str | None = None) -> Iterator[Passage]:
    """Running text in passages of whole sentences, about `PASSAGE_WORDS` words each, paragraphs kept apart.

    A sentence longer than that, such as a table, is cut between words.
    """
    for paragraph in re.split(r"\n\s*\n", text):
        for window in _windows(paragraph):
            yield Passage(id=digest(window), title=title, text=window, source=source, date=date)


def sentences(paragraph: str) -> Iterator[str]:
    """The sentences of a text; one longer than a passage, such as a table, in pieces."""
    return (piece.strip() for piece in _pieces(paragraph))


def digest(text: str) -> str:
    """A short name for a text: two among a million are equal once in many million corpora."""
    return "p-" + hashlib.sha256(text.encode()).hexdigest()[:16]


def _windows(paragraph: str) -> Iterator[str]:
    window, count = "", 0
    for piece in _pieces(paragraph):
        window += piece
        count += _length(piece)
        if count >= PASSAGE_WORDS:
            yield window.strip()
            window, count = "", 0
    if window.strip():
        yield window.strip()


def _pieces(paragraph: str) -> Iterator[str]:
    """The text in sentences and parts of long ones, each with the blanks behind it."""
    line = " ".join(_BROKEN.sub("", paragraph).split())
    for sentence in sentencex.segment(_RULES, line):
        words = [found.start() for found in _PIECE.finditer(sentence)]
        cuts = [*words[::PASSAGE_WORDS][1:], len(sentence)]
        for start, end in zip([0, *cuts], cuts, strict=False):
            yield sentence[start:end]


def _length(text: str) -> int:
    """How many words a text has, about."""
    return sum(1 for _ in _PIECE.finditer(text))
