import math
import time
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedit_memory.errors import InvalidInputError, UnknownNameError
from kedit_memory.routing.calibration import Basis
from kedit_memory.routing.certify import (
    ALPHAS,
    GRID,
    binomial_tails,
    cases_needed,
    certify,
    interval,
    upper_bound,
)
from kedit_memory.routing.labelled import Outcome, Scored
from kedit_memory.routing.strata import STRATA

BASIS = Basis(
    encoder="hashing", encoder_revision="1", verifier="v-12", namespace="default", edits=7, created="2025-03-01"
)
KINDS = ("linked", "fuzzy", "meaning")
ENCODER = SimpleNamespace(name="hashing", revision="1")


def scored(scores, outcome=Outcome.OUTSIDE, stratum="linked"):
    return [Scored(score=float(score), stratum=stratum, outcome=outcome, source="facts") for score in scores]


def linked(*, outside=(), right=(), other=()):
    return scored(outside) + scored(right, Outcome.RIGHT) + scored(other, Outcome.OTHER)


def certified(cases, **options):
    return certify(cases, **({"basis": BASIS, "alphas": (0.01,)} | options))


# The exact binomial tests.


def exact_tail(trials, share, successes):
    share = Fraction(share)
    masses = (math.comb(trials, k) * share**k * (1 - share) ** (trials - k) for k in range(successes + 1))
    return float(sum(masses))


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), st.floats(0.001, 0.999))
def test_tails_equal_the_sum_in_fractions(counts, share):
    trials, largest = counts
    wanted = [exact_tail(trials, share, k) for k in range(largest + 1)]
    assert binomial_tails(trials, share, largest) == pytest.approx(wanted, rel=1e-10, abs=1e-300)


def test_tails_of_a_million_trials_are_quick_and_right():
    started = time.process_time()
    tails = binomial_tails(1_000_000, 0.01, 1_000_000)
    assert time.process_time() - started < 5
    assert tails[[9_800, 10_000, 10_200]] == pytest.approx([0.02221251, 0.50265961, 0.97779109], abs=1e-7)  # scipy 1.17
    assert tails[-1] == pytest.approx(1, abs=1e-8)
    assert tails.max() <= 1


@pytest.mark.parametrize(
    ("successes", "trials", "level", "bound"),
    [  # beta.ppf(1 - level, successes + 1, trials - successes) of scipy 1.17; the second is 1 - 0.05^(1/299)
        (4, 2300, 0.05, 0.003975333842),
        (0, 299, 0.05, 0.009969146793),
        (5, 10, 0.05, 0.777558898992),
        (9_000, 1_000_000, 0.05, 0.009156896332),
        (3, 3, 0.05, 1.0),
    ],
)
def test_upper_bounds(successes, trials, level, bound):
    assert upper_bound(successes, trials, level) == pytest.approx(bound, abs=1e-10)


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n))), st.floats(0.001, 0.2))
def test_at_the_upper_bound_so_few_successes_have_just_the_probability_of_the_level(counts, level):
    successes, trials = counts
    bound = upper_bound(successes, trials, level)
    assert binomial_tails(trials, bound, successes)[-1] == pytest.approx(level, rel=1e-6)


@pytest.mark.parametrize(
    ("successes", "trials", "bounds"),
    [(0, 0, (0, 1)), (5, 10, (0.18708603, 0.81291397)), (0, 10, (0, 0.30849710)), (10, 10, (0.69150290, 1))],
)
def test_two_sided_intervals(successes, trials, bounds):
    assert interval(successes, trials) == pytest.approx(bounds, abs=1e-7)  # binomtest(...).proportion_ci() of scipy


@pytest.mark.parametrize(("alpha", "level", "needed"), [(0.01, 0.05, 299), (0.05, 0.05, 59), (0.01, 0.01, 459)])
def test_the_fewest_cases_are_just_enough(alpha, level, needed):
    assert cases_needed(alpha, level) == needed
    assert (1 - alpha) ** needed <= level < (1 - alpha) ** (needed - 1)


# Certification.


