"""Words that narrow what is asked: a deputy head is not the head, nor my son's bike mine, nor miles kilometres.

Each is a closed class in a form that tells it; both texts have to have the thing that is narrowed.
"""

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import chain

import Stemmer

from kedit_memory.routing.guard.names import currencies, units
from kedit_memory.routing.guard.plain import SHORT_WORDS
from kedit_memory.routing.guard.reading import any_of, word_set

UNIT, RATE, COUNT = "unit", "rate", "count"  # begin the slots of what can be reckoned from one another
_REMEMBERED = 512  # texts, some 10 kB each
_STEMMER = Stemmer.Stemmer("english")

# What stands before an office, with other words for it.
_RANKS = {
    "deputy": "vice second", "vice": "deputy", "assistant": "deputy", "associate": "", "acting": "interim temporary",
    "interim": "acting temporary", "former": "previous ex past before earlier old", "previous": "former ex before last",
    "ex": "former previous", "honorary": "", "junior": "young", "senior": "older elderly", "trainee": "apprentice",
    "apprentice": "trainee", "substitute": "replacement", "outgoing": "",
}  # fmt: skip
_OWN = r"(?:my|our)"
_PERSONS = any_of(
    word_set("""
        son daughter child kid baby wife husband spouse partner mother father mum mom dad brother sister uncle aunt
        nephew niece cousin grandson granddaughter grandmother grandfather friend boss colleague neighbour neighbor
        girlfriend boyfriend flatmate roommate tenant landlord client employee
    """)
)
_OF_ANOTHER = (
    re.compile(rf"\b{_OWN} (?P<person>{_PERSONS}) s (?P<thing>\w+)"),
    re.compile(rf"\b(?P<thing>\w+) of {_OWN} (?P<person>{_PERSONS})\b"),
)
_OF_ONES_OWN = re.compile(rf"\b{_OWN} (?!(?:{_PERSONS})\b)(\w+)")
_COUNTED = re.compile(r"\b(?:how many|number of|in|into) ([a-z]{3,}s|feet)\b")
# The unit that is asked for by its sign, of what is measured and not just counted.
_SIGNED = re.compile(r"\bin ([a-z]{1,4}\d?)\b")
_PAID = re.compile(r"\b(?:in|how many) ([a-z]{3,})\b")
_MEASURES = word_set("mass length volume area")
_COMPARATIVES = {
    word: side
    for side, words in (
        (
            "more",
            "more bigger larger greater heavier longer higher taller older wider thicker deeper later hotter warmer",
        ),
        ("less", "less fewer smaller lighter shorter lower younger narrower thinner shallower earlier colder cooler"),
    )
    for word in words.split()
} | {"over": "more", "above": "more", "under": "less", "below": "less"}
_THAN = re.compile(
    r"\b(?:(?P<comparative>[a-z]+) than|"
    r"(?P<bound>over|above|under|below) the (?:size|weight|length|height|width|age|price) of) "
    r"(?:an? |the )?(?P<thing>[a-z]+)"
)
_MONTH_SECONDS = 30 * 86_400
_SPANS = {
    "hour": "hourly", "night": "nightly", "day": "daily", "week": "weekly", "month": "monthly", "quarter": "quarterly",
    "year": "yearly annual annually",
}  # fmt: skip
_ADVERBS = {adverb: span for span, adverbs in _SPANS.items() for adverb in adverbs.split()}
_RATE = re.compile(
    rf"\b(?:(?:per|an?|each|every) ({'|'.join(_SPANS)})(?! (?:of|to|past|before|after|in)\b)|({'|'.join(_ADVERBS)}))\b"
)
# One of a thing, or several, where a text asks or says how much it comes to.
_AMOUNT = re.compile(
    r"\b(?:how (?:much|long|heavy)|costs?|prices?|fees?|charged?|weighs?|worth|pays?|calories|takes?)\b"
)
_ONE_OF = re.compile(r"\b(?:an?|one|per|each|every) (?P<thing>[a-z]{3,})\b")
_SEVERAL = re.compile(
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|twelve|[2-9]|[1-9]\d+) (?P<thing>[a-z]{3,}s)\b"
)
_NO_THINGS = word_set("time times year years percent")
_PREFIXES = ("un", "dis", "non")
_SHORTEST = 4  # letters of what a prefix turns into its opposite
_NO_PREFIX = word_set("""
    unless unlike disappoint discharge disclose discount discover dismiss disorder dispatch display dispose distill
    distribute
""")
_NEGATIONS = word_set("not no never without nor neither cannot stop cease quit undo reverse")
_JOINING = re.compile(r"\b(joins?|joined|leaves?|left) (?:the|my|our|your|his|her|their|its|this|xx)\b")
# What one may or must; no month, no guess ("must have been"), and no time that one has ("how long do I have to …").
_TIME_LEFT = r"\bhow (?:long|many \w+|much \w+) (?:do|does|did|will) (?:\w+ ){1,3}?ha(?:ve|s) to\b"
_MODALITIES = (
    (
        "may",
        re.compile(
            r"(?<!\bin )(?<!\bof )(?<!\bon )(?<!\bby )(?<!\bsince )(?<!\buntil )(?<!\d )(?<!th )\b(may)"
            r"(?! (?:be|have|not|\d+)\b)|\b((?:allowed|permitted) to)\b"
        ),
    ),
    (
        "must",
        re.compile(
            rf"{_TIME_LEFT}|\b(must)(?! (?:be|have|not)\b)|\b(ha(?:ve|s) to)(?! be\b)|"
            r"\b((?:forced|obliged|obligated) to)\b"
        ),
    ),
)
_NO_NOUN = (
    r"(?:i|is|are|was|in|on|at|of|to|for|and|or|by|how|what|where|when|who|which|why|can|will|may|must|should|missing)"
    r"\b|do"
)
_THING = rf"(?P<thing>[a-z]+(?: (?!{_NO_NOUN})[a-z]+)?)"
_WITH = (
    re.compile(rf"\bwith(?P<out>out)? (?:an?|the|my|our|your|any) {_THING}\b"),
    re.compile(rf"\b(?:(?P<out>forgot|forgotten|lack|lacks)|took|brought) (?:an?|the|my|our|your) {_THING}\b"),
    re.compile(rf"\b(?:the |my |our |your )?{_THING} (?:is |are )?(?P<out>missing)\b"),
)
IRREGULAR = {  # forms of verbs, with their base
    form: base
    for base, forms in {
        "beat": "beaten", "buy": "bought", "build": "built", "choose": "chose chosen", "defeat": "defeated",
        "fight": "fought", "find": "found", "give": "gave given", "lead": "led", "make": "made", "pay": "paid",
        "sell": "sold", "send": "sent", "shoot": "shot", "steal": "stole stolen", "sue": "sued", "take": "took taken",
        "teach": "taught", "own": "belongs belonged", "write": "wrote written", "win": "won",
        "drive": "drove driven", "hold": "held",
    }.items()
    for form in forms.split()
}  # fmt: skip
# What is still to be done, and what has been.
_DONE = (
    ("ahead", re.compile(r"\b(?:will|going to|about to|plan to) (?!have\b|be\b)([a-z]{3,})\b")),
    ("over", re.compile(r"\b(?:have|has|ve) (?:already |just )?([a-z]+(?:ed|old|ught|ent|eft|ost|one|ade|en))\b")),
)
_TOLD = re.compile(r"\b\d+ ([a-z]+\d?)\b")


