"""Which edits answer the same question, and what becomes of the older one; pure functions.

Conflicts are decided on namespace, subject, relation and validity, never on similarity. An edit
whose subject or relation is unknown is compared by its prompt instead.
"""

from dataclasses import dataclass, replace

from kedit_memory.records import Edit, Status
from kedit_memory.text import fold


@dataclass(frozen=True, kw_only=True)
class Resolution:
    """The older edit as it stands once the newer one is in."""

    edit: Edit
    verb: str  # supersede, or update when it only gives up a part of its interval


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


def slot_of(subject: str | None, relation: str | None) -> str | None:
    """The slot of a subject and relation; None unless both are known."""
    about, asked = subject_key(subject), fold((relation or "").replace("_", " "))
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


def overlap(one: Edit, other: Edit) -> bool:
    """Whether some day lies in both intervals [valid_from, valid_until)."""
    return _before(one.valid_from, other.valid_until) and _before(other.valid_from, one.valid_until)


def conflicts(new: Edit, old: Edit) -> bool:
    """Whether `old` gives another answer to the same question at a common time."""
    return (
        old.status is Status.ACTIVE
        and old.id != new.id
        and old.namespace == new.namespace
        and new.target != old.target
        and same_question(question_of(new), question_of(old))
        and overlap(new, old)
    )


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
    """What is left of `old` beside `new`, which holds throughout its own interval.

    When `new` ends before `old` does and `old` has no known earlier part, `old` stays active from
    that day on: a fact of the past does not push out the one of today. Otherwise `old` is
    superseded, and ends where `new` begins if that leaves it any time at all.
    """
    earlier = new.valid_from is not None and (old.valid_from or "") < new.valid_from
    outlasts = new.valid_until is not None and (old.valid_until is None or new.valid_until < old.valid_until)
    if outlasts and not (earlier and old.valid_from is not None):
        return Resolution(edit=replace(old, valid_from=new.valid_until), verb="update")
    ends = new.valid_from if earlier else old.valid_until
    edit = replace(old, status=Status.SUPERSEDED, superseded_by=new.id, valid_until=ends)
    return Resolution(edit=edit, verb="supersede")


def _before(start: str | None, end: str | None) -> bool:
    return start is None or end is None or start < end
