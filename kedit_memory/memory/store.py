"""One folder with the SQLite database that holds everything; nothing here knows about vectors' meaning.

`Rows` reads what one connection sees; `Store` also writes. Readers have connections of their own, each on one snapshot,
so that nobody waits for a writer.
"""

# ruff: noqa: S608 - what is joined into SQL is constants of this package; values are bound

import mmap
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from kedit_memory.errors import NotFoundError, StoreError
from kedit_memory.memory.conflicts import Question, prompt_key, question_of, questions_of, same_question
from kedit_memory.memory.index.base import Floats, Ids
from kedit_memory.memory.radius import DEFAULT_RADIUS
from kedit_memory.memory.rows import (
    COLUMNS,
    SELECT_EDIT,
    Key,
    Snapshot,
    edit_of,
    id_of,
    number_of,
    row_of,
    snapshot_from,
    snapshot_json,
    to_json,
)
from kedit_memory.memory.schema import prepare
from kedit_memory.records import Edit, KeyKind, Vectors
from kedit_memory.sqlite import checksum, connect, failure, may_write, translated
from kedit_memory.text import fold, name_key

DATABASE = "store.db"
CACHE = "cache"
VALUES = "values"  # what models learned of the edits, a folder for each; they can learn it again
LEARNED = "codebook.json"  # in each such folder
OWN = frozenset({DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", CACHE, VALUES})

# Keys of edits that some question, of today or of another day, may still find.
# Of a namespace (?1) what holds on a day (?2).
HOLDS = """
    e.namespace = ?1 AND e.holds
    AND (e.valid_from IS NULL OR e.valid_from <= ?2)
    AND (e.valid_until IS NULL OR ?2 < e.valid_until)
"""
SEARCHED = "k.live AND k.kind <> 'rejected'"
RECALLABLE = f"e.holds AND {SEARCHED}"
_WRITTEN = (*COLUMNS, "checksum")
_INSERT_EDIT = f"INSERT INTO edits ({', '.join(_WRITTEN)}) VALUES ({', '.join(':' + c for c in _WRITTEN)})"
_UPDATE_EDIT = f"UPDATE edits SET {', '.join(f'{c} = :{c}' for c in _WRITTEN if c != 'id')} WHERE id = :id"
_LAST = "SELECT coalesce(max(seq), 0) FROM operations"
_ANY_REJECTED = "SELECT 1 FROM keys WHERE live AND kind = 'rejected' LIMIT 1"
_ANY_EXPANDED = (
    f"SELECT 1 FROM keys k CROSS JOIN edits e ON e.id = k.edit_id WHERE k.live AND k.radius > {DEFAULT_RADIUS} "
    "AND NOT e.radius_fixed LIMIT 1"
)
_ANY_SUBJECTLESS = "SELECT 1 FROM edits WHERE subject_key IS NULL AND status = 'active' LIMIT 1"
_UNSCRUBBED = "unscrubbed"
_TELLING = 6  # characters of a text that is looked for in files: shorter ones are words of others, too
_PIECE = 48  # bytes of a text or vector that tell it from others
_MOST_PIECES = 64  # beyond which looking for each takes longer than rewriting the database
# Subjects that go by a name, and the names that edits give to the subject of that name.
_OTHER_NAMES = """
    SELECT subject AS name FROM names WHERE namespace = ?1 AND name = ?2
    UNION SELECT other.surface FROM names own CROSS JOIN names other
        ON other.namespace = own.namespace AND other.subject = own.subject
        WHERE own.namespace = ?1 AND own.name = ?2 AND own.surface = own.subject
"""
_MOST_NAMES = 16  # of a subject, under which others are looked for
_IDLE = 8  # connections of readers that are kept for the next ones


Keys: TypeAlias = tuple[Ids, Vectors, Floats]  # ids, vectors and radii, in order of id


Made: TypeAlias = tuple[str | None, ...]  # name, revision and dimension of what made vectors


class Rows:
    """The rows of a store as one connection sees them."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.database = path / DATABASE
        self.connection = connection
        self._known: dict[str, Any] = {}  # what need not be read again while nobody has written
        self._version = -1

    def refresh(self) -> None:
        """Reads anew what is remembered of the store where another connection has written to it."""
        version = int(self.query("PRAGMA data_version")[0][0])
        if version != self._version:
            self.forget()
            self._version = version

    def end(self) -> bool:
        """Ends a snapshot; False where the file is so damaged that only closing the connection does."""
        try:
            self.connection.execute("COMMIT")
        except sqlite3.DatabaseError:
            return False
        return True

    def forget(self) -> None:
        """Forgets what is remembered of the store."""
        self._known.clear()

    def query(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """All rows of one statement."""
        try:
            return self.connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise failure(self.database, error) from error

    def meta(self, name: str) -> str | None:
        """What the store notes about itself under `name`."""
        notes: dict[str, str] = self.once("SELECT name, value FROM meta", _pairs)
        return notes.get(name)

    def encoder(self) -> Made:
        """What the stored vectors come from; nothing while there are none."""
        return self.meta("encoder"), self.meta("encoder_revision"), self.meta("dimension")

    def once(self, sql: str, form: Callable[[list[sqlite3.Row]], Any] = bool, *values: object) -> Any:
        """What a statement finds, in some form (whether it finds any), read again only when somebody has written."""
        key = "\x1f".join((sql, *map(str, values)))
        if key not in self._known:
            self._known[key] = form(self.query(sql, *values))
        return self._known[key]

    def unscrubbed(self) -> bool:
        """Whether files may still hold words of purged edits."""
        return self.meta(_UNSCRUBBED) is not None

    def any_rejected(self) -> bool:
        """Whether a question was rejected for some edit."""
        return bool(self.once(_ANY_REJECTED))

    def any_expanded(self) -> bool:
        """Whether some key reaches further than a new one, other than because a caller said so."""
        return bool(self.once(_ANY_EXPANDED))

    def any_subjectless(self) -> bool:
        """Whether an active edit is about no known subject."""
        return bool(self.once(_ANY_SUBJECTLESS))

    def edit(self, edit_id: str) -> Edit:
        """The edit of that id.

        Raises:
            NotFoundError: there is none.
        """
        rows = self.query(f"{SELECT_EDIT} WHERE e.id = ?", number_of(edit_id))
        if not rows:
            raise NotFoundError(f"no edit {edit_id!r} in {self.path}; see `kedit list`")
        return edit_of(rows[0])

    def each(self, ids: Sequence[str]) -> list[Edit]:
        """The edits of these ids that are there, in their order."""
        numbers = to_json([number_of(edit_id) for edit_id in ids])
        by_id = {edit.id: edit for edit in self.edits("e.id IN (SELECT value FROM json_each(?))", numbers)}
        return [by_id[edit_id] for edit_id in ids if edit_id in by_id]

    def edits(self, where: str = "1", *values: object) -> list[Edit]:
        """All edits that a condition on the columns of `e` selects, by id."""
        return [edit_of(row) for row in self.query(f"{SELECT_EDIT} WHERE {where} ORDER BY e.id", *values)]

    def questions_of(self, edit: Edit) -> list[Question]:
        """What an edit is about, under every name that it or another edit gives its subject."""
        names = self.query(_OTHER_NAMES, edit.namespace, name_key(edit.subject)) if edit.subject else []
        return questions_of(edit, dict.fromkeys([*edit.aliases, *(row["name"] for row in names)][:_MOST_NAMES]))

    def asked_the_same(self, edit: Edit, condition: str = "1") -> list[Edit]:
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
            "e.id IN (SELECT k.edit_id FROM json_each(?) found CROSS JOIN keys k ON k.id = found.value)", chosen
        )
        rows = self.query(
            "SELECT k.edit_id, k.id, k.kind, k.text, k.radius FROM json_each(?) edit CROSS JOIN keys k "
            "ON k.edit_id = edit.value WHERE k.live ORDER BY k.id",
            to_json([number_of(edit.id) for edit in edits]),
        )
        return [
            Snapshot(edit=edit, keys=tuple(_key(row) for row in rows if id_of(row["edit_id"]) == edit.id))
            for edit in edits
        ]

    def last_sequence(self) -> int:
        """The number of the newest operation."""
        return int(self.once(_LAST, _number))

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
            "SELECT id, vector FROM keys WHERE id IN (SELECT value FROM json_each(?))", to_json(list(keys))
        )
        return dict(zip((row["id"] for row in rows), self.vectors_in(rows), strict=True))

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

    def recallable(self, edit_ids: Sequence[int] | None = None) -> Keys:
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


class Traces(NamedTuple):
    """What is in no file once edits are purged: the keys, and pieces of the texts and vectors that only they have."""

    keys: list[int]
    parts: list[bytes]


class Store(Rows):
    """The rows of a store, and what changes them: one transaction at a time."""

    def __init__(self, path: Path, connection: sqlite3.Connection, *, writable: bool) -> None:
        super().__init__(path, connection)
        self.writable = writable
        self._writing = threading.RLock()
        self._readers: list[Rows] = []  # idle ones
        self._closed = False
        self._file = _identity(self.database)

    @classmethod
    def open(cls, path: str | Path, *, create: bool = True) -> "Store":
        """The store in the folder `path`, made if absent unless `create` is false.

        Raises:
            NotFoundError: there is none and none shall be made.
            StoreError: it cannot be read or written, is damaged, foreign or of a newer format; or the folder holds
                other files.
        """
        folder = Path(path)
        database = folder / DATABASE
        if database.is_file() and not database.stat().st_size and (folder / CACHE).is_dir():
            raise StoreError(f"{database} is empty, so its edits are gone; put a backup in its place")
        if not database.is_file():
            if not create:
                raise NotFoundError(f"no store at {folder}; name an existing folder, or add an edit first")
            _make(folder)
        writable = may_write(database)
        with translated(database):
            connection = connect(database, writable=writable, shared=writable)
            try:
                prepare(connection, database)
            except BaseException:
                connection.close()
                raise
        return cls(folder, connection, writable=writable)

    def close(self) -> None:
        """Ends the connections; SQLite then folds its log into the database."""
        self._closed = True
        while self._readers:
            self._readers.pop().connection.close()
        self.connection.close()

    @contextmanager
    def reading(self) -> Iterator[Rows]:
        """The rows on one snapshot: nothing that is written meanwhile is seen."""
        self._check_in_place()
        rows = self._reader()
        kept = False
        try:
            rows.query("BEGIN")
            rows.refresh()
            yield rows
            kept = rows.end() and not self._closed and len(self._readers) < _IDLE
        finally:
            if kept:
                self._readers.append(rows)
            else:
                rows.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; holds the store's only write lock from the start.

        Raises:
            StoreError: the store cannot be written, or is not the one that was opened any more.
        """
        if not self.writable:
            raise StoreError(f"{self.database} cannot be changed here; make the folder writable, or name another store")
        with self._writing, translated(self.database):
            self._check_in_place()
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                self.refresh()
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                self.forget()
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    def delete(self, numbers: Sequence[int], at: str) -> int:
        """Takes edits out with their keys and history, as an operation, within a transaction; its number.

        Until `scrub` has been over the files, the store notes that they may still hold the words.
        """
        chosen, run = to_json(list(numbers)), self.connection.execute
        self.forget()
        for table, column in (("changes", "edit_id"), ("keys", "edit_id"), ("edits", "id")):
            run(f"DELETE FROM {table} WHERE {column} IN (SELECT value FROM json_each(?))", (chosen,))
        run("UPDATE operations SET undone_by = NULL WHERE undone_by NOT IN (SELECT operation FROM changes)")
        run(
            "DELETE FROM operations WHERE verb NOT IN ('purge', 'rebuild') "
            "AND seq NOT IN (SELECT operation FROM changes)"
        )
        self.set_meta(_UNSCRUBBED, "1")
        return self.begin_operation("purge", None, at)

    def traces(self, numbers: Sequence[int]) -> Traces:
        """What to look for in files once these edits are purged."""
        chosen = to_json(list(numbers))
        keys = self.query("SELECT id, vector FROM keys WHERE edit_id IN (SELECT value FROM json_each(?))", chosen)
        changes = self.query(
            "SELECT before, after FROM changes WHERE edit_id IN (SELECT value FROM json_each(?))", chosen
        )
        snapshots = (snapshot_from(change[side]) for change in changes for side in ("before", "after"))
        texts = {text for snapshot in snapshots if snapshot for text in _texts_of(snapshot)}
        kept = (
            "SELECT 1 FROM keys WHERE text = ?1 AND edit_id NOT IN (SELECT value FROM json_each(?2)) "
            "UNION ALL SELECT 1 FROM edits "
            "WHERE subject_key = ?1 AND id NOT IN (SELECT value FROM json_each(?2)) LIMIT 1"
        )
        own = {text for text in texts if len(text) >= _TELLING and not self.query(kept, text, chosen)}
        pieces = {form.encode()[:_PIECE] for text in own for form in (text, to_json(text)[1:-1])}
        return Traces([key["id"] for key in keys], [*pieces, *(bytes(key["vector"][:_PIECE]) for key in keys)])

    def scrub(self, parts: Sequence[bytes] | None = None) -> None:
        """Empties the log, and rewrites the database where it still holds one of these pieces; None rewrites it anyway.

        What is deleted is overwritten, but a page that was parted before may hold an older copy.

        Raises:
            StoreError: another process reads the store, so that its log cannot be emptied yet.
        """
        with self._writing, translated(self.database):
            self._empty_log()
            if parts is None or len(parts) > _MOST_PIECES or _holds_any(self.database, parts):
                self.connection.execute("VACUUM")
                self._empty_log()
            self.set_meta(_UNSCRUBBED, None)

    def _empty_log(self) -> None:
        if self.query("PRAGMA wal_checkpoint(TRUNCATE)")[0][0]:
            raise StoreError(
                f"{self.path}: removed, but another process still reads the old log; purge again when it has finished"
            )

    def set_meta(self, name: str, value: str | None) -> None:
        """Notes `value` under `name`; None takes the note away."""
        self.forget()
        if value is None:
            self.connection.execute("DELETE FROM meta WHERE name = ?", (name,))
        else:
            self.connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def insert_edit(self, edit: Edit) -> str:
        """Writes an edit and gives its id; a new one unless the edit brings its own."""
        if not edit.subject:
            self._known[_ANY_SUBJECTLESS] = True
        cursor = self.connection.execute(_INSERT_EDIT, row_of(edit))
        return id_of(int(cursor.lastrowid or 0))

    def update_edit(self, edit: Edit) -> None:
        """Writes the columns of an edit that is there."""
        self._known.pop(_ANY_SUBJECTLESS, None)
        self.connection.execute(_UPDATE_EDIT, row_of(edit))

    def delete_edit(self, edit_id: str) -> None:
        """Takes an edit out with its keys; its history stays."""
        self.forget()
        self.connection.execute("DELETE FROM edits WHERE id = ?", (number_of(edit_id),))

    def insert_key(self, edit_id: str, kind: KeyKind, text: str, radius: float, vector: Vectors) -> Key:
        """Writes one key of an edit."""
        if kind is KeyKind.REJECTED:
            self._known[_ANY_REJECTED] = True
        if radius > DEFAULT_RADIUS:
            self._known.pop(_ANY_EXPANDED, None)
        values = (str(kind), text, float(radius), vector.astype("<f4").tobytes())
        cursor = self.connection.execute(
            "INSERT INTO keys (edit_id, kind, text, radius, vector, checksum) VALUES (?, ?, ?, ?, ?, ?)",
            (number_of(edit_id), *values, checksum(*values)),
        )
        return Key(id=int(cursor.lastrowid or 0), kind=kind, text=text, radius=radius)

    def set_vectors(self, vectors: Iterable[tuple[int, Vectors]]) -> None:
        """Gives keys, by id, another vector."""
        self.connection.executemany(
            "UPDATE keys SET vector = ?1, checksum = checksum_of(kind, text, radius, ?1) WHERE id = ?2",
            ((vector.astype("<f4").tobytes(), key) for key, vector in vectors),
        )

    def set_radii(self, radii: Iterable[tuple[int, float]]) -> None:
        """Gives keys, by id, another radius."""
        self._known.pop(_ANY_EXPANDED, None)
        self.connection.executemany(
            "UPDATE keys SET radius = ?1, checksum = checksum_of(kind, text, ?1, vector) WHERE id = ?2",
            [(float(radius), key) for key, radius in radii],
        )

    def set_live(self, keys: Iterable[int], *, live: bool) -> None:
        """Puts keys to rest, or wakes them."""
        self.forget()
        self.connection.executemany("UPDATE keys SET live = ? WHERE id = ?", [(live, k) for k in keys])

    def begin_operation(self, verb: str, namespace: str | None, at: str) -> int:
        """Notes an operation under a random token, by which a copy of the store can be told from it; its number."""
        values = (verb, namespace, at, secrets.token_hex(8))
        cursor = self.connection.execute(
            "INSERT INTO operations (verb, namespace, at, token) VALUES (?, ?, ?, ?)", values
        )
        self._known[_LAST] = int(cursor.lastrowid or 0)
        return int(self._known[_LAST])

    def note_change(self, operation: int, verb: str, before: Snapshot | None, after: Snapshot | None) -> None:
        """Notes what an operation did to one edit."""
        either = before or after
        if either is not None:
            values = (verb, number_of(either.edit.id), snapshot_json(before), snapshot_json(after))
            self.connection.execute(
                "INSERT INTO changes (operation, verb, edit_id, before, after, checksum) VALUES (?, ?, ?, ?, ?, ?)",
                (operation, *values, checksum(*values)),
            )

    def _reader(self) -> Rows:
        try:
            return self._readers.pop()
        except IndexError:
            with translated(self.database):
                return Rows(self.path, connect(self.database, writable=False, shared=self.writable))

    def _check_in_place(self) -> None:
        if self._closed:
            raise StoreError(f"{self.path} is closed; open it again")
        if _identity(self.database) != self._file:
            raise StoreError(f"{self.database} was deleted or replaced while it was open; open the store again")


def _key(row: sqlite3.Row) -> Key:
    return Key(id=row["id"], kind=KeyKind(row["kind"]), text=row["text"], radius=row["radius"])


def _pairs(rows: Sequence[sqlite3.Row]) -> dict[str, str]:
    return {row[0]: row[1] for row in rows}


def _number(rows: Sequence[sqlite3.Row]) -> int:
    return int(rows[0][0])


def _texts_of(snapshot: Snapshot) -> set[str]:
    """All texts of an edit, as they are in its rows and in the indexes over them."""
    edit = snapshot.edit
    texts = {edit.prompt, edit.statement, edit.target or "", *edit.paraphrases, *(key.text for key in snapshot.keys)}
    return texts | {prompt_key(text) for text in texts if text} | {fold(name) for name in edit.names}


def _holds_any(file: Path, parts: Sequence[bytes]) -> bool:
    with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return any(data.find(part) >= 0 for part in parts)


def _identity(file: Path) -> tuple[int, int] | None:
    """What tells a file from another one of its name; None where there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _make(folder: Path) -> None:
    """Makes the folder of a new store; one that holds files of others is left alone."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        names = sorted(one.name for one in folder.iterdir())
    except OSError as error:
        raise StoreError(f"{folder} cannot be a store ({error.strerror}); name another") from error
    if strange := [name for name in names if name not in OWN and not name.startswith((".", "passages"))]:
        raise StoreError(
            f"{folder} holds no store but other files ({', '.join(strange[:3])}); name an empty or a new folder"
        )


def _check_size(key: int, vector: bytes, size: int, path: Path) -> None:
    if len(vector) != size:
        raise StoreError(f"key {key} of {path} has a vector of the wrong size; run kedit verify")


def _arrays(rows: Iterable[sqlite3.Row], size: int, path: Path) -> Keys:
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
