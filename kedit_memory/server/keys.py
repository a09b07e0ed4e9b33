"""Keys of the server: each opens some namespaces for some rights, until it expires or is revoked.

A key is shown once, when it is made; what is stored is its hash. It has 256 random bits, so that a plain hash does.
"""

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from kedit_memory.errors import InvalidInputError, NotFoundError
from kedit_memory.server.beside import Beside
from kedit_memory.text import LONGEST_NAME, clean_line

FILE = "keys.sqlite"  # in the folder of the store
_OWNER = 0x4B454459  # "KEDY"
_MIGRATIONS = (
    """
    CREATE TABLE key (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        hash TEXT NOT NULL UNIQUE,
        namespaces TEXT NOT NULL,
        rights TEXT NOT NULL,
        created TEXT NOT NULL,
        expires TEXT,
        revoked TEXT
    )
    """,
    """
    ALTER TABLE key ADD COLUMN rate INTEGER;
    ALTER TABLE key ADD COLUMN burst INTEGER
    """,
)
_PREFIX = "kedit-"
EVERY = "*"  # in the place of namespaces: all of them


class Right(StrEnum):
    """What a key may do: ask and read, change the memory of its namespaces, see what all of them did."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key without its secret; times are ISO 8601, the rate is requests a minute, and a burst those at once."""

    name: str
    namespaces: tuple[str, ...]
    rights: frozenset[Right]
    created: str
    expires: str | None = None
    revoked: str | None = None
    rate: int | None = None
    burst: int | None = None

    def opens(self, now: datetime) -> bool:
        """Whether it may be used at a time."""
        return self.revoked is None and (self.expires is None or now < datetime.fromisoformat(self.expires))


class KeyRing:
    """The keys of a store; every call reads its file, so that a key that is revoked elsewhere opens nothing here.

    Threads may share it; whoever made it closes it.
    """

    def __init__(self, store: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._file = Beside(store / FILE, _OWNER, _MIGRATIONS)
        self._clock = clock

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def make(
        self,
        name: str,
        *,
        namespaces: Sequence[str],
        rights: Sequence[str] = (Right.READ,),
        days: int | None = None,
        rate: int | None = None,
        burst: int | None = None,
    ) -> str:
        """A new key, which is told here and never again.

        Args:
            name: by which it is listed and revoked.
            namespaces: that it opens; the first is that of requests which name none. `EVERY` alone opens all.
            rights: some of `Right`; to write is to read, too, and an admin may do both.
            days: after which it opens nothing; None for never.
            rate: requests a minute; None for as many as the server's settings say.
            burst: requests at once; likewise.

        Raises:
            InvalidInputError: a value that is not allowed, or a name that is taken.
            StoreError: the file cannot be written.
        """
        name = clean_line(name, "the key's name", LONGEST_NAME)
        opened = tuple(dict.fromkeys(clean_line(one, "namespace", LONGEST_NAME) for one in namespaces))
        if not opened or (EVERY in opened and len(opened) > 1):
            raise InvalidInputError(f"a key opens one or more namespaces, or {EVERY!r} alone for all; name them")
        if unknown := sorted(set(rights) - set(Right)):
            raise InvalidInputError(f"no right {unknown[0]!r}; choose of {', '.join(Right)}")
        if days is not None and days < 1:
            raise InvalidInputError(f"{days} days are no time for a key; give 1 or more, or none for no end")
        for what, value in (("rate", rate), ("burst", burst)):
            if value is not None and value < 1:
                raise InvalidInputError(f"a {what} of {value} lets nobody ask; give 1 or more")
        now = self._clock()
        secret = _PREFIX + secrets.token_urlsafe(32)
        expires = None if days is None else (now + timedelta(days=days)).isoformat(timespec="seconds")
        row = (name, _hash(secret), json.dumps(opened), json.dumps(sorted(_implied(rights))),
               now.isoformat(timespec="seconds"), expires, rate, burst)  # fmt: skip
        with self._file.open() as connection:
            try:
                connection.execute(
                    "INSERT INTO key (name, hash, namespaces, rights, created, expires, rate, burst) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    row,
                )
            except sqlite3.IntegrityError as error:
                raise InvalidInputError(f"there is a key {name!r} already; choose another name") from error
        return secret

    def revoke(self, name: str) -> None:
        """Take a key's rights away, from the next request on.

        Raises:
            NotFoundError: no key of that name is in use.
            StoreError: the file cannot be written.
        """
        with self._file.open() as connection:
            done = connection.execute(
                "UPDATE key SET revoked = ? WHERE name = ? AND revoked IS NULL",
                (self._clock().isoformat(timespec="seconds"), name),
            )
            if not done.rowcount:
                raise NotFoundError(f"no key {name!r} is in use; `kedit keys list` names them")

    def all(self) -> list[Key]:
        """The keys, oldest first, those that open nothing any more among them."""
        return self._keys("SELECT * FROM key ORDER BY id")

    def any(self) -> bool:
        """Whether there is a key that opens something."""
        return any(one.opens(self._clock()) for one in self._keys("SELECT * FROM key WHERE revoked IS NULL"))

    def opened_by(self, secret: str) -> Key | None:
        """The key with this secret; None where there is none that opens anything."""
        found = self._keys("SELECT * FROM key WHERE hash = ?", _hash(secret))
        return next((one for one in found if one.opens(self._clock())), None)

    def named(self, name: str) -> Key | None:
        """The key of this name; None where there is none that opens anything."""
        found = self._keys("SELECT * FROM key WHERE name = ?", name)
        return next((one for one in found if one.opens(self._clock())), None)

    def _keys(self, query: str, *values: str) -> list[Key]:
        if not self._file.exists:  # every request asks
            return []
        with self._file.open() as connection:
            return [_key(row) for row in connection.execute(query, values)]


def _implied(rights: Sequence[str]) -> set[str]:
    """The rights with those that they hold."""
    ladder = list(Right)
    highest = max((ladder.index(Right(one)) for one in rights), default=0)
    return set(ladder[: highest + 1])


def _key(row: sqlite3.Row) -> Key:
    return Key(
        name=row["name"],
        namespaces=tuple(json.loads(row["namespaces"])),
        rights=frozenset(Right(one) for one in json.loads(row["rights"])),
        created=row["created"],
        expires=row["expires"],
        revoked=row["revoked"],
        rate=row["rate"],
        burst=row["burst"],
    )


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
