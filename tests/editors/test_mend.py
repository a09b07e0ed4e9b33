"""MEND: its update by the paper's equations, worked out in NumPy, and the shipped network."""

import numpy as np
import pytest
import torch

from kedit_memory.editors import load_editor
from kedit_memory.editors._hyper_gradients import gradients_of
from kedit_memory.editors._teaching import lessons
from kedit_memory.editors.base import Fact
from kedit_memory.editors.mend import Mend, MendNetwork
from kedit_memory.models.families import family_of
from kedit_memory.models.named import load_model
from kedit_memory.records import EditRequest

FRANCE = EditRequest(prompt="The capital of France is", target="Rome")
KING = EditRequest(prompt="Who is the king of the north?", target="Bob")


@pytest.fixture
def network(model, tmp_path):
    """A folder with a network of arbitrary numbers for the model."""
    made = MendNetwork.start(model, layers=2, rank=3)
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for name, tensor in made.state_dict().items():
            if name.startswith("editors"):
                tensor.normal_(0, 0.3, generator=generator)
            elif name.startswith("mean"):
                tensor.normal_(0, 0.01, generator=generator)
            elif name.startswith("deviation"):
                tensor.uniform_(0.5, 2.0, generator=generator)
        made.log_rates.copy_(torch.linspace(-3, -1, len(made.sites)))
    made.save(tmp_path / "network")
    return tmp_path / "network"


def factors_by_hand(model, edit):
    """For each matrix its inputs u, its deltas and its gradient (in, out), by a backward pass of our own."""
    given, wanted = model.join(edit.asked, model.continuation(edit.asked, edit.target))
    ids = torch.tensor([[*given, *wanted, *model.ending(edit.asked)]])
    entered, deltas = {}, {}
    handles = []
    family = family_of(model.model)
    modules = [name for layer in (0, 1) for name in family.mlp_names(layer)]

    def keep_input(name):
        return lambda _, args: entered.update({name: args[0][0].detach()})

    def keep_delta(name):
        return lambda _, __, out: deltas.update({name: out[0][0].detach()})

    for name in modules:
        module = model.model.get_submodule(name)
        handles.append(module.register_forward_pre_hook(keep_input(name)))
        handles.append(module.register_full_backward_hook(keep_delta(name)))
    words = model.model(ids).logits[0].log_softmax(-1)
    places = range(len(given), ids.shape[1])
    (-torch.stack([words[i - 1, ids[0, i]] for i in places]).mean()).backward()
    found = {}
    for name in modules:
        weight = model.model.get_parameter(f"{name}.weight")
        gradient = weight.grad if family.transposed else weight.grad.T
        found[name] = tuple(tensor.numpy().astype(float) for tensor in (entered[name], deltas[name], gradient))
    for handle in handles:
        handle.remove()
    model.model.zero_grad()
    return found


def test_the_gradient_of_a_matrix_is_the_sum_of_its_factors(model):
    facts = [Fact(prompt=edit.prompt, target=edit.target) for edit in (FRANCE, KING)]
    network = MendNetwork.start(model, layers=2, rank=3)
    found = gradients_of(model, network.sites, lessons(model, facts))
    assert found.decoded.tolist() == [False, False]
    for place, fact in enumerate(facts):
        for name, (_, _, gradient) in factors_by_hand(model, fact).items():
            left, right = found.factors[name]
            assert np.allclose((left[place].T @ right[place]).numpy(), gradient, atol=1e-6)
    assert all(weight.grad is None for weight in model.model.parameters())


