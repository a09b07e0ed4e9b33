"""One router, many threads: nobody meets a part that is half made, and each answer is the question's own."""

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kedit_memory.memory import EditMemory
from kedit_memory.models.encoder import HashingEncoder
from kedit_memory.records import Passage, Route
from kedit_memory.retrieval.bm25 import Bm25Retriever
from kedit_memory.routing.background import Background
from kedit_memory.routing.once import Once
from kedit_memory.routing.router import Router

THREADS = 8


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[EditMemory]:
    with EditMemory.open(tmp_path / "store", encoder=HashingEncoder()) as opened:
        yield opened


@pytest.fixture
def _switching() -> Iterator[None]:
    """Threads that take turns all the time."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def together(work: Callable[[int], None], threads: int = THREADS) -> None:
    """Runs in as many threads, all begun at once; raises what any of them raised."""
    gate = threading.Barrier(threads)

    def begin(number: int) -> None:
        gate.wait()
        work(number)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(begin, range(threads)))


@pytest.mark.usefixtures("_switching")
def test_questions_and_edits_of_many_threads_are_each_answered_rightly(memory: EditMemory) -> None:
    names = {f"Given{number} Berg": (f"G{number}",) for number in range(200)}
    memory.add_many(
        [{"prompt": f"Who runs Firm{n} Oslo?", "target": f"T{n}", "subject": f"Firm{n} Oslo"} for n in range(40)]
    )
    passages = [Passage(id="p", title="Given7 Berg", text="Given7 Berg sells tea.")]
    router = Router(memory, retriever=Bm25Retriever(passages), background=Background(aliases=names))

    def work(number: int) -> None:
        for turn in range(12):
            firm = (5 * number + turn) % 40
            decision = router.explain(f"who runs Firm{firm} Oslo")
            assert [match.edit.target for match in decision.edits] == [f"T{firm}"]
            assert [one.name for one in router.link(f"G{firm} and Firm{firm} Osloo")] == [f"Given{firm} Berg"]
            assert router.judge_many([f"Is Firm{firm} Oslo, or Given{firm} Berg, new?"])[0].edit_id
            new = f"Firm{100 + 100 * number + turn} Bergen"
            memory.add(f"Who runs {new}?", "N", subject=new)
            assert router.explain(f"Who runs {new}?").route is Route.DIRECT
            assert router.link(f"{new}, Given{turn} Berg")[0].name == new

    together(work)
    assert len(memory) == 40 + 12 * THREADS


@pytest.mark.usefixtures("_switching")
def test_a_part_is_made_once_for_all_threads() -> None:
    made: list[object] = []

    def make() -> object:
        made.append(object())
        return made[-1]

    for _ in range(50):
        made.clear()
        part = Once(make)
        found: list[object] = []
        together(lambda _: found.append(part()))  # noqa: B023 - called within the loop
        assert len(made) == 1
        assert found == made * THREADS


def test_a_failure_to_make_a_part_is_not_kept() -> None:
    tries = iter([OSError("not yet"), None])

    def make() -> str:
        if error := next(tries):
            raise error
        return "made"

    part = Once(make)
    with pytest.raises(OSError, match="not yet"):
        part()
    assert part() == "made"
