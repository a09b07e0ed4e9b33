"""How well scores tell chances: the points of a reliability diagram, and their mean gap."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kedit_memory.errors import InvalidInputError


@dataclass(frozen=True, kw_only=True)
class ReliabilityBin:
    """The cases whose scores lie in one bin: their mean score, the share that came true, their number."""

    score: float
    share: float
    n: int


def reliability_bins(scores: Sequence[float], outcomes: Sequence[bool], bins: int = 10) -> list[ReliabilityBin]:
    """The points of a reliability diagram: bins of equal width in [0, 1], lowest first, empty ones left out.

    Raises:
        InvalidInputError: no bins, a score outside [0, 1], or not one outcome a score.
    """
    given, true = np.asarray(scores, dtype=np.float64), np.asarray(outcomes, dtype=np.float64)  # (cases,)
    if bins < 1 or given.shape != true.shape or not np.all((given >= 0) & (given <= 1)):
        raise InvalidInputError("reliability needs one bin or more, scores from 0 to 1, and an outcome for each")
    places = np.searchsorted(np.arange(1, bins) / bins, given, side="right")
    members = (places == place for place in np.unique(places))
    return [
        ReliabilityBin(score=float(given[of].mean()), share=float(true[of].mean()), n=int(of.sum())) for of in members
    ]


def calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """The expected calibration error, 0 to 1: the mean gap of score and share (Guo et al., 2017, equation 3).

    Raises:
        InvalidInputError: there is no bin.
    """
    if not bins:
        raise InvalidInputError("no cases, so no calibration error; give at least one")
    return sum(one.n * abs(one.score - one.share) for one in bins) / sum(one.n for one in bins)
