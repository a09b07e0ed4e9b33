"""What a question came to with edits in force, and the figures of many."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.case import ALL, HARD_NEGATIVE, LOCALITY, Question
from kedit_memory.evaluation.judges import SAME, Judge, contains, same
from kedit_memory.evaluation.log import Log, Part
from kedit_memory.evaluation.methods import UNEDITED
from kedit_memory.evaluation.rows import Row

OBTAINED = "rate"  # of questions that try to get what is not to be said: how many get it
ORACLE = "oracle-edit"  # with which gains are compared
ANY, EVERY = "any_wording", "every_wording"
GAIN = "share_of_gain"
_KEPT = frozenset({LOCALITY, HARD_NEGATIVE})

Figure: TypeAlias = tuple[str, str]  # a metric and its kind


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A question of a case, and what was said.

    Attributes:
        case: the place of its case.
        place: its own among those of the case.
        metric: what it measures.
        kind: its stratum.
        right: whether it counts: the answer is accepted, or is the one from before, or says what it is not to say.
        said: the answer.
        before: the unedited model's.
        asked: the question.
        accepted: what counted.
        rejected: what must not be said.
        group: those of a case that share one are wordings of one test.
        hops: which share of the edits that it needs was found; None where it needs none, or the method tells none.
    """

    case: int
    place: int
    metric: str
    kind: str = ALL
    right: bool = False
    said: str = ""
    before: str = ""
    asked: str = ""
    accepted: Sequence[str] = ()
    rejected: Sequence[str] = ()
    group: str = ""
    hops: float | None = None


def counts(question: Question, said: str, before: str, judge: Judge) -> bool:
    """Whether an answer counts for what its question measures."""
    if question.metric in _KEPT:
        return same(said, before)
    if question.metric == OBTAINED:
        return contains(said, replace(question, accepted=question.rejected))
    return judge(said, question)


def score(log: Log) -> list[dict[str, object]]:
    """The rows of a log: of each part its shares, and what part of the oracle's gain they are.

    Raises:
        InvalidInputError: a sample is none of such a task.
    """
    parts = {part.key.method: _answers(part) for part in log.parts if part.run}
    rows: list[dict[str, object]] = []
    for part in log.parts:
        if part.run is None or not parts[part.key.method]:
            continue
        row = Row(
            run=part.run, method=part.key.method, metric=OBTAINED, value=0.0, n=0, unit="share", edits=part.edits,
            seed=part.key.seed, judge=part.facts["judge"], preset=part.facts["preset"],
        )  # fmt: skip
        found = parts[part.key.method]
        figures = [*shares(row, found), *gains(row, found, parts.get(UNEDITED, ()), parts.get(ORACLE, ()))]
        figures += _facts(row, part)
        rows += [one.flat() for one in figures]
    return rows


def shares(row: Row, found: Sequence[Answered]) -> Iterator[Row]:
    """A row for each metric and kind, and for each metric of several kinds; intervals are of cases drawn again."""
    for (metric, kind), held in _by_figure(found).items():
        told = replace(row, metric=metric, kind=kind, judge=_judge(metric, row))
        yield _share(told, [(one.case, one.right) for one in held])
        if len({(one.case, one.group or one.place) for one in held}) < len(held):
            for name, holds in ((ANY, any), (EVERY, all)):
                yield _share(replace(told, kind=f"{kind}/{name}"), _grouped(held, holds))
    needing = [one for one in found if one.hops is not None]
    for kind in dict.fromkeys(one.kind for one in needing):
        whole = [(one.case, one.hops == 1.0) for one in needing if one.kind == kind]
        yield _share(replace(row, metric="recall", kind=f"{kind}/all_edits", judge=None), whole)


def gains(row: Row, found: Sequence[Answered], plain: Sequence[Answered], oracle: Sequence[Answered]) -> Iterator[Row]:
    """For what is to be answered otherwise: the share of the way from the unedited model to the oracle.

    Of the same questions; a kind where the oracle gains nothing has no such share.
    """
    if row.method in (UNEDITED, ORACLE) or not plain or not oracle:
        return
    low, high = ({(one.case, one.place): one.right for one in part} for part in (plain, oracle))
    for (metric, kind), held in _by_figure(found).items():
        if metric in _KEPT or metric == OBTAINED:
            continue
        cases: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
        for one in held:
            key = one.case, one.place
            if key in low and key in high:
                for column, right in enumerate((one.right, low[key], high[key])):
                    cases[one.case][column] += right
        table = list(cases.values())
        if sum(case[2] for case in table) > sum(case[1] for case in table):
            yield replace(row, metric="ratio", kind=f"{metric}/{kind}/{GAIN}").drawn(table, GAIN)


def _facts(row: Row, part: Part) -> Iterator[Row]:
    """How long it took, and which questions were not asked."""
    row = replace(row, judge=None)
    for kind, n in (("edits", part.edits), ("answers", len(part.samples))):
        yield replace(row, metric="seconds", kind=kind, value=part.facts[f"{kind}_seconds"], n=n, unit="s")
    for reason, left in part.facts["left_out"].items():
        yield replace(row, metric="count", kind=f"left_out/{reason}", value=left, n=left, unit="questions")


def _answers(part: Part) -> list[Answered]:
    try:
        return [Answered(**sample) for sample in part.samples]
    except TypeError as error:
        raise InvalidInputError(f"a sample of {part.key.method} is no answer ({error}); measure anew") from error


def _by_figure(found: Iterable[Answered]) -> Mapping[Figure, list[Answered]]:
    """The answers of each metric and kind, and of each metric over its kinds where it has several."""
    figures: dict[Figure, list[Answered]] = {}
    for one in found:
        figures.setdefault((one.metric, one.kind), []).append(one)
    kinds: dict[str, int] = defaultdict(int)
    for metric, _ in figures:
        kinds[metric] += 1
    for metric in [metric for metric, number in kinds.items() if number > 1 and metric != HARD_NEGATIVE]:
        figures[metric, ALL] = [one for (of, _), held in [*figures.items()] if of == metric for one in held]
    return figures


def _grouped(held: Sequence[Answered], holds: Callable[[Iterable[bool]], bool]) -> list[tuple[int, bool]]:
    groups: dict[tuple[int, str], list[bool]] = defaultdict(list)
    for one in held:
        groups[one.case, one.group or str(one.place)].append(one.right)
    return [(case, holds(right)) for (case, _), right in groups.items()]


def _share(row: Row, held: Sequence[tuple[int, bool]]) -> Row:
    """The share of answers that are right; where all are alike, the interval is that of so many cases."""
    cases: dict[int, list[bool]] = defaultdict(list)
    for case, right in held:
        cases[case].append(right)
    if len({right for _, right in held}) == 1:
        return replace(row.counted([rights[0] for rights in cases.values()]), n=len(held))
    return replace(row.drawn([[sum(one), len(one)] for one in cases.values()], "mean_of_groups"), n=len(held))


def _judge(metric: str, row: Row) -> str | None:
    return SAME if metric in _KEPT else "contains" if metric == OBTAINED else row.judge
