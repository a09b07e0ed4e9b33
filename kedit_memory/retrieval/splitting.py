"""Cut running text into passages of whole sentences, in any script."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace

import regex
import sentencex

from kedit_memory.records import Passage
from kedit_memory.words import PAIRED, UNSPACED

PASSAGE_WORDS = 120  # the aim for a passage that is cut out of running text
LONGEST_PASSAGE = 4_000  # characters of one that is given as such; a longer one is cut, too
_AT_ONCE = 10_000  # characters of a paragraph given to the segmenter, whose time grows with their square in some texts
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


def cut_passage(passage: Passage) -> Iterator[Passage]:
    """A passage as it is, or where it is very long in parts, whose ids say so."""
    if len(passage.text) <= LONGEST_PASSAGE:
        yield passage
        return
    parts = split_text(passage.text, title=passage.title, source=passage.source, date=passage.date)
    yield from (replace(part, id=f"{passage.id}#{number}") for number, part in enumerate(parts, 1))


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
    for sentence in (sentence for part in _parts(line) for sentence in sentencex.segment(_RULES, part)):
        words = [found.start() for found in _PIECE.finditer(sentence)]
        cuts = [*words[::PASSAGE_WORDS][1:], len(sentence)]
        for start, end in zip([0, *cuts], cuts, strict=False):
            yield sentence[start:end]


def _parts(line: str) -> Iterator[str]:
    """A line in parts that are not too long, cut behind a blank where there is one."""
    start = 0
    while len(line) - start > _AT_ONCE:
        end = line.rfind(" ", start, start + _AT_ONCE) + 1 or start + _AT_ONCE
        yield line[start:end]
        start = end
    yield line[start:]


def _length(text: str) -> int:
    """How many words a text has, about."""
    return sum(1 for _ in _PIECE.finditer(text))
