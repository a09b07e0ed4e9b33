"""An engine that is down, slow, read-only, too old or has lost its rows: one line, and no edit is lost."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from memory.conftest import WordEncoder

from kedit_memory.errors import EngineError, InvalidInputError, MissingDependencyError
from kedit_memory.memory.index import find_engine
from kedit_memory.memory.memory import EditMemory

KEYS = (np.array([1]), np.ones((1, 4), np.float32), np.array([0.5]))


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kedit_memory.memory.index.remote._PAUSES", (0.0,))
    for module in ("milvus", "pgvector"):
        monkeypatch.setattr(f"kedit_memory.memory.index.{module}.SECONDS", 3)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def down(scheme: str) -> str:
    pytest.importorskip({"milvus": "pymilvus", "postgresql": "psycopg"}[scheme])
    return f"{scheme}://u:secret@127.0.0.1:{free_port()}" + ("/d" if scheme == "postgresql" else "")


@pytest.mark.parametrize("scheme", ["milvus", "postgresql"])
def test_an_engine_that_is_down_is_told_in_a_line_and_loses_nothing(scheme: str, tmp_path: Path) -> None:
    with EditMemory.open(tmp_path / "store", WordEncoder()) as memory:
        memory.add("Who leads Acme?", "Ann", subject="Acme")
    with EditMemory.open(tmp_path / "store", WordEncoder(), engine=down(scheme)) as memory:
        for act in (lambda: memory.in_scope("Who leads Acme?"), lambda: memory.add("Who owns Acme?", "Bo")):
            with pytest.raises(EngineError, match="cannot be reached") as refused:
                act()
            assert "secret" not in str(refused.value)
            assert "\n" not in str(refused.value)
        assert [edit.target for edit in memory.all()] == ["Ann"]  # what was refused is not there
        assert "cannot be reached" in memory.verify().problems[0]
    with EditMemory.open(tmp_path / "store", WordEncoder()) as memory:
        assert memory.in_scope("Who leads Acme?")[0].edit.target == "Ann"
        assert memory.verify().ok


class Failing:
    """An index that an engine stops to serve once an edit is committed."""

    def __init__(self, index: Any) -> None:
        self._index = index

    def __getattr__(self, name: str) -> Any:
        return getattr(self._index, name)

    def __len__(self) -> int:
        return len(self._index)

    def remove(self, _: Any) -> None:
        raise EngineError("the engine is down")


def test_an_engine_that_fails_after_the_commit_refuses_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with EditMemory.open(tmp_path / "store", WordEncoder()) as memory:
        memory.add("Who leads Acme?", "Ann", subject="Acme")
        memory.in_scope("Who leads Acme?")  # loads the index
        memory._index._index = Failing(memory._index._index)  # type: ignore[assignment]
        memory.add("Who owns Acme?", "Bo", subject="Acme")
        assert "stored, but not indexed yet: the engine is down" in caplog.text
        assert memory.in_scope("Who owns Acme?")[0].edit.target == "Bo"
        assert memory.verify().ok


@contextmanager
def silent() -> Iterator[int]:
    """A port where connections are taken and nothing is ever said."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


@pytest.mark.slow
def test_a_milvus_that_says_nothing_is_given_up() -> None:
    pytest.importorskip("pymilvus")
    with silent() as port, pytest.raises(EngineError, match="cannot be reached"):
        find_engine(f"milvus://127.0.0.1:{port}", "kedit_silent")(4).insert(*KEYS)


@pytest.mark.slow
def test_a_postgres_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("psycopg")
    monkeypatch.setattr("kedit_memory.memory.index.pgvector._CONNECT_SECONDS", 2)
    with silent() as port, pytest.raises(EngineError, match="cannot be reached"):
        find_engine(f"postgresql://127.0.0.1:{port}/d", "kedit_silent")(4).insert(*KEYS)


