"""Rows of a comparison from its log: those of each part, and those that set parts against each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.log import Log, Part, PartKey
from kedit_memory.evaluation.tasks.compare.against import REFERENCES, compared_rows, standings
from kedit_memory.evaluation.tasks.compare.measures import Observation, Summary
from kedit_memory.evaluation.tasks.compare.outcomes import Outcomes, outcomes_of


@dataclass(frozen=True, kw_only=True)
class Scored:
    """Rows as `Row.flat` gives them, with `mode` and `planned`: of one part each, and of parts side by side."""

    rows: tuple[dict[str, Any], ...]
    compared: tuple[dict[str, Any], ...]


def scored(log: Log, methods: Sequence[str], references: Sequence[str]) -> Scored:
    """The rows of some methods, in their order.

    Raises:
        InvalidInputError: a sample is no observation.
    """
    parts = [part for name in methods for part in log.parts if part.key.method == name]
    rows: list[dict[str, Any]] = []
    outcomes: dict[PartKey, Outcomes] = {}
    for part in parts:
        if part.samples:
            found = _observations(part)
            rows += _rows(part, found)
            outcomes[part.key] = outcomes_of(found, part.key.seed)
    return Scored(rows=tuple(rows), compared=tuple(compared_rows(standings(rows, outcomes), references)))


def score(log: Log) -> list[dict[str, Any]]:
    """All rows, against the usual references."""
    methods = list(dict.fromkeys(part.key.method for part in log.parts))
    found = scored(log, methods, [name for name in REFERENCES if name in methods])
    return [*found.rows, *found.compared]


def _rows(part: Part, found: Sequence[Observation]) -> list[dict[str, Any]]:
    key = part.key
    assert part.run is not None  # noqa: S101 - what has samples has rows
    summary = Summary(
        run=part.run, method=key.method, edits=part.facts["in_force"], seed=key.seed,
        memory_seconds=part.facts["memory_seconds"], judge=part.facts["judge"], preset=part.facts["preset"],
    )  # fmt: skip
    return [row.flat() | {"mode": key.mode, "planned": key.planned} for row in summary.rows(found)]


def _observations(part: Part) -> list[Observation]:
    try:
        return [Observation(**sample) for sample in part.samples]
    except TypeError as error:
        raise InvalidInputError(f"a sample of {part.key.method} is no observation ({error}); measure anew") from error
