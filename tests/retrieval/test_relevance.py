"""Whether a passage speaks of a question: with an encoder whose cosines are written down, and by words alone."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from kedit_memory.models.encoder import HashingEncoder
from kedit_memory.records import Passage, Vectors
from kedit_memory.retrieval.relevance import ENCODER, Relevance

DESK = Passage(id="p1", title="Badges", text="A badge is reset at the desk. The desk opens at nine.")
CAN = Passage(id="p2", title="Tin can", text="A tin can is a container.")
LOST = "Where do I go when the door stays shut?"


class Told:
    """An encoder that was told how near each text is to a question; all others are at right angles to it."""

    name, revision, dimension = ENCODER, "1", 2

    def __init__(self, cosines: Mapping[str, float]) -> None:
        self._cosines = cosines
        self.encoded: list[str] = []

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.encoded += texts
        cosines = np.array([1.0 if text.endswith("?") else self._cosines.get(text, 0.0) for text in texts])
        return np.stack([cosines, np.sqrt(1 - cosines**2)], axis=1).astype(np.float32)


def test_the_whole_passage_and_its_nearest_sentence_count_alike() -> None:
    told = Told({"Badges. A badge is reset at the desk. The desk opens at nine.": 0.2, "The desk opens at nine.": 0.9})
    ((nearness, shared),) = Relevance(told).features(LOST, [DESK])
    assert nearness == pytest.approx(0.55)
    assert shared == 0.0


@pytest.mark.parametrize(("cosine", "speaks"), [(0.9, True), (0.1, False)])
def test_meaning_decides_where_no_word_is_common(cosine: float, speaks: bool) -> None:
    told = Told(
        {
            "A badge is reset at the desk.": cosine,
            "Badges. A badge is reset at the desk. The desk opens at nine.": cosine,
        }
    )
    assert Relevance(told).among(LOST, [DESK, CAN]) == [speaks, False]


def test_common_words_lift_a_passage_over_the_floor() -> None:
    whole = "Badges. A badge is reset at the desk. The desk opens at nine."
    told = Told({whole: 0.35, "A badge is reset at the desk.": 0.35})
    relevance = Relevance(told)
    assert relevance.among(LOST, [DESK]) == [False]
    assert relevance.among("Where is a badge reset?", [DESK]) == [True]


def test_a_text_is_encoded_once() -> None:
    told = Told({})
    relevance = Relevance(told)
    for _ in range(2):
        relevance.among(LOST, [DESK, CAN])
    assert len(told.encoded) == len(set(told.encoded)) == 6


def test_of_no_passages_none_speaks() -> None:
    assert Relevance(Told({})).among(LOST, []) == []


@pytest.mark.parametrize(
    ("question", "speaks"),
    [
        ("My badge stopped working, how can I reset it?", True),  # half of its words, and two
        ("What is a tin badge?", False),  # half of them, but one
        ("Badge?", True),  # all
        ("What is the weather like?", False),
        ("Who is it?", False),  # nothing is asked about
    ],
)
def test_an_encoder_without_meaning_leaves_it_to_the_words(question: str, speaks: bool) -> None:
    relevance = Relevance(HashingEncoder())
    assert not relevance.reads(question)
    assert relevance.among(question, [DESK]) == [speaks]


@pytest.mark.parametrize(
    ("question", "read"),
    [
        ("where is the badge reset", True),
        ("The badge is reset at", True),
        ("\u00bfD\u00f3nde se repara la tarjeta?", False),
        ("O\u00f9 remet-on la carte \u00e0 z\u00e9ro?", False),
        ("\u0623\u064a\u0646 \u0627\u0644\u0628\u0637\u0627\u0642\u0629\u061f", False),
    ],
)
def test_cosines_count_for_english_only(question: str, read: bool) -> None:
    assert Relevance(Told({})).reads(question) is read


def test_of_a_long_passage_the_likeliest_sentences_are_compared() -> None:
    near = "A badge is reset at the desk."
    text = " ".join([*(f"Room {number} is empty today." for number in range(200)), near])
    told = Told({near: 0.9})
    ((nearness, _),) = Relevance(told).features("Where is a badge reset?", [Passage(id="p", title="", text=text)])
    assert nearness == pytest.approx(0.45)
    assert len(told.encoded) == 42
