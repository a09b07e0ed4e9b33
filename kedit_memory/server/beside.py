"""Small databases of the server in the folder of a store, each a file that its owner alone may read."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from kedit_memory.sqlite import connect, migrate, refuse_foreign, translated

_OWNER_ALONE = 0o600


class Beside:
    """A database that is opened once it is needed; threads share it, one at a time, and whoever made it closes it."""

    def __init__(self, file: Path, owner: int, migrations: Sequence[str]) -> None:
        self._file, self._owner, self._migrations = file, owner, migrations
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.RLock()

    @property
    def exists(self) -> bool:
        """Whether there is a file; nothing is made by looking."""
        return self._connection is not None or self._file.is_file()

    @contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """The connection, to the caller alone while the block lasts.

        Raises:
            StoreError: the file cannot be read or written, or belongs to another program.
        """
        with self._lock, translated(self._file):
            if self._connection is None:
                refuse_foreign(self._file, [self._owner])
                with suppress(OSError):  # what SQLite then says of it is translated
                    self._file.touch(_OWNER_ALONE)  # files that SQLite puts beside it get the same mode
                connection = connect(self._file)
                try:
                    migrate(connection, self._file, self._migrations, self._owner)
                except BaseException:
                    connection.close()
                    raise
                self._connection = connection
            yield self._connection

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def remove(self) -> None:
        """Closes the file, and takes it away with what SQLite put beside it."""
        with self._lock:
            self.close()
            for name in ("", "-wal", "-shm"):
                self._file.with_name(self._file.name + name).unlink(missing_ok=True)
