"""What a router may be given beside its store, such as the world of the demonstration; by default there is nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kedit_memory.popularity.table import PopularityTable
from kedit_memory.records import Passage


@dataclass(frozen=True, kw_only=True)
class Background:
    """Names, passages and figures that no store holds.

    Attributes:
        name: that calibrations made with it go by.
        aliases: of each name; what is known is told apart from what is not, so that the longest name wins.
        passages: that are searched beside those of the store, before them where scores are equal.
        popularity: of the names.
        phrasings: pairs (relation, phrasing with `{s}` in the subject's place), by which relations are told apart.
        facts: that the passages state: pairs (relation, value) by subject. An edit that says otherwise replaces them.
    """

    name: str = ""
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    passages: tuple[Passage, ...] = ()
    popularity: PopularityTable = field(default_factory=lambda: PopularityTable({}))
    phrasings: tuple[tuple[str, str], ...] = ()
    facts: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
