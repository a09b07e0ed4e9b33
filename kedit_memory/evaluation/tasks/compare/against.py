"""Figures read against others, paired question by question: shares of the way between controls, tests of differences.

All are computed from answers, never from figures that were rounded or averaged before. Cases of several seeds count
together, and whole cases are drawn again, since what is asked about one edit is answered alike.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from kedit_memory.evaluation.case import ALL, GENERALIZATION, LOCALITY, RELIABILITY
from kedit_memory.evaluation.intervals import Statistic, holm, interval, randomisation_p, widened
from kedit_memory.evaluation.log import PartKey
from kedit_memory.evaluation.rows import Row, row_of
from kedit_memory.evaluation.tasks.compare.measures import KEPT, RATE, RATIO
from kedit_memory.evaluation.tasks.compare.outcomes import Answers, Figure, Outcomes, pooled
from kedit_memory.evaluation.tasks.scope.rows import DIALOGUE

FIRST, LAST = "unedited", "oracle-scope"  # the controls that a way leads from and to
REFERENCES = ("memory:auto", "ft")  # what others are tested against where nothing else is asked for
ENOUGH = 10  # cases below which nothing is told as a share, and nothing is tested
SCORE = "harmonic_mean"
WAY, OVER = "way/", "over/"  # before what a way is of, and before the name of the reference

# What is tested. Locality is that of neighbours and unrelated questions together.
TESTED: Mapping[str, Figure] = {
    "reliability": (RELIABILITY, ALL),
    "generalization": (GENERALIZATION, ALL),
    "in a dialogue": (GENERALIZATION, DIALOGUE),
    "locality": (LOCALITY, ALL),
}
_AVERAGED = (TESTED["reliability"], TESTED["generalization"], TESTED["locality"])

Setting: TypeAlias = tuple[str, int]  # a mode and how many edits were planned
Numbers: TypeAlias = NDArray[np.float64]
JsonRow: TypeAlias = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The answers of a method in a setting, of all seeds together, and a row of it that others are made after."""

    setting: Setting
    row: Row
    outcomes: Outcomes

    @property
    def method(self) -> str:
        """Whose answers these are."""
        return self.row.method


def standings(rows: Sequence[Mapping[str, Any]], outcomes: Mapping[PartKey, Outcomes]) -> list[Standing]:
    """What there is to compare, in the order of the rows; `outcomes` may hold more methods than these."""
    parts: dict[tuple[str, str, int], list[Outcomes]] = {}
    for key, held in outcomes.items():
        parts.setdefault((key.method, key.mode, key.planned), []).append(held)
    told: dict[tuple[str, str, int], list[Mapping[str, Any]]] = {}
    for row in rows:
        told.setdefault((row["method"], row["mode"], row["planned"]), []).append(row)
    return [
        Standing(setting=place[1:], row=_row_of(held), outcomes=pooled(parts[place])) for place, held in told.items()
    ]


def _row_of(rows: Sequence[Mapping[str, Any]]) -> Row:
    """A row to be filled, with what all rows of a method in a setting tell."""
    seeds = {row["seed"] for row in rows}
    return replace(
        row_of(rows[0]), metric=RATE, kind=ALL, value=0.0, low=None, high=None, n=0, unit="share",
        edits=min(row["edits"] for row in rows), seed=seeds.pop() if len(seeds) == 1 else None,
    )  # fmt: skip


def compared_rows(found: Sequence[Standing], references: Sequence[str]) -> list[JsonRow]:
    """The rows of all standings: score, shares of the way, and differences from each reference with their p-values.

    To what `Row.flat` tells they add `mode`, `planned`, `cases` (the edits that a figure is of) and, of differences,
    `p` and `p_holm`.
    """
    settings: dict[Setting, dict[str, Standing]] = {}
    for one in found:
        settings.setdefault(one.setting, {})[one.method] = one
    rows: list[JsonRow] = []
    for held in settings.values():
        for one in held.values():
            rows += _score(one)
            if {FIRST, LAST} <= held.keys() - {one.method}:
                rows += _ways(one, held[FIRST].outcomes, held[LAST].outcomes)
        for reference in references:
            if reference in held:
                others = [one for one in held.values() if one.method != reference]
                rows += _differences(held[reference], others)
    return rows


def _score(one: Standing) -> Iterator[JsonRow]:
    """The harmonic mean of reliability, generalization and locality, as Meng et al. (2022) sum up their three."""
    parts = [_answers(one.outcomes, TESTED[name]) for name in ("reliability", "generalization", "locality")]
    if all(parts):
        table = _by_case(*parts)
        yield _figure(one, replace(one.row, metric=RATE, kind=SCORE, n=len(table)), table, _harmonic_mean)


