"""The tables of `passages.db`, and SQLite's errors in one line."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kedit_memory.errors import StoreError

FORMAT_VERSION = 1
BUSY_SECONDS = 10.0

_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('version', 0);
CREATE TABLE documents (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,  -- the path of a file, the address of a page; empty for passages without one
    digest TEXT NOT NULL,  -- of what it held when it was taken in
    ingested_at TEXT NOT NULL
);
CREATE TABLE passages (
    row INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used twice: a passage that changes gets a new one
    id TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    source TEXT,
    date TEXT
);
CREATE TABLE held (
    document INTEGER NOT NULL,
    row INTEGER NOT NULL,
    PRIMARY KEY (document, row)
) WITHOUT ROWID;
CREATE INDEX held_by_row ON held (row);
CREATE TABLE vectors (
    row INTEGER PRIMARY KEY,  -- of a passage; below 1, one beside the store's
    vector BLOB NOT NULL  -- float32, little endian
);
"""


def open_database(file: Path) -> sqlite3.Connection:
    """A connection to the database of passages, whose tables are made where they are missing.

    Raises:
        StoreError: it cannot be opened, is damaged, or is of a newer format.
    """
    with translated(file):
        connection = sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            _prepare(connection, file)
        except BaseException:
            connection.close()
            raise
    return connection


def _prepare(connection: sqlite3.Connection, file: Path) -> None:
    if _version(connection) == FORMAT_VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    found = _version(connection)  # another process may have been quicker
    if found == 0:
        for statement in filter(str.strip, _TABLES.split(";\n")):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
    connection.execute("COMMIT")
    if found > FORMAT_VERSION:
        raise StoreError(f"{file} is of format {found}, newer than {FORMAT_VERSION}; update kedit-memory to open it")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


@contextmanager
def translated(file: Path) -> Iterator[None]:
    """Turns SQLite's errors into one line that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        text = str(error)
        advice = next(
            (say for sign, say in _ADVICE if sign in text), "restore a backup, or ingest again into a new store"
        )
        raise StoreError(f"{file}: {text}; {advice}") from error


_ADVICE: tuple[tuple[str, str], ...] = (
    ("disk is full", "nothing was changed, free some space and try again"),
    ("readonly", "make the folder writable, or name another store"),
    ("unable to open", "make the folder writable, or name another store"),
    ("locked", "another process is writing, try again when it has finished"),
)
