"""A text with one thing changed, so that the answer to one no longer answers the other.

A kind of contrast finds its slots in a text: a number, a weekday, an "open" that may become a "close". Texts are
English. Kinds with words of their own take them by part, from `lexicons`.
"""

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from kedit_memory.errors import UnknownNameError
from kedit_memory.evaluation import invented, lexicons
from kedit_memory.evaluation.negatives import negated

_TRAINING = "training"


@dataclass(frozen=True)
class _Slot:
    """The place of a slot in a text, and what may stand there instead."""

    start: int
    end: int
    others: tuple[str, ...]


def changed(
    text: str, kind: str, rng: random.Random, part: str, *, names: Sequence[str] = (), shared: str | None = None
) -> str | None:
    """The text with one slot of a kind changed; None where it has none. What stands there twice changes twice.

    `names` are left as they are. With `shared`, another text, only slots whose words are in both are changed.

    Raises:
        UnknownNameError: no such kind, or no such part.
    """
    if kind not in _FINDERS:
        raise UnknownNameError("kind of contrast", kind, KINDS)
    kept = [(found.start(), found.end()) for name in names if name for found in re.finditer(re.escape(name), text)]
    slots = [
        slot
        for slot in _FINDERS[kind](text, part)
        if not any(start < slot.end and slot.start < end for start, end in kept)
        and (shared is None or _has(shared, text[slot.start : slot.end]))
    ]
    if not slots:
        return None
    slot = rng.choice(slots)
    old, new = text[slot.start : slot.end], rng.choice(slot.others)
    same = [one for one in slots if text[one.start : one.end] == old]
    for one in reversed(same):
        text = text[: one.start] + new + text[one.end :]
    return text


def kinds_of(text: str, part: str = _TRAINING) -> list[str]:
    """The kinds that have a slot in the text, in the order of `KINDS`.

    Raises:
        UnknownNameError: no such part.
    """
    return [kind for kind, find in _FINDERS.items() if next(find(text, part), None)]


def _has(text: str, words: str) -> bool:
    return bool(re.search(rf"(?<!\w){re.escape(words)}(?!\w)", text, re.IGNORECASE))


def _like(new: str, old: str) -> str:
    """A word in the case of another."""
    if old.isupper() and len(old) > 1:
        return new.upper()
    return new[:1].upper() + new[1:] if old[:1].isupper() else new


def _in_a_name(text: str, found: re.Match[str]) -> bool:
    """Whether a word is capitalised where no sentence begins, as in a name."""
    before = text[: found.start()].rstrip(' "“(')
    return found[0][:1].isupper() and not found[0].isupper() and bool(before) and before[-1] not in ".!?:;"


_AUXILIARY_FIRST = re.compile(
    r"^\W*(?:(?:and|so|hi|hello|hey|please|ok|okay|well|thanks)\W+)*"
    r"(?:is|are|was|were|does|do|did|can|could|has|have|had|will|would|should|may|must)\b",
    re.IGNORECASE,
)


def asks_yes_or_no(text: str) -> bool:
    """Whether a text begins as a question that yes or no answers."""
    return bool(_AUXILIARY_FIRST.match(text))


@lru_cache(4096)
def _tokens(text: str) -> frozenset[str]:
    """The words of a text, of which a slow search needs one to begin."""
    return frozenset(_WORD.findall(text.lower()))


_WORD = re.compile(r"[^\W\d_]+")
_DIGIT = re.compile(r"\d")


# Numbers, units, dates, ordinals, versions, currencies

