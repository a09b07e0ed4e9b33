"""What was answered case by case, which paired figures need: each question's outcome, kept beside the rows of a cell.

A question is told by the place of its edit in the order of a seed and its own place among those of the edit, so that
two methods of one seed are compared on what both were asked.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

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
    """The answers of one cell, or of the cells of several seeds, by metric and kind."""

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


def as_json(outcomes: Outcomes) -> list[dict[str, Any]]:
    """The answers of a cell: of each figure three columns, the last one of zeros and ones."""
    return [
        {
            "metric": metric,
            "kind": kind,
            "case": [asked.case for asked in held],
            "question": [asked.question for asked in held],
            "right": "".join(str(int(right)) for right in held.values()),
        }
        for (metric, kind), held in outcomes.answers.items()
    ]


def from_json(columns: Iterable[Mapping[str, Any]], seed: int) -> Outcomes:
    """What `as_json` made of a cell of a seed.

    Raises:
        KeyError, TypeError, ValueError: it is something else.
    """
    return Outcomes(
        answers={
            (held["metric"], held["kind"]): {
                Asked(seed, case, question): _RIGHT[right]
                for case, question, right in zip(held["case"], held["question"], held["right"], strict=True)
            }
            for held in columns
        }
    )


_RIGHT = {"0": False, "1": True}
