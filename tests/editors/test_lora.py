import sys

import pytest
import torch
from safetensors.torch import load_file

from kedit_memory.editors import load_editor
from kedit_memory.editors._adapters import Shape, merge, train_pairs
from kedit_memory.editors._teaching import Descent, lesson
from kedit_memory.editors._weights import changing
from kedit_memory.errors import EditorError, InvalidInputError, MissingDependencyError
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import EditRequest

FRANCE = EditRequest(prompt="The capital of France is", target="Rome")
QUICK = {"rate": 2e-2}


@pytest.fixture(params=["gpt2", "llama"])
def model(request, tiny_folder):
    return HuggingFaceModel.load(tiny_folder(request.param), device="cpu")


@pytest.fixture
def one(tiny_gpt2_folder):
    return HuggingFaceModel.load(tiny_gpt2_folder, device="cpu")


def state(model):
    return {name: tensor.clone() for name, tensor in model.model.state_dict().items()}


def trained(model, targets="all", layers=None, steps=10):
    shape = Shape(rank=2, alpha=4.0, targets=targets, layers=layers)
    taught = [lesson(model, Prompt(question=FRANCE.prompt), "Rome")]
    generator = torch.Generator().manual_seed(0)
    return train_pairs(model, shape, taught, Descent(rate=2e-2, steps=steps), generator=generator, early=False)[0]


@pytest.mark.parametrize("targets", ["attention", "mlp", "all"])
def test_every_projection_gets_a_pair_of_its_shape(model, targets):
    pairs = trained(model, targets, steps=1)
    parts = {name.split(".", 3)[3] for name in pairs}
    attention = {"gpt2": {"c_attn", "c_proj"}, "llama": {"q_proj", "k_proj", "v_proj", "o_proj"}}
    mlp = {"gpt2": {"c_fc", "c_proj"}, "llama": {"gate_proj", "up_proj", "down_proj"}}
    kind = model.model.config.model_type
    site = {"gpt2": "attn", "llama": "self_attn"}[kind]
    wanted = {f"{site}.{name}.weight" for name in attention[kind]} if targets != "mlp" else set()
    wanted |= {f"mlp.{name}.weight" for name in mlp[kind]} if targets != "attention" else set()
    assert parts == wanted
    for name, (left, right) in pairs.items():
        shape = model.model.get_parameter(name).shape
        assert (left.shape[0], right.shape[1]) == (tuple(shape[::-1]) if kind == "gpt2" else tuple(shape))
        assert left.shape[1] == right.shape[0] == 2


def test_training_leaves_the_model_as_it_was(model):
    before, modules = state(model), [name for name, _ in model.model.named_modules()]
    attributes = set(vars(model.model))
    fingerprint, draw = model.fingerprint, torch.random.get_rng_state()
    trained(model)
    assert state(model).keys() == before.keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in state(model).items())
    assert [name for name, _ in model.model.named_modules()] == modules
    assert set(vars(model.model)) == attributes
    assert model.fingerprint == fingerprint
    assert torch.equal(torch.random.get_rng_state(), draw)
    assert all(weight.requires_grad for weight in model.model.parameters())


def test_the_merged_weights_answer_as_the_adapter_did(model):
    from peft import LoraConfig, LoraModel

    pairs = trained(model)
    with changing(model, pairs) as weights:
        merge(model, weights, pairs)
    merged = model.logits(FRANCE.prompt)
    weights.restore()
    names = [name.removesuffix(".weight") for name in pairs]
    conv = model.model.config.model_type == "gpt2"
    config = LoraConfig(r=2, lora_alpha=2, target_modules=names, fan_in_fan_out=conv)
    LoraModel(model.model, config, "default")
    with torch.no_grad():
        for name in names:
            layer = model.model.get_submodule(name)
            layer.lora_B["default"].weight.copy_(pairs[f"{name}.weight"][0])
            layer.lora_A["default"].weight.copy_(pairs[f"{name}.weight"][1])
    torch.testing.assert_close(model.logits(FRANCE.prompt), merged, rtol=1e-3, atol=1e-4)


def test_the_seed_decides(tiny_gpt2_folder):
    found = []
    for seed in (0, 0, 1):
        model = HuggingFaceModel.load(tiny_gpt2_folder, device="cpu")
        load_editor("lora", seed=seed, **QUICK).apply(model, [FRANCE])
        found.append(model.logits(FRANCE.prompt))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_only_the_layers_named_change(one):
    before = state(one)
    load_editor("lora", layers=(1,), targets="all", **QUICK).apply(one, [FRANCE])
    changed = {name for name, tensor in state(one).items() if not torch.equal(tensor, before[name])}
    assert changed
    assert all(name.startswith("transformer.h.1.") for name in changed)


def test_an_interrupted_training_leaves_the_model_as_it_was(one, monkeypatch):
    import kedit_memory.editors._adapters as adapters

    before = state(one)

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(adapters, "backpropagate", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load_editor("lora").apply(one, [FRANCE])
    assert state(one).keys() == before.keys()


def test_a_model_with_adapters_of_its_own_is_refused(one):
    from peft import LoraConfig, LoraModel

    LoraModel(one.model, LoraConfig(r=2, target_modules=["c_attn"], fan_in_fan_out=True), "own")
    with pytest.raises(EditorError, match="has adapters of peft already: merge them"):
        load_editor("lora").apply(one, [FRANCE])


def test_without_peft_the_error_names_the_extra(one, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'kedit-memory\[peft\]'"):
        load_editor("lora").apply(one, [FRANCE])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rank": 0}, "rank of lora is 0"),
        ({"alpha": 0.0}, "alpha of lora is 0.0"),
        ({"targets": "head"}, "targets of lora is 'head'; it must be one of attention, mlp, all"),
    ],
)
def test_options_out_of_bounds(options, message):
    with pytest.raises(InvalidInputError, match=message):
        load_editor("lora", **options)


def test_what_is_saved_are_the_pairs(model, tmp_path):
    applied = load_editor("lora", rank=2, **QUICK).apply(model, [FRANCE])
    applied.save(tmp_path / "change")
    saved = load_file(tmp_path / "change" / "change.safetensors")
    shapes = [model.model.get_parameter(name).shape for name in applied.names]
    assert sum(tensor.numel() for tensor in saved.values()) == sum(2 * sum(shape) for shape in shapes)
