"""Stores of earlier formats open as stores of today, and nothing in them changes on the way."""

import dataclasses
import shutil
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
from kedit_memory.memory.rows import COLUMNS, EDIT_FIELDS
from kedit_memory.records import Edit

OpenMemory = Callable[..., EditMemory]
STORES = Path(__file__).parent / "stores"  # what earlier versions wrote, as SQL
OLD = tuple(range(1, len(schema.MIGRATIONS) + 1))  # and today's, which a later one is to read


def restored(version: int, folder: Path) -> Path:
    """A store as format `version` left it."""
    folder.mkdir()
    connection = sqlite3.connect(folder / "store.db")
    connection.executescript((STORES / f"format_{version}.sql").read_text("utf-8"))
    connection.close()
    return folder


def rows(path: Path, sql: str) -> list[Any]:
    connection = sqlite3.connect(path / "store.db")
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


@pytest.mark.parametrize("version", OLD)
def test_a_store_is_brought_up_to_date(version: int, open_memory: OpenMemory, tmp_path: Path) -> None:
    path = restored(version, tmp_path / "store")
    kept = [
        "SELECT id, edit_id, kind, text, radius, live, vector FROM keys ORDER BY id",
        "SELECT id, namespace, prompt, target, subject, valid_from, valid_until, status FROM edits ORDER BY id",
        "SELECT * FROM sqlite_sequence ORDER BY name",
        "SELECT seq, verb, namespace, at, undone_by FROM operations ORDER BY seq",
    ]
    before = [rows(path, sql) for sql in kept]
    memory = open_memory()
    assert [rows(path, sql) for sql in kept] == before
    assert rows(path, "PRAGMA user_version") == [(len(schema.MIGRATIONS),)]
    assert memory.verify().problems == ()
    assert memory.in_scope("Acme boss?")[0].edit.target == "Ann"
    assert [match.edit.id for match in memory.about("Acme boss?", ["Acme"])] == ["e1"]


@pytest.mark.parametrize("version", OLD)
def test_what_held_on_a_day_still_does(version: int, open_memory: OpenMemory, tmp_path: Path) -> None:
    restored(version, tmp_path / "store")
    memory = open_memory()

    def said(question: str, day: str) -> list[str | None]:
        return [match.edit.target for match in memory.worded([question], as_of=day)]

    mayor, capital, bank = "Who is the mayor of São Tomé?", "What is the capital of Peru?", "Who ran Moore’s Bank?"
    assert [said(mayor, day) for day in ("2009", "2012", "2016")] == [[], ["Rui"], ["Eva"]]
    assert [said(capital, day) for day in ("1920", "1960")] == [["Lima"], ["Lima"]]
    assert [said(bank, day) for day in ("2000", "2005")] == [["Lee"], ["Kim"]]
    assert memory.worded(["Is it closed?"], namespace="b") == []


@pytest.mark.parametrize("version", OLD)
def test_everything_can_still_be_undone(version: int, open_memory: OpenMemory, tmp_path: Path) -> None:
    path = restored(version, tmp_path / "store")
    standing = rows(path, "SELECT count(*) FROM operations WHERE undone_by IS NULL AND verb <> 'undo'")[0][0]
    memory = open_memory()
    for _ in range(standing):
        memory.undo()
    assert memory.all(status=None, namespace=None) == []
    assert memory.verify().ok


@pytest.mark.parametrize("version", OLD)
def test_a_migrated_store_has_the_tables_of_a_new_one(version: int, open_memory: OpenMemory, tmp_path: Path) -> None:
    path = restored(version, tmp_path / "store")
    open_memory()
    open_memory("new")
    listed = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name"
    assert rows(path, listed) == rows(tmp_path / "new", listed)


