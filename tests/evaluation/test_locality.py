"""Locality is told of neighbours and unrelated questions that were known; all else stands under its own name."""

import pytest

from kedit_memory.evaluation.case import HARD_NEGATIVE, LOCALITY, Question
from kedit_memory.evaluation.judges import JUDGES
from kedit_memory.evaluation.locality import as_known, kept_as, kept_rows, taken_over
from kedit_memory.evaluation.rows import Row, Run

RUN = Run(task="compare", dataset="world", commit=None, config=None, data=None, model=None, machine="m")


@pytest.mark.parametrize(
    ("kind", "truth", "before", "figure"),
    [
        ("same_relation", ("Oslo",), "It is Oslo.", (LOCALITY, "same_relation")),
        ("same_relation", ("Oslo",), "Bergen", (HARD_NEGATIVE, "same_relation_guessed")),
        ("unrelated", (), "whatever", (LOCALITY, "unrelated")),
        ("open_question", ("1901",), "in 1901", (LOCALITY, "open_question")),
        ("same_subject", ("Oslo",), "Oslo", (HARD_NEGATIVE, "same_subject")),
        ("negation", (), "Oslo", (HARD_NEGATIVE, "negation")),
    ],
)
def test_what_a_kept_answer_counts_to(kind, truth, before, figure):
    for told in ({"truth": truth}, {"accepted": truth}):
        assert kept_as(Question(text="Which city?", kind=kind, **told), before, JUDGES["contains"]) == figure


def test_hard_negatives_are_no_part_of_locality():
    figures = [
        (LOCALITY, "same_relation"),
        (LOCALITY, "unrelated"),
        (HARD_NEGATIVE, "swapped"),
        (HARD_NEGATIVE, "mention"),
    ]
    row = Row(run=RUN, method="rome", metric="rate", value=0.0, n=0, unit="share", edits=3)
    rows = {(one.metric, one.kind): one for one in kept_rows(row, figures, [True, True, False, True])}
    assert {figure: (one.value, one.n) for figure, one in rows.items()} == {
        (LOCALITY, "all"): (1, 2), (LOCALITY, "same_relation"): (1, 1), (LOCALITY, "unrelated"): (1, 1),
        (HARD_NEGATIVE, "swapped"): (0, 1), (HARD_NEGATIVE, "mention"): (1, 1),
    }  # fmt: skip
    assert {one.judge for one in rows.values()} == {"same"}
    assert not [one for one in kept_rows(row, figures[2:], [True, True]) if one.metric == LOCALITY]


@pytest.mark.parametrize(
    ("said", "before", "taken"),
    [
        ("Nameless", "Shakespeare", True),
        ("It is Nameless.", "Shakespeare", True),
        ("Shakespeare", "Shakespeare", False),
        ("Nameless", "Nameless, I think", False),
        ("Namelessness", "Shakespeare", False),
    ],
)
def test_an_answer_is_taken_over_by_an_edits_target(said, before, taken):
    question = Question(text="Who wrote Hamlet?", kind="unrelated", truth=("Shakespeare",))
    assert taken_over(said, before, question, ("Rome", "Nameless")) is taken


def test_a_right_answer_is_not_taken_over():
    question = Question(text="What is the capital of Italy?", kind="unrelated", truth=("Rome",))
    assert not taken_over("Rome", "Milan", question, ("Rome", "Nameless"))


def test_what_is_right_in_the_world_is_the_truth_where_an_edit_says_otherwise():
    edited = Question(text="Who leads Acme?", kind="all", accepted=("Bo",), truth=("Ann",))
    known = as_known(edited)
    assert known is not None
    assert (known.accepted, known.truth) == (("Ann",), ())
    assert as_known(Question(text="Who wrote Hamlet?", kind="unrelated")) is None