def test_the_most_lenient_threshold_before_the_first_that_fails_is_taken():
    # P(Bin(500, 0.02) ≤ k) is 0.028 for 4 and 0.065 for 5, so at a level of 0.05 four false fires pass and five do not.
    outside = [0.05] * 494 + [0.35, 0.45, 0.65, 0.75, 0.85, 0.95]
    grid = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    calibration = certified(linked(outside=outside, right=[0.3, 0.6, 0.9, 0.9]), alphas=(0.02,), grid=grid)
    held = calibration.thresholds["linked"]
    assert held.value == 0.5
    assert (held.outside, held.fired, held.covered, held.answered) == (500, 4, 4, 3)
    assert held.coverage == 0.75
    assert (held.coverage_low, held.coverage_high) == pytest.approx((0.19412, 0.99369), abs=1e-5)
    assert held.upper == pytest.approx(0.0182128518, abs=1e-9)
    assert (held.alpha, held.sets) == (0.02, {"facts": 500})
    assert held.upper <= held.alpha
    assert calibration.cases == 504


def test_a_score_that_equals_the_threshold_fires():
    calibration = certified(linked(outside=[0.0] * 299, right=[0.5, 0.4999]), grid=[0.5])
    assert calibration.thresholds["linked"].answered == 1


def test_one_question_more_makes_the_difference():
    assert certified(linked(outside=[0.0] * 299)).thresholds["linked"].value == min(GRID)
    with pytest.raises(InvalidInputError, match=r"linked: 298 out-of-scope questions, at least 299 are needed"):
        certified(linked(outside=[0.0] * 298))


def test_a_refusal_is_one_line_that_says_what_every_stratum_lacks():
    cases = linked(outside=[0.1] * 40, right=[0.9] * 500) + scored([0.1] * 2, stratum="meaning")
    with pytest.raises(InvalidInputError) as refused:
        certified(cases, alphas=(0.05,))
    assert str(refused.value) == (
        "no threshold can be certified for false fires ≤ 5.0%; "
        + "".join(
            f"{stratum}: {count} out-of-scope questions, at least 59 are needed; "
            for stratum, count in (dict.fromkeys(STRATA, 0) | {"linked": 40, "meaning": 2}).items()
        )
        + "label more questions that no edit answers, or allow a larger alpha"
    )


def test_strata_without_enough_cases_are_not_certified_and_cost_the_others_nothing():
    calibration = certified(linked(outside=[0.2] * 299) + scored([0.2] * 100, stratum="fuzzy"))
    assert list(calibration.thresholds) == ["linked"]
    assert set(calibration.uncertified) == set(STRATA) - {"linked"}
    # A second stratum would halve the error: ln(0.025) / ln(0.99).
    assert calibration.uncertified["fuzzy"] == "100 out-of-scope questions, at least 368 are needed"
    assert calibration.uncertified["meaning"] == "0 out-of-scope questions, at least 368 are needed"


def test_strata_share_the_error():
    two = linked(outside=[0.2] * 368) + scored([0.2] * 368, stratum="fuzzy")
    assert set(certified(two).thresholds) == {"linked", "fuzzy"}
    few = linked(outside=[0.2] * 368) + scored([0.2] * 367, stratum="fuzzy")
    assert set(certified(few).thresholds) == {"linked"}


def test_each_stratum_has_the_smallest_alpha_for_which_it_has_enough_cases():
    """A level of 0.05 / 3 for each stratum, and of a share of that for each of its alphas."""
    cases = linked(outside=[0.1] * 1200) + scored([0.1] * 600, stratum="values") + scored([0.1] * 90, stratum="meaning")
    calibration = certified(cases, alphas=ALPHAS)
    assert {name: held.alpha for name, held in calibration.thresholds.items()} == {
        "linked": 0.005,  # from ln(0.05 / 12) / ln(0.995), 1,094, on
        "values": 0.01,  # from ln(0.05 / 9) / ln(0.99), 517, on
        "meaning": 0.05,
    }


def test_an_alpha_that_fails_gives_way_to_the_next():
    """12 of 1,500 always fire: too many for 0.5%, not for 2%."""
    calibration = certified(linked(outside=[1.0] * 12 + [0.1] * 1488), alphas=ALPHAS)
    assert calibration.thresholds["linked"].alpha == 0.02
    assert "≤ 2.0% with" in calibration.statement("linked")


