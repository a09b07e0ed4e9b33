"""Several threads and processes on one store: each sees whole states, and nobody waits for an encoder."""

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import WordEncoder  # type: ignore[attr-defined]

from kedit_memory.errors import EncoderMismatchError, StoreError
from kedit_memory.memory.memory import EditMemory

OpenMemory = Callable[..., EditMemory]
ROOT = Path(__file__).parents[2]

WRITER = """
import sys, time
sys.path[:0] = [{root!r}, {here!r}]
from conftest import WordEncoder
from kedit_memory.memory.memory import EditMemory
memory = EditMemory.open({store!r}, WordEncoder())
until = time.monotonic() + {seconds}
number = 0
while time.monotonic() < until:
    number += 1
    memory.add(f"Who holds seat {{number % 7}}?", f"person {{number}}", subject=f"seat {{number % 7}}")
    if number % 5 == 0:
        memory.undo()
    if number % 11 == 0:
        memory.close()
        memory = EditMemory.open({store!r}, WordEncoder())
"""


class Held(WordEncoder):
    """An encoder that is slow for some texts, until it is let go on."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.go_on = threading.Event(), threading.Event()

    def encode(self, texts: Sequence[str]) -> Any:
        if any("slow" in text for text in texts):
            self.began.set()
            assert self.go_on.wait(30)
        return super().encode(texts)


@pytest.fixture
def switching() -> Iterator[None]:
    """Threads take turns a thousand times as often as they otherwise do."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def test_nobody_waits_for_an_encoder(open_memory: OpenMemory) -> None:
    encoder = Held()
    memory = open_memory(encoder=encoder)
    memory.add("Who leads Acme?", "Ann", subject="Acme")
    adding = threading.Thread(target=memory.add_many, args=([{"prompt": "A slow one?", "target": "x"}],))
    adding.start()
    assert encoder.began.wait(10)
    started = time.monotonic()
    assert memory.get("e1").target == "Ann"
    assert [edit.id for edit in memory.all()] == ["e1"]
    assert memory.worded(["Who leads Acme?"])[0].edit.id == "e1"
    assert memory.in_scope(memory.encode(["Who leads Acme?"])[0])[0].edit.id == "e1"
    assert len(memory.history()) == 1
    assert memory.verify().ok
    memory.retract("e1")
    assert time.monotonic() - started < 5
    assert adding.is_alive()
    encoder.go_on.set()
    adding.join()
    assert [edit.id for edit in memory.all()] == ["e2"]


def test_verify_and_questions_see_whole_states_while_another_process_writes(place: Callable[[str], Any]) -> None:
    folder = place("store")
    EditMemory.open(folder, WordEncoder()).close()
    program = WRITER.format(root=str(ROOT), here=str(Path(__file__).parent), store=str(folder), seconds=4)
    with subprocess.Popen([sys.executable, "-c", program]) as worker, EditMemory.open(folder, WordEncoder()) as memory:
        looked = 0
        while worker.poll() is None:
            found = memory.verify()
            assert found.ok, found.problems
            for seat in range(7):
                about = memory.about(f"Who holds seat {seat}?", [f"seat {seat}"])
                assert len(about) <= 1, about
                assert all(match.edit.holds for match in about)
            looked += 1
        assert worker.returncode == 0
        assert looked > 3
        assert memory.verify().ok


@pytest.mark.usefixtures("switching")
def test_threads_write_and_ask(memory: EditMemory) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(15):
                edit = memory.add(f"What is {number} of {turn}?", f"x{turn}", subject=f"thing {number}")
                assert memory.get(edit.id) == edit
                assert memory.in_scope(edit.prompt, subjects=[f"thing {number}"])[0].edit.id == edit.id
                assert edit.id in {match.edit.id for match in memory.about(edit.prompt, [f"thing {number}"])}
                if turn % 4 == 0:
                    memory.retract(edit.id)
        except BaseException as error:  # noqa: BLE001 - told by the test
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(memory) == 4 * 11
    assert memory.verify().ok


