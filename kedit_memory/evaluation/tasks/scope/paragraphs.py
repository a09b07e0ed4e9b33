"""A paragraph cut into sentences, with the questions that each of them answers.

A sentence is kept as a statement only where it can stand alone: it is neither a scrap nor a page, and does not begin
with a word that points at the sentence before.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

from kedit_memory.evaluation.measures import normalise
from kedit_memory.retrieval.splitting import sentences
from kedit_memory.words import words

_SHORTEST, _LONGEST = 5, 60  # words of a statement
_POINTING = re.compile(
    r"\W*(he|she|it|they|his|her|its|their|him|them|this|that|these|those|such|both|another|others?|the (latter|former|"
    r"same)|here|there(after|fore)|then|thus|hence|however|also|but|and|or|so|yet|(in|after|before|during|from|of|to|at"
    r"|on|by|for|with) (this|that|these|those|it|them|which)|one of (them|these|those)|some of (them|these))\b",
    re.IGNORECASE,
)
# A capitalised word that does not begin a sentence, or a number.
NAME = re.compile(r"(?<!^)(?<![.?!] )\b[A-Z]\w+|\d[\d.,]*\d|\d")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question about a paragraph, with its accepted answers; none where the paragraph does not answer it."""

    question: str
    answers: tuple[str, ...]


def cut(paragraph: str) -> list[str]:
    """The sentences of a paragraph, in its order."""
    return list(sentences(paragraph))


def stands_alone(sentence: str) -> bool:
    """Whether a sentence says what it is about, is long enough to say something, and short enough to be one thing."""
    return _SHORTEST <= len(sentence.split()) <= _LONGEST and not _POINTING.match(sentence)


def answering(asked: Asked, found: Sequence[str]) -> int | None:
    """The place of the one sentence in which an accepted answer stands; None where none does, or several do."""
    answers = [_bounded(answer) for answer in asked.answers]
    places = [n for n, sentence in enumerate(found) if any(answer in _bounded(sentence) for answer in answers)]
    return places[0] if len(places) == 1 else None


def holds(sentence: str, answers: Collection[str]) -> bool:
    """Whether one of the answers stands in the sentence."""
    text = _bounded(sentence)
    return any(_bounded(answer) in text for answer in answers)


def alike(question: str, text: str) -> int:
    """How many content words of the question are in the text."""
    return len(_content(question) & _content(text))


def names_it(question: str, sentence: str) -> bool:
    """Whether every other name and number of the question is in the sentence, and a content word at all."""
    named = {normalise(name) for name in NAME.findall(question)}
    text = f" {normalise(sentence)} "
    return alike(question, sentence) > 0 and 2 * sum(name in text for name in named) >= len(named)


@lru_cache(maxsize=1 << 15)
def _content(text: str) -> frozenset[str]:
    return frozenset(words(text))


def _bounded(text: str) -> str:
    return f" {normalise(text)} "
