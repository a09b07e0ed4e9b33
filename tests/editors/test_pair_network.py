"""The network of SERAC's cross form: what it reads and refuses, that adapter and head arrive where they belong."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from kedit_memory.editors._pair_network import (
    PairModel,
    PairNetwork,
    as_pair,
    base_model,
    merge,
    tokens,
)
from kedit_memory.errors import ModelError
from kedit_memory.models.encoder import MINILM_SHA256


def test_an_answer_that_the_prompt_says_itself_is_not_read_twice() -> None:
    assert as_pair("Who leads Acme?", "Ann leads Acme.", "Ann leads Acme.").target == ""


def test_a_long_question_keeps_its_end() -> None:
    tokenizer, _ = base_model()
    pair = as_pair("blah " * 20_000 + "Who wrote Emma?", "The author of Emma is", "Jane Austen")
    read = tokenizer.decode(tokens(tokenizer, [pair])["input_ids"][0])
    assert "who wrote emma?" in read
    assert "the author of emma is jane austen" in read


def test_the_adapter_is_added_to_the_weights() -> None:
    _, encoder = base_model()
    network = PairNetwork(encoder, 384)
    name = "encoder.layer.0.attention.self.query"
    before = encoder.get_submodule(name).weight.clone()
    left, right = torch.randn(384, 2), torch.randn(2, 384)
    heads = {n: p.detach() for n, p in network.named_parameters() if not n.startswith("encoder.")}
    merge(network, {**heads, f"{name}.lora_A": right, f"{name}.lora_B": left}, scale=0.5)
    assert torch.allclose(encoder.get_submodule(name).weight, before + 0.5 * left @ right, atol=1e-5)


def write(folder: Path, config: dict[str, object], weights: dict[str, torch.Tensor]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    save_file(weights, folder / "adapter.safetensors")
    return folder


def test_an_adapter_of_another_encoder_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "v", {"base": "other", "base_sha256": "0", "width": 384, "scale": 2.0}, {})
    with pytest.raises(ModelError, match=r"made for another encoder \(other\)"):
        PairModel.load(folder)


def test_an_incomplete_adapter_is_refused(tmp_path: Path) -> None:
    config = {"base": "m", "base_sha256": MINILM_SHA256, "width": 384, "scale": 2.0}
    folder = write(tmp_path / "v", config, {"score.bias": torch.zeros(1)})
    with pytest.raises(ModelError, match="lacks"):
        PairModel.load(folder)
    stranger = {"encoder.layer.99.dense.lora_A": torch.zeros(2, 4), "encoder.layer.99.dense.lora_B": torch.zeros(4, 2)}
    with pytest.raises(ModelError, match="does not fit"):
        PairModel.load(write(tmp_path / "v", config, stranger))


def test_a_folder_without_an_adapter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no scope classifier in"):
        PairModel.load(tmp_path)
