"""What was answered case by case, which paired figures need: each question's outcome, as the samples of a part tell it.

A question is told by the place of its edit in the order of a seed and its own place among those of the edit, so that
two methods of one seed are compared on what both were asked.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from kedit_memory.evaluation.tasks.compare.measures import LOGITS, SHARES, TEACHER_FORCED, Observation

Figure: TypeAlias = tuple[str, str]  # a metric and its kind


class Asked(NamedTuple):
    """A question of a run: the seed and the place of its edit, which name the case, and its place in the case."""

    seed: int
    case: int
    question: int


Answers: TypeAlias = Mapping[Asked, bool]  # which questions were answered as they should be


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """The answers of one part, or of the parts of several seeds, by metric and kind."""

    answers: Mapping[Figure, Answers]


def outcomes_of(observations: Iterable[Observation], seed: int) -> Outcomes:
    """What free answers were right; shares of tokens and equal scores are left out."""
    found: dict[Figure, dict[Asked, bool]] = {}
    for one in observations:
        answer = one.metric in SHARES and one.kind != TEACHER_FORCED and not one.kind.startswith(f"{LOGITS}/")
        if answer and one.question is not None:
            found.setdefault((one.metric, one.kind), {})[Asked(seed, one.case, one.question)] = bool(one.total)
    return Outcomes(answers=found)


def pooled(parts: Iterable[Outcomes]) -> Outcomes:
    """The answers of several seeds together."""
    found: dict[Figure, dict[Asked, bool]] = {}
    for part in parts:
        for figure, held in part.answers.items():
            found.setdefault(figure, {}).update(held)
    return Outcomes(answers=found)
