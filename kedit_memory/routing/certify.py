"""Thresholds for the verifier's scores that certify how often an edit fires on a question that none answers.

Learn then Test (Angelopoulos, Bates, Candès, Jordan and Lei, "Learn then Test: calibrating predictive algorithms to
achieve risk control", 2021; Annals of Applied Statistics 2025), with fixed-sequence testing. It assumes that the
labelled questions are drawn independently from those that will be asked, and were not used to train the verifier.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

from kedit_memory.errors import InvalidInputError, UnknownNameError
from kedit_memory.routing.calibration import Basis, Calibration, Threshold, check_share, percent
from kedit_memory.routing.labelled import Outcome, Scored
from kedit_memory.routing.question import FUZZY, LINKED
from kedit_memory.routing.strata import STRATA

Numbers: TypeAlias = npt.NDArray[np.float64]

ALPHAS = (0.005, 0.01, 0.02, 0.05)  # false-fire rates to certify: the first for which there are cases enough
# From sigmoid(10) to sigmoid(-5) in steps of 0.01: a classifier's scores crowd at both ends. 1 comes first, because a
# saturated score is one, and 0 never: it is the score of no candidate.
GRID = (1.0, *(1 / (1 + math.exp(-step / 100)) for step in range(1000, -501, -1)))


def certify(
    cases: Sequence[Scored],
    *,
    basis: Basis,
    alphas: Iterable[float] = ALPHAS,
    wanted: Mapping[str, float] | None = None,
    confidence: float = 0.95,
    grid: Iterable[float] = GRID,
) -> Calibration:
    """The most lenient threshold of each stratum that keeps false fires at or below one of `alphas`.

    Thresholds of the grid are tested from the strictest on, each at the full level (Learn then Test, Algorithm 1 with
    one start), until one is not rejected; the last before it is taken. The null hypothesis of a threshold says that
    the false-fire rate is above alpha, over the questions that no edit answers, or that over all questions the share
    which an edit answers that is not theirs is: it is rejected when both exact binomial tests reject, an
    intersection-union test, so neither kind of error can hide behind the other.

    The strata share 1 - confidence equally, and so do the alphas of a stratum for which it has enough cases
    (Bonferroni). So each of these promises holds, and choosing one after looking costs nothing: a stratum gets the
    smallest alpha that can be certified, or the one `wanted` of it.

    An edit whose name is merely like one in the question never needs less than one whose name is there: its threshold
    is raised to that of `linked`, which can only lower both shares.

    A stratum without cases, with too few, or with false fires at every threshold is not certified, and why is said.
    For what there are enough cases is decided by their numbers alone, before any score is looked at.

    Raises:
        InvalidInputError: no stratum can be certified, or a rate or threshold is out of range.
        UnknownNameError: an alpha is wanted of what is no stratum.
    """
    for stratum in wanted or {}:
        if stratum not in STRATA:
            raise UnknownNameError("stratum", stratum, STRATA)
    of_stratum = {stratum: [case for case in cases if case.stratum == stratum] for stratum in STRATA}
    thresholds, uncertified = thresholds_of(of_stratum, alphas=alphas, wanted=wanted, confidence=confidence, grid=grid)
    if FUZZY in thresholds and LINKED in thresholds and thresholds[FUZZY].value < thresholds[LINKED].value:
        raised = thresholds[LINKED].value
        thresholds[FUZZY] = _threshold(of_stratum[FUZZY], raised, thresholds[FUZZY].alpha, confidence)
    return Calibration(
        confidence=confidence,
        cases=len(cases),
        missed=sum(case.stratum is None and case.outcome is not Outcome.OUTSIDE for case in cases),
        basis=basis,
        thresholds=thresholds,
        uncertified=uncertified,
    )


def thresholds_of(
    of_stratum: Mapping[str, Sequence[Scored]],
    *,
    alphas: Iterable[float] = ALPHAS,
    wanted: Mapping[str, float] | None = None,
    confidence: float = 0.95,
    grid: Iterable[float] = GRID,
) -> tuple[dict[str, Threshold], dict[str, str]]:
    """The threshold of each group of cases that can be certified, as in `certify`, and why the others cannot.

    Raises:
        InvalidInputError: no group can be certified, or a rate or threshold is out of range.
    """
    tried = _checked(alphas, wanted or {}, confidence)
    ladder = _ladder(grid)
    counts = {name: sum(case.outcome is Outcome.OUTSIDE for case in held) for name, held in of_stratum.items()}
    tested = _testable(counts, tried[-1], confidence)
    thresholds: dict[str, Threshold] = {}
    uncertified: dict[str, str] = {}
    for stratum in of_stratum:
        if stratum not in tested:
            needed = cases_needed(tried[-1], (1 - confidence) / (len(tested) + 1))
            uncertified[stratum] = f"{counts[stratum]:,} out-of-scope questions, at least {needed:,} are needed"
            continue
        level = (1 - confidence) / len(tested)
        promised = _promised(of_stratum[stratum], ladder, _affordable(tried, counts[stratum], level), level)
        if not promised:
            worst = _threshold(of_stratum[stratum], float(ladder[0]), tried[-1], confidence)
            uncertified[stratum] = _at_worst(worst)
            continue
        alpha = (wanted or {}).get(stratum, min(promised))
        if alpha not in promised:
            uncertified[stratum] = f"false fires ≤ {percent(alpha)} cannot be certified on its cases"
            continue
        thresholds[stratum] = _threshold(of_stratum[stratum], promised[alpha], alpha, confidence)
    if not thresholds:
        reasons = "; ".join(f"{stratum}: {reason}" for stratum, reason in uncertified.items())
        raise InvalidInputError(
            f"no threshold can be certified for false fires ≤ {percent(tried[-1])}; {reasons}; "
            "label more questions that no edit answers, or allow a larger alpha"
        )
    return thresholds, uncertified


def cases_needed(alpha: float, level: float) -> int:
    """The fewest out-of-scope questions that can certify `alpha` at an error `level`, if not one of them fires.

    From (1 - alpha)^n ≤ level.
    """
    return math.ceil(math.log(level) / math.log1p(-alpha))


def binomial_tails(trials: int, share: float, largest: int) -> Numbers:
    """P(Bin(trials, share) ≤ k) for k = 0 … largest, shape (largest + 1,); 0 < share < 1."""
    tails: Numbers = special.bdtr(np.arange(largest + 1, dtype=np.float64), trials, share)
    return tails


def upper_bound(successes: int, trials: int, level: float) -> float:
    """The share above which so few successes have a probability below `level` (Clopper and Pearson, 1934)."""
    return 1.0 if successes == trials else float(special.betainccinv(successes + 1, trials - successes, level))


def interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """The exact two-sided interval of a share (Clopper and Pearson, 1934); (0, 1) for no trials."""
    if trials == 0:
        return 0.0, 1.0
    level = (1 - confidence) / 2
    return 1 - upper_bound(trials - successes, trials, level), upper_bound(successes, trials, level)


def _testable(counts: Mapping[str, int], alpha: float, confidence: float) -> list[str]:
    """The strata with enough cases, most first: as many as can share the error and still each have enough."""
    ranked = sorted(counts, key=lambda stratum: -counts[stratum])
    for shares in range(len(ranked), 0, -1):
        if counts[ranked[shares - 1]] >= cases_needed(alpha, (1 - confidence) / shares):
            return ranked[:shares]
    return []


def _affordable(alphas: Sequence[float], outside: int, level: float) -> list[float]:
    """The alphas for which there are enough cases when they share an error `level`: as many as can, ascending."""
    for shares in range(len(alphas), 0, -1):
        if outside >= cases_needed(alphas[-shares], level / shares):
            return list(alphas[-shares:])
    return []


def _promised(cases: Sequence[Scored], ladder: Numbers, alphas: Sequence[float], level: float) -> dict[float, float]:
    """The threshold of each alpha for which one can be certified, all together at an error `level`."""
    scores = _by_outcome(cases)
    found = ((alpha, _most_lenient(scores, ladder, alpha, level / len(alphas))) for alpha in alphas)
    return {alpha: value for alpha, value in found if value is not None}


def _by_outcome(cases: Iterable[Scored]) -> dict[Outcome, Numbers]:
    """Scores by outcome, each of shape (cases,), ascending."""
    scores: dict[Outcome, list[float]] = {outcome: [] for outcome in Outcome}
    for case in cases:
        scores[case.outcome].append(case.score)
    return {outcome: np.sort(np.asarray(found, dtype=np.float64)) for outcome, found in scores.items()}


def _reaching(scores: Numbers, thresholds: Numbers) -> npt.NDArray[np.intp]:
    """How many of the ascending scores reach each threshold."""
    return len(scores) - np.searchsorted(scores, thresholds, side="left")


def _most_lenient(scores: Mapping[Outcome, Numbers], ladder: Numbers, alpha: float, level: float) -> float | None:
    """The last threshold of the ladder before the first whose null hypothesis is not rejected; None if that is all."""
    fired = _reaching(scores[Outcome.OUTSIDE], ladder)  # (thresholds,)
    wrong = fired + _reaching(scores[Outcome.OTHER], ladder)
    outside = len(scores[Outcome.OUTSIDE])
    asked = sum(map(len, scores.values()))
    p_values = np.maximum(
        binomial_tails(outside, alpha, int(fired.max()))[fired], binomial_tails(asked, alpha, int(wrong.max()))[wrong]
    )
    rejected = int(np.logical_and.accumulate(p_values <= level).sum())
    return float(ladder[rejected - 1]) if rejected else None


def _threshold(cases: Sequence[Scored], value: float, alpha: float, confidence: float) -> Threshold:
    scores = _by_outcome(cases)
    total = {outcome: len(found) for outcome, found in scores.items()}
    fire = {outcome: int(_reaching(found, np.array([value]))[0]) for outcome, found in scores.items()}
    covered = total[Outcome.RIGHT] + total[Outcome.OTHER]
    low, high = interval(fire[Outcome.RIGHT], covered)
    return Threshold(
        value=value,
        alpha=alpha,
        sets=dict(Counter(case.source for case in cases if case.outcome is Outcome.OUTSIDE)),
        outside=total[Outcome.OUTSIDE],
        fired=fire[Outcome.OUTSIDE],
        upper=upper_bound(fire[Outcome.OUTSIDE], total[Outcome.OUTSIDE], 1 - confidence),
        other=total[Outcome.OTHER],
        other_fired=fire[Outcome.OTHER],
        covered=covered,
        answered=fire[Outcome.RIGHT],
        coverage_low=low,
        coverage_high=high,
    )


def _at_worst(strictest: Threshold) -> str:
    """Why a stratum with enough cases has no threshold."""
    return (
        f"even at threshold {strictest.value:.6g} {strictest.fired:,} of {strictest.outside:,} out-of-scope questions "
        f"fire, and {strictest.other_fired:,} of {strictest.other:,} with a wrong edit in front"
    )


def _checked(alphas: Iterable[float], wanted: Mapping[str, float], confidence: float) -> list[float]:
    """The alphas to test, ascending, those that are wanted of a stratum among them."""
    check_share("confidence", confidence)
    tried = sorted({*alphas, *wanted.values()})
    for alpha in tried:
        check_share("alpha", alpha)
    if not tried:
        raise InvalidInputError("there is no alpha to certify; give at least one")
    return tried


def _ladder(grid: Iterable[float]) -> Numbers:
    ladder = np.unique(np.fromiter(grid, np.float64))[::-1]  # strictest first
    if not ladder.size or not np.all((ladder > 0) & (ladder <= 1)):
        raise InvalidInputError("the grid of thresholds needs numbers above 0, 1 at most; give at least one")
    return ladder
