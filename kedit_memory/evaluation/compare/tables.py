"""Rows of a comparison as tables: for documents, for the report, for a terminal. No figure is typed by hand."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from kedit_memory.evaluation.compare.attempt import SEQUENTIAL, SINGLE
from kedit_memory.evaluation.compare.cases import ALL, GENERALIZATION, LOCALITY, PORTABILITY, RELIABILITY
from kedit_memory.evaluation.compare.measures import (
    ANSWER_TIME,
    BYTES,
    EDIT,
    FIRST_EDIT,
    FLUENCY,
    LOGITS,
    OF_MEMORY,
    PEAK,
    PERPLEXITY,
    RATIO,
    SECONDS,
    SHARES,
    TEACHER_FORCED,
)  # fmt: skip
from kedit_memory.evaluation.compare.run import Comparison
from kedit_memory.evaluation.scope.rows import DIALOGUE

JsonRow: TypeAlias = Mapping[str, Any]
Figure: TypeAlias = tuple[str, str]  # a metric and its kind

_MAIN: Mapping[str, Figure] = {
    "reliability": (RELIABILITY, ALL),
    "generalization": (GENERALIZATION, ALL),
    "in a dialogue": (GENERALIZATION, DIALOGUE),
    "locality": (LOCALITY, ALL),
    "same logits": (LOCALITY, LOGITS),
    "portability": (PORTABILITY, ALL),
    "reliability, teacher-forced": (RELIABILITY, TEACHER_FORCED),
    "generalization, teacher-forced": (GENERALIZATION, TEACHER_FORCED),
}
_COSTS: Mapping[str, Figure] = {
    "perplexity": (PERPLEXITY, ALL),
    "perplexity ratio": (RATIO, PERPLEXITY),
    "fluency, bits": (FLUENCY, ALL),
    "s an edit": (SECONDS, EDIT),
    "edit time / memory": (RATIO, OF_MEMORY),
    "s first edit": (SECONDS, FIRST_EDIT),
    "peak MB an edit": (BYTES, PEAK),
    "answer time / unedited": (RATIO, ANSWER_TIME),
}


@dataclass(frozen=True, kw_only=True)
class Value:
    """A figure over all seeds: of one, with its interval; of several, their mean with the lowest and the highest."""

    value: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, kw_only=True)
class Setup:
    """The figures of a method in a mode with so many edits planned; `edits` are those that it made."""

    method: str
    mode: str
    planned: int
    edits: int
    figures: Mapping[Figure, Value]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What stands in a table's cell; `share` is 0 to 1 where a colour can tell it."""

    text: str
    share: float | None = None


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table with a title and what has to be said of it."""

    title: str
    note: str
    head: tuple[str, ...]
    rows: tuple[tuple[Entry, ...], ...]


def setups(rows: Iterable[JsonRow]) -> list[Setup]:
    """What was measured, in the order in which it came."""
    found: dict[tuple[str, str, int], list[JsonRow]] = {}
    for row in rows:
        found.setdefault((row["method"], row["mode"], row["planned"]), []).append(row)
    return [
        Setup(
            method=method,
            mode=mode,
            planned=planned,
            edits=min(row["edits"] for row in held),
            figures={figure: _over_seeds(same) for figure, same in _by_figure(held).items()},
        )
        for (method, mode, planned), held in found.items()
    ]


def tables(comparison: Comparison) -> list[Table]:
    """What was reached and what it cost for each mode and number of edits, the kinds, and at the end what failed."""
    found = setups(comparison.rows)
    groups: dict[tuple[str, int], list[Setup]] = {}
    for one in found:
        groups.setdefault((one.mode, one.planned), []).append(one)
    listed: list[Table] = []
    for (mode, planned), held in sorted(groups.items(), key=lambda item: (_MODES.index(item[0][0]), item[0][1])):
        title = "single edits" if mode == SINGLE else f"{planned:,} {mode} edit{'s' if planned > 1 else ''}"
        listed.append(_table(title, held, _MAIN))
        listed.append(_table(f"{title}: what they cost and what they break", held, _COSTS))
        for metric in (LOCALITY, PORTABILITY):
            listed.append(_kinds(f"{title}: {metric} by kind", held, metric))
    return [one for one in listed if one.rows] + list(_troubles(comparison))


_MODES = (SINGLE, SEQUENTIAL, "batch")


def markdown(table: Table, level: int = 2) -> str:
    """A table as Markdown, with its title."""
    lines = [table.head, ["---"] * len(table.head), *([cell.text for cell in row] for row in table.rows)]
    text = "\n".join(f"| {' | '.join(_safe(cell) for cell in cells)} |" for cells in lines)
    note = f"{table.note}\n\n" if table.note else ""
    return f"{'#' * level} {table.title[:1].upper()}{table.title[1:]}\n\n{note}{text}\n"


def _safe(cell: str) -> str:
    return cell.replace("|", "\\|")


def _by_figure(rows: Iterable[JsonRow]) -> dict[Figure, list[JsonRow]]:
    found: dict[Figure, list[JsonRow]] = {}
    for row in rows:
        found.setdefault((row["metric"], row["kind"]), []).append(row)
    return found


def _over_seeds(rows: Sequence[JsonRow]) -> Value:
    n = sum(row["n"] for row in rows)
    if len(rows) == 1:
        return Value(value=rows[0]["value"], low=rows[0]["low"], high=rows[0]["high"], n=n)
    values = [row["value"] for row in rows]
    mean = sum(row["value"] * row["n"] for row in rows) / n
    return Value(value=mean, low=min(values), high=max(values), n=n)


def _table(title: str, held: Sequence[Setup], columns: Mapping[str, Figure]) -> Table:
    shown = {name: figure for name, figure in columns.items() if any(figure in one.figures for one in held)}
    rows = [
        (Entry(text=one.method), Entry(text=f"{one.edits:,}"), *(_entry(one, figure) for figure in shown.values()))
        for one in held
        if shown.keys()
    ]
    return Table(title=title, note=_shortened(held), head=("method", "edits", *shown), rows=tuple(rows))


def _kinds(title: str, held: Sequence[Setup], metric: str) -> Table:
    kinds = dict.fromkeys(
        kind for one in held for name, kind in one.figures if name == metric and kind not in {ALL, LOGITS}
    )
    plain = {kind: (metric, kind) for kind in kinds if "/" not in kind}
    return _table(title, held, plain) if plain else Table(title=title, note="", head=(), rows=())


def _entry(one: Setup, figure: Figure) -> Entry:
    value = one.figures.get(figure)
    if value is None:
        return Entry(text="")
    if figure[0] in SHARES:
        interval = "" if value.low is None or value.high is None else f"{value.low:.2f} to {value.high:.2f}; "
        return Entry(text=f"{value.value:.2f} ({interval}{value.n:,})", share=value.value)
    if figure[0] == BYTES:
        return Entry(text=f"{value.value / 1e6:,.1f}")
    return Entry(text=_number(value.value))


def _number(value: float) -> str:
    """Three digits that count."""
    if value == 0:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _shortened(held: Sequence[Setup]) -> str:
    """Which methods had no time for all edits, and how many they made."""
    asked = {one.method: one.figures[RELIABILITY, ALL].n for one in held if (RELIABILITY, ALL) in one.figures}
    most = max(asked.values(), default=0)
    few = [f"`{method}` ({count:,})" for method, count in asked.items() if count < most]
    return f"Stopped at the limit of time with fewer edits: {', '.join(few)}." if few else ""


def _troubles(comparison: Comparison) -> Iterator[Table]:
    """What failed, and what left a trace."""
    failed = [(cell.key, f"failed: {cell.error}") for cell in comparison.failed]
    traced = [(cell.key, cell.trace) for cell in comparison.traced]
    rows = [
        (Entry(text=key.method), Entry(text=key.mode), Entry(text=f"{key.planned:,}"), Entry(text=text))
        for key, text in failed + traced
    ]
    if rows:
        yield Table(
            title="What went wrong", note="", head=("method", "mode", "edits", "what happened"), rows=tuple(rows)
        )
