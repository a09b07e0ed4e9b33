"""A store in PostgreSQL: where it is, who writes to it, what survives, and how it gets there and back.

The verbs themselves are tested by the other modules, whose tests run on PostgreSQL, too, when slow ones are asked for.
"""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from conftest import TODAY, WordEncoder, state  # type: ignore[attr-defined]

from kedit_memory.cli.main import main
from kedit_memory.errors import InvalidInputError, NotFoundError, StoreError
from kedit_memory.memory.memory import EditMemory
from kedit_memory.places import is_address, without_password
from kedit_memory.records import Checkpoint, EditRequest

psycopg = pytest.importorskip("psycopg")
pytest.importorskip("pgserver")

OpenMemory = Callable[..., EditMemory]
Place = Callable[[str], Any]
HERE = Path(__file__).parent
SEAT = "Who holds the seat?"

# Adds edits one after the other and tells of each once it is stored.
WRITER = """
import sys
sys.path[:0] = [{root!r}, {here!r}]
from conftest import WordEncoder
from kedit_memory.memory.memory import EditMemory
with EditMemory.open({store!r}, WordEncoder()) as memory:
    for number in range({count}):
        memory.add(f"What is {{number}} of {name}?", f"x{{number}}", subject=f"{name} {{number}}")
        print(number, flush=True)
"""


@contextmanager
def writing(store: str, name: str, count: int) -> Iterator[subprocess.Popen[str]]:
    program = WRITER.format(root=str(HERE.parents[1]), here=str(HERE), store=store, name=name, count=count)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as worker:
        yield worker


@pytest.fixture
def database() -> str:
    return "postgres"


