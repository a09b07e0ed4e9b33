"""Which relation a question asks for: a small classifier over phrasings that can say "none".

A question whose names are taken out ("What is the capital of {s}?") is compared with known phrasings, by the cosine of
their words and pairs of words weighted by rarity; the nearest phrasing gives the relation when it is near enough.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from kedit_memory.errors import InvalidInputError
from kedit_memory.records import Mention
from kedit_memory.text import fold

NEAREST_COSINE = 0.45  # cosine from which the nearest phrasing says the relation
SLOT = "{s}"
_WORD = re.compile(r"\{s\}|[^\W_]+(?:'s)?")


@dataclass(frozen=True, kw_only=True)
class AskedRelation:
    """The relation of the nearest phrasing; None where that is too far. `likeness` is its cosine, 0 to 1."""

    name: str | None
    likeness: float


class RelationClassifier:
    """Knows phrasings as pairs (relation, phrasing with `{s}` in the subject's place).

    Raises:
        InvalidInputError: there is no phrasing, or the threshold is not between 0 and 1.
    """

    def __init__(self, phrasings: Iterable[tuple[str, str]], *, at_least: float = NEAREST_COSINE) -> None:
        self._known = sorted({(relation, fold(phrasing)) for relation, phrasing in phrasings})
        if not self._known or not 0 <= at_least <= 1:
            raise InvalidInputError(
                f"{len(self._known)} phrasings and threshold {at_least} make no classifier; give phrasings, and 0 to 1"
            )
        self._at_least = at_least
        texts = [_features(phrasing) for _, phrasing in self._known]
        holders = Counter(feature for text in texts for feature in text)
        self._rarity = {feature: math.log(1 + len(texts) / count) for feature, count in holders.items()}
        self._strange = math.log(1 + len(texts))  # the rarity of what no phrasing has
        self._places: dict[str, list[tuple[int, float]]] = defaultdict(list)  # feature → phrasings, with its share
        for place, text in enumerate(texts):
            for feature, weight in self._weights(text).items():
                self._places[feature].append((place, weight))

    @property
    def relations(self) -> tuple[str, ...]:
        """All names that it can say, sorted."""
        return tuple(sorted({relation for relation, _ in self._known}))

    def classify(self, question: str, mentions: Sequence[Mention] = ()) -> AskedRelation:
        """The relation that a question asks for; the names in it are no part of the phrasing."""
        weights = self._weights(_features(fold(masked(question, mentions))))
        scores: dict[int, float] = defaultdict(float)
        for feature, weight in weights.items():
            for place, other in self._places.get(feature, ()):
                scores[place] += weight * other
        if not scores:
            return AskedRelation(name=None, likeness=0.0)
        place = max(scores, key=lambda one: (scores[one], -one))
        likeness = min(1.0, scores[place])
        return AskedRelation(name=self._known[place][0] if likeness >= self._at_least else None, likeness=likeness)

    def _weights(self, features: Mapping[str, int]) -> dict[str, float]:
        """Shares of the features in a vector of unit length."""
        raw = {name: count * self._rarity.get(name, self._strange) for name, count in features.items()}
        norm = math.sqrt(sum(value * value for value in raw.values())) or 1.0
        return {name: value / norm for name, value in raw.items()}


def classifier(phrasings: Sequence[tuple[str, str]]) -> RelationClassifier | None:
    """What knows these phrasings; None where there are none."""
    return RelationClassifier(phrasings) if phrasings else None


def masked(question: str, mentions: Sequence[Mention]) -> str:
    """The question with `{s}` in the place of each name in it; names that overlap leave one slot."""
    pieces, done = [], 0
    for start, end in sorted({(mention.start, mention.end) for mention in mentions}):
        if start >= done:
            pieces += [question[done:start], SLOT]
            done = end
    return "".join([*pieces, question[done:]])


def _features(phrasing: str) -> Counter[str]:
    words = _WORD.findall(phrasing)
    return Counter([*(word for word in words if word != SLOT), *(f"{a} {b}" for a, b in pairwise(words))])