def test_a_wanted_alpha_is_taken_where_it_can_be_certified():
    cases = linked(outside=[0.1] * 1980 + [0.9] * 20, right=[0.5] * 100)
    strict, lenient = certified(cases, alphas=ALPHAS), certified(cases, alphas=ALPHAS, wanted={"linked": 0.02})
    assert (strict.thresholds["linked"].alpha, lenient.thresholds["linked"].alpha) == (0.005, 0.02)
    assert (strict.thresholds["linked"].answered, lenient.thresholds["linked"].answered) == (0, 100)
    with pytest.raises(InvalidInputError, match=r"false fires ≤ 0.1% cannot be certified on its cases"):
        certified(cases, alphas=ALPHAS, wanted={"linked": 0.001})
    with pytest.raises(UnknownNameError, match="did you mean 'linked'"):
        certified(cases, wanted={"linkd": 0.01})


def test_a_name_that_is_merely_alike_never_needs_less():
    lenient = scored([0.1] * 600, stratum="fuzzy") + scored([0.5], Outcome.RIGHT, stratum="fuzzy")
    strict = linked(outside=[0.1] * 590 + [0.8] * 10, right=[0.9])
    alone = certified(linked(outside=[0.1] * 600) + lenient)
    assert alone.thresholds["fuzzy"].value == alone.thresholds["linked"].value < 0.5
    both = certified(strict + lenient)
    assert both.thresholds["fuzzy"].value == both.thresholds["linked"].value > 0.8
    assert (both.thresholds["fuzzy"].fired, both.thresholds["fuzzy"].answered) == (0, 0)  # counted where it now is


def test_a_stratum_that_fires_falsely_at_every_threshold_says_so():
    cases = linked(outside=[1.0] * 20 + [0.0] * 480, other=[1.0] * 3) + scored([0.0] * 500, stratum="fuzzy")
    calibration = certified(cases)
    assert calibration.uncertified["linked"] == (
        "even at threshold 1 20 of 500 out-of-scope questions fire, and 3 of 3 with a wrong edit in front"
    )
    assert calibration.statement("linked").startswith(
        "not certified for questions that name the edit's subject: even at threshold 1"
    )
    assert "fuzzy" in calibration.thresholds


def test_firing_a_wrong_edit_counts_against_a_threshold():
    alone = certified(linked(outside=[0.1] * 400), grid=[0.5, 0.9])
    assert alone.thresholds["linked"].value == 0.5
    with_wrong = certified(linked(outside=[0.1] * 400, other=[0.7] * 5, right=[0.95] * 5), grid=[0.5, 0.9])
    held = with_wrong.thresholds["linked"]
    assert held.value == 0.9
    assert (held.other, held.other_fired, held.covered, held.answered, held.fired) == (5, 0, 10, 5, 0)


def test_wrong_edits_that_keep_silent_do_not_hide_false_fires():
    """Pooled, 5 of 2,900 would pass; of the 400 questions out of scope 5 are too many."""
    cases = linked(outside=[0.6] * 5 + [0.1] * 395, other=[0.1] * 2500)
    assert certified(cases, grid=[0.5, 0.9]).thresholds["linked"].value == 0.9


def test_questions_without_a_candidate_belong_to_no_stratum():
    missed = scored([0.0], Outcome.OTHER, None)
    silent = scored([0.0], stratum=None) * 900
    own_words = scored([1.0] * 3, Outcome.RIGHT, "exact")
    calibration = certified(linked(outside=[0.1] * 300) + missed + silent + own_words)
    assert calibration.thresholds["linked"].outside == 300
    assert (calibration.missed, calibration.cases) == (1, 1204)
    assert calibration.thresholds["linked"].coverage is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alphas": [0.0]}, "alpha 0.0 is not allowed"),
        ({"alphas": [0.01, math.nan]}, "alpha nan is not allowed"),
        ({"alphas": []}, "no alpha to certify; give at least one"),
        ({"wanted": {"linked": 2.0}}, "alpha 2.0 is not allowed"),
        ({"confidence": 1}, "confidence 1 is not allowed; give a number between 0 and 1, such as 0.95"),
        ({"grid": []}, "give at least one"),
        ({"grid": [0.5, 0.0]}, "needs numbers above 0"),
        ({"grid": [math.nan]}, "needs numbers above 0"),
    ],
)
def test_what_cannot_be_asked_is_refused(options, message):
    with pytest.raises(InvalidInputError, match=message):
        certified(linked(outside=[0.1] * 300), **options)


@pytest.mark.parametrize("score", [-0.1, 1.1, math.nan])
def test_a_score_is_a_probability(score):
    with pytest.raises(InvalidInputError, match="from 0 to 1"):
        Scored(score=score, stratum="linked", outcome=Outcome.RIGHT, source="facts")


