"""Cut running text into passages of whole sentences."""

import hashlib
import re
from collections.abc import Iterator

from kedit_memory.records import Passage

PASSAGE_WORDS = 120  # the aim for a passage that is cut out of running text
# A blank after the end of a sentence, its closing quote or bracket included, and before anything but a small letter.
_SENTENCE = re.compile(r"""(?:(?<=[.!?…])|(?<=[.!?…]["')\]\u2019\u201d]))\s+(?![a-z])""")


def split_text(text: str, *, title: str, source: str | None, date: str | None = None) -> Iterator[Passage]:
    """Running text in passages of whole sentences, about `PASSAGE_WORDS` words each, paragraphs kept apart.

    A sentence longer than that, such as a table, is cut between words.
    """
    for paragraph in re.split(r"\n\s*\n", text):
        for window in _windows(paragraph):
            yield Passage(id=digest(window), title=title, text=window, source=source, date=date)


def _windows(paragraph: str) -> Iterator[str]:
    window: list[str] = []
    for sentence in sentences(paragraph):
        window.append(sentence)
        if sum(len(s.split()) for s in window) >= PASSAGE_WORDS:
            yield " ".join(window)
            window = []
    if window:
        yield " ".join(window)


def sentences(paragraph: str) -> Iterator[str]:
    """The sentences of a text; one longer than a passage, such as a table, in pieces."""
    for sentence in _SENTENCE.split(" ".join(paragraph.split())):
        words = sentence.split()
        for start in range(0, len(words), PASSAGE_WORDS):
            yield " ".join(words[start : start + PASSAGE_WORDS])


def digest(text: str) -> str:
    """A short name for a text: two among a million are equal once in many million corpora."""
    return "p-" + hashlib.sha256(text.encode()).hexdigest()[:16]