_MONTH_WORDS = frozenset(month.lower() for month in lexicons.MONTHS)
_MONTH = "|".join(lexicons.MONTHS)
_NUMBER = re.compile(
    r"(?<![\w.,:/$€£¥₹#-])(?<!version )(?<!release )(\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?)"
    rf"(?![\w:/-]|[.,]\d| ?(?:{_MONTH}|euros|dollars|pounds|yen)\b)"
)
_NUMBER_WORD = re.compile(r"\b(two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b(?!-)", re.IGNORECASE)
_YEAR = re.compile(
    r"(?<![\w.,:/$€£¥-])(1[0-9]{3}|20[0-9]{2})(?=s?\b)(?![.,:/-]?\d| (?:euros|dollars|pounds|people|km|kg)\b)"
)
_MONTHS = re.compile(
    rf"\b({_MONTH.replace('May|', '')})\b|(?<=\bin )(May)\b|(?<=\d )(May)\b|\b(May)(?= \d)|(?<=\bof )(May)\b"
)
_DAY = re.compile(rf"(?<![\w.:/-])([12]?\d|3[01])(?= (?:of )?(?:{_MONTH})\b)")
_DAY_AFTER = re.compile(rf"\b(?:{_MONTH}) ([12]?\d|3[01])(?![\w:/]|\.\d)")
_ORDINAL = re.compile(
    r"(?<!at )(?<![\w-])(?:(?P<digits>\d+)(?:st|nd|rd|th)|(?P<word>first|second|third|fourth|fifth|sixth|seventh|"
    r"eighth|ninth|tenth|eleventh|twelfth))(?![\w-]| name\b| of all\b| half\b)",
    re.IGNORECASE,
)
_VERSION = re.compile(
    r"\b(?:[Vv]ersion |[Rr]elease |v|v\. ?|[A-Z][\w+#]+ (?=\d+\.\d))(\d+(?:\.\d+){0,3})(?![\w/:%])(?!\.\d)"
)


def _numbers(text: str, part: str) -> Iterator[_Slot]:
    del part  # every number may stand in any part
    for found in _NUMBER.finditer(text) if _DIGIT.search(text) else ():
        if not _YEAR.fullmatch(found[0]) and not _DAY_AFTER.search(text[max(0, found.start() - 10) : found.end()]):
            yield _Slot(found.start(), found.end(), _other_numbers(found[0]))
    if _tokens(text).isdisjoint(lexicons.NUMBERS):
        return
    for found in _NUMBER_WORD.finditer(text):
        if not _in_a_name(text, found):
            others = (word for word in lexicons.NUMBERS[2:] if word != found[0].lower())
            yield _Slot(found.start(), found.end(), tuple(_like(word, found[0]) for word in others))


