"""Reading on from a layer gives what reading the whole text gives, whatever stands in the model."""

import pytest
import torch

from kedit_memory.editors._locate import Site, decoder_family
from kedit_memory.editors._onward import Onward
from kedit_memory.models.hooks import has_hooks, replace
from kedit_memory.models.huggingface import HuggingFaceModel

TEXTS = ("The capital of France is Rome", "Who is the king?", "In the end, the capital of France was it")


def sites(model):
    """Texts of several lengths, with some place in each."""
    encoded = [tuple(model.encode(text)) for text in TEXTS]
    return [Site(ids=ids, at=len(ids) // 2, target=len(ids)) for ids in encoded]


def whole(model, module, site, delta):
    """The log-probabilities of a text read alone from its beginning, with a hook of the test's own."""

    def put(states):
        moved = states.clone()
        moved[:, site.at] += delta
        return moved

    with torch.no_grad(), replace(module, put, rows=1):
        return model.model(torch.tensor([site.ids])).logits[0].log_softmax(-1)


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("watched", [False, True])
def test_it_is_what_the_whole_text_gives(model, layer, watched):
    family, given = decoder_family(model, "rome"), sites(model)
    width = model.model.config.hidden_size
    deltas = torch.randn(2, width, generator=torch.Generator().manual_seed(layer))
    module = family.layer(model.model, layer)
    seen = []
    handle = module.register_forward_hook(lambda *_: seen.append(1)) if watched else None
    onward = Onward(model, family, layer, given)
    columns = [[given[2].at, len(given[2].ids) - 1], [given[1].at]]
    with torch.no_grad():
        found = onward.words([2, 1], deltas, columns)
    if handle is not None:
        assert len(seen) == 1  # nothing was read before it was asked for
        handle.remove()
    expected = [
        whole(model, module, given[row], delta)[at] for row, delta, at in zip([2, 1], deltas, columns, strict=True)
    ]
    assert torch.allclose(found, torch.cat(expected), atol=1e-5)
    assert not has_hooks([model.model])


@pytest.mark.parametrize("kind", ["gpt2", "gemma2", "granite", "gptj", "falcon", "opt", "bloom", "gemma3_text", "phi3"])
@pytest.mark.parametrize("layer", [0, 1])
def test_within_a_layer_it_is_what_the_whole_text_gives(tiny_folder, kind, layer):
    """Norms and factors after the MLP, and what a model does to its scores after the head, are all there."""
    model = HuggingFaceModel.load(tiny_folder(kind), device="cpu")
    family, given = decoder_family(model, "rome"), sites(model)
    module = family.part(model.model, layer, "mlp_out")
    deltas = torch.randn(2, 32, generator=torch.Generator().manual_seed(layer))
    columns = [[given[2].at, len(given[2].ids) - 1], [given[1].at]]
    with torch.no_grad():
        found = Onward(model, family, layer, given, module).words([2, 1], deltas, columns)
    expected = [
        whole(model, module, given[row], delta)[at] for row, delta, at in zip([2, 1], deltas, columns, strict=True)
    ]
    assert torch.allclose(found, torch.cat(expected), atol=1e-4)
    assert not has_hooks([model.model])


@pytest.mark.parametrize(
    "kind",
    ["gpt2", "gpt_neox", "llama", "qwen2", "qwen3", "mistral", "gemma", "gemma2", "gemma3_text", "phi3", "olmo2",
     "granite", "smollm3", "stablelm", "starcoder2", "gptj", "gpt_neo", "opt", "bloom", "falcon", "mixtral"],
)  # fmt: skip
def test_large_scores_are_those_of_the_models_own_head(tiny_folder, kind):
    """A model may cap or scale what its head gives, which does not show in the small scores of random weights."""
    model = HuggingFaceModel.load(tiny_folder(kind), device="cpu")
    with torch.no_grad():
        model.model.get_output_embeddings().weight.mul_(300)
    family, (given, *_) = decoder_family(model, "rome"), sites(model)
    columns = [*range(given.at, len(given.ids))]
    with torch.no_grad():
        found = Onward(model, family, 0, [given]).words([0], torch.zeros(1, 32), [columns])
        scores = model.model(torch.tensor([given.ids])).logits[0]
    assert float(scores.abs().max()) > 20
    expected = scores.log_softmax(-1)
    assert torch.allclose(found, expected[columns], atol=1e-2)
    text = TEXTS[0]
    wanted = [*model.join(text, " Bob")[1]]
    whole = torch.tensor([[*model.encode(text), *wanted]])
    with torch.no_grad():
        after = model.model(whole).logits[0].log_softmax(-1)[-len(wanted) - 1 : -1]
    own = after.gather(1, torch.tensor(wanted)[:, None])[:, 0].tolist()
    assert model.log_probability(text, " Bob") == pytest.approx(own, abs=1e-2)


def test_its_gradient_is_that_of_the_whole_text(model):
    family, (given, *_) = decoder_family(model, "rome"), sites(model)
    delta = torch.zeros(1, model.model.config.hidden_size, requires_grad=True)
    onward = Onward(model, family, 0, [given])
    (found,) = torch.autograd.grad(onward.words([0], delta, [[len(given.ids) - 1]])[0, 7], delta)

    def put(states):
        return states.index_put((torch.tensor([0]), torch.tensor([given.at])), delta, accumulate=True)

    with replace(family.layer(model.model, 0), put):
        words = model.model(torch.tensor([given.ids])).logits[0].log_softmax(-1)
    (expected,) = torch.autograd.grad(words[-1, 7], delta)
    assert torch.allclose(found, expected, atol=1e-6)
    assert float(expected.norm()) > 0


def test_the_layers_below_do_not_run_again(one):
    family, given = decoder_family(one, "rome"), sites(one)
    onward = Onward(one, family, 0, given)
    with torch.no_grad():
        before = onward.words([0], torch.zeros(1, one.model.config.hidden_size), [[given[0].at]])
        one.model.get_parameter(family.mlp_out_weight(0)).zero_()
        after = onward.words([0], torch.zeros(1, one.model.config.hidden_size), [[given[0].at]])
    assert torch.equal(before, after)
