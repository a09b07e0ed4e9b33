"""What the memory says of a question that a model behind somebody else's program will answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kedit_memory.records import Decision, RetrievedPassage
from kedit_memory.routing.erasures import Erasures


@dataclass(frozen=True, kw_only=True)
class Ruling:
    """Which edit answers a question, and what no answer may tell.

    Attributes:
        decision: the edit in scope and how it answers; None where none does, and the question is not ours.
        related: edits that speak of a question that none answers, for the model to read; none unless they are wanted.
        erasures: those about a name of the question.
        timings: seconds by step.
    """

    decision: Decision | None
    related: tuple[RetrievedPassage, ...] = ()
    erasures: Erasures = field(default_factory=Erasures)
    timings: Mapping[str, float] = field(default_factory=dict)
