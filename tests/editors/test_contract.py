"""What every editor of the table promises; a new one needs a line in SETTINGS only where its defaults are slow."""

import re
import shutil

import pytest
import torch

from kedit_memory.editors import EDITORS, Applied, load_editor
from kedit_memory.errors import CapabilityError, EditorError, InvalidInputError
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import Prompt
from kedit_memory.models.remote import OpenAIModel
from kedit_memory.records import EditRequest

METHODS = sorted(EDITORS)
KINDS = ("gpt2", "llama")

# Options with which an edit of a tiny random model is quick and succeeds.
SETTINGS = {
    "ft": {"rate": 1e-2},
    "ft-last": {"rate": 1e-2},
    "ft-l": {"rate": 3e-2, "norm": 1.0, "layer": 1, "steps": 100},
    "ft-ewc": {"rate": 1e-2, "samples": 4, "length": 8, "strength": 1.0},
    "ft-retrain": {"rate": 1e-2, "every": 2},
    "lora": {"rate": 2e-2},
    "ext-sub": {"rate": 2e-2, "subtract": 0.05},
    "ike": {"encoder": "hashing", "demonstrations": 2},
    "rome": {"steps": 40},
    "memit": {"steps": 40},
    "alphaedit": {"steps": 40},
    "mend": {"steps": 60},
    "ke": {"steps": 60},
    "dinm": {"rate": 3e-2, "weight": 10.0, "samples": 2, "length": 8},
    "wise": {"layer": 0, "rate": 5e-2, "bound": 100.0, "mask": 1.0, "steps": 150, "questions": 10},
    "melo": {"layer": 0, "rank": 8, "learning_rate": 1.0},
    "neuraldb": {"steps": 40},
}
# Methods whose network is trained for one model; those for tiny models are untrained and step along the gradient.
TRAINED = {"mend", "ke"}
# What a tiny network of random weights need not learn, and why; a trained one is asked below.
EXCUSED = {
    "ike": "random weights do not read what stands before a question",
    "kn": "neurons of random weights stand for no fact",
    "rome": "one matrix of a random network need not bring out every word of a target",
    "memit": "one matrix of a random network need not bring out every word of a target",
    "alphaedit": "one matrix of a random network need not bring out every word of a target",
    "neuraldb": "what one layer gives of a random network need not bring out every word of a target",
    "grace": "one state of a random network need not bring out every word of a target",
    "grace-fast": "one state of a random network need not bring out every word of a target",
    "defer": "one state of a random network need not bring out every word of a target",
    "memory": "one state of a random network need not bring out every word of a target",
}
# Methods that do not promise to bring a target about, even in a trained network.
UNSURE = {"kn": "the neurons of a fact can be silenced or turned, which need not say another answer"}
# Methods that promise to leave the answers to all other questions alone.
LOCAL = {"grace", "serac"}  # grace by its small default radius; the wider one of grace-fast also holds neighbours
# Methods that answer for every question, edited or not, as their authors report of them.
SWEEPING = {"defer", "memory"}
NEEDS_SUBJECT = {"rome", "memit", "alphaedit", "neuraldb"}
TAKES_LAYER = {"ft-l": {"layer": 9}, "dinm": {"layer": 9}, "lora": {"layers": (0, 9)}, "ext-sub": {"layers": (9,)}}
TAKES_LAYER |= {name: {"layer": 9} for name in ("defer", "memory", "wise", "neuraldb", "melo")}

FRANCE = EditRequest(prompt="The capital of France is", target="Rome", subject="France")
KING = EditRequest(prompt="The king of the north may be", target="Bob", subject="the north")
PROBES = ("The capital of France is", "The capital of Germany is", "The king of the north may be", "Who is Ann?")


@pytest.fixture(params=METHODS)
def method(request):
    return request.param


@pytest.fixture
def editor(request, method):
    options = SETTINGS.get(method, {})
    if method in TRAINED:
        kind = request.getfixturevalue("model").model.config.model_type if "model" in request.fixturenames else "gpt2"
        options = options | {"network": request.getfixturevalue("tiny_network")(method, kind)}
    return load_editor(method, **options)


@pytest.fixture(params=KINDS)
def model(request, tiny_folder):
    return HuggingFaceModel.load(tiny_folder(request.param), device="cpu")


