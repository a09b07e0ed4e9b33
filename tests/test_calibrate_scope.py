"""`scripts/calibrate_scope_verifier.py`: what counts of what was judged, and what is written."""

from collections import Counter

import calibrate_scope_verifier as script
import pytest
import scope_questions

from kedit_memory.evaluation.tasks.scope.rows import Question
from kedit_memory.evaluation.tasks.scope.run import Drawn
from kedit_memory.routing.calibration import Basis
from kedit_memory.routing.certify import certify
from kedit_memory.routing.labelled import Outcome, Scored

BASIS = Basis(
    encoder="hashing", encoder_revision="1", verifier="v-12", namespace="default", edits=7, created="2025-03-01"
)


def cases(source, count, outcome=Outcome.OUTSIDE, stratum="linked", score=0.1):
    return [Scored(score=score, stratum=stratum, outcome=outcome, source=source)] * count


@pytest.mark.parametrize(
    ("sizes", "share", "most"),
    [
        ([100, 100, 100, 100], 0.25, 100),
        ([1000, 30, 30, 30, 30], 0.25, 40),
        ([1000, 20], 0.25, 20),
        ([50], 0.25, 50),
        ([300, 200, 100], 0.5, 300),
    ],
)
def test_no_group_has_more_than_its_share(sizes, share, most):
    assert script.largest_share(sizes, share) == most


def test_a_set_does_not_have_most_of_a_stratum():
    judged = [*cases("big", 900), *cases("big", 90, Outcome.RIGHT)]
    for name in "abcd":
        judged += [*cases(name, 30), *cases(name, 10, Outcome.RIGHT)]
    kept = Counter((one.source, one.outcome is Outcome.OUTSIDE) for one in script.balanced(judged, 0.25, 1))
    assert kept["big", True] == 40
    assert {kept[name, True] for name in "abcd"} == {30}
    assert kept["big", False] == 13


def test_questions_that_stand_alone_are_asked_in_dialogues_too():
    asked = tuple(Question(text=f"Question {n}?", kind="open", edit=None, covered=False) for n in range(20))
    after = Question(text="And then?", kind="follow_up", edit=None, covered=False, turns=("What was first?",))
    drawn = Drawn(edits=(), questions=(*asked, after))
    again = scope_questions.in_dialogues(drawn, [("Who is it?", "Ann.")], 1).questions
    assert again[:21] == drawn.questions
    assert [one.turns for one in again[21:]] == [("Who is it?", "Ann.")] * 2
    assert {one.text for one in again[21:]} < {one.text for one in asked}
    assert scope_questions.in_dialogues(drawn, [], 1) == drawn


def test_what_was_judged_is_read_as_it_was_written(tmp_path):
    judged = [*cases("a", 2, score=0.123456789), Scored(score=0.0, stratum=None, outcome=Outcome.OTHER, source="b")]
    script.write_cases(tmp_path / "cases.jsonl", judged, 40, "v-12")
    assert script.read_cases(tmp_path / "cases.jsonl", "v-12") == (judged, 40)
    with pytest.raises(SystemExit, match="judged by verifier v-12, not v-13: remove it"):
        script.read_cases(tmp_path / "cases.jsonl", "v-13")


def test_the_card_tells_thresholds_once():
    calibration = certify(cases("facts", 2000), basis=BASIS)
    once = script.with_thresholds("# Card\n\nWords.\n", calibration)
    assert script.with_thresholds(once, calibration) == once
    assert once.startswith("# Card\n\nWords.\n")
    assert once.count("false fires ≤ 0.5% with 95% confidence") == 1


def test_what_each_alpha_lets_through_is_told():
    judged = [*cases("facts", 1980), *cases("facts", 20, score=0.9), *cases("facts", 100, Outcome.RIGHT, score=0.5)]
    lines = script.choices(judged, (0.005, 0.02), BASIS)
    assert lines == ["answered at alpha 0.005: linked 0.000", "answered at alpha 0.02: linked 1.000"]
    few = script.choices([*cases("facts", 300), *cases("facts", 9, Outcome.RIGHT, score=0.15)], (0.005, 0.02), BASIS)
    assert few == [
        "answered at alpha 0.005: cannot be certified for any stratum",
        "answered at alpha 0.02: linked 1.000",
    ]
