"""Versions, codes, ordinals, and numbers of what is numbered: floors, chapters, weeks."""

import re
from functools import cache

from kedit_memory.routing.guard.names import currencies, months, units, weekdays
from kedit_memory.routing.guard.plain import LABELS, SHORT_WORDS
from kedit_memory.routing.guard.reading import Step, Text, Value, any_of, hidden, pattern, value, word_set

NAMED = "named"  # the kind of a number after a name, as what a version may be compared with
NO_NAMES = SHORT_WORDS | word_set("""
    in on at by of to and or the a an for from with than is are was were be if as it how what who when where which why
    under over about after before since until till between during within per up no not do does did can i my more most
    less least around only all any some ad bc ce bce am pm into there has have had so then but because will would should
    must may might you your he she they we its his her their this that these those years old approximately roughly
    nearly almost exactly
""")
_NUMERALS = ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX")
_ROMAN = {
    tens * ten + ones: 10 * ten + one for ten, tens in enumerate(["", *"XXX"]) for one, ones in enumerate(_NUMERALS)
}
_BEFORE_ROMAN = word_set("War Part Chapter Type Phase Stage Volume Act Title Class Category Article Level Tier")


@cache
def steps() -> tuple[Step, ...]:
    """What takes codes, versions and ordinals from a text, in order."""
    labels, measured = any_of(LABELS), any_of([*units(), *currencies()])
    no_quantity = rf"(?![\w%:/-]|[.,]\d|\s(?:{measured})(?!\w))"
    release = r"\d+(?:\.\d+)*"
    return (
        Step("digit", pattern(r"\b[2-6]G\b", case=True), _code),
        Step("any", pattern(r"\b[A-Z][a-z]+\s[IVX]+(?:(?:,|,? and|,? or|-)\s?[IVX]+)*\b", case=True), _roman),
        Step(
            "digit",
            pattern(
                rf"\b(?P<label>{labels})\s(?:no\.?\s|number\s|#\s?)?(?P<number>\d+){no_quantity}|"
                rf"(?<!\w)(?P<nth>\d+)(?:st|nd|rd|th)[ -](?P<after>{labels})\b"
            ),
            _labelled,
        ),
        Step("digit", pattern(rf"\b(?:version|release|ver\.?|v\.?)\s?({release})\b"), _version),
        Step("digit", pattern(r"(?<![\w.])(\d+\.\d+\.\d+(?:\.\d+)*)(?!\w)"), _version),
        Step(
            "digit", pattern(rf"(?<![\w.])([^\W\d_][\w+#]*[^\W\d_]|[A-Z])\s({release}){no_quantity}", case=True), _named
        ),
        Step("digit", pattern(r"#\s?\w*\d[\w-]*|(?<![\w.,-])\d{3,}-\d[\d-]*(?!\w)"), _code),
        Step("digit", pattern(r"(?<![\w.-])[a-z]{1,8}-?\d+(?:[.-]?[a-z\d]+)*(?![a-z\d])"), _code),
        Step("digit", pattern(r"(?<![\w.])(\d+)(?:st|nd|rd|th|ème|ère|er|re|º|ª|-[йяе])(?!\w)|(?<=第)(\d+)"), _ordinal),
        Step("digit", pattern(r"(?<![\w.,])(\d{1,2})\.()(?=\s[^\W\d_])"), _ordinal_with_point),
    )


@cache
def last_steps() -> tuple[Step, ...]:
    """What takes codes that begin with a digit, such as 5G, once quantities are taken."""
    return (Step("digit", pattern(r"(?<![\w.,])\d+[a-z][a-z\d-]*"), _code),)


@cache
def links() -> Step:
    """What hides addresses."""
    return Step("any", pattern(r"https?://\S+|\S+@\S+\.\w+"), hidden)


def _release(said: str) -> str:
    """A version without the zeros that say nothing: 2.0 is 2."""
    return re.sub(r"(?:\.0+)+$", "", said)


def _version(match: re.Match[str], _: Text) -> list[Value]:
    return [value("version", match, _release(match[1]))]


def _named(match: re.Match[str], text: Text) -> list[Value] | None:
    """The number after a name, which is that of a version or of one of many; of a name all in capitals, a code.

    Of a word in small letters, which may be no name, the number is left to be read by itself, too.
    """
    name, number = match[1], match[2]
    if any(name.casefold() in known for known in (NO_NAMES, months(), weekdays(), currencies())):
        return None
    if re.fullmatch("(?:1[5-9]|20)[0-9]{2}", number):
        return None
    if name.isupper() and len(name) > 1 and not text.shouted:
        return [value("code", match, name + _release(number))]
    release = value(f"{name.casefold()} number", match, _release(number))
    if name.islower() or text.shouted:
        text.found.append(release)
        return None
    return [release, value(NAMED, match, _release(number))]


def _code(match: re.Match[str], _: Text) -> list[Value]:
    return [value("code", match, re.sub(r"[\s#-]", "", match[0]).upper())]


def _roman(match: re.Match[str], _: Text) -> list[Value] | None:
    name, *numerals = re.findall(r"[A-Z]\w*", match[0])
    numbers = [_ROMAN[one] for one in numerals if one in _ROMAN]
    if name.casefold() in NO_NAMES or (len(match[0].split()[-1]) == 1 and name not in _BEFORE_ROMAN):
        return None
    label = name.casefold().rstrip("s") if len(numbers) > 1 else name.casefold()
    if label in LABELS:
        return [value(label, match, number) for number in numbers]
    return [value(f"{label} number", match, str(number)) for number in numbers]


def _labelled(match: re.Match[str], _: Text) -> list[Value]:
    label, number = (match["label"] or match["after"]).casefold(), match["number"] or match["nth"]
    if label in ("version", "release"):
        return [value("version", match, number)]
    return [value(label, match, int(number))]


def _ordinal_with_point(match: re.Match[str], text: Text) -> list[Value] | None:
    """An ordinal as German writes it; an English sentence ends there."""
    return _ordinal(match, text) if text.decimal_comma else None


def _ordinal(match: re.Match[str], _: Text) -> list[Value]:
    noun = re.match(r"[\s-]([a-z]{2,})", match.string[match.end() :])
    counted = noun and noun[1] not in NO_NAMES
    return [
        value(f"ordinal {noun[1].rstrip('s')}" if noun and counted else "ordinal", match, int(match[1] or match[2]))
    ]
