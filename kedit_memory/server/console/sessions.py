"""Sessions of browsers: a random id in a cookie, of which a hash and the name of a key are kept here.

They lie beside the store, so that every process of the server knows them. A session opens what its key opens at each
request, and ends with it.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kedit_memory.server.beside import Beside

FILE = "sessions.sqlite"  # in the folder of the store
HOURS = 12  # that a session lasts
_OWNER = 0x4B454453  # "KEDS"
_MIGRATIONS = ("CREATE TABLE session (hash TEXT PRIMARY KEY, key TEXT NOT NULL, expires TEXT NOT NULL)",)


class Sessions:
    """The sessions of a store; threads may share it, whoever made it closes it."""

    def __init__(self, store: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._file = Beside(store / FILE, _OWNER, _MIGRATIONS)
        self._clock = clock

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def begin(self, key: str) -> str:
        """The id of a new session of whoever holds a key, by its name; those that are over are forgotten."""
        session = new_id()
        now = self._clock()
        with self._file.open() as connection:
            connection.execute("DELETE FROM session WHERE expires <= ?", (_written(now),))
            expires = _written(now + timedelta(hours=HOURS))
            connection.execute("INSERT INTO session VALUES (?, ?, ?)", (_hash(session), key, expires))
        return session

    def key_of(self, session: str) -> str | None:
        """The name of the key that opened a session; None where there is no such session, or it is over."""
        if not self._file.exists:
            return None
        with self._file.open() as connection:
            found = connection.execute(
                "SELECT key FROM session WHERE hash = ? AND expires > ?", (_hash(session), _written(self._clock()))
            ).fetchone()
        return None if found is None else str(found["key"])

    def end(self, session: str) -> None:
        """Forget a session."""
        with self._file.open() as connection:
            connection.execute("DELETE FROM session WHERE hash = ?", (_hash(session),))


def new_id() -> str:
    """An id that nobody guesses."""
    return secrets.token_urlsafe(32)


def token_of(session: str) -> str:
    """What each form of a session holds, which no other page can know."""
    return hmac.new(session.encode("utf-8", "replace"), b"kedit form", hashlib.sha256).hexdigest()


def _hash(session: str) -> str:
    return hashlib.sha256(session.encode("utf-8", "replace")).hexdigest()


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
