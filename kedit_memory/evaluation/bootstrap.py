"""How sure a figure is: intervals of 95% by drawing the cases again (Efron, 1979)."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kedit_memory.evaluation.metrics import wilson

_DRAWS = 1000
_NUMBERS_AT_ONCE = 2**20  # of the table, drawn again; eight megabytes

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]


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
