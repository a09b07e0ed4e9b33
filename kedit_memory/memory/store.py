"""One folder with the SQLite database that holds everything; nothing here knows about vectors' meaning.

Readers have connections of their own, each on one snapshot, so that nobody waits for a writer.
"""

# ruff: noqa: S608 - what is joined into SQL is constants of this package; values are bound

import mmap
import secrets
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from kedit_memory.errors import NotFoundError, StoreError
from kedit_memory.memory.conflicts import prompt_key
from kedit_memory.memory.radius import DEFAULT_RADIUS
from kedit_memory.memory.rows import (
    ANY_EXPANDED,
    ANY_REJECTED,
    ANY_SUBJECTLESS,
    COLUMNS,
    DATABASE,
    LAST,
    UNSCRUBBED,
    Key,
    Rows,
    Snapshot,
    id_of,
    number_of,
    row_of,
    snapshot_from,
    snapshot_json,
    to_json,
)
from kedit_memory.memory.schema import APPLICATION_ID, prepare
from kedit_memory.memory.word_tables import fill
from kedit_memory.records import Edit, KeyKind, Vectors
from kedit_memory.sqlite import checksum, connect, may_write, refuse_foreign, translated
from kedit_memory.text import fold
from kedit_memory.words import words

CACHE = "cache"
VALUES = "values"  # what models learned of the edits, a folder for each; they can learn it again
LEARNED = "codebook.json"  # in each such folder
OWN = frozenset({DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", CACHE, VALUES})

_WRITTEN = (*COLUMNS, "checksum")
_INSERT_EDIT = f"INSERT INTO edits ({', '.join(_WRITTEN)}) VALUES ({', '.join(':' + c for c in _WRITTEN)})"
_UPDATE_EDIT = f"UPDATE edits SET {', '.join(f'{c} = :{c}' for c in _WRITTEN if c != 'id')} WHERE id = :id"
_TELLING = 6  # characters of a text that is looked for in files: shorter ones are words of others, too
_PIECE = 48  # bytes of a text that tell it from others
_MOST_PIECES = 64  # beyond which looking for each takes longer than rewriting the database
_IDLE = 8  # connections of readers that are kept for the next ones


class Traces(NamedTuple):
    """What is in no file once edits are purged: the keys, and pieces of the texts and vectors that only they have."""

    keys: list[int]
    texts: list[bytes]
    vectors: list[bytes]


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
        refuse_foreign(database, [APPLICATION_ID])
        with translated(database):
            connection = connect(database, writable=writable, shared=writable)
            try:
                prepare(connection, database)
                if writable:
                    fill(connection)
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
            rows.begin()
            yield rows
            kept = rows.end() and not self._closed and len(self._readers) < _IDLE
        finally:
            if kept:
                self._readers.append(rows)
            else:
                rows.connection.close()

    @contextmanager
    def transaction(self, *, keep: bool = True) -> Iterator[None]:
        """All or nothing, which it always is unless `keep`; holds the store's only write lock from the start.

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
                if keep:
                    self.connection.execute("COMMIT")
                else:
                    self.forget()
                    self.connection.execute("ROLLBACK")
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
        self.set_meta(UNSCRUBBED, "1")
        return self.begin_operation("purge", None, at)

    def traces(self, numbers: Sequence[int]) -> Traces:
        """What to look for in files once these edits are purged."""
        chosen = to_json(list(numbers))
        keys = self.query("SELECT id, text, vector FROM keys WHERE edit_id IN (SELECT value FROM json_each(?))", chosen)
        changes = self.query(
            "SELECT before, after FROM changes WHERE edit_id IN (SELECT value FROM json_each(?))", chosen
        )
        every = (snapshot_from(change[side]) for change in changes for side in ("before", "after"))
        snapshots = [snapshot for snapshot in every if snapshot]
        texts = {text for snapshot in snapshots for text in _texts_of(snapshot)}
        kept = (
            "SELECT 1 FROM keys WHERE text = ?1 AND edit_id NOT IN (SELECT value FROM json_each(?2)) "
            "UNION ALL SELECT 1 FROM edits "
            "WHERE subject_key = ?1 AND id NOT IN (SELECT value FROM json_each(?2)) LIMIT 1"
        )
        elsewhere = (
            "SELECT 1 FROM (SELECT DISTINCT namespace FROM counts) one CROSS JOIN words w "
            "ON w.namespace = one.namespace AND w.word = ?1 CROSS JOIN word_edits i ON i.word_id = w.id "
            "WHERE i.edit_id NOT IN (SELECT value FROM json_each(?2)) LIMIT 1"
        )
        own = {text for text in texts if not self.query(kept, text, chosen)}
        cut = {word for one in snapshots if row_of(one.edit)["unnamed"] for word in words(" ".join(_texts_of(one)))}
        own |= {word for word in cut if len(word) >= _TELLING and not self.query(elsewhere, word, chosen)}
        forms = {form for text in own if len(text) >= _TELLING for form in (text, to_json(text)[1:-1])}
        return Traces(
            keys=[key["id"] for key in keys],
            texts=[form.encode()[:_PIECE] for form in forms],
            vectors=[half for key in keys if key["text"] in own for half in _halves(key["vector"])],
        )

    def _holds(self, traces: Traces) -> bool:
        """Whether the file still has what only purged edits had; a text within one of another edit tells nothing."""
        other = (
            "SELECT 1 FROM edits WHERE instr(prompt, ?1) OR instr(prompt_key, ?1) OR instr(subject_key, ?1) "
            "OR instr(target, ?1) OR instr(statement, ?1) LIMIT 1"
        )
        texts = (text.decode(errors="ignore") for text in _held(self.database, traces.texts))
        return bool(_held(self.database, traces.vectors)) or any(not self.query(other, text) for text in texts)

    def scrub(self, traces: Traces | None = None) -> None:
        """Empties the log, and rewrites the database where it still holds one of these traces; None rewrites it anyway.

        What is deleted is overwritten, but a page that was parted before may hold an older copy.

        Raises:
            StoreError: another process reads the store, so that its log cannot be emptied yet.
        """
        with self._writing, translated(self.database):
            self._empty_log()
            if traces is None or len(traces.texts) > _MOST_PIECES or self._holds(traces):
                self.connection.execute("VACUUM")
                self._empty_log()
            self.set_meta(UNSCRUBBED, None)

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
            self.connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))

    def insert_edit(self, edit: Edit) -> str:
        """Writes an edit and gives its id; a new one unless the edit brings its own."""
        if not edit.subject:
            self._known[ANY_SUBJECTLESS] = True
        cursor = self.connection.execute(_INSERT_EDIT, row_of(edit))
        return id_of(int(cursor.lastrowid or 0))

    def update_edit(self, edit: Edit) -> None:
        """Writes the columns of an edit that is there."""
        self._known.pop(ANY_SUBJECTLESS, None)
        self.connection.execute(_UPDATE_EDIT, row_of(edit))

    def delete_edit(self, edit_id: str) -> None:
        """Takes an edit out with its keys; its history stays."""
        self.forget()
        self.connection.execute("DELETE FROM edits WHERE id = ?", (number_of(edit_id),))

    def insert_key(
        self, edit_id: str, kind: KeyKind, text: str, radius: float, vector: Vectors, *, number: int | None = None
    ) -> Key:
        """Writes one key of an edit, under a new number unless it had one."""
        if kind is KeyKind.REJECTED:
            self._known[ANY_REJECTED] = True
        if radius > DEFAULT_RADIUS:
            self._known.pop(ANY_EXPANDED, None)
        values = (str(kind), text, float(radius), vector.astype("<f4").tobytes())
        cursor = self.connection.execute(
            "INSERT INTO keys (id, edit_id, kind, text, radius, vector, checksum) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (number, number_of(edit_id), *values, checksum(*values)),
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
        given = [(float(radius), key) for key, radius in radii]
        if any(radius > DEFAULT_RADIUS for radius, _ in given):
            self._known[ANY_EXPANDED] = True
        self.connection.executemany(
            "UPDATE keys SET radius = ?1, checksum = checksum_of(kind, text, ?1, vector) WHERE id = ?2", given
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
        self._known[LAST] = int(cursor.lastrowid or 0)
        return int(self._known[LAST])

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


def _texts_of(snapshot: Snapshot) -> set[str]:
    """All texts of an edit, as they are in its rows and in the indexes over them."""
    edit = snapshot.edit
    texts = {edit.prompt, edit.statement, edit.target or "", *edit.paraphrases, *(key.text for key in snapshot.keys)}
    return texts | {prompt_key(text) for text in texts if text} | {fold(name) for name in edit.names}


def _halves(vector: bytes) -> tuple[bytes, bytes]:
    """Pieces long enough to tell vectors apart that are mostly zeros."""
    middle = len(vector) // 2
    return vector[:middle], vector[middle:]


def _held(file: Path, parts: Sequence[bytes]) -> list[bytes]:
    """Those of some pieces that stand in a file."""
    with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return [part for part in parts if data.find(part) >= 0]


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
