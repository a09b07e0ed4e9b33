"""What is read from module trees, against what the models then do: no table of types is asked."""

import pytest
import torch
from torch import nn

from kedit_memory.errors import CapabilityError, InvalidInputError
from kedit_memory.models.families import encoder_of, family_of, state_width
from kedit_memory.models.hooks import capture

DECODERS = (
    "gpt2", "gpt_neox", "llama", "qwen2", "qwen3", "mistral", "gemma", "gemma2", "gemma3_text", "phi3", "olmo2",
    "granite", "smollm3", "stablelm", "starcoder2", "gptj", "gpt_neo", "opt", "bloom", "falcon",
)  # fmt: skip
EXPERTS = ("mixtral", "qwen3_moe")
TWO_STACKS = ("t5", "t5_gated", "bart")
DENSE = (*DECODERS, *TWO_STACKS, "bert")
ALL = (*DENSE, *EXPERTS)
# What the layers of these put between what attention or the MLP writes and the sum that they give.
NORMED = {"gemma2", "gemma3_text", "olmo2", "bert", "bart"}
SCALED = {"granite": 0.5}
IDS = torch.tensor([[5, 6, 7, 8], [9, 10, 11, 12]])
WIDTH = 32


def run(model, **options):
    more = {"decoder_input_ids": IDS} if model.config.is_encoder_decoder else {}
    with torch.no_grad():
        return model(input_ids=IDS, use_cache=False, **more, **options)


def seen(model, modules, side="output"):
    """What stands at one side of each module, (rows, tokens, width)."""
    from contextlib import ExitStack

    with ExitStack() as hooks:
        found = [hooks.enter_context(capture(module, side, rows=len(IDS))) for module in modules]
        run(model)
    return [states[0] for states in found]


@pytest.mark.parametrize("kind", ALL)
def test_hidden_states_are_what_the_layers_give(build_tiny_model, kind):
    model = build_tiny_model(kind)
    family = family_of(model)
    assert family.count == 2
    embedded = model.get_submodule(family.embedding)
    assert embedded is model.get_input_embeddings()
    layers = [family.layer(model, place) for place in range(2)]
    output = run(model, output_hidden_states=True)
    states = output.decoder_hidden_states if model.config.is_encoder_decoder else output.hidden_states
    assert torch.equal(seen(model, layers[:1], "input")[0], states[0])
    assert torch.equal(seen(model, layers)[0], states[1])
    assert states[1].shape == (*IDS.shape, state_width(model)) == (*IDS.shape, WIDTH)
    # The last of them may be told after the final norm.
    (last,) = seen(model, layers[1:])
    assert any(torch.allclose(norm(last), states[2], atol=1e-6) for norm in (nn.Identity(), *norms_after(model)))


def norms_after(model):
    return [
        part for name, part in model.named_modules()
        if "norm" in type(part).__name__.lower() and not name.startswith(family_of(model).layers)
    ]  # fmt: skip


@pytest.mark.parametrize("kind", DENSE)
def test_projections_read_and_write_what_they_should(build_tiny_model, kind):
    model = build_tiny_model(kind)
    family = family_of(model)
    for place in range(2):
        *into, out = (model.get_submodule(name) for name in family.mlp_names(place))
        assert out is family.part(model, place, "mlp_out") is family.part(model, place, "mlp")
        (read,), (written,) = seen(model, [out], "input"), seen(model, [out])
        assert written.shape == (*IDS.shape, WIDTH)
        weight = model.get_parameter(family.mlp_out_weight(place))
        assert (tuple(weight.shape) == (read.shape[-1], WIDTH)) == family.transposed
        assert read.shape[-1] != WIDTH
        given, brought = seen(model, into, "input"), seen(model, into)
        assert all(states.shape == (*IDS.shape, WIDTH) for states in given)
        assert sum(states.shape[-1] for states in brought) in (read.shape[-1], 2 * read.shape[-1])
        (attended,) = seen(model, [family.part(model, place, "attention_out")])
        assert attended.shape == (*IDS.shape, WIDTH)
        attention = family.part(model, place, "attention")
        assert family.part(model, place, "attention_out") in attention.modules()
        assert not {id(part) for part in (*into, out)} & {id(part) for part in attention.modules()}


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind not in NORMED | set(TWO_STACKS)])
def test_attention_and_mlp_add_up_to_what_a_layer_gives(build_tiny_model, kind):
    model = build_tiny_model(kind)
    family = family_of(model)
    for place in range(2):
        layer, parts = family.layer(model, place), [family.part(model, place, p) for p in ("attention_out", "mlp")]
        (given,), (attended, computed), (result,) = (
            seen(model, [layer], "input"),
            seen(model, parts),
            seen(model, [layer]),
        )
        assert torch.allclose(given + SCALED.get(kind, 1.0) * (attended + computed), result, atol=1e-4)


