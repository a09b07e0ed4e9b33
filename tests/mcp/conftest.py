"""A store with facts, and `kedit mcp` on it: a real process, reached as a client of the SDK would."""

import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from kedit_memory.memory import EditMemory

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {
    "PYTHONPATH": str(ROOT),
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
PATIENCE = 100  # seconds for an answer: a model may have to be loaded


def command(store: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "kedit_memory.cli.main", "mcp", "--store", str(store), *words]


class Served:
    """One running server, or one that a client starts.

    Args:
        place: gives what a client connects to.
    """

    def __init__(self, place: Callable[[], Any]) -> None:
        self.place = place

    def talk(self, work: Callable[[Any], Awaitable[Any]], mode: str = "auto") -> Any:
        """What a function makes of a connected client."""
        import anyio
        from mcp import Client

        async def run() -> Any:
            async with Client(self.place(), mode=mode, read_timeout_seconds=PATIENCE) as client:
                return await work(client)

        return anyio.run(run)


@contextmanager
def over_http(store: Path, *words: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address of a server on a free port, and its process."""
    process = subprocess.Popen(
        command(store, "--transport", "http", "--port", "0", *words),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, **ENVIRONMENT},
    )  # fmt: skip
    assert process.stdout
    assert process.stderr
    try:
        told = process.stderr.readline()
        assert told.startswith("MCP tools at http://127.0.0.1:"), told
        yield told.split()[3].rstrip(";"), process
    finally:
        process.terminate()
        process.wait(PATIENCE)
        process.stdout.close()
        process.stderr.close()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Facts of the default namespace and one of another, by the encoder that needs no weights."""
    path = tmp_path / "store"
    with EditMemory.open(path, encoder="hashing") as memory:
        memory.add("What is the gate code of the Bergen depot?", "4471#", subject="Bergen depot")
        memory.add(subject="Kari Moe", relation="employer", target="Nordlys AS", id="kari")
        memory.add("Who leads Acme?", "Ann Berg", subject="Acme", namespace="others")
    return path


@pytest.fixture
def serve(store: Path) -> Iterator[Callable[..., Served]]:
    """A function from a transport and further words of the command to a server."""
    with ExitStack() as running:

        def start(transport: str = "stdio", *words: str) -> Served:
            if transport == "http":
                url, _ = running.enter_context(over_http(store, *words))
                return Served(lambda: url)
            from mcp.client.stdio import StdioServerParameters, stdio_client

            first, *rest = command(store, *words)
            return Served(lambda: stdio_client(StdioServerParameters(command=first, args=rest, env=ENVIRONMENT)))

        yield start