def _other_numbers(written: str) -> tuple[str, ...]:
    plain = written.replace(",", "")
    if "." in plain:
        value, places = float(plain), len(plain.partition(".")[2])
        others = (value * 2, value + 1, value / 2, value * 10, value + 10**-places)
        made = [f"{other:.{places}f}" for other in others]
    else:
        whole = int(plain)
        near = (whole + 1, whole - 1, whole * 2, whole // 2, whole * 10, whole + 5, whole + 10)
        made = [f"{other:,}" if "," in written else str(other) for other in near if other > 0]
    return tuple(dict.fromkeys(one for one in made if one != written))


def _years(found: str) -> tuple[str, ...]:
    year = int(found)
    return tuple(str(year + step) for step in (-20, -10, -3, -2, -1, 1, 2, 4, 10) if year + step < 2100)


def _dates(text: str, part: str) -> Iterator[_Slot]:
    del part
    if not _DIGIT.search(text) and _tokens(text).isdisjoint(_MONTH_WORDS):
        return
    for found in _YEAR.finditer(text):
        step = 10 if text[found.end() : found.end() + 1] == "s" else 0
        others = tuple(str(int(found[0]) + one) for one in (-20, -10, 10)) if step else _years(found[0])
        yield _Slot(found.start(), found.end(), others)
    for found in _MONTHS.finditer(text):
        yield _Slot(found.start(), found.end(), tuple(month for month in lexicons.MONTHS if month != found[0]))
    for pattern in (_DAY, _DAY_AFTER):
        for found in pattern.finditer(text):
            day = int(found[1])
            others = tuple(str(other) for other in (day - 7, day - 1, day + 1, day + 2, day + 10) if 0 < other < 29)
            yield _Slot(found.start(1), found.end(1), others)


_WEEKDAY = re.compile(rf"\b({'|'.join(lexicons.WEEKDAYS)})(?=s?\b)")
_NEAR_DAY = re.compile(r"\b(today|tomorrow|yesterday|weekdays|weekends)\b", re.IGNORECASE)
_DAYS = frozenset({"mon", "tue", "wed", "thu", "fri", "sat", "sun", "tod", "tom", "yes", "wee"})
_NEAR_DAYS = (("today", "tomorrow", "yesterday"), ("weekdays", "weekends"))


def _weekdays(text: str, part: str) -> Iterator[_Slot]:
    del part
    if not any(word[:3] in _DAYS for word in _tokens(text)):
        return
    for found in _WEEKDAY.finditer(text):
        yield _Slot(found.start(), found.end(), tuple(day for day in lexicons.WEEKDAYS if day != found[0]))
    for found in _NEAR_DAY.finditer(text):
        word = found[0].lower()
        row = next(row for row in _NEAR_DAYS if word in row)
        yield _Slot(found.start(), found.end(), tuple(_like(other, found[0]) for other in row if other != word))


def _ordinals(text: str, part: str) -> Iterator[_Slot]:
    del part
    if not _DIGIT.search(text) and _tokens(text).isdisjoint(lexicons.ORDINALS):
        return
    for found in _ORDINAL.finditer(text):
        if _in_a_name(text, found) or re.search(r"\b(?:a|per|each|every) $", text[: found.start()]):
            continue
        word = found["word"]
        place = int(found["digits"]) if found["digits"] else lexicons.ORDINALS.index(word.lower()) + 1
        near = [place + step for step in (-3, -2, -1, 1, 2, 3) if place + step > 0]
        if word:
            others = [_like(lexicons.ORDINALS[one - 1], word) for one in near if one <= len(lexicons.ORDINALS)]
        else:
            others = [lexicons.ordinal_in_digits(one) for one in near]
        yield _Slot(found.start(), found.end(), tuple(others))


def _versions(text: str, part: str) -> Iterator[_Slot]:
    del part
    for found in _VERSION.finditer(text) if _DIGIT.search(text) else ():
        numbers = [int(number) for number in found[1].split(".")]
        others = []
        for place, number in enumerate(numbers):
            steps = (-1, 1, 2) if number else (1, 2)
            others += [".".join(map(str, [*numbers[:place], number + step, *numbers[place + 1 :]])) for step in steps]
        yield _Slot(found.start(1), found.end(1), tuple(others))


_SAME_UNIT = (
    {"kg", "kilos", "kilograms"}, {"g", "grams"}, {"lb", "pounds"}, {"m", "metres"}, {"km", "kilometres"},
    {"mm", "millimetres"}, {"ml", "millilitres"}, {"GB", "gigabytes"}, {"MB", "megabytes"}, {"TB", "terabytes"},
    {"KB", "kilobytes"}, {"oz", "ounces"}, {"°C", "degrees Celsius"}, {"°F", "degrees Fahrenheit"},
    {"yearly", "annually"}, {"fortnights", "fortnight"}, {"miles"}, {"weeks"},
)  # fmt: skip


@cache
def _unit_words() -> tuple[re.Pattern[str], Mapping[str, str]]:
    """What finds a unit, and what each measures. In "in miles" no number stands before it."""
    measure = {unit: kind for kind, units in lexicons.units().items() for unit in units}

    def any_of(*kinds: str) -> str:
        units = (unit for unit, kind in measure.items() if kind in kinds)
        return "|".join(re.escape(unit) for unit in sorted(units, key=len, reverse=True))

    sizes = any_of("mass", "length", "volume", "data", "heat")
    found = re.compile(
        r"(?:\d ?|\b(?:two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|thirty|how many) )"
        rf"(?P<counted>{sizes}|{any_of('time')})(?!\w)|\bin (?P<size>{sizes})(?!\w)"
        rf"|\b(?P<alone>{any_of('rate', 'often')})\b|(?:\d-| one )(?P<one>{any_of('time_one')})\b"
    )
    return found, measure


def _units(text: str, part: str) -> Iterator[_Slot]:
    pattern, measure = _unit_words()
    for found in pattern.finditer(text):
        group = found.lastgroup or "counted"
        unit = found[group]
        same = next((row for row in _SAME_UNIT if unit in row), {unit})
        others = tuple(other for other in lexicons.units(part)[measure[unit]] if other not in same)
        if others:
            yield _Slot(found.start(group), found.end(group), others)


_NAME_BEFORE = re.compile(r"(?:[a-z,] |^)[A-Z][a-z]+ $")
_NAME_AFTER = re.compile(r" (?:[A-Z][a-z]+|[A-Z]{2,}\b)")
_MONEY_SIGN = re.compile(r"(?<!\w)[$€£¥₹₩₺](?=\d)")


def _currencies(text: str, part: str) -> Iterator[_Slot]:
    for found in _MONEY_SIGN.finditer(text) if _DIGIT.search(text) else ():
        others = tuple(sign for sign in lexicons.words("currency_sign", part) if sign != found[0])
        yield _Slot(found.start(), found.end(), others)
    for kind in ("currency", "currency_code"):
        yield from _of_set(text, kind, part)


def _of_set(text: str, kind: str, part: str) -> Iterator[_Slot]:
    """Slots of a set of names, of which every one may be replaced, by those of the part; none inside a longer name."""
    pattern, words = _set_pattern(kind)
    if words.isdisjoint(_tokens(text)):
        return
    for found in pattern.finditer(text):
        others = tuple(word for word in lexicons.words(kind, part) if word != found[0])
        if others and not (_NAME_BEFORE.search(text[: found.start()]) or _NAME_AFTER.match(text, found.end())):
            yield _Slot(found.start(), found.end(), others)


@cache
def _set_pattern(kind: str) -> tuple[re.Pattern[str], frozenset[str]]:
    """What finds the words of a set, and the words in lower case."""
    words = lexicons.every(kind)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(words)})(?![\w-])"), frozenset(map(str.lower, words))


