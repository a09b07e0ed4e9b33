"""What scripts about the server share: `kedit serve` as a process, and an upstream that notes what it is sent."""

import json
import os
import re
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, MutableSequence, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from kedit_memory.server.dialects.base import Dialect, Stamp
from kedit_memory.server.proxy import DIALECTS

BY_PATH: dict[str, Dialect] = {one.path: one for one in DIALECTS}
MODEL = "m"
_NOTED = "Noted."


@dataclass(frozen=True)
class Sent:
    """A request as an upstream got it."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def told(self) -> dict[str, Any]:
        """Its body."""
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Behind:
    """An upstream of all dialects; `says` words the reply to a body, or breaks the connection by raising OSError.

    It answers with `status`, and with what `spoils` leaves of the bytes that it has announced.
    """

    says: Callable[[dict[str, Any]], str] = lambda _: _NOTED
    status: int = 200
    spoils: Callable[[bytes], bytes] = lambda content: content
    sent: MutableSequence[Sent] = field(default_factory=list)
    url: str = ""

    def reply(self, path: str, body: bytes) -> tuple[str, list[bytes]]:
        """The type and the pieces of what is answered; the same bytes to the same request."""
        dialect = BY_PATH.get(path)
        if dialect is None:
            return "text/plain", [body or path.encode()]
        told = json.loads(body)
        text = self.says(told)
        stamp = Stamp(model=str(told.get("model")), prefix=dialect.prefix, token="up", created=0)  # noqa: S106 - no secret
        if told.get("stream"):
            return "text/event-stream", list(dialect.events(text, stamp))
        return "application/json", [json.dumps(dialect.reply(text, stamp)).encode()]


@contextmanager
def upstream(behind: Behind) -> Iterator[Behind]:
    """An upstream that listens on this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # small pieces are not to wait for each other

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            behind.sent.append(Sent(self.command, self.path, tuple(self.headers.items()), body))
            try:
                kind, pieces = behind.reply(self.path.removeprefix("/v1/").partition("?")[0], body)
                content = b"".join(pieces)
                left = behind.spoils(content)
                self.send_response_only(behind.status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                for piece in pieces if left == content else [left]:
                    self.wfile.write(piece)
                self.close_connection |= len(left) < len(content)
            except OSError:  # whoever asked has left, or is to be left in the middle
                self.close_connection = True

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the names that it calls

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        behind.url = f"http://127.0.0.1:{server.server_port}/v1"
        try:
            yield behind
        finally:
            server.shutdown()
            thread.join()


def serving(store: Path, *options: str) -> list[str]:
    """The command that serves a store."""
    return [sys.executable, "-m", "kedit_memory.cli.main", "serve", "--store", str(store), *options]


@contextmanager
def listening(command: Sequence[str]) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """The base URL of a server that says where it listens, and its process, which is stopped in the end."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:  # noqa: S603 - ours
        said: deque[str] = deque(maxlen=20)
        try:
            for line in process.stderr or ():
                said.append(line)
                if found := re.search(r"listening on (http://\S+/v1)", line):
                    break
            else:
                raise RuntimeError(f"{command} ended: {' '.join(said)}")
            # What it says from now on is read, or it would have to wait.
            reading = threading.Thread(target=said.extend, args=(process.stderr,), daemon=True)
            reading.start()
            yield found[1], process
        finally:
            process.terminate()


def resident(process: "subprocess.Popen[str]") -> int:
    """Bytes of memory that a process holds; Linux alone tells."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