def test_a_stratum_is_a_known_one():
    with pytest.raises(UnknownNameError, match="did you mean 'linked'"):
        Scored(score=0.1, stratum="linkd", outcome=Outcome.RIGHT, source="facts")


# Validity: the promise is kept as often as it says.


@pytest.mark.parametrize(("trials", "alpha"), [(59, 0.05), (120, 0.05), (400, 0.02)])
def test_a_threshold_just_beyond_alpha_is_certified_no_more_often_than_the_level_allows(trials, alpha):
    """Exactly, by every count that can be drawn: the sum of their probabilities is the chance of a false promise."""
    masses = np.diff(binomial_tails(trials, alpha, trials), prepend=0)
    passed = []
    for fired in range(trials + 1):
        try:
            certified(linked(outside=[0.9] * fired + [0.0] * (trials - fired)), alphas=(alpha,), grid=[0.5])
        except InvalidInputError:
            break
        passed.append(masses[fired])
    assert 0 < sum(passed) <= 0.05


def simulate(generator, shapes, n, alpha, grid):
    """Whether one calibration breaks its promise, and the largest true rate of its thresholds.

    The scores of a stratum's out-of-scope questions are Beta(1, b): the true rate at a threshold t is (1 - t)^b.
    """
    cases = [
        one
        for stratum, b in zip(KINDS, shapes, strict=False)
        for one in scored(generator.beta(1, b, n), stratum=stratum)
    ]
    calibration = certified(cases, alphas=(alpha,), grid=grid)
    rates = [(1 - held.value) ** shapes[KINDS.index(name)] for name, held in calibration.thresholds.items()]
    return max(rates) > alpha, max(rates)


def test_one_of_several_alphas_breaks_its_promise_no_more_often():
    """Of scores that are Beta(1, 6) the threshold of whichever alpha is chosen has a true rate above it."""
    runs, generator = 400, np.random.default_rng(5)
    broken = 0
    for _ in range(runs):
        held = certified(linked(outside=generator.beta(1, 6, 700)), alphas=ALPHAS).thresholds["linked"]
        broken += (1 - held.value) ** 6 > held.alpha
    assert broken / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


@pytest.mark.parametrize(("shapes", "n"), [((3.0,), 200), ((20.0,), 500), ((30.0, 8.0, 2.0), 150)])
def test_the_share_of_broken_promises_is_at_most_one_minus_confidence(shapes, n):
    runs, alpha, confidence = 600, 0.05, 0.95
    generator = np.random.default_rng(20210)
    grid = np.linspace(0.0005, 1, 2000)
    broken, rates = zip(*(simulate(generator, shapes, n, alpha, grid) for _ in range(runs)), strict=True)
    error = math.sqrt(confidence * (1 - confidence) / runs)
    assert np.mean(broken) <= 1 - confidence + 3 * error
    assert np.mean(broken) > 0  # the bound is approached, not met by never firing
    assert np.median(rates) > alpha / 3


def test_the_promise_holds_for_wrong_edits_too():
    """Out of scope fires rarely, a wrong edit often: the share of both among all is what limits the threshold."""
    runs, n, alpha = 500, 300, 0.05
    generator = np.random.default_rng(7)
    broken = 0
    for _ in range(runs):
        outside, other, right = generator.multinomial(n, (0.5, 0.3, 0.2))
        cases = linked(
            outside=generator.beta(1, 40, outside), other=generator.beta(1, 4, other), right=generator.beta(8, 1, right)
        )
        value = certified(cases, alphas=(alpha,)).thresholds["linked"].value
        broken += 0.5 * (1 - value) ** 40 + 0.3 * (1 - value) ** 4 > alpha
    assert broken / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


@given(st.lists(st.floats(0, 1), min_size=60, max_size=90), st.lists(st.floats(0, 1), max_size=20), st.floats(0, 1))
def test_the_counts_are_those_of_the_scores_and_one_more_false_fire_never_lowers_a_threshold(outside, right, more):
    def lowest(cases):
        try:
            return certified(cases, alphas=(0.1,)).thresholds["linked"]
        except InvalidInputError:
            return None

    cases = linked(outside=outside, right=right)
    held = lowest(cases)
    if held is None:
        return
    assert held.fired == sum(score >= held.value for score in outside)
    assert held.answered == sum(score >= held.value for score in right)
    assert held.upper <= 0.1
    raised = lowest(linked(outside=[max(score, more) for score in outside], right=right))
    assert raised is None or raised.value >= held.value
