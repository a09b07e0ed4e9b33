"""The gate of a missed question: retrieve, or let the model answer from its own recall.

A first gate after Mallen et al. (ACL 2023): models recall popular facts and fail on rare ones, and passages help the
rare and can hurt the popular. Here popularity is the tier of the subject that the question names.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from kedit_memory.records import Mention, Popularity, RetrievedPassage, Route
from kedit_memory.routing.popularity import PopularityTable


@dataclass(frozen=True, kw_only=True)
class GateDecision:
    """Where a missed question goes, and why in one line."""

    route: Route
    reason: str
    popularity: Popularity


class PopularityGate:
    """Sends questions about subjects of a tier above `max_tier` to retrieval."""

    def __init__(self, table: PopularityTable, max_tier: int) -> None:
        self._table = table
        self.max_tier = max_tier

    def wants_passages(self, mentions: Sequence[Mention]) -> bool:
        """Whether the model's own recall is not to be trusted on the rarest subject."""
        return not self._popular(self._table.rarest(mentions))

    def _popular(self, popularity: Popularity) -> bool:
        return popularity.tier is not None and popularity.tier <= self.max_tier

    def decide(self, mentions: Sequence[Mention], passages: Sequence[RetrievedPassage]) -> GateDecision:
        """The route, given what retrieval found; `passages` is empty when it was not asked."""
        popularity = self._table.rarest(mentions)
        who = _describe(popularity)
        if self._popular(popularity):
            reason = f"no edit in scope; {who}, popular enough (tiers 1 to {self.max_tier}) for the model's own recall"
            return GateDecision(route=Route.PARAMETRIC, reason=reason, popularity=popularity)
        if passages:
            titles = ", ".join(found.passage.title or found.passage.id for found in passages)
            reason = f"no edit in scope; {who}, so passages were retrieved: {titles}"
            return GateDecision(route=Route.RETRIEVAL, reason=reason, popularity=popularity)
        reason = f"no edit in scope; {who}, and no passage was found, so the model answers alone"
        return GateDecision(route=Route.PARAMETRIC, reason=reason, popularity=popularity)


def _describe(popularity: Popularity) -> str:
    if popularity.subject is None:
        return "no known subject"
    return f"{popularity.subject} is of popularity tier {popularity.tier}"
