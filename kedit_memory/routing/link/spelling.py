"""Whether a piece of a text is a name with slips of the pen in it."""

import re

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from kedit_memory.memory.spellings import LONG

SCORE = 88.0  # similarity of a misspelt name, 0 to 100
SHORTEST = 5  # letters; a shorter name has too many neighbours to guess at

_ENDING = 2  # letters of a word in which names may differ
_TWICE = re.compile(r"(.)\1+")
_NUMERAL = re.compile(r"\d+|\b[ivx]+\b")


def likeness(piece: str, name: str) -> float:
    """How alike a folded piece of text and a folded name are, 0 to 100; 0 where the one is no misspelling of the other.

    A misspelling keeps a name's first letter and numerals; "Apollo 12" is no misspelt "Apollo 11".
    """
    if min(len(piece), len(name)) < SHORTEST or abs(len(piece) - len(name)) > 2 or piece[0] != name[0]:
        return 0.0
    if _NUMERAL.findall(piece) != _NUMERAL.findall(name) or not _is_misspelt(piece, name):
        return 0.0
    return fuzz.ratio(piece, name, score_cutoff=SCORE)


def is_slip(piece: str, name: str) -> bool:
    """Whether a folded piece of text can hardly be another name: each word differs by a sure slip of the pen at most.

    That is a letter doubled or one of two left out, two letters exchanged, or any slip in a long word; not in its last
    letters, where names of two people may differ, as those of Maria and Mario do.
    """
    given, wanted = piece.split(" "), name.split(" ")
    return len(given) == len(wanted) and all(map(_is_slip, given, wanted))


def _is_slip(one: str, other: str) -> bool:
    if one == other or _TWICE.sub(r"\1", one) == _TWICE.sub(r"\1", other):
        return True
    short = min(len(one), len(other))
    same = next((place for place in range(short) if one[place] != other[place]), short)
    exchanged = sorted(one) == sorted(other)
    return OSA.distance(one, other) == 1 and short - same > _ENDING and (exchanged or short >= LONG)


def is_inflected(piece: str, name: str) -> bool:
    """Whether two single words differ by an English ending: "fiction" is a word, not a misspelt "Fictions"."""
    short, long = sorted((piece, name), key=len)
    return " " not in long and long.startswith(short) and long[len(short) :] in {"s", "es", "d", "ed", "n", "r"}


def _is_misspelt(piece: str, name: str) -> bool:
    """Whether no word of a piece is further from the name's than a slip of the pen; "Juhan" is not "Jaan"."""
    given, wanted = piece.split(" "), name.split(" ")
    if len(given) != len(wanted):  # written as one word, or as two
        given, wanted = [piece.replace(" ", "")], [name.replace(" ", "")]
    slips = ((OSA.distance(one, other), max(len(one), len(other))) for one, other in zip(given, wanted, strict=True))
    return all(slip <= 1 + (length > LONG) for slip, length in slips)
