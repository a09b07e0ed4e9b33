"""What a store asks of the database that holds its rows, whichever it is; SQL and records are the same for all.

The SQL is that of SQLite: what another database says otherwise, its connection translates.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from kedit_memory.errors import StoreError
from kedit_memory.records import Edit

# The tables whose rows are counted, with the column of their number: none is ever given twice.
NUMBERED = {"edits": "id", "keys": "id", "operations": "seq", "changes": "id"}


class Traces(NamedTuple):
    """What is in no file once edits are purged: the keys, and pieces of the texts and vectors that only they have."""

    keys: list[int]
    texts: list[bytes]
    vectors: list[bytes]


class Row(Protocol):
    """A row that gives its values by place and by name."""

    def __getitem__(self, key: Any, /) -> Any: ...

    def __iter__(self) -> Iterator[Any]: ...


class Cursor(Protocol):
    """What a statement gave."""

    def fetchall(self) -> list[Any]:
        """All rows."""

    def fetchone(self) -> Any:
        """The first row; None where there is none."""

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """A connection; no transaction is open but one that was begun."""

    @property
    def in_transaction(self) -> bool:
        """Whether one is open."""

    def execute(self, sql: str, values: Any = (), /) -> Cursor:
        """What one statement gives."""

    def executemany(self, sql: str, rows: Iterable[Any], /) -> Any:
        """Runs one statement for each row of values."""

    def close(self) -> None:
        """Ends it."""


class Database(Protocol):
    """Where the rows of one store are.

    Attributes:
        name: as messages call the store.
        folder: what belongs to the store on this machine beside its rows.
        cache: the folder of the index on this machine.
        writable: whether the store may be changed.
        unlock: what to do where it may not.
        failures: what a statement may raise.
    """

    name: str
    folder: Path
    cache: Path
    writable: bool
    unlock: str
    failures: tuple[type[Exception], ...]

    def failure(self, error: Exception) -> StoreError:
        """One of the failures with what to do about it."""

    def translated(self) -> AbstractContextManager[None]:
        """Turns failures into one line that says what to do."""

    def check_in_place(self) -> None:
        """Raises `StoreError` where the store is not the one that was opened any more."""

    def connect(self, *, writable: bool) -> Connection:
        """A connection of its own."""

    def begin(self, connection: Connection, *, writing: bool = False) -> None:
        """Begins a snapshot, or to write, which one at a time does; waits for others, but not for long."""

    def commit(self, connection: Connection) -> None:
        """Makes what was written durable."""

    def version(self, connection: Connection) -> object:
        """Another value than before once others have written."""

    def insert(self, connection: Connection, table: str, row: Mapping[str, object]) -> int:
        """Writes a row, under a new number unless it has one; the number."""

    def written(self, connection: Connection, number: int, edit: Edit) -> None:
        """Called when the row of an edit was written under a number, for tables that follow it."""

    def fill(self, connection: Connection) -> None:
        """Cuts the texts of all edits into words, in one transaction, unless the rules of today have done so."""

    def last_number(self, connection: Connection, table: str) -> int:
        """The highest number that a row of a table ever had; 0 for none."""

    def set_last_number(self, connection: Connection, table: str, number: int) -> None:
        """Makes the next number follow this one, within a transaction."""

    def scrub(self, connection: Connection, traces: Traces | None) -> None:
        """Leaves nothing of what was deleted where the database keeps its rows; without traces whatever it costs.

        Raises:
            StoreError: somebody reads what has to be rewritten.
        """

    def problems(self, connection: Connection) -> Iterator[str]:
        """What is wrong with the database itself."""

    def altered_tables(self, connection: Connection) -> Iterator[str]:
        """The names of tables that the database makes of edits and that say something else; as far as it can tell.

        Raises:
            StoreError: one of them cannot be read.
        """

    def size(self, connection: Connection) -> int:
        """The bytes of all that the store takes."""


def insertion(table: str, columns: Sequence[str]) -> str:
    """The statement that writes a row with these columns."""
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608
