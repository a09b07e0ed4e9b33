"""Edits and their keys as rows of tables and as lines of JSON."""

import dataclasses
import json
import re
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, get_type_hints

from kedit_memory.errors import NotFoundError
from kedit_memory.memory.conflicts import prompt_key, slot_of, subject_key
from kedit_memory.records import COMPUTED, REFERENCE, Edit, KeyKind, Kind, Status
from kedit_memory.sqlite import checksum

_ID = re.compile(r"e[0-9]{1,18}")


class _Form(NamedTuple):
    """How values of one type are written: as a column of a table, and as JSON."""

    to_column: Callable[[Any], Any]
    from_column: Callable[[Any], Any]
    to_json: Callable[[Any], Any]
    from_json: Callable[[Any], Any]


@dataclass(frozen=True, kw_only=True)
class Key:
    """One text by which an edit is found, or is not, without its vector."""

    id: int
    kind: KeyKind
    text: str
    radius: float


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """An edit with its keys at one moment, as history keeps it and undo restores it."""

    edit: Edit
    keys: tuple[Key, ...]


def looks_like_id(value: object) -> bool:
    """Whether a value has the form of the ids that a store gives."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def number_of(edit_id: str) -> int:
    """The row of an edit: "e17" is 17.

    Raises:
        NotFoundError: no id at all.
    """
    if not looks_like_id(edit_id):
        raise NotFoundError(f"no edit {str(edit_id)[:40]!r}; ids look like 'e17', see `kedit list`")
    return int(edit_id[1:])


def id_of(number: int) -> str:
    """How the edit of a row is called: 17 is "e17"."""
    return f"e{number}"


def edit_of(row: sqlite3.Row) -> Edit:
    """The edit in a row of `SELECT_EDIT`."""
    plain = {name: row[name] for name in _PLAIN}
    formed = {name: form.from_column(row[name]) for name, form in _FORMED.items()}
    return Edit(**plain, **formed, radius=row["radius"])


def row_of(edit: Edit) -> dict[str, Any]:
    """The columns of an edit, with their checksum; its id is None while it has none."""
    row = {name: getattr(edit, name) for name in _PLAIN}
    row |= {name: form.to_column(getattr(edit, name)) for name, form in _FORMED.items()}
    row |= {
        "slot": slot_of(edit.subject, edit.relation),
        "prompt_key": prompt_key(edit.prompt),
        "subject_key": subject_key(edit.subject),
    }
    return row | {"checksum": checksum(*(row[name] for name in CHECKED))}


def edit_fields(edit: Edit) -> dict[str, Any]:
    """An edit as JSON values."""
    fields = {name: getattr(edit, name) for name in EDIT_FIELDS}
    return fields | {name: form.to_json(fields[name]) for name, form in _FORMED.items()}


def edit_from(fields: Mapping[str, Any]) -> Edit:
    """The edit that `edit_fields` wrote down."""
    formed = {name: form.from_json(fields[name]) for name, form in _FORMED.items()}
    return Edit(**{**fields, **formed})


def snapshot_json(snapshot: Snapshot | None) -> str | None:
    """A snapshot as history stores it; floats come back to the last bit."""
    if snapshot is None:
        return None
    keys = [[key.id, key.kind, key.text, key.radius] for key in snapshot.keys]
    return to_json({"edit": edit_fields(snapshot.edit), "keys": keys})


def snapshot_from(text: str | None) -> Snapshot | None:
    """The snapshot that `snapshot_json` wrote."""
    if text is None:
        return None
    given = json.loads(text)
    keys = tuple(Key(id=k[0], kind=KeyKind(k[1]), text=k[2], radius=k[3]) for k in given["keys"])
    return Snapshot(edit=edit_from(given["edit"]), keys=keys)


def to_json(value: object) -> str:
    """Compact JSON with sorted keys, so that equal values give equal text."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _same(value: Any) -> Any:
    return value


_NUMBER = _Form(lambda name: number_of(name) if name else None, lambda n: None if n is None else id_of(n), _same, _same)
_FORMS: Mapping[Any, _Form] = {
    bool: _Form(int, bool, _same, bool),
    Kind: _Form(str, Kind, str, Kind),
    Status: _Form(str, Status, str, Status),
    tuple[str, ...]: _Form(to_json, lambda text: () if text == "[]" else tuple(json.loads(text)), list, tuple),
    Mapping[str, Any]: _Form(to_json, lambda text: {} if text == "{}" else json.loads(text), dict, dict),
}
_STORED = [one for one in dataclasses.fields(Edit) if one.metadata != COMPUTED]
_TYPES = get_type_hints(Edit)
_FORMED = {
    one.name: _NUMBER if one.metadata == REFERENCE else _FORMS[_TYPES[one.name]]
    for one in _STORED
    if one.metadata == REFERENCE or _TYPES[one.name] in _FORMS
}
_PLAIN = tuple(one.name for one in _STORED if one.name not in _FORMED)
EDIT_FIELDS = tuple(one.name for one in dataclasses.fields(Edit) if one in _STORED or one.name == "radius")  # in JSON
COLUMNS = (*(one.name for one in _STORED), "slot", "prompt_key", "subject_key")
CHECKED = COLUMNS[1:]  # what an edit's checksum is of: all but its number, which it gets when it is written
# An edit's radius is that of its widest key, so no column repeats it.
SELECT_EDIT = "SELECT e.*, (SELECT max(k.radius) FROM keys k WHERE k.edit_id = e.id AND k.live) AS radius FROM edits e"
