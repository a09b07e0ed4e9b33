"""The rows of a store in PostgreSQL, so that several machines write one memory: SQL as SQLite says it, translated.

One writer at a time holds an advisory lock until its transaction ends; readers see snapshots and wait for nobody. What
machines keep for themselves, the cache of the index above all, is in folders of each.
"""

# ruff: noqa: S608 - what is joined into SQL is constants of this package; values are bound

import logging
import secrets
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path, user_data_path

from kedit_memory.errors import NotFoundError, StoreError
from kedit_memory.memory import postgres_connection, word_tables
from kedit_memory.memory.database import NUMBERED, Connection, Traces, insertion
from kedit_memory.memory.name_tables import name_of
from kedit_memory.memory.postgres_connection import PostgresConnection, connected, driver, parsed
from kedit_memory.memory.postgres_tables import FORMAT, MADE, SCRIPT, TABLES
from kedit_memory.memory.rows import to_json
from kedit_memory.memory.schema import APPLICATION_ID
from kedit_memory.places import without_password
from kedit_memory.records import Edit

_LOG = logging.getLogger(__name__)

_LONGEST_KEY = 1_500  # bytes of a name or word by which it is looked up
_EDITS = 500  # whose words are cut at once
_EXISTS = "SELECT 1 FROM pg_catalog.pg_class WHERE relnamespace = to_regnamespace(?) AND relname = 'numbers'"
_FOREIGN = "SELECT 1 FROM pg_catalog.pg_class WHERE relnamespace = to_regnamespace(?) LIMIT 1"
_MAY_WRITE = (
    "SELECT has_table_privilege('edits', 'INSERT') AND NOT pg_is_in_recovery() "
    "AND current_setting('default_transaction_read_only') = 'off'"
)
_VERSION = "SELECT n.last, m.value FROM numbers n CROSS JOIN meta m WHERE n.name = 'version' AND m.name = 'store_id'"
_HERE = """
SELECT CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'i' THEN 'INDEX' ELSE 'TABLE' END, relname FROM pg_catalog.pg_class
    WHERE relnamespace = current_schema()::regnamespace
UNION SELECT CASE prokind WHEN 'a' THEN 'AGGREGATE' ELSE 'FUNCTION' END, proname FROM pg_catalog.pg_proc
    WHERE pronamespace = current_schema()::regnamespace
UNION SELECT 'TRIGGER', t.tgname FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
    WHERE c.relnamespace = current_schema()::regnamespace AND t.tgenabled = 'O'
"""
_SIZE = (
    "SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_catalog.pg_class "
    "WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
)
_NOT_MINE = (
    "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = current_schema() "
    "AND NOT pg_has_role(current_user, tableowner::name, 'USAGE') LIMIT 1"
)
_OLDER_READERS = (
    "SELECT 1 FROM pg_catalog.pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
    "AND age(backend_xmin) > age(?::text::xid) LIMIT 1"
)


