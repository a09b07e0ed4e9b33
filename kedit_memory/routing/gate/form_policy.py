"""The policy for a model that nothing was calibrated for: the form of a question, and how sure the model is of itself.

Two logistic models give the chance of a right answer without and with passages. Both were fitted on several models, of
some of which only the answers are known: the policy also decides where a model does not tell how sure it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar, Self

import numpy as np

from kedit_memory.errors import InvalidInputError
from kedit_memory.routing.gate.form import FEATURES
from kedit_memory.routing.gate.policies import GateCase, Verdict, allowed
from kedit_memory.routing.gate.signals import Signal, Signals
from kedit_memory.routing.logistic import Logistic, Numbers, fit_logistic

RIDGE = 3.0
_OWN_ANSWER = ("sure", "log_probability", "told")  # features of the model's own answer, 0 where it does not tell


class FormPolicy:
    """Searches where passages raise the estimated chance of a right answer by more than the price of a call."""

    name: ClassVar[str] = "form"
    needs: ClassVar[frozenset[Signal]] = frozenset({Signal.FORM, Signal.UNCERTAINTY})

    def __init__(self, alone: Logistic, read: Logistic, price: float) -> None:
        self._alone, self._read, self._price = alone, read, price

    def decide(self, signals: Signals) -> Verdict:
        """By the chances; the same before and after a search."""
        row = _features([signals])
        alone, read = float(self._alone.probability(row)[0]), float(self._read.probability(row)[0])
        blind = "" if signals.log_probability is not None else ", by its form: the model does not tell how sure it is"
        return Verdict(
            retrieve=read - alone > self._price,
            reason=f"estimated chance of a right answer {read:.2f} with passages, {alone:.2f} without{blind}",
        )

    @classmethod
    def fit(cls, cases: Sequence[GateCase], *, budget: float) -> Self:
        """The models of greatest likelihood with a ridge, and the lowest price that keeps the budget."""
        known = _features([case.signals for case in cases])
        alone = fit_logistic(known, np.array([case.alone for case in cases], dtype=np.bool_), ridge=RIDGE)
        read = fit_logistic(known, np.array([case.read for case in cases], dtype=np.bool_), ridge=RIDGE)
        gains = np.sort(read.probability(known) - alone.probability(known))  # (cases,)
        calls = int(allowed(budget, len(cases)) * len(cases))
        price = float(gains[-calls - 1]) if calls < len(cases) else 0.0
        return cls(alone, read, max(0.0, price))

    def parameters(self) -> dict[str, Any]:
        """The weights."""
        return {"alone": asdict(self._alone), "read": asdict(self._read), "price": self._price}

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Self:
        """The policy with what `parameters` gave."""
        given = [parameters["alone"], parameters["read"]]
        alone, read = (Logistic(float(one["bias"]), tuple(map(float, one["weights"]))) for one in given)
        if {len(alone.weights), len(read.weights)} != {len(FEATURES) + len(_OWN_ANSWER)}:
            raise InvalidInputError("weights and features differ in number")
        return cls(alone, read, float(parameters["price"]))


def _features(signals: Sequence[Signals]) -> Numbers:
    """Of shape (questions, features), each of about unit spread."""
    return np.array([[*one.form, *_sure(one)] for one in signals], dtype=np.float64)


def _sure(signals: Signals) -> tuple[float, float, float]:
    if signals.log_probability is None:
        return 0.0, 0.0, 0.0
    return float(np.exp(signals.log_probability)), signals.log_probability, 1.0