@pytest.fixture
def one(tiny_folder):
    return HuggingFaceModel.load(tiny_folder("gpt2"), device="cpu")


def weights(model):
    return {name: tensor.clone() for name, tensor in model.model.state_dict().items()}


def logits(model):
    return [model.logits(Prompt(question=question)) for question in PROBES]


def answers(model, questions=PROBES):
    return model.answer_many([Prompt(question=question) for question in questions])


def first_words(model, questions):
    """What a text goes on with after a prompt, of which an edit taught the beginning."""
    return [re.split(r"\W", answer)[0] for answer in answers(model, questions)]


def same(first, second):
    if isinstance(first, dict):
        assert first.keys() == second.keys()
        first, second = first.values(), second.values()
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_an_edit_is_said(model, method, editor):
    applied = editor.apply(model, [FRANCE])
    assert isinstance(applied, Applied)
    (outcome,) = applied.outcomes
    assert outcome.fact.target == "Rome"
    assert outcome.seconds > 0
    assert outcome.learned == (first_words(model, [FRANCE.prompt]) == ["Rome"])
    assert outcome.learned or outcome.reason
    if not outcome.learned and method in EXCUSED:
        pytest.skip(EXCUSED[method])
    assert outcome.learned, outcome.reason


def test_it_tells_how_far_it_is(one, editor):
    told = []
    editor.with_progress(lambda *what: told.append(what)).apply(one, [FRANCE])
    assert told
    assert all(what.strip() and 0 <= done <= total > 0 for what, done, total in told)
    assert "progress" not in editor.options


def test_undo_is_exact(model, editor):
    before, said = weights(model), logits(model)
    flags = [(name, weight.requires_grad, weight.grad) for name, weight in model.model.named_parameters()]
    applied = editor.apply(model, [FRANCE])
    assert not (applied.outcomes[0].learned and same(said, logits(model)))
    applied.undo()
    assert same(before, weights(model))
    assert same(said, logits(model))
    assert flags == [(name, weight.requires_grad, weight.grad) for name, weight in model.model.named_parameters()]
    assert not model.model.training
    applied.undo()
    assert same(before, weights(model))


def test_two_in_a_row_come_out_in_reverse_order(model, editor):
    states = [(weights(model), logits(model))]
    made = []
    for edit in (FRANCE, KING):
        made.append(editor.apply(model, [edit]))
        states.append((weights(model), logits(model)))
    for applied in reversed(made):
        states.pop()
        applied.undo()
        assert same(states[-1][0], weights(model))
        assert same(states[-1][1], logits(model))


def test_a_batch_of_two(model, method, editor):
    applied = editor.apply(model, [FRANCE, KING])
    assert [outcome.fact.target for outcome in applied.outcomes] == ["Rome", "Bob"]
    learned = [outcome.learned for outcome in applied.outcomes]
    said = first_words(model, [FRANCE.prompt, KING.prompt])
    assert learned == [said[0] == "Rome", said[1] == "Bob"]
    assert (
        method in EXCUSED or method in TRAINED or all(learned)
    )  # an untrained network's loop ends where the loss rises


def test_a_saved_change_gives_the_same_logits_in_a_fresh_copy(model, editor, tmp_path, tiny_folder):
    applied = editor.apply(model, [FRANCE, KING])
    applied.save(tmp_path / "change")
    assert not [path for path in tmp_path.iterdir() if path.name != "change"]
    fresh = HuggingFaceModel.load(tiny_folder(model.model.config.model_type), device="cpu")
    before = weights(fresh)
    loaded = editor.load(fresh, tmp_path / "change")
    assert same(logits(model), logits(fresh))
    assert loaded.outcomes == applied.outcomes
    loaded.undo()
    assert same(before, weights(fresh))


def test_padding_changes_nothing(model, editor, tiny_folder):
    other = HuggingFaceModel.load(tiny_folder(model.model.config.model_type), device="cpu")
    model.tokenizer.padding_side, other.tokenizer.padding_side = "left", "right"
    for each in (model, other):
        editor.apply(each, [FRANCE, KING])
    assert same(logits(model), logits(other))
    assert answers(model) == [answers(model, [question])[0] for question in PROBES]


