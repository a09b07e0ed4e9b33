"""`kedit serve` as users start it: a process of its own, its log, and the end of it."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PATIENCE = 120  # seconds for what takes long on a busy machine


@dataclass
class Started:
    """A server: its address, its process, and the lines that it has written so far."""

    url: str
    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    @property
    def records(self) -> list[dict[str, Any]]:
        """The lines of a log in JSON."""
        return [json.loads(line) for line in list(self.lines)]

    def requests(self, path: str) -> list[dict[str, Any]]:
        """What the log says of requests to a path."""
        return [one for one in self.records if one.get("path") == path]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Tell it to stop, and how it ends."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@contextmanager
def started(store: Path, *options: str, environment: dict[str, str] | None = None) -> Iterator[Started]:
    """A server on a free port, once it listens."""
    command = [sys.executable, "-m", "kedit_memory.cli.main", "serve", "--store", str(store), "--port", "0", *options]
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1", **(environment or {})}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=variables) as process:
        server = Started("", process)

        def read() -> None:
            for line in process.stderr or ():
                server.lines.append(line.rstrip("\n"))

        reader = threading.Thread(target=read)
        reader.start()
        try:
            server.url = until(lambda: re.search(r"listening on (http://[^\s;]+)/v1", " ".join(server.lines)), process)[
                1
            ]
            yield server
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            finally:
                process.kill()
            reader.join()


def until(found: Callable[[], Any], process: subprocess.Popen[str] | None = None) -> Any:
    """What is found in the end."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if result := found():
            return result
        assert process is None or process.poll() is None, "the server has ended"
        time.sleep(0.05)
    raise AssertionError("it takes too long")
