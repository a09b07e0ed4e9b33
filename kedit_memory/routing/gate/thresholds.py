"""Policies of one threshold: how unsure the model is of its own answer, or how well the best passage matches."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from kedit_memory.errors import InvalidInputError
from kedit_memory.routing.gate.policies import (
    WITHOUT_UNCERTAINTY,
    GateCase,
    Verdict,
    allowed,
    as_json_number,
    best_cut,
    refuse_budget,
)
from kedit_memory.routing.gate.signals import Signal, Signals

# How sure the model is, by either measure: the higher, the surer.
MEASURES: Mapping[str, Callable[[Signals], float | None]] = {
    "entropy": lambda signals: None if signals.entropy is None else -signals.entropy,
    "log_probability": lambda signals: signals.log_probability,
}


class UncertaintyPolicy:
    """Searches where the model is unsure of its own greedy answer.

    Args:
        measure: `entropy`, the maximum over the answer's tokens, or `log_probability`, their mean.
        cut: how sure the model must be, in nats; entropies count as negative.
    """

    name: ClassVar[str] = "uncertainty"
    needs: ClassVar[frozenset[Signal]] = frozenset({Signal.UNCERTAINTY})

    def __init__(self, measure: str, cut: float) -> None:
        if measure not in MEASURES:
            raise InvalidInputError(f"no measure {measure!r} of uncertainty; choose one of {', '.join(MEASURES)}")
        self._measure, self._cut = measure, cut

    def decide(self, signals: Signals) -> Verdict:
        """By the threshold; passages, where the model does not tell."""
        sure = MEASURES[self._measure](signals)
        if sure is None:
            return WITHOUT_UNCERTAINTY
        what, value, cut = self._measure.replace("_", " "), abs(sure), abs(self._cut)
        verb = "unsure" if sure < self._cut else "sure enough"
        return Verdict(
            retrieve=sure < self._cut,
            reason=f"the model is {verb} of its own answer ({what} {value:.2f}, cut {cut:.2f})",
        )

    @classmethod
    def fit(cls, cases: Sequence[GateCase], *, budget: float) -> Self:
        """The measure and the threshold that answer most cases right.

        Raises:
            InvalidInputError: the cases do not tell how sure the model was.
        """
        most = int(allowed(budget, len(cases)) * len(cases))
        shown = [name for name, of in MEASURES.items() if all(of(case.signals) is not None for case in cases)]
        if not shown:
            raise InvalidInputError("the model does not tell how sure it is of its answer; choose another policy")
        fits = [cls._at(measure, cases, most) for measure in shown]
        return max(fits, key=lambda one: _right(one, cases))

    @classmethod
    def _at(cls, measure: str, cases: Sequence[GateCase], most: int) -> Self:
        values = np.array([MEASURES[measure](case.signals) for case in cases], dtype=np.float64)
        gains = np.array([case.gain for case in cases], dtype=np.float64)
        return cls(measure, best_cut(values, gains, most=most))

    def parameters(self) -> dict[str, Any]:
        """Measure and threshold."""
        return {"measure": self._measure, "cut": as_json_number(self._cut)}

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Self:
        """The policy with what `parameters` gave."""
        return cls(str(parameters["measure"]), float(parameters["cut"]))


class ScorePolicy:
    """Searches always, and uses what was found where the best passage scores at least `cut`."""

    name: ClassVar[str] = "score"
    needs: ClassVar[frozenset[Signal]] = frozenset({Signal.RETRIEVAL})

    def __init__(self, cut: float) -> None:
        self._cut = cut

    def decide(self, signals: Signals) -> Verdict:
        """A search; of what was found, by the threshold."""
        if signals.score is None:
            return Verdict(retrieve=True, reason="the gate looks at what a search finds")
        good = signals.score >= self._cut
        verb = "reaches" if good else "is below"
        return Verdict(retrieve=good, reason=f"the best passage's score {signals.score:.1f} {verb} {self._cut:.1f}")

    @classmethod
    def fit(cls, cases: Sequence[GateCase], *, budget: float) -> Self:
        """The threshold that answers most cases right.

        Raises:
            InvalidInputError: the budget is below 1, which the policy cannot keep; or a case was not searched for.
        """
        refuse_budget(cls.name, budget)
        scores = [case.signals.score for case in cases]
        if None in scores:
            raise InvalidInputError("a question was not searched for; observe it with passages")
        values = -np.array(scores, dtype=np.float64)  # high scores speak for the passages
        cut = -best_cut(values, np.array([case.gain for case in cases], dtype=np.float64))
        return cls(cut)

    def parameters(self) -> dict[str, Any]:
        """The threshold."""
        return {"cut": as_json_number(self._cut)}

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Self:
        """The policy with what `parameters` gave."""
        return cls(float(parameters["cut"]))


def _right(policy: UncertaintyPolicy, cases: Sequence[GateCase]) -> int:
    return sum(case.read if policy.decide(case.signals).retrieve else case.alone for case in cases)
