"""Edits by their subject whatever their distance, and questions to the edits that have none."""

from typing import Any

import numpy as np
import pytest
from conftest import TODAY, WordEncoder  # type: ignore[attr-defined]
from hypothesis import given, settings
from hypothesis import strategies as st

from kedit_memory.errors import InvalidInputError, StoreError
from kedit_memory.memory import neighbours, read, rows
from kedit_memory.memory.index.base import distances
from kedit_memory.memory.memory import EditMemory
from kedit_memory.records import KeyKind, Match

KING, FAR = "Who is the king of Norway?", "Which fish swims upstream each autumn?"


def ids(matches: list[Match]) -> list[str]:
    return [match.edit.id for match in matches]


def test_about_finds_by_subject_whatever_the_distance(memory: EditMemory) -> None:
    memory.add(KING, "A", subject="Norway", paraphrases=["Whose crown is Norway's?"])
    memory.add("How many fjords are there?", "B", subject="NORWAY", radius=0.0)
    memory.add("Who is the king of Spain?", "C", subject="Spain")
    memory.add("Who is the king of what?", "D")
    assert set(ids(memory.about(FAR, ["norway "]))) == {"e1", "e2"}
    assert not any(match.in_scope for match in memory.about(FAR, ["Norway"]))
    assert set(ids(memory.about(FAR, {"Norway", "Spain", "nowhere"}))) == {"e1", "e2", "e3"}
    assert memory.about(FAR, []) == memory.about(FAR, ["nowhere"]) == []
    (nearest, _) = memory.about("Whose crown is Norway's?", ["Norway"])
    assert (nearest.key, nearest.key_kind, nearest.distance) == ("Whose crown is Norway's?", KeyKind.PARAPHRASE, 0.0)
    assert nearest.in_scope
    assert memory.about(memory.encode([KING])[0], ["Norway"])[0].key == KING


def test_about_is_nearest_first_then_by_id(memory: EditMemory) -> None:
    for number in range(12):
        memory.add(f"question {number % 3}?", f"t{number}", subject="Norway", on_conflict="keep_both")
    memory.update("e1", paraphrases=["question 1?"])  # its key is younger than those of the others
    every = memory.about("question 1?", ["Norway"])
    assert ids(every)[:5] == ["e1", "e2", "e5", "e8", "e11"]
    assert [match.distance for match in every] == sorted(match.distance for match in every)
    for limit in (1, 3, 12, 40):
        assert memory.about("question 1?", ["Norway"], limit=limit) == every[:limit]
    with pytest.raises(InvalidInputError, match="limit is 0"):
        memory.about(KING, ["Norway"], limit=0)


def test_about_gives_what_holds(memory: EditMemory) -> None:
    memory.add(KING, "A", subject="Norway", valid_from="1990")
    memory.add(KING, "B", subject="Norway", valid_from="2020")
    memory.add(KING, "X", subject="Norway", namespace="other")
    memory.retract(memory.add("What is it?", "C", subject="Norway").id)
    assert ids(memory.about(KING, ["Norway"])) == ["e2"]
    assert ids(memory.about(KING, ["Norway"], as_of="2000")) == ["e1"]
    assert ids(memory.about(KING, ["Norway"], as_of="1980")) == []
    assert ids(memory.about(KING, ["Norway"], namespace="other")) == ["e3"]
    with pytest.raises(InvalidInputError, match="as_of"):
        memory.about(KING, ["Norway"], as_of="then")


def test_about_in_an_empty_memory(memory: EditMemory) -> None:
    assert memory.about(KING, ["Norway"]) == []
    assert not memory.has_subjectless()


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "prompt": st.sampled_from(["king of land?", "queen of land?", "king of sea?", "who?"]),
            "target": st.sampled_from(["a", "b"]),
            "subject": st.sampled_from([None, "Norway", "Spain"]),
            "paraphrases": st.lists(st.sampled_from(["land?", "sea?", "crown?"]), max_size=2, unique=True),
            "valid_from": st.sampled_from([None, "2010", "2020", "2027"]),
        }
    ),
    min_size=1,
    max_size=10,
)