def slots_of(folded: str) -> Iterator[tuple[str, str, str]]:
    """What the slots of a text are narrowed to, in which words: whose a thing is, its unit, its span, to come or go."""
    for slots in (_owners, _asked_units, _measures, _manners):
        yield from slots(folded)
    yield from _counts(folded) if _AMOUNT.search(folded) else ()


def _owners(folded: str) -> Iterator[tuple[str, str, str]]:
    for pattern in _OF_ANOTHER:
        for found in pattern.finditer(folded):
            yield f"owner {stem(found['thing'])}", found["person"], found[0]
    for found in _OF_ONES_OWN.finditer(folded):
        yield f"owner {stem(found[1])}", "", found[0]


def _asked_units(folded: str) -> Iterator[tuple[str, str, str]]:
    """The units, and the money, in which a text asks for something."""
    for found in chain(_COUNTED.finditer(folded), _SIGNED.finditer(folded)):
        kind, size = units().get(found[1], ("", Fraction(0)))
        if kind == "months":
            kind, size = "duration", size * _MONTH_SECONDS
        if kind and (found.re is _COUNTED or kind in _MEASURES):
            yield f"{UNIT} {kind}", str(size), found[1]
    for found in _PAID.finditer(folded):
        if code := currencies().get(found[1]):
            yield f"{UNIT} money", code, found[1]


def _measures(folded: str) -> Iterator[tuple[str, str, str]]:
    for found in _THAN.finditer(folded):
        if side := _COMPARATIVES.get(found["comparative"] or found["bound"]):
            yield f"than {stem(found['thing'])}", side, found[0]
    for found in _RATE.finditer(folded):
        yield RATE, found[1] or _ADVERBS[found[2]], found[0]


