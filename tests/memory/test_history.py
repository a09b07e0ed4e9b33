"""What is listed of the past, and which operations may be taken back under newer ones."""

from typing import Any

import pytest
from conftest import state  # type: ignore[attr-defined]

from kedit_memory.errors import ConflictError, InvalidInputError, NotFoundError
from kedit_memory.memory.memory import EditMemory

BOTH = [
    {"prompt": "Who leads A?", "target": "Ann", "namespace": "a"},
    {"prompt": "Who leads B?", "target": "Bo", "namespace": "b"},
]


@pytest.mark.parametrize("verb", ["update", "retract", "confirm", "supersede", "nearer"])
def test_an_operation_over_namespaces_stays_under_newer_work_of_one(memory: EditMemory, verb: str) -> None:
    memory.add_many(BOTH)
    work: dict[str, Any] = {
        "update": lambda: memory.update("e2", target="Cy"),
        "retract": lambda: memory.retract("e2"),
        "confirm": lambda: memory.confirm("e2", "Whoever runs that B?"),
        "supersede": lambda: memory.add("Who leads B?", "Di", namespace="b"),
        "nearer": lambda: memory.add("Who leads leads B?", "Ed", namespace="b"),  # narrows the radius of e2
    }
    work[verb]()
    before = state(memory)
    with pytest.raises(ConflictError, match=r"operation 1 cannot be undone: operation 2 .*'b'.* has changed e2 since"):
        memory.undo(namespace="a")
    assert state(memory) == before
    memory.undo(namespace="b")
    memory.undo(namespace="a")
    assert memory.all(namespace=None, status=None) == []


def test_newer_work_on_other_edits_is_no_obstacle(memory: EditMemory) -> None:
    memory.add_many(BOTH)
    memory.add("What is the sky?", "blue", namespace="b")
    memory.update("e2", target="Cy")
    memory.undo(namespace="b")  # what is undone does not stand
    memory.undo(namespace="a")
    assert [edit.id for edit in memory.all(namespace=None)] == ["e3"]


def test_what_others_did_together_is_not_taken_back(memory: EditMemory) -> None:
    memory.add_many(BOTH)
    with pytest.raises(NotFoundError, match="nothing to undo in namespace 'c'"):
        memory.undo(namespace="c")


def test_the_last_change_of_one_edit_is_taken_back(memory: EditMemory) -> None:
    memory.add("Who leads A?", "Ann")
    memory.update("e1", target="Bo")
    memory.add("What is the sky?", "blue", subject="sky")
    memory.undo("e1")
    assert [edit.target for edit in memory.all()] == ["Ann", "blue"]
    memory.undo("e1")
    assert [edit.target for edit in memory.all()] == ["blue"]
    with pytest.raises(NotFoundError):
        memory.undo("e1")


def test_an_answer_is_not_brought_back_beside_a_newer_one(memory: EditMemory) -> None:
    memory.add("Who leads A?", "Ann")
    memory.retract("e1")
    memory.add("Who leads A?", "Bo")
    with pytest.raises(ConflictError, match=r"operation 2 cannot be undone: operation 3 .* has changed e2 since"):
        memory.undo("e1")
    memory.undo("e2")
    memory.undo("e1")
    assert [edit.target for edit in memory.all()] == ["Ann"]


def test_history_comes_in_pages(memory: EditMemory) -> None:
    memory.add_many([{"prompt": f"Who is {n}?", "target": str(n), "subject": str(n)} for n in range(5)])
    memory.add("Who is 9?", "9", namespace="other")
    every, pages, after = memory.history(), [], 0
    while page := memory.history(limit=2, after=after):
        assert len(page) <= 2
        pages += page
        after = page[-1].number
    assert pages == every
    assert [one.edit_id for one in memory.history(namespace="other", limit=1)] == ["e6"]
    assert len(memory.history("e1", limit=3)) == 1
    with pytest.raises(NotFoundError, match="namespace 'other'"):
        memory.history("e1", namespace="other")
    with pytest.raises(InvalidInputError, match="limit is 0"):
        memory.history(limit=0)
