"""Questions about another time than today: read without it, for the edits that held then.

An edit that names the days on which it holds answers what is asked about one of them; its own words say nothing of
when, so that nothing in them needs to agree. An edit without such days, and one in whose words a year stands, is
compared with the question as it was asked.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache

from kedit_memory.memory.conflicts import Interval, interval_of, overlap, question_of, same_question
from kedit_memory.questions import core, is_question
from kedit_memory.records import Edit
from kedit_memory.routing.guard.narrowing import stem
from kedit_memory.routing.guard.values import values_in
from kedit_memory.routing.link import Linker
from kedit_memory.routing.question import Candidate, Question, Weighed
from kedit_memory.routing.when import When, when

_YEAR = "year"
_DAYS = frozenset({_YEAR, "month", "day", "date", "quarter", "season"})  # kinds of the guard's values
# What points back to a time that a turn names.
_THEN = re.compile(
    r",?\s*\b(?:back then|then(?=\W*$)|at (?:that|the) (?:time|point)|"
    r"(?:in|during) (?:that|the same) (?:year|month|quarter|time|period)|on that (?:day|date)|in those days)\b",
    re.IGNORECASE,
)
_NOW = re.compile(
    r"\b(?:(?:who|what|where)['\u2019]s|is|are|do|does|has|have|will|now|today|currently)\b", re.IGNORECASE
)
_WORD = re.compile(r"[\w'-]+")
_TENSES = {
    **dict.fromkeys(("is", "are", "was", "were"), "be"),
    **dict.fromkeys(("do", "does", "did"), "do"),
    **dict.fromkeys(("has", "have", "had"), "have"),
}
_REMEMBERED = 4096  # texts; the wordings of an edit are read again with each question
_WILL_BE = re.compile(r"\bwill be\b")
_GOING_ON = re.compile(r"^(?:(?:and|so|but|then|what about|how about)\b\W*)+|\W+", re.IGNORECASE)


def by_time(question: Question, said: Sequence[str], linker: Linker, today: str) -> list[Question]:
    """A question as it stands, and where it or a turn names a time, also without that.

    Args:
        question: a reading, with the turns that it is read with.
        said: all turns before it, of which any may name the time that "then" means.
        linker: finds names; a year in one is no time.
        today: the day on which it is asked.
    """
    time = when(question.text, today)
    if time is not None:
        if _is_name(question.text, time, linker):
            return [question]
        read = _without(question, time, today)
    else:
        time = _of_turns(question, said, today)
        if time is None:
            return [question]
        read = replace(question, text=_THEN.sub("", question.text), turns=_timeless(question.turns, today))
    return [replace(question, when=time), replace(read, when=time, dated=True)]


def asked_alike(question: Question, edit: Edit) -> bool:
    """Whether a question without its time is a wording of an edit but for the tense."""
    if not question.dated:
        return False
    asked = _tenseless(question.text)
    return any(_tenseless(one) == asked for one in (edit.prompt, *edit.paraphrases))


def in_time(question: Question, candidate: Candidate) -> bool:
    """Whether an edit may answer this reading of a question, by the days on which it holds."""
    time, edit = question.when, candidate.match.edit
    if time is None:
        return True
    told, held = _days_in(edit), interval_of(edit)
    always = held == Interval(None, None)
    if question.dated:
        return not always and not told
    return always or _YEAR in told or (bool(told) and overlap(held, _interval(time)))


def longest_held(question: Question) -> Question:
    """The question; of edits that answer alike and held in its time, the one that did on most days comes first."""
    if question.when is None or not question.dated or not question.weighed:
        return question
    best, time = question.best, _interval(question.when)
    asked = question_of(best.edit)
    alike = [one for one in question.weighed if not one.differs and same_question(asked, question_of(one.edit))]
    if len(alike) < 2:
        return question
    chosen = max(alike, key=lambda one: _common(interval_of(one.edit), time))
    others = [one for one in question.weighed if one is not chosen]
    return replace(question, weighed=(Weighed(candidate=chosen.candidate, score=best.score), *others))


def _is_name(text: str, time: When, linker: Linker) -> bool:
    """Whether what looks like a time is part of a name: "in 1984" may be said of the novel."""
    names = [one for one in linker.read(text, fuzzy=False).mentions if one.start < time.end and time.start < one.end]
    return any(one.end >= time.end or any(map(str.isdigit, one.surface)) for one in names)


def _without(question: Question, time: When, today: str) -> Question:
    """A question without its time; one that is nothing else goes on with what was asked before: "And in 2024?"."""
    if _GOING_ON.sub("", time.rest) or not question.turns:
        text = _WILL_BE.sub("is", time.rest)  # what is to be is what it will be then
        return replace(question, text=text, turns=_timeless(question.turns, today))
    asked = next((turn for turn in reversed(question.turns) if is_question(turn)), question.turns[-1])
    return replace(question, text=_timeless((asked,), today)[0], turns=())


def _of_turns(question: Question, said: Sequence[str], today: str) -> When | None:
    """The latest time that a turn names, where the question points back to it, or leans on turns and not on now."""
    then = _THEN.search(question.text)
    if then is None and (not question.turns or _NOW.search(question.text)):
        return None
    return next((time for turn in reversed(said) if (time := when(turn, today))), None)


def _timeless(turns: Sequence[str], today: str) -> tuple[str, ...]:
    return tuple(time.rest if (time := when(turn, today)) else turn for turn in turns)


def _days_in(edit: Edit) -> set[str]:
    """The kinds of days that the wordings of an edit name."""
    names = tuple(edit.names)
    return {value.kind for text in (edit.prompt, *edit.paraphrases) for value in values_in(text, names)} & _DAYS


@lru_cache(_REMEMBERED)
def _tenseless(text: str) -> tuple[str, ...]:
    return tuple(_TENSES.get(word) or stem(word) for word in _WORD.findall(core(text).casefold()))


def _interval(time: When) -> Interval:
    """The days of a time, without its end, as edits have theirs."""
    last = date.fromisoformat(time.last)
    return Interval(time.first, None if last == date.max else (last + timedelta(1)).isoformat())


def _common(one: Interval, time: Interval) -> tuple[int, str]:
    """On how many days of a time an edit held; of equals the one that began later counts for more."""
    first = max(one.start or "", time.start or "")
    ends = [end for end in (one.end, time.end) if end]
    end = date.fromisoformat(min(ends)) if ends else date.max
    return (end - date.fromisoformat(first)).days, first
