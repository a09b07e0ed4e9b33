"""After a purge no byte of a store holds the words, their vectors, or what models learned of them."""

import json
import random
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import TODAY, WordEncoder  # type: ignore[attr-defined]

from kedit_memory.errors import NotFoundError, StoreError
from kedit_memory.memory import maintenance
from kedit_memory.memory.memory import EditMemory

OpenMemory = Callable[..., EditMemory]


def holding(folder: Path, *pieces: bytes) -> list[str]:
    """The files that hold one of these pieces."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return [file.name for file in files if any(piece in file.read_bytes() for piece in pieces)]


def private(memory: EditMemory) -> tuple[str, list[bytes]]:
    """An edit to be purged, and what of it is in the files."""
    edit = memory.add(
        "What is Xyzzy's number?",
        "555-0123-4567",
        subject="Xyzzy Plugh",
        aliases=["Frotz"],
        paraphrases=["Xyzzy call?"],
    )
    vectors = [memory.encode([text])[0].tobytes()[:64] for text in ("What is Xyzzy's number?", "Xyzzy call?")]
    return edit.id, [b"Xyzzy", b"xyzzy", b"555-0123", b"Frotz", b"frotz", *vectors]


def test_a_second_handle_writes_nothing_back(open_memory: OpenMemory) -> None:
    memory, other = open_memory(), open_memory()
    edit, pieces = private(memory)
    assert other.in_scope("What is Xyzzy's number?")[0].edit.id == edit
    other.add("Who else?", "Bo")
    memory.rebuild()
    folders = (memory.path, memory._store.database.cache)
    assert any(holding(folder, *pieces) for folder in folders)
    memory.purge(edit)
    assert not any(holding(folder, *pieces) for folder in folders)
    other.close()
    assert not any(holding(folder, *pieces) for folder in folders)
    memory.close()
    assert not any(holding(folder, *pieces) for folder in folders)
    assert open_memory().verify().ok


def test_a_cache_that_is_being_written_is_not_made_current(
    open_memory: OpenMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory, other = open_memory(), open_memory()
    edit, pieces = private(memory)
    other.in_scope("What is Xyzzy's number?")
    saved, purged = threading.Event(), threading.Event()
    index = other._index._index
    assert index is not None
    real = type(index).save

    def slowly(self: object, folder: Path) -> None:
        real(self, folder)  # type: ignore[arg-type]
        saved.set()
        assert purged.wait(20)

    monkeypatch.setattr(type(index), "save", slowly)
    monkeypatch.setattr("kedit_memory.cachefiles._WAIT", 0.1)
    writing = threading.Thread(target=other._index.save)
    writing.start()
    assert saved.wait(20)
    with pytest.raises(StoreError, match="another process is writing it"):
        memory.purge(edit)
    purged.set()
    writing.join()
    monkeypatch.setattr(type(index), "save", real)
    assert memory.purge(edit) == []  # the rows are gone already; what was left is done now
    assert holding(memory.path, *pieces) == []


def test_purging_goes_on_once_the_log_can_be_emptied(open_memory: OpenMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kedit_memory.sqlite.BUSY_SECONDS", 0.1)
    memory = open_memory()
    edit, pieces = private(memory)
    reading = sqlite3.connect(memory.path / "store.db", isolation_level=None)
    reading.execute("BEGIN")
    reading.execute("SELECT count(*) FROM edits").fetchone()
    with pytest.raises(StoreError, match="purge again when it has finished"):
        memory.purge(edit)
    assert holding(memory.path, *pieces)
    with pytest.raises(StoreError, match="purge again when it has finished"):
        memory.purge()
    reading.execute("COMMIT")
    reading.close()
    assert memory.purge(edit) == []
    assert holding(memory.path, *pieces) == []
    with pytest.raises(NotFoundError):
        memory.purge(edit)


def test_the_namespace_is_minded(memory: EditMemory) -> None:
    kept = memory.add("Who leads it?", "Ann", namespace="a")
    memory.retract(memory.add("Who owns it?", "Bo", namespace="a").id)
    gone = memory.add("Who sold it?", "Cy", namespace="b")
    memory.undo(namespace="b")
    with pytest.raises(NotFoundError):
        memory.purge(kept.id, namespace="b")
    assert memory.purge(namespace="b") == [gone.id]
    assert memory.get(kept.id).target == "Ann"
    assert memory.purge(namespace="a") == ["e2"]
    assert memory.purge(kept.id, namespace="a") == [kept.id]


def test_what_answers_for_earlier_days_goes_only_when_asked(memory: EditMemory) -> None:
    memory.add("Who leads it?", "Ann", valid_from="2010")
    memory.add("Who leads it?", "Bo", valid_from="2020")
    memory.add("Who owns it?", "Cy")
    memory.add("Who owns it?", "Di")
    assert memory.purge() == ["e3"]
    assert memory.worded(["Who leads it?"], as_of="2015")[0].edit.target == "Ann"
    assert memory.purge(superseded=True) == ["e1"]
    assert memory.worded(["Who leads it?"], as_of="2015") == []


def test_purging_a_successor_leaves_its_predecessor(memory: EditMemory) -> None:
    memory.add("Who leads it?", "Ann", valid_from="2010")
    later = memory.add("Who leads it?", "Bo", valid_from="2020")
    memory.purge(later.id)
    assert memory.worded(["Who leads it?"], as_of="2015")[0].edit.target == "Ann"
    assert memory.worded(["Who leads it?"], as_of="2022") == []
    assert memory.verify().ok


def learned(folder: Path) -> Path:
    values = folder / "values" / "0123abcd"
    values.mkdir(parents=True)
    (values / "codebook.json").write_text(json.dumps({"edits": ["Xyzzy"]}))
    return values


def test_learned_values_go_and_the_files_of_others_stay(open_memory: OpenMemory) -> None:
    memory = open_memory()
    edit, _ = private(memory)
    values = learned(memory.path)
    own = memory.path / "values" / "mine"
    own.mkdir()
    (own / "thesis.txt").write_text("three years of work")
    memory.purge(edit)
    assert not values.exists()
    assert (own / "thesis.txt").read_text() == "three years of work"


def test_learned_values_that_stay_are_told(open_memory: OpenMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = open_memory()
    edit, _ = private(memory)
    values = learned(memory.path)

    def refuse(path: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(maintenance.shutil, "rmtree", refuse)
        with pytest.raises(StoreError, match=r"cannot be removed .*remove it by hand"):
            memory.purge(edit)
    memory.purge(edit)
    assert not values.exists()


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_no_page_keeps_an_old_copy(seed: int, open_memory: OpenMemory) -> None:
    """Rows move between pages as a store grows; what moved leaves copies that deleting does not overwrite."""
    chance = random.Random(seed)
    memory = open_memory(encoder=WordEncoder(dimension=4))
    pieces: dict[str, bytes] = {}
    for turn in range(6):
        rows = []
        for number in range(60):
            secret = f"s{seed}t{turn}n{number}x" + "".join(chance.choices("abcdefgh", k=chance.choice([5, 40, 400])))
            rows.append({"prompt": f"What is {secret}?", "target": secret.upper(), "subject": secret})
        for edit in memory.add_many(rows):
            assert edit.subject is not None
            pieces[edit.id] = edit.subject[:12].encode()
        for name in chance.sample(sorted(pieces), 25):
            memory.update(name, source="grown" * chance.choice([1, 40]))
        gone = chance.sample(sorted(pieces), 15)
        for name in gone:
            memory.purge(name)
        data = (memory.path / "store.db").read_bytes().lower()
        assert [name for name in gone if pieces.pop(name) in data] == []
    assert memory.verify().ok


def test_purging_is_no_news_to_another_process(open_memory: OpenMemory) -> None:
    memory, other = open_memory(), open_memory(clock=lambda: TODAY)
    edit, _ = private(memory)
    assert other.search("What is Xyzzy's number?", 1)[0].edit.id == edit
    memory.purge(edit)
    assert other.search("What is Xyzzy's number?", 1) == []
    assert other.verify().ok
