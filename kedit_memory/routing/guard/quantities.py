"""Numbers with what they count: units, money, percent, and ranges of them."""

import math
import re
from collections.abc import Sequence
from fractions import Fraction
from functools import cache

from kedit_memory.routing.guard.codes import NO_NAMES
from kedit_memory.routing.guard.names import currencies, units
from kedit_memory.routing.guard.reading import Step, Text, Value, any_of, bare, pattern, value

_NUMBER = r"(?:\d+ \d/\d+(?![/\d])|\d{1,3}(?:[ ,.']\d{3})+(?:[.,]\d+)?(?![\d.,]?\d)|\d+/\d+(?![/\d])|\d+(?:[.,]\d+)?)"
_SCALES = {
    "hundred": 100,
    **dict.fromkeys(("k", "тысяч", "тыс"), 1000),
    **dict.fromkeys(("lakh", "lakhs", "lac", "lacs"), 10**5),
    **dict.fromkeys(("crore", "crores"), 10**7),
    **dict.fromkeys(("mn", "mio", "millionen", "millions", "millones", "миллионов", "млн"), 10**6),
    **dict.fromkeys(("bn", "mrd", "milliarden", "milliards", "млрд"), 10**9),
    **{"tn": 10**12, "times 12": 12, "万": 10**4, "亿": 10**8},
}
_BOUNDS = {
    ">": "over|above|more than|greater than|exceeding|beyond|older than|heavier than|longer than|at least|a minimum of|"
    "minimum of|no less than|not less than|>=|über|mehr als|mindestens|más de|al menos|plus de|au moins",
    "<": "under|below|less than|fewer than|younger than|lighter than|shorter than|at most|up to|no more than|"
    "not more than|a maximum of|maximum of|within|<=|unter|weniger als|bis zu|höchstens|menos de|hasta|moins de|"
    "jusqu'à",
    "∈": "between|from|zwischen|entre|von",
}
_SIGNS = {phrase: sign for sign, phrases in _BOUNDS.items() for phrase in phrases.split("|")}
_OR_MORE = r"\+(?!\d)|\s(?:or|and) (?:more|over|above|older|heavier|up)\b"
_OR_LESS = r"\s(?:or|and) (?:less|under|below|fewer|younger)\b"
_NOUN = re.compile(r"[\s-]([a-z]{2,})")
_STERLING = "money GBP"
_LED = re.compile(r"\b(?:(?P<since>since|after)|before|prior to|until|till)\s$", re.IGNORECASE)
_LONGEST_LED = 10  # characters of such a word with its blank
_LATEST = 2100  # of what is taken for a year
_COUNTING = re.compile(
    r"\s(?:people\b|(?!(?:was|is|has|does|his|its|this|as|us|olympics|elections?|games|finals|cups?)\b)[a-z]+s\b)"
)


@cache
def steps() -> tuple[Step, ...]:
    """What takes numbers and quantities from a text."""
    money, measured, scale = any_of(currencies()), any_of(units()), any_of(_SCALES)
    unit = rf"[\s-]?(?:(?P<money>{money})|(?P<unit>{measured}))(?![^\W\d_\u3400-\u9fff])"
    rest = rf"\s?(?:and\s)?(?P<low2>{_NUMBER})\s?(?P<unit2>{measured})(?!\w)"
    to = rf"(?:\s?(?:(?P<unit1>{measured})|{money}))?\s?(?:-|to|(?P<and>and|&|und|et|y)|bis|à|a|по|до|到|~)\s?"
    return (
        Step(
            "digit",
            pattern(
                rf"(?=[{''.join(_BOUNDS)}$€£¥₹₽₩\d-]|(?<!\w)[a-z]{{1,3}}[$€£¥₹₽₩]?\.?\s?\d)(?P<bound>[{''.join(_BOUNDS)}])?\s?"
                rf"(?<![\w.])(?P<sign>-)?(?:(?P<before>{money})\.?\s?)?(?P<low>{_NUMBER})(?:\s?(?P<scale1>{scale})(?!\w))?"
                rf"(?:{to}(?:{money})?(?P<high>{_NUMBER})(?:\s?(?P<scale>{scale})(?!\w))?)?"
                rf"(?:{unit})?(?:{rest})?(?P<more>{_OR_MORE})?(?P<less>{_OR_LESS})?(?!\w*[a-z]\d)"
            ),
            _quantity,
        ),
    )


def signed(text: str) -> str:
    """A text whose words for bounds, before a number, are signs: "at least 10" is "≥ 10"."""
    return _bound().sub(lambda found: f"{_SIGNS[found[1].casefold()]} ", text)


@cache
def _bound() -> re.Pattern[str]:
    return pattern(
        rf"(?<![\w<>])({any_of(_SIGNS)})\s?(?:about\s|the\s)?(?:age\s(?:of\s)?)?(?=[\d$€£¥₹₽₩-]|[a-z]{{1,3}}\s?\d)"
    )


