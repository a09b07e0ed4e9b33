"""Which edits answer the same question, and what becomes of the older one; pure functions.

Conflicts are decided on namespace, subject, relation and validity, never on similarity. An edit
whose subject or relation is unknown is compared by its prompt instead. Where an edit says that a name is
another of its subject, the two are one subject.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from kedit_memory.records import Edit, OnConflict, Status
from kedit_memory.text import fold


class Interval(NamedTuple):
    """Days from `start` to the day before `end`; None is open."""

    start: str | None
    end: str | None


@dataclass(frozen=True, kw_only=True)
class Resolution:
    """The older edit as it stands once the newer one is in."""

    edit: Edit
    verb: str  # supersede, or update when it only gives up some of its days
    part: Edit | None = None  # what is left of it before the newer one, where more is left after it; without id


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is compared to tell whether two edits answer the same question."""

    slot: str | None
    prompt_key: str
    subject_key: str | None


def subject_key(subject: str | None) -> str | None:
    """The folded subject, or None when it is unknown."""
    return (fold(subject) or None) if subject else None


def prompt_key(prompt: str) -> str:
    """The folded prompt without its closing punctuation."""
    return fold(prompt).rstrip("?!.。؟ ") or fold(prompt)


def relation_key(relation: str) -> str:
    """The folded relation, whose words may be joined by underscores."""
    return fold(relation.replace("_", " "))


def slot_of(subject: str | None, relation: str | None) -> str | None:
    """The slot of a subject and relation; None unless both are known."""
    about, asked = subject_key(subject), relation_key(relation or "")
    return f"{about}\x1f{asked}" if about and asked else None


def same_target(one: str | None, other: str | None) -> bool:
    """Whether two targets are one label; two erasures are."""
    if one is None or other is None:
        return one is other
    return prompt_key(one) == prompt_key(other)


def question_of(edit: Edit) -> Question:
    """What an edit is about, as its row stores it."""
    return Question(
        slot=slot_of(edit.subject, edit.relation),
        prompt_key=prompt_key(edit.prompt),
        subject_key=subject_key(edit.subject),
    )


def same_question(one: Question, other: Question) -> bool:
    """Whether two edits of one namespace fill the same slot."""
    if one.slot and other.slot:
        return one.slot == other.slot
    if one.prompt_key != other.prompt_key:
        return False
    return one.subject_key == other.subject_key or None in (one.subject_key, other.subject_key)


def questions_of(edit: Edit, names: Iterable[str]) -> list[Question]:
    """What an edit is about, as it is asked itself and under other names of its subject, in its prompt too."""
    own = question_of(edit)
    if own.subject_key is None:
        return [own]
    subjects = list(dict.fromkeys([own.subject_key, *(key for name in names if (key := subject_key(name)))]))
    prompts = [own.prompt_key, *(_renamed(own.prompt_key, old, new) for old in subjects for new in subjects)]
    asked = [
        Question(slot=slot_of(subject, edit.relation), prompt_key=prompt, subject_key=subject)
        for subject in subjects
        for prompt in dict.fromkeys(prompts)
    ]
    return list(dict.fromkeys([own, *asked]))


def _renamed(prompt: str, old: str, new: str) -> str:
    """A folded prompt with one name in the place of another; as it was where that does not stand in it."""
    return prompt if old == new else re.sub(rf"(?<!\w){re.escape(old)}(?!\w)", new.replace("\\", r"\\"), prompt)


def interval_of(edit: Edit) -> Interval:
    """The days that an edit is about."""
    return Interval(edit.valid_from, edit.valid_until)


def overlap(one: Interval, other: Interval) -> bool:
    """Whether the two have a day in common."""
    return _before(one.start, other.end) and _before(other.start, one.end)


def left_before(old: Interval, new: Interval) -> Interval | None:
    """The days of `old` before all of `new`, which overlaps it; None where there are none."""
    begun = new.start is not None and (old.start is None or old.start < new.start)
    return Interval(old.start, new.start) if begun else None


def left_after(old: Interval, new: Interval) -> Interval | None:
    """The days of `old` after all of `new`, which overlaps it; None where there are none."""
    outlasts = new.end is not None and (old.end is None or new.end < old.end)
    return Interval(new.end, old.end) if outlasts else None


def contradicts(new: Edit, old: Edit) -> bool:
    """Whether `old`, which answers the same question, gives another answer on a common day."""
    return old.holds and new.target != old.target and overlap(interval_of(new), interval_of(old))


def standing_against(edit: Edit, mates: Iterable[Edit], on_conflict: OnConflict) -> list[Edit]:
    """Those of the edits with the question of `edit` that answer it otherwise; none where both are to be kept."""
    return [] if on_conflict is OnConflict.KEEP_BOTH else [old for old in mates if contradicts(edit, old)]


def same(one: Edit, other: Edit) -> bool:
    """Whether two edits say the same: they were made at one moment, or both are active and hold at the same time.

    What was made at one moment is one edit, whatever has become of it here and there.
    """
    twins = one.status is other.status is Status.ACTIVE and (one.valid_from, one.valid_until) == (
        other.valid_from,
        other.valid_until,
    )
    return (one.created_at == other.created_at or twins) and all(
        getattr(one, name) == getattr(other, name)
        for name in (
            "namespace", "prompt", "target", "statement", "subject", "relation", "paraphrases", "aliases", "source",
            "metadata",
        )
    )  # fmt: skip


def superseded(old: Edit, new: Edit) -> Resolution:
    """What is left of `old` beside `new`, which takes the days of its own interval.

    The later days stay with the edit and leave it as it was: a fact of the past does not push out today's. Earlier days
    are kept as superseded, in a part of their own where there are later ones, too. With no day left it holds no more.
    """
    before, after = left_before(interval_of(old), interval_of(new)), left_after(interval_of(old), interval_of(new))
    gone = replace(old, status=Status.SUPERSEDED, superseded_by=new.id)
    if before is not None:
        gone = replace(gone, valid_until=before.end)
    if after is None:
        return Resolution(edit=gone if before else replace(gone, holds=False), verb="supersede")
    part = replace(gone, id="", part_of=old.part_of or old.id) if before else None
    return Resolution(edit=replace(old, valid_from=after.start), verb="update", part=part)


def _before(start: str | None, end: str | None) -> bool:
    return start is None or end is None or start < end
