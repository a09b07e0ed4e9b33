"""How often somebody may ask: so many requests a minute, and so many at once."""

import math
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

from kedit_memory.server.errors import Refused
from kedit_memory.server.settings import Settings
from kedit_memory.sqlite import BUSY_SECONDS, translated

FILE = "rates.sqlite"
_MINUTE = 60.0
_ROUNDING = 1e-6  # seconds
_TABLE = """
CREATE TABLE IF NOT EXISTS asked (who TEXT PRIMARY KEY, due REAL NOT NULL);
CREATE INDEX IF NOT EXISTS by_due ON asked (due);
"""


class Rates:
    """Counts requests by who sends them, and refuses those that come too fast.

    For each there is one number, the moment at which all that was sent would be done at the allowed pace (the generic
    cell rate algorithm): a request moves it by one interval, and may not move it further than a burst from now.

    Args:
        file: in which several processes count together; None counts in this one.
        rate: requests a minute of those who have no rate of their own; None lets them ask as often as they like.
        burst: requests that may come at once.
        clock: seconds, the same in all processes of a machine.
    """

    def __init__(
        self, file: Path | None, *, rate: int | None, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._file, self._rate, self._burst, self._clock = file, rate, burst, clock
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(
            ":memory:" if file is None else file, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        self._connection.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; {_TABLE}")

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    def take(self, who: str, rate: int | None = None, burst: int | None = None) -> None:
        """Count a request; `rate` and `burst` are those of its sender, where it has its own.

        Raises:
            Refused: it comes too early; `Retry-After` says how many seconds.
        """
        rate, burst = rate or self._rate, burst or self._burst
        if rate is None:
            return
        interval, now = _MINUTE / rate, self._clock()
        latest = now + burst * interval + _ROUNDING
        with self._lock, translated(self._file or Path("the count of requests")):
            self._connection.execute("DELETE FROM asked WHERE due < ?", (now,))
            taken = self._connection.execute(
                "INSERT INTO asked VALUES (?1, ?2 + ?3) ON CONFLICT (who) DO UPDATE SET due = due + ?3 "
                "WHERE due + ?3 <= ?4 RETURNING due",
                (who, now, interval, latest),
            ).fetchone()
            if taken is not None:
                return
            found = self._connection.execute("SELECT due FROM asked WHERE who = ?", (who,)).fetchone()
        wait = max(1, math.ceil((found[0] if found else now) + interval - latest))
        raise Refused(
            429, f"{who} may send {rate} requests a minute, {burst} at once; ask again in {wait} s",
            code="rate_limit_exceeded", headers={"Retry-After": str(wait)},
        )  # fmt: skip


def rates_of(settings: Settings, shared: Path | None) -> Rates:
    """The counts of requests, of this process alone or of all those that share a folder."""
    return Rates(None if shared is None else shared / FILE, rate=settings.rate, burst=settings.burst)
