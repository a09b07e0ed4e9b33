"""The policies of the gate: when a question that no edit answers is worth a search for passages.

One table names them all. A policy is fitted to questions that were answered both ways, for a share of retrieval calls
that it must keep; what it has learned is saved as JSON.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self, TypeVar

import numpy as np

from kedit_memory import registry
from kedit_memory.errors import InvalidInputError
from kedit_memory.routing.gate.signals import Signal, Signals
from kedit_memory.routing.logistic import Numbers

# A name here is a policy's module and class.
POLICIES = {
    "never": "kedit_memory.routing.gate.policies:Never",
    "always": "kedit_memory.routing.gate.policies:Always",
    "popularity": "kedit_memory.routing.gate.popularity_policy:PopularityPolicy",
    "uncertainty": "kedit_memory.routing.gate.thresholds:UncertaintyPolicy",
    "score": "kedit_memory.routing.gate.thresholds:ScorePolicy",
    "learned": "kedit_memory.routing.gate.learned:LearnedPolicy",
    "form": "kedit_memory.routing.gate.form_policy:FormPolicy",
}
PRECISION = 0.05  # how closely a fitted share of calls must be known
_Z = 1.644854  # of the normal distribution, one-sided 95%
_PRICES = tuple(step / 100 for step in range(221))  # of a call, in answers


@dataclass(frozen=True)
class Verdict:
    """Whether passages are worth it, and why, in words that follow "; "."""

    retrieve: bool
    reason: str


@dataclass(frozen=True, kw_only=True)
class GateCase:
    """A question that was answered both ways: whether the model alone was right, and whether it was with passages."""

    signals: Signals  # all that are known, those of the search included
    alone: bool
    read: bool

    @property
    def gain(self) -> int:
        """What passages change: 1, 0 or -1 right answers."""
        return int(self.read) - int(self.alone)


class GatePolicy(Protocol):
    """Decides by signals; asked before a search, and when that said yes, once more with what was found.

    Attributes:
        name: in `POLICIES`.
        needs: the signals that it decides by; no others are computed. RETRIEVAL counts what a search tells.
    """

    name: ClassVar[str]
    needs: ClassVar[frozenset[Signal]]

    def decide(self, signals: Signals) -> Verdict:
        """Whether to search, where the signals hold nothing of a search; else whether to use what was found."""
        ...

    @classmethod
    def fit(cls, cases: Sequence[GateCase], *, budget: float) -> Self:
        """The policy that answers most cases right with at most `budget` of them searched for.

        Raises:
            InvalidInputError: no policy of this kind keeps the budget, or the cases lack a signal that it needs.
        """
        ...

    def parameters(self) -> dict[str, Any]:
        """What was learned, as JSON knows it."""
        ...

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Self:
        """The policy with what `parameters` gave."""
        ...


PolicyT = TypeVar("PolicyT", bound=GatePolicy)


def policy_class(name: str) -> type[GatePolicy]:
    """The class of the policy of that name.

    Raises:
        UnknownNameError: there is none.
    """
    kind: type[GatePolicy] = registry.load("gate policy", name, POLICIES)
    return kind


def weighs_uncertainty(kind: type[GatePolicy]) -> bool:
    """Whether a policy cannot be fitted where a model does not tell how sure it is: by a question's form one can."""
    return Signal.UNCERTAINTY in kind.needs and Signal.FORM not in kind.needs


class Never:
    """The model's own recall answers everything."""

    name: ClassVar[str] = "never"
    needs: ClassVar[frozenset[Signal]] = frozenset()

    def decide(self, signals: Signals) -> Verdict:  # noqa: ARG002 - the same whatever they are
        """No search."""
        return Verdict(retrieve=False, reason="the gate never retrieves")

    @classmethod
    def fit(cls, cases: Sequence[GateCase], *, budget: float) -> Self:  # noqa: ARG003 - nothing to fit
        """There is nothing to fit, and no call to count."""
        return cls()

    def parameters(self) -> dict[str, Any]:
        """None."""
        return {}

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Self:  # noqa: ARG003 - it has none
        """The policy."""
        return cls()


class Always(Never):
    """Passages are retrieved for everything."""

    name: ClassVar[str] = "always"

    def decide(self, signals: Signals) -> Verdict:  # noqa: ARG002 - the same whatever they are
        """A search."""
        return Verdict(retrieve=True, reason="the gate always retrieves")

    @classmethod
    def fit(cls, cases: Sequence[GateCase], *, budget: float) -> Self:  # noqa: ARG003 - nothing to fit
        """There is nothing to fit.

        Raises:
            InvalidInputError: the budget is below 1, which the policy cannot keep.
        """
        refuse_budget(cls.name, budget)
        return cls()


def refuse_budget(name: str, budget: float) -> None:
    """Refuse a budget below 1 for a policy that searches for every question."""
    if budget < 1:
        raise InvalidInputError(
            f"the policy {name} searches for every question, which is over the budget {budget:g}; give --budget 1, or "
            "another policy"
        )


def cases_needed(budget: float) -> int:
    """The fewest cases whose share of calls is within `PRECISION` of what it will be, one-sided, at 95%."""
    return max(50, math.ceil(_Z**2 * budget * (1 - budget) / PRECISION**2))


def allowed(budget: float, cases: int) -> float:
    """The share of calls that fitted cases may have, so that new questions keep the budget with 95% confidence."""
    return max(0.0, budget - _Z * math.sqrt(budget * (1 - budget) / max(1, cases)))


def calls_of(policy: GatePolicy, cases: Sequence[GateCase]) -> float:
    """The share of cases for which a policy searches."""
    return sum(policy.decide(case.signals.before_search()).retrieve for case in cases) / max(1, len(cases))


def cheapest(at: Callable[[float], PolicyT], cases: Sequence[GateCase], budget: float) -> PolicyT:
    """The policy at the lowest price of a call that keeps the cases' calls within the budget.

    A price is the gain in right answers from which a call is worth it: the higher, the fewer calls.
    """
    most = allowed(budget, len(cases))
    low, high = 0, len(_PRICES) - 1
    while low < high:  # calls fall as the price rises
        middle = (low + high) // 2
        low, high = (low, middle) if calls_of(at(_PRICES[middle]), cases) <= most else (middle + 1, high)
    return at(_PRICES[high])


def best_cut(values: Numbers, gains: Numbers, *, most: int | None = None) -> float:
    """The value below which a search pays most: the cut with the largest sum of gains below it; -inf for no search.

    Args:
        values: of shape (cases,).
        gains: of shape (cases,), less the price of a call.
        most: cases that may lie below the cut; None for all.
    """
    order = np.argsort(values, kind="stable")
    ordered, totals = values[order], np.concatenate([[0.0], np.cumsum(gains[order])])
    ends = np.concatenate([[True], np.diff(ordered) > 0, [True]])  # a cut cannot part equal values
    if most is not None:
        ends[most + 1 :] = False
    place = int(np.argmax(np.where(ends, totals, -np.inf)))
    if place == 0:
        return -math.inf
    return math.inf if place == len(ordered) else float((ordered[place - 1] + ordered[place]) / 2)


WITHOUT_UNCERTAINTY = Verdict(retrieve=True, reason="the model does not tell how sure it is of its own answer")


def as_json_number(cut: float) -> float | str:
    """A threshold as JSON knows it: "inf" and "-inf" stand for search always and never."""
    return cut if math.isfinite(cut) else str(cut)
