"""The values that a text names: numbers with their units, dates, times, versions, codes.

Each has a kind, within which values can be compared, and what it comes to there: "ten kilograms" and "10,000 g" are
both a mass of 10,000. A value that may mean several things, such as 9:30 without morning or evening, has several
readings. A date is a year, a month and a day, as far as it is told.
"""

import re
from functools import cache, lru_cache

from kedit_memory.routing.guard import codes, dates, quantities
from kedit_memory.routing.guard.names import months, weekdays
from kedit_memory.routing.guard.plain import plain
from kedit_memory.routing.guard.reading import Text, Value

_REMEMBERED = 8192  # texts; the wordings of an edit are read again with each question
_WORD = re.compile(r"[^\W\d_]+")


@lru_cache(_REMEMBERED)
def values_in(text: str, names: tuple[str, ...] = ()) -> tuple[Value, ...]:
    """The values that a text names; numbers within names, such as that of its subject, are none."""
    shown, language = plain(text, names)
    read = Text(shown, decimal_comma=language != "en")
    held = _held(shown)
    for step in (codes.links(), *dates.steps(), *codes.steps()):
        if step.needs in held:
            read.take(step)
    if "digit" in held:
        read.text = quantities.signed(read.text)
        for step in (*quantities.steps(), *codes.last_steps()):
            read.take(step)
    return tuple(read.found)


@cache
def _needs() -> dict[str, str]:
    """What a word lets be looked for; many texts need few steps."""
    kinds = {
        "month": [*months(), *dates.MONTHS_SHORT],
        "weekday": [word for name in (*weekdays(), *dates.DAYS_SHORT, *dates.DAY_GROUPS) for word in name.split()],
        "noon": dates.NOONS,
        "season": dates.SEASONS,
    }
    return {word: kind for kind, words in kinds.items() for word in words}


def _held(text: str) -> set[str]:
    """What a text may hold values of."""
    needs = _needs()
    if not text.isascii():  # scripts without blanks have no words
        return {"any", "digit", *needs.values()}
    held = {needs[word] for word in _WORD.findall(text.casefold()) if word in needs}
    return held | ({"any", "digit"} if any(map(str.isdigit, text)) else {"any"})
