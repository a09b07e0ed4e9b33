"""The tables of `passages.db`, as scripts that lead from one format to the next."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from functools import cache
from pathlib import Path

from kedit_memory.sqlite import checksum, connect, made_of, may_write, migrate, refuse_foreign, run, translated

OWNER = 0x6B656470  # "kedp", which SQLite keeps in the head of the file

_FORMAT_1 = """
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

# Namespaces, each with a version of its own, and checksums of rows.
_FORMAT_2 = """
UPDATE meta SET name = 'version default' WHERE name = 'version';
ALTER TABLE documents RENAME TO old_documents;
CREATE TABLE documents (
    id INTEGER PRIMARY KEY,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    ingested_at TEXT NOT NULL,
    checksum INTEGER NOT NULL,  -- of the columns between the number of the row and this one, as in each table
    UNIQUE (namespace, name)
);
INSERT INTO documents
    SELECT id, 'default', name, digest, ingested_at, checksum_of('default', name, digest, ingested_at)
    FROM old_documents;
DROP TABLE old_documents;
ALTER TABLE passages RENAME TO old_passages;
CREATE TABLE passages (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace TEXT NOT NULL,
    id TEXT NOT NULL,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    source TEXT,
    date TEXT,
    checksum INTEGER NOT NULL,
    UNIQUE (namespace, id)
);
INSERT INTO passages
    SELECT row, 'default', id, title, text, source, date, checksum_of('default', id, title, text, source, date)
    FROM old_passages;
DELETE FROM sqlite_sequence WHERE name = 'passages';
UPDATE sqlite_sequence SET name = 'passages' WHERE name = 'old_passages';
DROP TABLE old_passages;
ALTER TABLE vectors ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
UPDATE vectors SET checksum = checksum_of(vector);
"""
_MIGRATIONS = (_FORMAT_1, _FORMAT_2)
_TABLES = {"meta", "documents", "passages", "held", "vectors"}


@cache
def tables() -> Mapping[str, str]:
    """What makes each table and index of today, by name."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.create_function("checksum_of", -1, checksum, deterministic=True)
        run(connection, _MIGRATIONS)
        return made_of(connection)


def open_database(file: Path) -> sqlite3.Connection:
    """A connection to the database of passages; its tables are made, or brought up to date, where it may be written.

    Raises:
        StoreError: it cannot be opened, is damaged, foreign or of a newer format.
    """
    refuse_foreign(file, [OWNER, 0])  # format 1 did not say whose it was
    with translated(file):
        writable = may_write(file)
        connection = connect(file, writable=writable, shared=writable)
        try:
            if writable:
                _sign(connection)
            migrate(connection, file, _MIGRATIONS, OWNER)
        except BaseException:
            connection.close()
            raise
    return connection


def _sign(connection: sqlite3.Connection) -> None:
    """Names the owner of a file of format 1, which did not say whose it was."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 1 and {row[0] for row in connection.execute("SELECT name FROM sqlite_master")} >= _TABLES:
        connection.execute(f"PRAGMA application_id = {OWNER}")