def _manners(folded: str) -> Iterator[tuple[str, str, str]]:
    """To come or go, to be allowed or bound to do, with a thing or without."""
    for found in _JOINING.finditer(folded):
        yield "joining", found[1][0], found[1]
    for side, pattern in _MODALITIES:
        for found in pattern.finditer(folded):
            if any(found.groups()):
                yield "modality", side, found[0]
    for pattern in _WITH:
        for found in pattern.finditer(folded):
            yield f"with {stem(found['thing'])}", "out" if found["out"] else "", found[0]
    for side, pattern in _DONE:
        for found in pattern.finditer(folded):
            yield f"done {base(found[1])}", side, found[0]


def told_units(folded: str) -> dict[str, tuple[str, str]]:
    """In which unit a statement tells what is measured or paid: the slots of such amounts that have one unit alone."""
    found: dict[str, list[tuple[str, str]]] = {}
    for amount in _TOLD.finditer(folded):
        kind, size = units().get(amount[1], ("", Fraction(0)))
        if kind in _MEASURES:
            found.setdefault(f"{UNIT} {kind}", []).append((str(size), amount[0]))
        elif code := currencies().get(amount[1]):
            found.setdefault(f"{UNIT} money", []).append((code, amount[0]))
    return {slot: sides[0] for slot, sides in found.items() if len({side for side, _ in sides}) == 1}


def _counts(folded: str) -> Iterator[tuple[str, str, str]]:
    """Whether it is one of a thing that a text asks the amount of, or several."""
    for side, pattern in (("one", _ONE_OF), ("several", _SEVERAL)):
        for found in pattern.finditer(folded):
            if found["thing"] not in _NO_THINGS:
                yield f"{COUNT} {stem(found['thing'])}", side, found[0]


def narrowed(question: tuple[str, ...], wordings: Sequence[tuple[str, ...]]) -> tuple[str, str] | None:
    """How a question and all wordings of an edit differ in an office's rank or in a prefix; words in small letters."""
    asked = _Words.of(question)
    found = [_apart(asked, _Words.of(one)) for one in wordings]
    return found[0] if found and all(found) else None


class _Words:
    """The words of a text, their stems, and which offices it has with a rank and without."""

    def __init__(self, words: tuple[str, ...]) -> None:
        self.words = words
        self.stems = {stem(word): word for word in words}
        self.negates = not _NEGATIONS.isdisjoint(words) or any(word.endswith("n't") for word in words)
        self.ranked: dict[str, str] = {}  # rank, by the stem of the office
        self.bare: dict[str, str] = {}
        rank = ""
        for word in words:
            if word in _RANKS:
                rank = word
                continue
            if word not in SHORT_WORDS and len(word) > 2:
                (self.ranked if rank else self.bare)[stem(word)] = f"{rank} {word}".strip()
            rank = ""

    @staticmethod
    @lru_cache(_REMEMBERED)
    def of(words: tuple[str, ...]) -> "_Words":
        """Those of a text that may have been looked at before."""
        return _Words(words)


def _apart(asked: _Words, stored: _Words) -> tuple[str, str] | None:
    for one, other, turned in ((asked, stored, False), (stored, asked, True)):
        found = _rank(one, other) or _prefix(one, other)
        if found:
            return found[::-1] if turned else found
    return None


def _rank(one: _Words, other: _Words) -> tuple[str, str] | None:
    """An office that has a rank in one text, and none in the other."""
    for office, said in one.ranked.items():
        rank = said.split()[0]
        known = {stem(word) for word in (rank, *_RANKS[rank].split())}
        if office in other.bare and office not in {*one.bare, *other.ranked} and known.isdisjoint(other.stems):
            return said, other.bare[office]
    return None


def _prefix(one: _Words, other: _Words) -> tuple[str, str] | None:
    """A word that a prefix turns into its opposite in one text, and not in the other, which negates nothing."""
    for word in one.words if not other.negates else ():
        prefix = next((prefix for prefix in _PREFIXES if word.startswith(prefix)), None)
        base = word[len(prefix) :] if prefix else ""
        if len(base) < _SHORTEST or any(map(word.startswith, _NO_PREFIX)):
            continue
        bare = stem(base)
        if bare in other.stems and bare not in one.stems and stem(word) not in other.stems:
            return word, other.stems[bare]
    return None


def base(verb: str) -> str:
    """What the forms of an English verb share, the irregular ones among them."""
    return stem(IRREGULAR.get(verb, verb))


@lru_cache(1 << 16)
def stem(word: str) -> str:
    """What the forms of an English word share."""
    return str(_STEMMER.stemWord(word))
