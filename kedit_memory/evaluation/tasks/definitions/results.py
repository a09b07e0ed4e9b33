"""What came out of a method's probes, before any figure is made of it."""

from collections import Counter
from dataclasses import dataclass, field

from kedit_memory.evaluation.datasets.onoe import Case, Probe
from kedit_memory.evaluation.tasks.definitions.measures import Judged


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A probe under a method, beside the same probe under the unedited model.

    Attributes:
        case: whose probe it is.
        probe: the probe.
        group: what intervals draw together: the entity that is asked about, or for an entity that it was not told of
            the one that was told, where it is one.
        judged: with the definition in force.
        base: without.
        context: whether any text was put before the probe.
        own: whether that text holds the definition of the case.
    """

    case: Case
    probe: Probe
    group: str
    judged: Judged
    base: Judged
    context: bool
    own: bool


@dataclass(kw_only=True)
class Outcome:
    """All of a method: probes of entities that it was told of, of others, and what it could not take in."""

    method: str
    at_once: bool = False
    preset: str | None = None  # the kind of settings of an editor
    edits: int = 0  # definitions that are in force together
    asked: int = 0  # cases
    told: list[Answered] = field(default_factory=list)
    others: list[Answered] = field(default_factory=list)
    learned: list[bool] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)  # reason → cases
