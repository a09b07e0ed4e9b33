"""Which edits are meant: one by its id, or those that have something in common, page by page."""

# ruff: noqa: S608 - what is joined into SQL is constants of this package; values are bound

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kedit_memory.errors import InvalidInputError, NotFoundError
from kedit_memory.memory.arguments import namespace_name, whole_number
from kedit_memory.memory.conflicts import relation_key, subject_key
from kedit_memory.memory.requests import day, metadata_of
from kedit_memory.memory.rows import Rows, looks_like_id, number_of, to_json
from kedit_memory.records import Edit, Status
from kedit_memory.text import LONGEST_NAME, clean_line

# A slot is the subject's key and the relation's, with this character between them.
_OF_RELATION = "CASE WHEN e.slot IS NULL THEN e.relation ELSE substr(e.slot, instr(e.slot, char(31)) + 1) END IN (?, ?)"
# No value that is asked for is missing or another; numbers are compared as numbers.
_OF_METADATA = (
    "NOT EXISTS (SELECT 1 FROM json_each(?) asked WHERE NOT EXISTS (SELECT 1 FROM json_each(e.metadata) held "
    "WHERE held.key = asked.key AND (held.value = asked.value OR asked.type = 'null') "
    "AND replace(held.type, 'real', 'integer') = replace(asked.type, 'real', 'integer')))"
)


def _status(value: str) -> tuple[str]:
    if value not in list(Status):
        raise InvalidInputError(f"status {value!r} is unknown (known: {', '.join(Status)})")
    return (str(value),)


def _relation(value: str) -> tuple[str, str]:
    relation = clean_line(value, "relation")
    return relation_key(relation), relation


# By the name of what is asked for: the condition on an edit `e`, and the values for its places.
_CONDITIONS: Mapping[str, tuple[str, Callable[[Any], tuple[object, ...]]]] = {
    "status": ("e.status = ?", _status),
    "namespace": ("e.namespace = ?", lambda value: (namespace_name(value),)),
    "subject": ("e.subject_key = ?", lambda value: (subject_key(clean_line(value, "subject")),)),
    "relation": (_OF_RELATION, _relation),
    "source": ("e.source = ?", lambda value: (clean_line(value, "source"),)),
    "metadata": (_OF_METADATA, lambda value: (to_json(metadata_of(value)),)),
    "since": ("e.created_at >= ?", lambda value: (day(value, "since"),)),
    "until": ("e.created_at < ?", lambda value: (day(value, "until"),)),
    "after": ("e.id > ?", lambda value: (number_of(value),)),
}


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What the edits of a list have in common; None leaves it open."""

    status: str | None = Status.ACTIVE
    namespace: str | None = None
    subject: str | None = None
    relation: str | None = None
    source: str | None = None
    metadata: Mapping[str, Any] | None = None
    since: str | None = None
    until: str | None = None
    after: str | None = None


def edits_chosen(rows: Rows, chosen: Chosen, limit: int | None) -> list[Edit]:
    """The edits of a list by id, `limit` of them at most.

    Raises:
        InvalidInputError: a value is not allowed.
        NotFoundError: `after` is no id.
    """
    asked = {
        sql: form(value) for name, (sql, form) in _CONDITIONS.items() if (value := getattr(chosen, name)) is not None
    }
    where = " AND ".join(asked) or "true"
    values = [value for formed in asked.values() for value in formed]
    if limit is None:
        return rows.edits(where, *values)
    # A page is read by id up to its last edit, unless an index knows the few edits of a subject.
    walked = "" if chosen.subject is not None else "NOT INDEXED"
    page = f"e.id IN (SELECT e.id FROM edits e {walked} WHERE {where} ORDER BY e.id LIMIT ?)"
    return rows.edits(page, *values, whole_number(limit, "limit", 1))


def edit_called(rows: Rows, edit_id: object, namespace: str | None) -> Edit:
    """The edit that has an id, the store's or its caller's: the active one, else the newest.

    Raises:
        InvalidInputError: no text, or edits of several namespaces have the id.
        NotFoundError: there is none, or it is of another namespace.
    """
    if not isinstance(edit_id, str):
        raise InvalidInputError(f"an edit's id is {type(edit_id).__name__}, not text; give one such as 'e12'")
    if looks_like_id(edit_id):
        edit = rows.edit(edit_id)
        if namespace is not None and edit.namespace != namespace:
            raise NotFoundError(f"{edit_id} is in namespace {edit.namespace!r}, not {namespace!r}; name that namespace")
        return edit
    given = clean_line(edit_id, "id", LONGEST_NAME) if edit_id.strip() else ""
    found = [one for one in rows.edits("e.given_id = ?", given) if namespace in (None, one.namespace)]
    if not found:
        raise NotFoundError(f"no edit {edit_id[:40]!r} in {rows.name}; see `kedit list`")
    if len(names := sorted({one.namespace for one in found})) > 1:
        raise InvalidInputError(
            f"edits of the namespaces {', '.join(map(repr, names))} have the id {given!r}; name one"
        )
    return max(found, key=lambda one: (one.status is Status.ACTIVE, number_of(one.id)))
