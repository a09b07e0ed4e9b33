import math
from bisect import bisect_left

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

from kedit_memory.errors import InvalidInputError
from kedit_memory.routing.anytime import upper_bound


def capital(rate, wrong, right):
    def won(other):
        return (other / rate) ** wrong * ((1 - other) / (1 - rate)) ** right

    return integrate.quad(won, 0, rate)[0] / rate


@pytest.mark.parametrize(("wrong", "judged"), [(0, 1), (0, 300), (3, 300), (40, 60), (9, 10)])
def test_at_the_bound_the_capital_is_what_the_confidence_allows(wrong, judged):
    bound = upper_bound(wrong, judged)
    assert bound == 1 or capital(bound, wrong, judged - wrong) == pytest.approx(20, rel=1e-5)


@pytest.mark.parametrize("judged", [3, 300, 10_000])
def test_without_a_rejection_the_capital_has_a_closed_form(judged):
    bound = upper_bound(0, judged)
    right = (1 - bound) ** judged
    assert (1 - right * (1 - bound)) / (bound * (judged + 1) * right) == pytest.approx(20, rel=1e-6)


def test_the_bound_of_nothing_or_of_rejections_alone_is_one():
    assert upper_bound(0, 0) == upper_bound(5, 5) == 1


def test_the_bound_tightens_with_feedback():
    assert upper_bound(0, 300) == pytest.approx(0.0149, abs=2e-4)
    assert upper_bound(30, 3000) < upper_bound(3, 300) < upper_bound(1, 30)


@settings(max_examples=8, deadline=None)
@given(st.sampled_from([0.002, 0.01, 0.05, 0.3]), st.integers(0, 2**32 - 1))
def test_over_all_looks_at_a_stream_the_bound_is_broken_as_rarely_as_it_says(rate, seed):
    runs, length = 2000, 1000
    wrong = np.cumsum(np.random.default_rng(seed).random((runs, length)) < rate, axis=1)
    enough = np.array([first_below(rate, count, length) for count in range(int(wrong.max()) + 1)])
    broken = (np.arange(1, length + 1) >= enough[wrong]).any(axis=1)
    assert broken.mean() <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


def first_below(rate, wrong, most):
    """How many answers must have been judged for the bound of so many wrong ones to be below the rate."""
    looks = range(wrong, most + 1)
    return wrong + bisect_left(looks, True, key=lambda judged: upper_bound(wrong, judged) < rate)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n))))
def test_a_rejection_never_lowers_the_bound_and_a_confirmation_never_raises_it(counts):
    wrong, judged = counts
    bound = upper_bound(wrong, judged)
    assert wrong / judged <= bound <= 1
    assert upper_bound(wrong + 1, judged + 1) >= bound >= upper_bound(wrong, judged + 1)


@pytest.mark.parametrize(
    ("wrong", "judged", "confidence"), [(-1, 3, 0.95), (4, 3, 0.95), (1, 3, 1.0), (1, 3, math.nan)]
)
def test_what_cannot_be_is_refused(wrong, judged, confidence):
    with pytest.raises(InvalidInputError):
        upper_bound(wrong, judged, confidence)