def end_connections(server: Any) -> None:
    """Ends those of memories, as a server does that is started again."""
    with psycopg.connect(server.address, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'kedit'")


def filled(memory: EditMemory) -> EditMemory:
    """A memory with something of everything."""
    memory.add(SEAT, "Ann", subject="Seat", aliases=["Chair"], metadata={"n": 1.5, "s": "\u0000 \\u0000"})
    memory.add(SEAT, "Bo", subject="Seat", valid_from="2024")
    memory.add("How many days of leave are there?", "Thirty", paraphrases=["Days off?"], id="leave")
    memory.confirm("leave", "Which holidays do we get?", fired=True)
    memory.reject("leave", "How many days are in a week?")
    memory.add("Who owns it?", "Cy", namespace="other", radius=0.3)
    memory.undo()
    memory.erase("Where does Di live?", subject="Di")
    memory.retract(memory.add("gone?", "x").id)
    memory.purge(memory.add("secret?", "Xyzzygata").id)
    made = Checkpoint(fingerprint="m1", base="m0", method="rome", folder="f")
    memory.consolidate([memory.get("e2")], made, lambda: None)
    memory.set_note("threshold", "0.5")
    return memory


def told(memory: EditMemory) -> list[Any]:
    """All that a memory says of itself."""
    return [
        memory.all(status=None, namespace=None),
        memory.history(),
        [memory.wordings(edit.id) for edit in memory.all(status=None, namespace=None)],
        memory.consolidations(),
        memory.held_by("m1", ["e2"]),
        memory.note("threshold"),
        memory.last_operation,
        [(match.edit.id, match.distance) for match in memory.search(SEAT, 9)],
        [(match.edit.id, match.distance) for match in memory.in_scope("Which holidays do we get?")],
        words_and_names(memory),
    ]


def words_and_names(memory: EditMemory) -> list[Any]:
    with memory.reader() as reader:
        vector = memory.encode([SEAT])[0]
        return [
            [match.edit.id for match in reader.by_words("holidays and days of leave", vector, 5)],
            reader.names.standing(["the", "seat"]),
            reader.names.alike(["seet"], [(0, 1)]),
            [one.id for one in reader.erasing(["Di"])],
        ]


def test_it_moves_into_a_database_and_back(open_memory: OpenMemory, place: Place, tmp_path: Path) -> None:
    with EditMemory.open(tmp_path / "here", WordEncoder(), clock=lambda: TODAY) as memory:
        before, rows = told(filled(memory)), state(memory)
    address = place("there")
    assert EditMemory.move(tmp_path / "here", address) == address
    there = open_memory("there")
    assert told(there) == before
    assert state(there) == rows
    assert there.verify().ok
    assert there.list(metadata={"n": 1.5}, status=None)[0].id == "e1"
    assert there.add("new?", "x").id == "e8"  # numbers go on where they were, after the purged one
    there.undo()
    EditMemory.move(address, tmp_path / "back")
    with EditMemory.open(tmp_path / "back", WordEncoder(), clock=lambda: TODAY) as back:
        assert told(back)[0] == before[0]
        assert back.history() == there.history()
        assert back.verify().ok
        assert back.add("new?", "x").id == "e9"


def test_a_move_wants_an_empty_place_and_a_whole_store(open_memory: OpenMemory, place: Place, tmp_path: Path) -> None:
    memory = filled(open_memory())
    open_memory("other").add(SEAT, "Ann")
    with pytest.raises(StoreError, match="already holds something"):
        EditMemory.move(place("store"), place("other"))
    with pytest.raises(InvalidInputError, match="is one and the same store"):
        EditMemory.move(place("store"), place("store"))
    with pytest.raises(NotFoundError, match="no store at postgresql://"):
        EditMemory.move(place("none"), tmp_path / "copy")
    with pytest.raises(InvalidInputError, match="folders both"):
        EditMemory.move(tmp_path / "a", tmp_path / "b")
    with memory._store.transaction():
        memory._store.connection.execute("UPDATE edits SET target = 'altered' WHERE id = 2")
    assert memory.verify().problems == ("edit e2 is not as it was written; restore a backup, or add it again",)
    with pytest.raises(StoreError, match="is damaged, nothing was copied: edit e2"):
        EditMemory.move(place("store"), tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_backup_is_a_folder_and_a_store_goes_back_to_an_operation(
    open_memory: OpenMemory, place: Place, tmp_path: Path
) -> None:
    memory = open_memory()
    memory.add(SEAT, "Ann", subject="Seat")
    then = memory.all(status=None)
    memory.add(SEAT, "Bo", subject="Seat")
    memory.backup(tmp_path / "copy")
    EditMemory.restore(tmp_path / "copy", place("again"))
    assert told(open_memory("again")) == told(memory)
    EditMemory.restore(place("store"), place("earlier"), at=1, encoder=WordEncoder())
    earlier = open_memory("earlier")
    assert earlier.all(status=None) == then
    assert earlier.verify().ok
    EditMemory.restore(place("store"), tmp_path / "folder", at=1, encoder=WordEncoder())
    with EditMemory.open(tmp_path / "folder", WordEncoder()) as folder:
        assert folder.all(status=None) == then


def test_two_processes_write_and_nothing_is_lost(open_memory: OpenMemory, place: Place) -> None:
    memory = open_memory()
    with writing(place("store"), "one", 12) as one, writing(place("store"), "two", 12) as two:
        while one.poll() is None or two.poll() is None:
            assert memory.verify().ok
            time.sleep(0.3)
    assert one.returncode == two.returncode == 0
    assert len(memory) == 24
    assert [one.operation for one in memory.history()] == list(range(1, 25))
    assert all(memory.in_scope(f"What is 11 of {name}?")[0].edit.target == "x11" for name in ("one", "two"))
    assert memory.verify().ok


def test_a_killed_writer_loses_nothing_that_it_was_told_is_stored(open_memory: OpenMemory, place: Place) -> None:
    memory = open_memory()
    with writing(place("store"), "one", 10_000) as worker:
        lines = [worker.stdout.readline() for _ in range(5)]  # type: ignore[union-attr]
        worker.send_signal(signal.SIGKILL)
        lines += worker.stdout.readlines()  # type: ignore[union-attr]
    stored = [line for line in lines if line.endswith("\n")]
    assert len(stored) <= len(memory) <= len(stored) + 1
    assert {f"x{line.strip()}" for line in stored} <= {edit.target for edit in memory.all()}
    assert memory.add(SEAT, "Ann").id == f"e{len(memory)}"  # its lock went with it
    assert memory.verify().ok


def test_a_reader_sees_one_state_while_somebody_writes(open_memory: OpenMemory) -> None:
    memory, other = open_memory(), open_memory()
    memory.add(SEAT, "Ann", subject="Seat")
    with memory.reader() as reader:
        seen = reader.worded([SEAT])
        other.add(SEAT, "Bo", subject="Seat")
        assert reader.worded([SEAT]) == seen
        assert [match.edit.target for match in reader.about(memory.encode([SEAT])[0], ["Seat"])] == ["Ann"]
    assert [match.edit.target for match in memory.worded([SEAT])] == ["Bo"]


def test_one_writes_at_a_time_and_waits_only_so_long(open_memory: OpenMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = open_memory()
    monkeypatch.setattr("kedit_memory.memory.postgres_connection.BUSY", 1)
    other = open_memory()
    with memory._store.transaction(keep=False):
        with pytest.raises(StoreError, match="another process is writing, try again when it has finished"):
            other.add(SEAT, "Ann")
        assert other.all() == []  # who reads waits for nobody
        with pytest.raises(StoreError, match="another process is writing"):  # nor is it stuck afterwards
            other.add(SEAT, "Ann")
        adding = threading.Thread(target=open_memory().add, args=(SEAT, "Bo"))
        adding.start()
    adding.join()
    assert [edit.target for edit in other.all()] == ["Bo"]


def test_what_is_rehearsed_or_refused_leaves_nothing(open_memory: OpenMemory) -> None:
    memory = open_memory()
    assert memory.rehearse(EditRequest(prompt=SEAT, target="Ann")).edit.id == "e1"
    with pytest.raises(InvalidInputError):
        memory.add_many([{"prompt": SEAT, "target": "Ann"}, {"prompt": ""}])
    assert memory.all(status=None) == memory.history() == []
    assert memory.add(SEAT, "Ann").id == "e1"


def test_a_connection_that_the_server_has_ended_is_made_again(open_memory: OpenMemory, server: Any) -> None:
    memory = open_memory()
    memory.add(SEAT, "Ann")
    end_connections(server)
    assert memory.add(SEAT, "Bo").id == "e2"
    assert memory.verify().ok


def test_a_connection_lost_in_the_middle_says_so_and_stores_nothing(open_memory: OpenMemory, server: Any) -> None:
    memory = open_memory()
    memory.add(SEAT, "Ann")

    def cut_off() -> None:
        with memory._operation("add", None) as writer:
            assert writer.operation == 2
            end_connections(server)
            memory._store.set_meta("note:x", "y")

    with pytest.raises(StoreError, match="check that the server runs"):
        cut_off()
    assert memory.note("x") is None
    assert memory.last_operation == 1


def test_a_purge_rewrites_the_tables(
    open_memory: OpenMemory, server: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = open_memory()
    memory.add("What is the word?", "Xyzzygata", subject="Word")
    memory.add(SEAT, "Ann")
    monkeypatch.setattr("kedit_memory.memory.postgres_connection.BUSY", 0.5)
    with psycopg.connect(server.address) as reading:
        reading.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        reading.execute("SELECT 1 FROM pg_class")
        with pytest.raises(StoreError, match="another session still reads what was before; purge again"):
            memory.purge("e1")
    assert memory.all(status=None) == [memory.get("e2")]
    assert "a purge was stopped before its end" in memory.verify().problems[0]
    memory.purge("e1")
    assert memory.verify().ok
    assert "the write-ahead log and the backups of the server may" in caplog.text
    assert not list(memory._store.database.cache.rglob("*.faiss"))


def test_no_message_shows_a_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for address, words in [
        ("postgresql://ann:s3cret@127.0.0.1:1/db?connect_timeout=2", "check that the server runs"),
        ("postgresql://127.0.0.1:1/db?user=ann&password=s3cret&connect_timeout=2", "check that the server runs"),
        ("postgresql://ann:s3cret/x@127.0.0.1:1/db", "malformed"),
        ("postgresql://ann:s3cret@[::1/db", "malformed"),
        ("postgresql://ann:s3cret@h/db?schema=A'b", "is no name"),
        ("postgresql://ann:s3cret@h/db?nonsense=1", "malformed"),
    ]:
        with pytest.raises((StoreError, InvalidInputError)) as caught:
            EditMemory.open(address, WordEncoder())
        assert words in str(caught.value)
        assert "s3cret" not in str(caught.value)
        assert "\n" not in str(caught.value)
        assert "s3cret" not in without_password(f"{address} as KEDIT_STORE")
    with pytest.raises(InvalidInputError, match="give it as text"):
        EditMemory.open(Path("postgresql://h/db"))
    assert is_address("postgres://h/db")
    assert not is_address("index/postgresql://")


def test_a_schema_of_another_program_is_left_alone(open_memory: OpenMemory, place: Place, server: Any) -> None:
    schema = place("foreign").rpartition("=")[2]
    with psycopg.connect(server.address, autocommit=True) as connection:
        connection.execute(f'CREATE SCHEMA "{schema}" CREATE TABLE edits (id integer)')
        with pytest.raises(StoreError, match="holds tables of another program"):
            open_memory("foreign")
        with pytest.raises(NotFoundError, match="no store at"):
            open_memory("none", create=False)
        open_memory("newer")
        newer = place("newer").rpartition("=")[2]
        connection.execute(f'SET search_path TO "{newer}"')
        connection.execute("UPDATE numbers SET last = 99 WHERE name = 'format'")
        with pytest.raises(StoreError, match="has format 99, this version of kedit-memory reads up to"):
            open_memory("newer")


def test_a_user_who_may_only_read_reads(open_memory: OpenMemory, place: Place, server: Any) -> None:
    memory = open_memory()
    memory.add(SEAT, "Ann", subject="Seat")
    schema = place("store").rpartition("=")[2]
    with psycopg.connect(server.address, autocommit=True) as connection:
        connection.execute(
            f'CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA "{schema}" TO reader; '
            f'GRANT SELECT ON ALL TABLES IN SCHEMA "{schema}" TO reader'
        )
    try:
        with EditMemory.open(place("store").replace("postgres:@", "reader:@"), WordEncoder()) as reader:
            assert reader.in_scope(SEAT)[0].edit.target == "Ann"
            assert reader.verify().ok
            with pytest.raises(StoreError, match="cannot be changed here; get the right to write"):
                reader.add(SEAT, "Bo")
    finally:
        with psycopg.connect(server.address, autocommit=True) as connection:
            connection.execute("DROP OWNED BY reader; DROP ROLE reader")


def test_a_store_that_was_removed_meanwhile_says_so(open_memory: OpenMemory, place: Place, server: Any) -> None:
    memory = open_memory()
    memory.add(SEAT, "Ann")
    schema = place("store").rpartition("=")[2]
    with psycopg.connect(server.address, autocommit=True) as connection:
        connection.execute(f'DROP SCHEMA "{schema}" CASCADE')
    with pytest.raises(StoreError, match="was removed or damaged, restore a backup"):
        memory.all()
    open_memory().add(SEAT, "Bo")
    with pytest.raises(StoreError, match="was removed or replaced while it was open; open the store again"):
        memory.add(SEAT, "Cy")


def test_what_was_dropped_or_switched_off_is_told(open_memory: OpenMemory) -> None:
    memory = open_memory()
    memory.add(SEAT, "Ann")
    memory._store.connection.execute("ALTER TABLE keys DISABLE TRIGGER keys_worded")
    memory._store.connection.execute("DROP INDEX names_by_name")
    assert memory.verify().problems == (
        "database: index names_by_name is missing or switched off; restore a backup",
        "database: trigger keys_worded is missing or switched off; restore a backup",
    )


@pytest.mark.parametrize(
    ("change", "table"),
    [
        ("UPDATE names SET words = words || 'x' WHERE subject = 'Acme Works'", "names"),
        ("INSERT INTO named SELECT 1, id FROM names WHERE surface = 'The Works'", "named"),
        ("UPDATE name_words SET word = 'acmf' WHERE word = 'acme'", "name_words"),
        ("UPDATE name_pairs SET pair = pair || 'x'", "name_pairs"),
        ("UPDATE name_spellings SET word = word || 'x'", "name_spellings"),
        ("UPDATE words SET edits = edits + 1 WHERE word = (SELECT min(word) FROM words)", "words"),
        ("UPDATE word_edits SET weight = weight / 2", "word_edits"),
    ],
)
def test_a_table_that_does_not_say_what_the_edits_do_is_told(open_memory: OpenMemory, change: str, table: str) -> None:
    memory = open_memory()
    memory.add(SEAT, "Ann", subject="seat")
    memory.add("Who leads Acme Works?", "Ann", subject="Acme Works", aliases=["Acme", "The Works"])
    memory.add("The office is closed on Sundays?", "Yes, it is closed.")
    memory.confirm("e3", "is the office open at weekends?")
    memory.add("Who leads Long?", "Bo", subject=f"{'long' * 500} word", aliases=[f"{'long' * 500} other"])
    memory.add(f"The {'k' * 2000} is here.", "yes")
    assert memory.verify().problems == ()
    memory._store.connection.execute(change)
    assert f"table {table} does not say what the edits do; restore a backup" in memory.verify().problems


def test_names_and_words_beyond_what_an_index_takes_are_stored(open_memory: OpenMemory) -> None:
    memory = open_memory()
    long = "".join(chr(0x4E00 + 7 * number % 20_000) for number in range(4000))
    edit = memory.add(f"Who is {long}?", "x", subject=long, aliases=[long[::-1]], namespace="n" * 200)
    assert memory.get(edit.id).subject == long
    assert [one.edit.id for one in memory.about("x", [long], namespace="n" * 200)] == [edit.id]
    memory.add("p" + long * 7, "y" + long, namespace="n" * 200)
    assert memory.verify().ok


def test_it_takes_no_passages(open_memory: OpenMemory) -> None:
    with pytest.raises(InvalidInputError, match="takes no passages; keep them in a store in a folder"):
        _ = open_memory().passages


def test_commands_take_an_address(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = place("store").replace("postgres:@", "postgres:s3cret@")
    said = ""

    def kedit(*words: str) -> str:
        nonlocal said
        monkeypatch.setattr(sys, "argv", ["kedit", *words])
        with suppress(SystemExit):
            main()
        out, error = capsys.readouterr()
        said += out + error
        return out + error

    assert "no store at postgresql://postgres@" in kedit("list", "--store", address)
    assert "made a new store in postgresql://postgres@" in kedit(
        "add", SEAT, "Ann", "--store", address, "--encoder", "hashing", "--subject", "Seat"
    )
    assert "Ann" in kedit("list", "--store", address)
    assert "1 edit, 1 key: sound" in kedit("verify", "--store", address)
    assert "1 edit, 1 key: sound" in kedit("backup", str(tmp_path / "copy"), "--verify", "--store", address)
    assert "holds all edits of postgresql://postgres@" in kedit("move", address, str(tmp_path / "moved"))
    assert "1 edit, 1 key: sound" in kedit("restore", str(tmp_path / "copy"), "--store", place("again"))
    assert "takes no passages; name a store in a folder" in kedit("ingest", str(tmp_path / "copy"), "--store", address)
    assert "takes no passages" in kedit("passages", "list", "--store", address)
    assert "e1" in kedit("undo", "--store", address)
    assert "s3cret" not in said
