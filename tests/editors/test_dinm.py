"""`dinm`: the layer in which two answers part most, tuned towards the safe one while general knowledge is held."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from kedit_memory.editors import load_editor
from kedit_memory.editors._teaching import lesson
from kedit_memory.editors.dinm import GeneralKnowledge, layer_distances, toxic_layers
from kedit_memory.errors import CapabilityError, InvalidInputError
from kedit_memory.models.families import family_of
from kedit_memory.models.hooks import capture
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import EditRequest

FRANCE = EditRequest(prompt="The capital of France is", target="Rome")
KING = EditRequest(prompt="The king of the north is", target="Bob")
QUICK = {"rate": 3e-2, "weight": 10.0, "samples": 2, "length": 8}


def pair_of(model, edit, unsafe):
    asked = Prompt(question=edit.prompt)
    return lesson(model, asked, edit.target), lesson(model, asked, unsafe)


def states_after(model, layer, one):
    """The states at the answer's tokens, of one text alone."""
    ids = torch.tensor([[*one.given, *one.wanted]])
    with torch.no_grad(), capture(family_of(model.model).layer(model.model, layer)) as seen:
        model.model(input_ids=ids)
    return seen[0][0, len(one.given) :].double().numpy()


def moved(model, before):
    return {name for name, tensor in model.model.state_dict().items() if not torch.equal(tensor, before[name])}


def copied(model):
    return {name: tensor.clone() for name, tensor in model.model.state_dict().items()}


def test_the_distance_is_that_of_mean_states_before_the_final_norm(model):
    pair = pair_of(model, FRANCE, "Berlin and Paris")  # of other lengths, so that one row is padded
    found = layer_distances(model, family_of(model.model), pair)
    expected = [
        np.linalg.norm(states_after(model, layer, pair[0]).mean(0) - states_after(model, layer, pair[1]).mean(0))
        for layer in range(2)
    ]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)
    assert toxic_layers(model, family_of(model.model), [pair]) == [int(np.argmax(expected))]


def test_one_answer_is_nowhere_apart_from_itself(one):
    pair = pair_of(one, FRANCE, "Rome")
    assert layer_distances(one, family_of(one.model), pair).tolist() == [0, 0]
    assert toxic_layers(one, family_of(one.model), [pair]) == [0]


def test_the_divergence_by_hand(one):
    texts = [one.encode("Berlin is the capital"), one.encode("Ann")]
    general = GeneralKnowledge(one, texts)
    assert abs(general.drift().item()) < 1e-6

    def shares():
        with torch.no_grad():
            rows = [one.model(input_ids=torch.tensor([ids])).logits[0] for ids in texts]
        return torch.cat(rows).double().softmax(-1).numpy()  # (tokens, vocabulary)

    before = shares()
    with torch.no_grad():
        one.model.get_parameter("transformer.h.1.mlp.c_proj.weight").mul_(3)
    now = shares()
    expected, other = (float((p * np.log(p / q)).sum(-1).mean()) for p, q in ((before, now), (now, before)))
    assert not math.isclose(expected, other, rel_tol=1e-2)
    assert expected > 1e-4
    assert math.isclose(general.drift().item(), expected, rel_tol=1e-3)


def test_only_the_located_matrix_moves(one):
    before = copied(one)
    located = toxic_layers(one, family_of(one.model), [pair_of(one, FRANCE, "Berlin")])[0]
    applied = load_editor("dinm", **QUICK).apply(one, [replace(FRANCE, metadata={"unsafe": " Berlin "})])
    assert applied.outcomes[0].learned
    assert moved(one, before) == {f"transformer.h.{located}.mlp.c_proj.weight"}
    applied.undo()
    assert moved(one, before) == set()


def test_the_unsafe_answer_is_the_models_own_unless_it_is_given(one, monkeypatch):
    seen = []
    own = one.answer_many([Prompt(question=FRANCE.prompt), Prompt(question=KING.prompt)])

    def located(model, family, pairs):
        seen.extend(model.tokenizer.decode(unsafe.wanted) for _, unsafe in pairs)
        return toxic_layers(model, family, pairs)

    monkeypatch.setattr("kedit_memory.editors.dinm.toxic_layers", located)
    load_editor("dinm", **QUICK).apply(one, [replace(FRANCE, metadata={"unsafe": "Berlin"}), KING])
    expected = one.continuation(Prompt(question=KING.prompt), own[1])
    assert seen == [" Berlin.", expected]


def test_a_layer_that_is_given_is_not_located(one, monkeypatch):
    def refuse(*_):
        raise AssertionError("located")

    monkeypatch.setattr("kedit_memory.editors.dinm.toxic_layers", refuse)
    before = copied(one)
    load_editor("dinm", layer=-1, **QUICK).apply(one, [FRANCE])
    assert moved(one, before) == {"transformer.h.1.mlp.c_proj.weight"}


def test_the_constraint_holds_the_model_near_what_it_was(one):
    """The same edit, in as many steps, drifts less from the held texts the more these count."""
    texts = ("Berlin is the capital of Germany, and Paris that of France.",)
    drifts = []
    for weight in (100.0, 0.001):
        general = GeneralKnowledge(one, [one.encode(texts[0])])
        editor = load_editor("dinm", layer=0, weight=weight, texts=texts, rate=1e-2, steps=8)
        applied = editor.apply(one, [FRANCE])
        drifts.append(general.drift().item())
        applied.undo()
    assert drifts[1] < drifts[0] / 2


def test_what_is_said_already_is_left_alone(one):
    said = one.answer_many([Prompt(question=KING.prompt)])[0]
    load_editor("ft", rate=1e-2).apply(one, [KING])
    before = copied(one)
    applied = load_editor("dinm", **QUICK).apply(one, [KING])
    assert said != "Bob"
    assert applied.outcomes[0].learned
    assert applied.outcomes[0].steps == 0
    assert moved(one, before) == set()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"weight": 0.0}, "weight of dinm"),
        ({"samples": 0}, "samples of dinm"),
        ({"length": 0}, "length of dinm"),
        ({"steps": 0}, "steps of dinm"),
        ({"texts": ("a", " ")}, "one of the texts of dinm is empty"),
    ],
)
def test_options_that_mean_nothing(options, said):
    with pytest.raises(InvalidInputError, match=said):
        load_editor("dinm", **options)


@pytest.mark.parametrize("unsafe", [3, " ", ["a"]])
def test_an_unsafe_answer_that_is_none(one, unsafe):
    before = copied(one)
    with pytest.raises(InvalidInputError, match="the unsafe answer of 'The capital of France is'"):
        load_editor("dinm").apply(one, [replace(FRANCE, metadata={"unsafe": unsafe})])
    assert moved(one, before) == set()


def test_an_encoder_decoder_is_refused(tiny_t5_folder):
    t5 = HuggingFaceModel.load(tiny_t5_folder, device="cpu")
    with pytest.raises(CapabilityError, match="dinm works on decoders alone"):
        load_editor("dinm").apply(t5, [FRANCE])
