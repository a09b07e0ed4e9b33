"""How a figure is made of cases, by name, so that a log can tell it and it can be made again.

A figure is a statistic of samples of shape (draws, cases, columns), one number a draw; a case is a row of the table.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from kedit_memory.evaluation.intervals import Statistic
from kedit_memory.evaluation.measures import perplexity_of

Numbers = NDArray[np.float64]


def _mean(drawn: Numbers) -> Numbers:
    """Of one column."""
    found: Numbers = drawn[..., 0].mean(-1)
    return found


def _median(drawn: Numbers) -> Numbers:
    """Of one column."""
    found: Numbers = np.median(drawn[..., 0], -1)
    return found


def _ratio(drawn: Numbers) -> Numbers:
    """The sum of the first column over that of the second."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Numbers = drawn[..., 0].sum(-1) / drawn[..., 1].sum(-1)
    return found


def _share_of_gain(drawn: Numbers) -> Numbers:
    """Of sums now, without an edit, and at best: how much of the way from the second to the third was gone."""
    now, plain, best = np.moveaxis(drawn.sum(-2), -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Numbers = (now - plain) / (best - plain)
    return found


def _perplexity_kept(drawn: Numbers) -> Numbers:
    """Of losses before and now, and tokens: perplexity before over perplexity now."""
    found: Numbers = np.exp((drawn[..., 0] - drawn[..., 1]).sum(-1) / drawn[..., 2].sum(-1))
    return found


def _means(drawn: Numbers) -> Numbers:
    """Of sums and, in the last column, how many values they are of: the means."""
    sums = drawn.sum(-2)
    found: Numbers = sums[..., :-1] / sums[..., -1:]
    return found


# Those of means are of groups of values, such as the probes of an entity.
FIGURES: Mapping[str, Statistic] = {
    "mean": _mean,
    "median": _median,
    "ratio": _ratio,
    "share_of_gain": _share_of_gain,
    "perplexity": perplexity_of,
    "perplexity_kept": _perplexity_kept,
    "mean_of_groups": lambda drawn: _means(drawn)[..., 0],
    "difference_of_groups": lambda drawn: _means(drawn)[..., 0] - _means(drawn)[..., 1],
    "perplexity_of_groups": lambda drawn: np.exp(_means(drawn)[..., 0]),
    "perplexity_increase": lambda drawn: np.exp(_means(drawn)[..., 0]) - np.exp(_means(drawn)[..., 1]),
    "perplexity_ratio": lambda drawn: np.exp(_means(drawn)[..., 0] - _means(drawn)[..., 1]),
}