@pytest.mark.parametrize("version", OLD)
def test_the_counts_of_a_migrated_store_are_those_of_its_rows(
    version: int, open_memory: OpenMemory, tmp_path: Path
) -> None:
    path = restored(version, tmp_path / "store")
    open_memory().add("Who sold it?", "Bo", namespace="b")
    counted = "SELECT namespace, status, count(*) FROM edits GROUP BY 1, 2 ORDER BY 1, 2"
    assert rows(path, "SELECT * FROM counts WHERE edits > 0 ORDER BY 1, 2") == rows(path, counted)


def test_a_migration_that_fails_leaves_the_old_store(
    open_memory: OpenMemory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = restored(1, tmp_path / "store")
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS[:1], f"{schema.MIGRATIONS[1]}CREATE nonsense;\n"))
        with pytest.raises(StoreError, match="nonsense"):
            open_memory()
    assert rows(path, "PRAGMA user_version") == [(1,)]
    assert open_memory().verify().ok


def test_an_old_store_that_cannot_be_changed_is_refused(
    open_memory: OpenMemory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = restored(3, tmp_path / "store")
    monkeypatch.setattr("kedit_memory.sqlite.may_write", lambda _: False)
    monkeypatch.setattr("kedit_memory.memory.folder.may_write", lambda _: False)
    with pytest.raises(StoreError, match="older format and cannot be changed here; copy it"):
        open_memory()
    assert [one.name for one in path.iterdir()] == ["store.db"]


def test_a_store_of_today_that_cannot_be_changed_is_read(
    open_memory: OpenMemory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = open_memory()
    memory.add("Who leads Acme?", "Ann", subject="Acme")
    found = state(memory)
    memory.close()
    shutil.rmtree(memory.path / "cache", ignore_errors=True)
    monkeypatch.setattr("kedit_memory.memory.folder.may_write", lambda _: False)
    again = open_memory()
    assert state(again) == found
    assert again.in_scope("Who leads Acme?")[0].edit.target == "Ann"
    assert again.export(tmp_path / "all.jsonl") == 1
    for change in (lambda: again.add("Who owns it?", "Bo"), again.undo, lambda: again.retract("e1")):
        with pytest.raises(StoreError, match="cannot be changed here; make the folder writable"):
            change()
    again.close()
    assert [one.name for one in memory.path.iterdir()] == ["store.db"]


def test_an_export_of_format_1_is_read(memory: EditMemory, tmp_path: Path) -> None:
    line = (
        '{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z",%s"id":"e1","keys":[{"kind":"prompt","radius":0.5,'
        '"text":"Who leads Acme?"}],"kind":"insertion","metadata":{},"namespace":"default","paraphrases":[],%s'
        '"prompt":"Who leads Acme?","radius":0.5,"radius_fixed":false,"relation":null,"source":null,'
        '"statement":"Who leads Acme? Ann","status":"active","subject":null,"superseded_by":null,"target":"Ann",'
        '"valid_from":null,"valid_until":null}\n'
    )
    (tmp_path / "old.jsonl").write_text(line % ("", ""))
    memory.import_(tmp_path / "old.jsonl")
    memory.export(tmp_path / "new.jsonl")
    assert (tmp_path / "new.jsonl").read_text() == line % ('"given_id":null,"holds":true,', '"part_of":null,')


def test_released_migrations_stay_as_they_were() -> None:
    released = [2573153547, 1721613958, 242425274, 1742787206, 772516740, 2976174321, 384781837]
    assert [zlib.crc32(script.encode()) for script in schema.MIGRATIONS[: len(released)]] == released


def test_the_index_of_expanded_keys_starts_at_the_default_radius() -> None:
    assert f"radius > {DEFAULT_RADIUS};" in schema.MIGRATIONS[1]


def test_the_columns_of_an_edit_are_its_fields(open_memory: OpenMemory, tmp_path: Path) -> None:
    open_memory("new")
    columns = {row[1] for row in rows(tmp_path / "new", "PRAGMA table_info(edits)")}
    assert columns == {*COLUMNS, "checksum"}
    fields = {one.name for one in dataclasses.fields(Edit)}
    assert fields - columns == {"radius", "possible_conflicts"}
    assert set(EDIT_FIELDS) == fields - {"possible_conflicts"}
