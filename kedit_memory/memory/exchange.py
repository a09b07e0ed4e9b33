"""Edits as lines of JSON: reading what users bring, writing what another store can take over."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from kedit_memory.errors import InvalidInputError, NotFoundError, StoreError
from kedit_memory.memory.add import KeyText, StoredEdit, check_radius, request_of, validate, without_made_statement
from kedit_memory.memory.rows import edit_fields, number_of, to_json
from kedit_memory.memory.store import Store
from kedit_memory.records import KeyKind, Status
from kedit_memory.text import clean

_STATE = ("id", "keys", "status", "superseded_by", "created_at", "radius_fixed")


def read_lines(path: Path) -> Iterator[tuple[str, object]]:
    """Each line of a JSONL file with its name ("line 3"); a line that cannot be read is an error.

    Empty lines are passed over. What is wrong with a line is given in its place, so that a caller
    who accepts a part of a file can go on.

    Raises:
        NotFoundError: there is no such file.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise NotFoundError(f"{path} cannot be read ({error.strerror}); name a JSONL file") from error
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if line.strip():
            yield f"line {number}", _parsed(line, number)


def export_lines(store: Store, namespace: str | None) -> Iterator[str]:
    """All edits, of every status, one line each by id; equal stores give equal lines."""
    where, values = ("1", ()) if namespace is None else ("e.namespace = ?", (namespace,))
    for edit in store.edits(where, *values):
        keys = [{"kind": key.kind, "text": key.text, "radius": key.radius} for key in store.keys_of(edit.id)]
        yield to_json(edit_fields(edit) | {"keys": keys})


def write_lines(lines: Iterable[str], to: str | Path | TextIO) -> int:
    """Writes lines to a stream, or to a file that appears only when it is complete; their number.

    Raises:
        StoreError: the file cannot be written.
    """
    if not isinstance(to, (str, Path)):
        return sum(1 for line in lines if to.write(line + "\n"))
    path = Path(to)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with aside.open("w", encoding="utf-8", newline="\n") as stream:
            count = write_lines(lines, stream)
            stream.flush()
            os.fsync(stream.fileno())
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise StoreError(f"{path} cannot be written ({error.strerror}); name another file") from error
    return count


def is_export(row: object) -> bool:
    """Whether a row is a line of an export rather than a request."""
    return isinstance(row, Mapping) and "keys" in row and "status" in row


def stored_edit(row: object, where: str) -> StoredEdit:
    """The edit that a line of an export describes.

    Raises:
        InvalidInputError: it is none, or a value is not allowed.
    """
    if not isinstance(row, Mapping) or not is_export(row):
        raise InvalidInputError(f"{where}: no line of an export; do not mix exports and requests")
    fields = {name: value for name, value in row.items() if name not in _STATE}
    try:
        fixed = row.get("radius_fixed") is True
        draft = validate(without_made_statement(request_of(fields, where)))
        edit = replace(
            draft.edit,
            id=str(row["id"]),
            status=Status(row["status"]),
            superseded_by=_reference(row.get("superseded_by")),
            created_at=_moment(row["created_at"]),
            radius_fixed=fixed,
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


def stored_edits(rows: Iterable[tuple[str, object]]) -> list[StoredEdit]:
    """All lines of an export, each id once.

    Raises:
        InvalidInputError: a line is none, or an id comes twice.
    """
    found: dict[str, StoredEdit] = {}
    for where, row in rows:
        stored = stored_edit(row, where)
        if stored.edit.id in found:
            raise InvalidInputError(f"{where}: id {stored.edit.id} comes twice; remove one line")
        found[stored.edit.id] = stored
    return list(found.values())


def _parsed(line: bytes, number: int) -> object:
    try:
        return json.loads(line.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        return InvalidInputError(f"line {number}: not UTF-8; save the file as UTF-8")
    except (ValueError, RecursionError) as error:
        return InvalidInputError(f"line {number}: no JSON ({error}); give one object a line")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not allowed")


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
