"""Radii that learn: what confirmed and rejected questions do, and that nothing of it outlives its undo."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import TODAY, WordEncoder, state  # type: ignore[attr-defined]
from hypothesis import given, settings
from hypothesis import strategies as st

from kedit_memory.errors import ConflictError, InvalidInputError, NotFoundError
from kedit_memory.memory.index.base import distances
from kedit_memory.memory.memory import EditMemory
from kedit_memory.memory.radius import DEFAULT_RADIUS
from kedit_memory.records import KeyKind, Match

OpenMemory = Callable[..., EditMemory]
PM = "Who is the Prime Minister of the UK?"
OTHER_WORDS = "Which person runs Britain's cabinet?"  # far from PM
NEAR = "Who is the Prime Minister of the UK now?"  # within the default radius of it
FOUR, THREE_OF_THEM, TWO_OF_THEM = "one two three four", "one two three eight", "one two nine ten"


def ids(matches: list[Match]) -> list[str]:
    return [match.edit.id for match in matches]


def exported(memory: EditMemory) -> str:
    stream = io.StringIO()
    memory.export(stream)
    return stream.getvalue()


def keys(memory: EditMemory, edit_id: str = "e1") -> dict[str, tuple[str, float]]:
    return {key.text: (str(key.kind), key.radius) for key in memory._store.keys_of(edit_id)}


def gap(memory: EditMemory, one: str, other: str) -> float:
    return float(distances(memory.encode([one])[0], memory.encode([other]))[0])


def test_a_confirmed_question_finds_its_edit(memory: EditMemory) -> None:
    memory.add(PM, "Keir Starmer", subject="UK")
    assert memory.in_scope(OTHER_WORDS) == []
    edit = memory.confirm("e1", f" {OTHER_WORDS} ")
    assert (edit.id, edit.target, edit.paraphrases) == ("e1", "Keir Starmer", ())
    (match,) = memory.about(OTHER_WORDS, ["UK"])
    assert (match.key, match.key_kind, match.distance) == (OTHER_WORDS, KeyKind.CONFIRMED, 0.0)
    assert match.in_scope
    assert match.key_kind == "confirmed"
    assert ids(memory.in_scope(OTHER_WORDS)) == ["e1"]
    assert [(one.verb, one.edit_id) for one in memory.history()] == [("add", "e1"), ("confirm", "e1")]
    assert memory.verify().ok


def test_a_rejected_question_never_does(memory: EditMemory) -> None:
    memory.add(PM, "Keir Starmer", subject="UK")
    assert ids(memory.in_scope(NEAR)) == ["e1"]
    edit = memory.reject("e1", NEAR)
    assert edit.radius == gap(memory, PM, NEAR) / 2
    assert memory.in_scope(NEAR) == memory.about(NEAR, ["UK"]) == []
    (match,) = memory.search(NEAR)
    assert (match.edit.id, match.key, match.rejected, match.in_scope) == ("e1", PM, True, False)
    (match,) = memory.search(PM)
    assert (match.rejected, match.in_scope, match.key_kind) == (False, True, "prompt")
    assert ids(memory.about(PM, ["UK"])) == ["e1"]
    assert keys(memory) == {PM: ("prompt", edit.radius), NEAR: ("rejected", 0.0)}
    assert [one.verb for one in memory.history("e1")] == ["add", "reject"]
    assert memory.verify().ok


def test_a_rejected_key_is_searched_by_nothing(memory: EditMemory) -> None:
    memory.add(PM, "Keir Starmer", radius=2.0)
    memory.reject("e1", NEAR)
    assert memory.stats().keys == memory.verify().keys == memory.verify().indexed == memory.rebuild() == 1
    memory.add(NEAR, "somebody else")  # e1's rejection is no neighbour of it, e1's prompt is
    assert keys(memory, "e2")[NEAR][1] == gap(memory, PM, NEAR) / 2
    memory._store.connection.execute("UPDATE keys SET live = false WHERE id = 1")
    assert "edit e1 has no key" in memory.verify().problems[0]


def test_the_nearest_key_decides_between_confirmed_and_rejected(memory: EditMemory) -> None:
    memory.add("one two three four", "x", radius=1.5)
    memory.reject("e1", "five six seven eight")
    assert memory.get("e1").radius == 1.5  # given, hence kept
    assert memory.in_scope("five six seven eight nine") == []
    assert ids(memory.in_scope("one two three four nine")) == ["e1"]
    memory.confirm("e1", "five six seven nine")
    assert ids(memory.in_scope("five six seven nine ten")) == ["e1"]
    assert memory.in_scope("five six seven eight") == []
    assert keys(memory)["five six seven nine"] == ("confirmed", 1.5)


def test_an_edit_left_out_makes_room_for_the_next(memory: EditMemory) -> None:
    rows: list[Any] = [
        {"prompt": f"who is number {n}?", "target": str(n), "subject": str(n), "radius": 2.0} for n in range(9)
    ]
    memory.add_many(rows)
    question = "who is number 11 then?"
    before = ids(memory.in_scope(question))
    for out in before[:4]:
        memory.reject(out, question)
    assert ids(memory.in_scope(question)) == before[4:]
    assert ids(memory.in_scope(question, limit=1)) == before[4:5]
    assert ids(memory.about(question, [row["subject"] for row in rows], limit=2)) == before[4:6]
    assert [match.rejected for match in memory.search(question, 9)].count(True) == 4
    assert len(memory.search(question, 3)) == 3


def test_confirming_expands_a_key_that_nearly_reached(memory: EditMemory) -> None:
    memory.add(FOUR, "x")
    far, later = gap(memory, FOUR, TWO_OF_THEM), gap(memory, FOUR, THREE_OF_THEM)
    assert DEFAULT_RADIUS < later < far < 2 * DEFAULT_RADIUS
    assert memory.confirm("e1", TWO_OF_THEM).radius == far
    assert keys(memory) == {FOUR: ("prompt", far), TWO_OF_THEM: ("confirmed", DEFAULT_RADIUS)}
    assert ids(memory.in_scope(THREE_OF_THEM)) == ["e1"]
    memory.add(THREE_OF_THEM, "y")  # inside what was expanded, beyond the default radius
    assert keys(memory, "e2")[THREE_OF_THEM][1] <= later / 2
    assert keys(memory)[FOUR][1] == later / 2
    memory.undo()
    assert keys(memory)[FOUR][1] == far
    assert memory.verify().ok


def test_what_is_not_expanded(memory: EditMemory) -> None:
    memory.add(FOUR, "x", radius=DEFAULT_RADIUS, subject="given")
    memory.confirm("e1", TWO_OF_THEM)
    assert keys(memory)[FOUR][1] == DEFAULT_RADIUS
    memory.undo()
    memory.update("e1", subject="narrowed", radius=None)
    memory.reject("e1", f"{FOUR} five")
    narrowed = keys(memory)[FOUR][1]
    memory.confirm("e1", TWO_OF_THEM)
    assert keys(memory)[FOUR][1] == narrowed < DEFAULT_RADIUS
    memory.add(FOUR, "x", subject="apart")
    memory.confirm("e2", "What has nothing in common with it at all?")
    assert keys(memory, "e2")[FOUR][1] == DEFAULT_RADIUS


@pytest.mark.parametrize("subjects", [(None, None), ("S", "S"), ("S", None), (None, "S")])
def test_an_expansion_swallows_no_other_answer(memory: EditMemory, subjects: tuple[str | None, str | None]) -> None:
    memory.add(FOUR, "x", subject=subjects[0])
    memory.add(THREE_OF_THEM, "y", subject=subjects[1])
    assert DEFAULT_RADIUS < gap(memory, FOUR, THREE_OF_THEM) < gap(memory, FOUR, TWO_OF_THEM)
    memory.confirm("e1", TWO_OF_THEM)
    assert keys(memory)[FOUR][1] == DEFAULT_RADIUS
    assert "e1" in ids(memory.in_scope(TWO_OF_THEM))


def test_an_expansion_passes_the_same_answer_and_another_subject(memory: EditMemory) -> None:
    memory.add(FOUR, "x", subject="S")
    memory.add(THREE_OF_THEM, "x", subject="S")
    memory.add(THREE_OF_THEM, "y", subject="T")
    memory.confirm("e1", TWO_OF_THEM)
    assert keys(memory)[FOUR][1] == gap(memory, FOUR, TWO_OF_THEM)


def test_an_expansion_stops_at_what_was_rejected(memory: EditMemory) -> None:
    memory.add(FOUR, "x")
    memory.reject("e1", THREE_OF_THEM)
    memory.confirm("e1", TWO_OF_THEM)
    assert keys(memory)[FOUR] == ("prompt", DEFAULT_RADIUS)
    assert keys(memory)[TWO_OF_THEM] == ("confirmed", DEFAULT_RADIUS)


def test_each_takes_the_other_back(memory: EditMemory) -> None:
    memory.add(PM, "Keir Starmer", paraphrases=["UK PM?"])
    memory.confirm("e1", OTHER_WORDS)
    memory.reject("e1", OTHER_WORDS)
    assert keys(memory)[OTHER_WORDS] == ("rejected", 0.0)
    assert memory.in_scope(OTHER_WORDS) == []
    memory.confirm("e1", OTHER_WORDS)
    assert keys(memory)[OTHER_WORDS][0] == "confirmed"
    memory.reject("e1", f"{OTHER_WORDS.upper()}!")  # the same words
    assert {kind for kind, _ in keys(memory).values()} == {"prompt", "paraphrase", "rejected"}
    memory.reject("e1", "UK PM?")  # a field's key stays, without reach
    assert memory.in_scope("UK PM?") == []
    memory.confirm("e1", "UK PM?")
    assert ids(memory.in_scope("UK PM?")) == ["e1"]
    assert keys(memory)["UK PM?"] == ("paraphrase", 0.0)
    memory.reject("e1", "person which runs Britain's cabinet?")  # to this encoder the same
    memory.confirm("e1", OTHER_WORDS)
    assert ids(memory.in_scope(OTHER_WORDS)) == ["e1"]
    assert memory.verify().ok


def test_saying_it_twice_changes_nothing(memory: EditMemory) -> None:
    edit = memory.add(PM, "Keir Starmer", paraphrases=["UK PM?"])
    for question in (PM, "UK PM?"):  # found already
        assert memory.confirm("e1", question) == edit
    assert memory.stats().operations == 1
    confirmed = memory.confirm("e1", OTHER_WORDS)
    assert memory.confirm("e1", OTHER_WORDS) == confirmed
    rejected = memory.reject("e1", NEAR)
    assert memory.reject("e1", f"{NEAR} ") == rejected
    assert memory.stats().operations == 3


def test_words_that_ask_for_another_edit_are_refused(memory: EditMemory) -> None:
    memory.add(PM, "Keir Starmer", subject="UK", paraphrases=["UK PM?"])
    memory.add("Who is king?", "Charles", subject="UK")
    memory.confirm("e2", "UK monarch?")
    memory.reject("e2", "UK ruler?")
    before = state(memory)
    for edit_id, question in (("e2", PM.lower().rstrip("?")), ("e2", "UK PM?"), ("e1", "UK monarch?")):
        with pytest.raises(ConflictError, match=r"asks for e\d already; reject it there") as raised:
            memory.confirm(edit_id, question)
        assert "\n" not in str(raised.value)
    assert state(memory) == before
    memory.confirm("e1", "UK ruler?")  # rejected there, so it may well ask for this one
    memory.add("UK PM?", "x", namespace="other")
    memory.confirm(memory.add("Who is it?", "x", namespace="other").id, PM)
    memory.retract("e1")
    assert memory.confirm("e2", PM).id == "e2"


def test_two_answers_of_one_slot_may_share_a_wording(memory: EditMemory) -> None:
    memory.add(PM, "Keir Starmer")
    memory.add(PM, "K. Starmer", on_conflict="keep_both")
    memory.confirm("e1", OTHER_WORDS)
    memory.confirm("e2", OTHER_WORDS)
    assert set(ids(memory.in_scope(OTHER_WORDS))) == {"e1", "e2"}


def test_what_cannot_be_said(memory: EditMemory) -> None:
    memory.add(PM, "Keir Starmer")
    memory.retract(memory.add("gone?", "x").id)
    before = state(memory)
    for verb in (memory.confirm, memory.reject):
        for bad in ("", "  ", "x" * 32_001, "a\x07b", "\ud800", 3):
            with pytest.raises(InvalidInputError, match="question"):
                verb("e1", bad)
        for unknown in ("e9", "9", ""):
            with pytest.raises(NotFoundError):
                verb(unknown, NEAR)
        with pytest.raises(NotFoundError, match="namespace"):
            verb("e1", NEAR, namespace="other")
        with pytest.raises(InvalidInputError, match="e2 is retracted; only for an active edit"):
            verb("e2", NEAR)
    same_to_the_encoder = "is Who the Prime Minister of the UK?"
    for own in (PM, PM.upper().rstrip("?"), same_to_the_encoder):
        with pytest.raises(InvalidInputError, match=r"is the prompt of e1 itself.*; retract it instead"):
            memory.reject("e1", own)
    assert state(memory) == before
    assert len(memory.history()) == 3


def test_update_keeps_what_was_said(memory: EditMemory) -> None:
    memory.add(PM, "Rishi Sunak")
    memory.confirm("e1", OTHER_WORDS)
    memory.reject("e1", NEAR)
    memory.reject("e1", "UK PM?")
    said = state(memory)
    memory.update("e1", target="Keir Starmer", radius=0.9)
    assert keys(memory) == {
        PM: ("prompt", 0.9), OTHER_WORDS: ("confirmed", 0.9), NEAR: ("rejected", 0.0), "UK PM?": ("rejected", 0.0),
    }  # fmt: skip
    memory.update("e1", paraphrases=["UK PM?"])  # said anew, so not rejected any more
    assert keys(memory)["UK PM?"] == ("paraphrase", 0.9)
    assert ids(memory.in_scope("UK PM?")) == ["e1"]
    memory.undo()
    memory.undo()
    assert state(memory) == said
    assert memory.verify().ok


def test_a_new_wording_is_split_from_what_was_rejected(memory: EditMemory) -> None:
    memory.add(OTHER_WORDS, "Keir Starmer", subject="UK")
    memory.reject("e1", NEAR)
    memory.update("e1", paraphrases=[PM])
    assert keys(memory)[PM][1] == gap(memory, PM, NEAR) / 2


def test_adding_the_same_edit_again_still_changes_nothing(memory: EditMemory) -> None:
    memory.add(PM, "Keir Starmer", subject="UK")
    edit = memory.confirm("e1", OTHER_WORDS)
    assert memory.add(PM, "Keir Starmer", subject="UK") == edit
    assert len(memory) == 1


def test_a_superseded_edit_keeps_what_was_said(memory: EditMemory) -> None:
    memory.add(PM, "Rishi Sunak", valid_from="2022", subject="UK")
    memory.confirm("e1", OTHER_WORDS)
    memory.reject("e1", NEAR)
    memory.add(PM, "Keir Starmer", valid_from="2024", subject="UK")
    assert ids(memory.in_scope(OTHER_WORDS, as_of="2023")) == ["e1"]
    assert memory.in_scope(NEAR, as_of="2023") == memory.about(NEAR, ["UK"], as_of="2023") == []
    assert ids(memory.about(NEAR, ["UK"])) == ["e2"]


def test_feedback_outlives_everything_but_purge(open_memory: OpenMemory, tmp_path: Path) -> None:
    memory = open_memory()
    memory.add(PM, "Keir Starmer", subject="UK")
    memory.confirm("e1", "xyzzy cabinet?")
    memory.reject("e1", "plugh minister UK?")
    said, text = state(memory), exported(memory)
    memory.rebuild()
    assert state(memory) == said
    memory.close()
    again = open_memory()
    assert state(again) == said
    memory = open_memory("copy")
    (tmp_path / "edits.jsonl").write_text(text)
    memory.import_(tmp_path / "edits.jsonl")
    assert exported(memory) == text
    assert [(row[2], row[3], row[4]) for row in state(memory)[1]] == [(row[2], row[3], row[4]) for row in said[1]]
    assert memory.in_scope("plugh minister UK?") == []
    letters = WordEncoder("letters", 16)
    assert again.rebuild(letters) == 2
    assert again.in_scope("plugh minister UK?") == []
    assert ids(again.in_scope("xyzzy cabinet?")) == ["e1"]
    assert exported(again) == text
    assert again.verify().ok
    again.purge("e1")
    again.close()
    for file in again.path.rglob("*"):
        assert file.is_dir() or not any(word in file.read_bytes() for word in (b"xyzzy", b"plugh"))


def test_two_processes_hear_each_other(open_memory: OpenMemory) -> None:
    first, second = open_memory(), open_memory()
    first.add(PM, "Keir Starmer")
    assert ids(second.in_scope(NEAR)) == ["e1"]
    first.reject("e1", NEAR)
    first.confirm("e1", OTHER_WORDS)
    assert second.in_scope(NEAR) == []
    assert ids(second.in_scope(OTHER_WORDS)) == ["e1"]
    second.undo()
    assert first.in_scope(OTHER_WORDS) == []
    assert state(first) == state(second)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ('{"kind": "denied", "text": "a", "radius": 0}', "key kind 'denied' .*rejected"),
        ('{"kind": "rejected", "text": "a", "radius": 0.5}', "radius 0.5 of a rejected key"),
    ],
)
def test_a_malformed_rejection_is_refused(memory: EditMemory, tmp_path: Path, key: str, words: str) -> None:
    memory.add("a?", "b")
    file = tmp_path / "edits.jsonl"
    file.write_text(exported(memory).replace('"keys":[', f'"keys":[{key},'))
    with pytest.raises(InvalidInputError, match=words):
        memory.import_(file)
    file.write_text(exported(memory).replace('"kind":"prompt","radius":0.65', '"kind":"rejected","radius":0.0'))
    with pytest.raises(InvalidInputError, match="without keys"):
        memory.import_(file)


PROMPTS = ["king of land today?", "queen of land today?", "king of sea today?", "who?"]
QUESTIONS = [*PROMPTS, "queen of sea today?", "king of land?", "land king of?", "what of it?", "KING of land"]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["confirm", "confirm", "reject", "reject", "add", "update", "retract"]),
        st.integers(0, 3),
        st.sampled_from(QUESTIONS),
    ),
    min_size=1,
    max_size=12,
)
SUBJECTS = st.tuples(*[st.sampled_from([None, "Spain"])] * 3)
RADII = st.tuples(*[st.sampled_from([None, None, 0.9])] * 3)


def perform(memory: EditMemory, verb: str, number: int, question: str) -> None:
    edit_id = f"e{number + 1}"
    if verb == "add":
        memory.add(PROMPTS[number], "new", on_conflict=["supersede", "keep_both"][number % 2])
    elif verb == "update":
        memory.update(edit_id, paraphrases=[question], radius=[None, 0.5][number % 2])
    elif verb == "retract":
        memory.retract(edit_id)
    else:
        getattr(memory, verb)(edit_id, question)


def expected(memory: EditMemory, question: str) -> tuple[set[str], set[str]]:
    """Which active edits cover a question and which reject it, key by key."""
    vector = memory.encode([question])[0]
    covering, rejecting = set(), set()
    for edit in memory.all():
        own = memory._store.keys_of(edit.id)
        gaps = distances(vector, memory.encode([key.text for key in own])).tolist()
        found = [(gap, key.radius) for key, gap in zip(own, gaps, strict=True) if key.kind != "rejected"]
        against = [gap for key, gap in zip(own, gaps, strict=True) if key.kind == "rejected"]
        if against and min(against) <= min(found)[0]:
            rejecting.add(edit.id)
        elif any(distance <= radius for distance, radius in found):
            covering.add(edit.id)
    return covering, rejecting


def check(memory: EditMemory, verb: str, edit_id: str, question: str) -> None:
    """What must hold after an edit has heard of a question, and for every other question too."""
    in_scope = ids(memory.in_scope(question))
    assert (edit_id in in_scope) == (verb == "confirm")
    for one in QUESTIONS:
        covering, rejecting = expected(memory, one)
        assert set(ids(memory.in_scope(one))) == covering
        near = memory.search(one, 99)
        assert {match.edit.id for match in near if match.rejected} == rejecting
        assert set(ids(memory.about(one, ["spain"]))) == {
            match.edit.id for match in near if match.edit.subject and not match.rejected
        }


@settings(max_examples=30, deadline=None)
@given(steps=STEPS, subjects=SUBJECTS, radii=RADII)
def test_what_was_said_holds_and_is_undone(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Any], subjects: Any, radii: Any
) -> None:
    folder = tmp_path_factory.mktemp("store")
    with EditMemory.open(folder, WordEncoder(), clock=lambda: TODAY) as memory:
        for prompt, subject, radius, target in zip(PROMPTS, subjects, radii, "aab", strict=False):
            memory.add(prompt, target, subject=subject, radius=radius)
        states: list[Any] = []
        for verb, number, question in steps:
            before, sequence = (state(memory), exported(memory)), memory.stats().operations
            try:
                perform(memory, verb, number, question)
            except (ConflictError, InvalidInputError, NotFoundError):
                assert (state(memory), exported(memory)) == before
                assert memory.stats().operations == sequence
                continue
            if verb in ("confirm", "reject"):
                check(memory, verb, f"e{number + 1}", question)
                heard = state(memory)
                perform(memory, verb, number, question)
                assert state(memory) == heard
            assert memory.stats().operations - sequence in (0, 1)
            if memory.stats().operations > sequence:
                states.append(before)
        assert memory.verify().ok
        with EditMemory.open(memory.path) as second:  # another process would build the same index
            assert state(second) == state(memory)
        while states:
            memory.undo()
            assert (state(memory), exported(memory)) == states.pop()


def test_a_radius_is_never_out_of_bounds(memory: EditMemory) -> None:
    memory.add("one two", "x")
    for number in range(30):
        memory.confirm("e1", f"one two {' '.join(map(str, range(number + 1)))}?")
    assert all(0 <= radius <= 2 for _, radius in keys(memory).values())
    assert np.isfinite([radius for _, radius in keys(memory).values()]).all()


def test_the_table_knows_the_kinds(memory: EditMemory) -> None:
    memory.add(PM, "x")
    run = memory._store.connection.execute
    for kind in KeyKind:
        run("UPDATE keys SET kind = ?", (str(kind),))
    with pytest.raises(memory._store.database.failures, match=r"(?i)check constraint"):
        run("UPDATE keys SET kind = 'denied'")
