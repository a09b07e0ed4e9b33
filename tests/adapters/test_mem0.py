from typing import Any

import pytest

from kedit_memory.adapters.mem0 import Memory
from kedit_memory.errors import InvalidInputError, NotFoundError
from kedit_memory.memory import EditMemory
from kedit_memory.records import Status
from kedit_memory.routing.router import Router

ANN = {"user_id": "ann"}


@pytest.fixture
def memories(memory: EditMemory) -> Memory:
    return Memory(memory)


@pytest.fixture
def filled(memories: Memory) -> Memory:
    memories.add("I live in Oslo.", user_id="ann", metadata={"year": 2020, "topic": "home"})
    memories.add("I drink green tea.", user_id="ann", agent_id="chef", metadata={"year": 2024, "topic": "Food"})
    memories.add("I drink black coffee.", user_id="bo", agent_id="chef", run_id="r1", metadata={"topic": "food"})
    memories.add("Be brief.", agent_id="chef")
    return memories


def told(found: dict[str, Any]) -> list[str]:
    return [one["memory"] for one in found["results"]]


def test_the_users_statements_are_stored_to_the_letter(memory: EditMemory, memories: Memory) -> None:
    dialogue = [
        {"role": "system", "content": "You are helpful."},
        {"role": "user", "content": "I am Ann.  I live in Oslo.\n"},
        {"role": "assistant", "content": "Noted."},
        {"role": "user", "content": "What is my name?"},
        {"role": "user", "content": [{"type": "text", "text": "I drink tea."}]},
    ]
    done = memories.add(dialogue, user_id="ann", run_id="r1", metadata={"a": 1})
    assert done == {
        "results": [
            {"id": "e1", "memory": "I am Ann.  I live in Oslo.", "event": "ADD"},
            {"id": None, "memory": "What is my name?", "event": "NONE"},
            {"id": "e2", "memory": "I drink tea.", "event": "ADD"},
        ]
    }
    first, _ = memory.list(namespace="user:ann")
    assert first.statement == "I am Ann.  I live in Oslo."
    assert first.metadata == {"a": 1, "user_id": "ann", "run_id": "r1"}
    assert memories.add({"role": "user", "content": "I drink tea."}, user_id="ann")["results"][0]["id"] == "e3"
    assert memories.add("I drink tea.", user_id="ann")["results"][0]["id"] == "e3"  # there already
    assert memories.add("I drink tea", user_id="ann")["results"][0]["id"] == "e4"  # and nothing gives way
    assert memories.add({"role": "assistant", "content": "Noted."}, user_id="ann") == {"results": []}
    assert len(memory) == 4


@pytest.mark.parametrize(
    ("messages", "fields", "words"),
    [
        ("I live in Oslo.", {"user_id": "ann", "infer": True}, "no model writes here"),
        ("I live in Oslo.", {}, "one of user_id, agent_id, run_id at least"),
        ("I live in Oslo.", {"user_id": " "}, "give texts"),
        ("I live in Oslo.", {"user_id": 3}, "give texts"),
        ("I live in Oslo.", {"user_id": "ann", "metadata": 3}, "metadata is int"),
        (3, {"user_id": "ann"}, "messages must be a list"),
        ([{"role": "queen", "content": "x"}], {"user_id": "ann"}, "has the role 'queen'"),
    ],
)
def test_what_cannot_be_added_is_named(
    memory: EditMemory, memories: Memory, messages: Any, fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidInputError, match=words) as raised:
        memories.add(messages, **fields)
    assert "\n" not in str(raised.value)
    assert len(memory) == 0


def test_a_memory_is_told_with_whose_it_is(filled: Memory) -> None:
    best = filled.search("Who drinks green tea?", filters=ANN)["results"][0]
    assert (best["id"], best["memory"], best["user_id"], best["agent_id"]) == (
        "e2",
        "I drink green tea.",
        "ann",
        "chef",
    )
    assert best["metadata"] == {"year": 2024, "topic": "Food"}
    assert 0.1 <= best["score"] <= 1
    assert best["created_at"] == best["updated_at"]
    assert filled.get("e2") == {name: value for name, value in best.items() if name != "score"}
    assert filled.get("e4") == {**(filled.get("e4") or {}), "metadata": None}
    assert filled.get("e9") is None


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        (ANN, "12"),
        ({"agent_id": "chef"}, "234"),
        ({"agent_id": "chef", "user_id": "ann"}, "2"),
        ({"run_id": "r1"}, "3"),
        ({"user_id": "nobody"}, ""),
        ({"user_id": "*"}, "123"),
        ({"user_id": ["ann", "bo"]}, "123"),
        ({"user_id": {"in": ["ann", "bo"]}}, "123"),
        ({"user_id": {"ne": "ann"}}, "34"),
        ({"user_id": {"nin": ["ann"]}}, "34"),
        ({**ANN, "year": {"gte": 2020, "lt": 2024}}, "1"),
        ({**ANN, "year": {"gt": 2020}}, "2"),
        ({**ANN, "year": {"lte": 2024}}, "12"),
        ({**ANN, "year": {"eq": 2024}}, "2"),
        ({**ANN, "topic": {"contains": "foo"}}, ""),
        ({**ANN, "topic": {"icontains": "foo"}}, "2"),
        ({**ANN, "topic": "*"}, "12"),
        ({"agent_id": "chef", "topic": "*"}, "23"),
        ({"AND": [ANN, {"topic": "home"}]}, "1"),
        ({"OR": [{"user_id": "bo"}, {"topic": "home"}]}, "13"),
        ({**ANN, "NOT": [{"topic": "home"}, {"year": 1999}]}, "2"),
        ({**ANN, "NOT": {"topic": "home"}}, "2"),
        ({"agent_id": "chef", "NOT": [{"OR": [{"user_id": "bo"}, {"year": 2024}]}]}, "4"),
        ({**ANN, "created_at": {"gte": "2020-01-01"}}, "12"),
    ],
)
def test_filters(filled: Memory, filters: dict[str, Any], ids: str) -> None:
    expected = [f"e{number}" for number in ids]
    assert sorted(one["id"] for one in filled.get_all(filters=filters)["results"]) == expected
    found = filled.search("I drink", filters=filters, threshold=-1)
    assert sorted(one["id"] for one in found["results"]) == expected


