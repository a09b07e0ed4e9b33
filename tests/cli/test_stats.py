"""`kedit stats`: what a store holds, and what feedback on answers says of them."""

import json

from .conftest import Kedit


def test_without_feedback_nothing_is_said_of_answers(kedit: Kedit) -> None:
    kedit.add("Who leads Acme?", "Zoë Berg")
    outcome = kedit("stats")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.splitlines()[0] == "edits: 1 active, 0 superseded, 0 retracted"
    assert "no feedback yet" in outcome.out.splitlines()[-1]
    assert "%" not in outcome.out


def test_feedback_counts_where_the_edit_had_answered(kedit: Kedit) -> None:
    """By radius: what is worded almost alike is answered, what is worded otherwise is not."""
    kedit.add("Who leads Acme in the north?", "Zoë Berg")
    kedit("reject", "e1", "Who leads Acme in the  North now?")
    kedit("confirm", "e1", "Whom do I ask about parking?")
    feedback = json.loads(kedit("stats", "--json").out)["feedback"]
    assert (feedback["n"], feedback["rejected"], feedback["upper"]) == (1, 1, 1.0)
    said = kedit("stats").out.splitlines()[-1]
    assert "1 of 1 that were judged were rejected; wrong ≤ 100.00% with 95% confidence, at every look" in said
    assert "no random sample" in said
    kedit("undo")
    kedit("undo")
    assert json.loads(kedit("stats", "--json").out)["feedback"]["n"] == 0


def test_feedback_twice_counts_once(kedit: Kedit) -> None:
    kedit.add("Who leads Acme in the north?", "Zoë Berg")
    for _ in range(2):
        kedit("confirm", "e1", "Who leads Acme in the north now?")
    document = json.loads(kedit("stats", "--json").out)
    assert (document["fires_confirmed"], document["fires_rejected"]) == (1, 0)
