"""The verbs of the memory, against each other and against what a reader of the interface expects."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import TODAY, WordEncoder, state  # type: ignore[attr-defined]
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kedit_memory.errors import ConflictError, EncoderMismatchError, InvalidInputError, NotFoundError
from kedit_memory.memory.memory import EditMemory
from kedit_memory.memory.radius import DEFAULT_RADIUS
from kedit_memory.records import EditRequest, Kind, Status

PM = "Who is the Prime Minister of the UK?"


def test_the_tour(memory: EditMemory) -> None:
    edit = memory.add(PM, "Keir Starmer", subject="United Kingdom")
    assert (edit.id, edit.kind, edit.status) == ("e1", Kind.INSERTION, Status.ACTIVE)
    assert memory.get("e1") == edit
    assert memory.add(PM, "Keir Starmer", subject="United Kingdom") == edit  # nothing new, nothing written
    statement = memory.add("Ann became mayor of Oslo in 2024.")
    assert statement.prompt == statement.target == statement.statement
    erased = memory.erase("What is Ann Example's phone number?")
    assert (erased.kind, erased.target) == (Kind.ERASURE, None)
    (match,) = memory.in_scope(PM)
    assert (match.edit, match.distance, match.key, match.in_scope) == (edit, 0.0, PM, True)
    assert memory.search("mayor of Oslo", k=2)[0].edit.id == "e2"
    assert [one.id for one in memory.all()] == ["e1", "e2", "e3"]
    assert len(memory) == 3
    assert memory.verify().ok


def test_a_second_answer_supersedes(memory: EditMemory) -> None:
    first = memory.add(PM, "Rishi Sunak", valid_from="2022-10-25")
    second = memory.add(PM, "Keir Starmer", valid_from="2024-07-05")
    assert second.kind is Kind.MODIFICATION
    old = memory.get(first.id)
    assert (old.status, old.superseded_by, old.valid_until) == (Status.SUPERSEDED, "e2", "2024-07-05")
    assert [match.edit.target for match in memory.in_scope(PM)] == ["Keir Starmer"]
    assert [match.edit.target for match in memory.in_scope(PM, as_of="2023")] == ["Rishi Sunak"]
    assert memory.in_scope(PM, as_of="2020-05") == []
    assert memory.in_scope(PM)[0].radius == memory.in_scope(PM, as_of="2023")[0].radius == DEFAULT_RADIUS


def test_a_replaced_answer_does_not_come_back(memory: EditMemory) -> None:
    memory.add(PM, "Rishi Sunak", valid_from="2022", valid_until="2024")
    memory.add(PM, "Keir Starmer")
    for day in (None, "2021", "2023", "2025"):
        assert [match.edit.target for match in memory.in_scope(PM, as_of=day)] == ["Keir Starmer"]


def test_an_answer_of_the_past_leaves_the_present_one(memory: EditMemory) -> None:
    memory.add(PM, "Keir Starmer")
    memory.add(PM, "Boris Johnson", valid_from="2019-07-24", valid_until="2022-09-06")
    assert [match.edit.target for match in memory.in_scope(PM)] == ["Keir Starmer"]
    assert [match.edit.target for match in memory.in_scope(PM, as_of="2020")] == ["Boris Johnson"]


def test_an_answer_of_the_future_waits(memory: EditMemory) -> None:
    memory.add(PM, "Keir Starmer")
    memory.add(PM, "Ann Example", valid_from="2027")
    assert [match.edit.target for match in memory.in_scope(PM)] == ["Keir Starmer"]
    assert [match.edit.target for match in memory.in_scope(PM, as_of="2027-02")] == ["Ann Example"]


def test_reject_and_keep_both(memory: EditMemory) -> None:
    memory.add(PM, "Rishi Sunak")
    with pytest.raises(ConflictError, match="e1 already answers it with 'Rishi Sunak'"):
        memory.add(PM, "Keir Starmer", on_conflict="reject")
    assert len(memory.history()) == 1
    memory.add(PM, "Keir Starmer", on_conflict="keep_both")
    matches = memory.in_scope(PM)
    assert {match.edit.target for match in matches} == {"Rishi Sunak", "Keir Starmer"}
    assert {match.radius for match in matches} == {DEFAULT_RADIUS}
    with pytest.raises(InvalidInputError, match="on_conflict 'ask' is unknown"):
        memory.add(PM, "x", on_conflict="ask")


def test_near_questions_split_unless_the_subject_tells_them_apart(memory: EditMemory) -> None:
    memory.add("Who is the king of Spain today?", "A", subject="Spain")
    memory.add("Who is the king of Norway today?", "B", subject="Norway")
    assert [edit.radius for edit in memory.all()] == [DEFAULT_RADIUS] * 2
    memory.add("Who is the queen of Norway today?", "C", subject="Norway")
    spain, king, queen = memory.all()
    gap = np.linalg.norm(np.subtract(*memory.encode([king.prompt, queen.prompt])))
    assert (spain.radius, king.radius) == (DEFAULT_RADIUS, queen.radius)
    assert king.radius == pytest.approx(gap / 2)
    memory.add("Who is the king of Sweden today?", "D")  # of no known subject: near to all of them
    assert memory.get(spain.id).radius < DEFAULT_RADIUS
    memory.undo()
    assert memory.all() == [spain, king, queen]


def test_a_given_radius_is_kept(memory: EditMemory) -> None:
    memory.add("Who is the king of Spain today?", "A", radius=0.6)
    later = memory.add("Who is the king of Norway today?", "B")
    assert memory.get("e1").radius == 0.6
    assert later.radius < 0.4


def test_update_keeps_what_it_is_not_told(memory: EditMemory) -> None:
    memory.add(PM, "Rishi Sunak", paraphrases=["PM of Britain?"], metadata={"a": 1}, source="x")
    before = state(memory)
    edit = memory.update("e1", target="Keir Starmer", paraphrases=["Who runs Britain?"], source=None)
    assert (edit.target, edit.statement) == ("Keir Starmer", f"{PM} Keir Starmer")
    assert (edit.metadata, edit.source, edit.kind) == ({"a": 1}, None, Kind.INSERTION)
    assert memory.in_scope("PM of Britain?") == []
    assert memory.in_scope("Who runs Britain?")[0].key == "Who runs Britain?"
    assert memory.update("e1", radius=0.1).radius == 0.1
    assert memory.verify().ok
    memory.undo()
    memory.undo()
    assert state(memory) == before
    assert memory.verify().ok


def test_update_of_a_statement_and_of_a_triple(memory: EditMemory) -> None:
    memory.add("Ann is mayor of Oslo.")
    edit = memory.update("e1", statement="Bo is mayor of Oslo.")
    assert edit.prompt == edit.target == edit.statement == "Bo is mayor of Oslo."
    memory.add(subject="France", relation="head_of_state", target="A")
    assert memory.update("e2", target="B").statement == "The head of state of France is B."


def test_update_refuses(memory: EditMemory) -> None:
    memory.add(PM, "Rishi Sunak")
    memory.add("Who owns it?", "Ann")
    with pytest.raises(InvalidInputError, match="nothing to change in e1"):
        memory.update("e1")
    with pytest.raises(ConflictError):
        memory.update("e1", prompt="Who owns it?", on_conflict="reject")
    assert memory.get("e1").prompt == PM
    memory.retract("e1")
    with pytest.raises(InvalidInputError, match="e1 is retracted"):
        memory.update("e1", target="x")
    with pytest.raises(InvalidInputError, match="retracted already"):
        memory.retract("e1")


@pytest.mark.parametrize("name", ["e9", "9", "", "e", "e-1", "e1.0", "x" * 99])
def test_unknown_ids(memory: EditMemory, name: str) -> None:
    memory.add(PM, "x")
    for verb in (memory.get, memory.retract, memory.history, memory.purge):
        with pytest.raises(NotFoundError):
            verb(name)


def test_nothing_to_undo(memory: EditMemory) -> None:
    with pytest.raises(NotFoundError, match="nothing to undo"):
        memory.undo()


def test_history_lists_what_was_undone(memory: EditMemory) -> None:
    memory.add(PM, "Rishi Sunak")
    memory.add(PM, "Keir Starmer")
    undone = memory.undo()
    assert [(one.verb, one.edit_id, one.undone) for one in undone] == [("supersede", "e1", True), ("add", "e2", True)]
    assert [(one.verb, one.undone) for one in memory.history("e1")] == [
        ("add", False), ("supersede", True), ("undo", False),
    ]  # fmt: skip
    assert memory.add(PM, "Ann Example").id == "e3"  # no id is used twice
    assert memory.history("e2")[0].after.target == "Keir Starmer"  # type: ignore[union-attr]


def test_namespaces_are_apart(memory: EditMemory) -> None:
    memory.add(PM, "A")
    memory.add(PM, "B", namespace="other")
    assert [match.edit.target for match in memory.in_scope(PM)] == ["A"]
    assert [match.edit.target for match in memory.search(PM, namespace="other")] == ["B"]
    assert [edit.target for edit in memory.all(namespace=None)] == ["A", "B"]
    with pytest.raises(NotFoundError, match="is in namespace 'other'"):
        memory.get("e2", namespace="default")
    assert memory.history(namespace="other")[0].edit_id == "e2"
    memory.undo(namespace="default")
    assert [edit.target for edit in memory.all(namespace=None)] == ["B"]


VERBS = st.lists(
    st.tuples(
        st.sampled_from(["add", "add", "add", "keep", "erase", "update", "retract", "undo", "many"]),
        st.integers(0, 4),
        st.integers(0, 3),
        st.sampled_from([None, "Spain", "Norway"]),
    ),
    min_size=1,
    max_size=12,
)
PROMPTS = ["king of land today?", "queen of land today?", "king of sea today?", "who?", "what is it?"]


def perform(memory: EditMemory, verb: str, number: int, other: int, subject: str | None) -> None:
    prompt, active = PROMPTS[number], memory.all()
    if verb in ("add", "keep"):
        rule = "supersede" if verb == "add" else "keep_both"
        memory.add(prompt, f"t{other}", subject=subject, on_conflict=rule, valid_from=[None, "2010"][other % 2])
    elif verb == "erase":
        memory.erase(prompt, subject=subject)
    elif verb == "many":
        memory.add_many([{"prompt": p, "target": f"t{other}"} for p in PROMPTS[number:]])
    elif verb == "update" and active:
        changes: list[Any] = [
            {"target": "new"},
            {"paraphrases": ["land?", prompt]},
            {"radius": 0.3},
            {"prompt": "how?"},
        ]
        memory.update(active[number % len(active)].id, **changes[other])
    elif verb == "retract" and active:
        memory.retract(active[number % len(active)].id)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(verbs=VERBS)
def test_undo_restores_every_state(tmp_path_factory: pytest.TempPathFactory, verbs: list[Any]) -> None:
    """Any sequence of verbs, each undone at its end in turn, leads back through every state."""
    with EditMemory.open(tmp_path_factory.mktemp("store"), WordEncoder()) as memory:
        states: list[Any] = []
        for verb, number, other, subject in verbs:
            if verb == "undo":
                if states:
                    memory.undo()
                    assert state(memory) == states.pop()
                continue
            before, sequence = state(memory), memory.stats().operations
            perform(memory, verb, number, other, subject)
            if memory.stats().operations > sequence:
                states.append(before)
        assert memory.verify().ok
        with EditMemory.open(memory.path) as second:  # another process would build the same index
            assert state(second) == state(memory)
        while states:
            memory.undo()
            assert state(memory) == states.pop()


@settings(max_examples=15, deadline=None)
@given(verbs=VERBS)
def test_add_many_is_adding_one_by_one(tmp_path_factory: pytest.TempPathFactory, verbs: list[Any]) -> None:
    rows = [{"prompt": PROMPTS[n], "target": f"t{other}", "subject": subject} for _, n, other, subject in verbs]
    folder = tmp_path_factory.mktemp("stores")
    one = EditMemory.open(folder / "a", WordEncoder(), clock=lambda: TODAY)
    many = EditMemory.open(folder / "b", WordEncoder(), clock=lambda: TODAY)
    with one, many:
        for row in rows:
            one.add(**row)
        many.add_many(rows)
        assert state(one) == state(many)


def test_encoder_is_asked_once_for_each_text(open_memory: Callable[..., EditMemory], encoder: WordEncoder) -> None:
    memory = open_memory(encoder=encoder)
    memory.add_many([{"prompt": "one?", "target": str(n)} for n in range(3)] + [{"prompt": "two?", "target": "x"}])
    memory.in_scope("two?")
    assert encoder.encoded == ["one?", "two?"]


def test_another_encoder_is_refused_with_the_command(open_memory: Callable[..., EditMemory]) -> None:
    open_memory().add(PM, "x")
    with pytest.raises(EncoderMismatchError, match="kedit rebuild --encoder letters"):
        open_memory(encoder=WordEncoder("letters"))
    with pytest.raises(EncoderMismatchError):
        open_memory(encoder=WordEncoder(dimension=16))


def test_rebuild_with_another_encoder(open_memory: Callable[..., EditMemory]) -> None:
    first, second = open_memory(), open_memory()
    first.add(PM, "x", paraphrases=["PM?"])
    second.in_scope(PM)
    assert first.rebuild(WordEncoder("letters", 16)) == 2
    assert first.in_scope(PM)[0].distance == 0.0
    assert first.verify().ok
    assert first.stats().dimension == 16
    with pytest.raises(EncoderMismatchError):
        second.in_scope("How?")
    assert open_memory(encoder=WordEncoder("letters", 16)).in_scope("PM?")[0].edit.id == "e1"


def test_vectors_as_questions(memory: EditMemory) -> None:
    memory.add(PM, "x")
    assert memory.in_scope(memory.encode([PM])[0])[0].edit.id == "e1"
    for bad in (np.zeros(3), np.full(32, np.nan), np.zeros((1, 32))):
        with pytest.raises(InvalidInputError):
            memory.in_scope(bad.astype(np.float32))
    with pytest.raises(InvalidInputError, match="question is empty"):
        memory.in_scope(" ")
    with pytest.raises(InvalidInputError, match="k is 0"):
        memory.search(PM, k=0)
    with pytest.raises(InvalidInputError, match="as_of"):
        memory.in_scope(PM, as_of="then")


def test_limit_gives_the_first_ones(memory: EditMemory) -> None:
    memory.add_many(
        [
            {"prompt": f"who is number {n}?", "target": str(n), "subject": str(n), "radius": 2.0 - n / 40}
            for n in range(40)
        ]
    )
    every = memory.in_scope("who is number 7?")
    assert len(every) > 10
    for limit in (1, 3, 10):
        assert memory.in_scope("who is number 7?", limit=limit) == every[:limit]


def test_empty_memory_answers_nothing(memory: EditMemory) -> None:
    assert memory.in_scope("anything?") == memory.search("anything?") == memory.all() == []
    assert memory.verify().ok
    assert memory.rebuild() == 0
    assert memory.stats().encoder is None


def test_requests_are_rows(memory: EditMemory) -> None:
    rows = [EditRequest(prompt="a?", target="b"), {"prompt": "c?", "kind": "erasure"}]
    assert [edit.kind for edit in memory.add_many(rows, namespace="n")] == [Kind.INSERTION, Kind.ERASURE]
    assert [edit.namespace for edit in memory.all(namespace=None)] == ["default", "n"]
    assert memory.add_many([]) == []


def test_threads_share_a_memory(memory: EditMemory) -> None:
    def work(number: int) -> None:
        for step in range(5):
            memory.add(f"question {number} {step}?", "x", subject=f"{number} {step}")
            memory.in_scope(f"question {number} {step}?")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(memory) == 20
    assert memory.verify().ok


def test_two_processes_see_each_other(open_memory: Callable[..., EditMemory]) -> None:
    first, second = open_memory(), open_memory()
    first.add("one?", "1")
    assert second.in_scope("one?")[0].edit.target == "1"
    second.add("two?", "2")
    second.update("e1", target="11")
    assert first.in_scope("one?")[0].edit.target == "11"
    first.retract("e2")
    assert second.in_scope("two?") == []
    second.undo()
    assert first.in_scope("two?")[0].edit.id == "e2"
    first.purge("e1")
    assert second.in_scope("one?") == []
    assert first.verify().ok
    assert second.verify().ok


def test_reading_rows_loads_neither_faiss_nor_torch(memory: EditMemory, place: Callable[[str], Any]) -> None:
    memory.add(PM, "x")
    program = (
        "import sys; from kedit_memory.memory.memory import EditMemory as E\n"
        f"m = E.open({str(place('store'))!r}); m.all(); m.get('e1'); m.history(); m.stats()\n"
        "assert not {'faiss', 'torch'} & set(sys.modules)"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", program], check=True, cwd=root)


def test_export_keeps_everything(open_memory: Callable[..., EditMemory], tmp_path: Path) -> None:
    memory = open_memory()
    memory.add(PM, "Rishi Sunak", valid_from="2022", aliases=["a"], metadata={"b": [1, None]})
    memory.add(PM, "Keir Starmer", valid_from="2024-07-05", paraphrases=["UK PM?"])
    memory.add("Who is the king of Spain?", "A")
    memory.add("Who is the king of Norway?", "B", radius=0.25, namespace="other")
    memory.retract(memory.add("gone?", "x").id)
    memory.add("undone?", "x")
    memory.undo()
    assert memory.export(tmp_path / "one.jsonl") == 5
    copy = open_memory("copy")
    assert [edit.id for edit in copy.import_(tmp_path / "one.jsonl")] == ["e1", "e2", "e3", "e4", "e5"]
    copy.export(tmp_path / "two.jsonl")
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()
    assert copy.all(status=None, namespace=None) == memory.all(status=None, namespace=None)
    assert copy.in_scope(PM, as_of="2023")[0].edit.target == "Rishi Sunak"
    assert copy.verify().ok
    before = copy.history()
    assert copy.import_(tmp_path / "one.jsonl") == memory.all(status=None, namespace=None)  # again: nothing is new
    assert copy.history() == before
    used = open_memory("used")
    used.add("first?", "x")
    again = used.import_file(tmp_path / "one.jsonl")  # into a store in use: under new ids
    assert [edit.id for edit in again.stored] == ["e2", "e3", "e4", "e5", "e6"]
    assert again.stored[0].superseded_by == "e3"
    assert used.in_scope(PM, as_of="2023")[0].edit.target == "Rishi Sunak"
    third = used.import_file(tmp_path / "one.jsonl")
    assert (third.stored, len(third.known), third.refused) == ((), 5, ())
    assert used.verify().ok
    used.undo()
    assert [edit.prompt for edit in used.all(status=None, namespace=None)] == ["first?"]


GOOD_LINE = '{"prompt": "a?", "target": "b"}'


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"prompt": ', "line 3: no JSON"),
        (b"\xff\xfe", "line 3: not UTF-8 .byte 37 of the file"),
        (b"[1]", "line 3: .* is no object"),
        (b'{"prompt": "x"}', "line 3: no target"),
        (b'{"prompt": "x", "target": "y", "radius": NaN}', "line 3: no JSON .NaN"),
        (b'{"prompt": "x", "target": "y", "radius": -1}', "line 3: radius -1"),
        (b'{"prompt": "x", "target": "\\ud800"}', "line 3: target holds text that is not valid"),
        (b'{"prompt": "", "target": "y"}', "line 3: prompt is empty"),
        (b"[" * 100_000, "line 3: no JSON"),
    ],
)
def test_a_malformed_line_is_named_and_nothing_imported(
    memory: EditMemory, tmp_path: Path, line: bytes, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(
        b"\xef\xbb\xbf" + GOOD_LINE.encode() + b"\r\n\n" + line + b"\n" + GOOD_LINE.replace('"a?"', '"c?"').encode()
    )
    for importing in (memory.import_, memory.add_many):
        with pytest.raises(InvalidInputError, match=words):
            importing(file)
    assert memory.history() == []
    assert [edit.prompt for edit in memory.import_(file, partial=True)] == ["a?", "c?"]
    assert "line 3" in caplog.text


def test_conflicts_of_an_import_are_named(memory: EditMemory, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(GOOD_LINE + "\n" + GOOD_LINE.replace('"b"', '"c"'))
    with pytest.raises(ConflictError, match=r"^line 2: "):
        memory.import_(file, on_conflict="reject")
    assert memory.history() == []
    assert len(memory.import_(file, on_conflict="reject", partial=True)) == 1
    assert memory.verify().ok


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"keys": []}, "without keys"),
        ({"keys": [{"kind": "x", "text": "a", "radius": 1}]}, "key kind 'x'"),
        ({"keys": [{"kind": "prompt", "text": "a", "radius": 9}]}, "radius 9"),
        ({"keys": 3}, "no valid line"),
        ({"status": "lost"}, "no valid line"),
        ({"id": "17"}, "no edit '17'"),
        ({"id": "e2"}, "comes twice"),
        ({"created_at": "then"}, "no valid line"),
        ({"prompt": ""}, "prompt is empty"),
    ],
)
def test_a_malformed_export_is_refused(
    open_memory: Callable[..., EditMemory], tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    memory, file = open_memory(), tmp_path / "rows.jsonl"
    memory.add("a?", "b")
    memory.add("c?", "d")
    memory.export(file)
    first, second = file.read_text().splitlines()
    file.write_text(second + "\n" + json.dumps(json.loads(first) | changes))
    copy = open_memory("copy")
    with pytest.raises(InvalidInputError, match=rf"line 2: .*{words}"):
        copy.import_(file)
    with pytest.raises(NotFoundError, match="cannot be read"):
        copy.import_(tmp_path / "none")
    assert copy.history() == []
    assert [edit.prompt for edit in copy.import_(file, partial=True)] == ["c?"]
    assert [one.where for one in copy.import_file(file).refused] == ["line 2"]


def test_lines_of_an_export_and_requests_may_stand_in_one_file(
    open_memory: Callable[..., EditMemory], tmp_path: Path
) -> None:
    memory, copy, file = open_memory(), open_memory("copy"), tmp_path / "rows.jsonl"
    memory.add("c?", "d", radius=0.25)
    memory.export(file)
    file.write_text(GOOD_LINE + "\n" + file.read_text())
    assert [(edit.prompt, edit.radius) for edit in copy.import_(file)] == [("a?", 0.65), ("c?", 0.25)]
    assert len(copy.import_file(file).known) == 2


@pytest.mark.parametrize(
    ("rule", "stored", "refused", "answers"),
    [("supersede", 1, 0, ["mine", "theirs"]), ("keep_both", 1, 0, ["mine", "mine", "theirs"]), ("reject", 0, 1, None)],
)
def test_an_export_minds_what_the_store_says(
    open_memory: Callable[..., EditMemory],
    tmp_path: Path,
    rule: str,
    stored: int,
    refused: int,
    answers: list[str] | None,
) -> None:
    theirs, mine, file = open_memory("theirs"), open_memory("mine"), tmp_path / "rows.jsonl"
    theirs.add(PM, "theirs")
    theirs.add("both?", "mine")
    theirs.export(file)
    mine.add(PM, "mine")
    mine.add("both?", "mine")
    taken = mine.import_file(file, on_conflict=rule)
    assert (len(taken.stored), len(taken.known), len(taken.refused)) == (stored, 1, refused)
    assert sorted(str(edit.target) for edit in mine.all()) == (answers or ["mine", "mine"])
    if refused:
        assert "e1 already answers it with 'mine'" in str(taken.refused[0].refusal)
        with pytest.raises(ConflictError, match=r"^line 1: "):
            mine.import_(file, on_conflict=rule)
    again = mine.import_file(file, on_conflict=rule)
    assert (len(again.stored), len(again.known)) == (0, 2 - refused)
    assert mine.verify().ok
    if stored:
        mine.undo()
        assert sorted(str(edit.target) for edit in mine.all()) == ["mine", "mine"]


def test_what_has_changed_since_it_was_exported_stays_as_it_is(memory: EditMemory, tmp_path: Path) -> None:
    memory.add(PM, "old")
    memory.add("gone?", "x")
    memory.export(tmp_path / "rows.jsonl")
    memory.add(PM, "new", valid_from="2025")
    memory.retract("e2")
    before = memory.all(status=None)
    assert len(memory.import_file(tmp_path / "rows.jsonl").known) == 2
    assert memory.all(status=None) == before


def test_the_lines_of_an_export_may_stand_in_one_document(
    open_memory: Callable[..., EditMemory], tmp_path: Path
) -> None:
    memory, copy = open_memory(), open_memory("copy")
    memory.add(PM, "old", paraphrases=["UK PM?"])
    memory.add(PM, "new")
    memory.export(tmp_path / "rows.jsonl")
    lines = (tmp_path / "rows.jsonl").read_text().splitlines()
    (tmp_path / "all.json").write_text(f'{{"edits": [{", ".join(lines)}]}}')
    assert len(copy.import_file(tmp_path / "all.json").stored) == 2
    assert copy.list(status=None) == memory.list(status=None)


def test_an_import_goes_into_the_namespace_that_is_named(
    open_memory: Callable[..., EditMemory], tmp_path: Path
) -> None:
    memory, copy, file = open_memory(), open_memory("copy"), tmp_path / "rows.jsonl"
    memory.add(PM, "old", namespace="a")
    memory.add(PM, "new", namespace="a", valid_from="2024", valid_until="2025")
    memory.add("c?", "d", namespace="b")
    memory.export(file)
    file.write_text(file.read_text() + '{"prompt": "e?", "target": "f", "namespace": "a"}\n' + GOOD_LINE + "\n")
    for namespace, found in ((" mine ", {"mine"}), (None, {"a", "b", "default"})):
        taken = copy.import_file(file, namespace=namespace)
        assert {edit.namespace for edit in taken.stored} == found
        assert (len(taken.stored), copy.import_file(file, namespace=namespace).stored) == (6, ())
    assert [match.edit.target for match in copy.worded([PM], as_of="2023", namespace="mine")] == ["old"]
    assert {edit.namespace for edit in copy.list(namespace=None)} == {"mine", "a", "b", "default"}
    with pytest.raises(InvalidInputError, match="namespace is empty"):
        copy.import_(file, namespace=" ")


@pytest.mark.parametrize("partial", [False, True])
def test_the_same_row_twice_is_one_edit(memory: EditMemory, tmp_path: Path, partial: bool) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(f"{GOOD_LINE}\n{GOOD_LINE}\n")
    first = memory.import_file(file)
    assert (len(first.stored), len(first.known)) == (1, 1)
    assert [edit.id for edit in memory.import_(file, partial=partial)] == ["e1", "e1"]
    assert len(memory.history()) == 1


def test_closing_twice_does_nothing(open_memory: Callable[..., EditMemory]) -> None:
    memory = open_memory()
    memory.add(PM, "x")
    memory.close()
    memory.close()
    edit = open_memory().get("e1")
    assert replace(edit, target="y").target == "y"


def test_a_question_without_its_answer_is_refused(memory: EditMemory) -> None:
    with pytest.raises(InvalidInputError, match="without its answer"):
        memory.add("Who leads Acme?")
    assert len(memory) == 0


def test_a_small_namespace_is_searched_as_a_large_one(
    open_memory: Callable[..., EditMemory], monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = open_memory()
    for n in range(12):
        memory.add(f"Who leads unit {n % 6}?", f"Ann {n}", paraphrases=[f"the head of {n}"], on_conflict="keep_both")
        memory.add(f"Who leads unit {n}?", "Bo", namespace="other")
    memory.reject("e1", "Whose is unit 0 now?")
    memory.add("Who leads unit 7?", "Cy", valid_until="2020")
    compared = [memory.search("Who leads unit 3?", 5), memory.search("Whose is unit 0 now?", 40)]
    monkeypatch.setattr("kedit_memory.memory.read.HUB", 0)
    assert [memory.search("Who leads unit 3?", 5), memory.search("Whose is unit 0 now?", 40)] == compared
    assert [len(found) for found in compared] == [5, 12]
    assert [match.rejected for match in compared[1] if match.edit.id == "e1"] == [True]
    assert memory.search("Who leads unit 3?", namespace="nobody") == []