@settings(max_examples=40, deadline=None)
@given(rows=ROWS, as_of=st.sampled_from([None, "2005", "2015", "2025", "2030"]))
def test_about_agrees_with_search_and_scope(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any], as_of: str | None
) -> None:
    folder = tmp_path_factory.mktemp("store")
    with EditMemory.open(folder, WordEncoder(), clock=lambda: TODAY) as memory:
        memory.add_many(rows, on_conflict="keep_both")
        memory.add_many(rows[: len(rows) // 2])
        vector = memory.encode(["king of crown?"])[0]
        about = memory.about(vector, ["Norway"], as_of=as_of)
        near = memory.search(vector, 1000, as_of=as_of)
        assert {match.edit.id for match in about} == {m.edit.id for m in near if m.edit.subject == "Norway"}
        covering = memory.in_scope(vector, as_of=as_of, subjects=["Norway"])
        assert {m.edit.id for m in covering if m.edit.subject} <= {match.edit.id for match in about}
        for match in about:
            keys = memory._store.keys_of(match.edit.id)
            gaps = distances(vector, memory.encode([key.text for key in keys]))
            assert match.distance == gaps.min()
            assert (match.key, match.radius) in {
                (k.text, k.radius) for k, g in zip(keys, gaps, strict=True) if g == gaps.min()
            }
        subjectless = memory.in_scope(vector, as_of=as_of, subjects=())
        assert subjectless == [m for m in memory.in_scope(vector, as_of=as_of) if m.edit.subject is None]


def test_no_subjects_leave_those_that_have_none(memory: EditMemory) -> None:
    memory.add(KING, "A", subject="Norway")
    assert memory.in_scope(KING, subjects=()) == []
    assert not memory.has_subjectless()
    memory.add(KING, "B", on_conflict="keep_both")
    assert ids(memory.in_scope(KING, subjects=())) == ["e2"]
    assert memory.has_subjectless()
    assert not memory.has_subjectless("other")
    memory.retract("e2")
    assert not memory.has_subjectless()


def test_an_edit_of_another_day_counts_as_subjectless(memory: EditMemory) -> None:
    memory.add("Who leads?", "A", valid_from="2000")
    memory.add("Who leads?", "B", valid_from="2020", subject="Norway")
    assert memory.get("e1").superseded_by == "e2"
    assert memory.has_subjectless()
    assert ids(memory.in_scope("Who leads?", as_of="2010", subjects=())) == ["e1"]


@pytest.mark.parametrize(
    ("sql", "count", "indexes"),
    [
        (read._SELECT_ABOUT, 4, ["edits_by_subject (namespace=? AND subject_key=?)", "keys_by_edit"]),
        (read._SELECT_REJECTING, 1, ["keys_rejected", "keys_by_edit"]),
        (rows.ANY_EXPANDED, 0, ["keys_expanded"]),
        (neighbours._REJECTED, 1, ["keys_rejected"]),
    ],
)
def test_every_lookup_has_its_index(memory: EditMemory, sql: str, count: int, indexes: list[str]) -> None:
    rows = memory._store.query(f"EXPLAIN QUERY PLAN {sql}", *["[]"] * count)
    plan = "\n".join(row["detail"] for row in rows)
    for index in indexes:
        assert index in plan


def test_a_damaged_vector_gives_one_line(memory: EditMemory) -> None:
    memory.add(KING, "A", subject="Norway")
    memory._store.connection.execute("UPDATE keys SET vector = ?", (b"\0",))
    with pytest.raises(StoreError, match="wrong size; run kedit verify"):
        memory.about(np.ones(32, np.float32), ["Norway"])


def test_an_edit_is_found_by_one_of_its_texts(memory: EditMemory) -> None:
    edit = memory.add("Who is the head of Acme?", "Ann Berg", subject="Acme", paraphrases=["Acme is led by"])
    memory.add("Who is the head of Acme?", "Bo Dahl", subject="Acme", namespace="other")
    for text in ("Who is the head of Acme?", "Acme is led by"):
        (match,) = memory.worded({text, "another"})
        assert (match.edit.id, match.key, match.distance) == (edit.id, text, 0.0)
    assert memory.worded({edit.statement}) == []  # it says the answer, too
    assert memory.has_about({"acme"})
    assert not memory.has_about({"Borgen"})
    memory.reject(edit.id, "Acme is led by")
    assert memory.worded({"Acme is led by"}) == []
    memory.retract(edit.id)
    assert memory.worded({"Who is the head of Acme?"}) == []
    assert not memory.has_about({"Acme"})
