"""Several processes that serve one store on one socket, and the one that keeps them running.

All accept from the same listening socket, so that none is bound to a client. One that ends is replaced; when the
parent ends they do, too. Beside the store they share a folder, as long as they run: counts of requests, and measures.
"""

import logging
import multiprocessing
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from kedit_memory.errors import KeditError
from kedit_memory.server.logs import write_logs
from kedit_memory.server.rates import rates_of
from kedit_memory.server.settings import Settings

_LOG = logging.getLogger(__name__)
_SPAWN = multiprocessing.get_context("spawn")
_MEASURES = "PROMETHEUS_MULTIPROC_DIR"  # where prometheus_client looks for it as it is imported
_LOOK = 0.2  # seconds until a signal is noticed at the latest
_AGAIN_AFTER = 1.0  # seconds, so that one that cannot start is not started all the time


@dataclass(frozen=True)
class _Worker:
    process: SpawnProcess
    started: Connection  # tells what went wrong, or nothing


def serve_many(settings: Settings, listening: socket.socket, ready: Callable[[], None], *, grace: float) -> None:
    """Serve with several processes until this one is told to stop; replies under way have `grace` seconds then.

    Raises:
        KeditError: one of the first cannot start.
    """
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    with tempfile.TemporaryDirectory(prefix="kedit-") as folder:
        os.environ[_MEASURES] = folder
        rates_of(settings, Path(folder)).close()  # made before several write into it
        workers: list[_Worker] = []
        try:
            workers += [_start(settings, listening, Path(folder)) for _ in range(settings.workers)]
            for one in workers:
                _demand(one)
            ready()
            while not stopping.is_set():
                wait([one.process.sentinel for one in workers], timeout=_LOOK)
                for place, one in enumerate(workers):
                    if one.process.exitcode is not None and not stopping.is_set():
                        _LOG.warning("worker %d ended (%s); another follows", one.process.pid, _why(one))
                        stopping.wait(_AGAIN_AFTER)
                        workers[place] = _start(settings, listening, Path(folder))
        finally:
            _stop(workers, grace)


def _start(settings: Settings, listening: socket.socket, folder: Path) -> _Worker:
    here, there = _SPAWN.Pipe(duplex=False)
    process = _SPAWN.Process(target=_work, args=(settings, listening, folder, there), name="kedit")
    process.start()
    there.close()
    return _Worker(process, here)


def _demand(worker: _Worker) -> None:
    """Wait until a worker is ready."""
    try:
        said = worker.started.recv_bytes().decode()
    except EOFError:
        worker.process.join()
        said = f"a worker could not start ({_why(worker)})"
    if said:
        raise KeditError(said)


def _why(worker: _Worker) -> str:
    """Why a worker has ended."""
    with suppress(EOFError):
        if said := worker.started.recv_bytes().decode():
            return said
    return f"exit status {worker.process.exitcode}"


def _stop(workers: list[_Worker], grace: float) -> None:
    for one in workers:
        one.process.terminate()
    for one in workers:
        one.process.join(grace)
        one.process.kill()
        one.process.join()


def _work(settings: Settings, listening: socket.socket, folder: Path, started: Connection) -> None:
    """A worker's life."""
    from kedit_memory.server.run import serve_one

    write_logs(settings.log_format)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with closing(started), suppress(KeyboardInterrupt):
        try:
            serve_one(settings, listening, lambda: started.send_bytes(b""), shared=folder)
        except KeditError as error:
            started.send_bytes(str(error).encode())


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
