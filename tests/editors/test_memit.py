"""`memit`: the update of the paper, and layers that share what is to be done."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from kedit_memory.editors import _keyvalue as keyvalue
from kedit_memory.editors import load_editor
from kedit_memory.editors._locate import decoder_family
from kedit_memory.editors._spread import _before_the_sum, _default_layers
from kedit_memory.editors._values import find_values
from kedit_memory.editors.base import Fact, Outcome
from kedit_memory.editors.memit import Memit, least_squares
from kedit_memory.errors import CapabilityError, EditorError, InvalidInputError
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.models.named import load_model
from kedit_memory.records import EditRequest

FRANCE = EditRequest(prompt="The capital of France is", target="Rome", subject="France")
KING = EditRequest(prompt="Who is the king of the north?", target="Bob", subject="the north")


@pytest.fixture
def memit(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("\n".join(f"Line {i}: Paris is the capital of France, {i * i}." for i in range(60)), "utf-8")
    return Memit(layers=(0, 1), tokens=800, text=text, steps=8, weight=2.0)


def test_the_update_is_that_of_the_paper():
    """Least squares of old and new, solved in NumPy by stacking weighted rows, not by the closed form."""
    rng = np.random.default_rng(2)
    old = rng.normal(size=(300, 7))
    keys, weight, residuals = rng.normal(size=(3, 7)), 1.7, rng.normal(size=(3, 4))
    # W' = W + D minimises λ E|D k0|² + |D K - R|².
    rows = np.vstack([np.sqrt(weight / 300) * old, keys])
    wanted = np.vstack([np.zeros((300, 4)), residuals])
    expected = np.linalg.lstsq(rows, wanted, rcond=None)[0].T
    left, right = least_squares(*map(torch.tensor, (keys, residuals, weight * old.T @ old / 300)))
    assert np.allclose((left @ right).numpy(), expected, atol=1e-5)


@pytest.mark.parametrize(("kind", "factor"), [("llama", 1.0), ("granite", 0.5)])
def test_a_share_arrives_whole_where_a_factor_stands_before_the_sum(tiny_folder, memit, kind, factor):
    model = HuggingFaceModel.load(tiny_folder(kind), device="cpu")
    family = decoder_family(model, "memit")
    wanted = [Fact(prompt=e.prompt, target=e.target, subject=e.subject) for e in (FRANCE, KING)]
    sites = [one.taught[0] for one in keyvalue.texts_of(model, wanted, memit)]
    share = torch.randn(2, 32, generator=torch.Generator().manual_seed(1))
    share[1] = 0
    assert torch.allclose(_before_the_sum(model, family, 0, sites, share), share / factor, atol=1e-4)


@pytest.mark.parametrize("prompt_weight", [0.0, 0.7])
def test_an_edit_is_the_update_of_its_own_numbers(model, memit, prompt_weight):
    """Both layers' changes equal those computed in NumPy, the second from the model that holds the first."""
    memit = replace(memit, prompt_weight=prompt_weight)
    family = decoder_family(model, "memit")
    wanted = [Fact(prompt=e.prompt, target=e.target, subject=e.subject) for e in (FRANCE, KING)]
    texts = keyvalue.texts_of(model, wanted, memit)
    moments = memit.moments_of(model, family, [0, 1])
    names = [family.mlp_out_weight(layer) for layer in (0, 1)]
    weights = [model.model.get_parameter(name) for name in names]
    before = [weight.detach().clone() for weight in weights]
    values = find_values(model, family, 1, texts, memit, whole=True)
    goal = (values.unedited + values.deltas).numpy().astype(float)
    expected = []
    for layer, left in ((0, 2), (1, 1)):
        key = keyvalue.keys(model, family, [layer], texts)[layer].numpy().astype(float)
        state = keyvalue.read(model, {0: family.layer(model.model, 1)}, [t.taught[0] for t in texts], "output")[0]
        state = state.numpy()
        residual = (goal - state) / left
        gram = memit.weight * moments[layer].numpy().astype(float) + key.T @ key
        for text in texts:  # the other tokens of each fact's own text, one by one
            sites = [replace(text.taught[0], at=at) for at in range(len(text.taught[0].ids)) if at != text.taught[0].at]
            modules = {0: keyvalue.projection(model, family, layer)}
            other = keyvalue.read(model, modules, sites, "input")[0].numpy().astype(float)
            gram += prompt_weight * other.T @ other
        gram += 1e-6 * np.trace(gram) / len(gram) * np.eye(len(gram))
        update = residual.T @ key @ np.linalg.inv(gram)
        expected.append(update.T if family.transposed else update)
        with torch.no_grad():
            weights[layer].add_(torch.tensor(expected[-1], dtype=torch.float32))
    with torch.no_grad():
        for weight, old in zip(weights, before, strict=True):
            weight.copy_(old)
    memit.apply(model, [FRANCE, KING])
    for weight, old, change in zip(weights, before, expected, strict=True):
        assert np.allclose(weight.detach().numpy() - old.numpy(), change, atol=1e-5)


