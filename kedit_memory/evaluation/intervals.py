"""How sure a figure is: intervals of 95%, by formula or by drawing the cases again (Efron, 1979), and paired tests."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

_DRAWS = 1000
_NUMBERS_AT_ONCE = 2**20  # of the table, drawn again; eight megabytes

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def wilson(successes: int, cases: int) -> tuple[float, float]:
    """The 95% interval of a share (Wilson, 1927); (0, 1) for no cases."""
    if cases == 0:
        return 0.0, 1.0
    z = 1.959964
    share = successes / cases
    centre = share + z * z / (2 * cases)
    half = z * math.sqrt(share * (1 - share) / cases + z * z / (4 * cases * cases))
    scale = 1 + z * z / cases
    low, high = (centre - half) / scale, (centre + half) / scale
    return low if successes else 0.0, high if successes < cases else 1.0  # which they are but for rounding


def share(right: Sequence[bool]) -> tuple[float, float]:
    """The interval of a share; Wilson's where all cases are alike, since drawing them again would show none."""
    if len(set(right)) < 2:
        return wilson(sum(right), len(right))
    return interval(np.asarray(right, np.float64)[:, None], lambda drawn: drawn[..., 0].mean(-1))


def interval(cases: ArrayLike, statistic: Statistic, *, seed: int = 0) -> tuple[float, float]:
    """The 2.5th and 97.5th percentile of a statistic over samples of the cases.

    Args:
        cases: of shape (cases, columns); what belongs to one case is in one row, which keeps pairs together.
        statistic: from samples of shape (draws, cases, columns) to one figure each; draws that give no number, such as
            a ratio to nothing, are left out.
        seed: of the draws.
    """
    table = np.asarray(cases, np.float64)
    rng = np.random.default_rng(seed)
    at_once = max(1, _NUMBERS_AT_ONCE // max(1, table.size))
    sizes = [min(at_once, _DRAWS - done) for done in range(0, _DRAWS, at_once)]
    found = np.concatenate([statistic(table[rng.integers(0, len(table), (size, len(table)))]) for size in sizes])
    found = found[np.isfinite(found)]
    if not len(found):
        return float("nan"), float("nan")
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)


def drawn_again(cases: ArrayLike, statistic: Statistic, *, seed: int = 0) -> tuple[float, float, float, int]:
    """A statistic of cases, the ends of its interval, and how many cases these are; see `interval`."""
    table = np.asarray(cases, np.float64)
    return (float(statistic(table[None])[0]), *interval(table, statistic, seed=seed), len(table))


def widened(bounds: tuple[float, float], value: float, cases: int) -> tuple[float, float]:
    """The interval, or, where it has no width, one that tells how few cases it is of.

    Cases that are all alike show no spread when they are drawn again, be they three or a thousand. Of so many without
    an exception up to `wilson(0, cases)[1]` of all cases may be exceptions, and a figure that an exception moves by 1
    at most is then off by no more than that.
    """
    if bounds[1] > bounds[0]:
        return bounds
    unseen = wilson(0, cases)[1]
    return value - unseen, value + unseen


def ratio_of_means(above: Sequence[float], below: Sequence[float], *, seed: int = 0) -> tuple[float, float]:
    """The interval of the mean of some cases over that of others, both drawn again."""
    rng = np.random.default_rng(seed)
    drawn = [np.asarray(side, np.float64)[rng.integers(0, len(side), (_DRAWS, len(side)))] for side in (above, below)]
    low, high = np.percentile(drawn[0].mean(1) / drawn[1].mean(1), [2.5, 97.5])
    return float(low), float(high)


def randomisation_p(differences: Sequence[int]) -> float:
    """How often the two methods of a pair, swapped at random in each case, would differ at least as much in all.

    The randomisation test of Fisher (1935) for paired data, two-sided and exact: the sum of the differences is
    distributed as that of all their signs, found by adding a case at a time. Where no case counts more than one
    question it is the exact test of McNemar (1947), the binomial one on the cases that the methods answer differently.

    Args:
        differences: of each case, how many more of its questions the first method answered as it should.
    """
    sizes = [abs(one) for one in differences if one]
    most = sum(sizes)
    chance = np.zeros(2 * most + 1)  # of each sum from -most to most
    chance[most] = 1.0
    for size in sizes:
        chance = (np.roll(chance, size) + np.roll(chance, -size)) / 2  # what would come round is zero
    sums = np.abs(np.arange(-most, most + 1))
    return min(1.0, float(chance[sums >= abs(sum(differences))].sum()))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values of tests made together, adjusted so that one below 0.05 is wrong in a family with chance 0.05.

    The step-down procedure of Holm (1979): the smallest of m is taken m times, the next m - 1 times, and none is less
    than one before it.
    """
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted
