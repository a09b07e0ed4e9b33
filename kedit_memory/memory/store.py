"""The rows of a store, and what changes them; nothing here knows about vectors' meaning.

Readers have connections of their own, each on one snapshot, so that nobody waits for a writer.
"""

# ruff: noqa: S608 - what is joined into SQL is constants of this package; values are bound

import secrets
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from kedit_memory.errors import StoreError
from kedit_memory.memory.conflicts import prompt_key
from kedit_memory.memory.database import Connection, Database, Traces
from kedit_memory.memory.folder import Folder
from kedit_memory.memory.postgres import Postgres
from kedit_memory.memory.radius import DEFAULT_RADIUS
from kedit_memory.memory.rows import (
    ANY_EXPANDED,
    ANY_REJECTED,
    ANY_SUBJECTLESS,
    COLUMNS,
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
from kedit_memory.places import is_address
from kedit_memory.records import Edit, KeyKind, Vectors
from kedit_memory.sqlite import checksum
from kedit_memory.text import fold
from kedit_memory.words import words

_WRITTEN = (*COLUMNS[1:], "checksum")
_UPDATE_EDIT = f"UPDATE edits SET {', '.join(f'{column} = ?' for column in _WRITTEN)} WHERE id = ?"
_OF_KEY = ("id", "edit_id", "kind", "text", "radius", "vector", "checksum")
_OF_CHANGE = ("operation", "verb", "edit_id", "before", "after", "checksum")
_BATCH = 500  # keys that are read at once
_TELLING = 6  # characters of a text that is looked for in files: shorter ones are words of others, too
_PIECE = 48  # bytes of a text that tell it from others
_IDLE = 8  # connections of readers that are kept for the next ones


class Store(Rows):
    """The rows of a store, and what changes them: one transaction at a time."""

    def __init__(self, database: Database, connection: Connection) -> None:
        super().__init__(database, connection)
        self._writing = threading.RLock()
        self._readers: list[Rows] = []  # idle ones
        self._closed = False

    @classmethod
    def open(cls, place: str | Path, *, create: bool = True) -> "Store":
        """The store in a folder, or in the database of an address, made if absent unless `create` is false.

        Raises:
            NotFoundError: there is none and none shall be made.
            StoreError: it cannot be read or written, is damaged, foreign or of a newer format; or the folder holds
                other files.
        """
        if isinstance(place, str) and is_address(place):
            return cls(*Postgres.open(place, create=create))
        return cls(*Folder.open(Path(place), create=create))

    @property
    def folder(self) -> Path:
        """What belongs to the store on this machine: for a store in a folder, that."""
        return self.database.folder

    def close(self) -> None:
        """Ends the connections; SQLite then folds its log into the file."""
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
        if not self.database.writable:
            raise StoreError(f"{self.name} cannot be changed here; {self.database.unlock}, or name another store")
        with self._writing, self.database.translated():
            self._check_in_place()
            self.database.begin(self.connection, writing=True)
            try:
                self.refresh()
                yield
                if keep:
                    self.database.commit(self.connection)
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
            run(f"DELETE FROM {table} WHERE {column} IN (SELECT CAST(value AS BIGINT) FROM json_each(?))", (chosen,))
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
        keys = self.query(
            "SELECT id, text, vector FROM keys WHERE edit_id IN (SELECT CAST(value AS BIGINT) FROM json_each(?))",
            chosen,
        )
        changes = self.query(
            "SELECT before, after FROM changes WHERE edit_id IN (SELECT CAST(value AS BIGINT) FROM json_each(?))",
            chosen,
        )
        every = (snapshot_from(change[side]) for change in changes for side in ("before", "after"))
        snapshots = [snapshot for snapshot in every if snapshot]
        texts = {text for snapshot in snapshots for text in _texts_of(snapshot)}
        kept = (
            "SELECT 1 FROM keys WHERE text = ?1 AND edit_id NOT IN (SELECT CAST(value AS BIGINT) FROM json_each(?2)) "
            "UNION ALL SELECT 1 FROM edits "
            "WHERE subject_key = ?1 AND id NOT IN (SELECT CAST(value AS BIGINT) FROM json_each(?2)) LIMIT 1"
        )
        elsewhere = (
            "SELECT 1 FROM (SELECT DISTINCT namespace FROM counts) one CROSS JOIN words w "
            "ON w.namespace = one.namespace AND w.word = ?1 CROSS JOIN word_edits i ON i.word_id = w.id "
            "WHERE i.edit_id NOT IN (SELECT CAST(value AS BIGINT) FROM json_each(?2)) LIMIT 1"
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

    def scrub(self, traces: Traces | None = None) -> None:
        """Leaves nothing of what was purged where rows are kept, known by its traces; without these, at any cost.

        Raises:
            StoreError: somebody reads the store, so that it cannot be done yet.
        """
        with self._writing, self.database.translated():
            self.database.scrub(self.connection, traces)
        with self.transaction():
            self.set_meta(UNSCRUBBED, None)

    def set_meta(self, name: str, value: str | None) -> None:
        """Notes `value` under `name`; None takes the note away."""
        self.forget()
        self.connection.execute("DELETE FROM meta WHERE name = ?", (name,))
        if value is not None:
            self.connection.execute("INSERT INTO meta (name, value) VALUES (?, ?)", (name, value))

    def insert_edit(self, edit: Edit) -> str:
        """Writes an edit and gives its id; a new one unless the edit brings its own."""
        if not edit.subject:
            self._known[ANY_SUBJECTLESS] = True
        number = self.database.insert(self.connection, "edits", row_of(edit))
        self.database.written(self.connection, number, edit)
        return id_of(number)

    def update_edit(self, edit: Edit) -> None:
        """Writes the columns of an edit that is there."""
        self._known.pop(ANY_SUBJECTLESS, None)
        row = row_of(edit)
        self.connection.execute(_UPDATE_EDIT, (*(row[column] for column in _WRITTEN), row["id"]))
        self.database.written(self.connection, row["id"], edit)

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
        row = dict(zip(_OF_KEY, (number, number_of(edit_id), *values, checksum(*values)), strict=True))
        return Key(id=self.database.insert(self.connection, "keys", row), kind=kind, text=text, radius=radius)

    def set_vectors(self, vectors: Iterable[tuple[int, Vectors]]) -> None:
        """Gives keys, by id, another vector."""
        self._set_keys("vector", ((key, vector.astype("<f4").tobytes()) for key, vector in vectors))

    def set_radii(self, radii: Iterable[tuple[int, float]]) -> None:
        """Gives keys, by id, another radius."""
        given = [(key, float(radius)) for key, radius in radii]
        if any(radius > DEFAULT_RADIUS for _, radius in given):
            self._known[ANY_EXPANDED] = True
        self._set_keys("radius", given)

    def _set_keys(self, column: str, values: Iterable[tuple[int, object]]) -> None:
        """Gives keys, by id, another value in one of the columns that their checksum is of."""
        left = iter(values)
        while given := dict(islice(left, _BATCH)):
            rows = self.query(
                "SELECT id, kind, text, radius, vector FROM keys "
                "WHERE id IN (SELECT CAST(value AS BIGINT) FROM json_each(?))",
                to_json(list(given)),
            )
            written = []
            for row in rows:
                checked = {name: row[name] for name in _OF_KEY[2:6]} | {column: given[row["id"]]}
                written.append((given[row["id"]], checksum(*checked.values()), row["id"]))
            self.connection.executemany(f"UPDATE keys SET {column} = ?, checksum = ? WHERE id = ?", written)

    def set_live(self, keys: Iterable[int], *, live: bool) -> None:
        """Puts keys to rest, or wakes them."""
        self.forget()
        self.connection.executemany("UPDATE keys SET live = ? WHERE id = ?", [(live, k) for k in keys])

    def begin_operation(self, verb: str, namespace: str | None, at: str) -> int:
        """Notes an operation under a random token, by which a copy of the store can be told from it; its number."""
        values = (verb, namespace, at, secrets.token_hex(8))
        row = dict(zip(("verb", "namespace", "at", "token"), values, strict=True))
        self._known[LAST] = self.database.insert(self.connection, "operations", row)
        return int(self._known[LAST])

    def note_change(self, operation: int, verb: str, before: Snapshot | None, after: Snapshot | None) -> None:
        """Notes what an operation did to one edit."""
        either = before or after
        if either is not None:
            values = (verb, number_of(either.edit.id), snapshot_json(before), snapshot_json(after))
            row = dict(zip(_OF_CHANGE, (operation, *values, checksum(*values)), strict=True))
            self.database.insert(self.connection, "changes", row)

    def _reader(self) -> Rows:
        try:
            return self._readers.pop()
        except IndexError:
            return Rows(self.database, self.database.connect(writable=False))

    def _check_in_place(self) -> None:
        if self._closed:
            raise StoreError(f"{self.name} is closed; open it again")
        self.database.check_in_place()


def _texts_of(snapshot: Snapshot) -> set[str]:
    """All texts of an edit, as they are in its rows and in the indexes over them."""
    edit = snapshot.edit
    texts = {edit.prompt, edit.statement, edit.target or "", *edit.paraphrases, *(key.text for key in snapshot.keys)}
    return texts | {prompt_key(text) for text in texts if text} | {fold(name) for name in edit.names}


def _halves(vector: bytes) -> tuple[bytes, bytes]:
    """Pieces long enough to tell vectors apart that are mostly zeros."""
    middle = len(vector) // 2
    return vector[:middle], vector[middle:]
