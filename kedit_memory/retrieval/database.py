"""`passages.db` of one store: opened when it is there, made at the first passage, changed in transactions."""

import sqlite3
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kedit_memory.errors import StoreError
from kedit_memory.retrieval.schema import open_database
from kedit_memory.sqlite import translated

DATABASE = "passages.db"


class Database:
    """The file in a store's folder.

    Args:
        folder: of the store.
        take_over: brings in what an older format kept elsewhere; called before a query while there is no database.
    """

    def __init__(self, folder: Path, take_over: Callable[[], None]) -> None:
        self.file = folder / DATABASE
        self._take_over = take_over
        self._opened: sqlite3.Connection | None = None

    def close(self) -> None:
        """Ends the connection."""
        if self._opened is not None:
            self._end()
            self._opened = None

    def query(self, sql: str, *values: object) -> Iterator[Sequence[Any]]:
        """The rows of one statement, as they come; none while there is no database."""
        if self._opened is None:
            self.open_existing()  # somebody else may have made it
        if self._opened is None:
            return
        with translated(self.file):
            yield from self._opened.execute(sql, values)

    def number(self, sql: str, *values: object) -> int:
        """The first value of the first row; 0 where there is none."""
        found = next((row[0] for row in self.query(sql, *values)), 0)
        if not isinstance(found, int):
            raise StoreError(f"{self.file} is damaged; run kedit verify, and restore a backup")
        return found

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; no other process writes meanwhile. Makes the database where there is none."""
        self.open()
        with translated(self.file):
            self.run("BEGIN IMMEDIATE")
            try:
                yield
                self.run("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self.run("ROLLBACK")
                raise

    def run(self, sql: str, *values: object) -> sqlite3.Cursor:
        """One statement, within a transaction."""
        return self._connection.execute(sql, values)

    def run_many(self, sql: str, values: Iterable[Sequence[object]]) -> None:
        """One statement for many values, within a transaction."""
        self._connection.executemany(sql, values)

    def forget_log(self) -> None:
        """Writes the log into the file and empties it, so that what was deleted is in neither."""
        with translated(self.file):
            blocked = self.run("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if blocked:
            raise StoreError(
                f"removed, but another process still reads the old state; the text is in {self.file}-wal until it ends"
            )

    def open_existing(self) -> None:
        """Open the database where there is one, or what it can be made from."""
        self._take_over()
        if self._opened is None and self.file.exists():
            self.open()

    def open(self) -> None:
        """Open the database, and make it where there is none."""
        if self._opened is not None:
            return
        with written(self.file):
            self.file.parent.mkdir(parents=True, exist_ok=True)
        self._opened = open_database(self.file)
        self._end = weakref.finalize(self, self._opened.close)

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            raise StoreError(f"{self.file} is not open; make it within a transaction")
        return self._opened


@contextmanager
def written(file: Path) -> Iterator[None]:
    """Turns an error of writing into one line."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"cannot write {file}: {error.strerror}; nothing was ingested") from error
