"""What edits have replaced: of every edit that holds, the values of its question that hold no more."""

import pytest

from kedit_memory.memory import replaced
from kedit_memory.memory.memory import EditMemory
from kedit_memory.memory.rows import SELECT_EDIT

KING = "Who is the king of Norway?"


def values(memory: EditMemory, *subjects: str, **options: str) -> dict[str, tuple[str, ...]]:
    return {one.edit.id: one.values for one in memory.replacing(subjects or ("Norway",), **options)}


def test_a_superseded_target_is_replaced_and_the_chain_behind_it(memory: EditMemory) -> None:
    for king in ("Haakon", "Olav", "Harald"):
        memory.add(KING, king, subject="Norway", relation="king")
    memory.add("What is the capital of Norway?", "Oslo", subject="Norway", relation="capital")
    assert values(memory) == {"e3": ("Haakon", "Olav"), "e4": ()}
    (king, _) = memory.replacing(["norway "])
    assert king.current == ("Harald",)
    assert values(memory, "Sweden") == values(memory, "Norway", namespace="other") == {}
    assert memory.replacing([]) == []


def test_a_value_that_came_back_is_not_replaced(memory: EditMemory) -> None:
    for king in ("Olav", "Harald", "OLAV."):
        memory.add(KING, king, subject="Norway")
    assert values(memory) == {"e3": ("Harald",)}


def test_an_erasure_replaces_what_it_erased(memory: EditMemory) -> None:
    memory.add(KING, "Olav", subject="Norway")
    memory.erase(KING, subject="Norway")
    assert values(memory) == {"e2": ("Olav",)}
    assert memory.replacing(["Norway"])[0].current == ()


def test_an_update_replaces_the_old_target_unless_it_is_undone_or_asks_something_else(memory: EditMemory) -> None:
    memory.add(KING, "Olav", subject="Norway")
    memory.update("e1", target="Harald")
    assert values(memory) == {"e1": ("Olav",)}
    memory.update("e1", paraphrases=["Whose is Norway's crown?"])
    assert values(memory) == {"e1": ("Olav",)}
    memory.undo()
    memory.undo()
    assert values(memory) == {"e1": ()}
    memory.update("e1", prompt="Who was the king of Norway in 1970?", target="Olav V")
    assert values(memory) == {"e1": ()}


def test_what_was_updated_before_it_was_superseded_is_replaced_too(memory: EditMemory) -> None:
    memory.add(KING, "Haakon", subject="Norway")
    memory.update("e1", target="Olav")
    memory.add(KING, "Harald", subject="Norway")
    assert values(memory) == {"e2": ("Olav", "Haakon")}


def test_retracting_or_undoing_the_newer_edit_ends_it(memory: EditMemory) -> None:
    memory.add(KING, "Olav", subject="Norway")
    memory.add(KING, "Harald", subject="Norway")
    memory.undo()
    assert values(memory) == {"e1": ()}
    memory.add(KING, "Harald", subject="Norway")
    memory.retract("e3")
    assert values(memory) == {}


def test_a_day_decides_what_holds(memory: EditMemory) -> None:
    memory.add(KING, "Olav", subject="Norway", relation="king", valid_until="1991")
    memory.add(KING, "Harald", subject="Norway", relation="king", valid_from="1991")
    memory.add(KING, "Haakon", subject="Norway", relation="king", valid_from="2090", on_conflict="keep_both")
    assert values(memory) == {"e2": ("Olav",)}
    assert values(memory, as_of="1980") == {"e1": ()}
    assert values(memory, as_of="2095") == {"e2": ("Olav",), "e3": ("Olav",)}


def test_answers_that_are_kept_side_by_side_replace_nothing(memory: EditMemory) -> None:
    memory.add(KING, "Olav", subject="Norway")
    memory.add(KING, "Harald", subject="Norway", on_conflict="keep_both")
    assert values(memory) == {"e1": (), "e2": ()}
    assert memory.replacing(["Norway"])[0].current == ("Olav", "Harald")


def test_the_same_prompt_about_another_subject_is_another_question(memory: EditMemory) -> None:
    memory.add("Who is king?", "Olav", subject="Norway")
    memory.add("Who is king?", "Harald", subject="Norway")
    memory.add("Who is king?", "Carl", subject="Sweden")
    assert values(memory, "Norway", "Sweden") == {"e2": ("Olav",), "e3": ()}


@pytest.mark.parametrize("name", ["_SELECT_HOLDING", "_BEGUN", "_SELECT_HELD", "_SELECT_UPDATES"])
def test_no_query_reads_all_edits(memory: EditMemory, name: str) -> None:
    sql = getattr(replaced, name)
    if name == "_BEGUN":
        sql = f"{SELECT_EDIT} WHERE {sql} ORDER BY e.id"
    values = ("default", "2026-06-01", "[]")[-sql.count("?") if name == "_SELECT_UPDATES" else 0 :]
    plan = [row["detail"] for row in memory._store.query(f"EXPLAIN QUERY PLAN {sql}", *values)]
    assert any("edits_by_" in step or "PRIMARY KEY" in step for step in plan)
    assert not [step for step in plan if step.startswith("SCAN") and "VIRTUAL TABLE" not in step]
    assert not [step for step in plan if step.endswith("(namespace=?)")]  # which would be all of a namespace
