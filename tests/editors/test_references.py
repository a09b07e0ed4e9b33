"""Published algorithms written once more, in NumPy and from the papers alone, beside what the editors do.

ROME (Meng et al. 2022, equation 2 and section 3.1) on a GPT-2 of our own arithmetic; the radii of GRACE (Hartvigsen et
al. 2023, algorithm 1) over streams of edits. MEND's equations are in `test_mend.py`, KE's in `test_ke.py`.
"""

import numpy as np
import pytest

from kedit_memory.editors._keyvalue import texts_of
from kedit_memory.editors._locate import decoder_family
from kedit_memory.editors._values import find_values
from kedit_memory.editors.base import facts
from kedit_memory.editors.codebook import Codebook
from kedit_memory.editors.rome import Rome
from kedit_memory.records import EditRequest

FRANCE = EditRequest(prompt="The capital of France is", target="Rome", subject="France")
LINES = [f"{name} is {number} and the {name} of it was {number * 7}." for number in range(6) for name in "abcdefgh"]


# ROME


def layer_norm(states, scale, shift):
    centred = states - states.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * scale + shift


def mlp_inputs(weights, ids, layer, heads):
    """What the output projection of a layer's MLP reads at each token of a text: (tokens, inner)."""
    states = weights["wte.weight"][ids] + weights["wpe.weight"][: len(ids)]
    for number in range(layer + 1):

        def part(name, number=number):
            return weights[f"h.{number}.{name}.weight"], weights[f"h.{number}.{name}.bias"]

        matrix, bias = part("attn.c_attn")
        query, key, value = np.split(layer_norm(states, *part("ln_1")) @ matrix + bias, 3, axis=1)
        mixed = np.empty_like(value)
        for head in np.split(np.arange(value.shape[1]), heads):
            scores = query[:, head] @ key[:, head].T / np.sqrt(len(head))
            scores[np.triu_indices(len(ids), 1)] = -np.inf
            shares = np.exp(scores - scores.max(1, keepdims=True))
            mixed[:, head] = shares / shares.sum(1, keepdims=True) @ value[:, head]
        matrix, bias = part("attn.c_proj")
        states = states + mixed @ matrix + bias
        matrix, bias = part("mlp.c_fc")
        wide = layer_norm(states, *part("ln_2")) @ matrix + bias
        inner = 0.5 * wide * (1 + np.tanh(np.sqrt(2 / np.pi) * (wide + 0.044715 * wide**3)))
        matrix, bias = part("mlp.c_proj")
        states = states + inner @ matrix + bias
    return inner


def test_rome_writes_what_the_paper_s_equation_gives_for_its_value(one, tmp_path):
    layer = 1
    text = tmp_path / "text.txt"
    text.write_text("\n".join(LINES), "utf-8")
    rome = Rome(layer=layer, text=text, tokens=10**6, steps=5, prefixes=0)
    weights = {
        name.removeprefix("transformer."): tensor.numpy().astype(float)
        for name, tensor in one.model.state_dict().items()
    }
    heads = one.model.config.n_head
    asked, subject = one.encode(FRANCE.prompt), one.encode("The capital of France")
    assert asked[: len(subject)] == subject
    key = mlp_inputs(weights, asked, layer, heads)[len(subject) - 1]
    read = np.concatenate([mlp_inputs(weights, one.encode(line), layer, heads) for line in LINES])
    moment = read.T @ read / len(read)
    assert len(read) > len(moment)
    (delta,) = find_values(
        one, decoder_family(one, "rome"), layer, texts_of(one, facts([FRANCE]), rome), rome
    ).deltas.numpy()

    before = weights[f"h.{layer}.mlp.c_proj.weight"]  # (inner, width)
    value = key @ before + delta  # v*
    ridge = max(1e-6 * np.trace(moment) / len(moment), 2.0**-23 * np.linalg.norm(moment))  # see `factor_of`
    along = np.linalg.solve(moment + ridge * np.eye(len(moment)), key)
    expected = before + np.outer(along, value - key @ before) / (along @ key)

    applied = rome.apply(one, [FRANCE])
    after = one.model.get_parameter(f"transformer.h.{layer}.mlp.c_proj.weight").detach().numpy()
    assert np.abs(after - expected).max() < 1e-5 * np.abs(expected).max()
    assert np.allclose(key @ after, value, atol=1e-5 * np.abs(value).max())
    applied.undo()


# GRACE


class Algorithm1:
    """Keys, labels and radii as the paper's algorithm leaves them, in lists."""

    def __init__(self, initial):
        self.initial = initial
        self.keys, self.labels, self.radii = [], [], []

    def edit(self, key, label):
        if self.keys:
            gaps = [float(np.linalg.norm(key - one)) for one in self.keys]
            near = int(np.argmin(gaps))
            gap = gaps[near]
            if gap <= self.radii[near] + self.initial:
                if self.labels[near] == label:
                    self.radii[near] = max(self.radii[near], gap)
                    return
                self.radii[near] = gap / 2
                self._add(key, label, gap / 2)
                return
        self._add(key, label, self.initial)

    def _add(self, key, label, radius):
        self.keys.append(key)
        self.labels.append(label)
        self.radii.append(radius)

    def answer(self, query):
        gaps = [float(np.linalg.norm(query - one)) for one in self.keys]
        near = int(np.argmin(gaps))
        return self.labels[near] if gaps[near] <= self.radii[near] else None


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("labels", [2, 40])
def test_the_radii_of_grace_are_those_of_algorithm_1(seed, labels):
    """Where no two keys are the same, which the paper does not speak of."""
    rng = np.random.default_rng(seed)
    ours, paper = Codebook(3, tolerance=0.0), Algorithm1(0.8)
    for place in range(120):
        key, label = rng.normal(0, 2, 3).astype(np.float32), str(rng.integers(labels))
        ours.enter(ours.place(key, label, 0.8), key, key, label=label, owner=f"#{place}", initial_radius=0.8)
        paper.edit(key, label)
    rows = ours.rows()
    assert np.allclose(ours.keys[rows], np.stack(paper.keys), atol=1e-5)
    assert np.allclose(ours.radii[rows], paper.radii, rtol=1e-5)
    assert [ours.labels[row] for row in rows] == paper.labels
    queries = rng.normal(0, 2, (200, 3)).astype(np.float32)
    answers = [ours.labels.get(entry) for entry in ours.find_nearest(queries).entries.tolist()]
    expected = [paper.answer(query) for query in queries]
    assert 10 < sum(one is not None for one in expected) < 200
    assert answers == expected
