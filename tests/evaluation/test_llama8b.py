"""The gate on answers that were got before: what counts, and that nothing is chosen on what is judged."""

import json
import random
from pathlib import Path

import pytest

from kedit_memory.errors import InvalidInputError, NotFoundError
from kedit_memory.evaluation.rows import Row
from kedit_memory.evaluation.tasks.adaptive.llama8b import AnswersPlan, read_answers, run_answers
from kedit_memory.models.encoder import HashingEncoder


def write(folder: Path, name: str, rows: list[dict[str, object]]) -> None:
    (folder / "adaptive_llama8b").mkdir(exist_ok=True)
    text = "\n".join(map(json.dumps, rows))
    (folder / "adaptive_llama8b" / f"dev_500_{name}.jsonl").write_text(text, "utf-8")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str, str], Row]:
    """Of two sets, in one of which the model knows who and passages know when; in the other nothing tells."""
    folder = tmp_path_factory.mktemp("data")
    rng = random.Random(1)
    for name in ("told", "blind"):
        asked = []
        for number in range(160):
            who = rng.random() < 0.5
            alone = who if name == "told" else rng.random() < 0.5
            question = f"{'Who wrote' if who else 'When was'} number {number}?"
            asked.append(
                {
                    "question": question,
                    "answers": ["yes"],
                    "none": "yes" if alone else "no",
                    "one": "no" if alone else "yes",
                }
            )
        write(folder, name, asked)
    found = run_answers(AnswersPlan(resplits=4), folder, HashingEncoder())
    return {(row.method, row.metric, row.kind): row for row in found}


def test_an_answer_counts_where_it_holds_a_gold_one_as_whole_words(tmp_path: Path) -> None:
    asked = {"question": "Who?", "answers": ["Ann Berg", "1,299"]}
    write(tmp_path, "nq", [{**asked, "none": "It was ann berg.", "one": "Joann Berger"}])
    (one,) = read_answers(tmp_path)
    assert (one.dataset, one.alone, one.read) == ("nq", True, False)


def test_a_set_that_is_absent_or_damaged_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="adaptive_llama8b"):
        read_answers(tmp_path)
    write(tmp_path, "nq", [{"question": "Who?"}])
    with pytest.raises(InvalidInputError, match="without 'answers'"):
        read_answers(tmp_path)


@pytest.mark.parametrize(("budget", "resplits"), [(0.0, 2), (1.5, 2), (0.5, 1)])
def test_a_plan_is_checked(budget: float, resplits: int) -> None:
    with pytest.raises(InvalidInputError, match="budget must be"):
        AnswersPlan(budget=budget, resplits=resplits)


def test_a_gate_gains_where_the_question_tells_and_nothing_where_it_does_not(
    rows: dict[tuple[str, str, str], Row],
) -> None:
    assert rows["form", "ratio", "gain_of_oracle/told"].value > 0.8
    assert rows["form", "ratio", "gain_of_oracle/blind"].value < 0.3
    assert rows["oracle", "ratio", "gain_of_oracle/told"].value == 1.0
    assert rows["random", "ratio", "gain_of_oracle/told"].value < 0.5
    assert rows["chosen", "accuracy", "told"].value > 0.85


def test_calls_keep_the_budget(rows: dict[tuple[str, str, str], Row]) -> None:
    assert rows["always", "calls", "all"].value == 1.0
    for name in ("random", "form", "form_boosted", "meaning", "form_and_meaning", "chosen"):
        assert rows[name, "calls", "all"].value <= 0.6
        assert rows[name, "rate", "budget_kept"].n == 4
    assert rows["always", "rate", "budget_kept"].value == 0.0
