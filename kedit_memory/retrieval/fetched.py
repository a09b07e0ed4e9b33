"""How services on the network are asked, and what they answered when, so that none is asked twice for the same."""

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from kedit_memory.errors import InvalidInputError, StoreError
from kedit_memory.sqlite import BUSY_SECONDS, translated

_TABLE = (
    "CREATE TABLE IF NOT EXISTS fetched (key TEXT PRIMARY KEY, value TEXT NOT NULL, at TEXT NOT NULL) WITHOUT ROWID"
)


LONGEST_WAIT = 60  # seconds; a server that asks for more is given up


@dataclass(frozen=True, kw_only=True)
class Access:
    """How a service is asked.

    Attributes:
        base_url: another place of the same interface; None is the public one.
        pause: seconds between two requests, and the first wait before a repeated one; each further wait doubles.
        attempts: how often a request is made before it is given up.
    """

    base_url: str | None = None
    pause: float = 0.5
    attempts: int = 3

    def __post_init__(self) -> None:
        if not (0 <= self.pause <= LONGEST_WAIT and self.attempts >= 1):
            raise InvalidInputError(f"a pause is 0 to {LONGEST_WAIT} seconds, and attempts are 1 or more; not {self}")


def seconds_to_wait(asked: str) -> int | None:
    """The pause that a service asks for in its header Retry-After; None where it names none in seconds."""
    return int(asked) if asked.isascii() and asked.isdigit() else None


def check_agent(user_agent: str) -> None:
    """Refuse what cannot be the name under which a program asks.

    Raises:
        InvalidInputError: it is too short to name anybody, or no header can hold it.
    """
    if not (len(user_agent) > 5 and user_agent.isascii() and user_agent.isprintable()):
        raise InvalidInputError(f"{user_agent!r} cannot be sent as a user agent; use six or more ASCII characters")


class Fetched:
    """Answers by key, in a database of their own that is made with the first one."""

    def __init__(self, file: Path, *, max_age: timedelta = timedelta(days=30)) -> None:
        self._file = file
        self._max_age = max_age

    def get(self, key: str) -> tuple[Any, str] | None:
        """The answer and the day it was given; None where there is none, or too old a one."""
        if not self._file.exists():
            return None
        oldest = (datetime.now(UTC) - self._max_age).isoformat()
        with translated(self._file), closing(self._connect()) as database:
            row = database.execute("SELECT value, at FROM fetched WHERE key = ? AND at >= ?", (key, oldest)).fetchone()
        try:
            return (json.loads(row[0]), row[1][:10]) if row else None
        except (ValueError, TypeError, RecursionError):  # damaged: it is asked for again
            return None

    def put(self, key: str, value: Any) -> str:
        """Keep an answer, anything that JSON can say; gives today's date.

        Raises:
            StoreError: the database cannot be written.
        """
        now = datetime.now(UTC).isoformat()
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"cannot write {self._file}: {error.strerror}; name another folder") from error
        with translated(self._file), closing(self._connect()) as database, database:
            database.execute("INSERT OR REPLACE INTO fetched VALUES (?, ?, ?)", (key, json.dumps(value), now))
        return now[:10]

    def _connect(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._file, timeout=BUSY_SECONDS)
        database.execute(_TABLE)
        return database