class Postgres:
    """The database at an address; see `Database`."""

    unlock = "get the right to write"

    def __init__(self, address: str) -> None:
        self._psycopg = driver()
        self._given, self._schema = parsed(address)
        self.name = without_password(address)
        self.failures: tuple[type[Exception], ...] = (self._psycopg.Error, UnicodeDecodeError)
        self.writable = False
        self.folder = self.cache = Path()
        self._store_id = ""

    @classmethod
    def open(cls, address: str, *, create: bool) -> tuple["Postgres", Connection]:
        """The database at an address, with tables made if absent and `create`, and a connection; see `Store.open`."""
        self = cls(address)
        with self.translated():
            connection = PostgresConnection(self._connected)
            try:
                self._prepare(connection, create=create)
            except BaseException:
                connection.close()
                raise
        return self, connection

    def failure(self, error: Exception) -> StoreError:
        """See `Database.failure`."""
        told = " ".join(str(error).split("\n", maxsplit=1)[0].split()) or type(error).__name__
        return StoreError(f"{self.name}: {without_password(told)}; {self._advice(error)}")

    @contextmanager
    def translated(self) -> Iterator[None]:
        """See `Database.translated`."""
        try:
            yield
        except self.failures as error:
            raise self.failure(error) from error

    def check_in_place(self) -> None:
        """See `Database.check_in_place`: `version` looks, within each transaction."""

    def connect(self, *, writable: bool) -> Connection:
        """See `Database.connect`."""
        del writable  # what only reads begins its transactions so
        with self.translated():
            return PostgresConnection(self._connected)

    def begin(self, connection: Any, *, writing: bool = False) -> None:
        """See `Database.begin`."""
        if writing:
            connection.begin_writing()
        else:
            connection.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def commit(self, connection: Any) -> None:
        """See `Database.commit`.

        Raises:
            StoreError: the connection was lost meanwhile, so that nobody knows whether it was done.
        """
        self._settle(connection)
        connection.write_numbers()
        try:
            connection.execute("COMMIT")
        except self._psycopg.OperationalError as error:
            if not connection.lost:
                raise
            raise StoreError(
                f"{self.name}: the connection was lost before the server had confirmed the change, which may be stored "
                "or not; look with kedit history before you repeat it"
            ) from error

    def version(self, connection: Connection) -> object:
        """See `Database.version`."""
        row = connection.execute(_VERSION).fetchone()
        if row is None or row[1] != self._store_id:
            raise StoreError(f"{self.name} was removed or replaced while it was open; open the store again")
        return row[0]

    def insert(self, connection: Any, table: str, row: Mapping[str, object]) -> int:
        """See `Database.insert`."""
        number = 0
        if column := NUMBERED.get(table):
            last = connection.numbers[table]
            given = row.get(column)
            number = given if isinstance(given, int) else last + 1
            connection.numbers[table] = max(last, number)
            row = {**row, column: number}
        connection.execute(insertion(table, tuple(row)), tuple(row.values()))
        return number

    def written(self, connection: Connection, number: int, edit: Edit) -> None:
        """See `Database.written`: gives an edit its names."""
        named = dict.fromkeys((*edit.aliases, edit.subject)) if edit.holds and edit.subject else {}
        given = [found for surface in named if surface and (found := _name(surface))[1]]
        connection.execute("SELECT set_names(?, ?, ?, ?)", (number, edit.namespace, edit.subject, to_json(given)))

    def last_number(self, connection: Any, table: str) -> int:
        """See `Database.last_number`."""
        if connection.in_transaction and table in connection.numbers:
            return int(connection.numbers[table])
        return int(connection.execute("SELECT last FROM numbers WHERE name = ?", (table,)).fetchone()[0])

    def set_last_number(self, connection: Any, table: str, number: int) -> None:
        """See `Database.set_last_number`."""
        connection.numbers[table] = number

    def scrub(self, connection: Connection, traces: Traces | None) -> None:
        """Rewrites all tables, indexes and statistics, so that files of the server hold no row that was deleted.

        The write-ahead log and copies of the server are its own; a warning in the log says so.

        Raises:
            StoreError: another session still reads what was before, or the tables are somebody else's.
        """
        del traces
        if connection.execute(_NOT_MINE).fetchone():
            raise StoreError(
                f"{self.name}: removed, but only the owner of the tables can rewrite them; purge again as it"
            )
        present = connection.execute("SELECT pg_current_xact_id()::xid::text").fetchone()[0]
        patience = time.monotonic() + postgres_connection.BUSY
        while connection.execute(_OLDER_READERS, (present,)).fetchone():
            if time.monotonic() > patience:
                raise StoreError(
                    f"{self.name}: removed, but another session still reads what was before; purge again when it has "
                    "finished"
                )
            time.sleep(0.1)
        for table in TABLES:
            connection.execute(f"VACUUM (FULL, ANALYZE) {table}")
        _LOG.warning(
            "%s: the tables hold nothing of it any more; the write-ahead log and the backups of the server may, until "
            "it drops them",
            self.name,
        )

    def problems(self, connection: Connection) -> Iterator[str]:
        """See `Database.problems`."""
        here = {(row[0], row[1]) for row in connection.execute(_HERE)}
        for kind, name in sorted(MADE - here):
            yield f"database: {kind.lower()} {name} is missing or switched off; restore a backup"
        if not MADE - here and connection.execute("SELECT 1 FROM touched LIMIT 1").fetchone():
            yield "database: words of edits are not up to date, another program has written; restore a backup"

    def altered_tables(self, connection: Connection) -> Iterator[str]:
        """See `Database.altered_tables`: words that await the next writer are told by `problems`, and no more is."""
        del connection
        return iter(())

    def size(self, connection: Connection) -> int:
        """See `Database.size`."""
        here = sum(file.stat().st_size for file in self.cache.rglob("*") if file.is_file())
        return int(connection.execute(_SIZE).fetchone()[0]) + here

    def _connected(self) -> Any:
        return connected(self._given, self._schema)

    def _prepare(self, connection: PostgresConnection, *, create: bool) -> None:
        """Makes the tables, or looks whether they are ours, and reads what tells this store from others."""
        schema = self._schema
        if connection.execute(_EXISTS, (schema,)).fetchone() is None:
            if not create:
                raise NotFoundError(f"no store at {self.name}; name an existing one, or add an edit first")
            self._make(connection)
        found = connection.execute("SELECT last FROM numbers WHERE name = 'format'").fetchone()
        if found is None:
            raise self._foreign()
        if found[0] > FORMAT:
            raise StoreError(
                f"{self.name} has format {found[0]}, this version of kedit-memory reads up to {FORMAT}; "
                "install a newer kedit-memory"
            )
        self.writable = bool(connection.execute(_MAY_WRITE).fetchone()[0])
        self._store_id = connection.execute("SELECT value FROM meta WHERE name = 'store_id'").fetchone()[0]
        where = sha256(to_json([self._place(), schema]).encode()).hexdigest()
        own = Path("stores") / f"{self._store_id[:16]}-{where[:8]}"
        self.folder, self.cache = user_data_path("kedit-memory") / own, user_cache_path("kedit-memory") / own
        for folder in (self.folder, self.cache):
            try:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            except OSError as error:
                raise StoreError(
                    f"{folder} cannot be made ({error.strerror}); set XDG_DATA_HOME and XDG_CACHE_HOME"
                ) from error
        if self.writable:
            self.fill(connection)

    def _make(self, connection: PostgresConnection) -> None:
        connection.execute("BEGIN")
        try:
            connection.execute("SELECT pg_advisory_xact_lock(?, hashtext(?))", (APPLICATION_ID, self._schema))
            if connection.execute(_EXISTS, (self._schema,)).fetchone() is None:  # another process may have been quicker
                self._refuse_foreign(connection)
                connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{self._schema}"')
                connection._psycopg.execute(SCRIPT)
                numbers = [(name, 0) for name in (*NUMBERED, "version")]
                connection.executemany("INSERT INTO numbers VALUES (?, ?)", [*numbers, ("format", FORMAT)])
                noted = [("store_id", secrets.token_hex(16)), (word_tables.NOTE, word_tables.WORD_RULES)]
                connection.executemany("INSERT INTO meta (name, value) VALUES (?, ?)", noted)
            connection.execute("COMMIT")
        except BaseException:
            connection.roll_back()
            raise

    def _refuse_foreign(self, connection: PostgresConnection) -> None:
        if connection.execute(_FOREIGN, (self._schema,)).fetchone():
            raise self._foreign()

    def _place(self) -> list[str]:
        """What tells the database from others, without who asks for it."""
        return [f"{name}={value}" for name, value in sorted(self._given.items()) if name in {"host", "port", "dbname"}]

    def _foreign(self) -> StoreError:
        return StoreError(
            f"{self.name}: schema {self._schema} holds tables of another program; name another by ?schema=NAME"
        )

    def fill(self, connection: Any) -> None:
        """See `Database.fill`."""
        noted = "SELECT 1 FROM meta WHERE name = ? AND value = ?"
        if connection.execute(noted, (word_tables.NOTE, word_tables.WORD_RULES)).fetchone():
            return
        connection.begin_writing()
        try:
            connection.execute("INSERT INTO touched SELECT id FROM edits")
            connection.execute("DELETE FROM meta WHERE name = ?", (word_tables.NOTE,))
            connection.execute(
                "INSERT INTO meta (name, value) VALUES (?, ?)", (word_tables.NOTE, word_tables.WORD_RULES)
            )
            self.commit(connection)
        except BaseException:
            connection.roll_back()
            raise

    def _settle(self, connection: Connection) -> None:
        """Gives edits that were touched their words."""
        touched = [row[0] for row in connection.execute("SELECT DISTINCT edit_id FROM touched ORDER BY edit_id")]
        chosen = "IN (SELECT CAST(value AS BIGINT) FROM json_each(?))"
        for start in range(0, len(touched), _EDITS):
            part = to_json(touched[start : start + _EDITS])
            confirmed = defaultdict[int, list[str]](list)
            for row in connection.execute(
                f"SELECT edit_id, text FROM keys WHERE live AND kind = 'confirmed' AND edit_id {chosen}", (part,)
            ):
                confirmed[row[0]].append(row[1])
            found = []
            for row in connection.execute(
                "SELECT id, prompt, statement, target, paraphrases FROM edits "
                f"WHERE unnamed AND holds AND id {chosen}", (part,),
            ):  # fmt: skip
                wordings = [*_texts_in(row["paraphrases"]), *confirmed[row["id"]]]
                weights = word_tables.words_of_edit(row["prompt"], row["statement"], row["target"], wordings)
                found += [[row["id"], word, of] for word, of in weights.items() if len(word.encode()) <= _LONGEST_KEY]
            connection.execute("SELECT set_words(?, ?)", (part, to_json(found)))
        if touched:
            connection.execute("DELETE FROM touched")

    def _advice(self, error: Exception) -> str:
        errors = self._psycopg.errors
        kinds: tuple[tuple[type[Exception], str], ...] = (
            (errors.LockNotAvailable, "another process is writing, try again when it has finished"),
            (errors.DiskFull, "nothing was changed, free some space on the server and try again"),
            (errors.InsufficientPrivilege, "ask for the right to do it, or name another user"),
            (errors.ReadOnlySqlTransaction, "name the server that takes writes"),
            (errors.UndefinedTable, "the store was removed or damaged, restore a backup"),
            (errors.InvalidAuthorizationSpecification, "check user and password"),
            (self._psycopg.DataError, "leave out the characters that PostgreSQL does not take"),
            (self._psycopg.OperationalError, "check that the server runs and takes connections, then try again"),
        )
        return next((say for kind, say in kinds if isinstance(error, kind)), "run kedit verify")


def _name(surface: str) -> tuple[str, str, str, dict[str, list[str]], list[str]]:
    """What `set_names` is given of a name."""
    name, words, spelt, pairs = name_of(surface)
    return surface, _cut(name), _cut(words), {_cut(word): of for word, of in spelt.items()}, pairs


def _cut(text: str) -> str:
    """As much of a name as an index takes."""
    return text.encode()[:_LONGEST_KEY].decode(errors="ignore")


def _texts_in(text: str) -> list[str]:
    import json

    texts: list[str] = json.loads(text)
    return texts
