"""Labelled files, what a calibration keeps, and which one a router takes."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kedit_memory.errors import InvalidInputError, NotFoundError
from kedit_memory.memory import EditMemory
from kedit_memory.models.encoder import HashingEncoder
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import Passage, Route
from kedit_memory.retrieval.bm25 import Bm25Retriever
from kedit_memory.routing.gate.calibration import (
    NOTE,
    GateCalibration,
    GateFigures,
    GateQuestion,
    check_size,
    judged,
    known_signals,
    read_gate_questions,
    split,
)
from kedit_memory.routing.gate.choice import calibration_for
from kedit_memory.routing.gate.policies import Always, GateCase
from kedit_memory.routing.gate.signals import Signals
from kedit_memory.routing.router import Router

FIGURES = GateFigures(questions=100, right=80, called=50, never_right=40, always_right=70, oracle_right=90)
KEPT = GateCalibration(
    policy="uncertainty",
    parameters={"measure": "entropy", "cut": -1.5},
    model="tiny",
    search="StoreRetriever",
    passages=3,
    budget=0.6,
    fitted=100,
    held_out=FIGURES,
    phrasings=(("mood", "How does {s} feel?"),),
    created="2026-01-01T00:00:00+00:00",
)


class Named:
    """A model under another name, asked as it is."""

    def __init__(self, model: Any, name: str) -> None:
        self._model, self.name = model, name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._model, attribute)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[EditMemory]:
    with EditMemory.open(tmp_path / "store", encoder=HashingEncoder()) as opened:
        yield opened


def written(path: Path, rows: Sequence[Any]) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), "utf-8")
    return path


def test_a_file_is_read_and_a_repeated_question_counts_once(tmp_path: Path) -> None:
    rows = [
        {"question": "Who wrote Emma?", "answers": ["Jane Austen", "Austen"], "relation": "author", "popularity": 900},
        {"question": "who wrote emma?", "answers": ["nobody"]},
        {"question": "Who wrote Ulysses?", "answers": ["James Joyce"]},
    ]
    first, second = read_gate_questions(written(tmp_path / "q.jsonl", rows))
    assert first == GateQuestion(
        question="Who wrote Emma?", answers=("Jane Austen", "Austen"), relation="author", popularity=900.0
    )
    assert (second.relation, second.popularity) == (None, None)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{", "no JSON"),
        ([1], "list is no object"),
        ({"question": "Who?"}, "no field 'answers'"),
        ({"question": "Who?", "answers": "Ann"}, "answers are no list"),
        ({"question": "Who?", "answers": []}, "answers are no list, or none"),
        ({"question": " ", "answers": ["Ann"]}, "question is empty"),
        ({"question": "Who?", "answers": ["Ann"], "views": 3}, "unknown field 'views'"),
        ({"question": "Who?", "answers": ["Ann"], "popularity": -1}, "popularity -1 is no number"),
        ({"question": "Who?", "answers": ["Ann"], "popularity": True}, "popularity True is no number"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, row: Any, said: str) -> None:
    file = written(tmp_path / "q.jsonl", [{"question": "A?", "answers": ["a"]}, row])
    with pytest.raises(InvalidInputError, match=f"q.jsonl, line 2: .*{said}") as raised:
        read_gate_questions(file)
    assert "\n" not in str(raised.value)


def test_a_file_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="holds no question"):
        read_gate_questions(written(tmp_path / "q.jsonl", [""]))
    with pytest.raises(NotFoundError, match="absent"):
        read_gate_questions(tmp_path / "absent.jsonl")


def test_too_few_questions_are_refused_with_how_many_are_needed() -> None:
    check_size(520, 0.6)
    with pytest.raises(InvalidInputError, match=r"519 questions are too few for the budget 0.6: 520 are needed"):
        check_size(519, 0.6)
    for budget in (0.0, 1.1, float("nan")):
        with pytest.raises(InvalidInputError, match="no share of calls"):
            check_size(10_000, budget)


def test_a_subject_is_on_one_side_only() -> None:
    groups = [f"g{number % 50}" for number in range(200)]
    sides = split(groups)
    assert sum(sides) == 100
    assert all(sides[place] == sides[place % 50] for place in range(200))


def test_a_calibration_outlives_json() -> None:
    again = GateCalibration.from_json(KEPT.to_json())
    assert again == KEPT
    assert again.fitted_policy.decide(Signals(words=3, mentions=1, entropy=2.0, log_probability=-1.0)).retrieve


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-5],
        lambda _: "[]",
        lambda text: text.replace('"version": 1', '"version": 2'),
        lambda text: text.replace('"entropy"', '"mood"'),
        lambda text: text.replace('"uncertainty"', '"certainty"'),
        lambda text: text.replace('"cut"', '"cat"'),
        lambda text: text.replace('"fitted"', '"fit"'),
    ],
)
def test_a_damaged_calibration_is_refused_in_one_line(damage: Callable[[str], str]) -> None:
    with pytest.raises(InvalidInputError) as raised:
        GateCalibration.from_json(damage(KEPT.to_json()))
    assert "\n" not in str(raised.value)


def test_the_file_knows_better_than_table_and_classifier() -> None:
    signals = Signals(words=3, mentions=1, popularity=-2.0, tier=2, relation="author")
    told = known_signals(GateQuestion(question="Q?", answers=("a",), relation="capital"), signals, 4)
    assert (told.relation, told.popularity, told.tier) == ("capital", -4.0, 4)
    assert known_signals(GateQuestion(question="Q?", answers=("a",)), signals, None) == signals


def test_what_a_policy_does_is_counted() -> None:
    signals = Signals(words=3, mentions=1, score=1.0)
    pairs = [(True, False), (False, True), (True, True), (False, False)]
    figures = judged(Always(), [GateCase(signals=signals, alone=alone, read=read) for alone, read in pairs])
    assert figures == GateFigures(questions=4, right=2, called=4, never_right=2, always_right=2, oracle_right=3)


def test_a_calibration_holds_for_its_model_and_its_number_of_passages() -> None:
    kept = KEPT.to_json()
    assert calibration_for("tiny", "StoreRetriever", 3, kept) == KEPT
    assert calibration_for("tiny", "FusedRetriever", 3, kept) is None  # its scores are others
    assert calibration_for("tiny", "StoreRetriever", 2, kept) is None
    assert calibration_for("large", "StoreRetriever", 3, kept) is None
    assert calibration_for("tiny", "StoreRetriever", 3, kept, "world") is None
    assert calibration_for(None, "StoreRetriever", 3, kept) is None
    assert calibration_for("../kedit-mini", "StoreRetriever", 3, None) is None


def test_the_gate_that_ships_is_for_the_embedded_model() -> None:
    assert calibration_for("kedit-mini", "StoreRetriever", 3, None) is None  # it rests on what the world tells
    shipped = calibration_for("kedit-mini", "StoreRetriever", 3, None, "world")
    assert shipped is not None
    assert shipped.policy == "learned"
    assert shipped.held_out.right > max(shipped.held_out.never_right, shipped.held_out.always_right)
    assert shipped.held_out.called <= shipped.budget * shipped.held_out.questions


def test_a_router_goes_by_the_calibration_of_its_store(memory: EditMemory, tiny_gpt2_folder: Path) -> None:
    model = Named(load_model(str(tiny_gpt2_folder)), "tiny")
    passage = Passage(id="p1", title="Paris", text="Paris lies on the Seine.")
    ways = {}
    for cut in (0.0, -100.0):
        kept = replace(KEPT, search="Bm25Retriever", parameters={"measure": "entropy", "cut": cut})
        memory.set_note(NOTE, kept.to_json())
        router = Router(memory, model, retriever=Bm25Retriever([passage]))
        ways[cut] = router.query("Where is Paris?")
    unsure, sure = ways[0.0], ways[-100.0]
    assert (unsure.route, sure.route) == (Route.RETRIEVAL, Route.PARAMETRIC)
    assert "unsure of its own answer" in unsure.reason
    (reply,) = model.reply_many([Prompt(question="Where is Paris?")])
    assert (sure.text, sure.own_answer, reply.cut) == (reply.text, None, True)  # its beginning alone is no answer
    assert {"gate", "ask", "retrieve"} <= set(unsure.timings)
