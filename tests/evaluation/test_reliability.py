import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.tasks.scope.reliability import ReliabilityBin, calibration_error, reliability_bins


def test_a_reliability_diagram_by_hand():
    bins = reliability_bins([0.0, 0.05, 0.1, 0.7, 0.75, 1.0], [False, False, True, True, False, True])
    assert bins == [
        ReliabilityBin(score=0.025, share=0.0, n=2),
        ReliabilityBin(score=0.1, share=1.0, n=1),
        ReliabilityBin(score=pytest.approx(0.725), share=0.5, n=2),
        ReliabilityBin(score=1.0, share=1.0, n=1),
    ]
    assert calibration_error(bins) == pytest.approx((2 * 0.025 + 0.9 + 2 * 0.225 + 0) / 6)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1), st.integers(1, 30))
def test_every_case_is_in_one_bin(cases, bins):
    found = reliability_bins(*zip(*cases, strict=True), bins=bins)
    assert sum(one.n for one in found) == len(cases)
    assert len(found) <= bins
    assert sum(one.n * one.share for one in found) == pytest.approx(sum(true for _, true in cases))
    assert [one.score for one in found] == sorted(one.score for one in found)
    assert 0 <= calibration_error(found) <= 1


@pytest.mark.parametrize(("scores", "outcomes", "bins"), [([0.5], [], 10), ([1.5], [True], 10), ([0.5], [True], 0)])
def test_what_is_no_reliability_is_refused(scores, outcomes, bins):
    with pytest.raises(InvalidInputError, match="reliability needs"):
        reliability_bins(scores, outcomes, bins)


def test_no_cases_have_no_bins_and_no_error():
    assert reliability_bins([], []) == []
    with pytest.raises(InvalidInputError, match="no cases"):
        calibration_error([])
