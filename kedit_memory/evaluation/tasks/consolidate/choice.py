"""Which edits of a store can become part of a model's weights, and why the others stay in the memory."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from kedit_memory.editors._keyvalue import KeyValueEditor
from kedit_memory.editors.base import Editor
from kedit_memory.errors import InvalidInputError
from kedit_memory.memory import EditMemory
from kedit_memory.memory.conflicts import prompt_key
from kedit_memory.records import DEFAULT_NAMESPACE, Edit, Kind

_AGE = re.compile(r"([0-9]{1,6})([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_FIELDS = ("subject", "relation", "kind", "target")  # what `where` means by a name; any other is a key of the metadata


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which edits are asked for: all that agree with every field that is given.

    Attributes:
        older_than: The least time since an edit was added.
        source: Its source, as it was given.
        where: Other fields (subject, relation, kind, target) or keys of its metadata, with the value of each as text.
        limit: The most edits, oldest first.
        namespace: Its namespace.
    """

    older_than: timedelta | None = None
    source: str | None = None
    where: Mapping[str, str] = field(default_factory=dict)
    limit: int | None = None
    namespace: str = DEFAULT_NAMESPACE

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise InvalidInputError(f"the limit is {self.limit}; give 1 or more, or leave it out for all")

    def includes(self, edit: Edit, now: datetime) -> bool:
        """Whether an edit is asked for."""
        if self.older_than is not None and now - datetime.fromisoformat(edit.created_at) < self.older_than:
            return False
        if self.source is not None and edit.source != self.source:
            return False
        return all(_value(edit, name) == value for name, value in self.where.items())


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The edits that are written, and those that were asked for and cannot be, each with the reason."""

    edits: tuple[Edit, ...]
    past: tuple[Edit, ...]  # those that the model holds already
    passed_over: tuple[tuple[Edit, str], ...]


def choose(
    memory: EditMemory, fingerprint: str, editor: Editor, wanted: Wanted, *, now: datetime | None = None
) -> Choice:
    """The edits of a store that qualify for the model of a fingerprint.

    Raises:
        InvalidInputError: none does; the message says why for the first that was passed over.
    """
    now = now or datetime.now(UTC)
    active = memory.all(namespace=wanted.namespace)
    held = memory.held_by(fingerprint, [edit.id for edit in active])
    rules = _Rules(active, held, needs_subject=isinstance(editor, KeyValueEditor), today=now.date().isoformat())
    asked = [edit for edit in active if wanted.includes(edit, now)]
    reasons = {edit.id: reason for edit in asked for reason in rules.against(edit)}
    edits = tuple(edit for edit in asked if edit.id not in reasons)[: wanted.limit]
    passed_over = tuple((edit, reasons[edit.id]) for edit in asked if edit.id in reasons)
    if not edits:
        first = f"; {passed_over[0][0].id} {passed_over[0][1]}" if passed_over else ""
        raise InvalidInputError(
            f"no edit qualifies: of {len(active):,} active ones in namespace {wanted.namespace!r} {len(asked):,} are "
            f"asked for and {len(passed_over):,} of these passed over{first}; add an edit, or ask for others"
        )
    return Choice(edits=edits, past=tuple(edit for edit in active if edit.id in held), passed_over=passed_over)


def age_of(text: str) -> timedelta:
    """The time that "12h", "30d" or "2w" means.

    Raises:
        InvalidInputError: the text means none.
    """
    found = _AGE.fullmatch(text.strip())
    if not found:
        raise InvalidInputError(f"{text!r} is no age; give a number of hours, days or weeks, such as 12h, 30d or 2w")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


class _Rules:
    """What keeps an edit that was asked for out of the weights."""

    def __init__(self, active: Sequence[Edit], held: frozenset[str], *, needs_subject: bool, today: str) -> None:
        self._held = held
        self._needs_subject = needs_subject
        self._today = today
        self._answers = Counter(prompt_key(edit.prompt) for edit in active)

    def against(self, edit: Edit) -> Iterator[str]:
        """The first reason, or nothing."""
        reasons = (reason for applies, reason in self._reasons(edit) if applies)
        if reason := next(reasons, None):
            yield reason

    def _reasons(self, edit: Edit) -> Iterator[tuple[bool, str]]:
        # Tuning leaves traces of the old answer that a cunning question finds; a refusal by the memory does not.
        yield edit.kind is Kind.ERASURE, "is an erasure: weights cannot be shown to have forgotten, the memory refuses"
        yield edit.id in self._held, "is in this model's weights already"
        yield edit.prompt == edit.target, "is a statement without a question that it answers"
        yield bool(edit.valid_until), f"holds only until {edit.valid_until}, and weights know no dates"
        yield (edit.valid_from or "") > self._today, f"holds only from {edit.valid_from} on"
        yield self._answers[prompt_key(edit.prompt)] > 1, "has a prompt that another active edit answers, too"
        lacks = self._needs_subject and (not edit.subject or edit.subject not in edit.prompt)
        yield lacks, "has no subject in its prompt, which this editor needs"


def _value(edit: Edit, name: str) -> str | None:
    value = getattr(edit, name) if name in _FIELDS else edit.metadata.get(name)
    return None if value is None else str(value)