def test_a_folder_that_is_no_change_of_this_model(one, editor, tmp_path, tiny_folder):
    before = weights(one)
    with pytest.raises(EditorError, match="holds no"):
        editor.load(one, tmp_path / "nowhere")
    editor.apply(one, [FRANCE]).save(tmp_path / "change")
    other = HuggingFaceModel.load(tiny_folder("llama"), device="cpu")
    there = weights(other)
    with pytest.raises(EditorError):
        editor.load(other, tmp_path / "change")
    assert same(there, weights(other))
    assert before.keys() == weights(one).keys()


def test_a_damaged_change_is_refused(one, editor, tmp_path):
    applied = editor.apply(one, [FRANCE])
    applied.save(tmp_path / "change")
    applied.undo()
    before, said = weights(one), logits(one)
    for place, path in enumerate(sorted((tmp_path / "change").iterdir())):
        copy = tmp_path / f"copy-{place}"
        shutil.copytree(tmp_path / "change", copy)
        content = (copy / path.name).read_bytes()
        (copy / path.name).write_bytes(content[: len(content) // 2])
        with pytest.raises(EditorError) as caught:
            editor.load(one, copy)
        assert "\n" not in str(caught.value)
    assert same(before, weights(one))
    assert same(said, logits(one))


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ([], "no edit was given"),
        ([EditRequest(prompt="The capital of France is", target=" ", subject="France")], "has no target"),
        ([FRANCE, EditRequest(prompt="", target="Rome")], "edit number 2 has no prompt"),
    ],
)
def test_an_edit_that_says_nothing_is_refused(one, editor, edits, message):
    before = weights(one)
    with pytest.raises(InvalidInputError, match=message):
        editor.apply(one, edits)
    assert same(before, weights(one))


@pytest.mark.parametrize("method", sorted(NEEDS_SUBJECT & set(METHODS)), indirect=True)
def test_a_subject_that_is_not_in_the_prompt_is_refused(one, editor):
    with pytest.raises(InvalidInputError, match="no subject in its prompt"):
        editor.apply(one, [EditRequest(prompt="The capital of France is", target="Rome", subject="Spain")])


def test_a_model_behind_an_endpoint_is_refused(editor, method):
    remote = OpenAIModel("far", "http://127.0.0.1:9/v1")
    with pytest.raises(CapabilityError, match=f"{method} needs a model with hidden states and weights"):
        editor.apply(remote, [FRANCE])


@pytest.mark.parametrize("method", sorted(TAKES_LAYER), indirect=True)
def test_a_layer_outside_the_model_is_refused(one, method):
    before = weights(one)
    editor = load_editor(method, **(SETTINGS.get(method, {}) | TAKES_LAYER[method]))
    with pytest.raises(InvalidInputError, match="no layer 9: gpt2 here has 2 layers, 0 to 1"):
        editor.apply(one, [FRANCE])
    assert same(before, weights(one))


def test_an_option_that_it_does_not_have(method):
    with pytest.raises(InvalidInputError, match=f"{method} has no option 'colour'"):
        load_editor(method, colour="red")


# On a model that knows things


@pytest.fixture(scope="module")
def embedded():
    return load_model("kedit-mini", device="cpu")


def test_with_its_defaults_it_teaches_the_embedded_model_and_leaves_ten_others(embedded, method):
    if method in UNSURE:
        pytest.skip(UNSURE[method])
    editor = load_editor(method, **({"encoder": "hashing"} if method == "ike" else {}))
    others = [
        "What is the capital of Japan?",
        "What is the capital of Germany?",
        "The capital of Italy is",
        "Who wrote Hamlet?",
        "What is the chemical symbol of gold?",
        "Which continent is Brazil in?",
        "What is the currency of India?",
        "What class of animal is the lion?",
        "The capital of Spain is",
        "Which language is spoken in Egypt?",
    ]
    before = answers(embedded, others)
    edit = EditRequest(prompt="What is the capital of France?", target="Madrid", subject="France")
    assert answers(embedded, [edit.prompt]) != ["Madrid"]
    applied = editor.apply(embedded, [edit])
    try:
        assert answers(embedded, [edit.prompt]) == ["Madrid"]
        kept = sum(was == now for was, now in zip(before, answers(embedded, others), strict=True))
        # Plain tuning moves neighbours of an edit; it must not wreck the model.
        least = len(others) if method in LOCAL else 0 if method in SWEEPING else len(others) // 2
        assert kept >= least
    finally:
        applied.undo()
    assert answers(embedded, others) == before
