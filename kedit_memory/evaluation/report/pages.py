"""Several runs of several tasks on one page: what was measured on which data, with tables and pictures."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from kedit_memory.evaluation.report import adaptive, compare_pictures, definitions, lifelong, scope
from kedit_memory.evaluation.report.html import heading, links, paragraph, picture, section, write_document
from kedit_memory.evaluation.report.saved import Row, Saved, origin
from kedit_memory.evaluation.report.tables import Entry, Table, over_seeds
from kedit_memory.evaluation.task import TASKS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Draw: TypeAlias = "Callable[[], Figure]"
_RUN = ("task", "task_version", "dataset", "config", "data", "model")  # what rows of one run share
_SETTING = ("mode", "planned")  # what tells the settings of a comparison apart

TITLE = "What was measured"
_HOW = (
    "A row of a table is a method, a column a kind of question or of measure. A figure stands with its 95% interval "
    "and the number of values that it is of; of several seeds it is their mean, with the lowest and the highest in "
    "place of the interval. Shares are shaded. Every figure comes from a saved row, none is typed."
)

_ON_DEFINITIONS = (
    "How surprised the model is by the spans, and which it chooses.",
    lambda rows, _: definitions.drawn(rows),
)
# What is drawn of the rows of a run, and of what a document tells beside them.
_DRAWN: Mapping[str, tuple[str, Callable[[Sequence[Row], Mapping[str, Any]], "Figure"]]] = {
    "scope": ("Coverage against false fires, and how far a score can be believed.", scope.drawn),
    "lifelong": ("What is kept, and what is answered, edit after edit.", lambda rows, _: lifelong.drawn(rows)),
    "adaptive-retrieval": (
        "Accuracy by popularity, and by how often is searched.",
        lambda rows, _: adaptive.drawn(rows),
    ),
    "entity-inferences": _ON_DEFINITIONS,
    "ecbd": _ON_DEFINITIONS,
}


def write_report(saved: Sequence[Saved], path: Path) -> None:
    """Write the page of these files' rows.

    Raises:
        InvalidInputError: it cannot be written.
    """
    runs = _runs(saved)
    named = {f"r{place}": _name(rows) for place, (rows, _) in enumerate(runs)}
    body = [paragraph(_HOW), links(named)]
    for anchor, (rows, meta) in zip(named, runs, strict=True):
        body += _run(anchor, named[anchor], rows, meta)
    write_document(path, TITLE, body)


def _runs(saved: Sequence[Saved]) -> list[tuple[list[Row], Mapping[str, Any]]]:
    """The rows of each run, from whichever file, with what else a document told of it."""
    runs: dict[tuple[Any, ...], tuple[list[Row], dict[str, Any]]] = {}
    for one in saved:
        for row in one.rows:
            rows, meta = runs.setdefault(tuple(row.get(name) for name in _RUN), ([], {}))
            rows.append(row)
            if len(one.meta) == 1:
                meta.update(one.meta[0])
    return list(runs.values())


def _name(rows: Sequence[Row]) -> str:
    first = rows[0]
    dataset = "" if first["dataset"] == first["task"] else f", {first['dataset']}"
    return f"{first['task']}{dataset} (version {first['task_version']})"


def _run(anchor: str, name: str, rows: Sequence[Row], meta: Mapping[str, Any]) -> Iterator[str]:
    task = TASKS.get(rows[0]["task"])
    yield heading(name, anchor)
    if task:
        yield paragraph(f"{task.about[:1].upper()}{task.about[1:]}.")
    command = f"Made by `{meta['command']}`: " if meta.get("command") else ""
    yield paragraph(f"{command}{origin(rows)}.")
    for place, (caption, draw) in enumerate(_pictures(rows, meta).items()):
        yield picture(draw, caption, f"{anchor}p{place}")
    for place, table in enumerate(_tables(rows)):
        yield section(table, f"{anchor}t{place}", level=3)


def _pictures(rows: Sequence[Row], meta: Mapping[str, Any]) -> dict[str, Draw]:
    """What can be drawn of a run, by its caption."""
    task = rows[0]["task"]
    if task == "compare":
        drawn = compare_pictures.pictures(rows)
        return {compare_pictures.CAPTIONS[name]: draw for name, draw in drawn.items()}
    if task not in _DRAWN or (task == "scope" and "top_one" not in meta):
        return {}
    caption, draw = _DRAWN[task]
    return {caption: partial(draw, rows, meta)}


def _tables(rows: Sequence[Row]) -> Iterator[Table]:
    """A table for each setting and metric, a column for each kind; of a stream of edits what stands at its end."""
    settings: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        settings.setdefault(tuple(row.get(name) for name in _SETTING), []).append(row)
    for (mode, planned), held in settings.items():
        setting = f"{planned:,} {mode} edit{'s' if planned > 1 else ''}: " if mode else ""
        most = {row["method"]: max(one["edits"] for one in held if one["method"] == row["method"]) for row in held}
        last = [row for row in held if row["edits"] == most[row["method"]]]
        measures = TASKS[rows[0]["task"]].measures if rows[0]["task"] in TASKS else ()
        known = {row["metric"]: None for row in last}
        for metric in sorted(known, key=lambda one: measures.index(one) if one in measures else len(measures)):
            yield _table(f"{setting}{metric.replace('_', ' ')}", [row for row in last if row["metric"] == metric])


def _table(title: str, rows: Sequence[Row]) -> Table:
    cells: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        cells.setdefault((row["method"], row["kind"]), []).append(row)
    methods, kinds = (list(dict.fromkeys(key[place] for key in cells)) for place in (0, 1))
    body = [(Entry(text=method), *(_entry(cells.get((method, kind), ())) for kind in kinds)) for method in methods]
    units = ", ".join(dict.fromkeys(row["unit"] for row in rows))
    head = ("method", *(kind.replace("_", " ") for kind in kinds))
    return Table(title=title, note=f"In: {units}." if units != "share" else "", head=head, rows=tuple(body))


def _entry(rows: Sequence[Row]) -> Entry:
    if not rows:
        return Entry(text="")
    one = over_seeds(rows)
    bounds = "" if one.low is None or one.high is None else f"{_number(one.low)} to {_number(one.high)}; "
    share = min(1.0, max(0.0, one.value)) if one.unit == "share" else None
    return Entry(text=_number(one.value), detail=f"({bounds}{one.n:,})", share=share)


def _number(value: float) -> str:
    """Three digits behind the point, or three that count where the value is smaller."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.2g}" if 0 < abs(value) < 0.001 else f"{value:.3f}"
