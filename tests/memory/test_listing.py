"""Edits by what they have in common, page by page, and by the ids that callers give them."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from conftest import state  # type: ignore[attr-defined]

from kedit_memory.errors import ConflictError, InvalidInputError, NotFoundError
from kedit_memory.memory.memory import EditMemory
from kedit_memory.records import Status


@pytest.fixture
def filled(open_memory: Callable[..., EditMemory]) -> EditMemory:
    added: list[Any] = []
    memory = open_memory(clock=lambda: datetime(2026, 1, 1 + len(added), tzinfo=UTC))
    for prompt, target, fields in (
        ("Who leads Acme?", "Ann", {"subject": "ACME", "relation": "chief_executive", "source": "a.md"}),
        ("Who owns Acme?", "Bo", {"subject": "Acme", "metadata": {"team": "x", "n": 1, "tags": ["a"]}}),
        ("Who leads Brio?", "Cy", {"subject": "Brio", "relation": "Chief executive", "metadata": {"on": True}}),
        ("Is it red?", "yes", {"relation": "colour of"}),
        ("Who leads Acme?", "Di", {"subject": "Acme", "relation": "chief executive"}),
        ("Who leads Acme?", "Ed", {"subject": "Acme", "namespace": "other"}),
    ):
        added.append(memory.add(prompt, target, **fields))
    return memory


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ({}, "2345"),
        ({"status": None}, "12345"),
        ({"status": "superseded"}, "1"),
        ({"namespace": None}, "23456"),
        ({"namespace": " other "}, "6"),
        ({"subject": "acme"}, "25"),
        ({"subject": "Acme", "status": None, "namespace": None}, "1256"),
        ({"relation": "CHIEF executive"}, "35"),
        ({"relation": "colour of"}, "4"),
        ({"source": "a.md", "status": None}, "1"),
        ({"metadata": {"team": "x"}}, "2"),
        ({"metadata": {"team": "x", "n": 1.0}}, "2"),
        ({"metadata": {"team": "x", "n": 2}}, ""),
        ({"metadata": {"tags": ["a"]}}, "2"),
        ({"metadata": {"on": 1}}, ""),
        ({"metadata": {"on": True}}, "3"),
        ({"metadata": {}}, "2345"),
        ({"since": "2026-01-03"}, "345"),
        ({"until": "2026-01-03"}, "2"),
        ({"since": "2026", "until": "2027", "subject": "Brio"}, "3"),
        ({"limit": 2}, "23"),
        ({"limit": 2, "after": "e3"}, "45"),
        ({"after": "e5"}, ""),
    ],
)
def test_edits_by_what_they_have_in_common(filled: EditMemory, asked: dict[str, Any], ids: str) -> None:
    assert [edit.id for edit in filled.list(**asked)] == [f"e{number}" for number in ids]


@pytest.mark.parametrize(
    "asked",
    [
        {"status": "gone"}, {"status": 3}, {"namespace": ""}, {"subject": 3}, {"relation": "\ud800"}, {"source": b"x"},
        {"metadata": 3}, {"metadata": {"x": object()}}, {"since": "then"}, {"until": []}, {"limit": 0}, {"limit": "2"},
    ],
)  # fmt: skip
def test_what_cannot_be_asked_for_is_named(filled: EditMemory, asked: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError) as raised:
        filled.list(**asked)
    assert "\n" not in str(raised.value)


def test_a_subject_is_looked_up_not_searched_for(filled: EditMemory) -> None:
    sql = "SELECT id FROM edits e WHERE e.status = ? AND e.namespace = ? AND e.subject_key = ? ORDER BY e.id LIMIT 5"
    plan = filled._store.query(f"EXPLAIN QUERY PLAN {sql}", "active", "default", "acme")
    assert "edits_by_subject" in plan[0]["detail"]


def test_a_memory_is_true_and_lists_are_those_of_all(memory: EditMemory) -> None:
    assert memory
    assert memory.list() == memory.all() == []
    memory.add("Who leads Acme?", "Ann")
    assert memory.list() == memory.all()


def test_an_edit_is_found_by_the_id_that_its_caller_gave(memory: EditMemory) -> None:
    edit = memory.add("Who leads Acme?", "Ann", id=" policy-7 ")
    assert edit.given_id == "policy-7"
    assert memory.get("policy-7") == memory.get("e1", namespace="default") == edit
    assert memory.update("policy-7", target="Bo").given_id == "policy-7"
    assert memory.confirm("policy-7", "Whoever heads it?").target == "Bo"
    assert len(memory.history("policy-7")) == 3
    assert memory.undo("policy-7")[0].verb == "confirm"
    assert memory.delete("policy-7").status is Status.RETRACTED
    assert memory.get("policy-7").status is Status.RETRACTED
    again = memory.add("Who leads Acme?", "Cy", id="policy-7")  # which is free again
    assert memory.get("policy-7") == again
    assert memory.purge("policy-7") == ["e2"]
    assert memory.get("policy-7").id == "e1"
    with pytest.raises(NotFoundError, match="no edit 'policy-8'"):
        memory.get("policy-8")


def test_an_id_is_that_of_one_active_edit_of_a_namespace(memory: EditMemory) -> None:
    memory.add("Who leads Acme?", "Ann", id="a")
    before = state(memory)
    with pytest.raises(ConflictError, match="id 'a' is that of e1 already"):
        memory.add("Who owns Acme?", "Bo", id="a")
    with pytest.raises(ConflictError, match="id 'a' is that of e1 already"):  # e1 keeps the days after
        memory.add("Who leads Acme?", "Bo", id="a", valid_until="2020")
    assert state(memory) == before
    assert memory.add("Who leads Acme?", "Ann", id="a").id == "e1"
    assert memory.add("Who leads Acme?", "Bo", id="a").id == "e2"  # an answer that supersedes takes it over
    assert (memory.get("a").id, memory.get("e1").given_id) == ("e2", "a")
    memory.undo()
    assert state(memory) == before
    memory.add("Who owns it?", "Cy", id="a", namespace="other")
    with pytest.raises(InvalidInputError, match="namespaces 'default', 'other' have the id 'a'; name one"):
        memory.get("a")
    assert memory.get("a", namespace="other").target == "Cy"
    stored = memory.add_many([{"prompt": f"{n}?", "target": "x", "id": n % 2} for n in range(3)], partial=True)
    assert [edit.given_id for edit in stored] == ["0", "1"]


@pytest.mark.parametrize(
    ("given", "words"),
    [("e5", "looks like one"), ("", "empty"), (3, "is int"), ("a\nb", "one line"), ("x" * 201, "200")],
)
def test_ids_that_cannot_be_given(memory: EditMemory, given: Any, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        memory.add("Who?", "Ann", id=given)


def test_an_undo_gives_no_id_to_two_edits(memory: EditMemory) -> None:
    memory.add("Who leads Acme?", "Ann", id="a")
    memory.retract("a")
    memory.add("Is it red?", "yes", id="a")
    with pytest.raises(ConflictError, match="has changed e2 since"):
        memory.undo("e1")
    memory.undo()
    memory.undo("e1")
    assert memory.get("a").status is Status.ACTIVE


def test_ids_are_exported_and_imported(open_memory: Callable[..., EditMemory], tmp_path: Path) -> None:
    memory, file = open_memory(), tmp_path / "all.jsonl"
    memory.add("Who leads Acme?", "Ann", id="a")
    memory.add("Who leads Acme?", "Bo", id="a")
    memory.add("Is it red?", "yes", id="b")
    memory.export(file)
    copy = open_memory("copy")
    copy.import_(file)
    copy.export(tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_bytes() == file.read_bytes()
    used = open_memory("used")
    used.add("Who leads Acme?", "Cy", id="a")  # gives way, and its id with it
    used.add("Is it blue?", "no", id="b")  # does not
    taken = used.import_file(file)
    assert ([one.edit.target for one in taken.outcomes if one.edit], len(taken.refused)) == (["Ann", "Bo"], 1)
    assert "id 'b' is that of e2 already" in str(taken.refused[0].refusal)
    assert (used.get("a").target, used.get("b").prompt) == ("Bo", "Is it blue?")
    assert used.import_file(file).stored == ()
    used.undo()
    assert used.get("a").target == "Cy"
    assert used.verify().ok
