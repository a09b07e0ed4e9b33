"""When a question is about, where its words say so: "in 2022", "before June 2023", "two years ago".

Only what stands as an adverb of time counts: a date behind a word such as "in", or one that is told from today. A year
in a name ("Windows 2000", "the 2024 edition"), one that counts ("in 2000 cities") and one that says something of what
is asked about ("the company founded in 1998") are no such dates. What is about now ("this year") names no other time.
"""

import re
from calendar import monthrange
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import TypeAlias

from text_to_num import alpha2digit

from kedit_memory.routing.guard.dates import MONTHS_SHORT, SEASONS
from kedit_memory.routing.guard.names import months
from kedit_memory.routing.guard.reading import any_of, word_set

Days: TypeAlias = tuple[date, date]  # the first and the last
_Read: TypeAlias = Callable[[re.Match[str], date], Days]  # of a match, told from today

_LONGEST = 400  # characters of a text in which a date is looked for
_YEAR, _QUARTER, _SEASON, _WEEK = 12, 3, 3, 7  # months, and days of a week
_SPRING = 3  # the month in which it begins, north of the equator
_PERHAPS = re.compile(
    r"\d{4}|\d0['\u2019]?s\b|\b(?:ago|from now|century|yesterday|tomorrow|last|next|previous)\b", re.IGNORECASE
)

# What stands before a date. Some say only of a day, or of a part of a longer time, when something is.
_IN = (
    "^(?:and |so |but )?(?:what|how) about|^and|in|during|throughout|as of|as at|back in|in the year|in year|"
    "im|im jahre?|en|em|en el año|en l'an"
)
_ON = "on|at|from|am|le|el|à|a"
_BEFORE = "before|prior to|until|till|up to|vor|bis|avant|jusqu'en|jusqu'à|antes de|hasta"
_AFTER = "after|following|nach|après|después de"
_NO_WHEN = "since|than|seit|depuis|desde"  # from then until now
_FIRST, _MIDDLE = "beginning|start|anfang|beginn|début|principios", "middle|mitte|mi|mediados"
_LAST = "end|ende|fin|finales"
_LED = re.compile(
    rf"(?<![\w'\u2019-])(?:(?:(?P<in>{_IN})|(?P<on>{_ON})|(?P<before>{_BEFORE})|(?P<after>{_AFTER})|(?P<by>by)|"
    rf"(?P<no>{_NO_WHEN})) )?(?:the )?(?:(?:very )?(?:(?P<first>{_FIRST})|(?P<middle>{_MIDDLE})|(?P<last>{_LAST}))"
    r"(?: of| de)? |(?P<third>early|mid|late)[ -])?(?:in )?(?:the )?(?:year )?$",
    re.IGNORECASE,
)

# After a number like a year: what it counts, so that it is none.
_COUNTED = re.compile(
    r"\s+(?!(?:was|is|has|does|as|its|his|this|across|besides|vs|versus)\b)(?:[a-z]{2,}s|people|men|women|children|of)\b"
    r"|\s?(?:[%°]|(?:km|kg|mm|cm|ml|mb|gb|m|hz|rpm|mph|kmh|kwh|watt|volt|percent|per|euro|dollar)\b)"
)
_HELPING = word_set("""
    who what which whom where when how why was were is are be been being get got did do does has have had not never
    and or then still newly first ever also he she they
""")
_PARTICIPLE = re.compile(
    r"(?:^|(?P<before>\w+)(?P<mark>,?)\s+)(?:\w{2,}ed|born|built|written|made|held|won|set|begun|seen|taken|given|drawn|sold|bought|sung|"
    r"shot|found|lost)\s+$",
    re.IGNORECASE,
)
# The same as the verb of the question itself: "where was Acme based in", but not "who is the man born in".
_VERB = re.compile(
    r"(?<!who )(?<!what )(?<!which )\b(?:was|were|is|are)\s+"
    r"(?:(?!(?:of|in|for|by|from|with|at|on|to|that|which|who)\s)[\w.&'\u2019-]+\s+){1,6}$",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"(?:(?<!true)(?<!sure)(?<!say)(?<!said)(?<!know)(?<!think)(?<!claim)\s+that|,\s?(?:which|who|whose|where)|"
    r"\w\s+(?:when|while|because|although)(?!\s+(?:did|do|does|was|were|is|are|will|has|had)\b))\s[^,;]*$",
    re.IGNORECASE,
)
_GAP = re.compile(r"\s*(?:\(\s*\)|\[\s*\])")


