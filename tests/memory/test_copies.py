"""Copies of a store: whole or not there, and stores made from them as they were after one of their operations."""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import WordEncoder, state  # type: ignore[attr-defined]
from hypothesis import given, settings
from hypothesis import strategies as st

from kedit_memory.errors import ConflictError, InvalidInputError, NotFoundError, StoreError
from kedit_memory.memory.memory import EditMemory
from kedit_memory.records import Checkpoint

OpenMemory = Callable[..., EditMemory]
PROMPTS = ("king of land today?", "queen of land today?", "who?")


def told(memory: EditMemory) -> list[Any]:
    """All that a memory says of its edits, its past and its index."""
    past = [(one.number, one.operation, one.verb, one.edit_id, one.undone) for one in memory.history()]
    keys = memory._store.query("SELECT id, edit_id, kind, text, radius, live FROM keys ORDER BY id")
    models = [(one.operation, one.edit_ids, one.undone) for one in memory.consolidations()]
    return [state(memory), past, [tuple(key) for key in keys], models]


def perform(memory: EditMemory, verb: str, number: int, other: int) -> None:
    prompt, active = PROMPTS[number], memory.all()
    if verb == "add":
        dates = [{}, {"valid_from": "2010"}, {"valid_from": "2012", "valid_until": "2014"}][other]
        memory.add(prompt, f"t{number}{other}", subject=[None, "Spain"][number % 2], id=f"own {number}", **dates)
    elif verb == "erase":
        memory.erase(prompt)
    elif verb == "undo":
        memory.undo()
    elif active:
        edit = active[number % len(active)]
        if verb == "update":
            changes: list[Any] = [{"target": "new"}, {"paraphrases": [f"land {number}?"]}, {"prompt": f"how {number}?"}]
            memory.update(edit.id, **changes[other])
        elif verb == "confirm":
            memory.confirm(edit.id, f"is it {other} of {edit.id}?")
        elif verb == "reject":
            memory.reject(edit.id, f"is it {other} of {edit.id}?")
        elif verb == "retract":
            memory.retract(edit.id)
        elif edit.target is not None:
            made = Checkpoint(fingerprint=f"f{memory.stats().operations}", base="b", method="rome", folder="m")
            memory.consolidate([edit], made, lambda: None)


VERBS = st.sampled_from(
    ["add", "add", "erase", "update", "confirm", "reject", "retract", "consolidate", "undo", "undo"]
)