def _places(text: str, part: str) -> Iterator[_Slot]:
    for kind in ("city", "country"):
        yield from _of_set(text, kind, part)


_FIRST_NAMES = frozenset(map(str.lower, invented.FIRST_NAMES + lexicons.COMMON_NAMES))
_FIRST_NAME = re.compile(rf"\b(?:{'|'.join(invented.FIRST_NAMES + lexicons.COMMON_NAMES)})(?=\b(?! ?[\u2019-]))")


def _persons(text: str, part: str) -> Iterator[_Slot]:
    del part
    if _tokens(text).isdisjoint(_FIRST_NAMES):
        return
    for found in _FIRST_NAME.finditer(text):
        yield _Slot(found.start(), found.end(), tuple(one for one in invented.FIRST_NAMES if one != found[0]))


# Words that take each other's place

_NOT_HERE: Mapping[str, re.Pattern[str]] = {
    kind: re.compile(pattern, re.IGNORECASE)
    for kind, pattern in {
        "extreme": r"\b(?<!the )(?:most|least)\b(?! (?:expensive|money)\b)|at (?:first|last|best|worst)\b|\blast\?"
        r"|\b(?:last (?:week|month|year|night|time)|(?:most|least) of|first (?:name|of all)|last (?:name|for|until)"
        r"|(?:it|they|does \w+|[a-z]+s) last)\b|\bbest way|top of",
        "opening": r"(?:annual|sick|parental|maternity|paternity|unpaid|paid|of|the|\d days?) leave\b|\bin the end\b"
        r"|\bend up\b|\bopen to\b|\bget started\b|\bweek ?end",
        "order": r"\bthe day before|\bafter all\b|\bnext to\b",
        "attribute": r"\b(?:speaks?|spoke|declares?) the language\b|\bin the name of\b"
        r"|\bname (?:a|an|the|one|two|three)\b",
        "owner": r"\b(?:in|to) my (?:opinion|knowledge|mind)\b|\bthank you for your\b|\bon my own\b",
        "audience": r"\b(?:only|an?) child\b|\bchildren of\b",
    }.items()
}
_NAMES_A_THING = re.compile(
    r"(?:\b(?:the|an?|its|my|your|his|her|their|what|which|and|or) |['\u2019]s? |^|: )\w+(?: \w+)?$|\bhow \w+ \w+$",
    re.IGNORECASE,
)
_NO_OWNER = frozenset({"his", "her", "their", "its"})
_LIMIT = re.compile(
    r"\b(over|under|above|below)(?= (?:[$€£]?\d|the age of|(?:ten|twenty|fifty|hundred|a hundred)\b))", re.IGNORECASE
)
_LIMITS = {"over": "under", "under": "over", "above": "below", "below": "above"}
_SWITCHED = re.compile(
    r"\b(?:turn|switch)(?:s|es|ed|ing)? (?:(?:the|my|your|a|this) )?(?:[\w-]+ ){1,3}?(on|off)\b(?! (?:the|my|a)\b)",
    re.IGNORECASE,
)
_IS_OPEN = re.compile(
    r"\b(?:is|are|was|stay|stays|be|remain) (?:[\w'\u2019&-]+ ){0,5}?(open|closed)\b(?! (?:source|to)\b)", re.IGNORECASE
)


