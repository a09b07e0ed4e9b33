"""Edits that a new one may contradict: told by `add`, and never acted upon."""

from collections.abc import Callable
from typing import Any

import pytest
from conftest import state  # type: ignore[attr-defined]
from hypothesis import given
from hypothesis import strategies as st

from kedit_memory.memory.memory import EditMemory
from kedit_memory.memory.possible_conflicts import Near, likely


def test_the_same_fact_in_other_words_is_told(memory: EditMemory) -> None:
    memory.add("Where does Ann Berg live now?", "Oslo", subject="Ann Berg")
    memory.add("Which bird is on the flag?", "a heron", subject="Ann Berg")
    newer = memory.add("So where does Ann Berg live now?", "Bergen", subject="Ann Berg")
    assert newer.possible_conflicts == ("e1",)
    assert [edit.id for edit in memory.all()] == ["e1", "e2", "e3"]  # nothing gave way
    assert memory.get(newer.id) == newer
    assert memory.get(newer.id).possible_conflicts == ()  # it is told once, and not stored


@pytest.mark.parametrize(
    "fields",
    [
        {"target": "OSLO."},  # says the same
        {"subject": "Bo Berg"},
        {"target": "4"},  # an amount, not a place
        {"valid_until": "2020"},  # e1 holds from 2021 on
        {"namespace": "other"},
    ],
)
def test_what_cannot_contradict_is_not_told(memory: EditMemory, fields: dict[str, Any]) -> None:
    memory.add("Where does Ann Berg live now?", "Oslo", subject="Ann Berg", valid_from="2021")
    asked = {"prompt": "So where does Ann Berg live now?", "target": "Bergen", "subject": "Ann Berg"} | fields
    assert memory.add(**asked).possible_conflicts == ()


def test_the_subject_is_no_word_in_common(memory: EditMemory) -> None:
    memory.add("river Alpha Beta Gamma Delta?", "blue", subject="Alpha Beta Gamma Delta", aliases=["it"])
    near = memory.add("ocean Alpha Beta Gamma Delta?", "Ann", subject="Alpha Beta Gamma Delta")
    gap = memory.search("ocean Alpha Beta Gamma Delta?", 2)[1].distance
    assert near.possible_conflicts == (("e1",) if gap <= 0.6 else ())


def test_edits_without_subject_and_rows_of_one_call_are_told_too(memory: EditMemory) -> None:
    statements = [f"Ann always likes her {drink} best of all" for drink in ("coffee", "cocoa")]
    first, second = memory.add_many([{"statement": text} for text in statements])
    assert (first.possible_conflicts, second.possible_conflicts) == ((), ("e1",))
    assert memory.add(statements[0]).possible_conflicts == ()  # it is e1


def test_what_was_rejected_or_kept_side_by_side_is_no_doubt(memory: EditMemory) -> None:
    memory.add("Where does Ann live?", "Oslo", subject="Ann")
    memory.reject("e1", "Where does Ann work today?")
    both = memory.add("Where does Ann live?", "Bergen", subject="Ann", on_conflict="keep_both")
    assert both.possible_conflicts == ()


@given(
    near=st.lists(st.tuples(st.sampled_from(["e1", "e2", "e3", "e4"]), st.floats(0, 0.65), st.booleans()), max_size=8)
)
def test_of_prompts_without_a_word_in_common_only_the_nearest_counts(near: list[tuple[str, float, bool]]) -> None:
    found = likely(Near(edit_id=name, distance=distance, shares_word=shares) for name, distance, shares in near)
    sharing = {name for name, _, shares in near if shares}
    assert len(set(found)) == len(found)
    assert sharing <= set(found)
    assert len(set(found) - sharing) <= 1
    for name in set(found) - sharing:
        assert (
            min(distance for one, distance, _ in near if one == name) == min(distance for _, distance, _ in near) <= 0.6
        )


def test_telling_changes_nothing(open_memory: Callable[..., EditMemory], monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [("Where does Ann live?", "Oslo"), ("Where did Ann live?", "Bergen"), ("Who sees Ann live?", "Bo")]
    told, silent = open_memory("told"), open_memory("silent")
    for prompt, target in rows:
        told.add(prompt, target, subject="Ann")
    monkeypatch.setattr("kedit_memory.memory.write.possible_conflicts", lambda *_: ())
    for prompt, target in rows:
        silent.add(prompt, target, subject="Ann")
    assert state(told) == state(silent)
