"""What travels the way of a question: one record, of which each step fills in its part."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Self

from kedit_memory.records import Edit, Match, Mention, Vectors
from kedit_memory.routing.link import Linked
from kedit_memory.routing.when import When

# How a candidate was found.
EXACT = "exact"  # the question is the edit's own wording
LINKED = "linked"  # the question names the edit's subject
FUZZY = "fuzzy"  # it does, misspelt or in pieces
UNLINKED = "unlinked"  # its words or its meaning are near; the question need not name the edit's subject
NONE = "none"  # the question has no candidate
NEAR_SHOWN = 5  # edits near a question that a decision mentions


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An edit that may answer a question: how it was found, and by which names the question calls its subject."""

    match: Match
    found: str
    names: tuple[str, ...] = ()
    follows: bool = False  # the edit is not stored as it stands here: it follows from the one of its id

    @property
    def wording(self) -> str:
        """The edit's text nearest to the question: its prompt, statement, a paraphrase or a confirmed question."""
        return self.match.key

    @property
    def called(self) -> tuple[str, ...]:
        """Every name of the edit's subject: those that it was given, and those of the question."""
        return tuple(dict.fromkeys((*self.match.edit.names, *self.names)))


@dataclass(frozen=True, kw_only=True)
class Promise:
    """From which estimate on an edit answers in a language, and what is promised of that, in one sentence."""

    threshold: float
    statement: str


@dataclass(frozen=True, kw_only=True)
class Weighed:
    """A candidate with the estimate, 0 to 1, that its edit answers the question.

    One that `differs` from the question in a value does not answer it, whatever the estimate. `promise` is that of the
    language for which a multilingual encoder made the estimate; None where the reader did.
    """

    candidate: Candidate
    score: float
    differs: str | None = None
    promise: Promise | None = None

    @property
    def match(self) -> Match:
        """The edit with its nearest key, the estimate, and the value in which it differs."""
        return replace(self.candidate.match, score=self.score, differs=self.differs)

    @property
    def edit(self) -> Edit:
        """The edit."""
        return self.candidate.match.edit


@dataclass(frozen=True, kw_only=True)
class Hop:
    """A phrase of a question, and the edit that says what it stands for."""

    phrase: str
    by: Weighed


@dataclass(frozen=True, kw_only=True)
class Judged:
    """The best candidate of a question, before any threshold; `fires` says whether it answers, or leads there."""

    question: str
    edit_id: str | None
    score: float
    stratum: str
    fires: bool
    timings: Mapping[str, float]  # seconds by step


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question on its way from link to verify.

    Attributes:
        text: in normal form.
        as_of: the day whose edits answer it where its words name none; None for today.
        turns: what was said before it, oldest first.
        when: the time that its words name, or a turn's.
        dated: whether it is read without that time, for edits that held in it; else for those that name no days on
            which they hold.
        linked: the names in it.
        pieces: names of which it has only pieces; None where they were not looked for.
        before: names of a turn before it, where its own lead to no edit.
        reaches: whether some edit may be about one of its names, so that its distance matters.
        vector: of shape (dim,); None where it is not needed.
        after_turn: the vector of the last turn with the question behind it; None where there is no turn.
        candidates: the edits that may answer it, nearest first, of which it is a wording before all others.
        set_aside: where there is no candidate, edits in whose radius it lies, though they are about another name.
        weighed: the candidates with their scores, best first.
        stratum: of the question and its best candidate, see `strata.stratum_of`; says which threshold counts.
        fires: whether the best one answers.
        model_says: whether it does by the model, which was asked where its score did not tell; None where it was not.
        hops: the phrases that other edits stand for, the innermost first; `weighed` then answers what is left of it.
        left: what is left to ask once these are told, where no edit answers that; else "".
        timings: seconds by step.
    """

    text: str
    as_of: str | None
    namespace: str
    turns: tuple[str, ...] = ()
    when: When | None = None
    dated: bool = False
    linked: Linked = field(default_factory=Linked)
    pieces: Linked | None = None
    before: Linked = field(default_factory=Linked)
    reaches: bool = False
    vector: Vectors | None = None
    after_turn: Vectors | None = None
    candidates: tuple[Candidate, ...] = ()
    set_aside: tuple[Match, ...] = ()
    weighed: tuple[Weighed, ...] = ()
    stratum: str = NONE
    fires: bool = False
    model_says: bool | None = None
    hops: tuple[Hop, ...] = ()
    left: str = ""
    timings: Mapping[str, float] = field(default_factory=dict)

    def timed(self, step: str, seconds: float) -> Self:
        """The question with the time that a step took."""
        return replace(self, timings={**self.timings, step: seconds})

    @property
    def days(self) -> tuple[str | None, str | None]:
        """The day whose edits may answer, or the first and the last of several."""
        return (self.when.first, self.when.last) if self.dated and self.when else (self.as_of, None)

    @property
    def mentions(self) -> tuple[Mention, ...]:
        """The names in the question."""
        return self.linked.mentions

    @property
    def best(self) -> Weighed:
        """The candidate that most likely answers; there is one where the question fires."""
        return self.weighed[0]

    @property
    def stored(self) -> bool:
        """Whether an edit answers it by itself, as it is stored."""
        return self.fires and not self.hops and not self.best.candidate.follows

    @property
    def near(self) -> tuple[Match, ...]:
        """Edits that were weighed and do not answer, then those that are about another name."""
        near = [one.match for one in self.weighed[:NEAR_SHOWN]]
        return (*near, *self.set_aside[: NEAR_SHOWN - len(near)])

    @property
    def judged(self) -> Judged:
        """The best candidate with its score."""
        best = self.weighed[0] if self.weighed else None
        if self.left:
            best = self.hops[-1].by
        return Judged(
            question=self.text,
            edit_id=best.edit.id if best else None,
            score=best.score if best and not best.differs else 0.0,
            stratum=self.stratum,
            fires=self.fires or bool(self.left),
            timings=self.timings,
        )


def preferred(read: Sequence[Question]) -> Question:
    """Of verified readings of one message the one that counts, with the time that all took.

    One that fires, rather read alone than with turns, then the one with the best candidate; the later of equals.
    """
    best = max(reversed(read), key=lambda one: (one.fires, one.fires and not one.turns, one.judged.score))
    steps = dict.fromkeys(step for one in read for step in one.timings)
    return replace(best, timings={step: sum(one.timings.get(step, 0.0) for one in read) for step in steps})


@contextmanager
def timed(timings: dict[str, float], step: str) -> Iterator[None]:
    """Note the seconds that the block takes."""
    started = perf_counter()
    try:
        yield
    finally:
        timings[step] = timings.get(step, 0.0) + perf_counter() - started