@cache
def _words(kind: str, part: str) -> tuple[re.Pattern[str], Mapping[str, tuple[str, ...]], frozenset[str]]:
    """What finds the words of a kind, what may stand for each of them, and the words with which they begin."""
    others: dict[str, tuple[str, ...]] = {}
    for group in lexicons.groups(kind, part):
        for member in group:
            for place, form in enumerate(member):
                forms = tuple(one[min(place, len(one) - 1)] for one in group if one is not member)
                others[form] = others.get(form, ()) + forms
    longest = sorted(others, key=len, reverse=True)
    pattern = re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, longest))})(?![\w-])", re.IGNORECASE)
    return pattern, others, frozenset(_WORD.findall(form)[0] for form in others)


def _swaps(kind: str) -> Callable[[str, str], Iterator[_Slot]]:
    """A finder of the words of a kind."""

    def find(text: str, part: str) -> Iterator[_Slot]:
        pattern, others, first = _words(kind, part)
        if first.isdisjoint(_tokens(text)):
            return
        for found in pattern.finditer(text):
            if not (_in_a_name(text, found) or _refused(kind, text, found)):
                yield _Slot(found.start(), found.end(), tuple(_like(one, found[0]) for one in others[found[0].lower()]))

    return find


def _refused(kind: str, text: str, found: re.Match[str]) -> bool:
    """Whether a word is used in another sense than that of its kind."""
    if kind == "owner" and found[0].lower() in _NO_OWNER:
        return True
    if kind == "attribute" and not _NAMES_A_THING.search(text[: found.end()], max(0, found.start() - 12)):
        return True
    refused = _NOT_HERE.get(kind)
    around = refused.finditer(text) if refused else ()
    return any(one.start() <= found.start() < one.end() for one in around)


def _opposites(first: re.Pattern[str], others: Mapping[str, str], rest: str) -> Callable[[str, str], Iterator[_Slot]]:
    """A finder of the first group of a pattern, then of the words of a kind.

    It finds none in a question for yes or no: who knows whether it is open knows whether it is closed.
    """
    words = _swaps(rest)

    def find(text: str, part: str) -> Iterator[_Slot]:
        taken = set()
        if asks_yes_or_no(text):
            return
        for found in first.finditer(text) if not _tokens(text).isdisjoint(others) else ():
            taken.add(found.start(1))
            yield _Slot(found.start(1), found.end(1), (_like(others[found[1].lower()], found[1]),))
        yield from (slot for slot in words(text, part) if slot.start not in taken)

    return find


_ASKS_HOW = re.compile(r"^(?:\W*)(?:how|where|when|why)\b", re.IGNORECASE)


def asks_how(text: str) -> bool:
    """Whether a text begins as a question of how, where, when or why."""
    return bool(_ASKS_HOW.match(text))


_POLITE = re.compile(r"\b(?:can|could|would|may|should) (?:you|I (?:ask|have|get|know))\b", re.IGNORECASE)


def _modals(text: str, part: str) -> Iterator[_Slot]:
    """Modal verbs, but not those of "how can I", where another changes nothing, or of "can you tell me"."""
    if not asks_how(text) and not _POLITE.search(text):
        yield from _swaps("modality")(text, part)


# Roles, questions, directions, who does what to whom

_STANDINGS = {
    _TRAINING: ("former", "deputy", "next", "first"),
    "calibration": ("interim", "previous", "associate"),
    "test": ("acting", "assistant", "honorary", "outgoing"),
}
_ROLE = re.compile(
    r"(?<![\w-])(?:(?P<standing>former|deputy|next|acting|interim|previous|associate|assistant|honorary|outgoing|vice|"
    r"current|first|last)[ -])?(?P<role>president|CEO|CFO|CTO|director|chairman|chairwoman|chair|mayor|manager|"
    r"(?:prime )?minister|headmaster|principal|captain|coach|treasurer|secretary|governor|ambassador|champion|editor|"
    r"chancellor|dean|conductor|head of (?!the table))(?![\w-])",
)