def _ways(one: Standing, first: Outcomes, last: Outcomes) -> Iterator[JsonRow]:
    """How far a method comes from the unedited model to the oracle, where the oracle is surely ahead.

    Locality has no such way: the unedited model has all of it. Portability is read kind by kind: of what follows from
    an edit without being said by it, the oracle of the scope knows nothing.
    """
    for metric, kind in one.outcomes.answers:
        if metric in KEPT:
            continue
        common = _common(*(outcomes.answers.get((metric, kind), {}) for outcomes in (one.outcomes, first, last)))
        table = _by_case(*common)
        if len(table) and interval(table, _gap)[0] > 0:
            name = metric if kind == ALL else f"{metric}/{kind}"
            row = replace(one.row, metric=RATIO, kind=f"{WAY}{name}", n=len(common[0]), unit="share of the way")
            yield _figure(one, row, table, _way)


def _differences(reference: Standing, others: Sequence[Standing]) -> Iterator[JsonRow]:
    """How much more of the same questions the others answered as they should, with paired tests.

    The tests of a metric are a family, over which the p-values are adjusted. A method that has fewer than `ENOUGH`
    edits in common with the reference is not tested: no outcome of so few could stand a correction.
    """
    for figure in TESTED.values():
        tested: list[tuple[Standing, Row, Numbers]] = []
        for one in others:
            common = _common(_answers(one.outcomes, figure), _answers(reference.outcomes, figure))
            table = _by_case(*common)
            if len(table) >= ENOUGH:
                name = "" if figure[1] == ALL else f"{figure[1]}/"
                kind = f"{name}{OVER}{reference.method}"
                row = replace(one.row, metric=figure[0], kind=kind, n=len(common[0]), unit="difference")
                tested.append((one, row, table))
        p_values = [randomisation_p((table[:, 0] - table[:, 2]).astype(int).tolist()) for _, _, table in tested]
        for (one, row, table), p, adjusted in zip(tested, p_values, holm(p_values), strict=True):
            yield _figure(one, row, table, _difference) | {"p": p, "p_holm": adjusted}


def _answers(outcomes: Outcomes, figure: Figure) -> Answers:
    """What a figure is of; locality is that of all kinds."""
    if figure[0] != LOCALITY:
        return outcomes.answers.get(figure, {})
    return {
        asked: right
        for (metric, _), held in outcomes.answers.items()
        if metric == LOCALITY
        for asked, right in held.items()
    }


def _common(*sides: Answers) -> list[Answers]:
    """What each side made of the questions that all were asked."""
    shared = [asked for asked in sides[0] if all(asked in side for side in sides[1:])]
    return [{asked: side[asked] for asked in shared} for side in sides]


def _by_case(*sides: Answers) -> Numbers:
    """A row for each edit, with two columns for each side: how many questions were answered right, and how many."""
    cases: dict[tuple[int, int], list[float]] = {}
    for place, side in enumerate(sides):
        for asked, right in side.items():
            row = cases.setdefault((asked.seed, asked.case), [0.0] * 2 * len(sides))
            row[2 * place] += right
            row[2 * place + 1] += 1
    return np.asarray(list(cases.values()), np.float64)


def _figure(one: Standing, row: Row, table: Numbers, statistic: Statistic) -> JsonRow:
    """The row with a figure of the edits, and its interval."""
    value = float(statistic(table[None])[0])
    least, most = (-1.0, 1.0) if statistic is _difference else (min(0.0, value), max(1.0, value))
    low, high = widened(interval(table, statistic), value, len(table))
    filled = replace(row, value=value, low=max(least, low), high=min(most, high))
    mode, planned = one.setting
    return filled.flat() | {"mode": mode, "planned": planned, "cases": len(table)}


# Of samples of such tables, (draws, cases, columns); a draw that tells nothing gives no number.


def _harmonic_mean(drawn: Numbers) -> Numbers:
    sums = drawn.sum(-2)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = sums[..., ::2] / sums[..., 1::2]
        found: Numbers = shares.shape[-1] / (1 / shares).sum(-1)  # 0 where a share is
    return found


def _gap(drawn: Numbers) -> Numbers:
    found: Numbers = drawn[..., 4].sum(-1) - drawn[..., 2].sum(-1)
    return found


def _way(drawn: Numbers) -> Numbers:
    sums = drawn.sum(-2)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Numbers = (sums[..., 0] - sums[..., 2]) / (sums[..., 4] - sums[..., 2])
    return found


def _difference(drawn: Numbers) -> Numbers:
    sums = drawn.sum(-2)
    found: Numbers = (sums[..., 0] - sums[..., 2]) / sums[..., 1]
    return found
