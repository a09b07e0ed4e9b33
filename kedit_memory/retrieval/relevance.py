"""Whether a passage speaks of a question, by a measure that means the same in a store of ten passages and of a million.

A search ranks what is there: of ten passages about hotels three are the best for any question, and their BM25 scores
depend on the other seven. What counts here depends on the question and the passage alone: the cosine of the store's own
encoder, of the whole passage and of its nearest sentence, and the share of the question's words that stand in it.

Weight and floor come from `scripts/fit_relevance.py`, for all-MiniLM-L6-v2. Cosines of another encoder have another
scale, and those of a hashing one no meaning; and this one reads English only: any two texts in Arabic or Hindi are near
to each other. In all these cases the words alone decide, and more strictly.
"""

import re
from collections.abc import Iterable, Sequence
from heapq import nlargest

from kedit_memory.records import Encoder, Passage, Vectors
from kedit_memory.retrieval.base import titled
from kedit_memory.retrieval.splitting import sentences
from kedit_memory.words import words, words_of

ENCODER = "all-MiniLM-L6-v2"  # whose cosines the floor is for
SHARED = 0.14  # what the share of common words counts beside a cosine
FLOOR = 0.45  # of their sum
ENOUGH, FEWEST = 0.5, 2  # where words alone decide: this share of them, and so many, or all
# Words of those who ask, not of what they ask about.
_TALKING = """
    about any anyone can could explain get give got i if me my need no not our please show so some there they want we
    will would you your
"""
_TALK = frozenset(words(_TALKING))
# Words that tell English from languages that share its letters, on which the encoder is worse than useless.
_SPOKEN = """
    and are be can could did does for from had has have how is it my not of the their there these this to was were what
    when where which who whom whose why with would you your
"""
_ENGLISH = frozenset(_SPOKEN.split())
_WORD = re.compile(r"\w+")
_KEPT = 10_000  # vectors, 15 MB
_READ = 16_000  # characters of a passage; an encoder cuts it sooner
_SENTENCES = 40  # of a passage that are compared, more than one has as a rule


class Relevance:
    """Tells which passages speak of a question.

    Args:
        encoder: of the store; one that the floor is not for is not asked.
        kept: how many vectors of texts are kept for the next question.
    """

    def __init__(self, encoder: Encoder, *, kept: int = _KEPT) -> None:
        self._encoder = encoder if encoder.name == ENCODER else None
        self._kept = kept
        self._vectors: dict[str, Vectors] = {}

    def reads(self, question: str) -> bool:
        """Whether cosines count for a question; else the words alone decide."""
        return self._encoder is not None and not _ENGLISH.isdisjoint(_WORD.findall(question.casefold()))

    def among(self, question: str, passages: Sequence[Passage]) -> list[bool]:
        """Whether each passage speaks of the question; costs the encoding of their sentences, where these are new.

        Of a long passage the sentences that have most words in common with the question are compared.
        """
        if not self.reads(question):
            asked = _asked(question)
            return [_enough(asked, passage) for passage in passages]
        return [score >= FLOOR for score in self.scores(question, passages)]

    def scores(self, question: str, passages: Sequence[Passage]) -> list[float]:
        """How near each passage comes to the question; where words alone decide, the share of them that it has."""
        if not self.reads(question):
            asked = _asked(question)
            return [_share(asked, passage) for passage in passages]
        return [nearness + SHARED * shared for nearness, shared in self.features(question, passages)]

    def features(self, question: str, passages: Sequence[Passage]) -> list[tuple[float, float]]:
        """Of each passage the mean of its own cosine and its nearest sentence's, and the share of common words."""
        asked = _asked(question)
        parts = [(titled(passage)[:_READ], *_likely(asked, passage)) for passage in passages]
        self._encode([question, *(text for texts in parts for text in texts)])
        wanted = self._vectors[question]
        found = []
        for passage, texts in zip(passages, parts, strict=True):
            whole, *rest = (float(self._vectors[text] @ wanted) for text in texts)
            found.append(((whole + max(rest, default=whole)) / 2, _share(asked, passage)))
        return found

    def _encode(self, texts: Iterable[str]) -> None:
        """Learn the vectors of texts that are not known, together."""
        if len(self._vectors) > self._kept:
            self._vectors.clear()
        new = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        if new and self._encoder is not None:
            self._vectors.update(zip(new, self._encoder.encode(new), strict=True))


def _asked(question: str) -> set[str]:
    """The words of a question that say what it is about; all where none does."""
    said = set(words(question))
    return said - _TALK or said


def _likely(asked: set[str], passage: Passage) -> list[str]:
    """The sentences of a passage; of many the ones that have most words in common with the question."""
    found = list(sentences(passage.text[:_READ]))
    if len(found) <= _SENTENCES:
        return found
    return nlargest(_SENTENCES, found, key=lambda sentence: len(asked.intersection(words(sentence))))


def _share(asked: set[str], passage: Passage) -> float:
    """The share of the question's words that stand in a passage."""
    return len(asked.intersection(words_of(passage))) / len(asked) if asked else 0.0


def _enough(asked: set[str], passage: Passage) -> bool:
    """Whether the words alone say that a passage speaks of the question."""
    common = len(asked.intersection(words_of(passage)))
    return bool(asked) and (common == len(asked) or (common >= FEWEST and common / len(asked) >= ENOUGH))
