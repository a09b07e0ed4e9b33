"""The disk that loses what was not flushed, and the faults that it finds where nothing is flushed at all."""

import os
import random
import sqlite3
from pathlib import Path

import pytest
from faults.power import Disk, power_losses
from faults.tracing import can_trace, trace
from faults.trials import LOST, SURVIVED

import kedit_memory.sqlite


def flushed(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.skipif(not can_trace(), reason="this machine lets no process follow another")
def test_only_what_was_flushed_is_sure_to_be_there(tmp_path: Path) -> None:
    place = tmp_path / "disk"
    place.mkdir()
    (place / "old").write_bytes(b"a" * 1000)
    (place / "gone").write_bytes(b"g")
    disk = Disk(place)

    def work(_: object) -> None:
        (place / "old").write_bytes(b"b" * 2000)
        (place / "in").mkdir()
        (place / "in" / "kept").write_bytes(b"kept")
        flushed(place / "in" / "kept")
        (place / "in" / "kept").write_bytes(b"written once more")
        (place / "in" / "aside").write_bytes(b"aside")
        flushed(place / "in" / "aside")
        (place / "in" / "aside").rename(place / "in" / "named")
        (place / "unflushed").write_bytes(b"u")
        (place / "gone").unlink()

    traced = trace(work, place, watch=disk.note)
    assert not traced.failure
    assert "rename aside" in traced.steps
    disk.lost(tmp_path / "lost")
    sure = {"old": b"a" * 1000, "gone": b"g", "in/kept": b"kept", "in/aside": b"aside"}
    assert contents(tmp_path / "lost") == sure
    lengths = set()
    for seed in range(20):
        disk.torn(tmp_path / str(seed), random.Random(seed))
        torn = contents(tmp_path / str(seed))
        assert set(torn) == {"old", "in/kept", "in/named", "unflushed"}
        assert torn["in/named"] == b"aside"
        assert set(torn["old"]) <= set(b"ab\0")
        lengths.add(len(torn["old"]))
    assert lengths == {1000, 2000}
    trace(lambda _: flushed(place / "in"), place, watch=disk.note)
    disk.lost(tmp_path / "later")
    del sure["in/aside"]
    assert contents(tmp_path / "later") == sure | {"in/named": b"aside"}
    disk.close()


@pytest.mark.skipif(not can_trace(), reason="this machine lets no process follow another")
def test_a_store_that_flushes_nothing_loses_what_it_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "as it is").mkdir()
    assert {one.outcome for one in power_losses("create", tmp_path / "as it is", 6)} == {SURVIVED}
    connect = kedit_memory.sqlite.connect

    def carelessly(*given: object, **options: object) -> sqlite3.Connection:
        connection = connect(*given, **options)
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    monkeypatch.setattr("kedit_memory.memory.folder.connect", carelessly)
    (tmp_path / "careless").mkdir()
    assert LOST in {one.outcome for one in power_losses("create", tmp_path / "careless", 6)}