@pytest.mark.parametrize("kind", sorted(NORMED))
def test_where_a_norm_stands_between_they_do_not(build_tiny_model, kind):
    """What editors may not take for granted, and so have to work without."""
    model = build_tiny_model(kind)
    family = family_of(model)
    layer, parts = family.layer(model, 0), [family.part(model, 0, p) for p in ("attention_out", "mlp")]
    (given,), (attended, computed), (result,) = seen(model, [layer], "input"), seen(model, parts), seen(model, [layer])
    assert not torch.allclose(given + attended + computed, result, atol=1e-2)


@pytest.mark.parametrize("kind", EXPERTS)
def test_experts_have_no_one_projection(build_tiny_model, kind):
    model = build_tiny_model(kind)
    family = family_of(model)
    assert family.decoder_only
    (computed,) = seen(model, [family.part(model, 0, "mlp")])
    assert computed.shape == (*IDS.shape, WIDTH)
    for ask in (family.mlp_out_weight, family.mlp_names, lambda place: family.part(model, place, "mlp_out")):
        with pytest.raises(
            CapabilityError, match=rf"layer 1 of this {kind} model holds a mixture of experts"
        ) as caught:
            ask(1)
        assert "\n" not in str(caught.value)


def test_layers_may_differ(build_tiny_model):
    family = family_of(build_tiny_model("deepseek_v3"))  # an MLP first, then experts with a shared one beside them
    assert family.mlp_out_weight(0) == "model.layers.0.mlp.down_proj.weight"
    with pytest.raises(CapabilityError, match="layer 1 of this deepseek_v3 model holds a mixture of experts"):
        family.mlp_out_weight(1)


def test_a_layer_without_attention_says_so(build_tiny_model):
    family = family_of(build_tiny_model("mamba"))
    with pytest.raises(CapabilityError, match="layer 0 of this mamba model has no attention that can be told by"):
        family.part_name(0, "attention")


def test_a_model_without_layers_is_refused(build_tiny_model):
    model = build_tiny_model("llama")
    model.model.layers = nn.ModuleList()
    with pytest.raises(CapabilityError, match="the module tree of a llama model shows no list of layers"):
        family_of(model)


def test_square_projections_are_told_by_their_order(build_tiny_model):
    model = build_tiny_model("llama")
    mlp = model.model.layers[0].mlp
    mlp.gate_proj, mlp.up_proj, mlp.down_proj = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(3))
    assert family_of(model).mlp_names(0) == tuple(f"model.layers.0.mlp.{name}_proj" for name in ("gate", "up", "down"))


@pytest.mark.parametrize("kind", ALL)
def test_who_looks_ahead_is_no_decoder(build_tiny_model, kind):
    assert family_of(build_tiny_model(kind)).decoder_only == (kind in {*DECODERS, *EXPERTS})


def test_layers_count_from_either_end(build_tiny_model):
    model = build_tiny_model("gpt2")
    family = family_of(model)
    assert family.layer(model, -1) is family.layer(model, 1)
    assert family.layer_name(-1) == "transformer.h.1"
    with pytest.raises(InvalidInputError, match="no layer 2: gpt2 here has 2 layers, 0 to 1"):
        family.layer(model, 2)


@pytest.mark.parametrize("kind", ["gpt2", "llama", "bert", "falcon"])
def test_a_headless_model_has_the_same_layers(build_tiny_model, kind):
    model = build_tiny_model(kind)
    whole, base = family_of(model), family_of(model.base_model)
    assert whole.layer_name(0) == f"{model.base_model_prefix}.{base.layer_name(0)}"
    assert base.layer(model.base_model, 1) is whole.layer(model, 1)


@pytest.mark.parametrize("kind", ALL)
def test_the_stack_runs_the_layers_and_an_encoder_has_its_own(build_tiny_model, kind):
    model = build_tiny_model(kind)
    family = family_of(model)
    assert family.layer(model, 0) in family.stack_module(model).modules()
    if not model.config.is_encoder_decoder:
        with pytest.raises(InvalidInputError, match="it is not an encoder-decoder"):
            encoder_of(model)
        return
    encoder = encoder_of(model)
    assert encoder.stack_module(model) is model.get_encoder()
    assert encoder.layer(model, 0) in model.get_encoder().modules()
    assert family.stack_module(model) is model.get_decoder()
    assert encoder.mlp_out_weight(0) != family.mlp_out_weight(0)
    assert model.get_parameter(encoder.mlp_out_weight(1)).shape == model.get_parameter(family.mlp_out_weight(1)).shape
    assert encoder.part(model, 0, "attention_out") in encoder.part(model, 0, "attention").modules()
