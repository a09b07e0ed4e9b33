"""`alphaedit`: the projection and update of the paper, and earlier edits that are kept."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from kedit_memory.editors import load_editor
from kedit_memory.editors._locate import decoder_family
from kedit_memory.editors.alphaedit import AlphaEdit, Known, free_directions, projected
from kedit_memory.editors.base import facts
from kedit_memory.errors import EditorError, InvalidInputError
from kedit_memory.models.named import load_model
from kedit_memory.records import EditRequest

FRANCE = EditRequest(prompt="The capital of France is", target="Rome", subject="France")
KING = EditRequest(prompt="Who is the king of the north?", target="Bob", subject="the north")


@pytest.fixture
def alphaedit(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("\n".join(f"Line {i}: Paris is the capital of France, {i * i}." for i in range(60)), "utf-8")
    return AlphaEdit(layers=(0,), tokens=800, text=text, steps=8, threshold=0.5)


def numbers(seed=3):
    rng = np.random.default_rng(seed)
    used = rng.normal(size=(200, 4)) @ rng.normal(size=(4, 9))  # old keys fill 4 of 9 directions
    keys, past, residuals = rng.normal(size=(3, 9)), rng.normal(size=(2, 9)), rng.normal(size=(3, 5))
    return used, keys, past, residuals


def test_the_projection_is_that_of_the_paper():
    used, *_ = numbers()
    moment = used.T @ used / len(used)
    left, sizes, _ = np.linalg.svd(moment)
    kept = left[:, sizes < 0.02 * sizes.mean()]
    free = free_directions(torch.tensor(moment), 0.02).numpy()
    assert free.shape == (9, 5)
    assert np.allclose(free @ free.T, kept @ kept.T, atol=1e-5)
    assert np.allclose(used @ free, 0, atol=1e-5)


def test_the_update_is_that_of_the_paper():
    used, keys, past, residuals = numbers()
    free = free_directions(torch.tensor(used.T @ used / len(used)), 0.02)
    projection = (free @ free.T).numpy()
    k1, kp, r = keys.T, past.T, residuals.T
    expected = r @ k1.T @ projection @ np.linalg.inv(kp @ kp.T @ projection + k1 @ k1.T @ projection + 0.3 * np.eye(9))

    def update(ridge, before=past, kept=0 * used):
        given = (keys, residuals, free, before, kept.T @ kept)
        keys_, residuals_, free_, before_, kept_ = map(torch.as_tensor, given)
        left, right = projected(keys_, residuals_, free_, past=before_, kept=kept_, ridge=ridge)
        return (left @ right).numpy()

    found = update(0.3)
    assert np.allclose(found, expected, atol=1e-5)
    assert np.allclose(found @ used.T, 0, atol=1e-5), "what the layer gave for its old keys stays"
    sharp = update(1e-9)
    assert np.allclose(sharp @ k1, r, atol=1e-5)
    assert np.allclose(sharp @ kp, 0, atol=1e-5), "and for the keys of earlier edits too"
    assert np.allclose(update(0.3, before=past[:0], kept=past), expected, atol=1e-5), "further keys count like these"


def test_no_free_direction_is_said():
    with pytest.raises(EditorError, match=r"no direction is free below a threshold of 0\.5 means; take a higher one"):
        free_directions(torch.eye(4), 0.5)
    with pytest.raises(EditorError, match=r"below a threshold of 0\.02; take a higher one"):
        free_directions(torch.eye(4), 0.02, absolute=True)


def test_an_edit_leaves_the_old_directions_alone(model, alphaedit):
    family = decoder_family(model, "alphaedit")
    moment = alphaedit.moments_of(model, family, [0])[0]
    weight = model.model.get_parameter(family.mlp_out_weight(0))
    before = weight.detach().clone()
    alphaedit.apply(model, [FRANCE, KING])
    change = (weight.detach() - before).double()
    change = change.T if family.transposed else change  # (out, in)
    sizes, directions = torch.linalg.eigh(moment.double())
    used = directions[:, sizes >= 0.5 * sizes.mean()]
    assert float(change.norm()) > 1e-3
    assert float((change @ used).norm()) < 1e-4 * float(change.norm())


def test_past_edits_are_kept(one, alphaedit):
    """With the first edit as past, the second moves what the layer gives for its key less than without."""
    family = decoder_family(one, "alphaedit")
    weight = one.model.get_parameter(family.mlp_out_weight(0))
    firm = replace(alphaedit, ridge=1e-4, threshold=2.0)
    firm.apply(one, [FRANCE])
    key = firm.known.keys(one, family, [0], facts([FRANCE]), firm)[0][0]
    moved = []
    for editor in (firm, replace(firm, past=(FRANCE,))):
        before = weight.detach().clone()
        second = editor.apply(one, [KING])
        moved.append(float((key @ (weight.detach() - before)).norm()))
        assert second.record["options"]["past"] == len(editor.past)
        second.undo()
    assert moved[1] < 0.1 * moved[0]
    assert firm.known is replace(firm, past=(FRANCE,)).known


def test_free_directions_are_taken_once_for_a_moment():
    known, moment = Known(), torch.diag(torch.tensor([5.0, 1e-3, 4.0]))
    first = known.free({0: moment}, 0.5)[0]
    assert torch.equal(first.abs(), torch.tensor([[0.0], [1.0], [0.0]], dtype=torch.float64))
    assert known.free({0: moment}, 0.5)[0] is first
    assert known.free({0: moment.flip(0).flip(1)}, 0.5)[0] is not first
    assert known.free({0: moment}, 0.9)[0] is not first


def test_thresholds_and_ridges_count_in_the_models_own_sizes_or_are_plain_numbers(one, alphaedit):
    """The same numbers in both units write the same change, which other ones do not."""
    family = decoder_family(one, "alphaedit")
    moment = alphaedit.moments_of(one, family, [0])[0]
    plain = {"threshold": 0.5 * float(moment.diagonal().mean()), "ridge": 0.05 * float(moment.diagonal().sum())}
    weight = one.model.get_parameter(family.mlp_out_weight(0))
    before = weight.detach().clone()
    written = []
    for editor in (alphaedit, replace(alphaedit, absolute=True, **plain), replace(alphaedit, ridge=1.0)):
        applied = editor.apply(one, [FRANCE])
        written.append(weight.detach() - before)
        applied.undo()
    assert torch.allclose(written[0], written[1], atol=1e-6)
    assert not torch.allclose(written[0], written[2], atol=1e-6)


def test_changes_come_out_exactly(model, alphaedit, tmp_path):
    start = {name: tensor.clone() for name, tensor in model.model.state_dict().items()}
    first = alphaedit.apply(model, [FRANCE])
    second = replace(alphaedit, past=(FRANCE,)).apply(model, [KING])
    logits = model.logits(KING.prompt)
    second.save(tmp_path / "second")
    second.undo()
    again = alphaedit.load(model, tmp_path / "second")
    assert torch.equal(model.logits(KING.prompt), logits)
    again.undo()
    first.undo()
    assert all(torch.equal(start[name], tensor) for name, tensor in model.model.state_dict().items())


def test_wrong_options_are_said():
    with pytest.raises(InvalidInputError, match="threshold of alphaedit is 0"):
        load_editor("alphaedit", threshold=0)
    with pytest.raises(InvalidInputError, match="ridge of alphaedit is -1"):
        load_editor("alphaedit", ridge=-1)
    with pytest.raises(InvalidInputError, match="has no subject in its prompt"):
        load_editor("alphaedit", past=(EditRequest(prompt="Who is he?", target="Bob"),))


def test_the_embedded_model_says_one_edit_after_another():
    model = load_model("kedit-mini", device="cpu")
    before = model.fingerprint
    edits = [
        EditRequest(prompt="What is the capital of France?", target="Rome", subject="France"),
        EditRequest(prompt="What is the capital of Japan?", target="Madrid", subject="Japan"),
    ]
    editor = load_editor("alphaedit", tokens=4000)
    first = editor.apply(model, edits[:1])
    second = replace(editor, past=tuple(edits[:1])).apply(model, edits[1:])
    assert first.outcomes[0].learned, first.outcomes[0].reason
    assert second.outcomes[0].learned, second.outcomes[0].reason
    assert [model.answer(edit.prompt) for edit in edits] == ["Rome", "Madrid"]
    second.undo()
    first.undo()
    assert model.fingerprint == before
