import pytest
import torch

from kedit_memory.models.families import family_of
from kedit_memory.models.hooks import bypass, capture, no_further_than, replace, watch

IDS = torch.tensor([[5, 6, 7]])


@pytest.fixture(scope="module", params=["gpt2", "llama", "gpt_neox", "t5"])
def model(request, build_tiny_model):
    return build_tiny_model(request.param)


def scores(model):
    more = {"decoder_input_ids": IDS} if model.config.is_encoder_decoder else {}
    with torch.no_grad():
        return model(input_ids=IDS, use_cache=False, **more).logits


@pytest.mark.parametrize("side", ["input", "output"])
def test_capture_reads_and_leaves_no_trace(model, side):
    layer = family_of(model).layer(model, 0)
    before = scores(model)
    with capture(layer, side) as seen:
        within = scores(model)
    assert [state.shape for state in seen] == [(1, 3, 32)]
    assert torch.equal(before, within)
    assert torch.equal(before, scores(model))
    assert len(seen) == 1


def test_what_was_captured_stays_what_it_was(build_tiny_model):
    """Falcon adds the result of attention into that of its MLP, in place."""
    falcon = build_tiny_model("falcon")
    mlp = falcon.transformer.h[0].mlp.dense_4h_to_h
    with capture(mlp, "input") as given, capture(mlp) as written:
        scores(falcon)
    assert torch.equal(written[0], mlp(given[0]))


@pytest.mark.parametrize("side", ["input", "output"])
def test_with_rows_tokens_are_told_apart_in_every_module(build_tiny_model, side):
    """The MLP of OPT is given all tokens in one row."""
    opt = build_tiny_model("opt")
    module, ids = opt.model.decoder.layers[0].fc2, torch.tensor([[5, 6, 7], [8, 9, 10]])

    def first_row(states):
        return torch.cat([states[:1] * 2, states[1:]])

    with torch.no_grad():
        before = opt(input_ids=ids, use_cache=False).logits
        with capture(module, side, rows=2) as seen, replace(module, first_row, side, rows=2):
            after = opt(input_ids=ids, use_cache=False).logits
    assert seen[0].shape[:2] == (2, 3)
    assert torch.equal(before[1], after[1])
    assert not torch.allclose(before[0], after[0])


@pytest.mark.parametrize("side", ["input", "output"])
def test_replace_changes_scores_only_within_its_block(model, side):
    layer = family_of(model).layer(model, 1)
    before = scores(model)
    with replace(layer, lambda state: state.flip(-1), side):
        assert not torch.allclose(before, scores(model))
    assert torch.equal(before, scores(model))


def test_one_layer_s_output_is_the_next_one_s_input(model):
    family = family_of(model)
    with (
        capture(family.layer(model, 0)) as outputs,
        capture(family.layer(model, 1), "input") as inputs,
    ):
        scores(model)
    assert torch.equal(outputs[0], inputs[0])


def test_a_hook_is_gone_after_an_error(model):
    before = scores(model)

    def fail(_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), replace(family_of(model).layer(model, 0), fail):
        scores(model)
    assert torch.equal(before, scores(model))


def test_an_input_given_by_keyword_is_found():
    class Doubled(torch.nn.Module):
        def forward(self, *, flag, hidden_states):
            return hidden_states * 2 if flag else hidden_states

    module = Doubled()
    with replace(module, lambda state: state + 1, "input"):
        assert module(flag=True, hidden_states=torch.ones(1)).item() == 4


def test_watch_names_the_arguments_and_leaves_no_trace(model):
    stack = family_of(model).stack_module(model)
    told, gave = [], []
    before = scores(model)
    with watch(stack, told.append, gave.append):
        within = scores(model)
    assert torch.equal(told[0]["input_ids"], IDS)
    assert gave[0].last_hidden_state.shape == (1, 3, 32)
    assert torch.equal(before, within)
    scores(model)
    assert len(told) == len(gave) == 1


def test_a_bypassed_layer_does_not_run(model):
    layer = family_of(model).layer(model, 0)
    before = scores(model)
    outputs, inner = [], []
    with watch(layer, lambda _: None, outputs.append):
        scores(model)
    attention = family_of(model).part(model, 0, "attention")
    with bypass(layer, lambda *_, **__: outputs[0]), watch(attention, inner.append, inner.append):
        assert torch.equal(before, scores(model))
    assert not inner
    assert torch.equal(before, scores(model))
    assert "forward" not in vars(layer)


def test_a_pass_may_end_early(model):
    family = family_of(model)
    before = scores(model)
    with (
        capture(family.layer(model, 1), "input") as seen,
        capture(family.layer(model, 1)) as above,
        no_further_than(family.layer(model, 1)),
    ):
        scores(model)
        raise AssertionError("the pass went on")
    assert len(seen) == 1
    assert not above
    assert torch.equal(before, scores(model))