def _standings(text: str, part: str) -> Iterator[_Slot]:
    for found in _ROLE.finditer(text):
        standing, role = found["standing"], found["role"]
        others = tuple(f"{one} {role}" for one in _STANDINGS[part] if one != standing)
        if not re.search(r"\b[Aa]n? $", text[: found.start()]):
            yield _Slot(found.start(), found.end(), others)


_ASKS = re.compile(r"\b(when|where|why)(?= (?:did|was|were|is|are|does|do|will|has|have)\b)", re.IGNORECASE)
_ASKED_KIND = re.compile(
    r"\b(?:what|which) (year|city|country|month|town)(?= (?:did|was|were|is|are|does|do|will|has)\b)", re.IGNORECASE
)
_AMOUNT = re.compile(r"\bhow (often|long)(?= (?:is|are|was|were|does|do|did)\b)", re.IGNORECASE)


def _interrogatives(text: str, part: str) -> Iterator[_Slot]:
    del part
    for pattern, row in (
        (_ASKS, ("when", "where", "why")),
        (_ASKED_KIND, ("year", "city", "country", "month")),
        (_AMOUNT, ("often", "long")),
    ):
        for found in pattern.finditer(text):
            word = found[1].lower()
            others = tuple(_like(one, found[1]) for one in row if one != word and {one, word} != {"city", "country"})
            yield _Slot(found.start(1), found.end(1), others)


_THING = r"(?:the |my |our |a )?[^\W\d][\w&'\u2019-]*(?: [A-Z][\w&'\u2019-]*)*"
_FROM_TO = re.compile(rf"\bfrom (?P<one>{_THING}) (?P<join>into|to) (?P<other>{_THING})(?=[\s?.,!;:]|$)")
_INTO = re.compile(
    r"\b(?i:convert|exchang|translat|upgrad|migrat|transfer)(?:e|es|s|ed|ing)? "
    rf"(?:money |files |data |texts? |\d[\d,.]* )?(?!from |to )"
    rf"(?P<one>{_THING}) (?P<join>into|to) (?P<other>{_THING})(?=[\s?.,!;:]|$)"
)


def _directions(text: str, part: str) -> Iterator[_Slot]:
    del part
    for pattern in (_FROM_TO, _INTO):
        for found in pattern.finditer(text):
            if found["one"].casefold() != found["other"].casefold():
                turned = f"{found['other']} {found['join']} {found['one']}"
                yield _Slot(found.start("one"), found.end("other"), (turned,))


_VERBS: Mapping[str, Mapping[str, str]] = {
    _TRAINING: {
        "acquired": "acquire", "bought": "buy", "beat": "beat", "taught": "teach", "married": "marry", "hired": "hire",
        "killed": "kill", "sued": "sue", "attacked": "attack", "invited": "invite", "painted": "paint",
        "influenced": "influence", "replaced": "replace", "employed": "employ", "funded": "fund", "chased": "chase",
        "recommended": "recommend", "elected": "elect", "supplied": "supply", "invaded": "invade",
    },
    "calibration": {
        "met": "meet", "followed": "follow", "saved": "save", "betrayed": "betray", "owned": "own", "helped": "help",
    },
    "test": {
        "defeated": "defeat", "succeeded": "succeed", "trained": "train", "conquered": "conquer", "advised": "advise",
        "accused": "accuse", "sponsored": "sponsor", "mentored": "mentor", "captured": "capture", "merged": "merge",
        "took over": "take over", "visited": "visit", "portrayed": "portray", "interviewed": "interview",
    },
}  # fmt: skip


