"""The index beside the rows: used for the rows it was made from, and nothing but its own files is ever touched."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kedit_memory.errors import StoreError
from kedit_memory.memory.memory import EditMemory

OpenMemory = Callable[..., EditMemory]


def fill(memory: EditMemory, count: int, answer: str = "answer") -> None:
    memory.add_many([{"prompt": f"question {n}?", "target": f"{answer} {n}", "subject": str(n)} for n in range(count)])


def test_a_restored_store_does_not_answer_from_the_cache_of_a_later_one(
    open_memory: OpenMemory, tmp_path: Path
) -> None:
    memory = open_memory()
    fill(memory, 3)
    memory.backup(tmp_path / "copy")
    memory.add("Who leads Acme?", "Ann", subject="Acme")
    memory.rebuild()
    memory.close()
    shutil.copy(tmp_path / "copy" / "store.db", memory.path / "store.db")
    again = open_memory()
    again.add("Who owns Acme?", "Bo", subject="Acme")  # the same number of operations as the cache knows
    assert not again.verify().problems or "made from other rows" in again.verify().problems[0]
    found = again.search("Who leads Acme?", 1)[0]
    assert (found.edit.target, found.key) == ("Bo", "Who owns Acme?")
    again.rebuild()
    assert again.verify().ok


def test_a_cache_of_another_store_is_not_used(open_memory: OpenMemory) -> None:
    memory, other = open_memory(), open_memory("other")
    fill(memory, 3)
    fill(other, 3, "another")
    for one in (memory, other):
        one.rebuild()
        one.close()
    shutil.rmtree(memory.path / "cache")
    shutil.copytree(other.path / "cache", memory.path / "cache")
    again = open_memory()
    assert "made from other rows" in again.verify().problems[0]
    assert [again.in_scope(f"question {n}?")[0].edit.target for n in range(3)] == ["answer 0", "answer 1", "answer 2"]


def test_files_of_others_are_left_alone(open_memory: OpenMemory, tmp_path: Path) -> None:
    folder = tmp_path / "store" / "cache"
    (folder / "photos").mkdir(parents=True)
    (folder / "photos" / "one.jpg").write_bytes(b"jpeg")
    (folder / "notes.txt").write_text("mine")
    memory = open_memory()
    fill(memory, 3)
    memory.rebuild()
    memory.retract("e1")
    memory.purge("e1")
    memory.rebuild()
    assert (folder / "photos" / "one.jpg").read_bytes() == b"jpeg"
    assert (folder / "notes.txt").read_text() == "mine"
    assert memory.verify().ok


def test_nothing_behind_a_symbolic_link_is_touched(
    open_memory: OpenMemory, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "manifest.json").write_text(json.dumps({"mine": True}))
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "cache").symlink_to(elsewhere)
    memory = open_memory()
    fill(memory, 3)
    memory.rebuild()
    memory.purge("e1")
    assert memory.in_scope("question 1?")[0].edit.target == "answer 1"
    assert [file.name for file in elsewhere.iterdir()] == ["manifest.json"]
    assert "symbolic link" in caplog.text


@pytest.mark.parametrize("name", ["thesis.tex", "photos"])
def test_a_folder_of_other_files_is_no_store(open_memory: OpenMemory, tmp_path: Path, name: str) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / name).write_text("mine")
    with pytest.raises(StoreError, match=f"holds no store but other files \\({name}\\); name an empty or a new folder"):
        open_memory()
    assert [file.name for file in (tmp_path / "store").iterdir()] == [name]


def test_passages_and_hidden_files_do_not_stand_in_the_way(open_memory: OpenMemory, tmp_path: Path) -> None:
    (tmp_path / "store" / "passages").mkdir(parents=True)
    (tmp_path / "store" / "passages.db").write_bytes(b"")
    (tmp_path / "store" / ".gitignore").write_text("*")
    assert open_memory().all() == []


@pytest.mark.parametrize(
    "text",
    [b"[" * 100_000, b"{}", b"[]", b'{"folder": "../..", "checksums": {}, "made_from": {}}', b"\xed\xa0\x80"],
)
def test_a_crafted_manifest_is_no_cache(open_memory: OpenMemory, text: bytes) -> None:
    memory = open_memory()
    fill(memory, 3)
    memory.rebuild()
    memory.close()
    manifest = memory.path / "cache" / "manifest.json"
    manifest.write_bytes(text)
    again = open_memory()
    assert again.in_scope("question 1?")[0].edit.target == "answer 1"
    again.rebuild()
    assert again.verify().ok
