"""Every engine, those in servers included: a server is started once a session, where its package is installed."""

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from memory.conftest import TODAY, WordEncoder

from kedit_memory.memory.index import ENGINES, SERVERS, Engine, find_engine
from kedit_memory.memory.memory import EditMemory

PATIENCE = 120  # seconds for a server to start on a busy machine


@pytest.fixture(scope="session")
def milvus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of Milvus Lite, in a process of its own."""
    pytest.importorskip("pymilvus")
    pytest.importorskip("milvus_lite")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("milvus")
    words = ["server", "--data-dir", str(folder), "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen([sys.executable, "-m", "milvus_lite", *words], stdout=subprocess.DEVNULL) as process:
        try:
            _wait_for(port)
            yield f"milvus://127.0.0.1:{port}"
        finally:
            process.kill()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL with pgvector, in processes of its own."""
    pytest.importorskip("psycopg")
    pgserver = pytest.importorskip("pgserver")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # for root, the server runs as another user
        server = pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(
    params=[*(pytest.param(name, marks=pytest.mark.gpu) if name == "faiss-gpu" else name for name in ENGINES), *SERVERS]
)
def address(request: pytest.FixtureRequest) -> str:
    """The name of an engine, or its address."""
    return address_of(request)


def address_of(request: pytest.FixtureRequest) -> str:
    """The address of the server that a parameter names, started where that is needed; else the name that it is."""
    fixtures = {"milvus": "milvus", "postgresql": "postgres"}
    return request.getfixturevalue(fixtures[request.param]) if request.param in fixtures else request.param


@pytest.fixture
def engine(address: str, request: pytest.FixtureRequest) -> Engine:
    """An engine with tables of this test alone."""
    return find_engine(address, f"kedit_{abs(hash(request.node.nodeid)):x}")


@pytest.fixture
def open_memory(tmp_path: Path, address: str) -> Iterator[Callable[..., EditMemory]]:
    """A function that opens the memory in a folder of this test, by the engine; all are closed at its end."""
    opened: list[EditMemory] = []

    def opening(name: str = "store", **options: object) -> EditMemory:
        options = {"engine": address, "clock": lambda: TODAY} | options
        opened.append(EditMemory.open(tmp_path / name, WordEncoder(), **options))
        return opened[-1]

    yield opening
    for memory in opened:
        memory.close()


def unit(seed: int, count: int, dimension: int = 16) -> np.ndarray:
    """Rows of unit length, some near each other."""
    rows = np.random.default_rng(seed).standard_normal((count, dimension)) * np.geomspace(1, 0.1, dimension)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def _wait_for(port: int) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise TimeoutError(f"no server at port {port} after {PATIENCE} seconds")
