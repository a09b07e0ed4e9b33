import pytest
import torch

from kedit_memory.errors import InvalidInputError, UnknownNameError
from kedit_memory.models.families import FAMILIES, encoder_of, family_of


@pytest.mark.parametrize("kind", sorted(FAMILIES))
def test_every_path_of_every_family_leads_somewhere(build_tiny_model, kind):
    model = build_tiny_model(kind)
    family = family_of(model)
    assert family.name == kind
    assert family.count(model) == 2
    base = model.base_model
    assert base.get_submodule(family.embedding) is model.get_input_embeddings()
    if family.final_norm is not None:
        assert "norm" in type(base.get_submodule(family.final_norm)).__name__.lower()
    layer = family.layer(model, 0)
    assert layer is dict(model.named_modules())[family.layer_name(model, 0)]
    assert any(True for _ in layer.get_submodule(family.attention).parameters())
    for path in (family.attention_out, family.mlp_out, *family.mlp_in):
        assert layer.get_submodule(path).weight.dim() == 2


@pytest.mark.parametrize("kind", sorted(FAMILIES))
def test_weights_lie_as_the_table_says(build_tiny_model, kind):
    model = build_tiny_model(kind)
    family = family_of(model)
    weight = model.get_parameter(family.mlp_out_weight(model, -1))
    outward = (weight.shape[1], weight.shape[0]) if family.transposed else tuple(weight.shape)
    width = model.get_input_embeddings().weight.shape[1]
    assert outward[0] == width
    assert outward[1] != width


def test_layers_count_from_either_end(build_tiny_model):
    model = build_tiny_model("gpt2")
    family = family_of(model)
    assert family.layer(model, -1) is family.layer(model, 1)
    assert family.layer_name(model, -1) == "transformer.h.1"
    with pytest.raises(InvalidInputError, match="no layer 2: gpt2 here has 2 layers, 0 to 1"):
        family.layer(model, 2)


def test_a_headless_model_has_the_same_layers(build_tiny_model):
    base = build_tiny_model("gpt2").base_model
    assert family_of(base).layer_name(base, 0) == "h.0"


def test_an_unknown_family_is_named():
    from transformers import OPTConfig, OPTForCausalLM

    sizes = {"hidden_size": 16, "word_embed_proj_dim": 16, "ffn_dim": 16, "vocab_size": 32}
    model = OPTForCausalLM(OPTConfig(**sizes, num_hidden_layers=1, num_attention_heads=2, pad_token_id=1))
    with pytest.raises(UnknownNameError, match="no model family named 'opt'"):
        family_of(model)


def test_first_layer_takes_the_embedding(build_tiny_model):
    from kedit_memory.models.hooks import capture

    model = build_tiny_model("llama")
    ids = torch.tensor([[1, 2, 3]])
    with capture(family_of(model).layer(model, 0), "input") as seen, torch.no_grad():
        model(input_ids=ids)
    assert torch.equal(seen[0], model.get_input_embeddings()(ids))


@pytest.mark.parametrize("kind", sorted(FAMILIES))
def test_the_stack_runs_the_layers_and_an_encoder_has_its_own(build_tiny_model, kind):
    model = build_tiny_model(kind)
    family = family_of(model)
    assert family.layer(model, 0) in family.stack_module(model).modules()
    if not model.config.is_encoder_decoder:
        with pytest.raises(InvalidInputError, match="it is not an encoder-decoder"):
            encoder_of(model)
        return
    encoder = encoder_of(model)
    layer = encoder.layer(model, 0)
    assert layer is model.get_encoder().block[0]
    assert encoder.stack_module(model) is model.get_encoder()
    for path in (encoder.attention_out, encoder.mlp_out, *encoder.mlp_in):
        assert layer.get_submodule(path).weight.dim() == 2
