"""Popularity thresholds by relation, as Mallen et al. (ACL 2023, section 6) choose them for adaptive retrieval."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from kedit_memory.errors import InvalidInputError
from kedit_memory.routing.gate.policies import GateCase, Verdict, as_json_number, best_cut, cheapest
from kedit_memory.routing.gate.signals import Signal, Signals

_FEWEST = 20  # cases of a relation, below which its threshold is that of all


class PopularityPolicy:
    """Searches for questions whose subject is less popular than their relation's threshold, or not known at all.

    Args:
        everywhere: the threshold of relations that have none, of the unit of `Signals.popularity`.
        by_relation: thresholds by relation.
        unknown: whether to search where no subject is known.
    """

    name: ClassVar[str] = "popularity"
    needs: ClassVar[frozenset[Signal]] = frozenset({Signal.POPULARITY, Signal.RELATION})

    def __init__(
        self, everywhere: float, by_relation: Mapping[str, float] | None = None, *, unknown: bool = True
    ) -> None:
        self._everywhere = everywhere
        self._by_relation = dict(by_relation or {})
        self._unknown = bool(unknown)

    def decide(self, signals: Signals) -> Verdict:
        """By the threshold of the question's relation."""
        if signals.popularity is None:
            return Verdict(retrieve=self._unknown, reason="no known subject")
        cut = self._everywhere
        whose = "any relation"
        if signals.relation in self._by_relation:
            cut, whose = self._by_relation[signals.relation], f"relation {signals.relation}"
        low = signals.popularity < cut
        than = "below" if low else "at or above"
        return Verdict(retrieve=low, reason=f"popularity {signals.popularity:g} is {than} {cut:g}, the cut of {whose}")

    @classmethod
    def fit(cls, cases: Sequence[GateCase], *, budget: float) -> Self:
        """Thresholds that answer most cases right: with passages below, by the model above.

        Raises:
            InvalidInputError: no case has a known popularity.
        """
        if all(case.signals.popularity is None for case in cases):
            raise InvalidInputError(
                "no question's subject is in the table of popularity; give `popularity` in the file, or another policy"
            )
        return cheapest(lambda price: cls._at(cases, price), cases, budget)

    @classmethod
    def _at(cls, cases: Sequence[GateCase], price: float) -> Self:
        popularity = np.array([_nan(case.signals.popularity) for case in cases])  # (cases,)
        # A call for the best known costs three times that for the least known, so that a budget is spent on the rare.
        ranks = np.searchsorted(np.sort(popularity), popularity) / len(cases)
        gains = np.array([case.gain for case in cases]) - price * (0.5 + ranks)
        known = ~np.isnan(popularity)
        places: dict[str, list[int]] = defaultdict(list)
        for place in np.flatnonzero(known):
            if (relation := cases[int(place)].signals.relation) is not None:
                places[relation].append(int(place))
        cuts = {name: best_cut(popularity[of], gains[of]) for name, of in sorted(places.items()) if len(of) >= _FEWEST}
        return cls(best_cut(popularity[known], gains[known]), cuts, unknown=known.all() or gains[~known].sum() > 0)

    def parameters(self) -> dict[str, Any]:
        """The thresholds."""
        cuts = {name: as_json_number(cut) for name, cut in self._by_relation.items()}
        return {"everywhere": as_json_number(self._everywhere), "by_relation": cuts, "unknown": self._unknown}

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Self:
        """The policy with what `parameters` gave."""
        cuts = {str(name): float(cut) for name, cut in parameters["by_relation"].items()}
        return cls(float(parameters["everywhere"]), cuts, unknown=bool(parameters["unknown"]))


def _nan(value: float | None) -> float:
    """NaN for the unknown, which sorts behind all that is known."""
    return float("nan") if value is None else value


class TierPolicy:
    """The policy of a model that no gate was calibrated for: subjects up to a tier are left to its own recall."""

    needs: ClassVar[frozenset[Signal]] = frozenset({Signal.POPULARITY})

    def __init__(self, max_tier: int) -> None:
        self.max_tier = max_tier

    def decide(self, signals: Signals) -> Verdict:
        """By the tier of the least known subject; one that is not known at all is no popular one."""
        if signals.tier is None:
            return Verdict(retrieve=True, reason="not known to be popular")
        popular = signals.tier <= self.max_tier
        enough = "popular enough" if popular else "not popular enough"
        return Verdict(retrieve=not popular, reason=f"{enough} (tiers 1 to {self.max_tier}) for the model's own recall")
