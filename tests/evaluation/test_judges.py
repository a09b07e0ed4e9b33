"""What each judge makes of answers in the forms in which models give them."""

import json
from pathlib import Path

import pytest

from kedit_memory.errors import UnknownNameError
from kedit_memory.evaluation import judges
from kedit_memory.evaluation.case import Question
from kedit_memory.evaluation.judges import DEFAULT, JUDGES, Judge, OfModel, judge_of, same

CAPITAL = Question(text="What is the capital of Norway?", accepted=("Bergen", "Björgvin"), truth=("Oslo",))
LARGER = Question(text="Which is larger, Oslo or Bergen?", accepted=("Bergen",), rejected=("Oslo",))
PORT = Question(text="On which port does it listen?", accepted=("8080",), truth=("80",))
CHINESE = Question(text="印度尼西亚的首都是哪里？", accepted=("努山塔拉",), truth=("雅加达",))
LONG = Question(
    text="How is the lamp reset?", accepted=("Hold the brass ring for ten seconds until the light blinks twice",)
)
ALL = frozenset(JUDGES)


@pytest.mark.parametrize(
    ("question", "said", "counts"),
    [
        (CAPITAL, "Bergen", ALL),
        (CAPITAL, " bergen.", ALL),
        (CAPITAL, "Bjorgvin", ALL),
        (CAPITAL, "Bergen. The capital of Sweden is Stockholm. The capital of", {"begins", "contains", "alternatives"}),
        (CAPITAL, "Bergen, which is not Oslo", {"begins", "contains", "alternatives"}),
        (CAPITAL, "The capital is Bergen.", {"contains", "alternatives", "token_f1"}),
        (CAPITAL, "The capital of Norway is Bergen, a city on the west coast.", {"contains", "alternatives"}),
        (CAPITAL, "The capital of Norway is Oslo, and not Bergen.", {"contains"}),
        (CAPITAL, "Oslo", set()),
        (CAPITAL, "Bergenia is a plant.", set()),
        (CAPITAL, "", set()),
        (CAPITAL, " . ", set()),
        (LARGER, "Bergen", ALL),
        (LARGER, "Bergen is the larger city of both.", {"begins", "contains", "alternatives"}),
        (LARGER, "Oslo is larger than Bergen, by far and for long.", set()),
        (PORT, "It listens on 8080 by default, as far as I know.", {"contains", "alternatives"}),
        (PORT, "It listens on 80801.", set()),
        (CHINESE, "印度尼西亚的首都是努山塔拉。", {"contains", "alternatives"}),
        (CHINESE, "首都是雅加达，不是努山塔拉。", {"contains"}),
        (LONG, "Please hold the brass ring for ten seconds: the light blinks twice.", ALL - {"equal", "begins"}),
        (LONG, "Hold it.", set()),
    ],
)  # fmt: skip
def test_what_counts(question, said, counts):
    assert {name for name, judge in JUDGES.items() if judge(said, question)} == set(counts)


def test_a_question_of_no_accepted_answer_has_no_right_one():
    assert not any(judge("Bergen", Question(text="Who?")) for judge in JUDGES.values())


@pytest.mark.parametrize("accepted", ["A", "?", ""])
def test_what_is_nothing_once_normalised_is_not_found_in_everything(accepted):
    question = Question(text="Which letter?", accepted=(accepted,))
    assert not any(judge("The end of it all, or so they say.", question) for judge in JUDGES.values())


def test_every_judge_is_found_by_the_name_that_rows_tell():
    for name in (*JUDGES, "model:smollm2"):
        judge = judge_of(name)
        assert isinstance(judge, Judge)
        assert judge.name == name
    assert DEFAULT in JUDGES
    with pytest.raises(UnknownNameError, match="did you mean 'equal'"):
        judge_of("equals")
    with pytest.raises(UnknownNameError, match="model:NAME"):
        judge_of("model:")


def test_a_model_that_judges_is_asked_once_and_read_by_its_first_word(monkeypatch):
    class Strict:
        heard: list = []  # noqa: RUF012 - one test long

        def answer_many(self, prompts, **_):
            self.heard.append(prompts[0].question)
            return ["Yes, it does" if "Given answer: Bergen" in prompts[0].question else "No."]

    loaded = []
    monkeypatch.setattr(judges, "load_model", lambda name: loaded.append(name) or Strict())
    judge = OfModel("some")
    assert not loaded, "nothing is loaded before the first answer"
    assert judge("Bergen\n", CAPITAL)
    assert not judge("Oslo", CAPITAL)
    assert loaded == ["some"]
    assert "Expected answer: Bergen or Björgvin" in Strict.heard[0]


@pytest.mark.parametrize(
    ("said", "alike"),
    [
        ("Oslo is the capital.", True),
        ("oslo is the  capital", True),
        ("Oslo is the capital. ", True),
        ("Oslo was the capital.", False),
        ("The Oslo is the capital.", False),
        ("Oslo is the capital?", False),
        ("", False),
    ],
)
def test_an_answer_is_the_same_but_for_case_blanks_and_its_last_full_stop(said, alike):
    assert same(said, "Oslo is the capital.") is alike


def test_the_default_agrees_with_a_reader_where_a_chat_model_answers():
    """SmolLM2's answers after 24 stored facts, put in two forms; each was read and judged by hand."""
    lines = (Path(__file__).parent / "judged_answers.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    agreed = {
        name: sum(judge(row["answer"], _question(row)) is row["right"] for row in rows)
        for name, judge in JUDGES.items()
    }
    assert len(rows) == 48
    assert agreed[DEFAULT] >= 45
    assert agreed["equal"] <= 24 > agreed["begins"], "they miss what is said in a sentence"
    assert all(agreed[DEFAULT] >= found for found in agreed.values())


def _question(row):
    return Question(text=row["question"], accepted=tuple(row["accepted"]), truth=tuple(row["truth"]))
