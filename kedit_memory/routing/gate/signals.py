"""What a gate can know about a question, each signal computed only when a policy asks for it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from kedit_memory.popularity.table import PopularityTable
from kedit_memory.records import Mention, RetrievedPassage
from kedit_memory.routing.gate.form import form_of
from kedit_memory.routing.gate.relations import AskedRelation, RelationClassifier
from kedit_memory.text import fold


class Signal(StrEnum):
    """A group of signals that are computed together, by rising cost."""

    FORM = "form"  # of the question itself
    POPULARITY = "popularity"  # a look into a table
    RELATION = "relation"  # well under a millisecond
    UNCERTAINTY = "uncertainty"  # the model's own answer, and how sure it is of it
    RETRIEVAL = "retrieval"  # a search: it counts as a call


@dataclass(frozen=True, kw_only=True)
class Signals:
    """What is known of a question; None where it was not asked for, or is unknown.

    Attributes:
        words: in the question.
        form: see `form.form_of`; empty where it was not asked for.
        mentions: known names in it.
        popularity: of the least known of them, higher is better known: minus the tier, or the logarithm to base 10 of
            monthly views, whichever the table holds.
        tier: the popularity tier of that name, 1 is best known.
        relation: that the question asks for.
        likeness: of the question to the nearest known phrasing, 0 to 1.
        entropy: the largest of the model's next-token distributions while it answers, in nats.
        log_probability: the mean over the answer's tokens, in nats.
        own: that answer.
        score: of the best passage; 0 where none was found.
        gap: between the best passage's score and the next one's, as a share of the best.
        titled: whether the best passage's title is a name in the question.
        passages: how many were found.
        grounded: whether one of them holds the model's own answer.
    """

    words: int
    mentions: int
    form: tuple[float, ...] = ()
    popularity: float | None = None
    tier: int | None = None
    relation: str | None = None
    likeness: float | None = None
    entropy: float | None = None
    log_probability: float | None = None
    own: str | None = None
    score: float | None = None
    gap: float | None = None
    titled: bool | None = None
    passages: int | None = None
    grounded: bool | None = None

    def before_search(self) -> "Signals":
        """The same without what a search tells."""
        return replace(self, score=None, gap=None, titled=None, passages=None, grounded=None)


_NONE = AskedRelation(name=None, likeness=0.0)


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where cheap signals come from; without a classifier no relation is known, and no phrasing is near."""

    table: PopularityTable
    relations: RelationClassifier | None

    def before(self, question: str, mentions: Sequence[Mention], wanted: frozenset[Signal]) -> Signals:
        """What is known without the model and without a search."""
        signals = Signals(words=len(question.split()), mentions=len({mention.name for mention in mentions}))
        if Signal.FORM in wanted:
            signals = replace(signals, form=form_of(question))
        if Signal.POPULARITY in wanted:
            rarest = self.table.rarest(mentions)
            value = None if rarest.subject is None else self.table.value(rarest.subject)
            signals = replace(signals, popularity=value, tier=rarest.tier)
        if Signal.RELATION in wanted:
            asked = self.relations.classify(question, mentions) if self.relations else _NONE
            signals = replace(signals, relation=asked.name, likeness=asked.likeness)
        return signals


def with_retrieval(signals: Signals, mentions: Sequence[Mention], found: Sequence[RetrievedPassage]) -> Signals:
    """The signals with those of a search."""
    names = {fold(text) for mention in mentions for text in (mention.surface, mention.name)}
    best = found[0] if found else None
    following = found[1].score if len(found) > 1 else 0.0
    own = None if signals.own is None else fold(signals.own)
    return replace(
        signals,
        score=best.score if best else 0.0,
        gap=1 - following / best.score if best and best.score > 0 else 0.0,
        titled=best is not None and fold(best.passage.title) in names,
        passages=len(found),
        grounded=None if own is None else any(own in fold(one.passage.text) for one in found),
    )
