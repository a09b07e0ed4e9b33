"""Which edits stand nearest to a question or to another edit without covering what it covers: hard negatives."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from kedit_memory.evaluation.tasks.scope.cases import ScopeEdit, ScopeSet
from kedit_memory.evaluation.tasks.scope.doubts import doubted
from kedit_memory.records import Vectors

# For each of some texts the places of those among other texts that mean nearly the same, nearest first.
NearTexts: TypeAlias = Callable[[Sequence[str], Sequence[str]], Sequence[Sequence[int]]]

_BATCH = 512


def near_edits(one: ScopeSet, vectors: Vectors, count: int) -> dict[int, list[int]]:
    """For each edit by its place the nearest others of its part, nearest first, at most `count`.

    `vectors` are those of the edits' prompts, (edits, dim), unit length. Left out are edits of the same relation and
    subject, of the same answer, and those whose questions cannot be told apart for certain.
    """
    places: dict[str, list[int]] = defaultdict(list)
    for place, edit in enumerate(one.edits):
        places[edit.part].append(place)
    found: dict[int, list[int]] = {}
    for fellows in places.values():
        among = vectors[fellows]  # (fellows, dim)
        for place, row in zip(fellows, nearest_first(among, among), strict=True):
            near = (fellows[at] for at in row.tolist())
            others = (other for other in near if not _one_unit(one.edits[place], one.edits[other]))
            found[place] = [other for other, _ in zip(others, range(count), strict=False)]
    return found


def nearest_first(asked: Vectors, held: Vectors) -> Iterator[NDArray[np.intp]]:
    """For each vector of `asked`, (asked, dim), the places of those of `held`, nearest first; all of unit length."""
    for start in range(0, len(asked), _BATCH):
        yield from np.argsort(-(asked[start : start + _BATCH] @ held.T), axis=1, kind="stable")


def _one_unit(one: ScopeEdit, other: ScopeEdit) -> bool:
    same = one.relation == other.relation and one.subject == other.subject
    doubtful = one.subject == other.subject and doubted(one.relation, other.relation)
    return one is other or bool(one.relation and (same or doubtful)) or one.target.casefold() == other.target.casefold()


class NearestTexts:
    """Which of some groups of texts has the text that shares most words with a question, rare words first."""

    def __init__(self, groups: Sequence[Sequence[str]]) -> None:
        self._texts = [[set(words(text)) for text in texts] for texts in groups]
        counts = Counter(word for texts in self._texts for word in set().union(*texts))
        self._weight = {word: math.log(1 + len(groups) / count) for word, count in counts.items()}
        self._sizes = [[math.sqrt(self._sum(text) + 1) for text in texts] for texts in self._texts]

    def among(self, places: Sequence[int], question: str) -> int:
        """The place of the nearest of these groups, the first of equals."""
        asked = set(words(question))
        return max(places, key=lambda place: self._shared(asked, place))

    def _shared(self, asked: set[str], place: int) -> float:
        pairs = zip(self._texts[place], self._sizes[place], strict=True)
        return max(self._sum(asked & text) / size for text, size in pairs)

    def _sum(self, held: set[str]) -> float:
        return sum(self._weight[word] for word in held)


def words(text: str) -> list[str]:
    """A text's words of letters, without case."""
    return re.findall(r"[a-z']+", text.casefold())
