"""One folder with the SQLite database that holds everything; nothing here knows about vectors' meaning.

Each write is a transaction (write-ahead log, synchronous=FULL): what has returned survives a crash.
"""

# ruff: noqa: S608 - what is joined into SQL is constants of this package; values are bound

import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from kedit_memory.errors import NotFoundError, StoreError
from kedit_memory.memory.index import cachefiles
from kedit_memory.memory.index.base import Floats, Ids
from kedit_memory.memory.rows import (
    COLUMNS,
    SELECT_EDIT,
    Key,
    Snapshot,
    edit_of,
    id_of,
    number_of,
    row_of,
    snapshot_json,
    to_json,
)
from kedit_memory.memory.schema import prepare
from kedit_memory.records import Edit, KeyKind, Vectors

DATABASE = "store.db"
CACHE = "cache"
VALUES = "values"  # what models learned of the edits, a folder for each; they can learn it again
BUSY_SECONDS = 10.0

# Edits that some question, of today or of another day, may still find, and the keys that it finds them by.
ANSWERING = "e.holds"
SEARCHED = "k.live AND k.kind <> 'rejected'"
RECALLABLE = f"{ANSWERING} AND {SEARCHED}"
_INSERT_EDIT = f"INSERT INTO edits ({', '.join(COLUMNS)}) VALUES ({', '.join(':' + c for c in COLUMNS)})"
_UPDATE_EDIT = f"UPDATE edits SET {', '.join(f'{c} = :{c}' for c in COLUMNS if c != 'id')} WHERE id = :id"