@settings(max_examples=25)
@given(verbs=st.lists(st.tuples(VERBS, st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=12), data=st.data())
def test_any_operation_is_come_back_to(
    tmp_path_factory: pytest.TempPathFactory, verbs: list[tuple[str, int, int]], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("stores")
    with EditMemory.open(folder / "store", WordEncoder()) as memory:
        states = {}
        for verb, number, other in verbs:
            try:
                perform(memory, verb, number, other)
            except (ConflictError, InvalidInputError, NotFoundError):
                continue
            if (done := memory.stats().operations) and done not in states:
                states[done] = told(memory)
        if not states:
            return
        at = data.draw(st.sampled_from(sorted(states)))
        memory.backup(folder / "backup")
        EditMemory.restore(folder / "backup", folder / "then", at=at, encoder=WordEncoder())
        assert memory.stats().operations == max(states)
    with EditMemory.open(folder / "then", WordEncoder()) as then:
        assert told(then) == states[at]
        assert then.verify().problems == ()
        assert then.add("Is it still in order?", "yes").id > ""
        then.undo()
        while (done := then.stats().operations) and any(
            not one.undone and one.verb != "undo" for one in then.history()
        ):
            then.undo()
            assert then.stats().operations > done
        assert then.all(status=None, namespace=None) == []
        assert then.verify().ok


def test_what_was_purged_since_stays_gone(
    open_memory: OpenMemory, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    memory = open_memory()
    memory.add("Who leads Acme?", "Ann")
    memory.add("Who owns it?", "Bo")
    memory.purge("e1")
    EditMemory.restore(memory.path, tmp_path / "then", at=2)
    assert [edit.id for edit in open_memory("then").all()] == ["e2"]
    assert open_memory("then").verify().ok
    assert "edits were purged after operation 2; those are not brought back" in caplog.text


def test_what_cannot_be_restored(open_memory: OpenMemory, tmp_path: Path) -> None:
    memory = open_memory()
    memory.add("Who leads Acme?", "Ann")
    with pytest.raises(InvalidInputError, match=r"operation 2 of .* is yet to come; the last one was 1"):
        EditMemory.restore(memory.path, tmp_path / "then", at=2)
    with pytest.raises(InvalidInputError, match="at is 0"):
        EditMemory.restore(memory.path, tmp_path / "then", at=0)
    with pytest.raises(NotFoundError, match="no backup at"):
        EditMemory.restore(tmp_path / "none", tmp_path / "then")
    with pytest.raises(StoreError, match="already holds something; name an empty or a new folder"):
        EditMemory.restore(memory.path, memory.path)
    assert [one.name for one in tmp_path.iterdir()] == ["store"]


def test_a_damaged_history_is_not_gone_back_to(open_memory: OpenMemory, tmp_path: Path) -> None:
    memory = open_memory()
    memory.add("Who leads Acme?", "Ann")
    memory.update("e1", target="Bo")
    memory._store.connection.execute("UPDATE changes SET after = replace(after, 'Ann', 'Amn') WHERE operation = 1")
    with pytest.raises(StoreError, match="the history of e1 is damaged"):
        EditMemory.restore(memory.path, tmp_path / "then", at=1)
    assert [one.name for one in tmp_path.iterdir()] == ["store"]


def test_a_backup_goes_into_this_folder(
    open_memory: OpenMemory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = open_memory()
    memory.add("Who leads Acme?", "Ann")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    memory.backup(".")
    assert (tmp_path / "here" / "store.db").is_file()


def test_a_backup_while_others_write_is_of_one_moment(open_memory: OpenMemory, tmp_path: Path) -> None:
    memory = open_memory()
    memory.add("Who is 0?", "x", namespace="pairs")
    done = threading.Event()

    def write() -> None:
        number = 0
        while not done.is_set():
            number += 1
            memory.add_many([{"prompt": f"Who is {side} of {number}?", "target": "x"} for side in "ab"])

    writing = threading.Thread(target=write)
    writing.start()
    try:
        for number in range(5):
            memory.backup(tmp_path / f"copy {number}")
    finally:
        done.set()
        writing.join()
    counts = []
    for number in range(5):
        copy = open_memory(f"copy {number}")
        assert copy.verify().problems == ()
        counts.append(len(copy.all()))
        assert counts[-1] % 2 == 0
        assert copy.history()[-1].operation == counts[-1] // 2 + 1
    assert counts == sorted(counts)


def test_what_a_stopped_backup_left_goes_with_the_next(open_memory: OpenMemory, tmp_path: Path) -> None:
    memory = open_memory()
    for name in (".copy.0123abcd", ".copy.ffffffff", ".copy.mine", ".copy2.0123abcd"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "store.db").write_bytes(b"half")
    running = os.open(tmp_path / ".copy.ffffffff", os.O_RDONLY)
    fcntl.flock(running, fcntl.LOCK_EX)
    memory.backup(tmp_path / "copy")
    os.close(running)
    left = sorted(one.name for one in tmp_path.iterdir())
    assert left == [".copy.ffffffff", ".copy.mine", ".copy2.0123abcd", "copy", "store"]


def test_a_store_that_was_about_to_be_made_is_made(open_memory: OpenMemory, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    with sqlite3.connect(tmp_path / "store" / "store.db") as connection:
        connection.execute("PRAGMA journal_mode = WAL")  # as far as a process came before it was killed
    connection.close()
    assert (tmp_path / "store" / "store.db").stat().st_size > 0
    assert open_memory().add("Who leads Acme?", "Ann").id == "e1"
