"""Layers in eight bits: near the exact ones, whatever else stands in the batch, whatever the text is."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kedit_memory.models import eight_bits
from kedit_memory.models.encoder import load_encoder
from kedit_memory.models.reader import Pair, ScopeReader
from kedit_memory.shipped import scope_verifier

pytestmark = pytest.mark.skipif(not eight_bits.able(), reason="this processor has no products of eight bits")


@pytest.fixture(scope="module")
def quick() -> ScopeReader:
    return ScopeReader.load(scope_verifier())


@pytest.fixture(scope="module")
def exact() -> ScopeReader:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(eight_bits, "able", lambda: False)
        return ScopeReader.load(scope_verifier())


ASKED = (
    "Who penned Emma?",
    "How long is Emma?",
    "Can I bring my dog?",
    "is there a charge for pets",
    "Wer schrieb Emma?",
)
STORED = ("Who wrote Emma?", "Dogs stay for 20 euros a night.", "Das Büro ist in Köln.")
PAIRS = [Pair(asked, stored) for asked in ASKED for stored in STORED]


def test_scores_are_near_the_exact_ones(quick: ScopeReader, exact: ScopeReader) -> None:
    assert quick.scores(PAIRS).tolist() == pytest.approx(exact.scores(PAIRS).tolist(), abs=0.1)
    assert quick.scores(PAIRS).tolist() != exact.scores(PAIRS).tolist()


def test_a_score_does_not_depend_on_what_else_is_read(quick: ScopeReader) -> None:
    together = quick.scores(PAIRS)
    alone = [float(quick.scores([pair])[0]) for pair in PAIRS]
    assert together.tolist() == pytest.approx(alone, abs=5e-5)


@pytest.mark.parametrize(
    "text",
    [
        "Who wrote Emma?", "$4.90", "???", "a", "今天奥斯陆的天气怎么样？", "ما هو عنوان المكتب؟", "🙂🙂", "x = f(y)",
        "[MASK] [SEP] what", "NL91 ABNA 0417 1643 00", "  spaces\n\nand lines ", "word " * 150, "far " * 400,
    ],
)  # fmt: skip
def test_vectors_are_those_of_the_encoder(text: str, quick: ScopeReader) -> None:
    cosine = float(quick.vectors([text])[0] @ load_encoder("minilm").encode([text])[0])
    assert math.acos(min(1.0, cosine)) < 0.1


def test_exact_vectors_are_the_encoder_s_own(exact: ScopeReader) -> None:
    texts = ["Who wrote Emma?", "word " * 150, "[MASK]"]
    assert exact.vectors(texts) == pytest.approx(load_encoder("minilm").encode(texts), abs=2e-3)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=4))
def test_vectors_have_length_one_in_any_batch(quick: ScopeReader, texts: list[str]) -> None:
    vectors = quick.vectors(texts)
    assert (vectors**2).sum(1) == pytest.approx([1.0] * len(texts), abs=1e-4)
    assert vectors == pytest.approx(
        torch.cat([torch.tensor(quick.vectors([text])) for text in texts]).numpy(), abs=1e-4
    )


def test_a_channel_far_wider_than_the_others_is_not_rounded() -> None:
    seeded = torch.Generator().manual_seed(0)
    product = eight_bits._Product(torch.randn(6, 32, generator=seeded), torch.randn(6, generator=seeded))
    states = torch.randn(200, 32, generator=seeded)
    states[:, 7] *= 1000
    exact = product(states)
    product.round()
    assert float((product(states) - exact).abs().max()) < 0.3
