"""The stack: what the reader's estimates are worth beside the distances."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from kedit_memory.errors import ModelError
from kedit_memory.memory import EditMemory
from kedit_memory.models.encoder import HashingEncoder, minilm
from kedit_memory.models.sources import PAIR_STACK
from kedit_memory.records import Match
from kedit_memory.routing.question import UNLINKED, Candidate
from kedit_memory.routing.router import Router, RouterConfig
from kedit_memory.routing.stack import Stack, features
from kedit_memory.routing.verify import ScopeVerifier
from kedit_memory.shipped import scope_verifier

EVEN = Stack(encoder="hashing", encoder_revision="1", bias=0.0, weights=(1.0, 0.0, 0.0))
BY_DISTANCE = replace(EVEN, bias=5.0, weights=(0.0, -10.0, 0.0))


class Indifferent:
    """A reader that thinks all pairs alike."""

    fingerprint = "indifferent"

    def scores(self, pairs):
        return self.likeness(pairs) * 0 + 0.5

    def likeness(self, pairs):
        import numpy as np

        return np.ones(len(pairs), np.float32)


@pytest.fixture
def match(tmp_path: Path) -> Match:
    with EditMemory.open(tmp_path / "store", encoder=HashingEncoder()) as memory:
        memory.add("When do we close?", "At six.")
        return memory.search("When do you close?", 1)[0]


def at(match: Match, *distances: float) -> list[Candidate]:
    return [Candidate(match=replace(match, distance=distance), found=UNLINKED) for distance in distances]


def test_it_sees_logit_distance_and_what_is_nearer(match: Match) -> None:
    rows = features(at(match, 0.4, 0.6, 1.4), [0.5, 1.0, 0.0])
    assert rows[:, 0].tolist() == pytest.approx([0.0, 9.2102, -9.2102], abs=1e-3)
    assert rows[:, 1].tolist() == [0.4, 0.6, 1.4]
    assert rows[:, 2].tolist() == pytest.approx([0.0, 0.2, 0.3])


def test_a_lone_edit_is_judged_as_one_among_far_ones(match: Match) -> None:
    (alone,) = BY_DISTANCE.estimates(at(match, 0.4), [0.5])
    first, *_ = BY_DISTANCE.estimates(at(match, 0.4, 1.3, 1.4), [0.5, 0.1, 0.1])
    assert alone == first


def test_one_that_sees_the_logit_alone_changes_nothing(match: Match) -> None:
    scores = [0.9, 0.3, 0.0]
    assert EVEN.estimates(at(match, 0.4, 0.6, 1.4), scores) == pytest.approx(scores)
    assert EVEN.estimates([], []) == []


def test_what_was_not_read_has_no_estimate(match: Match) -> None:
    assert BY_DISTANCE.estimates(at(match, 0.1, 0.2), [0.0, 0.5]) == pytest.approx([0.0, 0.9526], abs=1e-3)


def test_the_nearer_edit_wins_where_the_reader_does_not_tell(tmp_path: Path) -> None:
    with EditMemory.open(tmp_path / "store", encoder=HashingEncoder()) as memory:
        near = memory.add("When does the office close in winter?", "At five.")
        memory.add("Where is the key of the office?", "On the hook.")
        verifier = ScopeVerifier(Indifferent(), stack=BY_DISTANCE)
        router = Router(memory, verifier=verifier, config=RouterConfig(path="direct"))
        judged = router.judge_many(["When will the office close in winter?"])[0]
        assert judged.edit_id == near.id
        assert judged.score != 0.5
        other = ScopeVerifier(Indifferent(), stack=replace(BY_DISTANCE, encoder="another"))
        router = Router(memory, verifier=other, config=RouterConfig(path="direct"))
        assert router.judge_many(["When will the office close in winter?"])[0].score == 0.5


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert Stack.of(tmp_path) is None
    BY_DISTANCE.write(tmp_path)
    assert Stack.of(tmp_path) == BY_DISTANCE


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"bias": 1, "weights": [1, 2], "encoder": "a", "encoder_revision": "b"}',
     '{"bias": NaN, "weights": [1, 2, 3], "encoder": "a", "encoder_revision": "b"}', "[" * 100_000],
)  # fmt: skip
def test_a_damaged_one_is_refused_in_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / PAIR_STACK).write_text(content)
    with pytest.raises(
        ModelError, match=r"stack.json is no stack \(.*\); fit one with scripts/fit_scope_stack.py"
    ) as told:
        Stack.of(tmp_path)
    assert "\n" not in str(told.value)


def test_the_shipped_one_fits_the_encoder_that_ships() -> None:
    stack = Stack.of(scope_verifier())
    assert stack is not None
    assert stack.fits(minilm())
    assert not stack.fits(HashingEncoder())
    logit, distance, behind = stack.weights
    assert logit > 0 > distance
    assert behind < 0


def test_thresholds_know_which_stack_they_were_chosen_with(tmp_path: Path) -> None:
    from kedit_memory.models.sources import PAIR_WEIGHTS, pair_fingerprint

    (tmp_path / PAIR_WEIGHTS).write_bytes(b"weights")
    before = pair_fingerprint(tmp_path)
    BY_DISTANCE.write(tmp_path)
    assert pair_fingerprint(tmp_path) != before
    assert json.loads((tmp_path / PAIR_STACK).read_text())["encoder"] == "hashing"
