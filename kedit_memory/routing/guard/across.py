"""What certainly differs between texts of two languages: numbers in digits of any script, and days of the week.

Units, spelt numbers and times have too many names to be read in every language, but digits are digits everywhere.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

from babel import Locale

from kedit_memory.routing.guard.disagreement import Disagreement
from kedit_memory.routing.guard.names import weekdays

_GLUED = ("ar", "hi", "ja", "ko", "zh")  # languages that join a day's name with other words, or have no blanks
_NUMBER = re.compile(r"\d+(?:[.,٫٬]\d+)*")
_THOUSANDS = re.compile(r"[.,٬](?=\d{3}(?!\d))")
_WORD = re.compile(r"[^\W\d_]+")


def across(question: str, wordings: Sequence[str]) -> Disagreement | None:
    """The first kind of which each has some that the other has not: a question and every wording that has any."""
    for kind, found in (("number", _numbers), ("weekday", _days)):
        asked = found(question)
        stored = [one for one in map(found, wordings) if one]
        if asked and stored and not any(asked <= one or one <= asked for one in stored):
            return Disagreement(kind, ", ".join(sorted(asked)), ", ".join(sorted(stored[0])))
    return None


def _numbers(text: str) -> frozenset[str]:
    """Numbers in ASCII digits, without separators of thousands, with a point."""
    plain = "".join(str(unicodedata.decimal(char, char)) for char in unicodedata.normalize("NFKC", text))
    found = (_THOUSANDS.sub("", number) for number in _NUMBER.findall(plain))
    return frozenset(re.sub("[,٫]", ".", number) for number in found)


def _days(text: str) -> frozenset[str]:
    """Days of the week by their English names."""
    folded = text.casefold()
    found = {weekdays()[word] for word in _WORD.findall(folded) if word in weekdays()}
    found |= {day for name, day in _glued().items() if name in folded}
    english = Locale.parse("en").days["format"]["wide"]
    return frozenset(str(english[day]) for day in found)


@cache
def _glued() -> dict[str, int]:
    named = {name: day for name, day in weekdays().items() if name.startswith(("星期", "周", "礼拜"))}
    for language in _GLUED:
        named |= {name.casefold(): day for day, name in Locale.parse(language).days["format"]["wide"].items()}
    return named