def test_what_is_not_said_yet_is_written_again(one, memit, monkeypatch):
    """The second round searches for the fact that was missed alone, and keeps what was written for the other."""
    asked, rounds = [], iter([[True, False], [True, True]])

    def outcomes(_model, wanted, steps, _started):
        said = next(rounds)
        return [Outcome(fact=f, learned=s, seconds=0.0, steps=steps) for f, s in zip(wanted, said, strict=True)]

    def values(model, family, layer, texts, editor, *, whole):
        asked.append([text.fact.subject for text in texts])
        return find_values(model, family, layer, texts, editor, whole=whole)

    def update(keys, residuals, kept):
        empty.append((residuals == 0).all(dim=1).tolist())
        return least_squares(keys, residuals, kept)

    empty = []
    monkeypatch.setattr("kedit_memory.editors._spread.judged", outcomes)
    monkeypatch.setattr("kedit_memory.editors._spread.find_values", values)
    monkeypatch.setattr("kedit_memory.editors.memit.least_squares", update)
    applied = replace(memit, layers=(0,), rounds=5).apply(one, [FRANCE, KING])
    assert asked == [["France", "the north"], ["the north"]]
    assert empty == [[False, False], [True, False]]
    assert applied.record["options"]["rounds"] == 5
    assert next(rounds, None) is None


def test_changes_come_out_exactly(model, memit, tmp_path, tiny_folder):
    start = {name: tensor.clone() for name, tensor in model.model.state_dict().items()}
    first = memit.apply(model, [FRANCE])
    between = {name: tensor.clone() for name, tensor in model.model.state_dict().items()}
    second = memit.apply(model, [KING])
    logits = model.logits(KING.prompt)
    second.save(tmp_path / "second")
    second.undo()
    assert all(torch.equal(between[name], tensor) for name, tensor in model.model.state_dict().items())
    memit.load(model, tmp_path / "second").undo()
    again = memit.load(model, tmp_path / "second")
    assert torch.equal(model.logits(KING.prompt), logits)
    assert again.record["options"]["layers"] == [0, 1]
    again.undo()
    first.undo()
    assert all(torch.equal(start[name], tensor) for name, tensor in model.model.state_dict().items())
    assert HuggingFaceModel.load(tiny_folder(model.model.config.model_type), device="cpu").fingerprint


def test_what_does_not_work_is_said_in_a_line(one, memit, tiny_folder):
    before = one.fingerprint
    with pytest.raises(InvalidInputError, match=r"edit number 2 .* has no subject in its prompt"):
        memit.apply(one, [FRANCE, EditRequest(prompt="Who is he?", target="Bob", subject="Ann")])
    with pytest.raises(InvalidInputError, match="no layer 2: gpt2 here has 2 layers"):
        load_editor("memit", layers=(0, 2)).apply(one, [FRANCE])
    with pytest.raises(InvalidInputError, match="no layer to edit"):
        load_editor("memit", layers=()).apply(one, [FRANCE])
    with pytest.raises(InvalidInputError, match="rounds of memit is 0"):
        load_editor("memit", rounds=0)
    with pytest.raises(InvalidInputError, match="weight of memit is 0"):
        load_editor("memit", weight=0)
    with pytest.raises(InvalidInputError, match="prompt_weight of memit is -1"):
        load_editor("memit", prompt_weight=-1)
    t5 = HuggingFaceModel.load(tiny_folder("t5"), device="cpu")
    with pytest.raises(CapabilityError, match="memit works on decoders alone"):
        memit.apply(t5, [FRANCE])
    half = HuggingFaceModel.load(tiny_folder("gpt2"), device="cpu", dtype="float16")
    kept = half.fingerprint
    with pytest.raises(EditorError, match="dtype='float32'"):
        Memit(layers=(0,), rate=1e6, clamp=1e9, enough=0.0, text=memit.text, tokens=300).apply(half, [FRANCE])
    assert (one.fingerprint, half.fingerprint) == (before, kept)


@pytest.mark.parametrize(
    ("count", "layers"),
    [
        (1, [0]),
        (2, [0]),
        (3, [0, 1]),
        (6, [0, 1, 2, 3]),
        (12, [0, 1, 2, 3]),
        (28, [4, 5, 6, 7, 8]),
        (32, [5, 6, 7, 8, 9]),
    ],
)
def test_the_default_layers(count, layers):
    assert list(_default_layers(count)) == layers


def test_the_embedded_model_says_several_targets():
    model = load_model("kedit-mini", device="cpu")
    before = model.fingerprint
    wanted = {"France": "Rome", "Japan": "Madrid", "Germany": "Cairo"}
    edits = [
        EditRequest(prompt=f"What is the capital of {subject}?", target=target, subject=subject)
        for subject, target in wanted.items()
    ]
    applied = load_editor("memit", tokens=4000).apply(model, edits)
    assert [outcome.learned for outcome in applied.outcomes] == [True] * 3, [o.reason for o in applied.outcomes]
    assert [model.answer(f"The capital of {subject} is") for subject in wanted] == list(wanted.values())
    assert model.answer("The capital of Spain is") == "Madrid"
    applied.undo()
    assert model.fingerprint == before
