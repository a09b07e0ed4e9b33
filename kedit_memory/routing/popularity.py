"""How well known a name is, from a local table; missing is None, not zero."""

from collections.abc import Mapping, Sequence

from kedit_memory.records import Mention, Popularity
from kedit_memory.world import World


class PopularityTable:
    """Tiers by name: 1 is best known."""

    def __init__(self, tiers: Mapping[str, int]) -> None:
        self._tiers = dict(tiers)

    @classmethod
    def of_world(cls, world: World) -> "PopularityTable":
        """The tiers that ship with the world."""
        return cls({name: entity.tier for name, entity in world.entities.items()})

    def rarest(self, mentions: Sequence[Mention]) -> Popularity:
        """The least known of the names that the table has; no subject and no tier when it has none."""
        known = [(self._tiers[m.name], m.name) for m in mentions if m.name in self._tiers]
        if not known:
            return Popularity(subject=None, tier=None)
        tier, name = max(known)
        return Popularity(subject=name, tier=tier)
