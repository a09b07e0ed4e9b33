"""Cross-encoders of sentence-transformers, tried with one of random weights that is made here."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kedit_memory.errors import ModelError, UnknownNameError
from kedit_memory.models.cross_encoder import CROSS_ENCODERS, load_cross_encoder
from kedit_memory.records import Passage
from kedit_memory.retrieval.bm25 import Bm25Retriever
from kedit_memory.retrieval.rerank import PairScorer, RerankedRetriever

TEXTS = ["the town of gisors .", "rouen is the capital of normandy .", "a river . " * 40]


@pytest.fixture(scope="module")
def folder(tiny_cross_encoder: Callable[[int], Path]) -> Path:
    return tiny_cross_encoder(1)


def by_hand(folder: Path, question: str, text: str) -> float:
    """The score of one pair alone, by transformers."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(folder)(question, text, truncation=True, return_tensors="pt")
    with torch.no_grad():
        return float(AutoModelForSequenceClassification.from_pretrained(folder).eval()(**tokens).logits[0, 0].sigmoid())


def test_scores_are_those_of_each_pair_alone(folder: Path) -> None:
    scorer = load_cross_encoder(str(folder), device="cpu")
    assert isinstance(scorer, PairScorer)
    assert scorer.name == "tiny-cross"
    scores = scorer.scores("where is gisors ?", TEXTS)
    assert (scores.shape, scores.dtype) == ((3,), np.float32)
    np.testing.assert_allclose(scores, [by_hand(folder, "where is gisors ?", text) for text in TEXTS], atol=1e-5)
    assert len(set(scores.tolist())) == 3  # it reads them
    assert scorer.scores("where is rouen ?", TEXTS[:1])[0] != scores[0]  # and the question
    assert scorer.scores("where?", []).shape == (0,)


def test_passages_are_reranked_by_it(folder: Path) -> None:
    scorer = load_cross_encoder(str(folder), device="cpu")
    passages = [Passage(id=str(place), title="", text=text) for place, text in enumerate(TEXTS[:2])]
    question = "where is the town of normandy ?"
    found = RerankedRetriever(Bm25Retriever(passages), scorer).search(question)
    scores = scorer.scores(question, TEXTS[:2])
    assert [int(one.passage.id) for one in found] == np.argsort(-scores).tolist()


def test_several_outputs_rank_nothing(tiny_cross_encoder: Callable[[int], Path]) -> None:
    with pytest.raises(ModelError, match="has 3 outputs, not the one that ranks"):
        load_cross_encoder(str(tiny_cross_encoder(3)), device="cpu").scores("where ?", TEXTS)


def test_a_language_model_is_no_cross_encoder(tiny_folder: Callable[[str], Path]) -> None:
    with pytest.raises(ModelError, match="holds a GPT2LMHeadModel, which scores no pairs"):
        load_cross_encoder(str(tiny_folder("gpt2")), device="cpu").scores("where ?", TEXTS)


def test_what_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no folder"):
        load_cross_encoder(str(tmp_path / "none"))
    with pytest.raises(ModelError, match=r"no cross-encoder 'owner/none'.*short names are minilm-marco"):
        load_cross_encoder("owner/none").scores("where ?", TEXTS)
    with pytest.raises(ModelError, match="no cross-encoder is named"):
        load_cross_encoder("")
    with pytest.raises(UnknownNameError, match="minilm-marco"):
        load_cross_encoder("minilm-macro")


def test_a_short_name_stands_for_one_of_the_hub(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    asked: list[Any] = []

    def download(name: str, **options: Any) -> str:
        asked.append((name, options))
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    scorer = load_cross_encoder("minilm-marco", device="cpu")
    assert (scorer.name, asked) == (CROSS_ENCODERS["minilm-marco"], [])  # naming it fetches nothing
    assert scorer.scores("where ?", TEXTS).shape == (3,)
    ((name, options),) = asked
    assert name == "cross-encoder/ms-marco-MiniLM-L6-v2"
    assert not any(pattern.endswith((".bin", ".py", ".pt")) for pattern in options["allow_patterns"])
