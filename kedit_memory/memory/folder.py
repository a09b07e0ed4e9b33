"""The rows of a store in SQLite, in a folder that also holds all else of the store."""

import mmap
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import cast

from kedit_memory.errors import NotFoundError, StoreError
from kedit_memory.memory.database import Connection, Traces, insertion
from kedit_memory.memory.derived import altered_tables
from kedit_memory.memory.schema import APPLICATION_ID, prepare, tables
from kedit_memory.memory.word_tables import fill
from kedit_memory.records import Edit
from kedit_memory.sqlite import FAILURES, altered, connect, failure, may_write, refuse_foreign, translated

DATABASE = "store.db"
CACHE = "cache"
VALUES = "values"  # what models learned of the edits, a folder for each; they can learn it again
LEARNED = "codebook.json"  # in each such folder
OWN = frozenset({DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", CACHE, VALUES})

_MOST_PIECES = 64  # beyond which looking for each takes longer than rewriting the database


class Folder:
    """The database in a folder; see `Database`."""

    failures: tuple[type[Exception], ...] = FAILURES
    unlock = "make the folder writable"

    def __init__(self, folder: Path) -> None:
        self.folder, self.name, self.cache = folder, str(folder), folder / CACHE
        self.file = folder / DATABASE
        self.writable = may_write(self.file)
        self._identity = _identity(self.file)

    @classmethod
    def open(cls, folder: Path, *, create: bool) -> tuple["Folder", Connection]:
        """The database in a folder, made if absent and `create`, and a connection to it; see `Store.open`."""
        file = folder / DATABASE
        if file.is_file() and not file.stat().st_size and (folder / CACHE).is_dir():
            raise StoreError(f"{file} is empty, so its edits are gone; put a backup in its place")
        if not file.is_file():
            if not create:
                raise NotFoundError(f"no store at {folder}; name an existing folder, or add an edit first")
            _make(folder)
        writable = may_write(file)
        refuse_foreign(file, [APPLICATION_ID])
        with translated(file):
            connection = connect(file, writable=writable, shared=writable)
            try:
                prepare(connection, file)
                self = cls(folder)
                if writable:
                    self.fill(connection)
            except BaseException:
                connection.close()
                raise
        return self, connection

    def failure(self, error: Exception) -> StoreError:
        """See `Database.failure`."""
        return failure(self.file, error)

    def translated(self) -> AbstractContextManager[None]:
        """See `Database.translated`."""
        return translated(self.file)

    def check_in_place(self) -> None:
        """See `Database.check_in_place`."""
        if _identity(self.file) != self._identity:
            raise StoreError(f"{self.file} was deleted or replaced while it was open; open the store again")

    def connect(self, *, writable: bool) -> Connection:
        """See `Database.connect`."""
        with translated(self.file):
            return connect(self.file, writable=writable, shared=self.writable)

    def begin(self, connection: Connection, *, writing: bool = False) -> None:
        """See `Database.begin`."""
        connection.execute("BEGIN IMMEDIATE" if writing else "BEGIN")

    def commit(self, connection: Connection) -> None:
        """See `Database.commit`."""
        connection.execute("COMMIT")

    def version(self, connection: Connection) -> object:
        """See `Database.version`."""
        return connection.execute("PRAGMA data_version").fetchone()[0]

    def insert(self, connection: Connection, table: str, row: Mapping[str, object]) -> int:
        """See `Database.insert`."""
        cursor = cast(sqlite3.Connection, connection).execute(insertion(table, tuple(row)), tuple(row.values()))
        return int(cursor.lastrowid or 0)

    def written(self, connection: Connection, number: int, edit: Edit) -> None:
        """See `Database.written`: triggers do it."""

    def fill(self, connection: Connection) -> None:
        """See `Database.fill`."""
        fill(cast(sqlite3.Connection, connection))

    def last_number(self, connection: Connection, table: str) -> int:
        """See `Database.last_number`."""
        row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
        return 0 if row is None else int(row[0])

    def set_last_number(self, connection: Connection, table: str, number: int) -> None:
        """See `Database.set_last_number`."""
        connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
        if number:
            connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, number))

    def scrub(self, connection: Connection, traces: Traces | None) -> None:
        """Empties the log, and rewrites the database where it still holds one of these traces; None rewrites it anyway.

        What is deleted is overwritten, but a page that was parted before may hold an older copy.

        Raises:
            StoreError: another process reads the store, so that its log cannot be emptied yet.
        """
        self._empty_log(connection)
        if traces is None or len(traces.texts) > _MOST_PIECES or self._holds(connection, traces):
            connection.execute("VACUUM")
            self._empty_log(connection)

    def problems(self, connection: Connection) -> Iterator[str]:
        """See `Database.problems`."""
        for row in connection.execute("PRAGMA integrity_check(5)"):
            if row[0] != "ok":
                yield f"database: {' '.join(str(row[0]).split())}; restore a backup"
        for row in connection.execute("PRAGMA foreign_key_check"):
            yield f"table {row[0]}: row {row[1]} refers to a missing row of {row[2]}; restore a backup"
        for name in altered(cast(sqlite3.Connection, connection), tables()):
            yield f"database: {name} is not as it was made; restore a backup"

    def altered_tables(self, connection: Connection) -> Iterator[str]:
        """See `Database.altered_tables`."""
        with self.translated():
            yield from altered_tables(cast(sqlite3.Connection, connection))

    def size(self, connection: Connection) -> int:
        """See `Database.size`."""
        del connection
        return sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file())

    def _holds(self, connection: Connection, traces: Traces) -> bool:
        """Whether the file still has what only purged edits had; a text within one of another edit tells nothing."""
        other = (
            "SELECT 1 FROM edits WHERE instr(prompt, ?1) OR instr(prompt_key, ?1) OR instr(subject_key, ?1) "
            "OR instr(target, ?1) OR instr(statement, ?1) LIMIT 1"
        )
        texts = (text.decode(errors="ignore") for text in _held(self.file, traces.texts))
        return bool(_held(self.file, traces.vectors)) or any(
            connection.execute(other, (text,)).fetchone() is None for text in texts
        )

    def _empty_log(self, connection: Connection) -> None:
        if connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            raise StoreError(
                f"{self.name}: removed, but another process still reads the old log; purge again when it has finished"
            )


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
