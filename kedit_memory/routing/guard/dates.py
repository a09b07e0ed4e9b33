"""Dates, weekdays, times of day and of the year."""

import re
from fractions import Fraction
from functools import cache

from kedit_memory.routing.guard.names import months, weekdays
from kedit_memory.routing.guard.reading import Step, Text, Value, any_of, bare, hidden, pattern, value

_SHORT_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTHS_SHORT = {name: month for month, name in enumerate(_SHORT_MONTHS, 1)} | {
    "sept": 9, "okt": 10, "dez": 12, "mrz": 3, "janv": 1, "févr": 2, "avr": 4, "juil": 7, "déc": 12, "ene": 1, "dic": 12
}  # fmt: skip
_ALSO_WORDS = frozenset(("may", "march", "mars", "mai", "august", "set"))  # a month only where it must be one
_LED = (
    "in|of|since|until|till|by|from|to|during|before|after|last|next|this|every|each|early|late|mid|through|"
    "im|seit|bis|en|de|du|desde|hasta|в|с|до"
)
_HALF_DAY = 12 * 60

DAYS_SHORT = {
    "mon": 0, "tue": 1, "tues": 1, "wed": 2, "weds": 2, "thu": 3, "thur": 3, "thurs": 3, "fri": 4, "sat": 5, "sun": 6,
}  # fmt: skip
_WORKING, _FREE = (0, 1, 2, 3, 4), (5, 6)
DAY_GROUPS = {
    **dict.fromkeys(("weekends", "weekend", "week-end", "wochenende", "wochenenden"), _FREE),
    **dict.fromkeys(("weekday", "weekdays", "business days", "working days", "workdays", "workday"), _WORKING),
}
_NAMED_DAYS = "black friday|good friday|easter monday|palm sunday|ash wednesday|cyber monday|bloody sunday"
SEASONS = {"spring": 0, "summer": 1, "autumn": 2, "fall": 2, "winter": 3}
NOONS = {"noon": 12, "midday": 12, "mittags": 12, "midi": 12, "midnight": 0, "mitternacht": 0, "minuit": 0}
_PAST = {"half past": 30, "quarter past": 15, "quarter after": 15, "quarter to": -15}


