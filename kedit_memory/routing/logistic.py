"""Logistic regression with a ridge, fitted by Newton's method: for tens of features and thousands of cases."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from kedit_memory.errors import InvalidInputError

Numbers: TypeAlias = npt.NDArray[np.float64]
_STEPS = 50
_CLOSE = 1e-8  # of a step, below which the fit has converged
_LARGEST = 30.0  # of a logit, beyond which its sigmoid is 0 or 1


@dataclass(frozen=True)
class Logistic:
    """P(true | x) = sigmoid(bias + weights · x)."""

    bias: float
    weights: tuple[float, ...]

    def probability(self, features: Numbers) -> Numbers:
        """Of shape (cases,), for features of shape (cases, features)."""
        return _sigmoid(features @ np.asarray(self.weights) + self.bias)


def fit_logistic(features: Numbers, outcomes: npt.NDArray[np.bool_], *, ridge: float) -> Logistic:
    """The weights of greatest likelihood less ridge / 2 times their squared length; the bias is not shrunk.

    Args:
        features: of shape (cases, features), each of about unit spread, so that the ridge weighs on all alike.
        outcomes: of shape (cases,).
        ridge: more than 0, which keeps the fit finite where classes can be parted.

    Raises:
        InvalidInputError: no cases, shapes that do not match, values that are not finite, or a ridge of 0 or less.
    """
    cases = features.shape[0]
    if not cases or outcomes.shape != (cases,) or not np.isfinite(features).all() or not ridge > 0:
        raise InvalidInputError(
            f"no logistic model of {cases} cases, {outcomes.shape[0]} outcomes and ridge {ridge}; give as many "
            "outcomes as cases, finite features and a ridge above 0"
        )
    design = np.hstack([np.ones((cases, 1)), features])  # (cases, 1 + features)
    penalty = np.full(design.shape[1], ridge)
    penalty[0] = 1e-6  # enough for one class alone
    weights = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        chance = _sigmoid(design @ weights)
        gradient = design.T @ (outcomes - chance) - penalty * weights
        hessian = (design * (chance * (1 - chance))[:, None]).T @ design + np.diag(penalty)
        step = _damped(np.linalg.solve(hessian, gradient))
        weights = weights + step
        if np.abs(step).max() < _CLOSE:
            break
    return Logistic(bias=float(weights[0]), weights=tuple(map(float, weights[1:])))


def _damped(step: Numbers) -> Numbers:
    """A step of length 5 at most: far from the optimum Newton's method overshoots."""
    length = float(np.linalg.norm(step))
    return step if length <= 5 else step * (5 / length)


def _sigmoid(logits: Numbers) -> Numbers:
    chances: Numbers = 1 / (1 + np.exp(-np.clip(logits, -_LARGEST, _LARGEST)))
    return chances
