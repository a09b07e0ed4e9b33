"""The learned policy: what a search gains, as the difference of two calibrated chances of a right answer.

One logistic model gives the chance that the model is right alone, another that it is right with passages. A search is
made where the difference is more than the price of a call; once it was made, two more models that also see its scores
decide whether the passages go before the question.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

import numpy as np

from kedit_memory.errors import InvalidInputError
from kedit_memory.routing.gate.policies import WITHOUT_UNCERTAINTY, GateCase, Verdict, allowed
from kedit_memory.routing.gate.signals import Signal, Signals
from kedit_memory.routing.logistic import Logistic, Numbers, fit_logistic

RIDGE = 3.0
_FEWEST = 5  # cases of a relation, below which it has no weight of its own


@dataclass(frozen=True, kw_only=True)
class _Scaled:
    """Signals as features of zero mean and unit spread, then one of 0 and 1 for each relation."""

    searched: bool
    means: tuple[float, ...]
    spreads: tuple[float, ...]
    relations: tuple[str, ...]

    @classmethod
    def of(cls, signals: Sequence[Signals], *, searched: bool) -> Self:
        raw = _raw(signals, searched=searched)
        counts = Counter(one.relation for one in signals if one.relation is not None)
        return cls(
            searched=searched,
            means=tuple(map(float, raw.mean(axis=0))),
            spreads=tuple(float(spread) or 1.0 for spread in raw.std(axis=0)),  # a constant stays one
            relations=tuple(sorted(name for name, count in counts.items() if count >= _FEWEST)),
        )

    def __call__(self, signals: Sequence[Signals]) -> Numbers:
        """Of shape (questions, features)."""
        scaled = (_raw(signals, searched=self.searched) - np.asarray(self.means)) / np.asarray(self.spreads)
        asked = [[float(one.relation == name) for name in self.relations] for one in signals]
        return np.hstack([scaled, np.array(asked, dtype=np.float64).reshape(len(signals), -1)])


@dataclass(frozen=True, kw_only=True)
class _Chances:
    """The chances of a right answer alone and with passages."""

    features: _Scaled
    alone: Logistic
    read: Logistic

    @classmethod
    def fitted(cls, cases: Sequence[GateCase], *, searched: bool) -> Self:
        signals = [case.signals for case in cases]
        features = _Scaled.of(signals, searched=searched)
        known = features(signals)
        alone, read = (np.array([getattr(case, name) for case in cases], dtype=np.bool_) for name in ("alone", "read"))
        return cls(
            features=features,
            alone=fit_logistic(known, alone, ridge=RIDGE),
            read=fit_logistic(known, read, ridge=RIDGE),
        )

    def __call__(self, signals: Signals) -> tuple[float, float]:
        known = self.features([signals])
        return float(self.alone.probability(known)[0]), float(self.read.probability(known)[0])

    def gains(self, signals: Sequence[Signals]) -> Numbers:
        """By how much passages raise the chance, of shape (questions,)."""
        known = self.features(signals)
        return self.read.probability(known) - self.alone.probability(known)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """From `asdict`, as JSON keeps it."""
        scaled, models = given["features"], [given["alone"], given["read"]]
        alone, read = (Logistic(float(one["bias"]), tuple(map(float, one["weights"]))) for one in models)
        features = _Scaled(
            searched=bool(scaled["searched"]),
            means=tuple(map(float, scaled["means"])),
            spreads=tuple(map(float, scaled["spreads"])),
            relations=tuple(map(str, scaled["relations"])),
        )
        width = len(features.means) + len(features.relations)
        if len(features.spreads) != len(features.means) or {len(alone.weights), len(read.weights)} != {width}:
            raise InvalidInputError("weights and features differ in number")
        return cls(features=features, alone=alone, read=read)


class LearnedPolicy:
    """Weighs popularity, relation, wording and the model's uncertainty; then also what the search found."""

    name: ClassVar[str] = "learned"
    needs: ClassVar[frozenset[Signal]] = frozenset(Signal) - {Signal.FORM}

    def __init__(self, before: _Chances, after: _Chances, price: float) -> None:
        self._before, self._after, self._price = before, after, price

    def decide(self, signals: Signals) -> Verdict:
        """By the chances of a right answer without and with passages; passages, where the model does not tell."""
        if signals.log_probability is None:
            return WITHOUT_UNCERTAINTY
        searched = signals.score is not None
        alone, read = (self._after if searched else self._before)(signals)
        retrieve = read - alone > (0.0 if searched else self._price)
        return Verdict(
            retrieve=retrieve,
            reason=f"estimated chance of a right answer {read:.2f} with passages, {alone:.2f} without",
        )

    @classmethod
    def fit(cls, cases: Sequence[GateCase], *, budget: float) -> Self:
        """The models of greatest likelihood with a ridge, and the lowest price that keeps the budget.

        Raises:
            InvalidInputError: the cases lack the model's uncertainty or what a search found.
        """
        before = _Chances.fitted(cases, searched=False)
        after = _Chances.fitted(cases, searched=True)
        gains = np.sort(before.gains([case.signals for case in cases]))  # (cases,)
        calls = int(allowed(budget, len(cases)) * len(cases))
        price = float(gains[-calls - 1]) if calls < len(cases) else 0.0
        return cls(before, after, max(0.0, price))

    def parameters(self) -> dict[str, Any]:
        """All weights, with the scales of the features."""
        return {"before": asdict(self._before), "after": asdict(self._after), "price": self._price}

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Self:
        """The policy with what `parameters` gave."""
        before, after = _Chances.of(parameters["before"]), _Chances.of(parameters["after"])
        return cls(before, after, float(parameters["price"]))


def _raw(signals: Sequence[Signals], *, searched: bool) -> Numbers:
    """The features before they are scaled, of shape (questions, features)."""
    return np.array([[*_plain(one), *(_found(one) if searched else ())] for one in signals], dtype=np.float64)


def _plain(signals: Signals) -> tuple[float, ...]:
    """What is known before a search; what an endpoint does not show, or no phrasing tells, is 0 for all questions."""
    if signals.log_probability is None:
        raise InvalidInputError("the model does not tell how sure it is of its answer; choose another policy")
    entropy = signals.entropy or 0.0
    known = signals.popularity is not None
    popularity = signals.popularity if signals.popularity is not None else 0.0
    return (
        popularity,
        float(known),
        math.log(signals.words),
        float(min(signals.mentions, 3)),
        signals.likeness or 0.0,
        float(signals.relation is None),
        entropy,
        math.sqrt(entropy),
        signals.log_probability,
        math.exp(signals.log_probability),
        popularity * entropy,
    )


def _found(signals: Signals) -> tuple[float, ...]:
    if signals.score is None or signals.gap is None or signals.passages is None:
        raise InvalidInputError("a question was not searched for; observe it with passages")
    return (
        math.log1p(max(0.0, signals.score)),
        signals.gap,
        float(bool(signals.titled)),
        float(signals.passages),
        float(bool(signals.grounded)),
    )
