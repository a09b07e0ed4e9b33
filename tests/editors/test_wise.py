"""WISE: the router and the merge by hand, the side memory against a written weight, and what stays out of it."""

import pytest
import torch

from kedit_memory.editors import load_editor
from kedit_memory.editors.wise import Margins, ties
from kedit_memory.errors import CapabilityError, InvalidInputError
from kedit_memory.models.families import family_of
from kedit_memory.models.hooks import capture
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import EditRequest

FRANCE = EditRequest(prompt="The capital of France is", target="Rome")
KING = EditRequest(prompt="The king of the north may be", target="Bob")
OTHER = "Who is Ann?"
QUICK = {"layer": 0, "rate": 5e-2, "steps": 5, "questions": 10}


def logits(model, question):
    return model.logits(Prompt(question=question))


def test_a_merge_elects_signs_and_averages_what_agrees():
    changes = torch.tensor([[[3.0, 0.0, -1.0, 0.5]], [[1.0, 2.0, 4.0, -0.5]]])
    assert ties(changes, 1.0).tolist() == [[2.0, 2.0, 4.0, 0.0]]
    trimmed = ties(changes, 0.5)  # of the first 3 and -1, of the second 2 and 4
    assert trimmed.tolist() == [[3.0, 2.0, 4.0, 0.0]]
    assert torch.equal(ties(changes[:1], 1.0), changes[0])


def test_the_loss_of_the_router_is_equation_3():
    edits, others = torch.tensor([4.0, 25.0]), torch.tensor([6.0, 1.0, 18.0])
    each = [
        sum(max(0, other - 5) for other in (6, 1, 18)) / 3,
        sum(max(0, 20 - edit) for edit in (4, 25)) / 2,
        sum(max(0, 10 - (edit - other)) for edit in (4, 25) for other in (6, 1, 18)) / 6,
    ]
    assert float(Margins(5, 20, 10).loss(edits, others)) == pytest.approx(sum(each))


def test_a_prompt_goes_through_the_side_memory_where_it_parts_enough(model):
    """As a model whose weight was written does, and bit for bit as the unedited one does elsewhere."""
    plain = {question: logits(model, question) for question in (FRANCE.prompt, OTHER)}
    applied = load_editor("wise", **QUICK).open(model)
    side, site = applied.adapter.module, applied.adapter.site
    with capture(site.module, "input") as seen:
        for question in plain:
            logits(model, question)
    keys = torch.stack([states[0, -1] for states in seen]).float()
    # A change that gives 1 along one direction for the first question's key and nothing for the other's.
    direction = torch.linalg.lstsq(keys, torch.tensor([[1.0], [0.0]])).solution[:, 0]
    side.subspaces[0] = torch.eye(site.width)[:, :1] @ direction[None]
    side.merge()
    side.reached.fill_(1.0)
    applied.adapter.open()
    routed = logits(model, FRANCE.prompt)
    assert torch.equal(logits(model, OTHER), plain[OTHER])
    assert not torch.allclose(routed, plain[FRANCE.prompt], atol=1e-3)
    applied.undo()
    family = family_of(model.model)
    weight = model.model.get_parameter(family.mlp_out_weight(site.layer))
    with torch.no_grad():
        weight += side.merged.T if family.transposed else side.merged
    assert torch.allclose(logits(model, FRANCE.prompt), routed, atol=1e-4)


def test_each_share_of_edits_moves_its_own_part_of_the_side_memory(one):
    editor = load_editor("wise", **QUICK, shard=1, bound=0.01, mask=0.3)
    applied = editor.apply(one, [FRANCE, KING])
    side = applied.adapter.module
    assert int(side.count) == 2
    for place in range(2):
        mask = editor._mask(place, side.merged).bool()
        assert 0.2 < float(mask.float().mean()) < 0.4
        assert not bool(side.subspaces[place][~mask].any())
        assert float(side.subspaces[place].abs().max()) == pytest.approx(0.01)
    assert not torch.equal(editor._mask(0, side.merged), editor._mask(1, side.merged))
    assert torch.equal(side.merged, ties(side.subspaces, 0.53))
    before = side.subspaces[0].clone()
    applied.add([EditRequest(prompt="Who is Bob?", target="Ann")])  # the first subspace takes its turn again
    assert not torch.equal(applied.adapter.module.subspaces[0], before)


def test_no_batch_goes_over_the_end_of_a_shard():
    editor = load_editor("wise", shard=5, batch=3)
    assert [list(batch) for batch in editor._batches(list("abcdefg"), 3)] == [["a", "b"], ["c", "d", "e"], ["f", "g"]]


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_training_tells_edits_from_other_questions(one, optimizer):
    rate = {"adam": 5e-2, "sgd": 0.5}[optimizer]
    options = QUICK | {"rate": rate, "steps": 40, "mask": 1.0, "bound": 100.0}
    applied = load_editor("wise", **options, optimizer=optimizer).apply(one, [FRANCE])
    side, site = applied.adapter.module, applied.adapter.site
    with capture(site.module, "input") as seen:
        for question in ("What is the currency of India?", FRANCE.prompt):
            logits(one, question)
    other, edit = (float((side.merged @ states[0, -1]).norm()) for states in seen)
    assert edit == pytest.approx(float(side.reached), rel=1e-3)
    assert edit > 2 * other


def test_an_encoder_decoder_is_refused(tiny_folder):
    with pytest.raises(CapabilityError, match="wise works on decoders alone"):
        load_editor("wise").open(HuggingFaceModel.load(tiny_folder("t5"), device="cpu"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mask": 0.0}, "mask of wise is 0.0"),
        ({"subspaces": 0}, "subspaces of wise is 0"),
        ({"density": 1.5}, "density of wise is 1.5"),
        ({"optimizer": "lion"}, "optimizer is 'lion': it must be one of adam, sgd"),
        ({"threshold": -0.1}, "threshold of wise is -0.1"),
    ],
)
def test_options_that_mean_nothing(options, message):
    with pytest.raises(InvalidInputError, match=message):
        load_editor("wise", **options)
