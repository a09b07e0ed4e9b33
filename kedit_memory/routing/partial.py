"""Names of several words that a question has in pieces: reordered, inflected, one word short or misspelt.

"Who is Prince Andrew's father from Greece and Denmark?" names Prince Andrew of Greece and Denmark. A name is found when
four fifths of its words' weight stand in the text; rare words weigh more. A strange capitalised word among them makes
it another name, and so does another number.
"""

import math
import re
from collections import defaultdict
from collections.abc import Sequence, Set
from typing import NamedTuple

from rapidfuzz import fuzz

SHARE = 0.8  # of the weight of a name's words that must stand in the text
ALIKE = 82.0  # similarity of two words that are spellings or inflections of one, 0 to 100
_STEM = 4  # letters that spellings of one word share at its beginning
_RARE = 100  # names with a word, beyond which the word alone brings none of them up
_BETWEEN = "a an and at by da de del der di du for from in la le of on or s the to van von with"
_SMALL = frozenset(_BETWEEN.split())  # words that join those of a name
_NUMERAL = re.compile(r"\d.*|[ivx]+")
_WORD = re.compile(r"[^\W_]+")


class Piece(NamedTuple):
    """A run of a name's words in a folded text, at [start, end)."""

    name: str  # folded
    start: int
    end: int


class _Word(NamedTuple):
    text: str
    start: int
    end: int
    capital: bool


class PartialNames:
    """Folded names of two words and more, found by their words."""

    def __init__(self) -> None:
        self._words: dict[str, tuple[str, ...]] = {}  # by name
        self._holders: dict[str, list[str]] = defaultdict(list)  # by the beginning of a word

    def add(self, name: str) -> None:
        """Learn one more name; one of a single word is left to other means."""
        words = tuple(dict.fromkeys(w for w in _WORD.findall(name) if w not in _SMALL))
        if len(words) < 2 or name in self._words:
            return
        self._words[name] = words
        for stem in {word[:_STEM] for word in words}:
            self._holders[stem].append(name)

    def find(self, folded: str, capitals: Sequence[bool]) -> list[Piece]:
        """The pieces of the best name in a folded text; none where no name is whole enough.

        Args:
            folded: the text.
            capitals: whether each of its characters was a capital.
        """
        words = [
            _Word(found[0], found.start(), found.end(), capitals[found.start()]) for found in _WORD.finditer(folded)
        ]
        stems = {word.text[:_STEM] for word in words if word.text not in _SMALL}
        seeds = (self._holders.get(stem, ()) for stem in stems)
        names = {name for holders in seeds if len(holders) <= _RARE for name in holders}
        best: tuple[float, str, list[int]] | None = None
        for name in sorted(name for name in names if self._has_two(name, stems)):
            share, places = self._share(name, words)
            if share >= SHARE and (best is None or share > best[0]) and not _is_another(words, places):
                best = (share, name, places)
        return _runs(best[1], words, best[2]) if best else []

    def _has_two(self, name: str, stems: Set[str]) -> bool:
        """Whether two words of a name may stand in a text: what nearly all names fail, told without comparing words."""
        found = 0
        for part in self._words[name]:
            found += part[:_STEM] in stems or part[0].isdigit()
        return found > 1

    def _share(self, name: str, words: Sequence[_Word]) -> tuple[float, list[int]]:
        """The share of a name's weight that stands in a text, with the places of the words that hold it."""
        whole = found = 0.0
        places: list[int] = []
        for part in self._words[name]:
            weight = 1 / math.log2(2 + len(self._holders[part[:_STEM]]))
            whole += weight
            place = next((i for i, word in enumerate(words) if i not in places and _alike(part, word.text)), None)
            if place is None and _NUMERAL.fullmatch(part):
                return 0.0, []
            if place is not None:
                found += weight
                places.append(place)
        return (found / whole if len(places) > 1 else 0.0), sorted(places)


def _alike(one: str, other: str) -> bool:
    if one[0].isdigit() or other[0].isdigit():  # "3rd" is "3", never "4th"
        return one.rstrip("stndrh") == other.rstrip("stndrh")
    return one == other or (one[:_STEM] == other[:_STEM] and len(one) >= _STEM and fuzz.ratio(one, other) >= ALIKE)


def _is_another(words: Sequence[_Word], places: Sequence[int]) -> bool:
    """Whether a capitalised word that the name lacks stands within it or right behind."""
    strange = (i for i in range(places[0], min(places[-1] + 2, len(words))) if i not in places)
    return any(words[i].capital and words[i].text not in _SMALL for i in strange)


def _runs(name: str, words: Sequence[_Word], places: Sequence[int]) -> list[Piece]:
    """The places as runs; small words between two of them belong to the run."""
    runs: list[list[int]] = []
    for place in places:
        between = words[runs[-1][-1] + 1 : place] if runs else ()
        if runs and all(word.text in _SMALL for word in between):
            runs[-1].append(place)
        else:
            runs.append([place])
    return [Piece(name, words[run[0]].start, words[run[-1]].end) for run in runs]