def test_the_update_is_that_of_the_paper(model, network):
    """Equation 3 for each token, in NumPy, with numbers read from the file; the second layer is linear."""
    numbers = {name: t.numpy().astype(float) for name, t in MendNetwork.load(model, network).state_dict().items()}
    transposed = family_of(model.model).transposed
    by_hand = factors_by_hand(model, Fact(prompt=FRANCE.prompt, target=FRANCE.target))
    before = {name: model.model.get_parameter(f"{name}.weight").detach().clone() for name in by_hand}
    Mend(network=network, steps=1).apply(model, [FRANCE])
    seen = {}
    for index, (name, (inputs, deltas, _)) in enumerate(by_hand.items()):
        shape = f"{inputs.shape[1]}x{deltas.shape[1]}"
        place = seen.setdefault(shape, []).__len__()
        seen[shape].append(name)
        expected = np.zeros((inputs.shape[1], deltas.shape[1]))
        for u, delta in zip(inputs, deltas, strict=True):
            if not delta.any():  # the loss does not depend on this token
                continue
            z = (np.concatenate([u, delta]) - numbers[f"mean_{index}"]) / (numbers[f"deviation_{index}"] + 1e-7)
            part = {n: numbers[f"editors.{shape}.{n}"] for n in ("u1", "v1", "b1", "u2", "v2", "b2")}
            s1, o1, s2, o2 = (numbers[f"editors.{shape}.{n}"][place] for n in ("s1", "o1", "s2", "o2"))
            h = z + np.maximum(0, s1 * (part["u1"] @ part["v1"] @ z + part["b1"]) + o1)
            g = h + s2 * (part["u2"] @ part["v2"] @ h + part["b2"]) + o2
            expected -= np.exp(numbers["log_rates"][index]) * np.outer(g[: len(u)], g[len(u) :])
        change = (model.model.get_parameter(f"{name}.weight").detach() - before[name]).numpy()
        assert np.abs(expected).max() > 1e-3
        assert np.allclose(change if transposed else change.T, expected, atol=1e-5)
    assert max(len(names) for names in seen.values()) == (4 if not transposed else 2)  # shapes are shared


def test_an_untrained_network_takes_a_gradient_step(model, tmp_path):
    made = MendNetwork.start(model, layers=1, rank=3)
    made.save(tmp_path / "network")
    name = made.sites[-1].module
    gradient = factors_by_hand(model, Fact(prompt=FRANCE.prompt, target=FRANCE.target))[name][2]
    weight = model.model.get_parameter(f"{name}.weight")
    before = weight.detach().clone()
    applied = Mend(network=tmp_path / "network", steps=1).apply(model, [FRANCE])
    change = (weight.detach() - before).numpy()
    change = change if family_of(model.model).transposed else change.T
    rate = float(MendNetwork.load(model, tmp_path / "network").log_rates[-1].detach().exp())
    assert np.allclose(change, -rate * gradient, atol=1e-7)
    assert set(applied.names) == {site.weight for site in made.sites}


def test_several_edits_add_up(model, network):
    def change(edits):
        applied = Mend(network=network, steps=1).apply(model, edits)
        moved = {name: applied.after[name] - applied.before[name] for name in applied.names}
        applied.undo()
        return moved

    first, second, both = change([FRANCE]), change([KING]), change([FRANCE, KING])
    assert all(torch.allclose(first[name] + second[name], both[name], atol=1e-5) for name in both)


def test_means_and_deviations_are_of_tokens_that_matter(one):
    network = MendNetwork.start(one, layers=1, rank=3)
    facts = [Fact(prompt=edit.prompt, target=edit.target) for edit in (FRANCE, KING)]
    gradients = [gradients_of(one, network.sites, lessons(one, [fact])) for fact in facts]
    network.measure(gradients)
    for index, site in enumerate(network.sites):
        hands = [factors_by_hand(one, fact)[site.module][:2] for fact in facts]
        rows = np.concatenate([np.concatenate(pair, 1)[pair[1].any(1)] for pair in hands])
        assert np.allclose(network.get_buffer(f"mean_{index}"), rows.mean(0), atol=1e-6)
        assert np.allclose(network.get_buffer(f"deviation_{index}"), rows.std(0, ddof=1), atol=1e-6)


def test_the_shipped_network_edits_without_a_subject(tmp_path):
    model = load_model("kedit-mini", device="cpu")
    edit = EditRequest(prompt="What is the capital of Japan?", target="Paris")
    others = ["What is the currency of India?", "Who wrote Hamlet?", "Which continent is Brazil in?"]
    before = [model.answer(question) for question in others]
    mend = load_editor("mend")
    applied = mend.apply(model, [edit])
    assert applied.outcomes[0].learned, applied.outcomes[0].reason
    assert model.answer(edit.prompt) == "Paris"
    assert [model.answer(question) for question in others] == before
    applied.save(tmp_path / "change")
    applied.undo()
    assert model.answer(edit.prompt) == "Tokyo"
    mend.load(model, tmp_path / "change")
    assert model.answer(edit.prompt) == "Paris"
