"""The gate of a missed question: retrieve, or let the model answer from its own recall.

Models recall popular facts and fail on rare ones, and passages help the rare and can hurt the popular (Mallen et al.,
ACL 2023). A policy decides; the gate gets it the signals that it asks for and no others, searches when it says so, and
asks it once more with what was found.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from kedit_memory.records import Mention, Popularity, RetrievedPassage, Route
from kedit_memory.routing.gate.now import asks_about_now
from kedit_memory.routing.gate.policies import Verdict
from kedit_memory.routing.gate.signals import Signal, Signals, Sources, with_retrieval
from kedit_memory.routing.gate.uncertainty import OwnAnswer

Search = Callable[[], Sequence[RetrievedPassage]]
Ask = Callable[[str], OwnAnswer | None]  # None where the question is longer than the model reads


class Decides(Protocol):
    """What a gate needs of a policy; see `policies.GatePolicy`."""

    @property
    def needs(self) -> frozenset[Signal]:
        """The signals that it decides by."""
        ...

    def decide(self, signals: Signals) -> Verdict:
        """Whether to search, or to use what was found."""
        ...


@dataclass(frozen=True, kw_only=True)
class GateDecision:
    """Where a missed question goes, and why in one line.

    Attributes:
        passages: those that go before the question; none on the way of the model alone.
        own_answer: the model's, where the policy weighed it.
    """

    route: Route
    reason: str
    popularity: Popularity
    passages: tuple[RetrievedPassage, ...] = ()
    own_answer: str | None = None


class Gate:
    """Decides by a policy.

    Args:
        policy: that decides.
        sources: of the cheap signals.
        unknown: decides in its place where nothing is known of how popular a subject is. The store is then searched
            first, and the model asked how sure it is only where something was found.
    """

    def __init__(self, policy: Decides, sources: Sources, *, unknown: Decides | None = None) -> None:
        self.policy = policy
        self._sources = sources
        self.unknown = unknown

    def decide(self, question: str, mentions: Sequence[Mention], search: Search, ask: Ask) -> GateDecision:
        """The route of a question that names `mentions`.

        `search` is called when passages are wanted, and `ask`, for the model's own answer, when the policy weighs it.

        A question about how things are now is searched for whatever the policy says, and answered by passages that
        bear a date where there are such: what a model remembers is older.
        """
        popularity = self._sources.table.rarest(mentions)
        policy, found = self.policy, None
        if self.unknown is not None and popularity.tier is None:
            policy, found = self.unknown, tuple(search())
            if not found:
                return _alone(popularity, "no passage speaks of it")
        signals = self._sources.before(question, mentions, policy.needs)
        own = None
        if Signal.UNCERTAINTY in policy.needs:
            own = ask(question)
            if own is None:
                return _alone(popularity, "the question is longer than the model reads")
            signals = own.added_to(signals)
        verdict = policy.decide(signals)
        now = asks_about_now(question)
        if found is None:
            found = tuple(search()) if verdict.retrieve or now else ()
        dated = _newest_first(found) if now else ()
        why, used = verdict.reason, dated
        if dated:
            why = "it asks how things are now, and passages bear a date"
        elif verdict.retrieve and found:
            verdict = policy.decide(with_retrieval(signals, mentions, found))
            why, used = verdict.reason, found if verdict.retrieve else ()
        elif verdict.retrieve:
            why = f"{why}; no passage speaks of it"
        return GateDecision(
            route=Route.RETRIEVAL if used else Route.PARAMETRIC,
            reason=f"no edit in scope; {_who(popularity)}; {why}; {_what(used)}",
            popularity=popularity,
            passages=used,
            own_answer=None if own is None or own.cut else own.text,
        )


def _alone(popularity: Popularity, why: str) -> GateDecision:
    reason = f"no edit in scope; {_who(popularity)}; {why}; the model answers alone"
    return GateDecision(route=Route.PARAMETRIC, reason=reason, popularity=popularity)


def _newest_first(found: Sequence[RetrievedPassage]) -> tuple[RetrievedPassage, ...]:
    """The passages that bear a date."""
    dated = [one for one in found if one.passage.date]
    return tuple(sorted(dated, key=lambda one: one.passage.date or "", reverse=True))


def _who(popularity: Popularity) -> str:
    if popularity.subject is None:
        return "its subject's popularity is unknown"
    return f"{popularity.subject} is of popularity tier {popularity.tier}"


def _what(used: Sequence[RetrievedPassage]) -> str:
    if not used:
        return "the model answers alone"
    if author := used[0].written_by:
        return f"{author} wrote a passage for it, which is its own knowledge and no evidence"
    return f"passages were retrieved: {', '.join(one.passage.title or one.passage.id for one in used)}"
