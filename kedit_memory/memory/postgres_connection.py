"""A connection to PostgreSQL that takes SQL as SQLite says it, and the address that leads there."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote

from kedit_memory.errors import InvalidInputError, MissingDependencyError
from kedit_memory.memory.database import Cursor
from kedit_memory.memory.postgres_tables import spoken_checksum
from kedit_memory.memory.schema import APPLICATION_ID

SCHEMA = "kedit_memory"  # where an address names none
_SCHEMA_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
BUSY = 10  # seconds for others to end
_PLACE = re.compile(r"\?(\d*)")
_JOINED = re.compile(r"CROSS JOIN (\w+(?: \w+)?)\s+ON ")
_SETTINGS = """
SET search_path TO "{schema}"; SET lock_timeout = '{busy}s'; SET jit = off; SET standard_conforming_strings = on;
SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3;
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
"""
_LOCK = f"SELECT pg_advisory_xact_lock({APPLICATION_ID}, hashtext(current_schema()))"


class Row(tuple[Any, ...]):
    """A row that gives its values by place and by name."""

    names: Mapping[str, int]

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(self.names[key] if isinstance(key, str) else key)


def _made_rows(cursor: Any) -> Callable[[Sequence[Any]], Row]:
    names = {column.name: place for place, column in enumerate(cursor.description or ())}

    def made(values: Sequence[Any]) -> Row:
        row = Row(values)
        row.names = names
        return row

    return made


@lru_cache(1024)
def _spoken(sql: str) -> str:
    """A statement of SQLite as PostgreSQL and psycopg say it: a place without a number has that after the largest."""
    sql = _JOINED.sub(r"JOIN \1 ON ", sql.replace("%", "%%"))
    sql = spoken_checksum(sql).replace(" char(", " chr(").replace("NOT INDEXED", "")
    largest = 0

    def place(found: re.Match[str]) -> str:
        nonlocal largest
        number = int(found[1] or largest + 1)
        largest = max(largest, number)
        return f"%({number})s"

    return _PLACE.sub(place, sql)


def _bound(values: Iterable[Any]) -> dict[str, Any]:
    return {str(number): value for number, value in enumerate(values, start=1)}


class PostgresConnection:
    """A connection that takes SQL as SQLite does; one that the server has ended is made again as a block begins."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self._psycopg = connect()
        self.numbers: dict[str, int] = {}  # the last ones, within a transaction that writes
        self._noted: dict[str, int] = {}

    @property
    def lost(self) -> bool:
        """Whether the server has ended it."""
        return bool(self._psycopg.closed)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        status = self._psycopg.info.transaction_status
        return not self.lost and status.name in {"INTRANS", "INERROR", "ACTIVE"}

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Cursor:
        """What one statement gives."""
        cursor: Cursor = self._psycopg.execute(_spoken(sql), _bound(values))
        return cursor

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> None:
        """Runs one statement for each row of values."""
        self._psycopg.cursor().executemany(_spoken(sql), list(map(_bound, rows)))

    def close(self) -> None:
        """Ends it."""
        self._psycopg.close()

    def begin(self, sql: str) -> None:
        """Begins a transaction, on a new connection where the server has ended the old one meanwhile."""
        import psycopg

        try:
            self.execute(sql)
        except psycopg.OperationalError:
            if not self.lost:
                raise
            self._psycopg = self._connect()
            self.execute(sql)

    def begin_writing(self) -> None:
        """Begins a transaction that has the store to itself among those that write."""
        self.begin("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")  # which sees what was committed before the lock
        try:
            self.execute(_LOCK)
            self._noted = {row[0]: row[1] for row in self.execute("SELECT name, last FROM numbers")}
        except BaseException:
            self.roll_back()
            raise
        self.numbers = dict(self._noted)

    def write_numbers(self) -> None:
        """Writes what was counted within the transaction."""
        self.numbers["version"] += 1
        changed = [(last, name) for name, last in self.numbers.items() if last != self._noted[name]]
        self.executemany("UPDATE numbers SET last = ? WHERE name = ?", changed)

    def roll_back(self) -> None:
        """Ends a transaction, if one is open, as if it had never been."""
        if self.in_transaction:
            self.execute("ROLLBACK")


def driver() -> Any:
    """The package psycopg, imported at the first use.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        import psycopg
    except ImportError:
        raise MissingDependencyError(
            "a store on PostgreSQL needs psycopg, which is not installed: pip install 'kedit-memory[postgres]'"
        ) from None
    return psycopg


def parsed(address: str) -> tuple[dict[str, Any], str]:
    """What psycopg is given, and the schema of the store.

    Raises:
        InvalidInputError: it is no address; the message does not repeat it, since a password may be in it.
    """
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    base, _, query = address.partition("?")
    parts = [part for part in query.split("&") if part]
    names = [unquote(part.removeprefix("schema=")) for part in parts if part.startswith("schema=")]
    schema = names[-1] if names else SCHEMA
    if not _SCHEMA_NAME.fullmatch(schema):
        raise InvalidInputError(f"schema {quote(schema)[:40]!r} is no name; write small letters, digits and _")
    others = "&".join(part for part in parts if not part.startswith("schema="))
    malformed = InvalidInputError(
        "the address of the store is malformed; write postgresql://USER:PASSWORD@HOST:PORT/DATABASE?schema=NAME"
    )
    try:
        given = conninfo_to_dict(f"{base}?{others}" if others else base)
    except ProgrammingError:
        raise malformed from None
    if not re.fullmatch(r"[0-9,]*", str(given.get("port") or "")):  # a part of a password that was not encoded
        raise malformed
    return given, schema


def connected(given: Mapping[str, Any], schema: str) -> Any:
    """A connection of psycopg to an address, set up for a schema."""
    psycopg = driver()
    connection = psycopg.connect(
        **{"connect_timeout": BUSY, "application_name": "kedit", **given},
        client_encoding="utf8",
        autocommit=True,
        cursor_factory=psycopg.ClientCursor,
        row_factory=_made_rows,
    )
    try:
        connection.execute(_SETTINGS.format(schema=schema, busy=BUSY))
    except BaseException:
        connection.close()
        raise
    return connection
