"""Stores of earlier formats open as stores of today, and nothing in them changes on the way."""

import sqlite3
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import state  # type: ignore[attr-defined]

from kedit_memory.errors import StoreError
from kedit_memory.memory import schema
from kedit_memory.memory.memory import EditMemory
from kedit_memory.memory.radius import DEFAULT_RADIUS
from kedit_memory.records import Checkpoint

OpenMemory = Callable[..., EditMemory]


@pytest.fixture
def old_store(open_memory: OpenMemory, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Any]:
    """A store as format 1 left it, with a cache, an undone operation and a replaced key, and what was in it."""
    with monkeypatch.context() as patch:
        patch.setattr(schema, "FORMAT_VERSION", 1)
        patch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
        memory = open_memory()
        memory.add("Who leads Acme?", "Ann", subject="Acme", paraphrases=["Acme head?"])
        memory.add("Who owns Acme?", "Bo", valid_from="2020")
        memory.update("e1", paraphrases=["Acme boss?"])
        memory.add("Who sold Acme?", "Cy")
        memory.undo()
        memory.rebuild()
        found = state(memory)
        memory.close()
    with sqlite3.connect(memory.path / "store.db") as connection:
        (table,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'keys'").fetchone()
        assert "confirmed" not in table
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    connection.close()
    return memory.path, found


def rows(path: Path, sql: str) -> list[Any]:
    connection = sqlite3.connect(path / "store.db")
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def test_a_store_of_format_1_is_brought_up_to_date(open_memory: OpenMemory, old_store: tuple[Path, Any]) -> None:
    path, found = old_store
    everything = "SELECT * FROM keys ORDER BY id"
    before = {sql: rows(path, sql) for sql in (everything, "SELECT * FROM sqlite_sequence ORDER BY name")}
    memory = open_memory()
    assert {sql: rows(path, sql) for sql in before} == before
    assert rows(path, "PRAGMA user_version") == [(3,)]
    assert rows(path, "PRAGMA foreign_key_check") == []
    assert state(memory) == found
    assert memory.in_scope("Acme boss?")[0].distance == 0.0
    assert [match.edit.id for match in memory.about("Acme boss?", ["Acme"])] == ["e1"]
    assert memory.verify().ok
    memory.confirm("e1", "Who runs it there?")
    assert rows(path, "SELECT max(id) FROM keys") == [(6,)]  # 5 was the undone one's
    memory.reject("e1", "Who leads Acme Limited?")
    for _ in range(5):
        memory.undo()
    assert memory.all() == []
    assert memory.verify().ok


def test_a_migrated_store_has_the_tables_of_a_new_one(open_memory: OpenMemory, old_store: tuple[Path, Any]) -> None:
    open_memory()
    open_memory("new")
    listed = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
    assert rows(old_store[0], listed) == rows(old_store[0].parent / "new", listed)


def test_a_store_of_format_2_gets_the_tables_of_consolidation(
    open_memory: OpenMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(schema, "FORMAT_VERSION", 2)
        patch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:2])
        memory = open_memory()
        edit = memory.add("Who leads Acme?", "Ann", subject="Acme")
        memory.reject("e1", "Who led Acme?")
        found = state(memory)
        memory.close()
    assert rows(memory.path, "SELECT name FROM sqlite_master WHERE name LIKE 'consolidat%'") == []
    memory = open_memory()
    assert state(memory) == found
    assert not memory.any_consolidated()
    made = Checkpoint(fingerprint="after", base="before", method="rome", folder="/out")
    memory.consolidate([edit], made, lambda: None)
    assert memory.held_by("after", ["e1"]) == {"e1"}
    for _ in range(3):
        memory.undo()
    assert memory.all() == []
    assert memory.verify().ok


def test_a_key_still_goes_with_its_edit(open_memory: OpenMemory, old_store: tuple[Path, Any]) -> None:
    assert old_store[0].exists()
    memory = open_memory()
    memory.undo()
    memory.undo()
    assert [row["edit_id"] for row in memory._session.store.query("SELECT edit_id FROM keys WHERE live")] == [1, 1]


def test_a_migration_that_fails_leaves_the_old_store(
    open_memory: OpenMemory, old_store: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, found = old_store
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS[:1], f"{schema.MIGRATIONS[1]}CREATE nonsense;\n"))
        with pytest.raises(StoreError, match="nonsense"):
            open_memory()
    assert rows(path, "PRAGMA user_version") == [(1,)]
    assert state(open_memory()) == found


def test_an_export_of_format_1_is_read(memory: EditMemory, tmp_path: Path) -> None:
    line = (
        '{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","id":"e1","keys":[{"kind":"prompt","radius":0.5,'
        '"text":"Who leads Acme?"}],"kind":"insertion","metadata":{},"namespace":"default","paraphrases":[],'
        '"prompt":"Who leads Acme?","radius":0.5,"radius_fixed":false,"relation":null,"source":null,'
        '"statement":"Who leads Acme? Ann","status":"active","subject":null,"superseded_by":null,"target":"Ann",'
        '"valid_from":null,"valid_until":null}'
    )
    (tmp_path / "old.jsonl").write_text(line + "\n")
    memory.import_(tmp_path / "old.jsonl")
    memory.export(tmp_path / "new.jsonl")
    assert (tmp_path / "new.jsonl").read_text() == line + "\n"


def test_released_migrations_stay_as_they_were() -> None:
    assert [zlib.crc32(script.encode()) for script in schema.MIGRATIONS] == [2573153547, 1721613958, 242425274]
    assert len(schema.MIGRATIONS) == schema.FORMAT_VERSION


def test_the_index_of_expanded_keys_starts_at_the_default_radius() -> None:
    assert f"radius > {DEFAULT_RADIUS};" in schema.MIGRATIONS[1]
