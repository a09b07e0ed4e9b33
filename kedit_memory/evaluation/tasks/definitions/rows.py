"""Rows of what came out: accuracy and perplexity, against the unedited model, with intervals over entities.

A perplexity is e to the mean over probes of their mean loss a token, as Onoe et al. (ACL 2023) sum theirs up: a long
span counts as much as a short one. What is compared with the unedited model is compared on the same probes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from kedit_memory.evaluation.rows import Row, Run
from kedit_memory.evaluation.tasks.definitions.measures import PER_TOKEN, TOTAL, WITH_RIGHT, Judged
from kedit_memory.evaluation.tasks.definitions.results import Answered, Outcome

SPECIFICITY, RIGHT = "specificity", "right_context"
OVER_BASE, OVER_RANDOM = "over_base", "over_random"

Numbers = NDArray[np.float64]
Columns = Callable[[Answered], tuple[float, ...]]


def rows_of(outcome: Outcome, run: Run, *, base: str, control: Outcome | None, seed: int) -> list[Row]:
    """All rows of a method; none where it answered nothing.

    Args:
        outcome: of the method.
        run: what all rows share.
        base: the method that others are compared with.
        control: of the definition of another entity, which others are compared with, too; None where it was not asked.
        seed: of intervals.
    """
    if not outcome.told:
        return []
    row = Row(
        run=run, method=outcome.method, metric="accuracy", value=0.0, n=0, unit="share", edits=outcome.edits, seed=seed,
        preset=outcome.preset,
    )  # fmt: skip
    compared = outcome.method != base
    return [
        *_accuracy(outcome.told, row, compared=compared),
        *_perplexity(outcome.told, row, compared=compared),
        *(_over_random(outcome.told, control.told, row) if compared and control and control is not outcome else ()),
        *_specificity(outcome.others, row, compared=compared),
        *_taken(outcome, row),
    ]


def _accuracy(told: Sequence[Answered], row: Row, *, compared: bool) -> Iterator[Row]:
    """How often the right option is chosen, by each way of choosing and in each kind; none where there is no choice."""
    if not told[0].judged.chosen:
        return
    for by in (TOTAL, WITH_RIGHT, PER_TOKEN):
        yield _share(replace(row, kind=by), told, lambda one, by=by: _right(one, by))  # type: ignore[misc]
    for kind, cases in _by_kind(told).items():
        yield _share(replace(row, kind=kind), cases, _right)
    if compared:
        yield _difference(replace(row, kind=OVER_BASE), told)


def _perplexity(told: Sequence[Answered], row: Row, *, compared: bool) -> Iterator[Row]:
    """How surprised the model is by the right spans, in each kind, and by what follows them."""
    row = replace(row, metric="perplexity", unit="per token")
    followed = [one for one in told if one.judged.right_loss is not None and one.base.right_loss is not None]
    measured = {"all": (told, _losses), **{kind: (cases, _losses) for kind, cases in _by_kind(told).items()}}
    if followed:
        measured[RIGHT] = followed, _right_losses
    for kind, (cases, losses) in measured.items():
        yield _figure(replace(row, kind=kind), cases, losses, "perplexity_of_groups")
    if not compared:
        return
    yield _figure(replace(row, kind=OVER_BASE, unit="difference"), told, _losses, "perplexity_increase")
    for kind, (cases, losses) in measured.items():
        name = f"perplexity_{OVER_BASE}" if kind == "all" else f"perplexity_{OVER_BASE}/{kind}"
        yield _figure(replace(row, metric="ratio", kind=name, unit="ratio"), cases, losses, "perplexity_ratio")


def _over_random(told: Sequence[Answered], control: Sequence[Answered], row: Row) -> Iterator[Row]:
    """What is due to the definition, and not to any text of its kind: against that of another entity."""
    random = {(one.case.id, one.probe): one.judged for one in control}
    against = [replace(one, base=random[one.case.id, one.probe]) for one in told]
    if told[0].judged.chosen:
        yield _difference(replace(row, kind=OVER_RANDOM), against)
    kind = f"perplexity_{OVER_RANDOM}"
    yield _figure(replace(row, metric="ratio", kind=kind, unit="ratio"), against, _losses, "perplexity_ratio")


def _specificity(others: Sequence[Answered], row: Row, *, compared: bool) -> Iterator[Row]:
    """The same of entities that the method was not told of: every change is damage."""
    if not others:
        return
    row, kind = replace(row, kind=SPECIFICITY), f"{SPECIFICITY}_{OVER_BASE}"
    per_token = replace(row, metric="perplexity", unit="per token")
    yield _figure(per_token, others, _losses, "perplexity_of_groups")
    if compared:
        yield _figure(replace(per_token, kind=kind, unit="difference"), others, _losses, "perplexity_increase")
        yield _figure(replace(per_token, metric="ratio", kind=kind, unit="ratio"), others, _losses, "perplexity_ratio")
    if others[0].judged.chosen:
        yield _share(row, others, _right)
    if others[0].judged.chosen and compared:
        yield _difference(replace(row, kind=kind), others)
        yield _share(replace(row, metric="locality"), others, lambda one: _pick(one.judged) == _pick(one.base))


def _taken(outcome: Outcome, row: Row) -> Iterator[Row]:
    """What became of the definitions: not taken, learned, put before which probes."""
    refused = outcome.refused.total()
    if outcome.learned:
        yield replace(row, metric="reliability").counted(outcome.learned)
        yield replace(row, metric="rate", kind="not_taken").counted(_marks(refused, outcome.asked))
    if outcome.at_once:
        yield _share(replace(row, metric="fire"), outcome.told, lambda one: one.context)
        yield _share(replace(row, metric="recall", kind="own_definition"), outcome.told, lambda one: one.own)
    if outcome.at_once and outcome.others:
        yield _share(replace(row, metric="false_fire", kind=SPECIFICITY), outcome.others, lambda one: one.context)


def _marks(count: int, of: int) -> list[bool]:
    return [place < count for place in range(of)]


def _share(row: Row, cases: Sequence[Answered], counts: Callable[[Answered], bool]) -> Row:
    """A share of probes; where all are alike Wilson's interval over entities, since drawing again would show none."""
    found = _figure(row, cases, lambda one: (float(counts(one)),), "mean_of_groups")
    if found.value not in (0.0, 1.0):
        return found
    groups = len({one.group for one in cases})
    return replace(found.counted([bool(found.value)] * groups), n=found.n)


