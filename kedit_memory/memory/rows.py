"""Edits and their keys as rows of tables, as one connection sees them, and as lines of JSON."""

# ruff: noqa: S608 - what is joined into SQL is constants of this package; values are bound

import dataclasses
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias, get_type_hints

import numpy as np

from kedit_memory.errors import NotFoundError, StoreError
from kedit_memory.memory.conflicts import (
    Question,
    prompt_key,
    question_of,
    questions_of,
    same_question,
    slot_of,
    subject_key,
)
from kedit_memory.memory.database import Connection, Database, Row
from kedit_memory.memory.radius import DEFAULT_RADIUS
from kedit_memory.memory.subjects import is_unnamed
from kedit_memory.records import COMPUTED, REFERENCE, Edit, Flags, Floats, Ids, KeyKind, Kind, Status, Vectors
from kedit_memory.sqlite import checksum
from kedit_memory.text import name_key

_DAMAGED = (ValueError, TypeError, LookupError, RecursionError)  # what a value that was altered leads to
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


def edit_of(row: Row) -> Edit:
    """The edit in a row of `SELECT_EDIT`.

    Raises:
        StoreError: the row is damaged.
    """
    try:
        plain = {name: row[name] for name in _PLAIN}
        formed = {name: form.from_column(row[name]) for name, form in _FORMED.items()}
    except _DAMAGED as error:
        raise StoreError(f"edit {id_of(row['id'])} is damaged ({error}); restore a backup, or purge it") from error
    return Edit(**plain, **formed, radius=row["radius"])


