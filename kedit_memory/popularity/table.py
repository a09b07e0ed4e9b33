"""How well known a name is, from a local table; missing is None, not zero."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from kedit_memory.errors import InvalidInputError
from kedit_memory.records import Mention, Popularity

# Monthly page views from which a name is of tier 1, 2, 3 and 4: round figures, for a table that comes without tiers.
TIER_BOUNDS = (100_000, 20_000, 4_000, 800)


class PopularityTable:
    """Tiers by name: 1 is best known. `values` says more finely how well known a name is, higher is better known."""

    def __init__(self, tiers: Mapping[str, int], values: Mapping[str, float] | None = None) -> None:
        self._tiers = dict(tiers)
        self._values = {name: float(-tier) for name, tier in tiers.items()} if values is None else dict(values)

    @classmethod
    def of_views(cls, views: Mapping[str, float], bounds: Sequence[float] = TIER_BOUNDS) -> "PopularityTable":
        """Tiers by page views (see `read_views`): 1 from the first bound on, the last tier below all of them.

        Raises:
            InvalidInputError: the bounds do not descend.
        """
        if not bounds or any(one <= next_one for one, next_one in pairwise(bounds)):
            raise InvalidInputError(f"bounds of tiers must descend, such as {TIER_BOUNDS}; not {tuple(bounds)}")
        tiers = {name: tier_of(count, bounds) for name, count in views.items()}
        return cls(tiers, {name: math.log10(1 + count) for name, count in views.items()})

    def rarest(self, mentions: Sequence[Mention]) -> Popularity:
        """The least known of the names that the table has; no subject and no tier when it has none."""
        known = [(self._tiers[m.name], m.name) for m in mentions if m.name in self._tiers]
        if not known:
            return Popularity(subject=None, tier=None)
        tier, name = max(known)
        return Popularity(subject=name, tier=tier)

    def value(self, name: str) -> float | None:
        """How well known a name is: the logarithm to base 10 of 1 + its views, or minus its tier; None if unknown."""
        return self._values.get(name)


def tier_of(views: float, bounds: Sequence[float] = TIER_BOUNDS) -> int:
    """The tier of a name with so many monthly views: 1 from the first bound on, the last one below all of them."""
    return 1 + sum(views < bound for bound in bounds)