def test_a_postgres_that_is_slow_or_read_only_or_refuses(postgres: str) -> None:
    import psycopg

    index = find_engine(postgres, "kedit_slow")(4)
    index.insert(*KEYS)
    with psycopg.connect(postgres) as other:
        other.execute("LOCK TABLE kedit_slow_6 IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(EngineError, match="took more than 3 seconds"):
            index.in_scope(KEYS[1][0])
        other.rollback()
    assert index.in_scope(KEYS[1][0]).ids.tolist() == [1]
    index._table._connection.execute("SET default_transaction_read_only = on")
    with pytest.raises(EngineError, match="is read-only"):
        index.insert(*KEYS)
    index.close()
    wide = find_engine(postgres, "kedit_slow")(70_000)
    with pytest.raises(EngineError, match=r"refused: .*dimensions"):
        wide.insert(np.array([1]), np.ones((1, 70_000), np.float32), KEYS[2])
    wide.close()


def test_a_connection_that_is_lost_is_made_anew(postgres: str) -> None:
    import psycopg

    index = find_engine(postgres, "kedit_again")(4)
    index.insert(*KEYS)
    (pid,) = index._table._connection.execute("SELECT pg_backend_pid()").fetchone()
    with psycopg.connect(postgres) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (pid,))
    assert index.in_scope(KEYS[1][0]).ids.tolist() == [1]
    index.close()


@pytest.mark.parametrize("server", ["milvus", "postgres"])
def test_a_server_of_an_old_version(server: str, request: pytest.FixtureRequest, monkeypatch: Any) -> None:
    address = request.getfixturevalue(server)
    index = find_engine(address, "kedit_old")(4)
    index.insert(*KEYS)
    index.close()
    if server == "milvus":
        with pytest.raises(EngineError, match=r"is Milvus v2\.2\.9; update it to 2\.3 or newer"):
            index._table._check_version("v2.2.9")
        index._table._check_version("v2.6.0-dev")
    else:
        monkeypatch.setattr("kedit_memory.memory.index.pgvector.OLDEST", (99, 0))
        with pytest.raises(EngineError, match=r"has pgvector 0\.\d.*; update it to 99\.0 or newer"):
            index.in_scope(KEYS[1][0])
    index.close()


@pytest.mark.parametrize("server", ["milvus", "postgres"])
def test_a_server_that_lost_its_rows_is_filled_again(
    server: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    address = request.getfixturevalue(server)
    with EditMemory.open(tmp_path / "store", WordEncoder(), engine=address) as memory:
        memory.add("Who leads Acme?", "Ann", subject="Acme")
        memory.rebuild()
        memory._index._index.named._table.keep(np.empty(0, np.int64))
        assert not memory.verify().ok
    with EditMemory.open(tmp_path / "store", WordEncoder(), engine=address) as memory:
        assert memory.in_scope("Who leads Acme?")[0].edit.target == "Ann"
        assert memory.verify().ok


def test_more_rows_than_milvus_gives_at_once(milvus: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kedit_memory.memory.index.milvus.LIMIT", 8)
    index = find_engine(milvus, "kedit_many")(4)
    vectors = np.random.default_rng(0).standard_normal((30, 4)).astype(np.float32)
    index.insert(np.arange(30), vectors, np.full(30, 20.0))
    assert index.in_scope(vectors[0]).ids.tolist() == index.nearest(vectors[0], 30).ids.tolist()
    assert len(index.in_scope(vectors[0]).ids) == 30
    index.close()


@pytest.mark.slow
def test_milvus_in_a_file(tmp_path: Path) -> None:
    pytest.importorskip("pymilvus")
    pytest.importorskip("milvus_lite")
    index = find_engine(f"milvus:{tmp_path}/keys.db", "kedit_file")(4)
    index.insert(*KEYS)
    assert index.in_scope(KEYS[1][0]).ids.tolist() == [1]
    index.close()


@pytest.mark.parametrize("address", ["milvus://h:x", "milvus:keys", "milvus://h:1/d", "milvus://[h"])
def test_an_address_that_milvus_does_not_have(address: str) -> None:
    with pytest.raises(InvalidInputError, match="write milvus://HOST:PORT"):
        find_engine(address, "kedit")


@pytest.mark.parametrize(("address", "package"), [("milvus://h:1", "pymilvus"), ("postgresql://h/d", "psycopg")])
def test_a_package_that_is_missing_is_named(address: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=rf"needs {package}: pip install 'kedit-memory\["):
        find_engine(address, "kedit")


def test_no_gpu_is_pretended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faiss.get_num_gpus", lambda: 0, raising=False)
    with pytest.raises(MissingDependencyError, match="needs a GPU"):
        find_engine("faiss-gpu", "kedit")(4)
