"""The memory network: what is read by hand, that all inputs are answered from it, and that it goes."""

import numpy as np
import pytest
import torch

from kedit_memory.editors import load_editor
from kedit_memory.editors.memory_network import MemoryModule
from kedit_memory.errors import EditorError, InvalidInputError
from kedit_memory.models.hooks import capture
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import EditRequest

FRANCE = EditRequest(prompt="The capital of France is", target="Rome")
OTHER = "Who is Ann?"


def logits(model, question):
    return model.logits(Prompt(question=question))


def read_by_hand(module, keys):
    slots, biases, values = (
        tensor.detach().numpy().astype(float) for tensor in (module.keys, module.biases, module.values)
    )
    found = []
    for key in keys.astype(float):
        shares = np.exp([sum(slot * key) + bias for slot, bias in zip(slots, biases, strict=True)])
        shares /= shares.sum()
        found.append(sum(share * value for share, value in zip(shares, values, strict=True)))
    return np.array(found)


def test_what_is_read_is_soft_attention_over_the_slots():
    module = MemoryModule(4, 3, torch.Generator().manual_seed(1))
    keys = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    expected = read_by_hand(module, keys)
    tensor = torch.from_numpy(keys)
    rows, said = module.said(tensor)
    assert rows.all()
    assert np.abs(said.detach().numpy() - expected).max() < 1e-5
    assert torch.equal(module.learning(tensor, torch.zeros(5, 4)), said)
    assert 0 <= module.values.min() <= module.values.max() <= 1


def test_every_question_is_answered_from_the_memory(one):
    bits = logits(one, OTHER)
    with capture(one.model.transformer.h[1], "input") as seen:
        logits(one, OTHER)
    applied = load_editor("memory", layer=1, slots=7).apply(one, [FRANCE])
    with capture(applied.adapter.site.module) as after:
        changed = logits(one, OTHER)
    expected = read_by_hand(applied.adapter.module, seen[0][0, -1:].numpy())[0]
    assert applied.adapter.module.keys.shape == (7, 32)
    assert np.abs(after[0][0, -1].numpy() - expected).max() < 1e-4
    assert torch.equal(bits[:-1], changed[:-1])
    assert not torch.equal(bits[-1], changed[-1])
    applied.undo()
    assert torch.equal(bits, logits(one, OTHER))


def test_keys_values_and_biases_are_all_learned(one):
    editor = load_editor("memory", iterations=3)
    fresh = editor.open(one).adapter.module
    learned = editor.apply(one, [FRANCE]).adapter.module
    for before, after in zip(fresh.parameters(), learned.parameters(), strict=True):
        assert not torch.equal(before, after)


def test_the_seed_decides_where_it_begins(one):
    def values(seed):
        return load_editor("memory", seed=seed).open(one).adapter.module.values

    assert torch.equal(values(1), values(1))
    assert not torch.equal(values(1), values(2))


@pytest.mark.parametrize("slots", [0, 1.5, -3])
def test_slots_that_mean_nothing(slots):
    with pytest.raises(InvalidInputError, match=f"slots of memory is {slots}"):
        load_editor("memory", slots=slots)


def test_a_rate_that_is_too_large_is_told(one):
    before = logits(one, OTHER)
    with pytest.raises(EditorError, match="take a smaller learning_rate"):
        load_editor("memory", learning_rate=1e25).apply(one, [FRANCE])
    assert torch.equal(before, logits(one, OTHER))