def _difference(row: Row, cases: Sequence[Answered]) -> Row:
    """How many more of the probes are right than without the definition."""

    def right(one: Answered) -> tuple[float, ...]:
        return float(_right(one)), float(_pick(one.base) == one.probe.gold)

    return _figure(replace(row, unit="difference"), cases, right, "difference_of_groups")


def _figure(row: Row, cases: Sequence[Answered], columns: Columns, way: str) -> Row:
    """A figure of means over probes; its interval is from drawing entities again."""
    return replace(row.drawn(_sums(cases, columns), way, seed=row.seed or 0), n=len(cases))


def _sums(cases: Sequence[Answered], columns: Columns) -> Numbers:
    """Of shape (groups, columns + 1): the sums of the columns over a group's probes, and how many there are."""
    groups: dict[str, list[tuple[float, ...]]] = {}
    for one in cases:
        groups.setdefault(one.group, []).append((*columns(one), 1.0))
    return np.array([np.sum(rows, axis=0) for rows in groups.values()])


def _by_kind(cases: Sequence[Answered]) -> dict[str, list[Answered]]:
    kinds = dict.fromkeys(one.case.kind for one in cases)
    return {kind: [one for one in cases if one.case.kind == kind] for kind in kinds}


def _right(one: Answered, by: str = TOTAL) -> bool:
    return one.judged.chosen[by] == one.probe.gold


def _pick(judged: Judged) -> int:
    return judged.chosen[TOTAL]


def _losses(one: Answered) -> tuple[float, ...]:
    return one.judged.loss, one.base.loss


def _right_losses(one: Answered) -> tuple[float, ...]:
    return one.judged.right_loss or 0.0, one.base.right_loss or 0.0