@cache
def _voice_patterns(part: str) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str], Mapping[str, str]]:
    verbs = _VERBS[part]
    past, base = "|".join(verbs), "|".join(verbs.values())
    name = r"[A-Z][\w&\u2019'-]*(?: (?:[A-Z][\w&\u2019'-]*|of|the|de|van|von)(?= ))*(?: [A-Z][\w&\u2019'-]*)?"
    return (
        re.compile(rf"^(?P<who>Who|Which (?:company|person|team|country)) (?P<verb>{past}) (?P<whom>[^?]+?)\?"),
        re.compile(rf"^(?:Whom?|Which (?:company|person|team|country)) did (?P<who>[^?]+?) (?P<verb>{base})\?"),
        re.compile(
            rf"\b(?P<one>{name}) (?P<verb>(?:was |were |is )?(?:{past})(?: by)?) (?P<other>{name})(?![\w\u2019'])"
        ),
        {base: past for past, base in verbs.items()},
    )


def _voices(text: str, part: str) -> Iterator[_Slot]:
    active, reverse, said, past = _voice_patterns(part)
    if found := active.match(text):
        asked = "Whom" if found["who"] == "Who" else found["who"]
        turned = f"{asked} did {found['whom']} {_VERBS[part][found['verb']]}?"
        yield _Slot(0, found.end(), (turned,))
    if found := reverse.match(text):
        yield _Slot(0, found.end(), (f"Who {past[found['verb']]} {found['who']}?",))
    for found in said.finditer(text):
        if not found["one"].startswith(("Who", "Which", "What", "When", "The ", "In ")):
            yield _Slot(found.start(), found.end(), (f"{found['other']} {found['verb']} {found['one']}",))


_WITH = re.compile(r"\b(?:with(?! (?:[A-Z]|wh|me\b|you\b|it\b|us\b|regard|respect))|without)\b(?= \w)")
_DENIED = re.compile(
    r"\b(is|are|was|were|does|do|did|could|has|have|had|would|should|must)(?:n['\u2019]t| not)\b"
    r"|\b(can)(?:not|['\u2019]t)\b",
    re.IGNORECASE,
)
_DENIED_LATER = re.compile(
    r"\b(?:does|do|did|can|could|has|have|would|should|must|may|will) (?:[\w'\u2019&-]+ ){1,5}?(not )"
)
_WITH_PRONOUN = re.compile(
    r"\b(can|could|may|must|should|do|does|did|will|is|are|was|were|has|have|had) (I|i|you|we|they|he|she|it)\b"
)


def _negations(text: str, part: str) -> Iterator[_Slot]:
    """A denial put in or taken out; none in a question for yes or no, whose answer the denial does not change."""
    del part
    for joined in _WITH.finditer(text):
        other = "without" if joined[0].lower() == "with" else "with"
        yield _Slot(joined.start(), joined.end(), (_like(other, joined[0]),))
    if asks_yes_or_no(text) or text.lower().startswith("how "):
        return
    if found := _DENIED_LATER.search(text):
        yield _Slot(found.start(1), found.end(1), ("",))
    elif found := _DENIED.search(text):
        yield _Slot(found.start(), found.end(), (found[1] or found[2],))
    elif found := _WITH_PRONOUN.search(text):
        yield _Slot(found.start(), found.end(), (f"{found[1]} {found[2]} not",))
    elif denied := negated(text, random.Random(text)):  # noqa: S311 - which word denies it is of no matter
        yield _Slot(0, len(text), (denied,))


_FINDERS: Mapping[str, Callable[[str, str], Iterator[_Slot]]] = {
    "number": _numbers,
    "unit": _units,
    "date": _dates,
    "weekday": _weekdays,
    "ordinal": _ordinals,
    "version": _versions,
    "currency": _currencies,
    "place": _places,
    "person": _persons,
    "extreme": _swaps("extreme"),
    "comparison": _opposites(_LIMIT, _LIMITS, "comparison"),
    "switch": _opposites(_SWITCHED, {"on": "off", "off": "on"}, "switch"),
    "opening": _opposites(_IS_OPEN, {"open": "closed", "closed": "open"}, "opening"),
    "order": _swaps("order"),
    "voice": _voices,
    "direction": _directions,
    "relative": _swaps("relative"),
    "standing": _standings,
    "owner": _swaps("owner"),
    "negation": _negations,
    "modality": _modals,
    "attribute": _swaps("attribute"),
    "interrogative": _interrogatives,
    "audience": _swaps("audience"),
}
KINDS: tuple[str, ...] = tuple(_FINDERS)
