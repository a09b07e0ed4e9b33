"""Scope as the pair model decides it: what fires, what does not, and what a router says about it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from kedit_memory.errors import InvalidInputError
from kedit_memory.memory import EditMemory
from kedit_memory.models.encoder import HashingEncoder, load_encoder
from kedit_memory.models.reader import Pair
from kedit_memory.records import Route
from kedit_memory.routing.calibration import NOTE, Basis
from kedit_memory.routing.certify import certify
from kedit_memory.routing.labelled import Outcome, Scored
from kedit_memory.routing.question import NONE
from kedit_memory.routing.router import Router, RouterConfig
from kedit_memory.routing.verify import ScopeVerifier, _in_turn


class WordModel:
    """A stand-in for the pair model: the share of the prompt's words that the question has."""

    fingerprint = "words"

    def __init__(self) -> None:
        self.asked: list[Pair] = []

    def scores(self, pairs: Sequence[Pair]) -> np.ndarray:
        self.asked += pairs
        return np.array([self._score(pair) for pair in pairs], np.float32)

    def likeness(self, pairs: Sequence[Pair]) -> np.ndarray:
        return np.array([self._score(pair) for pair in pairs], np.float32)

    def _score(self, pair: Pair) -> float:
        words = set(pair.wording.casefold().strip("?").split())
        return len(words & set(pair.question.casefold().strip("?").split())) / len(words)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[EditMemory]:
    with EditMemory.open(tmp_path / "store", encoder=HashingEncoder()) as opened:
        yield opened


@pytest.fixture
def words() -> WordModel:
    return WordModel()


@pytest.fixture
def router(memory: EditMemory, words: WordModel) -> Router:
    return Router(memory, verifier=ScopeVerifier(words), config=RouterConfig(path="direct"))


def test_the_edit_of_the_asked_relation_is_chosen(memory: EditMemory, router: Router) -> None:
    head = memory.add("Who is the head of Acme?", "Ann Berg", subject="Acme")
    memory.add("Where is the seat of Acme?", "Borgen", subject="Acme")
    decision = router.explain("Today, who is the head of Acme?")
    assert decision.route is Route.DIRECT
    assert [match.edit.id for match in decision.edits] == [head.id]
    assert "score" in decision.reason


def test_another_relation_of_the_subject_does_not_fire(memory: EditMemory, router: Router) -> None:
    edit = memory.add("Who is the head of Acme?", "Ann Berg", subject="Acme")
    decision = router.explain("When did Acme begin to sell rockets?")
    assert not decision.edits
    assert [match.edit.id for match in decision.considered] == [edit.id]
    assert decision.considered[0].score is not None


def test_a_question_that_names_no_subject_is_not_weighed(memory: EditMemory, router: Router, words: WordModel) -> None:
    memory.add("Who is the head of Acme?", "Ann Berg", subject="Acme")
    (judged,) = router.judge_many(["Who is the head of Umbra?"])
    assert (judged.edit_id, judged.score, judged.stratum, judged.fires) == (None, 0.0, NONE, False)
    assert words.asked == []


def test_own_words_fire_without_being_weighed(memory: EditMemory, router: Router, words: WordModel) -> None:
    edit = memory.add("Who is the head of Acme?", "Ann Berg", subject="Acme", paraphrases=["Who runs Acme?"])
    found = router.judge_many(["who is the head of acme", "Who runs Acme?"])
    assert [(one.edit_id, one.stratum, one.fires) for one in found] == [(edit.id, "exact", True)] * 2
    assert words.asked == []


@pytest.mark.parametrize(
    "asked",
    [
        "Tell me, who is the head of Acme?",
        "Hello! Could you please tell me who is the head of Acme?",
        "sorry, do you know who is the head of acme",
    ],
)
def test_courtesy_before_own_words_changes_nothing(
    memory: EditMemory, router: Router, words: WordModel, asked: str
) -> None:
    memory.add("Who is the head of Acme?", "Ann Berg", subject="Acme")
    assert router.query(asked).text == "Ann Berg"
    assert not words.asked


