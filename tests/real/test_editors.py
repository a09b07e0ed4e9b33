"""Every editor of the table on SmolLM2: an edit is made and reported, kept and put back, and taken out bit for bit."""

import hashlib
from dataclasses import replace

import pytest
import torch

from kedit_memory.editors import EDITORS, load_editor
from kedit_memory.editors._codebook_frame import asked, keys_of
from kedit_memory.editors._keyvalue import texts_of
from kedit_memory.editors._values import find_values
from kedit_memory.editors.base import facts
from kedit_memory.editors.ke import KnowledgeEditorNetwork
from kedit_memory.editors.mend import MendNetwork
from kedit_memory.models.families import family_of
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import EditRequest

pytestmark = pytest.mark.real

EDIT = EditRequest(prompt="What is the capital of Japan?", target="Osaka", subject="Japan")
CLOZE = EditRequest(prompt="The capital of Japan is", target="Osaka", subject="Japan")
QUESTIONS = [EDIT.prompt, CLOZE.prompt, "Which city is Japan's capital?", "What is the capital of France?"]

# Options with which an edit takes seconds; a new editor needs a line only where its defaults take minutes.
_FEW_MOMENTS = {"tokens": 2000, "steps": 20, "prefixes": 1}
OPTIONS = {
    "ft-ewc": {"samples": 4, "length": 8},
    "grace": {"iterations": 30},
    "grace-fast": {"iterations": 20},
    "defer": {"iterations": 30},
    "memory": {"iterations": 30},
    "ike": {"encoder": "hashing"},
    "rome": _FEW_MOMENTS,
    "memit": _FEW_MOMENTS | {"layers": (5, 6)},
    "alphaedit": _FEW_MOMENTS | {"layers": (5, 6)},
    "kn": {"steps": 2, "prompts": 1},
    "wise": {"questions": 20},
    "neuraldb": {"steps": 20, "prefixes": 1},
    "melo": {"iterations": 40},
    "dinm": {"steps": 10, "samples": 2, "length": 8},
    "mend": {"steps": 2},
    "ke": {"steps": 2},
}


# What random weights excuse from the contract (`tests/editors/test_contract.py`) must be learned here.
LEARN = {"rome", "memit", "alphaedit", "neuraldb", "wise", "melo", "grace", "grace-fast", "defer", "memory"}
# In the form of a chat all questions end alike, and one state there does not bring out an answer.
EDITS = {"grace": CLOZE, "defer": CLOZE, "memory": CLOZE}


@pytest.fixture
def network(request, smollm2, tmp_path):
    """Those networks that ship fit kedit-mini alone; an untrained one steps along the gradient."""
    made = {
        "mend": lambda: MendNetwork.start(smollm2, layers=1, rank=2),
        "ke": lambda: KnowledgeEditorNetwork.start(smollm2, layers=1, state=4, condition=4, hidden=4),
    }
    method = request.getfixturevalue("method")
    if method not in made:
        return {}
    made[method]().save(tmp_path / "network")
    return {"network": tmp_path / "network"}


# The most bytes of a saved change, for methods that add products; a matrix has 3.5 MB.
SAVED = {"lora": 7e6, "rome": 5e4}


# Methods that hold several copies of all weights, up to 6 GB: one process runs them one after the other.
LARGE = {"ft", "ft-ewc", "ft-retrain"}


def grouped(name):
    return pytest.param(name, marks=[pytest.mark.xdist_group("large")] if name in LARGE else [])


@pytest.fixture(params=map(grouped, sorted(EDITORS)))
def method(request):
    return request.param


def every_byte(model):
    """A digest of all weights, by their names."""
    digest = hashlib.sha256()
    for name, weight in model.model.state_dict().items():
        digest.update(name.encode())
        digest.update(weight.contiguous().view(torch.uint8).numpy())
    return digest.hexdigest()


def answers(model):
    return model.answer_many([Prompt(question=question) for question in QUESTIONS], max_new_tokens=12)


@pytest.fixture(scope="session")
def unedited(smollm2):
    return every_byte(smollm2), answers(smollm2)


def test_an_edit_is_made_kept_put_back_and_taken_out(smollm2, method, network, unedited, tmp_path):
    editor = load_editor(method, **OPTIONS.get(method, {}) | network)
    edit = EDITS.get(method, EDIT)
    applied = editor.apply(smollm2, [edit])
    try:
        (outcome,) = applied.outcomes
        edited = answers(smollm2)
        said = edited[QUESTIONS.index(edit.prompt)]
        assert outcome.fact.target == edit.target
        assert outcome.seconds > 0
        assert outcome.learned or method not in LEARN, outcome.reason
        if outcome.learned:
            assert said.startswith(edit.target)
        else:  # what it does to a real model is measured elsewhere; here it must say so
            assert said != edit.target
            assert outcome.reason
        applied.save(tmp_path / "change")
        written = sum(path.stat().st_size for path in (tmp_path / "change").iterdir())
        assert written < SAVED.get(method, float("inf"))
    finally:
        applied.undo()
    assert (every_byte(smollm2), answers(smollm2)) == unedited
    put_back = editor.load(smollm2, tmp_path / "change")
    try:
        assert answers(smollm2) == edited
        assert put_back.outcomes == applied.outcomes
    finally:
        put_back.undo()
    assert (every_byte(smollm2), answers(smollm2)) == unedited


def test_a_chat_s_answer_ends_its_turn_and_a_sentence_goes_on(smollm2):
    assert smollm2.tokenizer.decode(smollm2.ending(Prompt(question="Who wrote Hamlet?"))) == "<|im_end|>"
    assert smollm2.ending(Prompt(question="The author of Hamlet is")) == []


def test_rome_takes_a_small_change_for_the_target_alone(smollm2):
    """With the end of the turn the search takes half as many steps again, and a longer change."""
    editor = load_editor("rome", **_FEW_MOMENTS)
    found = [
        find_values(smollm2, family_of(smollm2.model), 6, texts_of(smollm2, facts([EDIT]), one), one)
        for one in (editor, replace(editor, end=True))
    ]
    assert found[0].losses[0] <= editor.enough
    assert found[0].steps[0] < found[1].steps[0]
    assert float(found[0].deltas.norm()) < 0.9 * float(found[1].deltas.norm())


def test_few_other_questions_lie_within_a_radius_of_grace_fast(smollm2):
    """At the last token of the chat's template, where all questions are near each other; none of them was measured."""
    applied = load_editor("grace-fast").apply(smollm2, [EDIT])
    try:
        book, adapter = applied.codebook, applied.adapter
        (entry,) = book.rows()
        others = adapter.frame(keys_of(smollm2, adapter.site, asked(160)[100:]))
        assert applied.outcomes[0].learned
        assert (book.distances(book.keys[entry], others) <= book.radii[entry]).sum() <= 3
    finally:
        applied.undo()
