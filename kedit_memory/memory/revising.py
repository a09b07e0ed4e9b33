"""What an edit becomes when some of its fields are changed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypedDict

from kedit_memory.errors import InvalidInputError
from kedit_memory.memory.requests import Draft, validate, without_made_statement
from kedit_memory.memory.rows import Snapshot
from kedit_memory.records import Edit, EditRequest, Kind, Status
from kedit_memory.text import clean


class EditFields(TypedDict, total=False):
    """The optional fields of a new edit."""

    subject: str | None
    relation: str | None
    statement: str | None
    paraphrases: Sequence[str]
    aliases: Sequence[str]
    radius: float | None
    valid_from: str | None
    valid_until: str | None
    source: str | None
    namespace: str
    metadata: Mapping[str, Any]
    kind: Kind | None


class EditChanges(TypedDict, total=False):
    """The fields that `update` can change; None takes a value away."""

    prompt: str
    target: str | None
    subject: str | None
    relation: str | None
    statement: str | None
    paraphrases: Sequence[str]
    aliases: Sequence[str]
    radius: float | None
    valid_from: str | None
    valid_until: str | None
    source: str | None
    metadata: Mapping[str, Any]


def revised(before: Snapshot, changes: EditChanges) -> Draft:
    """The validated edit that `changes` make of one, with its id and time.

    A statement that was made from the rest is made again; an edit that is a statement alone changes
    as a whole. A radius that was given stays; None hands it back to the rules of scope.

    Raises:
        InvalidInputError: the edit is not active, nothing is changed, or a value is not allowed.
    """
    old = before.edit
    if old.status is not Status.ACTIVE:
        raise InvalidInputError(f"{old.id} is {old.status}; only an active edit is updated, add anew")
    if unknown := sorted(set(changes) - set(EditChanges.__annotations__)):
        known = ", ".join(sorted(EditChanges.__annotations__))
        raise InvalidInputError(f"{unknown[0]!r} cannot be updated (known: {known})")
    if not changes:
        raise InvalidInputError(f"nothing to change in {old.id}; give a field such as target")
    fields = _kept(before) | dict(changes) | _whole_statement(old, changes)
    fields = {name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()}
    if fields["target"] is None:
        fields["kind"] = Kind.ERASURE
    draft = validate(EditRequest(**fields), created_at=old.created_at)
    kind = draft.edit.kind
    if kind is not Kind.ERASURE:
        kind = Kind.MODIFICATION if old.kind is Kind.ERASURE else old.kind
    return replace(draft, edit=replace(draft.edit, id=old.id, kind=kind))


def _kept(before: Snapshot) -> dict[str, Any]:
    """The fields of an edit as a request would give them."""
    old = before.edit
    fields: dict[str, Any] = {
        name: getattr(old, name)
        for name in (
            "prompt", "target", "subject", "relation", "paraphrases", "aliases", "valid_from",
            "valid_until", "source", "namespace", "metadata",
        )
    }  # fmt: skip
    fields["radius"] = old.radius if old.radius_fixed else None
    kind = Kind.ERASURE if old.target is None else None
    whole = EditRequest(**fields, statement=old.statement, kind=kind)
    return fields | {"statement": without_made_statement(whole).statement}


def _whole_statement(old: Edit, changes: EditChanges) -> dict[str, str | None]:
    """For an edit that is a statement alone: the new text in all three places."""
    text = changes.get("statement") or changes.get("target") or changes.get("prompt")
    if text is None or old.statement != old.target or old.prompt != clean(old.statement, "statement"):
        return {}
    if {"prompt", "target"} <= set(changes):
        return {"statement": changes.get("statement")}
    return {"prompt": text, "target": text, "statement": text}
