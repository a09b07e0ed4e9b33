"""Rows of a comparison as tables: for documents, for the report, for a terminal. No figure is typed by hand."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from kedit_memory.evaluation.case import ALL, GENERALIZATION, HARD_NEGATIVE, LOCALITY, PORTABILITY, RELIABILITY
from kedit_memory.evaluation.datasets.kinds import ALIAS
from kedit_memory.evaluation.log import FAILED, SHORTENED
from kedit_memory.evaluation.methods import CONTROLS
from kedit_memory.evaluation.report.control import control_of
from kedit_memory.evaluation.report.saved import Measured, Row
from kedit_memory.evaluation.report.tables import Entry, Table, Value, over_seeds, plain_table
from kedit_memory.evaluation.tasks.compare.against import ENOUGH, FIRST, LAST, OVER, SCORE, TESTED, WAY
from kedit_memory.evaluation.tasks.compare.attempt import BATCHES, SEQUENTIAL, SINGLE
from kedit_memory.evaluation.tasks.compare.measures import (
    ANSWER_TIME,
    BYTES,
    EDIT,
    FIRST_EDIT,
    FLUENCY,
    LOGITS,
    OF_MEMORY,
    PEAK,
    PERPLEXITY,
    RATE,
    RATIO,
    SECONDS,
    STILL_RIGHT,
    TAKEN_OVER,
    TEACHER_FORCED,
)  # fmt: skip
from kedit_memory.evaluation.tasks.compare.outcomes import Figure
from kedit_memory.evaluation.tasks.scope.rows import DIALOGUE

Setting: TypeAlias = tuple[str, int]  # a mode and how many edits were planned

_MAIN: Mapping[str, Figure] = {
    "score": (RATE, SCORE),
    "reliability": (RELIABILITY, ALL),
    "generalization": (GENERALIZATION, ALL),
    "in a dialogue": (GENERALIZATION, DIALOGUE),
    "locality": (LOCALITY, ALL),
    "still right": (RATE, STILL_RIGHT),
    "same logits": (LOCALITY, LOGITS),
    "reliability, teacher-forced": (RELIABILITY, TEACHER_FORCED),
    "generalization, teacher-forced": (GENERALIZATION, TEACHER_FORCED),
}
_WAYS: Mapping[str, Figure] = {
    "reliability": (RATIO, f"{WAY}{RELIABILITY}"),
    "generalization": (RATIO, f"{WAY}{GENERALIZATION}"),
    "in a dialogue": (RATIO, f"{WAY}{GENERALIZATION}/{DIALOGUE}"),
    "portability, alias": (RATIO, f"{WAY}{PORTABILITY}/{ALIAS}"),
}
_COSTS: Mapping[str, Figure] = {
    "perplexity": (PERPLEXITY, ALL),
    "perplexity ratio": (RATIO, PERPLEXITY),
    "answers taken over": (RATE, TAKEN_OVER),
    "fluency, bits": (FLUENCY, ALL),
    "s an edit": (SECONDS, EDIT),
    "edit time / memory": (RATIO, OF_MEMORY),
    "s first edit": (SECONDS, FIRST_EDIT),
    "peak MB an edit": (BYTES, PEAK),
    "answer time / unedited": (RATIO, ANSWER_TIME),
}
# Of a page: before the kinds of portability, and behind them.
_SUMMARY: Mapping[str, Figure] = {
    name: _MAIN[name] for name in ("score", "reliability", "generalization", "locality", "still right")
}
_SPENT: Mapping[str, Figure] = {name: _COSTS[name] for name in ("perplexity ratio", "s an edit")}
_SCORED = frozenset({(RELIABILITY, ALL), (GENERALIZATION, ALL), (LOCALITY, ALL)})  # of which the score is the mean
_SHARES = frozenset({"share", "share of the way"})  # units of what stands with its interval
_MODES = (SINGLE, SEQUENTIAL, "batch", BATCHES)
_SURE = 0.05  # an adjusted p-value below it is told by a bold difference
_LEAST, _ROUGH = 0.001, 0.1  # p-values below and from which fewer digits are told


@dataclass(frozen=True, kw_only=True)
class Setup:
    """The figures of a method in a mode with so many edits planned.

    Attributes:
        edits: how many were in force when it was asked.
        made: how many were made, in the order of the seed where that was fewest.
        cases: how many were made and asked about, of all seeds.
    """

    method: str
    mode: str
    planned: int
    edits: int
    made: int
    cases: int
    figures: Mapping[Figure, Value]

    @property
    def enough(self) -> bool:
        """Whether it is of enough edits to be weighed against others."""
        return self.cases >= ENOUGH


def setups(rows: Iterable[Row]) -> list[Setup]:
    """What was measured, in the order in which it came; `rows` may hold those of `compared_rows`, too."""
    found: dict[tuple[str, str, int], list[Row]] = {}
    for row in rows:
        found.setdefault((row["method"], row["mode"], row["planned"]), []).append(row)
    return [_setup(*place, held) for place, held in found.items()]


def _setup(method: str, mode: str, planned: int, held: Sequence[Row]) -> Setup:
    asked = [row["n"] for row in held if (row["metric"], row["kind"]) == (RELIABILITY, ALL)]  # every edit's own prompt
    figures = {figure: over_seeds(same) for figure, same in _by_figure(held).items()}
    if any(figures[part].n < ENOUGH for part in _SCORED & figures.keys()):
        figures.pop((RATE, SCORE), None)  # a mean that hangs on a few questions would rank by them
    return Setup(
        method=method,
        mode=mode,
        planned=planned,
        edits=min(row["edits"] for row in held),
        made=min([*asked, planned]) if asked else 0,
        cases=sum(asked),
        figures=figures,
    )


def tables(measured: Measured) -> list[Table]:
    """What was reached and what it cost for each mode and number of edits, the kinds, and at the end what failed."""
    listed = [table for setting, held in _settings(measured) for table in _of_setting(measured, setting, held)]
    return [one for one in listed if one.rows] + _troubles(measured)


def summary(measured: Measured, *, settings: bool) -> list[Table]:
    """What a page shows: the largest setting in one table, with `settings` the scores in each, and what failed."""
    found = dict(_settings(measured))
    largest = max(found, key=lambda one: (one[0] != SINGLE, one[1], one[0] == SEQUENTIAL))
    kinds = dict.fromkeys(kind for one in found[largest] for metric, kind in one.figures if metric == PORTABILITY)
    asked = [kind for kind in kinds if kind != ALL and "/" not in kind] or [kind for kind in kinds if kind == ALL]
    columns = {
        **_SUMMARY,
        **{f"portability{'' if kind == ALL else f', {kind}'}": (PORTABILITY, kind) for kind in asked},
        **_SPENT,
    }
    listed = [_table(_title(largest), _missing(measured, largest), found[largest], columns)]
    if settings and len(found) > 1:
        listed.append(_scores(found, [one.method for one in found[largest]]))
    return listed + _troubles(measured)


def _settings(measured: Measured) -> list[tuple[Setting, list[Setup]]]:
    """What was measured in each setting, in order; the best method first where the positive control holds."""
    groups: dict[Setting, list[Setup]] = {}
    for one in setups(measured.rows):
        groups.setdefault((one.mode, one.planned), []).append(one)
    settings = sorted(groups, key=lambda one: (_MODES.index(one[0]), one[1]))
    ranked = control_of(measured.rows).holds
    return [(one, sorted(groups[one], key=lambda setup: _rank(setup, ranked=ranked))) for one in settings]


def _title(setting: Setting) -> str:
    mode, planned = setting
    what = f"edit{'s' if planned > 1 else ''}"
    return f"{planned:,} {what} in batches" if mode == BATCHES else f"{planned:,} {mode} {what}"


def _scores(found: Mapping[Setting, Sequence[Setup]], methods: Iterable[str]) -> Table:
    """The score of each method in each setting; of too few edits how many were made."""
    held = {(one.method, setting): one for setting, of_setting in found.items() for one in of_setting}
    every = dict.fromkeys((*methods, *(method for method, _ in held)))
    rows = [
        (Entry(text=name), *(_scored(held[name, one]) if (name, one) in held else Entry(text="") for one in found))
        for name in every
    ]
    head = ("method", *(f"{planned:,} {mode}" for mode, planned in found))
    return Table(title="score in every setting", note="", head=head, rows=tuple(rows))


def _scored(one: Setup) -> Entry:
    entry = _entry(one, (RATE, SCORE))
    return entry if entry.text else _names(one)[1]


def _of_setting(measured: Measured, setting: Setting, held: Sequence[Setup]) -> Iterator[Table]:
    """The tables of one mode and number of edits."""
    title = _title(setting)
    yield _table(title, _missing(measured, setting), held, _MAIN)
    yield _table(f"{title}: share of the way from `{FIRST}` to `{LAST}`", "", held, _WAYS, only=True)
    compared = [row for row in measured.rows if (row["mode"], row["planned"]) == setting and OVER in row["kind"]]
    for reference in dict.fromkeys(row["kind"].rpartition(OVER)[2] for row in compared):
        yield _against(title, reference, held, compared)
    for metric in (LOCALITY, HARD_NEGATIVE, PORTABILITY):
        kinds = dict.fromkeys(kind for one in held for name, kind in one.figures if name == metric)
        plain = {kind: (metric, kind) for kind in kinds if kind not in {ALL, LOGITS} and "/" not in kind}
        yield _table(f"{title}: {metric.replace('_', ' ')} by kind", "", held, plain, only=True)
    yield _table(f"{title}: what they cost and what they break", "", held, _COSTS)


def _rank(one: Setup, *, ranked: bool) -> tuple[bool, int, float]:
    """Controls in their order, then methods by their score or as they come, those with too few edits last."""
    if one.method in CONTROLS:
        return False, list(CONTROLS).index(one.method), 0.0
    score = one.figures.get((RATE, SCORE)) if ranked else None
    return not one.enough, len(CONTROLS), -score.value if score else 0.0


def _by_figure(rows: Iterable[Row]) -> dict[Figure, list[Row]]:
    found: dict[Figure, list[Row]] = {}
    for row in rows:
        found.setdefault((row["metric"], row["kind"]), []).append(row)
    return found


def _table(title: str, note: str, held: Sequence[Setup], columns: Mapping[str, Figure], *, only: bool = False) -> Table:
    """A row for each setup, with `only` for each that tells anything; a column for each figure that one tells."""
    cells = {name: [_entry(one, figure) for one in held] for name, figure in columns.items()}
    shown = {name: entries for name, entries in cells.items() if any(entry.text for entry in entries)}
    rows = [
        (*_names(one), *entries)
        for one, *entries in zip(held, *shown.values(), strict=True)
        if shown and not (only and all(not entry.text for entry in entries))
    ]
    return Table(title=title, note=note, head=("method", "edits", *shown), rows=tuple(rows))


def _names(one: Setup) -> tuple[Entry, Entry]:
    made = f"{one.made:,}" if one.made == one.planned else f"{one.made:,} of {one.planned:,}"
    return Entry(text=one.method, faint=not one.enough), Entry(text=made, faint=not one.enough)


def _entry(one: Setup, figure: Figure) -> Entry:
    value = one.figures.get(figure)
    if value is None:
        return Entry(text="")
    if value.unit in _SHARES:
        return _share(one, figure, value)
    if figure[0] == BYTES:
        return Entry(text=f"{value.value / 1e6:,.1f}", faint=not one.enough)
    return Entry(text=_number(value.value), faint=not one.enough)


def _share(one: Setup, figure: Figure, value: Value) -> Entry:
    """A share with its interval and n; of too few edits or questions how many they are, and nothing that is a ratio."""
    if one.enough and value.n >= ENOUGH:
        interval = "" if value.low is None or value.high is None else f"{value.low:.2f} to {value.high:.2f}; "
        return Entry(
            text=f"{value.value:.2f}", detail=f"({interval}{value.n:,})", share=min(1.0, max(0.0, value.value))
        )
    if figure[0] in {RATE, RATIO} or figure[1] == TEACHER_FORCED:
        return Entry(text="")
    return Entry(text=f"{round(value.value * value.n)} of {value.n}", faint=True)


def _number(value: float) -> str:
    """Three digits that count."""
    if value == 0:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _against(title: str, reference: str, held: Sequence[Setup], compared: Iterable[Row]) -> Table:
    """The differences from a reference, of the methods that have enough edits in common with it."""
    found = {
        (row["method"], row["metric"], row["kind"]): row
        for row in compared
        if row["kind"].endswith(f"{OVER}{reference}")
    }
    columns = {
        name: (metric, f"{OVER}{reference}" if kind == ALL else f"{kind}/{OVER}{reference}")
        for name, (metric, kind) in TESTED.items()
        if any(tested == metric for _, tested, _ in found)
    }
    rows = []
    for one in held:
        row = [found.get((one.method, *figure)) for figure in columns.values()]
        if any(row):
            common = max(cell["cases"] for cell in row if cell)
            rows.append((Entry(text=one.method), Entry(text=f"{common:,}"), *map(_difference, row)))
    few = [
        f"`{one.method}`"
        for one in held
        if one.method != reference
        and (one.method, RELIABILITY) not in {(method, metric) for method, metric, _ in found}
    ]
    note = f"Not tested for want of {ENOUGH} edits in common: {', '.join(few)}." if few else ""
    return Table(
        title=f"{title}: against `{reference}`",
        note=note,
        head=("method", "edits in common", *columns),
        rows=tuple(rows),
    )


def _difference(row: Row | None) -> Entry:
    """How much more than the reference, bold where the adjusted test is sure of it."""
    if row is None:
        return Entry(text="")
    p = row["p_holm"]
    chance = "p < 0.001" if p < _LEAST else f"p {p:.3f}" if p < _ROUGH else f"p {p:.2f}"
    detail = f"({row['low']:+.2f} to {row['high']:+.2f}; {row['n']:,}; {chance})"
    return Entry(text=f"{row['value']:+.2f}", detail=detail, strong=p < _SURE)


def _missing(measured: Measured, setting: Setting) -> str:
    """Which methods made no more edits than with a smaller number planned, where their figures stand."""
    gone = [
        f"`{part['key']['method']}`"
        for part in measured.meta.get("parts", ())
        if (part["key"]["mode"], part["key"]["planned"], part["status"], part["edits"]) == (*setting, SHORTENED, 0)
    ]
    return f"No time for more edits than in the table of fewer: {', '.join(dict.fromkeys(gone))}." if gone else ""


def _troubles(measured: Measured) -> list[Table]:
    """What failed, and what left a trace."""
    parts = measured.meta.get("parts", ())
    told = [(part["key"], f"failed: {part['error']}") for part in parts if part["status"] == FAILED]
    told += [(part["key"], part["trace"]) for part in parts if part["trace"]]
    rows = [(key["method"], key["mode"], f"{key['planned']:,}", text) for key, text in told]
    return [plain_table(("method", "mode", "edits", "what happened"), rows, title="what went wrong")] if rows else []
