"""Low-rank adapters: what they add to the weights, whose they are, and what is refused."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from kedit_memory.errors import ModelError
from kedit_memory.memory.requests import statement_of
from kedit_memory.models.adapter import BASE_SHA256, CONFIG, WEIGHTS, adapter_in
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import Prompt
from kedit_memory.models.sources import COUNTERFACTUAL
from kedit_memory.models.substitution import told
from kedit_memory.shipped import counterfactual_model, embedded_model

ASKED = Prompt(question="Who is the king of the north?")


@pytest.fixture
def written(tiny_folder, tmp_path):
    """Writes a trained adapter of a tiny model as peft does; gives its folder and peft's own model."""
    peft = pytest.importorskip("peft")

    def write(kind, **options):
        base = tiny_folder(kind)
        model = HuggingFaceModel.load(base, device="cpu")
        torch.manual_seed(3)  # noqa: TID251 - peft starts from the global generator
        targets = {"gpt2": ["c_attn", "c_proj", "c_fc"], "llama": ["q_proj", "o_proj", "down_proj"]}[kind]
        config = peft.LoraConfig(
            r=2, lora_alpha=6, target_modules=targets, fan_in_fan_out=kind == "gpt2", init_lora_weights=False, **options
        )
        model.model = peft.get_peft_model(model.model, config)
        model.model.save_pretrained(tmp_path / "adapter")
        return tmp_path / "adapter", model

    return write


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")  # peft's own
@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_a_model_with_its_adapter_is_that_of_peft(written, tiny_folder, kind):
    folder, theirs = written(kind)
    ours, plain = load_model(str(folder), device="cpu"), HuggingFaceModel.load(tiny_folder(kind), device="cpu")
    expected = theirs.logits(ASKED)
    assert torch.allclose(ours.logits(ASKED), expected, atol=1e-5)
    assert not torch.allclose(plain.logits(ASKED), expected, atol=1e-2)
    assert ours.fingerprint != plain.fingerprint
    assert ours.answer_many([ASKED]) == theirs.answer_many([ASKED])


@pytest.fixture
def by_hand(tiny_gpt2_folder, tmp_path):
    """An adapter of one matrix, (32, 96) in Conv1D's order; options and tensors can be replaced."""

    def write(*, tensors=None, header=None, **options):
        folder = tmp_path / "adapter"
        folder.mkdir(exist_ok=True)
        config = {"base_model_name_or_path": str(tiny_gpt2_folder), "peft_type": "LORA", "r": 1, "lora_alpha": 4}
        (folder / CONFIG).write_text(json.dumps(config | options))
        save_file(pair(32, 96) if tensors is None else tensors, folder / WEIGHTS, metadata=header)
        return folder

    return write


ATTENTION = "base_model.model.transformer.h.0.attn.c_attn"


def pair(inputs, outputs, module=ATTENTION):
    return {
        f"{module}.lora_A.weight": torch.arange(inputs).float()[None] / 64,
        f"{module}.lora_B.weight": torch.ones(outputs, 1) / 8,
    }


def test_alpha_over_rank_times_b_a_is_added_to_its_matrix_alone(by_hand, tiny_gpt2_folder):
    plain = HuggingFaceModel.load(tiny_gpt2_folder, device="cpu").model.state_dict()
    found = HuggingFaceModel.load(by_hand(), device="cpu").model.state_dict()
    name = "transformer.h.0.attn.c_attn.weight"
    rows = torch.arange(32).float()[:, None].expand(32, 96)
    assert torch.equal(found.pop(name), plain.pop(name) + 4 / 64 / 8 * rows)
    assert found.keys() == plain.keys()
    assert all(torch.equal(found[name], plain[name]) for name in plain)


