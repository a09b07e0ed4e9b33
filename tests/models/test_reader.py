"""The reader: what it reads of each text, what it marks, what it refuses."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from kedit_memory.errors import ModelError
from kedit_memory.models import reader
from kedit_memory.models.reader import (
    QUESTION,
    TURNS,
    WEIGHTS,
    WORDING,
    Pair,
    ReaderNetwork,
    ScopeReader,
    Texts,
    base_model,
    batch_of,
    upper_layers,
)
from kedit_memory.models.sources import pair_fingerprint
from kedit_memory.shipped import scope_verifier


@pytest.fixture(scope="module")
def shipped() -> ScopeReader:
    return ScopeReader.load(scope_verifier())


@pytest.fixture(scope="module")
def texts() -> Texts:
    tokenizer, encoder = base_model()
    return Texts(tokenizer, encoder.eval())


def read(texts: Texts, pair: Pair, part: int, flags: str) -> list[int]:
    """The flags of the tokens of a part."""
    batch = batch_of([pair], texts)
    return getattr(batch, flags)[batch.parts == part].tolist()


def test_its_fingerprint_is_read_from_its_file_without_loading_it(shipped: ScopeReader, tmp_path: Path) -> None:
    program = (
        "import sys; from kedit_memory.routing.verify import ScopeVerifier\n"
        "print(ScopeVerifier().fingerprint, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [shipped.fingerprint, "False"]
    with pytest.raises(ModelError, match="no scope verifier in"):
        pair_fingerprint(tmp_path)


def test_a_name_is_marked_where_both_texts_have_one(texts: Texts) -> None:
    pair = Pair("Who wrote emma?", "The author of Emma is", "Jane Austen", ("Emma",))
    assert read(texts, pair, QUESTION, "named") == [0, 0, 1, 0]
    assert read(texts, pair, WORDING, "named") == [0, 0, 0, 1, 0]
    assert sum(read(texts, pair._replace(question="Who wrote it?"), WORDING, "named")) == 0


def test_a_name_inside_a_word_is_no_name(texts: Texts) -> None:
    assert sum(read(texts, Pair("Who wrote Emmaus?", "Emma, by", names=("Emma",)), QUESTION, "named")) == 0


def test_tokens_that_the_other_text_has_are_told(texts: Texts) -> None:
    pair = Pair("What costs 20 kg?", "What does 10 kg cost?")
    assert read(texts, pair, QUESTION, "shared") == [1, 0, 0, 1, 1]


def test_turns_are_read_before_the_question_and_do_not_count_as_its_words(texts: Texts) -> None:
    pair = Pair("And the dose?", "The dose of Verol is", turns=("Tell me about Verol.",), names=("Verol",))
    assert len(read(texts, pair, TURNS, "named")) > 0
    assert sum(read(texts, pair, TURNS, "named")) > 0
    alone = batch_of([pair._replace(turns=())], texts)
    assert torch.equal(batch_of([pair], texts).overlap[0, 0], alone.overlap[0, 0])


def test_a_long_question_keeps_its_end_and_a_long_statement_its_beginning(texts: Texts) -> None:
    pair = Pair("blah " * 20_000 + "Who wrote Emma?", "Emma is by Jane. " + "blah " * 20_000, names=("Emma",))
    assert sum(read(texts, pair, QUESTION, "named")) == 1
    assert sum(read(texts, pair, WORDING, "named")) == 1


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60), st.lists(st.text(min_size=1, max_size=8), max_size=3))
def test_any_texts_and_any_names_can_be_read(texts: Texts, one: str, other: str, names: list[str]) -> None:
    assert torch.isfinite(batch_of([Pair(one, other, names=tuple(names))], texts).cosines).all()


def test_untrained_it_is_the_cosine(texts: Texts) -> None:
    _, encoder = base_model()
    network = ReaderNetwork(upper_layers(encoder), encoder.config.hidden_size).eval()
    batch = batch_of([Pair("Who wrote Emma?", "By whom is Emma?"), Pair("Who wrote Emma?", "Where is Oslo?")], texts)
    with torch.no_grad():
        assert torch.allclose(network(batch), 10 * batch.cosines[:, 0] - 7, atol=1e-5)


def test_paraphrases_score_above_other_relations(shipped: ScopeReader) -> None:
    prompt = ("Who is the author of Emma?", "Jane Austen", ("Emma",))
    same, other, negated = shipped.scores(
        [
            Pair("By whom was Emma written?", *prompt),
            Pair("How many pages does Emma have?", *prompt),
            Pair("Who is not the author of Emma?", *prompt),
        ]
    )
    assert same > 0.8
    assert max(other, negated) < 0.2


def test_a_score_does_not_depend_on_its_company(shipped: ScopeReader) -> None:
    pairs = [Pair(f"Who {verb} Emma?", "Who wrote Emma?", "Ann", ("Emma",)) for verb in ("penned", "sold", "saw")]
    together = shipped.scores(pairs)
    assert together == pytest.approx([shipped.scores([pair])[0] for pair in pairs], abs=1e-3)
    assert shipped.scores([]).shape == (0,)


def test_what_is_given_up_at_a_glance_had_no_chance(shipped: ScopeReader, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ("Who penned Emma?", "How long is Emma?", "Can I bring my dog?", "What is the rent?", "Who sells tea?")
    stored = ("Who wrote Emma?", "Dogs stay for 20 euros a night.", "Tea is sold by Ann Berg.", "Where is Oslo?")
    pairs = [Pair(one, other) for one in asked for other in stored]
    quick = shipped.scores(pairs)
    given_up = quick < reader.GIVEN_UP
    monkeypatch.setattr(reader, "GIVEN_UP", 0.0)
    whole = shipped.scores(pairs)
    assert 4 < given_up.sum() < len(pairs)
    assert whole[given_up].max() < 0.2
    assert quick[~given_up] == pytest.approx(whole[~given_up], abs=1e-3)


def test_before_it_has_learnt_to_glance_it_gives_nothing_up(texts: Texts) -> None:
    _, encoder = base_model()
    network = ReaderNetwork(upper_layers(encoder), encoder.config.hidden_size).eval()
    batch = batch_of([Pair("Who wrote Emma?", "Where is Oslo?")], texts)
    with torch.no_grad():
        assert float(network.glance(batch, network.begun(batch)).sigmoid()) > reader.GIVEN_UP


def write(folder: Path, config: dict[str, object], weights: dict[str, torch.Tensor]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    save_file(weights, folder / WEIGHTS)
    return folder


def test_one_of_another_encoder_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "v", {"base": "other", "base_sha256": "0", "width": 384}, {})
    with pytest.raises(ModelError, match=r"made for another encoder \(other\)"):
        ScopeReader.load(folder)


def test_one_with_a_weight_too_few_or_too_many_is_refused(tmp_path: Path) -> None:
    config = json.loads((scope_verifier() / "config.json").read_text())
    weights = load_file(scope_verifier() / WEIGHTS)
    stranger = {**weights, "upper.9.weight": torch.zeros(2)}
    del weights["score.bias"]
    for wrong in (weights, stranger):
        with pytest.raises(ModelError, match="does not fit"):
            ScopeReader.load(write(tmp_path / "v", config, wrong))


def test_a_folder_without_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no scope verifier in"):
        ScopeReader.load(tmp_path)


def test_all_that_it_reads_is_where_its_weights_are() -> None:
    tokenizer, encoder = base_model()
    network = ReaderNetwork(upper_layers(encoder), 384).to("meta")
    texts = Texts(tokenizer, encoder.to("meta").eval())
    batch = batch_of(
        [Pair("Who runs Acme?", "The head of Acme", "Ann", ("Acme",)), Pair("And now?", "Who leads?")], texts
    )
    assert {tensor.device.type for tensor in batch} == {"meta"}
    assert network.begun(batch).shape == batch.states.shape
    assert batch.cosines.shape == (2, 2)
    assert texts.vectors(["one text", " ".join(["a long one"] * 90)]).shape == (2, 384)


def test_a_device_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"^no device 'cuda:99' on this machine"):
        ScopeReader.load(tmp_path, device="cuda:99")
