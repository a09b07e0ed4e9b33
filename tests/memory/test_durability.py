"""What survives: kills, damaged files, full disks, other programs' files; and what must not survive a purge."""

# ruff: noqa: S608 - what is joined into SQL is names of tables

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import WordEncoder  # type: ignore[attr-defined]

from kedit_memory import sqlite
from kedit_memory.errors import NotFoundError, StoreError, UnknownNameError
from kedit_memory.memory import schema
from kedit_memory.memory.memory import EditMemory
from kedit_memory.memory.store import Store
from kedit_memory.records import Checkpoint

OpenMemory = Callable[..., EditMemory]
ROOT = Path(__file__).parents[2]

WORKER = """
import sys
sys.path[:0] = [{root!r}, {here!r}]
from conftest import WordEncoder
from kedit_memory.memory.memory import EditMemory
from kedit_memory.memory.store import Store
memory = EditMemory.open({store!r}, WordEncoder())
for number in range(100_000):
    if number % 7 == 6:
        memory.rebuild()  # a kill while the cache is written is a case of its own
    edit = memory.add(f"question {{sys.argv[1]}} {{number}}?", "answer")
    print(edit.id, edit.prompt, flush=True)
"""


def fill(memory: EditMemory, count: int = 5) -> None:
    memory.add_many([{"prompt": f"question {n}?", "target": f"answer {n}", "subject": str(n)} for n in range(count)])


def answers(memory: EditMemory, count: int = 5) -> list[Any]:
    return [memory.in_scope(f"question {n}?")[0].edit.target for n in range(count)]


