"""MELO: a block against written weights, which prompts switch one on, and blocks that come and go alone."""

import pytest
import torch

from kedit_memory.editors import load_editor
from kedit_memory.editors._codebook_applied import sample_of
from kedit_memory.errors import InvalidInputError
from kedit_memory.models.hooks import capture
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import EditRequest

FRANCE = EditRequest(prompt="The capital of France is", target="Rome", id="france")
KING = EditRequest(prompt="The king of the north may be", target="Bob", id="king")
OTHER = "Who is Ann?"
QUICK = {"layer": 0, "rank": 3, "questions": 0, "radius": 0.02, "iterations": 40, "learning_rate": 1.0}


def logits(model, question):
    return model.logits(Prompt(question=question))


def test_a_block_does_what_its_product_does_in_the_weights(model):
    applied = load_editor("melo", **QUICK).open(model)
    adapter, form = applied.adapter, applied.adapter.form
    assert len(form.modules) == 2
    block = torch.randn(1, sum(form.sizes), generator=torch.Generator().manual_seed(1)) * 0.3
    batch = adapter.site.batch([sample_of(model, Prompt(question=FRANCE.prompt), "Rome")])
    with torch.no_grad(), adapter.forced(batch, block):
        switched = batch.judged(model.model(**batch.inputs).logits)
    with torch.no_grad():
        plain = batch.judged(model.model(**batch.inputs).logits)
        for place, layer in enumerate(form.layers):
            left, right = (one[0] for one in form.pair(block, place))
            product = left @ right
            family = adapter.site.family
            weight = model.model.get_parameter(family.mlp_out_weight(layer))
            weight += product.T if family.transposed else product
        written = batch.judged(model.model(**batch.inputs).logits)
    assert torch.allclose(switched, written, atol=1e-4)
    assert not torch.allclose(switched, plain, atol=1e-2)


def test_a_block_begins_with_no_effect(one):
    applied = load_editor("melo", **QUICK).open(one)
    form = applied.adapter.form
    batch = applied.adapter.site.batch([sample_of(one, Prompt(question=FRANCE.prompt), "Rome")])
    with torch.no_grad(), applied.adapter.forced(batch, form.start(0)[None]):
        switched = one.model(**batch.inputs).logits
    with torch.no_grad():
        assert torch.equal(switched, one.model(**batch.inputs).logits)
    (left, right) = form.pair(form.start(0)[None], 0)
    assert not bool(left.any())
    assert 0 < float(right.abs().max()) <= form.shapes[0][1] ** -0.5
    assert not torch.equal(form.start(0), form.start(1))


def test_a_prompt_out_of_all_clusters_keeps_every_bit_also_in_a_batch(one):
    bits = logits(one, OTHER)
    asked = [Prompt(question=text) for text in (FRANCE.prompt, OTHER, KING.prompt)]
    plain = one.answer_many(asked)
    applied = load_editor("melo", **QUICK).apply(one, [FRANCE, KING])
    assert all(outcome.learned for outcome in applied.outcomes)
    assert torch.equal(logits(one, OTHER), bits)
    together = one.answer_many(asked)
    assert together == [one.answer_many([prompt])[0] for prompt in asked]
    assert together[1] == plain[1]
    assert together[0].startswith("Rome")
    assert together[2].startswith("Bob")


def test_each_edit_has_its_own_block_which_goes_with_it(one):
    before = {edit.prompt: logits(one, edit.prompt) for edit in (FRANCE, KING)}
    applied = load_editor("melo", **QUICK).apply(one, [FRANCE, KING])
    first, second = applied.codebook.rows()
    assert (applied.codebook.values[first] != applied.codebook.values[second]).any()
    kept = logits(one, KING.prompt)
    applied.remove("france")
    assert torch.equal(logits(one, FRANCE.prompt), before[FRANCE.prompt])
    assert torch.equal(logits(one, KING.prompt), kept)
    assert not torch.equal(kept, before[KING.prompt])


@pytest.mark.parametrize("kind", ["t5", "qwen2"])
def test_other_families(tiny_folder, kind):
    model = HuggingFaceModel.load(tiny_folder(kind), device="cpu")
    before = logits(model, OTHER)
    editor = load_editor("melo", **QUICK | {"iterations": 10})
    applied = editor.open(model)
    sample = sample_of(model, Prompt(question=FRANCE.prompt), FRANCE.target)
    editor.edit_tokens(applied.adapter, [[sample]], labels=["Rome"], owners=["one"])
    with applied.query_tokens([Prompt(question=FRANCE.prompt)]):
        inside = model.log_probability(Prompt(question=FRANCE.prompt), " Rome")
    applied.undo()
    assert sum(inside) > sum(model.log_probability(Prompt(question=FRANCE.prompt), " Rome"))
    assert torch.equal(before, logits(model, OTHER))


def test_layers_below_the_site_run_once_while_a_block_is_learned(one):
    editor = load_editor("melo", **QUICK | {"layer": 1, "iterations": 5})
    applied = editor.open(one)
    family = applied.adapter.site.family
    with capture(family.part(one.model, 0, "mlp_out")) as below, capture(family.part(one.model, 1, "mlp_out")) as above:
        sample = sample_of(one, Prompt(question=FRANCE.prompt), "Rome")
        editor.edit_tokens(applied.adapter, [[sample]], labels=["Rome"], owners=["one"])
    assert len(below) == 1
    assert len(above) >= 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rank": 0}, "rank of melo is 0"),
        ({"span": 0}, "span of melo is 0"),
        ({"seed": -1}, "seed of melo is -1"),
        ({"questions": 3}, "questions of melo is 3; give 10 or more, or 0 and a radius"),
    ],
)
def test_options_that_mean_nothing(options, message):
    with pytest.raises(InvalidInputError, match=message):
        load_editor("melo", **options)
