"""The pair model: what it reads, what it refuses, that adapter and head arrive where they belong."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from kedit_memory.errors import ModelError
from kedit_memory.models.encoder import MINILM_SHA256
from kedit_memory.models.pair import (
    PLACEHOLDER,
    Pair,
    PairModel,
    PairNetwork,
    as_pair,
    base_model,
    merge,
    tokens,
    without_name,
)
from kedit_memory.models.sources import pair_fingerprint
from kedit_memory.shipped import scope_verifier


@pytest.fixture(scope="module")
def shipped() -> PairModel:
    return PairModel.load(scope_verifier())


def test_its_fingerprint_is_read_from_its_file_without_loading_it(shipped: PairModel, tmp_path: Path) -> None:
    program = (
        "import sys; from kedit_memory.routing.verify import ScopeVerifier\n"
        "print(ScopeVerifier().fingerprint, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [shipped.fingerprint, "False"]
    with pytest.raises(ModelError, match="no scope verifier in"):
        pair_fingerprint(tmp_path)


def test_the_subject_is_masked_on_both_sides() -> None:
    pair = as_pair("Who wrote emma?", "The author of Emma is", "Jane Austen", ("Emma",))
    assert pair == Pair("Who wrote [MASK]?", "The author of [MASK] is", "Jane Austen")


def test_a_name_inside_a_word_is_no_name() -> None:
    assert without_name("Who wrote Emmaus?", ("Emma",)) is None


def test_the_longest_name_goes_first() -> None:
    assert without_name("Where is New York City?", ("New York", "New York City")) == "Where is [MASK]?"


def test_without_a_common_name_both_texts_stay() -> None:
    pair = as_pair("Who wrote it?", "The author of Emma is", "Jane Austen", ("Emma",))
    assert pair == Pair("Who wrote it?", "The author of Emma is", "Jane Austen")


def test_a_statement_alone_is_not_read_twice() -> None:
    assert as_pair("Who leads Acme?", "Ann leads Acme.", "Ann leads Acme.", ("Acme",)).target == ""


def test_a_placeholder_that_a_user_types_is_no_placeholder() -> None:
    assert PLACEHOLDER not in as_pair("What is [MASK]?", "What is Emma?", None, ()).question


@given(st.text(max_size=60), st.lists(st.text(min_size=1, max_size=8), max_size=3))
def test_any_text_and_any_names_can_be_masked(text: str, names: list[str]) -> None:
    masked = without_name(text, names)
    assert masked is None or PLACEHOLDER in masked


def test_a_long_question_keeps_its_end() -> None:
    tokenizer, _ = base_model()
    pair = as_pair("blah " * 20_000 + "Who wrote Emma?", "The author of Emma is", "Jane Austen", ("Emma",))
    read = tokenizer.decode(tokens(tokenizer, [pair])["input_ids"][0])
    assert "who wrote [MASK]?" in read
    assert "the author of [MASK] is jane austen" in read


def test_paraphrases_score_above_other_relations(shipped: PairModel) -> None:
    prompt = ("Who is the author of Emma?", "Jane Austen", ("Emma",))
    same, other, negated = shipped.scores(
        [
            as_pair("By whom was Emma written?", *prompt),
            as_pair("How many pages does Emma have?", *prompt),
            as_pair("Who is not the author of Emma?", *prompt),
        ]
    )
    assert same > 0.8
    assert max(other, negated) < 0.2


def test_a_score_does_not_depend_on_its_company(shipped: PairModel) -> None:
    pairs = [as_pair(f"Who {verb} Emma?", "Who wrote Emma?", "Ann", ("Emma",)) for verb in ("penned", "sold", "saw")]
    together = shipped.scores(pairs)
    assert together == pytest.approx([shipped.scores([pair])[0] for pair in pairs], abs=1e-4)
    assert shipped.scores([]).shape == (0,)


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
    with pytest.raises(ModelError, match="no scope verifier in"):
        PairModel.load(tmp_path)
