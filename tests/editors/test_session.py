"""Edits over several calls: each knows of those before it, and all come out together."""

import pytest
import torch

from kedit_memory.editors import Applied, Session, load_editor
from kedit_memory.errors import EditorError
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import EditRequest

FRANCE = EditRequest(prompt="The capital of France is", target="Rome", subject="France")
KING = EditRequest(prompt="The king of the north is", target="Bob", subject="the north")
EDITORS = {
    "ft": {"rate": 1e-2},
    "ft-retrain": {"rate": 1e-2, "every": 2},
    "alphaedit": {"tokens": 800, "layers": (0,), "steps": 5, "threshold": 0.5},
    "grace-fast": {"layer": 1, "questions": 0, "radius": 0.02},
}


def state(model):
    return {name: tensor.clone() for name, tensor in model.model.state_dict().items()}


def same(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("method", EDITORS)
def test_it_is_undone_whole_and_put_back(one, method, tmp_path):
    before, said = state(one), one.logits(Prompt(question=KING.prompt))
    session = Session(load_editor(method, **EDITORS[method]), one)
    assert isinstance(session, Applied)
    assert [outcome.fact.target for outcome in session.add([FRANCE])] == ["Rome"]
    assert [outcome.fact.target for outcome in session.add([KING])] == ["Bob"]
    assert [outcome.fact.target for outcome in session.outcomes] == ["Rome", "Bob"]
    after, edited = state(one), one.logits(Prompt(question=KING.prompt))
    session.save(tmp_path / "session")
    session.undo()
    assert same(state(one), before)
    assert torch.equal(one.logits(Prompt(question=KING.prompt)), said)
    again = Session(load_editor(method, **EDITORS[method]), one)
    again.restore(tmp_path / "session")
    assert same(state(one), after)
    assert torch.equal(one.logits(Prompt(question=KING.prompt)), edited)
    again.undo()
    assert same(state(one), before)
    assert again.outcomes == []


@pytest.mark.parametrize("method", ["alphaedit", "ft-retrain"])
def test_a_call_knows_of_those_before_it(one, method, tmp_path):
    editor = load_editor(method, **EDITORS[method])
    session = Session(editor, one)
    session.add([FRANCE])
    session.add([KING])
    known = state(one)
    session.save(tmp_path / "session")
    session.undo()
    editor.apply(one, [FRANCE])
    editor.following([FRANCE]).apply(one, [KING])
    assert same(state(one), known)


def test_a_restored_session_goes_on_where_it_was(one, tmp_path):
    told = []

    class Telling(type(load_editor("ft-retrain"))):
        def following(self, past):
            told.append([edit.prompt for edit in past])
            return super().following(past)

    session = Session(Telling(rate=1e-2), one)
    session.add([FRANCE])
    session.save(tmp_path / "session")
    session.undo()
    again = Session(Telling(rate=1e-2), one)
    again.restore(tmp_path / "session")
    again.add([KING])
    again.undo()
    assert told == [[], [FRANCE.prompt]]


def test_a_folder_of_no_session(one, tmp_path):
    with pytest.raises(EditorError, match="holds no saved change"):
        Session(load_editor("ft"), one).restore(tmp_path)