def row_of(edit: Edit) -> dict[str, Any]:
    """The columns of an edit, with their checksum; its id is None while it has none."""
    row = {name: getattr(edit, name) for name in _PLAIN}
    row |= {name: form.to_column(getattr(edit, name)) for name, form in _FORMED.items()}
    row |= {
        "slot": slot_of(edit.subject, edit.relation),
        "prompt_key": prompt_key(edit.prompt),
        "subject_key": subject_key(edit.subject),
        "unnamed": is_unnamed(edit.subject, edit.prompt, edit.statement),
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
    """The snapshot that `snapshot_json` wrote.

    Raises:
        StoreError: the text is damaged.
    """
    if text is None:
        return None
    try:
        given = json.loads(text)
        keys = tuple(Key(id=k[0], kind=KeyKind(k[1]), text=k[2], radius=k[3]) for k in given["keys"])
        return Snapshot(edit=edit_from(given["edit"]), keys=keys)
    except _DAMAGED as error:
        raise StoreError(f"history is damaged ({error}); run kedit verify, and restore a backup") from error


def unaltered(change: Row) -> bool:
    """Whether a row of `changes`, with its verb, edit, both sides and checksum, is as it was written."""
    values = (change["verb"], change["edit_id"], change["before"], change["after"])
    return bool(change["checksum"] == checksum(*values))


_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def to_json(value: object) -> str:
    """Compact JSON with sorted keys, so that equal values give equal text."""
    return _ENCODER.encode(value)


def _same(value: Any) -> Any:
    return value


_NUMBER = _Form(lambda name: number_of(name) if name else None, lambda n: None if n is None else id_of(n), _same, _same)
_FORMS: Mapping[Any, _Form] = {
    bool: _Form(bool, bool, _same, bool),
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
COLUMNS = (*(one.name for one in _STORED), "slot", "prompt_key", "subject_key", "unnamed")
CHECKED = COLUMNS[1:]  # what an edit's checksum is of: all but its number, which it gets when it is written
# An edit's radius is that of its widest key, so no column repeats it.
SELECT_EDIT = "SELECT e.*, (SELECT max(k.radius) FROM keys k WHERE k.edit_id = e.id AND k.live) AS radius FROM edits e"
# Of a namespace (?1) what holds on some day of a time (?2), which is its first and its last day: 2022-01-01/2022-12-31.
HOLDS = """
    e.namespace = ?1 AND e.holds
    AND (e.valid_from IS NULL OR e.valid_from <= substr(?2, 12))
    AND (e.valid_until IS NULL OR substr(?2, 1, 10) < e.valid_until)
"""
# Keys of edits that some question, of today or of another day, may still find.
SEARCHED = "k.live AND k.kind <> 'rejected'"
RECALLABLE = f"e.holds AND {SEARCHED}"
_NOTES = "SELECT name, value, checksum = checksum_of(name, value) FROM meta"
LAST = "SELECT coalesce(max(seq), 0) FROM operations"
ANY_REJECTED = "SELECT 1 FROM keys WHERE live AND kind = 'rejected' LIMIT 1"
ANY_EXPANDED = (
    f"SELECT 1 FROM keys k CROSS JOIN edits e ON e.id = k.edit_id WHERE k.live AND k.radius > {DEFAULT_RADIUS} "
    "AND NOT e.radius_fixed LIMIT 1"
)
ANY_SUBJECTLESS = "SELECT 1 FROM edits WHERE subject_key IS NULL AND status = 'active' LIMIT 1"
UNSCRUBBED = "unscrubbed"
# Subjects that go by a name, and the names that edits give to the subject of that name.
_OTHER_NAMES = """
    SELECT subject AS name FROM names WHERE namespace = ?1 AND name = ?2
    UNION SELECT other.surface FROM names own CROSS JOIN names other
        ON other.namespace = own.namespace AND other.subject = own.subject
        WHERE own.namespace = ?1 AND own.name = ?2 AND own.surface = own.subject
"""
_MOST_NAMES = 16  # of a subject, under which others are looked for
EVERY = 2**62  # a limit that lets all through


Made: TypeAlias = tuple[str | None, ...]  # name, revision and dimension of what made vectors


class Keys(NamedTuple):
    """Keys in order of id."""

    ids: Ids
    vectors: Vectors
    radii: Floats
    unnamed: Flags  # whether a question need not name the subject of their edits


class Rows:
    """The rows of a store as one connection sees them."""

    def __init__(self, database: Database, connection: Connection) -> None:
        self.database = database
        self.name = database.name
        self.connection = connection
        self._known: dict[str, Any] = {}  # what need not be read again while nobody has written
        self._version: object = None

    def refresh(self) -> None:
        """Reads anew what is remembered of the store where another connection has written to it."""
        with self.database.translated():
            version = self.database.version(self.connection)
        if version != self._version:
            self.forget()
            self._version = version

    def begin(self) -> None:
        """Begins a snapshot."""
        with self.database.translated():
            self.database.begin(self.connection)
        self.refresh()

    def end(self) -> bool:
        """Ends a snapshot; False where the file is so damaged that only closing the connection does."""
        try:
            self.connection.execute("COMMIT")
        except self.database.failures:
            return False
        return True

    def forget(self) -> None:
        """Forgets what is remembered of the store."""
        self._known.clear()

    def query(self, sql: str, *values: object) -> list[Row]:
        """All rows of one statement."""
        try:
            return self.connection.execute(sql, values).fetchall()
        except self.database.failures as error:
            raise self.database.failure(error) from error

    def meta(self, name: str) -> str | None:
        """What the store notes about itself under `name`.

        Raises:
            StoreError: the note is not as it was written.
        """
        notes: dict[str, tuple[str, bool]] = self.once(_NOTES, _pairs)
        value, whole = notes.get(name, (None, True))
        if not whole:
            raise StoreError(f"{self.name}: the note {name!r} is not as it was written; restore a backup")
        return value

    def encoder(self) -> Made:
        """What the stored vectors come from; nothing while there are none."""
        return self.meta("encoder"), self.meta("encoder_revision"), self.meta("dimension")

    def once(self, sql: str, form: Callable[[list[Row]], Any] = bool, *values: object) -> Any:
        """What a statement finds, in some form (whether it finds any), read again only when somebody has written."""
        key = "\x1f".join((sql, *map(str, values)))
        if key not in self._known:
            self._known[key] = form(self.query(sql, *values))
        return self._known[key]

    def unscrubbed(self) -> bool:
        """Whether files may still hold words of purged edits."""
        return self.meta(UNSCRUBBED) is not None

    def any_rejected(self) -> bool:
        """Whether a question was rejected for some edit."""
        return bool(self.once(ANY_REJECTED))

    def any_expanded(self) -> bool:
        """Whether some key reaches further than a new one, other than because a caller said so."""
        return bool(self.once(ANY_EXPANDED))

    def any_subjectless(self) -> bool:
        """Whether an active edit is about no known subject."""
        return bool(self.once(ANY_SUBJECTLESS))

    def edit(self, edit_id: str) -> Edit:
        """The edit of that id.

        Raises:
            NotFoundError: there is none.
        """
        rows = self.query(f"{SELECT_EDIT} WHERE e.id = ?", number_of(edit_id))
        if not rows:
            raise NotFoundError(f"no edit {edit_id!r} in {self.name}; see `kedit list`")
        return edit_of(rows[0])

    def each(self, ids: Sequence[str]) -> list[Edit]:
        """The edits of these ids that are there, in their order."""
        numbers = to_json([number_of(edit_id) for edit_id in ids])
        by_id = {
            edit.id: edit for edit in self.edits("e.id IN (SELECT CAST(value AS BIGINT) FROM json_each(?))", numbers)
        }
        return [by_id[edit_id] for edit_id in ids if edit_id in by_id]

    def edits(self, where: str = "true", *values: object) -> list[Edit]:
        """All edits that a condition on the columns of `e` selects, by id."""
        return [edit_of(row) for row in self.query(f"{SELECT_EDIT} WHERE {where} ORDER BY e.id", *values)]

    def questions_of(self, edit: Edit) -> list[Question]:
        """What an edit is about, under every name that it or another edit gives its subject."""
        names = self.query(_OTHER_NAMES, edit.namespace, name_key(edit.subject)) if edit.subject else []
        return questions_of(edit, dict.fromkeys([*edit.aliases, *(row["name"] for row in names)][:_MOST_NAMES]))

    def asked_the_same(self, edit: Edit, condition: str = "true") -> list[Edit]:
        """Other edits of the namespace of `edit` that answer its question, by id; `condition` is on their columns."""
        asked = self.questions_of(edit)
        found = self.edits(
            f"e.id IN (SELECT id FROM edits WHERE namespace = ?1 AND prompt_key IN (SELECT value FROM json_each(?2)) "
            f"AND {condition} UNION SELECT id FROM edits WHERE namespace = ?1 "
            f"AND slot IN (SELECT value FROM json_each(?3)) AND {condition})",
            edit.namespace,
            to_json(list(dict.fromkeys(one.prompt_key for one in asked))),
            to_json(list(dict.fromkeys(one.slot for one in asked if one.slot))),
        )
        return [one for one in found if one.id != edit.id and any(same_question(q, question_of(one)) for q in asked)]

    def mates(self, edit: Edit) -> list[Edit]:
        """Edits that hold on some day and answer the same question as `edit`, whatever their answer."""
        return self.asked_the_same(edit, "holds")

    def active_called(self, given_id: str | None, namespace: str) -> list[Edit]:
        """The active edit, if any, to which its caller gave an id."""
        called = "e.namespace = ? AND e.given_id = ? AND e.status = 'active'"
        return self.edits(called, namespace, given_id) if given_id else []

    def asked_alike(self, edit: Edit) -> list[Edit]:
        """Edits of any status, of the namespace of `edit`, with the same prompt."""
        return self.edits("e.namespace = ? AND e.prompt_key = ?", edit.namespace, row_of(edit)["prompt_key"])

    def parts_of(self, edit_id: str) -> list[str]:
        """The ids of edits that were left of an edit on some of its days, whatever their status."""
        rows = self.query("SELECT id FROM edits WHERE part_of = ? ORDER BY id", number_of(edit_id))
        return [id_of(row["id"]) for row in rows]

    def keys_of(self, edit_id: str) -> tuple[Key, ...]:
        """The live keys of an edit."""
        rows = self.query(
            "SELECT id, kind, text, radius FROM keys WHERE edit_id = ? AND live ORDER BY id",
            number_of(edit_id),
        )
        return tuple(map(_key, rows))

    def snapshot(self, edit_id: str) -> Snapshot:
        """An edit with its keys as they are now."""
        return Snapshot(edit=self.edit(edit_id), keys=self.keys_of(edit_id))

    def active(self) -> int:
        """The number of active edits, of all namespaces."""
        return int(self.query("SELECT coalesce(sum(edits), 0) FROM counts WHERE status = 'active'")[0][0])

    def snapshots_with(self, keys: Iterable[int]) -> list[Snapshot]:
        """The edits that have these keys, with all of their keys as they are now."""
        chosen = to_json(list(keys))
        edits = self.edits(
            "e.id IN (SELECT k.edit_id FROM json_each(?) found CROSS JOIN keys k ON k.id = CAST(found.value AS "
            "BIGINT))",
            chosen,
        )
        rows = self.query(
            "SELECT k.edit_id, k.id, k.kind, k.text, k.radius FROM json_each(?) edit CROSS JOIN keys k "
            "ON k.edit_id = CAST(edit.value AS BIGINT) WHERE k.live ORDER BY k.id",
            to_json([number_of(edit.id) for edit in edits]),
        )
        return [
            Snapshot(edit=edit, keys=tuple(_key(row) for row in rows if id_of(row["edit_id"]) == edit.id))
            for edit in edits
        ]

    def last_number(self, table: str) -> int:
        """The highest number that a row of a table ever had; 0 for none."""
        with self.database.translated():
            return self.database.last_number(self.connection, table)

    def last_sequence(self) -> int:
        """The number of the newest operation."""
        return int(self.once(LAST, _number))

    def stored_vectors(self, texts: Sequence[str]) -> dict[str, Vectors]:
        """Vectors of those texts that are keys already."""
        known: dict[str, Vectors] = {}
        for start in range(0, len(texts), 500):
            part = to_json(list(texts[start : start + 500]))
            for row in self.query("SELECT text, vector FROM keys WHERE text IN (SELECT value FROM json_each(?))", part):
                known[row["text"]] = np.frombuffer(row["vector"], "<f4")
        return known

    def vectors_of(self, keys: Iterable[int]) -> dict[int, Vectors]:
        """The vectors of keys, by key."""
        rows = self.query(
            "SELECT id, vector FROM keys WHERE id IN (SELECT CAST(value AS BIGINT) FROM json_each(?))",
            to_json(list(keys)),
        )
        return dict(zip((row["id"] for row in rows), self.vectors_in(rows), strict=True))

    def vectors_in(self, rows: Sequence[Row]) -> Vectors:
        """The vectors of rows that hold a key's id and vector, of shape (rows, dimension).

        Raises:
            StoreError: a stored vector has the wrong length.
        """
        size = self.vector_size()
        for row in rows:
            _check_size(row["id"], row["vector"], size, self.name)
        joined = b"".join(row["vector"] for row in rows)
        return np.frombuffer(joined, "<f4").reshape(len(rows), size // 4)

    def recallable(self, edit_ids: Sequence[int] | None = None) -> Keys:
        """The keys that can be found: of all edits, or of those given.

        Raises:
            StoreError: a stored vector has the wrong length.
        """
        tables, values = "keys k", list[object]()
        if edit_ids is not None:
            # CROSS JOIN keeps the order, from the few edits to their keys.
            tables = "json_each(?) chosen CROSS JOIN keys k ON k.edit_id = CAST(chosen.value AS BIGINT)"
            values.append(to_json(list(edit_ids)))
        sql = (
            f"SELECT k.id, k.vector, k.radius, e.unnamed FROM {tables} CROSS JOIN edits e ON e.id = k.edit_id "
            f"WHERE {RECALLABLE}"
        )
        size = self.vector_size()
        with self.database.translated():
            return _arrays(self.connection.execute(sql + " ORDER BY k.id", values), size, self.name)

    def vector_size(self) -> int:
        """Bytes of each stored vector."""
        return 4 * int(self.meta("dimension") or 0)


def _check_size(key: int, vector: bytes, size: int, store: str) -> None:
    if len(vector) != size:
        raise StoreError(f"key {key} of {store} has a vector of the wrong size; run kedit verify")


def _arrays(rows: Iterable[Row], size: int, store: str) -> Keys:
    ids: list[int] = []
    radii: list[float] = []
    unnamed: list[bool] = []
    buffer = bytearray()
    for key, vector, radius, free in rows:
        _check_size(key, vector, size, store)
        ids.append(key)
        radii.append(radius)
        unnamed.append(bool(free))
        buffer += vector
    vectors = np.frombuffer(buffer, "<f4").reshape(len(ids), size // 4)
    return Keys(np.array(ids, np.int64), vectors, np.array(radii, np.float64), np.array(unnamed, np.bool_))


def _key(row: Row) -> Key:
    return Key(id=row["id"], kind=KeyKind(row["kind"]), text=row["text"], radius=row["radius"])


def _pairs(rows: Sequence[Row]) -> dict[str, tuple[str, bool]]:
    return {row[0]: (row[1], bool(row[2])) for row in rows}


def _number(rows: Sequence[Row]) -> int:
    return int(rows[0][0])
