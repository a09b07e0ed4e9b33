"""Logistic regression with a ridge, for tens of features and thousands of cases."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from kedit_memory.errors import InvalidInputError

Numbers: TypeAlias = npt.NDArray[np.float64]
_STEPS = 100
_CLOSE = 1e-12  # of the gradient, below which the fit has converged
_LARGEST = 30.0  # of a logit, beyond which its sigmoid is 0 or 1


@dataclass(frozen=True)
class Logistic:
    """P(true | x) = sigmoid(bias + weights · x)."""

    bias: float
    weights: tuple[float, ...]

    def probability(self, features: Numbers) -> Numbers:
        """Of shape (cases,), for features of shape (cases, features)."""
        return _sigmoid(features @ np.asarray(self.weights) + self.bias)


def fit_logistic(
    features: Numbers, outcomes: npt.NDArray[np.bool_], *, ridge: float, weights: Numbers | None = None
) -> Logistic:
    """The weights of greatest likelihood less ridge / 2 times their squared length; the bias is not shrunk.

    Args:
        features: of shape (cases, features), each of about unit spread, so that the ridge weighs on all alike.
        outcomes: of shape (cases,).
        ridge: more than 0, which keeps the fit finite where classes can be parted.
        weights: by how much each case counts, of shape (cases,); all alike where none are given.

    Raises:
        InvalidInputError: no cases, shapes that do not match, values that are not finite, or a ridge of 0 or less.
    """
    cases = features.shape[0]
    if not cases or outcomes.shape != (cases,) or not np.isfinite(features).all() or not ridge > 0:
        raise InvalidInputError(
            f"no logistic model of {cases} cases, {outcomes.shape[0]} outcomes and ridge {ridge}; give as many "
            "outcomes as cases, finite features and a ridge above 0"
        )
    if outcomes.all() or not outcomes.any():  # one class alone tells nothing by its features
        return Logistic(bias=_LARGEST if outcomes[0] else -_LARGEST, weights=(0.0,) * features.shape[1])
    from sklearn.linear_model import LogisticRegression  # takes a second to load, which asking does not need

    model = LogisticRegression(C=1 / ridge, solver="newton-cholesky", tol=_CLOSE, max_iter=_STEPS).fit(
        features, outcomes, sample_weight=weights
    )
    return Logistic(bias=float(model.intercept_[0]), weights=tuple(map(float, model.coef_[0])))


def _sigmoid(logits: Numbers) -> Numbers:
    chances: Numbers = 1 / (1 + np.exp(-np.clip(logits, -_LARGEST, _LARGEST)))
    return chances
