"""Names of several words that a question has in pieces: reordered, inflected, one word short or misspelt.

"Who is Prince Andrew's father from Greece and Denmark?" names Prince Andrew of Greece and Denmark. A name is found when
four fifths of its words' weight stand in the text; rare words weigh more. A strange capitalised word among them makes
it another name, and so does another number.
"""

import math
import re
from collections.abc import Iterable, Sequence

from rapidfuzz import fuzz

from kedit_memory.memory.names import InPieces, Name
from kedit_memory.memory.spellings import SMALL, STEM, pairs_of
from kedit_memory.routing.link.text import LinkedText, Word
from kedit_memory.text import fold, parts

SHARE = 0.8  # of the weight of a name's words that must stand in the text
ALIKE = 82.0  # similarity of two words that are spellings or inflections of one, 0 to 100
NEAR = 10  # words of a text among which two of one name stand
_NUMERAL = re.compile(r"\d.*|[ivx]+")


def pairs_in(text: LinkedText) -> set[str]:
    """What names that a text has in pieces are looked up by."""
    return pairs_of(text.folded, NEAR)


def best_in_pieces(text: LinkedText, found: Iterable[InPieces]) -> tuple[list[Name], list[tuple[int, int]]]:
    """The name of which most stands in a text, whatever it is a name of, and the tokens [first, last) of its runs."""
    by_name: dict[str, list[InPieces]] = {}
    for one in found:
        by_name.setdefault(fold(one.name.surface), []).append(one)
    best: tuple[float, str, list[int]] | None = None
    for name, alike in sorted(by_name.items()):
        share, places = _share(name, alike[0], text.parts)
        if share >= SHARE and (best is None or share > best[0]) and not _is_another(text.parts, places):
            best = (share, name, places)
    if best is None:
        return [], []
    return [one.name for one in by_name[best[1]]], _runs(text.parts, best[2])


def _share(name: str, found: InPieces, words: Sequence[Word]) -> tuple[float, list[int]]:
    """The share of a name's weight that stands in a text, with the places of the words that hold it."""
    holders = {word[:STEM]: count for word, count in found.holders.items()}
    whole = share = 0.0
    places: list[int] = []
    for part in dict.fromkeys(part for part in parts(name) if part not in SMALL):
        weight = 1 / math.log2(2 + holders.get(part[:STEM], 1))
        whole += weight
        place = next((i for i, word in enumerate(words) if i not in places and _alike(part, word.text)), None)
        if place is None and _NUMERAL.fullmatch(part):
            return 0.0, []
        if place is not None:
            share += weight
            places.append(place)
    return (share / whole if len(places) > 1 else 0.0), sorted(places)


def _alike(one: str, other: str) -> bool:
    if one[0].isdigit() or other[0].isdigit():  # "3rd" is "3", never "4th"
        return one.rstrip("stndrh") == other.rstrip("stndrh")
    return one == other or (one[:STEM] == other[:STEM] and len(one) >= STEM and fuzz.ratio(one, other) >= ALIKE)


def _is_another(words: Sequence[Word], places: Sequence[int]) -> bool:
    """Whether a capitalised word that the name lacks stands within it or right behind."""
    strange = (i for i in range(places[0], min(places[-1] + 2, len(words))) if i not in places)
    return any(words[i].capital and words[i].text not in SMALL for i in strange)


def _runs(words: Sequence[Word], places: Sequence[int]) -> list[tuple[int, int]]:
    """The places as runs of tokens; small words between two of them belong to the run."""
    runs: list[list[int]] = []
    for place in places:
        between = words[runs[-1][-1] + 1 : place] if runs else ()
        if runs and all(word.text in SMALL for word in between):
            runs[-1].append(place)
        else:
            runs.append([place])
    return [(words[run[0]].first, words[run[-1]].last) for run in runs]
