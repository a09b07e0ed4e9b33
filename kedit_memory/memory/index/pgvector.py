"""Tables of PostgreSQL with the extension pgvector, scanned whole: exact, whatever the radii."""

# ruff: noqa: S608 - what is joined into SQL is names of tables, made of letters and numbers; values are bound

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias, TypeVar

import numpy as np

from kedit_memory.errors import EngineError, MissingDependencyError
from kedit_memory.memory.index.remote import RemoteEngine, UnreachableError, first_line, retried
from kedit_memory.places import without_password
from kedit_memory.records import Floats, Ids, Vectors

SECONDS = 30  # for one statement
OLDEST = (0, 5)  # pgvector
_CONNECT_SECONDS = 5
_ROWS = 2000  # sent or fetched at once

_Run: TypeAlias = Callable[..., Any]
_T = TypeVar("_T")


def connect(address: str, label: str) -> RemoteEngine:
    """The engine whose tables begin with a label, in the database that a URL names; not asked before it is needed.

    Raises:
        MissingDependencyError: psycopg is not installed.
    """
    try:
        import psycopg
    except ImportError as error:
        raise MissingDependencyError(
            "an engine in PostgreSQL needs psycopg: pip install 'kedit-memory[postgres]'"
        ) from error
    return RemoteEngine(lambda width: PostgresTable(psycopg, address, label, width))


class PostgresTable:
    """One table of numbers and vectors; see `remote.Table`."""

    def __init__(self, psycopg: Any, address: str, label: str, width: int) -> None:
        self._psycopg = psycopg
        self._address = address
        self._label = label
        self._name = f"{label}_{width}"
        self._width = width
        self._connection: Any = None

    def add(self, numbers: Ids, vectors: Vectors) -> None:
        """See `Table.add`."""
        for start in range(0, len(numbers), _ROWS):
            part = slice(start, start + _ROWS)
            rows = list(zip(numbers[part].tolist(), map(_written, vectors[part]), strict=True))
            self._do(partial(self._add, rows), absent=None)

    def count(self) -> int:
        """See `Table.count`."""
        return int(self._do(lambda run: run(f"SELECT count(*) FROM {self._name}")[0][0], absent=0))

    def above(self, asked: Vectors, least: Floats) -> list[Ids]:
        """See `Table.above`."""
        sql = (
            "SELECT q.place, t.number FROM unnest(%s::int[], %s::text[], %s::float8[]) q(place, asked, least) "
            f"CROSS JOIN {self._name} t WHERE (t.vector <#> q.asked::vector) <= -q.least"
        )
        values = (list(range(len(asked))), [_written(one) for one in asked], least.tolist())
        found = np.array(self._do(partial(_rows_of, sql, values), absent=[]), np.int64).reshape(-1, 2)
        return [found[found[:, 0] == place, 1] for place in range(len(asked))]

    def highest(self, asked: Vectors, count: int) -> Ids:
        """See `Table.highest`."""
        sql = f"SELECT number FROM {self._name} ORDER BY vector <#> %s::vector LIMIT %s"
        found: list[Any] = self._do(partial(_rows_of, sql, (_written(asked), count)), absent=[])
        return np.array([number for (number,) in found], np.int64)

    def vectors(self, numbers: Ids) -> Vectors:
        """See `Table.vectors`."""
        sql = f"SELECT number, vector::real[] FROM {self._name} WHERE number = ANY(%s)"
        found: dict[int, Sequence[float]] = {}
        for start in range(0, len(numbers), _ROWS):
            wanted = numbers[start : start + _ROWS].tolist()
            found.update(self._do(partial(_rows_of, sql, (wanted,)), absent=[]))
        if not all(number in found for number in numbers.tolist()):
            raise EngineError(
                f"{without_password(self._address)} has lost rows of {self._name}; ask again, or run kedit rebuild"
            )
        return np.array([found[number] for number in numbers.tolist()], np.float32).reshape(-1, self._width)

    def keep(self, numbers: Ids) -> None:
        """See `Table.keep`."""
        self._do(lambda run: self._keep(run, numbers.tolist()), absent=None)

    def close(self) -> None:
        """See `Table.close`."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _add(self, rows: Sequence[tuple[int, str]], run: _Run) -> None:
        run("CREATE EXTENSION IF NOT EXISTS vector")
        run(f"CREATE TABLE IF NOT EXISTS {self._name} (number bigint PRIMARY KEY, vector vector({self._width}))")
        run("CREATE TEMPORARY TABLE sent (number bigint, vector text) ON COMMIT DROP")
        with self._connection.cursor() as cursor, cursor.copy("COPY sent FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        run(
            f"INSERT INTO {self._name} SELECT number, vector::vector FROM sent ORDER BY number "
            "ON CONFLICT (number) DO UPDATE SET vector = excluded.vector"
        )

    def _keep(self, run: _Run, numbers: Sequence[int]) -> None:
        own = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND starts_with(tablename, %s)"
        for (name,) in run(own, (f"{self._label}_",)):
            if name == self._name:
                run(
                    f"DELETE FROM {name} t WHERE NOT EXISTS "
                    "(SELECT 1 FROM unnest(%s::bigint[]) kept WHERE kept = t.number)",
                    (numbers,),
                )
            else:
                run(f"DROP TABLE {name}")

    def _do(self, work: Callable[[_Run], _T], *, absent: _T) -> _T:
        """What some work gives, in a transaction; `absent` where there is no table."""
        return retried(lambda: self._once(work, absent), self.close)

    def _once(self, work: Callable[[_Run], _T], absent: _T) -> _T:
        errors = self._psycopg.errors
        try:
            with self._open().transaction():
                return work(self._run)
        except errors.UndefinedTable:
            return absent
        except errors.QueryCanceled as error:
            raise EngineError(
                f"{without_password(self._address)} took more than {SECONDS} seconds; try again, or "
                "name a quicker engine"
            ) from error
        except errors.ReadOnlySqlTransaction as error:
            raise EngineError(
                f"{without_password(self._address)} is read-only; name an engine that can be written"
            ) from error
        except self._psycopg.OperationalError as error:
            raise UnreachableError(self._address, error) from error
        except self._psycopg.Error as error:
            raise EngineError(f"{without_password(self._address)} refused: {first_line(error)}") from error

    def _run(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """The rows of a statement; none of one that gives none."""
        cursor = self._connection.execute(sql, values or None, binary=True)
        rows: list[Any] = cursor.fetchall() if cursor.description else []
        return rows

    def _open(self) -> Any:
        if self._connection is None:
            self._connection = self._psycopg.connect(
                self._address,
                autocommit=True,
                connect_timeout=_CONNECT_SECONDS,
                options=f"-c statement_timeout={SECONDS * 1000} -c client_min_messages=warning",
            )
            self._check_version()
        return self._connection

    def _check_version(self) -> None:
        for (version,) in self._run("SELECT extversion FROM pg_extension WHERE extname = 'vector'"):
            if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
                raise EngineError(
                    f"{without_password(self._address)} has pgvector {version}; "
                    f"update it to {'.'.join(map(str, OLDEST))} or newer"
                )


def _rows_of(sql: str, values: Sequence[Any], run: _Run) -> list[Any]:
    rows: list[Any] = run(sql, values)
    return rows


def _written(vector: Vectors) -> str:
    """A vector as pgvector reads it; each number has digits enough to be the same again."""
    return f"[{','.join(map(repr, vector.tolist()))}]"
