"""Words that exclude each other: a question with one of them is not answered by an edit with the other.

Besides the words of `opposite_words`: opposites within a frame, ways from one place to another, and what somebody does
or has done to them.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache

from kedit_memory.routing.guard.narrowing import (
    COUNT,
    IRREGULAR,
    RATE,
    UNIT,
    base,
    narrowed,
    slots_of,
    stem,
    told_units,
)
from kedit_memory.routing.guard.opposite_words import PAIRS, TOLD_BY_THE_OTHER
from kedit_memory.routing.guard.plain import NAME, hidden_names, language_of
from kedit_memory.routing.guard.reading import any_of

OPPOSITES, AMOUNTS = "opposites", "amounts"

# Opposites only where the same words stand around: "open an account" against "close an account".
_FRAMES = (
    (r"\b({}) (?:an?|the|my|our|your|his|her|their|another|this)\b", "open", "close"),
    (r"\b(?:do|does|did|will) (?:\S+ ){{1,4}}({})\b", "open", "close"),
    (r"\b(?:time|when|date)\b.{{0,40}} ({})\b", "opens", "closes"),
    (r"\bhow (?:do|can) i (?:\S+ ){{0,2}}({})\b", "join", "leave"),
    (r"\bwho (?:has |have )?({})\b", "won", "lost"),
    (r"\b({}) cards?\b", "debit", "credit"),
    (r"\bthe ({}) (\w+)", "most", "least"),
    (r"\b({}) (?!to)(\w+)", "previous", "next"),
    (r"\b({}) (?!of|to|and|or|in|year|night|week|month|time|long)(\w+)", "first", "last"),
)
_ARTICLES = r"(?:the |an? |my |our |your )?"
_PLACE = r"((?:[^\s?.!,;]+ ){0,3}?[^\s?.!,;]+)"
_END = (
    r"(?=[?.!,;]|$| (?:on|in|at|for|by|with|using|is|are|was|take|cost|and|or|do|does|per|when|how|via|through|if)\b)"
)
_FROM_TO = re.compile(rf"\b(?:from|out of) {_ARTICLES}{_PLACE} (?:and )?(?:in)?to {_ARTICLES}{_PLACE}{_END}")
_ARROW = re.compile(rf"{_PLACE} ?(?:→|⇒|[-=]?>) ?{_ARTICLES}{_PLACE}{_END}")
_INTO = re.compile(r"\b([^\W\d_]{2,}) (?:in)?to ([^\W\d_]{2,})\b")
_THAN = re.compile(rf"\b(\w+) (?:is |are |was )?((?:more |less )?\w+) than {_ARTICLES}(\w+)")
_WHO = r"(?:who(?:m|ever)?|wh(?:ich|at) \w+)"
_BE = r"(?:was|were|is|are|got|been|being|be)"
_NO_OBJECT = r"(?!(?:by|in|on|at|for|with|as|to|from|of|and|or|during|after|before|when)\b|\d)"
_PAST = rf"(?:\w{{2,}}ed|{any_of(IRREGULAR)})"
# What a name does, or has done to it, with the verb: "whom did it buy", "who bought it".
_ROLES = (
    ("doing", re.compile(rf"\b{_WHO} (?:did|does|do|has|have|had|will) {_ARTICLES}xx (\w+)")),
    ("doing", re.compile(rf"\b{_BE} (\w+) by {_ARTICLES}xx\b")),
    ("suffering", re.compile(rf"\b{_WHO} (?:has |have |had )?(\w+(?:ed|t|d|n|k|w)) {_ARTICLES}xx\b")),
    ("suffering", re.compile(rf"\bxx (?:\w+ )?(?:{_BE} )?(\w+) by\b")),
    ("doing", re.compile(rf"\bxx (?:has |have |had |later |first )?({_PAST}) {_NO_OBJECT}")),
    ("suffering", re.compile(rf"(?<!was )(?<!were )(?<!is )(?<!are )(?<!be )(?<!been )\b({_PAST}) {_ARTICLES}xx\b")),
    ("doing", re.compile(rf"\b(belong(?:s|ed)?) to {_ARTICLES}xx\b")),
    ("suffering", re.compile(r"\bxx (belong(?:s|ed)?) to\b")),
    ("suffering", re.compile(rf"\bby whom {_BE} {_ARTICLES}xx (\w+)")),
)
_WORD = re.compile(r"[^\W_]+(?:'(?!s\b)\w+)?")
_GREETING = re.compile(r"\bgood (?:morning|afternoon|evening)\b")  # tells no time
_REMEMBERED = 8192  # texts
_AT_HAND = 512  # texts whose words are looked at more than once
_FRAME, _ROLE = "frame", "role"  # begin slots
_OWN_SLOTS = (_FRAME, _ROLE)  # which only the question itself fills
_GOING_ON = re.compile(r"\W*(?:and|but|or|what about|how about)\b", re.IGNORECASE)
Side = tuple[str, str]  # which side of a slot a text is on, and in which words


def against(
    question: str, wordings: Sequence[str], names: tuple[str, ...], *, stating: bool = False, before: str = ""
) -> tuple[str, str, str] | None:
    """The first pair of opposites of which a question has one and every wording of an edit the other, as written.

    Before them whether they are `OPPOSITES`, or `AMOUNTS`, of which one may be reckoned from the other.

    Where the wording is a statement, `stating`, those do not count of which it may tell one by way of the other. What
    was said `before` a question counts where the question has nothing of the kind, and does not just go on ("And …?").
    """
    if not all(language_of(one) == "en" for one in (question, *wordings)):
        return None
    asked, stored = _sides(question, names), [_sides(one, names) for one in wordings]
    before = "" if _GOING_ON.match(question) else before
    if before:
        earlier = _sides(before, names)
        asked = {slot: one for slot, one in earlier.items() if not slot.startswith(_OWN_SLOTS)} | dict(asked)
    if stating and any(slot.startswith(UNIT) for slot in asked):
        units = (told_units(" ".join(_words(one, names))) for one in wordings)
        stored = [one | dict(sides) for one, sides in zip(units, stored, strict=True)]
    for slot, (side, said) in asked.items():
        if stating and (slot in _told_by_the_other() or slot.startswith(_FRAME)):
            continue
        others = [one.get(slot, (side, "")) for one in stored]
        if others and all(other != side for other, _ in others) and len({other for other, _ in others}) == 1:
            return AMOUNTS if slot.startswith((UNIT, RATE, COUNT)) else OPPOSITES, said, others[0][1]
    if told := narrowed(_words(question, names), [_words(one, names) for one in wordings]):
        return OPPOSITES, *told
    turned, ways = _ways(question) or _ways(before), [_ways(one) for one in wordings]
    for way in turned:
        back = (way[-1], *way[1:-1], way[0])
        if way[0] != way[-1] and ways and all(back in one and way not in one for one in ways):
            return OPPOSITES, " to ".join((way[0], way[-1])), " to ".join((way[-1], way[0]))
    return None


@lru_cache(_REMEMBERED)
def _sides(text: str, names: tuple[str, ...]) -> Mapping[str, Side]:
    """The slots of which a text has one side alone."""
    words = _words(text, names)
    folded, stemmed = " ".join(words), " ".join(map(stem, words))
    found: dict[str, list[Side]] = {}
    for match in _members().finditer(stemmed):
        slot, side = _slots()[match[0]]
        first = stemmed.count(" ", 0, match.start())
        found.setdefault(slot, []).append((side, " ".join(words[first : first + match[0].count(" ") + 1])))
    for frame in _framed():
        for match in frame.finditer(folded):
            found.setdefault(" ".join((_FRAME, frame.pattern, *match.groups()[1:])), []).append((match[1], match[1]))
    for slot, side, said in slots_of(folded):
        found.setdefault(slot, []).append((side, said))
    for role, pattern in _ROLES if NAME.casefold() in words else ():
        for match in pattern.finditer(folded):
            verb = base(match[1])
            found.setdefault(f"{_ROLE} {verb}", []).append((role, match[0].replace(NAME.casefold(), names[0])))
    return {slot: sides[0] for slot, sides in found.items() if len({side for side, _ in sides}) == 1}


@lru_cache(_AT_HAND)
def _words(text: str, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_WORD.findall(_GREETING.sub(" ", hidden_names(text, names).casefold()).replace("non-", "non")))


@lru_cache(_REMEMBERED)
def _ways(text: str) -> frozenset[tuple[str, ...]]:
    """From where to where a text goes, what becomes what, and what is more than what."""
    folded = text.casefold()
    patterns = (*((_FROM_TO, _INTO) if "to " in folded else ()), *((_THAN,) if " than " in folded else ()))
    found = {match.groups() for pattern in patterns for match in pattern.finditer(folded)}
    for match in _ARROW.finditer(folded) if ">" in folded or "→" in folded or "⇒" in folded else ():
        words = match[1].split()  # nothing says where the name before an arrow begins
        found |= {(" ".join(words[first:]), match[2]) for first in range(len(words))}
    return frozenset(found)


@cache
def _slots() -> dict[str, Side]:
    """The slot and the side of each word or phrase, by its stems."""
    return {
        " ".join(map(stem, phrase.split())): (slot, side.strip())
        for slot in (PAIRS + TOLD_BY_THE_OTHER).split("\n")
        for side in slot.split("|")
        for phrase in side.split(",")
        if slot
    }


@cache
def _told_by_the_other() -> frozenset[str]:
    return frozenset(TOLD_BY_THE_OTHER.split("\n"))


@cache
def _members() -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{any_of(_slots())})(?!\w)")


@cache
def _framed() -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(frame.format("|".join(sides))) for frame, *sides in _FRAMES)