@pytest.mark.parametrize(
    "filters", [{}, None, {"topic": "food"}, {**ANN, "OR": 3}, {**ANN, "AND": [3]}, {**ANN, "year": {"over": 3}}]
)
def test_filters_that_cannot_be_read(filled: Memory, filters: Any) -> None:
    for verb in (filled.get_all, lambda **fields: filled.search("tea", **fields)):
        with pytest.raises((InvalidInputError, NotFoundError)) as raised:
            verb(filters=filters)
        assert "\n" not in str(raised.value)


def test_a_search_has_a_size_and_a_threshold(filled: Memory) -> None:
    both = filled.search("I drink green tea.", filters=ANN, threshold=0)["results"]
    assert [one["id"] for one in both] == ["e2", "e1"]
    assert filled.search("I drink green tea.", filters=ANN, threshold=0, top_k=1)["results"] == both[:1]
    assert filled.search("I drink green tea.", filters=ANN, threshold=0.99)["results"] == both[:1]
    assert filled.search("zyzzyva", filters=ANN, threshold=0.9)["results"] == []
    assert len(filled.get_all(filters=ANN, top_k=1)["results"]) == 1
    for verb in (filled.get_all, lambda **fields: filled.search("tea", **fields)):
        with pytest.raises(InvalidInputError, match="top_k is 0"):
            verb(filters=ANN, top_k=0)


def test_a_memory_is_updated_deleted_and_its_history_told(filled: Memory, memory: EditMemory) -> None:
    assert filled.update("e1", "I live in Bergen.") == {"message": "e1 is updated"}
    changed = filled.get("e1") or {}
    assert (changed["memory"], changed["metadata"]) == ("I live in Bergen.", {"year": 2020, "topic": "home"})
    assert changed["updated_at"] > changed["created_at"]
    assert told(filled.search("I live in Bergen.", filters=ANN, threshold=0.9)) == ["I live in Bergen."]
    filled.update("e1", "I live in Bergen.", {"year": 2026})
    assert (filled.get("e1") or {})["metadata"] == {"year": 2026}
    assert (filled.get("e1") or {})["user_id"] == "ann"
    assert filled.delete("e1") == {"message": "e1 is deleted"}
    assert filled.get("e1") is None
    assert memory.get("e1").status is Status.RETRACTED
    history = filled.history("e1")
    assert [(one["event"], one["old_memory"], one["new_memory"], one["is_deleted"]) for one in history] == [
        ("ADD", None, "I live in Oslo.", False),
        ("UPDATE", "I live in Oslo.", "I live in Bergen.", False),
        ("UPDATE", "I live in Bergen.", "I live in Bergen.", False),
        ("DELETE", "I live in Bergen.", None, True),
    ]
    memory.undo()
    assert [one["event"] for one in filled.history("e1")] == ["ADD", "UPDATE", "UPDATE"]
    for verb in (filled.delete, filled.history, lambda name: filled.update(name, "x")):
        with pytest.raises(NotFoundError):
            verb("e99")


def test_all_of_somebody_are_deleted_or_all_at_all(filled: Memory, memory: EditMemory) -> None:
    memory.add("Who leads Acme?", "Ann Berg")
    memory.add("Water boils.", namespace="user:ann")  # by hand
    assert filled.delete_all(user_id="ann", agent_id="chef") == {"message": "1 are deleted"}
    assert told(filled.get_all(filters=ANN)) == ["I live in Oslo."]
    with pytest.raises(InvalidInputError, match="at least"):
        filled.delete_all()
    assert filled.reset() == {"message": "3 are deleted"}
    assert [edit.id for edit in memory.list(namespace=None)] == ["e5", "e6"]
    assert filled.get_all(filters={"user_id": "*"}) == {"results": []}


def test_other_edits_are_no_memories(memories: Memory, memory: EditMemory) -> None:
    memory.add("Who leads Acme?", "Ann Berg")
    memory.erase("Where does Ann live?", namespace="user:ann", metadata={"user_id": "ann"})
    assert memories.get("e1") is memories.get("e2") is None
    assert memories.search("Acme", filters={"user_id": "*"}, threshold=-1) == {"results": []}
    for verb in (memories.delete, memories.history):
        with pytest.raises(NotFoundError, match="no memory 'e1'"):
            verb("e1")


@pytest.mark.usefixtures("filled")
def test_a_router_answers_from_memories(memory: EditMemory) -> None:
    (match,) = Router(memory).explain("I drink green tea.", namespace="user:ann").edits
    assert match.edit.id == "e2"