def test_an_add_that_races_a_new_encoder_stores_no_vector_of_another_size(open_memory: OpenMemory) -> None:
    encoder = Held()
    memory, other = open_memory(encoder=encoder), open_memory()
    memory.add("Who leads Acme?", "Ann", subject="Acme")
    failed: list[BaseException] = []

    def add() -> None:
        try:
            memory.add("A slow one?", "x")
        except StoreError as error:
            failed.append(error)

    adding = threading.Thread(target=add)
    adding.start()
    assert encoder.began.wait(10)
    other.rebuild(WordEncoder("other", 16))
    encoder.go_on.set()
    adding.join()
    assert [type(error) for error in failed] in ([StoreError], [EncoderMismatchError])
    assert other.verify().ok
    assert len(other) == 1


def test_stored_vectors_of_an_encoder_that_was_replaced_meanwhile_are_not_written(open_memory: OpenMemory) -> None:
    memory, other = open_memory(), open_memory()
    memory.add("Who leads Acme?", "Ann", subject="Acme")
    encoded = memory._encoding.encode(["Who leads Acme?"])
    other.rebuild(WordEncoder("other", 16))
    with (
        pytest.raises(StoreError, match="encoded anew meanwhile, nothing was changed; try again"),
        memory._store.transaction(),
    ):
        memory._encoding.record(encoded.made_by)


def test_a_store_that_was_deleted_acknowledges_nothing(open_memory: OpenMemory) -> None:
    memory = open_memory()
    memory.add("Who leads Acme?", "Ann")
    shutil.rmtree(memory.path)
    for verb in (lambda: memory.add("Who owns it?", "Bo"), lambda: memory.get("e1"), memory.all, memory.undo):
        with pytest.raises(StoreError, match="deleted or replaced while it was open; open the store again"):
            verb()
    assert not memory.path.exists()


def test_a_store_that_was_replaced_is_not_mixed_with_the_new_one(open_memory: OpenMemory, tmp_path: Path) -> None:
    memory = open_memory()
    memory.add("Who leads Acme?", "Ann")
    memory.backup(tmp_path / "copy")
    (memory.path / "store.db").unlink()
    shutil.copy(tmp_path / "copy" / "store.db", memory.path / "store.db")
    with pytest.raises(StoreError, match="deleted or replaced"):
        memory.in_scope("Who leads Acme?")


def test_a_closed_store_says_so(open_memory: OpenMemory) -> None:
    memory = open_memory()
    memory.close()
    memory.close()
    with pytest.raises(StoreError, match="is closed; open it again"):
        memory.get("e1")
    with pytest.raises(StoreError, match="is closed; open it again"):
        memory.add("Who?", "x")


def test_many_processes_come_and_go_without_a_word(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    with EditMemory.open(folder, WordEncoder()) as memory:
        memory.add_many([{"prompt": f"question {n}?", "target": f"answer {n}"} for n in range(40)])
    program = WRITER.format(root=str(ROOT), here=str(Path(__file__).parent), store=str(folder), seconds=3)
    workers = [subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True) for _ in range(3)]
    told = [worker.communicate()[1] for worker in workers]
    assert told == ["", "", ""]
    assert [worker.returncode for worker in workers] == [0, 0, 0]
    with EditMemory.open(folder, WordEncoder()) as memory:
        assert memory.verify().ok


@pytest.mark.parametrize("replaced", [False, True])
def test_closing_a_store_that_is_gone_makes_nothing_and_raises_nothing(
    open_memory: OpenMemory, tmp_path: Path, *, replaced: bool
) -> None:
    memory = open_memory()
    memory.add_many([{"prompt": f"question {n}?", "target": "x"} for n in range(5)])
    memory.in_scope("question 1?")  # there is an index to write now
    memory.backup(tmp_path / "copy")
    memory.path.rename(tmp_path / "away")
    if replaced:
        (tmp_path / "copy").rename(memory.path)
    with pytest.raises(StoreError, match="deleted or replaced"):
        memory.rebuild()
    memory.close()
    assert memory.path.exists() is replaced
    assert open_memory("away").verify().ok