@dataclass(frozen=True, kw_only=True)
class When:
    """A time that a text is about.

    Attributes:
        said: how the text says it.
        first: its first day, as ISO 8601 writes it.
        last: its last one.
        start: where it begins in the text, and
        end: where it ends.
        rest: the text without it.
    """

    said: str
    first: str
    last: str
    start: int
    end: int
    rest: str

    def __str__(self) -> str:
        days = self.first if self.first == self.last else f"{self.first} to {self.last}"
        return f"{self.said!r}, {days}"


def may_name_time(text: str) -> bool:
    """Whether a text has what a time is told by; most texts are told apart here."""
    return len(text) <= _LONGEST and bool(_PERHAPS.search(text))


def when(text: str, today: str) -> When | None:
    """The one time that a text is about, told from a day; None where it names none, or several."""
    if not may_name_time(text):
        return None
    found = list(_found(text, date.fromisoformat(today)))
    if len(found) != 1:
        return None
    start, end, (first, last) = found[0]
    return When(
        said=text[start:end], first=first.isoformat(), last=last.isoformat(), start=start, end=end,
        rest=_without(text, start, end),
    )  # fmt: skip


def _found(text: str, today: date) -> Iterator[tuple[int, int, Days]]:
    left = text
    for free, pattern, read in _units():
        for match in pattern.finditer(left):
            start, end = match.span()
            left = f"{left[:start]}{'_' * (end - start)}{left[end:]}"
            led = _LED.search(left[:start])
            try:
                days = read(match, today)
                days = days if led is None else _led_days(led, days)
            except (ValueError, OverflowError):  # no such day in any calendar
                continue
            leads = led is not None and _leads(led, days)
            if (led is not None and led["no"]) or not (free or leads):
                continue
            start = led.start() if led is not None and leads else start
            if not _is_other(text, start, end, year=pattern is _year()):
                yield start, end, days


def _leads(led: re.Match[str], days: Days) -> bool:
    """Whether what stands before a date makes it a time."""
    part = led["first"] or led["middle"] or led["last"] or led["third"]
    on = led["on"] and (part or days[0] == days[1])
    return bool(led["in"] or led["before"] or led["after"] or led["by"] or on or led["third"])