def _quantity(match: re.Match[str], text: Text) -> list[Value]:
    """A number with what it counts, or a range; a bare one of four digits is a year unless it counts something."""
    years = [match[end] for end in ("low", "high") if match[end]]
    kind, size = _counted(match)
    if kind == "number" and _are_years(years, match):
        return _since_or_before(match, int(years[0])) or [value("year", one, int(one)) for one in years]
    number = text.number(match["low"]) * _scale(match["scale1"] or match["scale"])
    if match["high"]:
        return _range(match, number, text.number(match["high"]) * _scale(match["scale"]))
    base, number = _in_base(kind, -number if match["sign"] else number, size)
    smaller = []
    if match["unit2"]:
        other, part = units()[match["unit2"].casefold()]
        rest = text.number(match["low2"]) * part
        if other == base:
            number += rest
        else:
            smaller = [value(other, match[0], rest)]
    if base == _STERLING and match["money"] and match["money"].isalpha():  # pounds are a weight, too
        smaller = [_bounded("mass", number * units()["lb"][1], match)]
    return [_bounded(_number_of(match) if base == "number" else base, number, match), *smaller]


def _since_or_before(match: re.Match[str], year: int) -> list[Value]:
    """The years from one on, or up to one, where a word before it says so."""
    led = None if match["high"] else _LED.search(match.string, max(0, match.start() - _LONGEST_LED), match.start("low"))
    if led is None:
        return []
    said, years = bare(f"{led[0]}{match['low']}"), Fraction(year)
    low, high = (years, math.inf) if led["since"] else (-math.inf, years)
    return [Value("year", frozenset(), said, low, high)]


def _range(match: re.Match[str], low: Fraction, high: Fraction) -> list[Value]:
    """What is from one number to another; two values where they are told side by side."""
    kind, size = _counted(match)
    first = units()[match["unit1"].casefold()] if match["unit1"] else (kind, size)
    (kind, least), (other, most) = _in_base(first[0], low, first[1]), _in_base(kind, high, size)
    if kind == other and least < most and (not match["and"] or match["bound"] == "∈"):
        return [Value(_number_of(match) if kind == "number" else kind, frozenset(), _said(match), least, most)]
    kinds = (_number_of(match) if one == "number" else one for one in (kind, other))
    return [value(one, _said(match), end) for one, end in zip(kinds, (least, most), strict=True)]


def _number_of(match: re.Match[str]) -> str:
    """The kind of a bare number: what it counts, as far as the next word says it."""
    noun = _NOUN.match(match.string, match.end())
    return f"number of {noun[1].rstrip('s')}" if noun and noun[1] not in NO_NAMES else "number"


def _said(match: re.Match[str]) -> str:
    words = {sign: phrases.split("|")[0] for sign, phrases in _BOUNDS.items()}
    said = match[0].strip()
    return bare(f"{words[match['bound']]} {said[1:].lstrip()}" if match["bound"] else said)


def _are_years(said: Sequence[str], match: re.Match[str]) -> bool:
    """Whether bare numbers are years: of four digits, and nothing follows that they count."""
    years = all(re.fullmatch(r"[12]\d{3}", one) and int(one) <= _LATEST for one in said)
    other = any(match[part] for part in ("sign", "scale1", "scale", "more", "less", "unit2"))
    return years and not other and match["bound"] in (None, "∈", "<") and not _COUNTING.match(match.string, match.end())


def _counted(match: re.Match[str]) -> tuple[str, Fraction]:
    """What a number counts, and how many of its base one is."""
    money = (match["before"] or match["money"] or "").casefold()
    if money:
        return f"money {currencies()[money]}", Fraction(1)
    return units()[match["unit"].casefold()] if match["unit"] else ("number", Fraction(1))


def _scale(said: str | None) -> int:
    return _SCALES[said.casefold()] if said else 1


def _in_base(kind: str, number: Fraction, size: Fraction) -> tuple[str, Fraction]:
    """A number of units as one of the base of its kind; degrees without a scale are Celsius."""
    if kind == "fahrenheit":
        return "temperature", (number - 32) * 5 / 9
    if kind == "kelvin":
        return "temperature", number - Fraction("273.15")
    return "temperature" if kind in ("celsius", "degrees") else kind, number * size


def _bounded(kind: str, number: Fraction, match: re.Match[str]) -> Value:
    """A number, or the range above or below it that a word makes of it."""
    if match["more"] or match["bound"] == ">":
        return Value(kind, frozenset(), _said(match), number, math.inf)
    if match["less"] or match["bound"] == "<":
        return Value(kind, frozenset(), _said(match), -math.inf, number)
    return value(kind, _said(match), number)
