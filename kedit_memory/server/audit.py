"""Who changed what, when and from where: a line of JSON for each write, in a file beside the store."""

import json
import threading
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path

from kedit_memory.server.access import Caller

FILE = "audit.jsonl"
source: ContextVar[str] = ContextVar("source", default="")  # the address that a request came from
request_id: ContextVar[str] = ContextVar("request_id", default="")


class Audit:
    """Appends to a file; ids and verbs alone, so that nothing has to be erased from it."""

    def __init__(self, store: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._file = store / FILE
        self._clock = clock
        self._lock = threading.Lock()

    def write(self, caller: Caller, verb: str, *ids: str) -> None:
        """Note what was done to some edits, or passages."""
        line = json.dumps(
            {
                "at": self._clock().isoformat(timespec="milliseconds"),
                "who": caller.name,
                "from": source.get(),
                "request": request_id.get(),
                "namespace": caller.namespace,
                "verb": verb,
                "passages" if verb.endswith("passages") else "edits": ids,
            },
            ensure_ascii=False,
        )
        with self._lock, self._file.open("ab", buffering=0) as stream:  # one write: other processes append, too
            stream.write(f"{line}\n".encode())
