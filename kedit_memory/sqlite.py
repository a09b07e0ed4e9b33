"""Connections to SQLite files: set up alike, brought up to date by numbered migrations, their errors in one line.

Each write is a transaction in a write-ahead log with synchronous=FULL: what has returned survives a crash.
"""

import os
import sqlite3
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from kedit_memory.errors import StoreError

BUSY_SECONDS = 10.0
_HEADER, _MAGIC, _OWNER = 105, b"SQLite format 3\0", slice(68, 72)  # where a database says whose it is
_NO_TABLE = b"\r\0\0\0\0"  # what follows where it has none: a first page without a row

_RESTORE = "the file is damaged, restore a backup (see kedit restore)"
_ADVICE: tuple[tuple[str, str], ...] = (
    ("not a database", "restore a backup, or name another folder as the store"),
    ("malformed", _RESTORE),
    ("decode", _RESTORE),  # bytes that are no text
    ("user-defined function", _RESTORE),  # which met such a value
    ("disk I/O", "check the disk, then run kedit verify"),
    ("disk is full", "nothing was changed, free some space and try again"),
    ("readonly", "make the folder writable, or name another store"),
    ("unable to open", "make the folder writable, or name another store"),
    # What a log on a disk without writing cannot be locked by, and what many processes that open a store at once meet.
    ("locking protocol", "make the folder writable, or try again when other processes have opened the store"),
    ("locked", "another process is writing, try again when it has finished"),
)

FAILURES = (sqlite3.Error, UnicodeDecodeError)  # the latter where a message of SQLite quotes a damaged file


def refuse_foreign(file: Path, owners: Sequence[int]) -> None:
    """Looks into a file before a connection changes its header; one that is open in another process is looked at later.

    One without a table is nobody's: it was left when a store was about to be made.

    Raises:
        StoreError: it is the database of another program.
    """
    if not file.is_file() or file.with_name(f"{file.name}-wal").exists():
        return
    with file.open("rb") as stream:
        header = stream.read(_HEADER)
    mine = int.from_bytes(header[_OWNER], "big") in owners or header.endswith(_NO_TABLE)
    if header.startswith(_MAGIC) and not mine:
        raise foreign(file)


def foreign(file: Path) -> StoreError:
    """What is said of a database that belongs to another program."""
    return StoreError(f"{file} is a database of another program; name another folder as the store")


def connect(file: Path, *, writable: bool = True, shared: bool = True) -> sqlite3.Connection:
    """A connection to a database, which threads may use one at a time; what it deletes is overwritten with zeros.

    One that is not `writable` changes no byte of the database. One that is not even `shared` makes no file beside it,
    as a folder that cannot be written demands; it must not be used while others write.
    """
    lone = not writable and not shared and not file.with_name(f"{file.name}-wal").exists()
    how = "rwc" if writable else "ro&immutable=1" if lone else "ro"
    connection = sqlite3.connect(
        f"{file.absolute().as_uri()}?mode={how}",
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        uri=True,
    )
    try:
        connection.row_factory = sqlite3.Row
        connection.create_function("checksum_of", -1, checksum, deterministic=True)
        connection.execute("PRAGMA foreign_keys = ON")
        if writable:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA secure_delete = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def may_write(file: Path) -> bool:
    """Whether this process may change a database, or make it where it is absent."""
    return os.access(file if file.exists() else file.parent, os.W_OK) and os.access(file.parent, os.W_OK)


def migrate(connection: sqlite3.Connection, file: Path, migrations: Sequence[str], owner: int) -> None:
    """Makes the tables, or brings an older file up to date, in one transaction; the n-th script leads to format n.

    Raises:
        StoreError: the file belongs to another program, is of a newer format, or may not be changed.
    """
    newest = len(migrations)
    if _version(connection, file, newest, owner) == newest:
        return
    if connection.execute("PRAGMA query_only").fetchone()[0] or not may_write(file):
        raise StoreError(f"{file} is of an older format and cannot be changed here; copy it to a writable folder")
    connection.execute("BEGIN IMMEDIATE")
    try:
        run(
            connection, migrations[_version(connection, file, newest, owner) :]
        )  # another process may have been quicker
        connection.execute(f"PRAGMA application_id = {owner}")
        connection.execute(f"PRAGMA user_version = {newest}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def run(connection: sqlite3.Connection, scripts: Iterable[str]) -> None:
    """Runs the statements of scripts, each of which ends with its line."""
    for script in scripts:
        for statement in filter(str.strip, script.split(";\n")):
            connection.execute(statement)


def made_of(connection: sqlite3.Connection) -> dict[str, str]:
    """The statement that made each table, index and trigger, without what versions of SQLite write differently."""
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {name: " ".join(sql.replace('"', "").split()) for name, sql in rows}


def altered(connection: sqlite3.Connection, made: Mapping[str, str]) -> list[str]:
    """The names of what is missing in a database, or not as these statements make it."""
    found = made_of(connection)
    return [name for name, sql in made.items() if found.get(name) != sql]


def _version(connection: sqlite3.Connection, file: Path, newest: int, owner: int) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    found = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if found != owner and connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None:
        raise foreign(file)
    if version > newest:
        raise StoreError(
            f"{file} has format {version}, this version of kedit-memory reads up to {newest}; "
            "install a newer kedit-memory"
        )
    return version


def copy_database(file: Path, to: Path) -> None:
    """A copy of a database as one moment has it, whatever others write meanwhile; on the disk when this returns.

    Raises:
        StoreError: it cannot be read or written.
    """
    shared = may_write(file)
    with (
        translated(to),
        closing(connect(file, writable=False, shared=shared)) as source,
        closing(sqlite3.connect(to)) as copy,
    ):
        source.backup(copy)
    with to.open("rb") as written:
        os.fsync(written.fileno())


@contextmanager
def translated(file: Path) -> Iterator[None]:
    """Turns SQLite's errors into one line that says what to do."""
    try:
        yield
    except FAILURES as error:
        raise failure(file, error) from error


def failure(file: Path, error: Exception) -> StoreError:
    """One of SQLite's `FAILURES` with what to do about it."""
    advice = next((say for sign, say in _ADVICE if sign in str(error)), "run kedit verify")
    return StoreError(f"{file}: {' '.join(str(error).split())}; {advice}")  # which may quote a statement of many lines


def checksum(*values: object) -> int:
    """CRC-32 of the values of a row: texts, numbers, bytes and NULL, each with its kind and length."""
    crc = 0
    for value in values:
        kind, data = _bytes_of(value)
        crc = zlib.crc32(data, zlib.crc32(b"%c%d:" % (kind, len(data)), crc))
    return crc


def _bytes_of(value: object) -> tuple[bytes, bytes]:
    if isinstance(value, str):
        return b"s", value.encode()
    if isinstance(value, bytes):
        return b"b", value
    if isinstance(value, int):
        return b"i", b"%d" % value
    if isinstance(value, float):
        return b"f", struct.pack("<d", value)
    return b"n", b""