@cache
def steps() -> tuple[Step, ...]:
    """What takes dates and times from a text, in order."""
    month = any_of([*months(), *MONTHS_SHORT]) + r"(?!\w)\.?"
    day = any_of([*weekdays(), *DAYS_SHORT])
    year = r"(?P<year>[12]\d{3})(?!\d)"
    and_year = rf"(?:,?\s(?:de\s|of\s|in\s)?{year})?"
    nth = r"(?:st|nd|rd|th|\.|er|º|-го|-е)?"
    hour, minute = r"(?<![\w:.])(?P<hour>\d{1,2})", r"(?P<minute>\d\d)"
    return (
        Step("digit", pattern(r"(?<![\d-])(?P<year>[12]\d{3})-(?P<month>\d\d)-(?P<day>\d\d)(?![\d-])"), _numbers),
        Step(
            "digit",
            pattern(r"(?<!\d)(?P<year>[12]\d{3})\s?年\s?(?:(?P<month>\d{1,2})\s?月)?\s?(?:(?P<day>\d{1,2})\s?[日号])?"),
            _numbers,
        ),
        Step("digit", pattern(r"(?<!\d)(?P<year>)(?P<month>\d{1,2})\s?月\s?(?:(?P<day>\d{1,2})\s?[日号])?"), _numbers),
        Step("digit", pattern(r"(?<![\d.])(\d{1,2})([./])(\d{1,2})\2(\d{4}|\d\d)(?![\d.])"), _marked),
        Step(
            "month",
            pattern(rf"(?<!\d)(?P<day>\d{{1,2}}){nth}\s?(?:of\s|de\s)?(?P<month>{month}){and_year}"),
            _named,
        ),
        Step(
            "month",
            pattern(
                rf"(?<!\w)(?P<month>{month})\s(?:the\s)?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?![\d:]|\.\d|\s?%){and_year}"
            ),
            _named,
        ),
        Step("month", pattern(rf"(?<!\w)(?:(?P<led>{_LED})\s)?(?P<month>{month}){and_year}"), _month_alone),
        Step("digit", pattern(r"(?<![\w.])(\d{1,4})\s?(?:bce?\b|b\.c\.(?:e\.)?)"), _before_christ),
        Step("digit", pattern(r"(?<!\w)([12]\d\d0)'?s\b|(?<=the )'?([2-9]0)'?s\b"), _decade),
        Step("digit", pattern(r"(?<!\w)(\d{1,2})(?:st|nd|rd|th)?[ -]century\b(?P<bc>\s(?:bc|b\.c\.))?"), _century),
        Step(
            "digit",
            pattern(
                r"(?<![\w./-])(?:(between )|from )?([12]\d{3})\s?(?:-|to|until|(and))\s?([12]\d{3}|\d\d)(?![\w-]|\.\d)"
            ),
            _years,
        ),
        Step("digit", pattern(r"\bq([1-4])\b|\b([1-4])(?:st|nd|rd|th)[ -]quarter\b"), _quarter),
        Step("weekday", pattern(_NAMED_DAYS), hidden),
        Step(
            "weekday",
            pattern(rf"(?<!\w)({day})\s?(?:-|/|to|through|thru|until|till|bis|à)\s?({day})(?!\w)"),
            _weekday_range,
        ),
        Step("weekday", pattern(rf"(?<!\w)(?:{any_of([*weekdays(), *DAY_GROUPS])})(?!\w)"), _weekday),
        Step("weekday", pattern(r"\b(?:Mon|Tues?|Thu(?:rs?)?|Fri)\b|(?<=\bon )(?:Sat|Sun|Wed)\b", case=True), _weekday),
        Step("digit", pattern(rf"\b(?P<part>{any_of(_PAST)}) {hour}\b"), _past),
        Step("digit", pattern(rf"{hour}:{minute}(?::\d\d)?\s?(?P<half>[ap]\.?m\b\.?)?(?![\d:])"), _clock),
        Step("digit", pattern(rf"{hour}(?:\.{minute})?\s?(?P<half>[ap]\.m\.?|[ap]m\b)"), _clock),
        Step("digit", pattern(rf"{hour}(?:[.:]{minute})?\s?(?P<half>o'?clock|uhr|heures|点)(?!\w)"), _clock),
        Step("digit", pattern(rf"(?<!\w){hour}h{minute}?(?P<half>)(?!\w)"), _clock),
        Step(
            "digit",
            pattern(
                rf"(?<=\bat ){hour}(?P<minute>)(?P<half>)"
                r"(?=[?!,]|\.?$|\. |\s(?:on|in|every|tomorrow|today|tonight|each|or|and)\b)"
            ),
            _clock,
        ),
        Step(
            "noon",
            pattern(rf"\b(?:{any_of(NOONS)})\b"),
            lambda found, _: [value("time", found, 60 * NOONS[_low(found)])],
        ),
        Step(
            "season",
            pattern(
                r"\b(?:summer|winter|autumn)\b|(?:(?<=\bin )|(?<=\bin the )|(?<=\blast )|(?<=\bnext ))(?:spring|fall)\b"
            ),
            lambda found, _: [value("season", found, SEASONS[_low(found)])],
        ),
    )


def _low(match: re.Match[str]) -> str:
    return match[0].casefold()


def _date(said: re.Match[str], day: str | int | None, month: int | None, year: str | None) -> list[Value] | None:
    """The parts of a date; None where it can be none."""
    if (month and month > 12) or (day and not 1 <= int(day) <= 31):
        return None
    parts = {"day": day, "month": month, "year": year}
    return [value(kind, said, int(part)) for kind, part in parts.items() if part]