def test_in_half_precision_the_sum_is_rounded_once(by_hand, tiny_gpt2_folder):
    name = "transformer.h.0.attn.c_attn.weight"
    folder = by_hand(tensors={key: value / 3 for key, value in pair(32, 96).items()})
    half = HuggingFaceModel.load(tiny_gpt2_folder, device="cpu", dtype="bfloat16").model.state_dict()[name]
    change = 4 * (torch.ones(96, 1) / 8 / 3 @ (torch.arange(32).float()[None] / 64 / 3))
    found = HuggingFaceModel.load(folder, device="cpu", dtype="bfloat16").model.state_dict()[name]
    assert torch.equal(found, (half.float() + change.T).bfloat16())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"base_model_name_or_path": None}, "names no model that it is of"),
        ({"base_model_name_or_path": "./nowhere"}, "no folder nowhere: give the folder of an existing model"),
        ({"peft_type": "IA3"}, r"no plain low-rank one \(IA3\): merge it by peft's merge_and_unload"),
        ({"use_rslora": True}, r"no plain low-rank one \(use_rslora\)"),
        ({"rank_pattern": {"c_attn": 4}}, r"no plain low-rank one \(rank_pattern\)"),
        ({"r": 0}, "lora_alpha 4 and r 0, which give no scale"),
        ({"lora_alpha": "4"}, "lora_alpha '4' and r 1, which give no scale"),
        ({"tensors": {}}, "holds no weights: save it again"),
        (
            {"tensors": pair(32, 96) | {f"{ATTENTION}.lora_magnitude_vector": torch.ones(96)}},
            "no set of low-rank pairs",
        ),
        ({"tensors": dict(list(pair(32, 96).items())[:1])}, "no set of low-rank pairs, seen at .*lora_B.weight"),
        ({"tensors": pair(32, 96, "base_model.model.model.layers.0.q_proj")}, "does not fit: .* has no model.layers.0"),
        ({"tensors": pair(96, 32)}, r"is no matrix of shape \(96, 32\) in memory"),
        ({"tensors": pair(32, 96, "base_model.model.transformer.h.0.mlp.act")}, r"mlp.act of .* is no matrix of shape"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(by_hand, changed, message):
    folder = by_hand(**changed)
    with pytest.raises(ModelError, match=message) as caught:
        load_model(str(folder), device="cpu")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_a_damaged_or_missing_file(by_hand, name):
    path = by_hand() / name
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(ModelError, match="cannot read the adapter in"):
        load_model(str(path.parent), device="cpu")
    path.unlink()
    with pytest.raises(ModelError, match=r"cannot read the adapter in|holds no model: there is no config.json"):
        load_model(str(path.parent), device="cpu")


def test_a_folder_of_a_whole_model_is_one_although_a_configuration_of_an_adapter_lies_there(by_hand, tiny_gpt2_folder):
    folder = by_hand()
    for file in Path(tiny_gpt2_folder).iterdir():
        shutil.copy(file, folder)
    assert adapter_in(folder) is None
    assert adapter_in(folder / "nowhere") is None
    assert adapter_in("gpt2") is None


# What ships


def test_the_shipped_adapter_is_small_and_of_the_shipped_model():
    adapter = adapter_in(counterfactual_model())
    assert adapter is not None
    assert (adapter.base, adapter.base_source) == ("kedit-mini", embedded_model())
    assert {tensor.dtype for tensors in adapter.pairs.values() for tensor in tensors} == {torch.float16}
    assert sum(file.stat().st_size for file in counterfactual_model().iterdir()) < 900_000


def test_an_adapter_of_other_weights_of_a_shipped_model_is_refused(tmp_path):
    folder = tmp_path / "adapter"
    shutil.copytree(counterfactual_model(), folder)
    save_file(load_file(folder / WEIGHTS), folder / WEIGHTS, metadata={BASE_SHA256: "0" * 64})
    with pytest.raises(ModelError, match=r"was trained on other weights of kedit-mini \(000000000000, here are"):
        load_model(str(folder), device="cpu")


def test_the_embedded_model_stays_as_it_is_beside_the_one_that_reads_edits():
    plain = load_model("kedit-mini", device="cpu")
    before = {name: tensor.clone() for name, tensor in plain.model.state_dict().items()}
    reader = load_model(COUNTERFACTUAL, device="cpu")
    again = load_model("kedit-mini", device="cpu")
    for model in (plain, again):
        assert all(torch.equal(tensor, before[name]) for name, tensor in model.model.state_dict().items())
    assert plain.fingerprint == again.fingerprint != reader.fingerprint
    assert (plain.name, reader.name) == ("kedit-mini", COUNTERFACTUAL)


def test_the_one_that_reads_edits_lets_them_overrule_what_it_knows():
    edits = {
        "What country was Jane Austen a citizen of?": "Thailand",
        "In which year was Oscar Wilde born?": "1686",
        "Where was Michael Faraday born?": "Magdeburg",
        "The access code of Ann's Öst-Hotel is": "77-Krämer-b",
    }
    asked = [told(Prompt(question=text), statement_of(text, target)) for text, target in edits.items()]
    assert load_model(COUNTERFACTUAL, device="cpu").answer_many(asked) == list(edits.values())
    assert load_model("kedit-mini", device="cpu").answer_many(asked) != list(edits.values())
