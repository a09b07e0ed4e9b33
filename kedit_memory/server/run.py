"""Starting the server: what must hold before anything listens, and stopping without cutting an answer short."""

import socket
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import uvicorn

from kedit_memory.errors import InvalidInputError
from kedit_memory.memory import EditMemory
from kedit_memory.models.remote import is_loopback
from kedit_memory.server.app import create_app
from kedit_memory.server.keys import KeyRing
from kedit_memory.server.listening import listen, url_of
from kedit_memory.server.proxy import BASE
from kedit_memory.server.settings import Settings
from kedit_memory.server.workers import serve_many

_GRACE = 30  # seconds that answers under way have when the server stops
_CLOSING = 10  # seconds more for what is closed after them


def run(settings: Settings, say: Callable[[str], None]) -> None:
    """Serve until the process is told to stop.

    Raises:
        InvalidInputError: there is nothing to stand in front of, or the server would be open to others without a key.
        KeditError: as `create_app`.
    """
    if not settings.upstreams and not settings.models:
        raise InvalidInputError("nothing to stand in front of; give --upstream URL, or --model NAME, or both")
    with closing(KeyRing(_beside(settings.store))) as ring:
        keyed = ring.any()
    if not is_loopback(settings.host) and not keyed:
        raise InvalidInputError(
            f"on {settings.host} others could ask, and there is no key yet; make one with `kedit keys add NAME`, or "
            "leave --host out to listen on this machine alone"
        )
    with listen(settings.host, settings.port) as listening:

        def ready() -> None:
            say(f"listening on {url_of(settings.host, listening, BASE.rstrip('/'))}; stop with Ctrl-C")

        if settings.workers > 1:
            serve_many(settings, listening, ready, grace=_GRACE + _CLOSING)
        else:
            with suppress(KeyboardInterrupt):  # which uvicorn raises again once all is stopped
                serve_one(settings, listening, ready)


def _beside(store: str | Path) -> Path:
    """The folder of what this machine keeps beside a store."""
    if isinstance(store, Path):
        return store
    with EditMemory.open(store) as memory:
        return memory.path


def serve_one(
    settings: Settings, listening: socket.socket, ready: Callable[[], None], *, shared: Path | None = None
) -> None:
    """Serve with this process; `shared` is the folder of several.

    Raises:
        KeditError: as `create_app`.
    """
    app = create_app(settings, shared)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, date_header=False,
        timeout_graceful_shutdown=_GRACE, ws="none",
    )  # fmt: skip
    ready()
    uvicorn.Server(config).run(sockets=[listening])