def test_a_confirmed_question_fires_and_a_rejected_one_does_not(memory: EditMemory, router: Router) -> None:
    edit = memory.add("Who is the head of Acme?", "Ann Berg", subject="Acme")
    question = "Whose word is law at Acme?"
    assert not router.explain(question).edits
    memory.confirm(edit.id, question)
    assert router.explain(question).edits
    memory.reject(edit.id, question)
    assert not router.explain(question).edits


def test_a_radius_that_was_given_is_kept(memory: EditMemory, router: Router) -> None:
    memory.add("Who is the head of Acme?", "Ann Berg", subject="Acme", radius=0.1)
    assert not router.explain("Today, who is the head of Acme?").edits
    assert router.explain("Who is the head of Acme?").edits


def test_an_alias_is_marked_like_the_subject(memory: EditMemory, router: Router, words: WordModel) -> None:
    memory.add("Who is the head of Acme?", "Ann Berg", subject="Acme", aliases=["The Rocket Works"])
    router.explain("Who is the new head of The Rocket Works?")
    assert set(words.asked[0].names) >= {"Acme", "The Rocket Works"}


def test_a_misspelt_name_has_a_stratum_of_its_own(memory: EditMemory, router: Router) -> None:
    memory.add("Who is the head of Umbrellium?", "Ann Berg", subject="Umbrellium")
    (judged,) = router.judge_many(["Now, who is the head of Umbrelium?"])
    assert judged.stratum == "fuzzy"


@pytest.mark.parametrize(
    "question",
    ['Who is the head of "Umbrellium"?', "Who is the head of Umbrelium?", "Who is the head of Dr. Umbrellium?"],
)
def test_what_is_the_wording_once_it_is_bare_needs_no_reading(
    memory: EditMemory, router: Router, words: WordModel, question: str
) -> None:
    memory.add("Who is the head of Umbrellium?", "Ann Berg", subject="Umbrellium")
    assert router.query(question).text == "Ann Berg"
    assert words.asked == []


def test_an_edit_without_a_subject_is_found_by_its_radius(memory: EditMemory, router: Router) -> None:
    memory.add("Which door code is valid in the annex?", "4711", radius=1.9)
    (judged,) = router.judge_many(["Which door code is valid, in the annex that is?"])
    assert judged.stratum == "meaning"
    assert judged.fires


def test_thresholds_of_the_store_decide(memory: EditMemory, words: WordModel) -> None:
    memory.add("Who is the head of Acme?", "Ann Berg", subject="Acme")
    outside = [Scored(score=i / 1000, stratum="linked", outcome=Outcome.OUTSIDE, source="facts") for i in range(900)]
    inside = [Scored(score=0.95, stratum="linked", outcome=Outcome.RIGHT, source="facts") for _ in range(50)]
    basis = Basis(
        encoder=memory.encoder.name, encoder_revision=memory.encoder.revision, verifier="words", namespace="default",
        edits=1, created="2026-01-01T00:00:00+00:00",
    )  # fmt: skip
    calibration = certify([*outside, *inside], basis=basis, alphas=(0.01,))
    memory.set_note(NOTE, calibration.to_json())
    verifier = ScopeVerifier(words, calibration)
    assert verifier.threshold("linked") == calibration.thresholds["linked"].value > 0.8
    decision = Router(memory, verifier=verifier).explain("And who is the head of Acme then?")
    assert "with 95% confidence" in decision.reason


def test_a_calibration_for_another_verifier_gives_way_to_the_shipped_one(memory: EditMemory, caplog) -> None:
    outside = [Scored(score=0.1, stratum="linked", outcome=Outcome.OUTSIDE, source="facts") for _ in range(900)]
    inside = [Scored(score=0.9, stratum="linked", outcome=Outcome.RIGHT, source="facts")]
    basis = Basis(
        encoder=memory.encoder.name, encoder_revision=memory.encoder.revision, verifier="another", namespace="default",
        edits=1, created="2026-01-01T00:00:00+00:00",
    )  # fmt: skip
    memory.set_note(NOTE, certify([*outside, *inside], basis=basis, alphas=(0.01,)).to_json())
    router = Router(memory, config=RouterConfig(scope="verified"))
    thresholds = {router.scope.verifier.threshold(stratum) for stratum in ("linked", "meaning")}
    shipped = ScopeVerifier().calibration
    assert shipped is not None
    assert thresholds == {shipped.strictest}  # of another encoder than that of the memory
    (said,) = [record.message for record in caplog.records]
    assert "the store's own thresholds are not used, but the shipped ones: the calibration was made with" in said
    assert said.endswith("calibrate again with `kedit calibrate scope FILE`")


