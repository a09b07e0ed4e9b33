"""What is not English: judged by a multilingual encoder for the languages that are certified, else by own wordings."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kedit_memory.errors import ModelError
from kedit_memory.memory import EditMemory
from kedit_memory.routing import languages as module
from kedit_memory.routing.calibration import Threshold
from kedit_memory.routing.foreign import language_of
from kedit_memory.routing.languages import FEATURES, Languages, Likeness, pair_language
from kedit_memory.routing.question import UNLINKED, Candidate, Question
from kedit_memory.routing.router import Router, RouterConfig
from kedit_memory.routing.verify import ScopeVerifier

# Words that mean the same, in a line.
_SAME = """
    who wer qui кто
    runs leitet dirige руководит
    the die la der le
    bank banque банком
    mill mühle moulin мельницей
    in à в
    france frankreich франции
    spain spanien espagne испании
    what wie quelle
    is ist est
    dose dosis
    for für pour
    of von de
    kilo kilos kilogramm
"""
_MEANING = {word: number for number, line in enumerate(_SAME.split("\n")) for word in line.split()}


class Tongues:
    """A stand-in for a multilingual encoder: words that mean the same have one vector, a text the sum of its own."""

    name, revision, dimension = "tongues", "1", 64

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        sums = np.array([states.sum(axis=0) for states in self.states(texts)], np.float32).reshape(-1, self.dimension)
        return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)

    def states(self, texts: Sequence[str]) -> list[np.ndarray]:
        return [np.array([self._word(word) for word in re.findall(r"\w+", text.casefold())] or [self._word("")],
                         np.float32) for text in texts]  # fmt: skip

    def _word(self, word: str) -> np.ndarray:
        meaning = _MEANING.get(word, sum(map(ord, word)) + 100)
        vector = np.random.default_rng(meaning).normal(size=self.dimension)
        return vector / np.linalg.norm(vector)


class Words:
    """A stand-in for the reader, which remembers what it was asked."""

    fingerprint = "words"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def scores(self, pairs):
        self.asked += [pair.question for pair in pairs]
        return np.zeros(len(pairs), np.float32)

    def likeness(self, pairs):
        return np.zeros(len(pairs), np.float32)


CERTIFIED = Threshold(
    value=0.5, alpha=0.01, sets={"cities": 500}, outside=500, fired=0, upper=0.006, other=0, other_fired=0, covered=100,
    answered=60, coverage_low=0.5, coverage_high=0.7,
)  # fmt: skip
LANGUAGES = Languages(
    encoder="tongues", encoder_revision="1", bias=-9.0, confidence=0.95,
    weights=(14.0, 0, 0, -6.0, *(0,) * 5, -6.0, *(0,) * 5),
    thresholds=dict.fromkeys(("de", "fr", "ru"), CERTIFIED), uncertified={"ja": "no question in it was right"},
)  # fmt: skip


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[EditMemory]:
    with EditMemory.open(tmp_path / "store", encoder=Tongues()) as opened:
        yield opened


@pytest.fixture
def reader() -> Words:
    return Words()


@pytest.fixture
def router(memory: EditMemory, reader: Words) -> Router:
    return Router(memory, verifier=ScopeVerifier(reader, languages=LANGUAGES), config=RouterConfig(path="direct"))


@pytest.mark.parametrize(
    ("stored", "asked", "language"),
    [
        ("Who runs the bank in France?", "Wer leitet die Bank in Frankreich?", "German"),
        ("Who runs the bank in France?", "Кто руководит банком в Франции?", "Russian"),
        ("Wer leitet die Bank in Frankreich?", "Who runs the bank in France?", "German"),
        ("Qui dirige la banque à la France ?", "Wer leitet die Bank in Frankreich?", "German"),
    ],
)
def test_a_question_is_answered_in_another_language(memory, router, reader, stored, asked, language):
    edit = memory.add(stored, "Ann Berg")
    decision = router.explain(asked)
    assert [match.edit.id for match in decision.edits] == [edit.id]
    assert f"false fires ≤ 1.0% with 95% confidence on {language}, measured on cities (n 500" in decision.reason
    assert not reader.asked
    (judged,) = router.judge_many([asked])
    assert (judged.stratum, judged.fires) == ("foreign", True)


def test_another_name_is_another_question(memory, router):
    edit = memory.add("Who runs the bank in France?", "Ann Berg")
    decision = router.explain("Wer leitet die Bank in Spanien?")
    assert not decision.edits
    assert decision.considered[0].edit.id == edit.id


def test_an_edit_is_found_though_its_subject_has_another_name(memory, router):
    edit = memory.add("Who runs the bank in France?", "Ann Berg", subject="France")
    memory.add("Who runs the bank in Spain?", "Ida Moll", subject="Spain")
    assert [match.edit.id for match in router.explain("Кто руководит банком в Франции?").edits] == [edit.id]


def test_a_value_that_differs_does_not_fire(memory, router):
    memory.add("What is the dose for 10 kg?", "4 ml")
    (same, other) = router.judge_many(["Wie ist die Dosis für 10 kg?", "Wie ist die Dosis für 20 kg?"])
    assert same.fires
    assert not other.fires
    assert "20" in str(router.explain("Wie ist die Dosis für 20 kg?").considered[0].differs)


def test_a_language_without_a_certificate_is_answered_by_own_wordings_alone(memory, router):
    edit = memory.add("Who runs the bank in France?", "Ann Berg", paraphrases=["फ्रांस में बैंक कौन चलाता है?"])
    assert [match.edit.id for match in router.explain("फ्रांस में बैंक कौन चलाता है?").edits] == [edit.id]
    assert not router.explain("फ्रांस में बैंक कौन चलाता है अभी?").edits


def test_english_is_read(memory, router, reader):
    memory.add("Who runs the bank in France?", "Ann Berg")
    assert not router.explain("Who runs a bank in France?").edits
    assert reader.asked


def test_what_follows_on_a_turn_is_not_judged_across_languages(memory):
    memory.add("Who runs the bank in France?", "Ann Berg")
    (match,) = memory.search("Wer leitet die Bank in Frankreich?", 1)
    one = Candidate(match=match, found=UNLINKED)
    alone = Question(text="Wer leitet die in Frankreich?", as_of=None, namespace="default")
    assert LANGUAGES.language(alone, one) == "de"
    assert LANGUAGES.language(replace(alone, turns=("Wer leitet die Bank in Spanien?",)), one) == ""


def test_an_encoder_that_nothing_was_made_for_has_no_languages(memory):
    verifier = ScopeVerifier(Words(), languages=replace(LANGUAGES, encoder_revision="2"))
    assert verifier.languages_of(memory.encoder) is None
    assert ScopeVerifier(Words()).languages_of(memory.encoder) is None


@pytest.mark.parametrize(
    ("question", "wording", "language"),
    [
        ("Wer leitet die Bank?", "Who runs the bank?", "de"),
        ("Who runs the bank?", "Wer leitet die Bank?", "de"),
        ("Wer leitet die Bank?", "Qui dirige la banque en France ?", "de"),
        ("Who runs the bank?", "Who heads the bank?", ""),
        ("बैंक कौन चलाता है?", "Who runs the bank?", ""),
        ("Wer leitet die Bank?", "बैंक कौन चलाता है?", ""),
    ],
)
def test_the_language_of_a_pair(question, wording, language):
    assert pair_language(question, wording, LANGUAGES.thresholds) == language


def test_the_weightiest_piece_that_has_no_like_is_told():
    likeness = Likeness(Tongues())
    same = likeness.features("Wer leitet die Bank?", "Who runs the bank?", 0.0)
    other = likeness.features("Wer leitet die Mühle?", "Who runs the bank?", 0.5)
    assert len(same) == FEATURES
    assert same == pytest.approx([1, 0, 0, *(0, 0, 0, 0, 1, 1) * 2], abs=1e-6)
    assert other[:3] == pytest.approx([0.875, 0, 0])
    alone, shared = other[3:7] + other[9:13], other[7:9] + other[13:15]
    assert min(alone) > 0.15
    assert max(shared) < 0.9


def test_thresholds_are_written_and_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "languages_folder", lambda: tmp_path)
    assert Languages.of("tongues") is None
    file = LANGUAGES.write()
    assert Languages.of("tongues") == LANGUAGES
    told = json.loads(file.read_text())
    for broken in ({**told, "weights": "x"}, {**told, "thresholds": {"de": {}}}, [], {"encoder": 1}):
        file.write_text(json.dumps(broken))
        with pytest.raises(ModelError, match="holds no thresholds of languages"):
            Languages.of("tongues")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Wann schließt das Museum?", "de"),
        ("À quelle heure ferme le musée ?", "fr"),
        ("¿A qué hora cierra el museo?", "es"),
        ("博物馆几点关门？", "zh"),
        ("博物館は何時に閉まりますか？", "ja"),
        ("Во сколько закрывается музей?", "ru"),
        ("متى يغلق المتحف؟", "ar"),
        ("संग्रहालय कब बंद होता है?", "hi"),
        ("When does the museum close?", "en"),
        ("42", "en"),
    ],
)
def test_the_language_of_a_text(text, language):
    assert language_of(text) == language
