"""Two runs side by side: which figures differ by more than chance makes them.

Figures are paired by task, data set, method, measure, kind, edits and seed. Where both files are logs of the same
questions, each question is compared with itself; else the intervals tell how far a figure may move by chance. The
p-values of a task are adjusted together, so that one change in twenty tasks is told where there is none.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeAlias

from kedit_memory.evaluation.intervals import holm, randomisation_p
from kedit_memory.evaluation.log import Log
from kedit_memory.evaluation.report.saved import Row, Saved

_KEY = ("task", "dataset", "method", "metric", "kind", "edits", "seed", "mode", "planned")
_SAME = ("config", "data")  # what agrees where questions are the same
_OF_QUESTIONS = frozenset({"share", "counted"})  # ways in which the cases of a figure are answers, right or wrong
_SURE = 0.05
_WIDTH = 2 * 1.959964  # of an interval, in standard errors

Key: TypeAlias = tuple[Any, ...]
Answers: TypeAlias = Mapping[Any, float]  # what each question came to


@dataclass(frozen=True, kw_only=True)
class Change:
    """A figure of two runs; `p` is adjusted, and `paired` tells whether questions were compared one by one."""

    task: str
    dataset: str
    method: str
    metric: str
    kind: str
    edits: int
    seed: int | None
    mode: str
    planned: int
    before: float
    after: float
    p: float
    paired: bool

    @property
    def told(self) -> bool:
        """Whether it is beyond chance."""
        return self.p < _SURE

    def flat(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Changes:
    """All pairs that could be tested, how many could not, and what only one file has.

    Attributes:
        tested: with their p-values, in the order of the first file.
        untested: figures that tell no interval, such as times.
        versions: tasks of which the files have other versions, with these; their figures are not compared.
        gone: figures of the first file alone.
        new: figures of the second file alone.
    """

    tested: tuple[Change, ...]
    untested: int
    versions: Mapping[str, tuple[int, int]]
    gone: int
    new: int


def changes(before: Saved, after: Saved) -> Changes:
    """What changed from one file to the other."""
    first, second = ({_key(row): row for row in saved.rows} for saved in (before, after))
    shared = [key for key in first if key in second]
    versions = {
        first[key]["task"]: (first[key]["task_version"], second[key]["task_version"])
        for key in shared
        if first[key]["task_version"] != second[key]["task_version"]
    }
    known = [answers_of(saved.log) if saved.log else {} for saved in (before, after)]
    found: dict[str, list[Change]] = {}
    untested = 0
    for key in shared:
        if first[key]["task"] in versions:
            continue
        change = _tested(key, first[key], second[key], *(one.get(key, {}) for one in known))
        if change:
            found.setdefault(change.task, []).append(change)
        else:
            untested += 1
    tested = [
        replace(one, p=adjusted)
        for held in found.values()
        for one, adjusted in zip(held, holm([one.p for one in held]), strict=True)
    ]
    return Changes(
        tested=tuple(tested),
        untested=untested,
        versions=versions,
        gone=len(first) - len(shared),
        new=len(second) - len(shared),
    )


def answers_of(log: Log) -> Mapping[Key, Answers]:
    """By figure, what each question came to, where that is right or wrong."""
    found: dict[Key, dict[Any, float]] = {}
    for part in log.parts:
        told = asdict(part.run) | asdict(part.key) if part.run else {}
        for figure, case, value in _answers(part.samples):
            found.setdefault(_key({**told, "edits": part.facts.get("in_force", 0), **figure}), {})[case] = value
    return found


def _answers(samples: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], Any, float]]:
    """The figure, the question and what came of it, of each sample that is an answer or has answers for its cases."""
    for one in samples:
        if "question" in one:
            yield {"metric": one["metric"], "kind": one["kind"]}, (one["case"], one["question"]), one["total"]
        elif one.get("cases", {}).get("way") in _OF_QUESTIONS:
            yield from ((one, place, float(right)) for place, right in enumerate(one["cases"]["values"]))


def _key(row: Row) -> Key:
    return tuple(row.get(name) or "" for name in _KEY)


def _tested(key: Key, before: Row, after: Row, first: Answers, second: Answers) -> Change | None:
    """The pair with the chance of such a difference; None where nothing tells it."""
    same = all(before.get(name) == after.get(name) for name in _SAME) and first.keys() == second.keys()
    paired = bool(first) and same and all(one in (0, 1) for one in (*first.values(), *second.values()))
    if paired:
        p: float | None = randomisation_p([round(second[one] - first[one]) for one in first])
    else:
        p = _by_intervals(before, after)
    if p is None:
        return None
    fields = dict(zip(_KEY, key, strict=True))
    return Change(
        **{**fields, "edits": before["edits"], "seed": before["seed"], "planned": before.get("planned") or 0},
        before=before["value"],
        after=after["value"],
        p=p,
        paired=paired,
    )


def _by_intervals(before: Row, after: Row) -> float | None:
    """The chance of a difference as large, by the widths of both intervals; None where one has none."""
    bounds = [row[end] for row in (before, after) for end in ("low", "high")]
    if any(one is None or not math.isfinite(one) for one in bounds):
        return None
    moved = abs(after["value"] - before["value"])
    error = math.hypot(bounds[1] - bounds[0], bounds[3] - bounds[2]) / _WIDTH
    return math.erfc(moved / error / math.sqrt(2)) if error else float(moved == 0)