def test_what_ships_promises_nothing_for_another_encoder(memory: EditMemory) -> None:
    """The thresholds were chosen with the encoder that ships: the strictest of them is what is left."""
    verifier = Router(memory, config=RouterConfig(scope="verified")).scope.verifier
    shipped = ScopeVerifier()
    assert verifier.statement("linked").startswith("not certified: the calibration was made with encoder all-MiniLM")
    assert shipped.calibration is not None
    assert verifier.threshold("linked") == shipped.calibration.strictest
    assert "with 95% confidence" in shipped.statement("linked")


def test_an_unknown_scope_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="no scope 'psychic'; choose one of auto, verified, radius"):
        RouterConfig(scope="psychic")


@pytest.mark.parametrize(
    "question",
    ["アクメを率いているのは誰ですか", "Кто руководит Acme?", "Acme 的负责人", "😀" * 60 + " Acme", "¿" * 4000],
)
def test_a_question_in_another_script_is_a_miss_and_no_fault(memory, router, question):
    memory.add("Who is the head of Acme?", "Ann Berg", subject="Acme")
    assert not router.explain(question).edits


def test_a_question_too_long_is_refused_in_one_line(memory, router):
    edit = memory.add("Who is the head of Acme?", "Ann Berg", subject="Acme")
    with pytest.raises(InvalidInputError, match=r"question has 300000 characters, 200000 are allowed; shorten it"):
        router.explain("x" * 300_000)
    assert router.explain("Who is the head of Acme?").edits[0].edit.id == edit.id


def test_of_many_edits_about_a_subject_the_likeliest_few_are_read(memory, router, words):
    asked = memory.add("Who is the head of Acme?", "Ann Berg", subject="Acme")
    for number in range(60):
        memory.add(f"Which colour has room {number} of Acme?", "green", subject="Acme")
    decision = router.explain("Today, who is the head of Acme?")
    assert [match.edit.id for match in decision.edits] == [asked.id]
    assert len(words.asked) <= 16


def test_of_what_words_and_meaning_found_few_are_read_the_nearest_among_them(memory, router, words):
    for number in range(30):
        memory.add(f"the blue lamp of room {number} is by the door and never goes out", "yes")
    router.explain("where is the blue lamp")
    assert len(words.asked) == 4


def test_the_first_in_two_orders_come_in_turn() -> None:
    assert _in_turn([1, 2, 3, 4], [4, 2, 1, 3]) == [1, 4, 2, 3]


def test_vectors_of_questions_are_made_by_the_reader_of_the_same_encoder_alone() -> None:
    shipped = ScopeVerifier()
    assert shipped.encodes(HashingEncoder()) is None
    assert ScopeVerifier(WordModel()).encodes(load_encoder("minilm")) is None
    by = shipped.encodes(load_encoder("minilm"))
    assert by is not None
    exact = load_encoder("minilm").encode(["Who runs Acme?"])
    assert by(["Who runs Acme?"]) == pytest.approx(exact, abs=0.02)


def test_a_question_that_is_a_key_has_its_stored_vector(tmp_path: Path) -> None:
    with EditMemory.open(tmp_path / "store") as memory:
        memory.add("Who runs Acme?", "Ann Berg")
        calls: list[Sequence[str]] = []

        def by(texts: Sequence[str]) -> np.ndarray:
            calls.append(texts)
            return np.eye(1, 384, dtype=np.float32)

        vectors = memory.encode(["Who runs Acme?", "Is it raining?"], by=by)
        assert calls == [["Is it raining?"]]
        assert memory.search(vectors[0], 1)[0].distance == pytest.approx(0, abs=1e-3)


def test_another_name_of_a_subject_is_read_as_the_wording_has_it(
    memory: EditMemory, router: Router, words: WordModel
) -> None:
    memory.add("Who leads Acme Tools?", "Ann Berg", subject="Acme Tools", aliases=["Zenith Works"])
    router.explain("Who runs Zenith Works today?")
    assert words.asked[-1].question == "Who runs Acme Tools today?"
    assert "Zenith Works" in words.asked[-1].names