def _numbers(match: re.Match[str], _: Text) -> list[Value] | None:
    return _date(match, match["day"], int(match["month"] or 0), match["year"])


def _marked(match: re.Match[str], _: Text) -> list[Value] | None:
    """A date of three numbers: with points the day comes first, with strokes either may."""
    first, mark, second, year = match.groups()
    if len(year) == 2:
        year = f"{20 if int(year) < 50 else 19}{year}"
    if mark == "/" and int(first) <= 12 and int(second) <= 12:
        return [value("date", match, f"{int(first)}/{int(second)}"), value("year", match, int(year))]
    if int(second) > 12:
        first, second = second, first
    return _date(match, first, int(second), year)


def _month(said: str) -> int:
    name = said.casefold().rstrip(".")
    return months().get(name) or MONTHS_SHORT[name]


def _named(match: re.Match[str], _: Text) -> list[Value] | None:
    return _date(match, match["day"], _month(match["month"]), match["year"])


def _month_alone(match: re.Match[str], _: Text) -> list[Value] | None:
    name = match["month"].casefold()
    if not match["year"] and not match["led"] and (name not in months() or name in _ALSO_WORDS):
        return None
    return _date(match, None, _month(name), match["year"])


def _before_christ(match: re.Match[str], _: Text) -> list[Value]:
    return [value("year", match, -int(match[1]))]


def _span(said: re.Match[str], low: int, high: int) -> list[Value]:
    return [Value("year", frozenset(), bare(said[0]), Fraction(low), Fraction(high))]


def _decade(match: re.Match[str], _: Text) -> list[Value]:
    first = int(match[1] or f"19{match[2]}")
    return _span(match, first, first + (99 if match[1] and first % 100 == 0 else 9))


def _century(match: re.Match[str], _: Text) -> list[Value]:
    last = int(match[1]) * 100
    return _span(match, -last, 100 - last) if match["bc"] else _span(match, last - 100, last)


def _years(match: re.Match[str], _: Text) -> list[Value] | None:
    between, low, and_, high = match.groups()
    high = high if len(high) == 4 else low[:2] + high
    return _span(match, int(low), int(high)) if low < high and bool(between) == bool(and_) else None


def _quarter(match: re.Match[str], _: Text) -> list[Value]:
    return [value("quarter", match, int(match[1] or match[2]))]


def _day(said: str) -> int:
    name = said.casefold()
    return weekdays()[name] if name in weekdays() else DAYS_SHORT[name]


def _weekday(match: re.Match[str], _: Text) -> list[Value]:
    days = DAY_GROUPS.get(_low(match)) or (_day(match[0]),)
    return [value("weekday", match, day) for day in days]


def _weekday_range(match: re.Match[str], _: Text) -> list[Value]:
    first, last = _day(match[1]), _day(match[2])
    return [value("weekday", match, day % 7) for day in range(first, last + 1 + 7 * (last < first))]


def _clock(match: re.Match[str], _: Text) -> list[Value] | None:
    """A time of day in minutes: where neither half of the day is told, it may be in either."""
    hour, minute, half = int(match["hour"]), int(match["minute"] or 0), (match["half"] or "").casefold()[:1]
    if hour > 24 or minute > 59:
        return None
    start = hour % 12 * 60 + minute
    if half in ("a", "p"):
        return [value("time", match, start + _HALF_DAY * (half == "p"))]
    if hour > 12 or match["hour"].startswith("0"):
        return [value("time", match, hour % 24 * 60 + minute)]
    return [value("time", match, start, start + _HALF_DAY)]


def _past(match: re.Match[str], _: Text) -> list[Value]:
    start = (int(match["hour"]) * 60 + _PAST[match["part"].casefold()]) % _HALF_DAY
    return [value("time", match, start, start + _HALF_DAY)]