def killed_while_adding(folder: Path, rounds: int) -> None:
    program = textwrap.dedent(WORKER).format(root=str(ROOT), here=str(Path(__file__).parent), store=str(folder))
    promised: dict[str, str] = {}
    for number in range(rounds):
        command = [sys.executable, "-c", program, str(number)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
            assert worker.stdout is not None
            for _ in range(3 + number % 11):
                edit_id, _, prompt = worker.stdout.readline().strip().partition(" ")
                promised[edit_id] = prompt
            worker.send_signal(signal.SIGKILL)
            for line in worker.stdout.read().splitlines(keepends=True):
                if line.endswith("\n"):
                    edit_id, _, prompt = line.strip().partition(" ")
                    promised[edit_id] = prompt
        with EditMemory.open(folder, WordEncoder()) as memory:
            found = memory.verify()
            assert found.ok, found.problems
            assert {edit.id: edit.prompt for edit in memory.all()}.items() >= promised.items()
            for prompt in list(promised.values())[-3:]:
                assert memory.in_scope(prompt)[0].distance == 0.0


def test_kill_loses_nothing(tmp_path: Path) -> None:
    killed_while_adding(tmp_path / "store", 5)


@pytest.mark.slow
def test_fifty_kills_lose_nothing(tmp_path: Path) -> None:
    killed_while_adding(tmp_path / "store", 50)


def test_two_processes_add_to_one_store(tmp_path: Path) -> None:
    program = textwrap.dedent(WORKER).format(root=str(ROOT), here=str(Path(__file__).parent), store=str(tmp_path / "s"))
    program = program.replace("100_000", "15").replace("% 7 == 6", "% 7 == 8")
    workers = [subprocess.Popen([sys.executable, "-c", program, name], stdout=subprocess.DEVNULL) for name in "ab"]
    assert [worker.wait() for worker in workers] == [0, 0]
    with EditMemory.open(tmp_path / "s", WordEncoder()) as memory:
        assert len(memory) == 30
        assert memory.verify().ok


def caches(memory: EditMemory) -> list[Path]:
    return sorted(file for file in (memory.path / "cache").rglob("*") if file.is_file())


def change_byte(file: Path, place: int = -3) -> None:
    data = bytearray(file.read_bytes())
    data[place] ^= 255
    file.write_bytes(data)


@pytest.mark.parametrize("name", ["manifest.json", "keys.faiss", "ids.npy", "radii.npy"])
@pytest.mark.parametrize("how", ["change", "cut", "empty", "remove"])
def test_a_damaged_cache_is_built_anew_without_encoding(open_memory: OpenMemory, name: str, how: str) -> None:
    memory = open_memory()
    fill(memory)
    memory.rebuild()
    memory.close()
    file, *_ = (file for file in caches(memory) if file.name == name)
    if how == "change":
        change_byte(file)
    elif how == "cut":
        file.write_bytes(file.read_bytes()[:-10])
    elif how == "empty":
        file.write_bytes(b"")
    else:
        file.unlink()
    encoder = WordEncoder()
    again = open_memory(encoder=encoder)
    assert answers(again) == [f"answer {n}" for n in range(5)]
    if not (name == "manifest.json" and how == "remove"):
        assert not again.verify().ok
        assert "kedit rebuild" in again.verify().problems[0]
    again.rebuild()
    assert again.verify().ok
    assert encoder.encoded == []


def test_a_cache_that_lags_is_brought_up(open_memory: OpenMemory, tmp_path: Path) -> None:
    memory = open_memory()
    fill(memory)
    memory.rebuild()
    shutil.copytree(memory.path / "cache", tmp_path / "old")
    memory.update("e1", target="new")
    memory.retract("e2")
    memory.add("question 9?", "answer 9", subject="9")
    memory.close()
    shutil.rmtree(memory.path / "cache")
    shutil.copytree(tmp_path / "old", memory.path / "cache")
    again = open_memory()
    assert again.in_scope("question 0?")[0].edit.target == "new"
    assert "e2" not in {match.edit.id for match in again.search("question 1?", 9)}
    assert again.in_scope("question 9?")[0].distance == 0.0
    assert again.verify().ok


def test_a_cache_of_other_rows_is_not_used(open_memory: OpenMemory) -> None:
    memory, other = open_memory(), open_memory("other", WordEncoder("letters"))
    fill(memory)
    fill(other, 3)
    for one in (memory, other):
        one.rebuild()
        one.close()
    shutil.rmtree(memory.path / "cache")
    shutil.copytree(other.path / "cache", memory.path / "cache")
    assert answers(open_memory()) == [f"answer {n}" for n in range(5)]


def test_a_cache_that_cannot_be_written_loses_nothing(
    open_memory: OpenMemory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    memory = open_memory()
    fill(memory)
    answers(memory)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kedit_memory.memory.index.cached.write_cache", full)
    memory.close()
    assert "cannot be written" in caplog.text
    assert answers(open_memory()) == [f"answer {n}" for n in range(5)]


def test_verify_finds_what_is_wrong_in_the_rows(open_memory: OpenMemory) -> None:
    memory = open_memory()
    fill(memory)
    answers(memory)
    run = memory._store.connection.execute
    run("UPDATE keys SET vector = zeroblob(128) WHERE id = 1")
    run("UPDATE keys SET vector = x'00' WHERE id = 2")
    run("UPDATE keys SET live = 0 WHERE id = 3")
    problems = "\n".join(memory.verify().problems)
    assert "key 1 of e1 is not as it was written" in problems
    assert "key 2 of e2 has a vector of the wrong size" in problems
    assert "edit e3 has no key" in problems
    run("DELETE FROM keys WHERE id = 2")
    run("UPDATE keys SET radius = 0.1 WHERE id = 4")
    problems = "\n".join(memory.verify().problems)
    assert "the index holds key 2, which no row has" in problems
    memory.rebuild()
    run("INSERT INTO keys SELECT 99, edit_id, kind, text, radius, 1, vector, checksum FROM keys WHERE id = 5")
    assert "key 99 is not in the index" in "\n".join(memory.verify().problems)
    memory._index.forget()
    run("DELETE FROM keys WHERE id = 99")
    memory.rebuild()
    run("UPDATE keys SET radius = 0.2 WHERE id = 4")
    assert "key 4 has another vector or radius" in "\n".join(memory.verify().problems)


def test_a_damaged_database_gives_one_line(open_memory: OpenMemory) -> None:
    memory = open_memory()
    fill(memory, 200)
    memory.close()
    file = memory.path / "store.db"
    data = bytearray(file.read_bytes())
    data[4096:-4096] = b"\xa5" * (len(data) - 8192)
    file.write_bytes(data)
    with pytest.raises(StoreError) as raised:
        open_memory().all()
    assert "store.db" in str(raised.value)
    assert "\n" not in str(raised.value)
    file.write_bytes(b"no database at all, but long enough to be read as one" * 100)
    with pytest.raises(StoreError, match="not a database; restore a backup"):
        open_memory()


def test_an_emptied_database_is_not_taken_for_a_new_store(open_memory: OpenMemory) -> None:
    with open_memory() as memory:
        fill(memory)
        memory.rebuild()
        database = memory.path / "store.db"
    database.write_bytes(b"")
    with pytest.raises(StoreError, match="is empty"):
        open_memory()


def test_verify_lists_a_damaged_page(open_memory: OpenMemory) -> None:
    memory = open_memory()
    fill(memory, 200)
    memory.close()
    pages = (memory.path / "store.db").stat().st_size // 4096
    file = memory.path / "store.db"
    data = bytearray(file.read_bytes())
    data[(pages - 2) * 4096 : (pages - 2) * 4096 + 2000] = b"\xa5" * 2000
    file.write_bytes(data)
    found = open_memory().verify()
    assert not found.ok


def test_newer_and_foreign_files_are_refused(open_memory: OpenMemory, tmp_path: Path) -> None:
    memory = open_memory()
    memory.close()
    with sqlite3.connect(memory.path / "store.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match=r"format 99.*install a newer"):
        open_memory()
    (tmp_path / "foreign").mkdir()
    with sqlite3.connect(tmp_path / "foreign" / "store.db") as connection:
        connection.execute("CREATE TABLE x (y)")
    connection.close()
    found = (tmp_path / "foreign" / "store.db").read_bytes()
    with pytest.raises(StoreError, match="another program"):
        open_memory("foreign")
    assert (tmp_path / "foreign" / "store.db").read_bytes() == found
    assert [file.name for file in (tmp_path / "foreign").iterdir()] == ["store.db"]


def test_folders_that_cannot_be_stores(open_memory: OpenMemory, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="cannot be a store"):
        open_memory("file")
    with pytest.raises(NotFoundError, match="no store at"):
        open_memory("none", create=False)
    assert not (tmp_path / "none").exists()
    with pytest.raises(UnknownNameError):
        open_memory("other", engine="fais")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_refused(open_memory: OpenMemory, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir(mode=0o500)
    with pytest.raises(StoreError, match="cannot be a store"):
        open_memory()


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("attempt to write a readonly database", "make the folder writable"),
        ("unable to open database file", "make the folder writable"),
        ("database or disk is full", "free some space"),
        (
            "could not decode 'CREATE\n TABLE t'",
            "could not decode 'CREATE TABLE t'; the file is damaged, restore a backup",
        ),
        ("something else", "run kedit verify"),
    ],
)
def test_errors_of_sqlite_say_what_to_do(tmp_path: Path, message: str, words: str) -> None:
    with pytest.raises(StoreError, match=words), sqlite.translated(tmp_path):
        raise sqlite3.OperationalError(message)


def test_a_full_disk_changes_nothing(memory: EditMemory) -> None:
    fill(memory)
    answers(memory)
    run = memory._store.connection.execute
    run(f"PRAGMA max_page_count = {run('PRAGMA page_count').fetchone()[0]}")
    with pytest.raises(StoreError, match="full; nothing was changed, free some space"):
        fill(memory, 500)
    run("PRAGMA max_page_count = 1000000")
    assert len(memory) == 5
    assert memory.verify().ok
    fill(memory, 50)
    assert memory.verify().ok


def test_a_locked_store_gives_one_line(open_memory: OpenMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    memory = open_memory()
    with sqlite3.connect(memory.path / "store.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked; another process is writing"):
            memory.add("question?", "x")
        other.execute("ROLLBACK")
    other.close()
    assert memory.add("question?", "x").id == "e1"


def holds(folder: Path, text: str) -> list[str]:
    return [file.name for file in folder.rglob("*") if file.is_file() and text.encode() in file.read_bytes()]


def test_purge_leaves_no_word_in_any_file(open_memory: OpenMemory) -> None:
    memory = open_memory()
    fill(memory, 30)
    secret = memory.add(
        "What is xyzzy1's number?", "xyzzy2", paraphrases=["xyzzy3?"], metadata={"a": "xyzzy4"}, statement="xyzzy5"
    )
    memory.update(secret.id, target="xyzzy6")
    memory.add("undone xyzzy7?", "x")
    memory.undo()
    memory.retract(memory.add("retracted xyzzy8?", "x").id)
    vector = memory.encode(["What is xyzzy1's number?"])[0].tobytes()
    memory.rebuild()
    assert holds(memory.path, "xyzzy")
    assert memory.purge() == ["e32", "e33"]
    assert not holds(memory.path, "xyzzy7")
    assert not holds(memory.path, "xyzzy8")
    assert memory.get(secret.id).target == "xyzzy6"
    assert memory.purge(secret.id) == [secret.id]
    assert not holds(memory.path, "xyzzy")
    assert not any(vector in file.read_bytes() for file in memory.path.rglob("*") if file.is_file())
    assert len(memory) == 30
    assert memory.verify().ok
    with pytest.raises(NotFoundError):
        memory.history("e99")
    memory.undo()
    assert len(memory) == 0
    memory.close()
    assert not holds(memory.path, "xyzzy")


def test_backup_is_a_store(open_memory: OpenMemory, tmp_path: Path) -> None:
    memory = open_memory()
    fill(memory)
    memory.backup(tmp_path / "copy")
    fill(memory, 7)
    copy = open_memory("copy")
    assert len(copy) == 5
    assert answers(copy) == [f"answer {n}" for n in range(5)]
    assert copy.verify().ok
    with pytest.raises(StoreError, match="already holds something"):
        memory.backup(tmp_path / "copy")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        memory.backup(tmp_path / "file")


def test_a_failed_write_leaves_index_and_rows_as_they_were(memory: EditMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(memory)
    answers(memory)
    with monkeypatch.context() as patch:
        patch.setattr(Store, "note_change", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            memory.add("who is new?", "x")
    assert memory.in_scope("who is new?") == []
    assert memory.verify().ok
    assert memory.add("who is new?", "x").id == "e6"


def test_export_to_a_place_that_cannot_be_written(memory: EditMemory, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be written"):
        memory.export(tmp_path / "none" / "file.jsonl")


def test_rebuild_script(open_memory: OpenMemory, tmp_path: Path) -> None:
    memory = open_memory()
    fill(memory)
    memory.close()
    command = [sys.executable, str(ROOT / "scripts" / "rebuild_index.py"), "--store"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, str(memory.path), "--json"], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0
    assert '"keys": 5' in done.stdout
    done = subprocess.run(
        [*command, str(tmp_path / "none")], capture_output=True, text=True, env=environment, check=False
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_an_export_keeps_the_mode_of_the_file_that_it_replaces(memory: EditMemory, tmp_path: Path) -> None:
    fill(memory)
    (tmp_path / "all.jsonl").write_text("old")
    (tmp_path / "all.jsonl").chmod(0o600)
    (tmp_path / "link").symlink_to(tmp_path / "all.jsonl")
    assert memory.export(tmp_path / "link") == 5
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "all.jsonl").stat().st_mode & 0o777 == 0o600
    assert len((tmp_path / "all.jsonl").read_text("utf-8").splitlines()) == 5


def test_bytes_that_are_no_text_give_one_line(open_memory: OpenMemory) -> None:
    memory = open_memory()
    fill(memory)
    memory.close()
    file = memory.path / "store.db"
    file.write_bytes(file.read_bytes().replace(b"CREATE TRIGGER keys_worded", b"CREATE TRIGGER keys_w\xffrded"))
    with pytest.raises(StoreError, match="damaged, restore a backup") as raised:
        open_memory()
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE changes SET after = replace(after, 'aliases', 'aliaset') WHERE id = 1", "history of e1"),
        ("UPDATE changes SET after = substr(after, 2) WHERE id = 1", "history of e1"),
        ("UPDATE edits SET metadata = '{' WHERE id = 1", "edit e1 is not as it was written"),
        ("UPDATE edits SET kind = 'insertiom' WHERE id = 1", "edit e1 is not as it was written"),
    ],
)
def test_values_that_make_no_sense_are_told_and_stop_nothing_else(
    open_memory: OpenMemory, change: str, words: str
) -> None:
    memory = open_memory()
    fill(memory)
    memory._store.connection.execute(change)
    memory.close()
    again = open_memory()
    assert words in "\n".join(again.verify().problems)
    assert again.in_scope("question 3?")[0].edit.target == "answer 3"
    with pytest.raises(StoreError, match=r"damaged.*; .*restore a backup"):
        again.history() if "changes" in change else again.all()
    if "changes" in change:
        with pytest.raises(StoreError, match="history of operation 1 is damaged, nothing was changed"):
            again.undo()
        assert len(again) == 5


@pytest.mark.parametrize("table", schema.CHECKED_TABLES)
def test_a_row_that_was_altered_is_told_and_stays_so(open_memory: OpenMemory, table: str) -> None:
    memory = open_memory()
    fill(memory)
    made = Checkpoint(fingerprint="f", base="b", method="rome", folder="m")
    memory.consolidate(memory.all()[:2], made, lambda: None)
    memory.set_note("threshold", "0.5")
    run = memory._store.connection.execute
    columns = [row[1] for row in run(f"PRAGMA table_info({table})") if row[1] not in ("checksum", "folder")]
    key, column = columns[0], "verb" if table == "operations" else columns[-1]
    last = f"{key} = (SELECT max({key}) FROM {table})"
    (sum_,) = run(f"SELECT checksum FROM {table} WHERE {last}").fetchone()
    run(f"UPDATE {table} SET {column} = {column} || 'x' WHERE {last}")
    assert memory.verify().ok, "which the triggers have seen"
    run(f"UPDATE {table} SET checksum = ? WHERE {last}", (sum_,))
    problem = memory.verify().problems
    assert [one.split(" row ")[0] for one in problem] == [f"table {table}:"] * len(problem)
    assert all(one.endswith("is not as it was written; restore a backup") for one in problem)
    run(f"UPDATE {table} SET {column} = {column} || 'y' WHERE {last}")
    assert memory.verify().problems == problem, "a change does not mend it"


@pytest.mark.parametrize(
    ("change", "table"),
    [
        ("UPDATE counts SET edits = edits + 1", "counts"),
        ("UPDATE names SET words = words || 'x' WHERE subject = 'Acme Works'", "names"),
        (
            "DELETE FROM named WHERE edit_id = 6 AND name_id = (SELECT max(name_id) FROM named WHERE edit_id = 6)",
            "named",
        ),
        ("UPDATE name_words SET word = 'acmf' WHERE word = 'acme'", "name_words"),
        ("UPDATE name_pairs SET pair = pair || 'x'", "name_pairs"),
        ("UPDATE name_spellings SET word = word || 'x'", "name_spellings"),
        ("UPDATE words SET edits = edits + 1 WHERE id = 1", "words"),
        ("UPDATE word_edits SET weight = weight / 2 WHERE word_id = 1", "word_edits"),
    ],
)
def test_a_table_that_does_not_say_what_the_edits_do_is_told(open_memory: OpenMemory, change: str, table: str) -> None:
    memory = open_memory()
    fill(memory)
    memory.add("Who leads Acme Works?", "Ann", subject="Acme Works", aliases=["Acme", "The Works"])
    memory.add("The office is closed on Sundays?", "Yes, it is closed.")
    memory.confirm("e7", "is the office open at weekends?")
    memory.retract("e1")
    assert memory.verify().problems == ()
    run = memory._store.connection.execute
    assert run(change).rowcount
    assert f"table {table} does not say what the edits do; restore a backup" in memory.verify().problems


@pytest.mark.parametrize("table", ["operations", "consolidations", "consolidated"])
def test_nothing_rests_on_an_operation_that_was_altered(open_memory: OpenMemory, tmp_path: Path, table: str) -> None:
    memory = open_memory()
    fill(memory)
    memory.consolidate(memory.all()[:2], Checkpoint(fingerprint="f", base="b", method="rome", folder="m"), lambda: None)
    assert memory.held_by("f", ["e1", "e3"]) == {"e1"}
    memory._store.connection.execute(f"UPDATE {table} SET checksum = checksum + 1")
    assert memory.held_by("f", ["e1", "e3"]) == frozenset()
    if table == "operations":
        with pytest.raises(StoreError, match="operation 2 is not as it was written, nothing was changed"):
            memory.undo()
        with pytest.raises(StoreError, match="operation 1 is not as it was written, nothing was changed"):
            EditMemory.restore(memory.path, tmp_path / "copy", at=1, encoder=WordEncoder())
        assert not (tmp_path / "copy").exists()
    assert len(memory) == 5


def test_a_note_that_was_altered_is_not_believed(open_memory: OpenMemory) -> None:
    memory = open_memory()
    fill(memory)
    memory.set_note("threshold", "0.5")
    memory._store.connection.execute("UPDATE meta SET checksum = 0 WHERE name = 'note:threshold'")
    memory.close()
    again = open_memory()
    assert answers(again) == [f"answer {n}" for n in range(5)]
    with pytest.raises(StoreError, match="the note 'note:threshold' is not as it was written; restore a backup"):
        again.note("threshold")


@pytest.mark.parametrize("change", ["DROP TRIGGER keys_worded", "DROP INDEX keys_by_edit"])
def test_tables_that_are_not_as_they_were_made_are_told(open_memory: OpenMemory, change: str) -> None:
    memory = open_memory()
    fill(memory)
    memory._store.connection.execute(change)
    problem = f"database: {change.split()[-1]} is not as it was made; restore a backup"
    assert problem in memory.verify().problems


def test_a_purge_that_was_stopped_is_told(memory: EditMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(memory)
    with monkeypatch.context() as patch:
        patch.setattr(Store, "scrub", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            memory.purge("e1")
    assert "a purge was stopped before its end" in memory.verify().problems[0]
    memory.purge()
    assert memory.verify().ok


def test_a_log_that_cannot_be_locked_is_told_with_what_to_do() -> None:
    told = str(sqlite.failure(Path("store.db"), sqlite3.OperationalError("locking protocol")))
    assert "make the folder writable, or try again" in told
