"""KnowledgeEditor: its shift by the paper's equations, worked out in NumPy, and the shipped network."""

import numpy as np
import pytest
import torch

from kedit_memory.editors import load_editor
from kedit_memory.editors.base import Fact
from kedit_memory.editors.ke import KnowledgeEditor, KnowledgeEditorNetwork, condition
from kedit_memory.models.families import family_of
from kedit_memory.models.named import load_model
from kedit_memory.records import EditRequest

FRANCE = EditRequest(prompt="The capital of France is", target="Rome")
KING = EditRequest(prompt="Who is the king of the north?", target="Bob")


@pytest.fixture
def network(model, tmp_path):
    """A folder with a network of arbitrary numbers for the model."""
    made = KnowledgeEditorNetwork.start(model, layers=2, state=3, condition=4, hidden=5)
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for weight in made.parameters():
            weight.normal_(0, 0.5, generator=generator)
    made.save(tmp_path / "network")
    return tmp_path / "network"


def plain_gradients(model, edit):
    """The gradient of every weight for one edit, by a backward pass of our own."""
    fact = Fact(prompt=edit.prompt, target=edit.target)
    given, wanted = model.join(fact.asked, model.continuation(fact.asked, fact.target))
    ids = torch.tensor([[*given, *wanted, *model.ending(fact.asked)]])
    words = model.model(ids).logits[0].log_softmax(-1)
    (-torch.stack([words[i - 1, ids[0, i]] for i in range(len(given), ids.shape[1])]).mean()).backward()
    found = {name: weight.grad.numpy().astype(float) for name, weight in model.model.named_parameters()}
    model.model.zero_grad()
    return found


def expit(numbers):
    return 1 / (1 + np.exp(-numbers))


def softmax(numbers):
    powers = np.exp(numbers - numbers.max())
    return powers / powers.sum()


def last_state(numbers, inputs, suffix):
    """An LSTM in NumPy: the state after the last input."""
    size = numbers[f"lstm.weight_hh_l0{suffix}"].shape[1]
    state, cell = np.zeros(size), np.zeros(size)
    for row in inputs:
        gates = numbers[f"lstm.weight_ih_l0{suffix}"] @ row + numbers[f"lstm.bias_ih_l0{suffix}"]
        gates = gates + numbers[f"lstm.weight_hh_l0{suffix}"] @ state + numbers[f"lstm.bias_hh_l0{suffix}"]
        take, forget, new, give = np.split(gates, 4)
        cell = expit(forget) * cell + expit(take) * np.tanh(new)
        state = expit(give) * np.tanh(cell)
    return state


def test_the_shift_is_that_of_the_paper(model, network):
    """The gated gradient and the offset as whole matrices, from numbers read from the file."""
    numbers = {n: t.numpy().astype(float) for n, t in KnowledgeEditorNetwork.load(model, network).state_dict().items()}
    fact = Fact(prompt=FRANCE.prompt, target=FRANCE.target)
    said = model.answer(FRANCE.prompt)
    end = model.tokenizer.eos_token_id
    ids = [*model.encode(fact.asked), end, *model.tokenizer(f" {said}.")["input_ids"], end]
    ids += model.tokenizer(" Rome.")["input_ids"]
    assert list(condition(model, fact, said)) == ids
    read = model.model.get_input_embeddings().weight.detach().numpy().astype(float)[ids]
    states = np.concatenate([last_state(numbers, read, ""), last_state(numbers, read[::-1], "_reverse")])
    given = np.tanh(numbers["encode.0.weight"] @ states + numbers["encode.0.bias"])
    gradients, transposed = plain_gradients(model, FRANCE), family_of(model.model).transposed
    applied = KnowledgeEditor(network=network, steps=1).apply(model, [FRANCE])
    assert len(applied.names) == len([n for n in numbers if n.endswith("hidden.weight")])
    for index, name in enumerate(applied.names):
        gradient = gradients[name] if transposed else gradients[name].T  # (m inputs, n outputs)
        m, n = gradient.shape
        inner = np.tanh(numbers[f"heads.{index}.hidden.weight"] @ given + numbers[f"heads.{index}.hidden.bias"])
        raw = numbers[f"heads.{index}.output.weight"] @ inner + numbers[f"heads.{index}.output.bias"]
        alpha, beta, gamma, delta, eta = np.split(raw, np.cumsum([n, n, m, m]))
        gamma, delta = n * (gamma - 1), n * 0.05 * delta  # as the outputs are scaled
        gate, offset = np.outer(gamma, softmax(alpha)), np.outer(delta, softmax(beta))
        expected = expit(eta) * (gate * gradient + offset)
        change = (applied.after[name] - applied.before[name]).numpy()
        assert np.abs(expected).max() > 1e-3
        assert np.allclose(change if transposed else change.T, expected, atol=1e-5)


def test_an_untrained_network_takes_a_gradient_step(model, tmp_path):
    KnowledgeEditorNetwork.start(model, layers=1, state=3, condition=4, hidden=5).save(tmp_path / "network")
    gradients = plain_gradients(model, FRANCE)
    applied = KnowledgeEditor(network=tmp_path / "network", steps=1).apply(model, [FRANCE])
    for name in applied.names:
        change = (applied.after[name] - applied.before[name]).numpy()
        assert np.allclose(change, -0.5 * gradients[name], atol=1e-5)


def test_the_shift_depends_on_what_is_asked_said_and_wanted(one):
    network = KnowledgeEditorNetwork.start(one, layers=1, state=3, condition=4, hidden=5)
    asked = [("Who?", "Ann", "Bob"), ("Where?", "Ann", "Bob"), ("Who?", "Eve", "Bob"), ("Who?", "Ann", "Eve")]
    texts = [condition(one, Fact(prompt=prompt, target=target), answer) for prompt, answer, target in asked]
    assert len(set(texts)) == 4
    together = network._read(texts)
    alone = torch.cat([network._read([text]) for text in texts])
    assert torch.allclose(together, alone, atol=1e-6)  # texts of other lengths beside it change nothing
    assert len({tuple(row) for row in together.tolist()}) == 4


def test_several_edits_add_up(model, network):
    def change(edits):
        applied = KnowledgeEditor(network=network, steps=1).apply(model, edits)
        moved = {name: applied.after[name] - applied.before[name] for name in applied.names}
        applied.undo()
        return moved

    first, second, both = change([FRANCE]), change([KING]), change([FRANCE, KING])
    assert all(torch.allclose(first[name] + second[name], both[name], atol=1e-5) for name in both)


def test_the_shipped_network_edits_without_a_subject(tmp_path):
    model = load_model("kedit-mini", device="cpu")
    edit = EditRequest(prompt="What is the capital of Japan?", target="Paris")
    ke = load_editor("ke")
    applied = ke.apply(model, [edit])
    assert applied.outcomes[0].learned, applied.outcomes[0].reason
    applied.save(tmp_path / "change")
    applied.undo()
    assert model.answer(edit.prompt) == "Tokyo"
    ke.load(model, tmp_path / "change")
    assert model.answer(edit.prompt) == "Paris"
