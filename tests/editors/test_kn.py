"""`kn`: attributions by hand, and the rows of a matrix that are moved or silenced."""

import numpy as np
import pytest
import torch

from kedit_memory.editors import load_editor
from kedit_memory.editors._locate import Site, decoder_family
from kedit_memory.editors.base import Fact
from kedit_memory.editors.kn import KnowledgeNeurons, attributions
from kedit_memory.errors import CapabilityError, EditorError, InvalidInputError
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.models.named import load_model
from kedit_memory.records import EditRequest

FRANCE = EditRequest(prompt="The capital of France is", target="Rome", subject="France")


def site_of(model, text="The capital of France is"):
    ids = model.encode(text)
    return Site(ids=tuple(ids), at=len(ids) - 1, target=len(ids))


def test_attributions_add_up_to_what_the_neurons_bring_about(model):
    """Completeness: they sum to the probability with all of a layer's neurons less that with none of them."""
    family = decoder_family(model, "kn")
    site = site_of(model)
    found = attributions(model, family, site, 70, 2000).sum(1)
    scores = model.logits("The capital of France is")[-1].softmax(-1)
    for layer in (0, 1):
        module = family.part(model.model, layer, "mlp_out")

        def silence(_, args):
            return (torch.cat([args[0][:, :-1], torch.zeros_like(args[0][:, -1:])], 1),)

        handle = module.register_forward_pre_hook(silence)
        without = model.logits("The capital of France is")[-1].softmax(-1)
        handle.remove()
        assert float(found[layer]) == pytest.approx(float(scores[70] - without[70]), abs=1e-4)


def test_an_attribution_is_value_times_mean_gradient(one):
    """One step: the gradient at the full value, here by differences in NumPy."""
    family = decoder_family(one, "kn")
    site = site_of(one)
    found = attributions(one, family, site, 70, 1)[1]
    module = family.part(one.model, 1, "mlp_out")
    seen = []
    handle = module.register_forward_pre_hook(lambda _, args: seen.append(args[0][0, -1].clone()))
    one.logits("The capital of France is")
    handle.remove()

    def likely(values):
        put = module.register_forward_pre_hook(lambda _, a: (torch.cat([a[0][:, :-1], values[None, None]], 1),))
        words = one.logits("The capital of France is")[-1].double().softmax(-1)
        put.remove()
        return float(words[70])

    for place in found.abs().topk(3).indices.tolist():
        bump = torch.zeros_like(seen[0])
        bump[place] = 1e-2
        slope = (likely(seen[0] + bump) - likely(seen[0] - bump)) / 2e-2
        assert np.isclose(float(found[place]), float(seen[0][place]) * slope, rtol=0.02, atol=1e-6)


def test_only_the_neurons_own_rows_are_moved(model):
    family = decoder_family(model, "kn")
    kn = KnowledgeNeurons(prompts=1, most=4, away=1.0, towards=3.0)
    fact = Fact(prompt=FRANCE.prompt, target="Rome", subject="France")
    old = model.answer(FRANCE.prompt)
    neurons = kn.neurons(model, family, fact, old)
    assert 0 < len(neurons) <= 4
    names = [family.mlp_out_weight(layer) for layer in (0, 1)]
    before = [model.model.get_parameter(name).detach().clone() for name in names]
    embedding = model.model.get_input_embeddings().weight.detach().clone()
    tokens = [model.join(fact.asked, model.continuation(fact.asked, text))[1][0] for text in (old, "Rome")]
    kn.apply(model, [FRANCE])
    for layer, (name, was) in enumerate(zip(names, before, strict=True)):
        change = model.model.get_parameter(name).detach() - was
        change = change if family.transposed else change.T  # (neurons, width)
        expected = torch.zeros_like(change)
        for _, place in (neuron for neuron in neurons if neuron[0] == layer):
            written = was[place] if family.transposed else was[:, place]
            old_answer, new_answer = (embedding[token] / embedding[token].norm() for token in tokens)
            expected[place] = written.norm() * (3.0 * new_answer - old_answer)
        assert torch.allclose(change, expected, atol=1e-5)


def test_erasing_silences_them(model):
    family = decoder_family(model, "kn")
    kn = KnowledgeNeurons(prompts=1, most=3, erase=True)
    fact = Fact(prompt=FRANCE.prompt, target="Rome")
    neurons = kn.neurons(model, family, fact, "Rome")
    applied = kn.apply(model, [FRANCE])
    for layer, place in neurons:
        weight = model.model.get_parameter(family.mlp_out_weight(layer))
        assert not (weight[place] if family.transposed else weight[:, place]).any()
    assert applied.outcomes[0].learned == (model.answer(FRANCE.prompt) != "Rome")


def test_changes_come_out_exactly(model, tmp_path):
    start = {name: tensor.clone() for name, tensor in model.model.state_dict().items()}
    kn = KnowledgeNeurons(prompts=2)
    first = kn.apply(model, [FRANCE])
    second = kn.apply(model, [EditRequest(prompt="Who is Ann?", target="Bob")])
    logits = model.logits("Who is Ann?")
    second.save(tmp_path / "second")
    second.undo()
    again = kn.load(model, tmp_path / "second")
    assert torch.equal(model.logits("Who is Ann?"), logits)
    again.undo()
    first.undo()
    assert all(torch.equal(start[name], tensor) for name, tensor in model.model.state_dict().items())
    assert all(weight.grad is None for weight in model.model.parameters())


def test_what_does_not_work_is_said_in_a_line(tiny_folder):
    for options, message in (
        ({"coarse": 1.5}, "coarse of kn"),
        ({"steps": 0}, "steps of kn"),
        ({"most": 0}, "most of"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            load_editor("kn", **options)
    with pytest.raises(CapabilityError, match="kn works on decoders alone"):
        KnowledgeNeurons().apply(HuggingFaceModel.load(tiny_folder("t5"), device="cpu"), [FRANCE])
    half = HuggingFaceModel.load(tiny_folder("gpt2"), device="cpu", dtype="float16")
    before = half.fingerprint
    with pytest.raises(EditorError, match="dtype='float32'"):
        KnowledgeNeurons(towards=1e7, prompts=1).apply(half, [FRANCE])
    assert half.fingerprint == before


def test_the_embedded_model_forgets():
    model = load_model("kedit-mini", device="cpu")
    edit = EditRequest(prompt="What is the capital of France?", target="Paris", subject="France")
    assert model.answer(edit.prompt) == "Paris"
    applied = load_editor("kn", erase=True, steps=8, prompts=2).apply(model, [edit])
    (outcome,) = applied.outcomes
    assert outcome.learned == (model.answer(edit.prompt) != "Paris")
    applied.undo()
    assert model.answer(edit.prompt) == "Paris"


def test_embeddings_that_are_narrower_than_states_are_refused(tiny_folder):
    model = HuggingFaceModel.load(tiny_folder("opt_narrow"), device="cpu")
    with pytest.raises(CapabilityError, match=r"those of .* have 16 numbers where its states have 32"):
        load_editor("kn").apply(model, [FRANCE])