def _led_days(led: re.Match[str], days: Days) -> Days:
    """The days that are meant by a date with what stands before it."""
    first, last = days
    length = (last - first).days + 1
    if led["first"]:
        last = first
    elif led["last"]:
        first = last
    elif led["middle"]:
        first = last = first + timedelta(length // 2)
    elif led["third"]:
        place = ("early", "mid", "late").index(led["third"].casefold())
        first, last = first + timedelta(length * place // 3), first + timedelta(length * (place + 1) // 3 - 1)
    if led["before"]:
        first = last = first - timedelta(1)
    elif led["after"]:
        first = last = last + timedelta(1)
    elif led["by"]:
        last = first
    return first, last


def _is_other(text: str, start: int, end: int, *, year: bool) -> bool:
    """Whether what looks like a time counts something, or says when something else was than what is asked about."""
    if year and _COUNTED.match(text, end):
        return True
    made = _PARTICIPLE.search(text, 0, start)
    if made is None:
        return bool(_CLAUSE.search(text, 0, start))
    if made["before"] is None or made["mark"]:  # "Founded in 1998, Acme", "Acme, founded in 1998"
        return True
    verb = made["before"].casefold() in _HELPING or _VERB.search(text, 0, made.end("before") + 1)
    return not verb or bool(_CLAUSE.search(text, 0, start))


def _without(text: str, start: int, end: int) -> str:
    """A text without a part, and without the commas and brackets around it."""
    before, after = text[:start].rstrip(" ,"), text[end:].lstrip(" ,")
    blank = " " if before and after[:1].isalnum() else ""
    rest = " ".join(_GAP.sub("", f"{before}{blank}{after}").split())
    return rest if before else rest[:1].upper() + rest[1:]


def _months_from(year: int, month: int, count: int) -> Days:
    """So many whole months from one on, which may lie in a later year."""
    last_year, last = divmod(year * _YEAR + month - 1 + count - 1, _YEAR)
    first_year, first = divmod(year * _YEAR + month - 1, _YEAR)
    return date(first_year, first + 1, 1), date(last_year, last + 1, monthrange(last_year, last + 1)[1])


def _of(year: str | int, month: str | int | None = None, day: str | int | None = None) -> Days:
    """A year, a month of one, or a day of that."""
    if month is None:
        return _months_from(int(year), 1, _YEAR)
    if day is None:
        return _months_from(int(year), date(int(year), int(month), 1).month, 1)
    one = date(int(year), int(month), int(day))
    return one, one


def _ago(match: re.Match[str], today: date) -> Days:
    """A number of years, months, weeks or days before today, or after it."""
    said = match["count"].casefold()
    count = 1 if said in ("a", "an") else int(alpha2digit(said, "en", threshold=0))
    count = -count if match["way"].casefold() == "ago" else count
    unit = match["unit"].casefold()
    if unit in ("day", "week"):
        one = today + timedelta(count * (_WEEK if unit == "week" else 1))
        return one, one
    first, last = _months_from(today.year, today.month + count * (_YEAR if unit == "year" else 1), 1)
    one = first.replace(day=min(today.day, last.day))
    return one, one


def _beside(match: re.Match[str], today: date) -> Days:
    """The last or the next year, quarter, month or week, of which today's is neither."""
    step = 1 if match["which"].casefold() in ("next", "coming") else -1
    match match["unit"].casefold():
        case "year":
            return _of(today.year + step)
        case "quarter":
            begins = today.month - (today.month - 1) % _QUARTER
            return _months_from(today.year, begins + step * _QUARTER, _QUARTER)
        case "month":
            return _months_from(today.year, today.month + step, 1)
        case _:
            monday = today - timedelta(today.weekday()) + timedelta(step * _WEEK)
            return monday, monday + timedelta(_WEEK - 1)


def _named_month(match: re.Match[str], today: date) -> Days:
    """The last or the next month of a name, of which today's is neither."""
    month, after = _month(match["month"]), match["which"].casefold() == "next"
    year = today.year + (month <= today.month if after else -(month >= today.month))
    return _of(year, month)


def _near(match: re.Match[str], today: date) -> Days:
    said = " ".join(match[0].casefold().split())
    if said == "the year before last":
        return _of(today.year - 2)
    one = today + timedelta({"yesterday": -1, "tomorrow": 1}.get(said, -2))
    return one, one


def _decade(match: re.Match[str], _: date) -> Days:
    first = int(match["decade"] or f"19{match['short']}")
    return date(first, 1, 1), date(first + 9, 12, 31)


def _century(match: re.Match[str], _: date) -> Days:
    last = int(match["nth"]) * 100
    return date(last - 99, 1, 1), date(last, 12, 31)


def _month(said: str) -> int:
    name = said.casefold().rstrip(".")
    return months().get(name) or MONTHS_SHORT[name]


@cache
def _year() -> re.Pattern[str]:
    return re.compile(
        r"(?<!\bthe )(?:(?<=\bmid-)|(?<![\w.,/$€£#-]))(?P<year>[12]\d{3})(?![\w'\u2019])(?![-/.,:]\d)(?!-\w)"
    )


@cache
def _units() -> tuple[tuple[bool, re.Pattern[str], _Read], ...]:
    """What names a time, in the order in which it is looked for; those that are free need no word before them."""
    month = any_of([*months(), *MONTHS_SHORT]) + r"(?!\w)\.?"
    year = r"(?P<year>[12]\d{3})(?![\w'\u2019])(?![-/.,:]\d)"
    nth, of = r"(?:st|nd|rd|th|\.|er|º)?", r",?\s+(?:(?:of|de)\s+)?"
    quarters = {"first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4, "last": 4}
    halves = {"first": 1, "1st": 1, "second": 7, "2nd": 7, "last": 7}
    given: tuple[tuple[bool, str, _Read], ...] = (
        (
            True,
            r"(?<!\d)(?P<year>[12]\d{3})\s?年(?:\s?(?P<month>\d{1,2})\s?月)?(?:\s?(?P<day>\d{1,2})\s?[日号])?",
            _parts,
        ),
        (False, r"(?<![\d-])(?P<year>[12]\d{3})-(?P<month>\d\d)(?:-(?P<day>\d\d))?(?![\d-])", _parts),
        (False, rf"(?<!\d)(?P<day>\d{{1,2}}){nth}\s+(?:of\s+|de\s+)?(?P<name>{month}){of}{year}", _parts),
        (False, rf"(?<!\w)(?P<name>{month})\s+(?:the\s+)?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+{year}", _parts),
        (False, r"(?<![\d.])(?P<day>\d{1,2})\.\s?(?P<month>\d{1,2})\.\s?(?P<year>[12]\d{3})(?![\w.-])", _parts),
        (False, rf"(?<!\bthe )(?<!\w)(?P<name>{month}){of}{year}", _parts),
        (
            False,
            rf"\bq(?P<q>[1-4])(?:\s+of)?\s+{year}|\b(?P<nth>{any_of(quarters)})\s+quarter\s+(?:of\s+)?"
            rf"{year.replace('year', 'in_year')}",
            lambda found, _: _months_from(
                int(found["year"] or found["in_year"]),
                1 + _QUARTER * (int(found["q"] or quarters[(found["nth"] or "first").casefold()]) - 1),
                _QUARTER,
            ),
        ),
        (
            False,
            rf"\b(?P<nth>{any_of(halves)})\s+half\s+of\s+{year}",
            lambda found, _: _months_from(int(found["year"]), halves[found["nth"].casefold()], _YEAR // 2),
        ),
        (
            False,
            rf"\b(?P<season>{any_of(SEASONS)})\s+(?:of\s+)?{year}",
            lambda found, _: _months_from(
                int(found["year"]), _SPRING + _SEASON * SEASONS[found["season"].casefold()], _SEASON
            ),
        ),
        (
            True,
            r"\b(?:between|from)\s+(?P<low>[12]\d{3})\s+(?:and|to|until|till)\s+(?P<high>[12]\d{3})(?![\w-]|[.,]\d)",
            lambda found, _: (_of(found["low"])[0], _of(found["high"])[1]),
        ),
        (False, r"(?<!\w)(?P<decade>[12]\d\d0)['\u2019]?s\b|(?<=\bthe )['\u2019]?(?P<short>[2-9]0)s\b", _decade),
        (False, r"(?<!\w)(?P<nth>\d{1,2})(?:st|nd|rd|th)[ -]century\b", _century),
        (
            True,
            r"(?<!\w)(?P<count>\d{1,3}|an?|[a-z]+(?:-[a-z]+)?)\s+(?P<unit>year|month|week|day)s?\s+"
            r"(?P<way>ago|from\s+now)\b",
            _ago,
        ),
        (
            True,
            r"(?<!\bthe )\b(?P<which>last|next|previous|coming)\s+(?P<unit>year|month|week|quarter)\b(?!['\u2019-])",
            _beside,
        ),
        (True, rf"(?<!\bthe )\b(?P<which>last|next)\s+(?P<month>{any_of(months())})(?!\w)", _named_month),
        (True, r"\byesterday\b|\btomorrow\b|\bthe year before last\b|\bthe day before yesterday\b", _near),
    )
    return (
        *((free, re.compile(text, re.IGNORECASE), read) for free, text, read in given),
        (False, _year(), _parts),
    )


def _parts(match: re.Match[str], _: date) -> Days:
    """A date by its parts, as far as they are told."""
    told = match.groupdict()
    month = _month(told["name"]) if told.get("name") else told.get("month")
    return _of(told["year"], month, told.get("day"))
