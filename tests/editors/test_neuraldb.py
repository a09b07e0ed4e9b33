"""NeuralDB: a value at the subject's last token and nowhere else, the gate, and rows that stay apart."""

import pytest
import torch

from kedit_memory.editors import load_editor
from kedit_memory.editors._locate import subject_tokens
from kedit_memory.editors.neuraldb import Database
from kedit_memory.errors import CapabilityError, InvalidInputError
from kedit_memory.models.hooks import capture
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import EditRequest

FRANCE = EditRequest(prompt="The capital of France is", target="Rome", subject="France")
KING = EditRequest(prompt="The king of the north may be", target="Bob", subject="the north")
OTHER = "Who is Ann?"
QUICK = {"layer": 0, "steps": 5, "prefixes": 0}


def logits(model, question):
    return model.logits(Prompt(question=question))


def given(model, module, question):
    with capture(module) as seen:
        logits(model, question)
    return seen[0][0]


def test_a_value_is_added_at_the_subjects_last_token_alone(model):
    asked = Prompt(question=FRANCE.prompt)
    place = subject_tokens(model, asked, "France")[-1]
    editor = load_editor("neuraldb", **QUICK, gate=0.9999)
    applied = editor.open(model)
    projection = applied.adapter._projection
    before = given(model, projection, FRANCE.prompt)
    applied.add([FRANCE])
    after = given(model, projection, FRANCE.prompt)
    value = applied.adapter.module.values[0]
    assert float(value.norm()) > 0
    assert torch.allclose(after[place] - before[place], value, atol=1e-4)
    elsewhere = torch.arange(len(after)) != place
    assert torch.equal(after[elsewhere], before[elsewhere])


def test_the_nearest_key_answers_and_none_beyond_the_gate(one):
    book = Database(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.zeros(2, 3))
    cosines, rows = book.nearest(torch.tensor([[5.0, 0.0], [3.0, 4.0]]))
    assert (cosines.tolist(), rows.tolist()) == (pytest.approx([1.0, 0.8]), [0, 1])
    bits = logits(one, FRANCE.prompt)
    shut = load_editor("neuraldb", **QUICK, gate=1.0).apply(one, [FRANCE])
    shut.adapter._gate = 1.01  # rounding may leave a cosine a little above 1
    assert torch.equal(logits(one, FRANCE.prompt), bits)
    shut.adapter._gate = 0.9
    assert not torch.equal(logits(one, FRANCE.prompt), bits)


def test_facts_do_not_depend_on_each_other_or_their_order(one):
    editor = load_editor("neuraldb", **QUICK)
    applied = editor.apply(one, [FRANCE])
    applied.add([KING])
    first = applied.adapter.module
    applied.undo()
    second = editor.apply(one, [KING, FRANCE]).adapter.module
    for name in ("keys", "values"):
        assert torch.allclose(getattr(first, name), getattr(second, name).flip(0), atol=1e-4), name


def test_a_later_fact_of_the_same_prompt_takes_the_place_of_the_earlier(one):
    editor = load_editor("neuraldb", **QUICK, gate=0.9)
    applied = editor.apply(one, [FRANCE])
    applied.add([EditRequest(prompt=FRANCE.prompt, target="Bob", subject="France")])
    keys = applied.adapter.module.keys
    assert not bool(keys[0].any())
    assert bool(keys[1].any())
    assert len(applied.adapter.module) == 2
    replaced = logits(one, FRANCE.prompt)
    applied.undo()
    editor.apply(one, [EditRequest(prompt=FRANCE.prompt, target="Bob", subject="France")])
    assert torch.allclose(logits(one, FRANCE.prompt), replaced, atol=1e-4)


def test_an_encoder_decoder_is_refused(tiny_folder):
    with pytest.raises(CapabilityError, match="neuraldb works on decoders alone"):
        load_editor("neuraldb").open(HuggingFaceModel.load(tiny_folder("t5"), device="cpu"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gate": 1.1}, "gate of neuraldb is 1.1; it must be a number, 0 to 1"),
        ({"gate": -0.1}, "gate of neuraldb is -0.1"),
        ({"steps": 0}, "steps of neuraldb is 0"),
        ({"tokens": 100}, "neuraldb has no option 'tokens'"),
    ],
)
def test_options_that_mean_nothing(options, message):
    with pytest.raises(InvalidInputError, match=message):
        load_editor("neuraldb", **options)
