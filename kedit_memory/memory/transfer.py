"""Edits as lines of JSON, by which another store can take over all that one holds."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO, TypeGuard

from kedit_memory.errors import InvalidInputError, NotFoundError, StoreError
from kedit_memory.memory.formats import NamedRow
from kedit_memory.memory.requests import KeyText, StoredEdit, check_radius, request_of, validate, without_made_statement
from kedit_memory.memory.rows import EDIT_FIELDS, Rows, edit_fields, number_of, to_json
from kedit_memory.records import REQUEST_FIELDS, KeyKind, Status
from kedit_memory.text import clean


def export_lines(store: Rows, namespace: str | None) -> Iterator[str]:
    """All edits, of every status, one line each by id; equal stores give equal lines."""
    where, values = ("true", ()) if namespace is None else ("e.namespace = ?", (namespace,))
    for edit in store.edits(where, *values):
        keys = [{"kind": key.kind, "text": key.text, "radius": key.radius} for key in store.keys_of(edit.id)]
        yield to_json(edit_fields(edit) | {"keys": keys})


def write_lines(lines: Iterable[str], to: str | Path | TextIO) -> int:
    """Writes lines to a stream, or to a file that appears only when it is complete; their number.

    A file that is there keeps its mode, and what a link leads to is replaced, not the link.

    Raises:
        StoreError: the file cannot be written.
    """
    if not isinstance(to, (str, Path)):
        return sum(1 for line in lines if to.write(line + "\n"))
    path = Path(to).resolve() if Path(to).is_symlink() else Path(to)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with aside.open("w", encoding="utf-8", newline="\n") as stream:
            count = write_lines(lines, stream)
            stream.flush()
            os.fsync(stream.fileno())
        if path.exists():
            aside.chmod(path.stat().st_mode)
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise StoreError(f"{path} cannot be written ({error.strerror}); name another file") from error
    return count


def is_export(row: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether a row is a line of an export rather than a request."""
    return isinstance(row, Mapping) and "keys" in row and "status" in row


def completed(rows: Iterable[NamedRow]) -> list[NamedRow]:
    """Rows, with lines of earlier formats saying whether they hold: superseded ones did until their successor began."""
    named = list(rows)
    lines = {str(row.get("id")): row for _, row in named if is_export(row)}

    def complete(row: object) -> object:
        if not is_export(row) or "holds" in row:
            return row
        begins = lines.get(str(row.get("superseded_by")), {}).get("valid_from")
        ends = row.get("valid_until")
        before = isinstance(begins, str) and isinstance(ends, str) and ends <= begins
        return {**row, "holds": row["status"] == Status.ACTIVE or (row["status"] == Status.SUPERSEDED and before)}

    return [(where, complete(row)) for where, row in named]


def stored_edit(row: Mapping[str, Any], where: str) -> StoredEdit:
    """The edit that a line of an export describes.

    Raises:
        InvalidInputError: it is none, or a value is not allowed.
    """
    if unknown := sorted(map(str, set(row) - {*EDIT_FIELDS, "keys"})):
        raise InvalidInputError(f"{where}: unknown field {unknown[0]!r} in a line of an export")
    try:
        fields = {name: row.get(name) for name in REQUEST_FIELDS & set(EDIT_FIELDS)}
        request = request_of(fields | {"id": row.get("given_id")}, where)
        draft = validate(without_made_statement(request))
        edit = replace(
            draft.edit,
            id=str(row["id"]),
            status=Status(row["status"]),
            holds=row["holds"] is True,
            superseded_by=_reference(row.get("superseded_by")),
            part_of=_reference(row.get("part_of")),
            created_at=_moment(row["created_at"]),
            radius_fixed=row.get("radius_fixed") is True,
        )
        number_of(edit.id)
        keys = tuple(_key(key) for key in row["keys"])
    except InvalidInputError as error:
        message = str(error)
        raise InvalidInputError(message if message.startswith(where) else f"{where}: {message}") from None
    except (KeyError, TypeError, ValueError, AttributeError, NotFoundError) as error:
        raise InvalidInputError(f"{where}: no valid line of an export ({error})") from None
    if not any(key.kind is not KeyKind.REJECTED for key, _ in keys):
        raise InvalidInputError(f"{where}: an edit without keys; each needs its prompt as a key")
    return StoredEdit(edit=replace(edit, radius=max(radius for _, radius in keys)), keys=keys)


def _moment(value: str) -> str:
    datetime.fromisoformat(value)  # raises ValueError
    return value


def _reference(value: object) -> str | None:
    if value is None:
        return None
    return f"e{number_of(str(value))}"


def _key(given: Mapping[str, Any]) -> tuple[KeyText, float]:
    if given["kind"] not in list(KeyKind):
        raise InvalidInputError(f"key kind {given['kind']!r} (known: {', '.join(KeyKind)})")
    kind, radius = KeyKind(given["kind"]), check_radius(given["radius"])
    if kind is KeyKind.REJECTED and radius:
        raise InvalidInputError(f"radius {radius} of a rejected key, which reaches nothing; give 0")
    return KeyText(kind=kind, text=clean(given["text"], "key")), radius
