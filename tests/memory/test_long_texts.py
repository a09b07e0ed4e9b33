"""Answers of many lines, lists, code: stored, exported, imported and given back to the character."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kedit_memory.memory.memory import EditMemory
from kedit_memory.memory.requests import validate
from kedit_memory.memory.rows import edit_fields
from kedit_memory.memory.transfer import export_lines, stored_edit
from kedit_memory.models.encoder import HashingEncoder
from kedit_memory.records import EditRequest
from kedit_memory.text import LONGEST_TEXT, verbatim

LIST = "1. Hold the button.\n2. Wait.\n   - ten seconds  \n\n\t3. Done"
CODE = "    def f(x):\n        return x  # ½ é e\u0301 \u202e"
TEXTS = st.text(st.characters(exclude_categories=("Cc", "Cs")) | st.sampled_from("\n\t "), min_size=1, max_size=40)
FILLED = TEXTS.filter(str.strip)


def test_many_lines_are_given_back_as_they_were(memory: EditMemory) -> None:
    assert memory.add("How do I reset it?\nThe red one.", LIST).target == LIST
    assert memory.get(memory.add("Show me f.", "\r\n" + CODE.replace("\n", "\r\n") + "\r\n").id).target == CODE
    assert memory.get("e1").statement == f"How do I reset it?\nThe red one.\n{LIST}"
    assert memory.worded(["How do I reset it?\nThe red one."])[0].edit.id == "e1"
    assert memory.search("How do I\nreset it?", 1)[0].edit.id == "e1"


@pytest.mark.parametrize(("old", "new"), [("if x:\ny", "if x:\n    y"), ("paris", "Paris"), ("Yes", "Yes.")])
def test_a_correction_of_indentation_case_or_marks_supersedes(memory: EditMemory, old: str, new: str) -> None:
    memory.add("Show me.", old)
    memory.add("Show me.", new)
    assert [edit.target for edit in memory.all()] == [new]


def test_an_update_keeps_a_statement_alone_one(memory: EditMemory) -> None:
    first = memory.add(" a e\u0301\n b")
    assert first.prompt == "a é\n b"
    changed = memory.update(first.id, statement="c\n  d")
    assert (changed.prompt, changed.target, changed.statement) == ("c\n  d",) * 3
    assert memory.update(first.id, aliases=["x"]).statement == "c\n  d"


def test_the_longest_texts_are_keys_and_come_back(open_memory: Callable[..., EditMemory], tmp_path: Path) -> None:
    memory = open_memory(encoder=HashingEncoder())
    prompt, target = "why " * 8000, "Because.\n" * 3555
    memory.add(prompt, target, statement="so " * 10_666)
    memory.add(f"{prompt[:-4]}?", "x", subject="y" * 4000, relation="z" * 4000)
    memory.add("A statement alone. " * 1684)
    memory.add("p" * LONGEST_TEXT, "t" * LONGEST_TEXT)  # its statement is longer than what may be given as one
    memory.export(tmp_path / "one.jsonl")
    copy = open_memory("copy", encoder=HashingEncoder())
    copy.import_(tmp_path / "one.jsonl")
    assert copy.all() == memory.all()
    assert copy.worded([prompt.strip()])[0].edit.target == target.rstrip()
    assert copy.verify().ok
    copy.undo()
    assert len(copy) == 0


@given(prompt=FILLED, target=FILLED, statement=st.none() | FILLED, paraphrases=st.lists(FILLED, max_size=2))
def test_a_line_of_an_export_says_the_same(
    prompt: str, target: str, statement: str | None, paraphrases: list[str]
) -> None:
    given_ = EditRequest(prompt=prompt, target=target, statement=statement, paraphrases=tuple(paraphrases))
    for request in (given_, EditRequest(statement=target)):
        draft = validate(request, created_at="2026-06-01T12:00:00Z")
        assert draft.edit.target == verbatim(target, "target")
        assert draft.edit.statement
        line = json.dumps(
            edit_fields(replace(draft.edit, id="e1"))
            | {"keys": [{"kind": key.kind, "text": key.text, "radius": 0.65} for key in draft.keys]}
        )
        again = stored_edit(json.loads(line), "line 1")
        assert vars(again.edit) == vars(draft.edit) | {"id": "e1"}
        assert tuple(key for key, _ in again.keys) == draft.keys


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(targets=st.lists(FILLED, min_size=1, max_size=4))
def test_add_get_export_import_get(open_memory: Callable[..., EditMemory], tmp_path: Path, targets: list[str]) -> None:
    number = len(list(tmp_path.iterdir()))
    memory, copy = open_memory(f"{number}"), open_memory(f"{number}-copy")
    added = memory.add_many([{"prompt": f"{n}?\n{text}", "target": text} for n, text in enumerate(targets)])
    file = tmp_path / f"{number}.jsonl"
    memory.export(file)
    for edit, imported, text in zip(added, copy.import_(file), targets, strict=True):
        assert memory.get(edit.id).target == imported.target == copy.get(imported.id).target == verbatim(text, "target")
        assert imported == memory.get(edit.id)
    assert list(export_lines(copy._store, None)) == file.read_text("utf-8").split("\n")[:-1]


@pytest.mark.parametrize("bad", ["a\x1b[31mb", "a\rb", "a\x85b"])
def test_control_characters_are_refused(memory: EditMemory, bad: str) -> None:
    for fields in ({"prompt": bad, "target": "x"}, {"prompt": "x", "target": bad}, {"statement": bad}):
        with pytest.raises(ValueError, match="control character"):
            memory.add_many([fields])
    assert memory.history() == []