class Store:
    """The rows of a store: edits, keys, operations and their changes."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.database = path / DATABASE
        self.connection = connection

    @classmethod
    def open(cls, path: str | Path, *, create: bool = True) -> "Store":
        """The store in the folder `path`, made if absent unless `create` is false.

        Raises:
            NotFoundError: there is none and none shall be made.
            StoreError: it cannot be read or written, is damaged, foreign or of a newer format.
        """
        folder = Path(path)
        database = folder / DATABASE
        if not create and not database.is_file():
            raise NotFoundError(f"no store at {folder}; name an existing folder, or add an edit first")
        if (folder / CACHE / cachefiles.FILE).is_file() and database.is_file() and not database.stat().st_size:
            raise StoreError(f"{database} is empty, so its edits are gone; put a backup in its place")
        try:
            (folder / CACHE).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{folder} cannot be a store ({error.strerror}); name another") from error
        with translated(database):
            connection = sqlite3.connect(database, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            try:
                _configure(connection)
                prepare(connection, database)
            except BaseException:
                connection.close()
                raise
        return cls(folder, connection)

    def close(self) -> None:
        """Ends the connection; SQLite then folds its log into the database."""
        self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; holds the store's only write lock from the start."""
        with translated(self.database):
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    def query(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """All rows of one statement."""
        with translated(self.database):
            return self.connection.execute(sql, values).fetchall()

    def meta(self, name: str) -> str | None:
        """What the store notes about itself under `name`."""
        rows = self.query("SELECT value FROM meta WHERE name = ?", name)
        return str(rows[0][0]) if rows else None

    def set_meta(self, name: str, value: str | None) -> None:
        """Notes `value` under `name`; None takes the note away."""
        if value is None:
            self.connection.execute("DELETE FROM meta WHERE name = ?", (name,))
        else:
            self.connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def edit(self, edit_id: str) -> Edit:
        """The edit of that id.

        Raises:
            NotFoundError: there is none.
        """
        rows = self.query(f"{SELECT_EDIT} WHERE e.id = ?", number_of(edit_id))
        if not rows:
            raise NotFoundError(f"no edit {edit_id!r} in {self.path}; see `kedit list`")
        return edit_of(rows[0])

    def edits(self, where: str = "1", *values: object) -> list[Edit]:
        """All edits that a condition on the columns of `e` selects, by id."""
        return [edit_of(row) for row in self.query(f"{SELECT_EDIT} WHERE {where} ORDER BY e.id", *values)]

    def rivals(self, edit: Edit) -> list[Edit]:
        """Edits that hold on some day and may answer the same question as `edit`: same slot or same prompt."""
        row = row_of(edit)
        found = self.edits(
            "e.namespace = ? AND e.prompt_key = ? AND e.holds",
            edit.namespace,
            row["prompt_key"],
        )
        if row["slot"] is not None:
            found += self.edits(
                "e.namespace = ? AND e.slot = ? AND e.holds",
                edit.namespace,
                row["slot"],
            )
        every = {one.id: one for one in found if one.id != edit.id}
        return [every[name] for name in sorted(every, key=number_of)]

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
        return tuple(
            Key(id=row["id"], kind=KeyKind(row["kind"]), text=row["text"], radius=row["radius"]) for row in rows
        )

    def snapshot(self, edit_id: str) -> Snapshot:
        """An edit with its keys as they are now."""
        return Snapshot(edit=self.edit(edit_id), keys=self.keys_of(edit_id))

    def insert_edit(self, edit: Edit) -> str:
        """Writes an edit and gives its id; a new one unless the edit brings its own."""
        cursor = self.connection.execute(_INSERT_EDIT, row_of(edit))
        return id_of(int(cursor.lastrowid or 0))

    def update_edit(self, edit: Edit) -> None:
        """Writes the columns of an edit that is there."""
        self.connection.execute(_UPDATE_EDIT, row_of(edit))

    def delete_edit(self, edit_id: str) -> None:
        """Takes an edit out with its keys; its history stays."""
        self.connection.execute("DELETE FROM edits WHERE id = ?", (number_of(edit_id),))

    def insert_key(self, edit_id: str, kind: KeyKind, text: str, radius: float, vector: Vectors) -> Key:
        """Writes one key of an edit."""
        blob = vector.astype("<f4").tobytes()
        cursor = self.connection.execute(
            "INSERT INTO keys (edit_id, kind, text, radius, vector, checksum) VALUES (?, ?, ?, ?, ?, ?)",
            (number_of(edit_id), str(kind), text, radius, blob, zlib.crc32(blob)),
        )
        return Key(id=int(cursor.lastrowid or 0), kind=kind, text=text, radius=radius)

    def vectors_of(self, keys: Iterable[int]) -> dict[int, Vectors]:
        """The vectors of keys, by key."""
        rows = self.query(
            "SELECT id, vector FROM keys WHERE id IN (SELECT value FROM json_each(?))", to_json(list(keys))
        )
        return dict(zip((row["id"] for row in rows), self.vectors_in(rows), strict=True))

    def set_vectors(self, vectors: Iterable[tuple[int, Vectors]]) -> None:
        """Gives keys, by id, another vector."""
        blobs = ((key, vector.astype("<f4").tobytes()) for key, vector in vectors)
        self.connection.executemany(
            "UPDATE keys SET vector = ?, checksum = ? WHERE id = ?",
            ((blob, zlib.crc32(blob), key) for key, blob in blobs),
        )

    def set_radii(self, radii: Iterable[tuple[int, float]]) -> None:
        """Gives keys, by id, another radius."""
        self.connection.executemany("UPDATE keys SET radius = ? WHERE id = ?", [(radius, key) for key, radius in radii])

    def set_live(self, keys: Iterable[int], *, live: bool) -> None:
        """Puts keys to rest, or wakes them."""
        self.connection.executemany("UPDATE keys SET live = ? WHERE id = ?", [(live, k) for k in keys])

    def last_sequence(self) -> int:
        """The number of the newest operation."""
        return int(self.query("SELECT coalesce(max(seq), 0) FROM operations")[0][0])

    def begin_operation(self, verb: str, namespace: str | None, at: str) -> int:
        """Notes an operation and gives its number."""
        cursor = self.connection.execute(
            "INSERT INTO operations (verb, namespace, at) VALUES (?, ?, ?)", (verb, namespace, at)
        )
        return int(cursor.lastrowid or 0)

    def note_change(self, operation: int, verb: str, before: Snapshot | None, after: Snapshot | None) -> None:
        """Notes what an operation did to one edit."""
        either = before or after
        if either is not None:
            self.connection.execute(
                "INSERT INTO changes (operation, verb, edit_id, before, after) VALUES (?, ?, ?, ?, ?)",
                (
                    operation,
                    verb,
                    number_of(either.edit.id),
                    snapshot_json(before),
                    snapshot_json(after),
                ),
            )

    def stored_vectors(self, texts: Sequence[str]) -> dict[str, Vectors]:
        """Vectors of those texts that are keys already."""
        known: dict[str, Vectors] = {}
        for start in range(0, len(texts), 500):
            part = to_json(list(texts[start : start + 500]))
            for row in self.query("SELECT text, vector FROM keys WHERE text IN (SELECT value FROM json_each(?))", part):
                known[row["text"]] = np.frombuffer(row["vector"], "<f4")
        return known

    def vectors_in(self, rows: Sequence[sqlite3.Row]) -> Vectors:
        """The vectors of rows that hold a key's id and vector, of shape (rows, dimension).

        Raises:
            StoreError: a stored vector has the wrong length.
        """
        size = self.vector_size()
        for row in rows:
            _check_size(row["id"], row["vector"], size, self.path)
        joined = b"".join(row["vector"] for row in rows)
        return np.frombuffer(joined, "<f4").reshape(len(rows), size // 4)

    def recallable(self, edit_ids: Sequence[int] | None = None) -> tuple[Ids, Vectors, Floats]:
        """Ids, vectors and radii of keys that can be found: of all edits, or of those given.

        Raises:
            StoreError: a stored vector has the wrong length.
        """
        tables, values = "keys k", list[object]()
        if edit_ids is not None:
            # CROSS JOIN keeps the order, from the few edits to their keys.
            tables = "json_each(?) chosen CROSS JOIN keys k ON k.edit_id = chosen.value"
            values.append(to_json(list(edit_ids)))
        sql = f"SELECT k.id, k.vector, k.radius FROM {tables} CROSS JOIN edits e ON e.id = k.edit_id WHERE {RECALLABLE}"
        size = self.vector_size()
        with translated(self.database):
            return _arrays(self.connection.execute(sql + " ORDER BY k.id", values), size, self.path)

    def vector_size(self) -> int:
        """Bytes of each stored vector."""
        return 4 * int(self.meta("dimension") or 0)


def _check_size(key: int, vector: bytes, size: int, path: Path) -> None:
    if len(vector) != size:
        raise StoreError(f"key {key} of {path} has a vector of the wrong size; run kedit verify")


def _arrays(rows: Iterable[sqlite3.Row], size: int, path: Path) -> tuple[Ids, Vectors, Floats]:
    ids: list[int] = []
    radii: list[float] = []
    buffer = bytearray()
    for key, vector, radius in rows:
        _check_size(key, vector, size, path)
        ids.append(key)
        radii.append(radius)
        buffer += vector
    vectors = np.frombuffer(buffer, "<f4").reshape(len(ids), size // 4)
    return np.array(ids, np.int64), vectors, np.array(radii, np.float64)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turns SQLite's errors into one line that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        text = str(error)
        advice = next((say for sign, say in _ADVICE if sign in text), "run kedit verify")
        raise StoreError(f"{path}: {text}; {advice}") from error


_ADVICE: tuple[tuple[str, str], ...] = (
    ("not a database", "restore a backup, or name another folder as the store"),
    ("malformed", "the file is damaged, restore a backup (see kedit backup)"),
    ("disk I/O", "check the disk, then run kedit verify"),
    ("disk is full", "nothing was changed, free some space and try again"),
    ("readonly", "make the folder writable, or name another store"),
    ("unable to open", "make the folder writable, or name another store"),
    ("locked", "another process is writing, try again when it has finished"),
)


def _configure(connection: sqlite3.Connection) -> None:
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")
