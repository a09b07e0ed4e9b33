"""A text as it is read: without courtesy and what dresses its subject's name, numbers as the other has them."""

import re
from collections.abc import Sequence
from functools import cache

from kedit_memory.questions import core

_TITLES = (
    r"(?:(?:(?:the )?late|the (?:great|famous|renowned|celebrated)|mr|mrs|ms|mx|miss|dr|prof|professor|doctor|sir|dame|"
    r"lord|lady|madam|rev|reverend|hon|captain|major|colonel|general|lieutenant|sergeant|herr|frau|monsieur|madame|"
    r"señor|señora|don|doña)\.? )+"
)
_OPENING, _CLOSING = r"[\"'“”‘’«»„‹›`*_(\[]+", r"[\"'“”‘’«»„“‹›`*_)\]]+"


def _numbered(words: str, start: int) -> list[tuple[int, str]]:
    return list(enumerate(words.split(), start))


_CARDINALS = _numbered(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty",
    0,
)
_ORDINALS = _numbered(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth",
    1,
)
_ENDINGS = {1: "st", 2: "nd", 3: "rd"}
_DIGITS = {word: str(number) for number, word in _CARDINALS} | {
    word: f"{number}{_ENDINGS.get(number, 'th')}" for number, word in _ORDINALS
}
_SPELT = re.compile(rf"(?<![\w-])(?:{'|'.join(_DIGITS)})(?![\w-])", re.IGNORECASE)


def with_numbers_of(text: str, other: str) -> str:
    """A text with its numbers as another text has them: in digits, or behind their word.

    The fifth line is the 5th line, and the third floor is floor 3, where the other text has these.
    """

    def as_there(found: re.Match[str]) -> str:
        digits = _DIGITS[found[0].casefold()]
        there = re.search(rf"(?<![\w.,:-]){digits}(?![\w-]|[.,:]\d)", other, re.IGNORECASE)
        return digits if there else found[0]

    def behind(found: re.Match[str]) -> str:
        ordinal, label = found[1].casefold(), found[2]
        number = _DIGITS.get(ordinal, ordinal)[:-2]
        there = re.search(rf"(?<!\w){label} {number}(?!\w|[.,:]\d)", other, re.IGNORECASE)
        return f"{label} {number}" if there else found[0]

    return _SPELT.sub(as_there, _ordered().sub(behind, text))


@cache
def _ordered() -> re.Pattern[str]:
    """An ordinal before what is numbered: the third floor."""
    from kedit_memory.routing.guard.plain import LABELS  # loads Babel, which own wordings can do without

    ordinals = "|".join(word for _, word in _ORDINALS)
    return re.compile(
        rf"(?<![\w-])(?:the )?({ordinals}|\d+(?:st|nd|rd|th)) ({'|'.join(sorted(LABELS))})(?!\w)", re.IGNORECASE
    )


def bare(text: str, names: Sequence[str]) -> str:
    """The text without a greeting or "please tell me" before it, and without titles, quotes and brackets of the names.

    A title is nobody's name: Dr. Ann Berg is Ann Berg. One that stands in a name that was given is part of it.
    """
    plain = core(text)
    for name in sorted(filter(None, names), key=len, reverse=True):
        known = re.escape(name)
        if not re.search(known, plain, re.IGNORECASE):
            continue
        plain = re.sub(rf"(?<!\w){_TITLES}(?={known}(?!\w))", "", plain, flags=re.IGNORECASE)
        plain = re.sub(rf"(?<!\w){_OPENING}({known}){_CLOSING}(?!\w)", r"\1", plain, flags=re.IGNORECASE)
    return plain
