"""Reports: several runs of several tasks in one HTML file, or the runs of one task on its page of Markdown."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.report import adaptive, asked, compare, definitions, lifelong, scope, scope_page
from kedit_memory.evaluation.report.compare_pictures import pictures as compare_pictures
from kedit_memory.evaluation.report.compare_tables import tables as compare_tables
from kedit_memory.evaluation.report.html import heading, links, paragraph, picture, section, write_document
from kedit_memory.evaluation.report.page import Page, write_page
from kedit_memory.evaluation.report.pictures import Picture
from kedit_memory.evaluation.report.saved import Measured, Row, origin
from kedit_memory.evaluation.report.tables import Entry, Table, over_seeds
from kedit_memory.evaluation.task import ASKED, TASKS

_COMPARE = "compare"
FORMS = (".html", ".md")

TITLE = "What was measured"
_HOW = (
    "A row of a table is a method, a column a kind of question or of measure. A figure stands with its 95% interval "
    "and the number of values that it is of; of several seeds it is their mean, with the lowest and the highest in "
    "place of the interval. Shares are shaded. Every figure comes from a saved row, none is typed."
)

# What is drawn of a run, and the page of the runs of a task.
_PICTURES: Mapping[str, Callable[[Measured], list[Picture]]] = {
    "scope": scope.pictures,
    "lifelong": lambda run: [lifelong.picture(run, "run")],
    "adaptive-retrieval": lambda run: [adaptive.picture(run, "run")],
    "entity-inferences": lambda run: [definitions.picture(run, "run")],
    "ecbd": lambda run: [definitions.picture(run, "run")],
    _COMPARE: compare_pictures,
}
_PAGES: Mapping[str, Callable[[Sequence[Measured]], Page]] = {
    "scope": scope_page.page,
    "lifelong": lifelong.page,
    "adaptive-retrieval": adaptive.page,
    "entity-inferences": definitions.page,
    "ecbd": definitions.page,
    _COMPARE: compare.page,
    **dict.fromkeys(ASKED, asked.page),
}


def write_report(runs: Sequence[Measured], path: Path) -> None:
    """Write what is told of these runs; the ending of the name says as what.

    Raises:
        InvalidInputError: it cannot be written, or is a page of several tasks, or of one that has none.
    """
    if path.suffix == ".md":
        write_page(_page(runs), path)
        return
    named = {f"r{place}": _name(run.first) for place, run in enumerate(runs)}
    body = [paragraph(_HOW), links(named)]
    for anchor, run in zip(named, runs, strict=True):
        body += _run(anchor, named[anchor], run)
    write_document(path, TITLE, body)


def check_form(path: Path) -> None:
    """Refuse a report of another form.

    Raises:
        InvalidInputError: the ending of its name is none of `FORMS`.
    """
    if path.suffix not in FORMS:
        raise InvalidInputError(f"{path} is no report's name; let it end in one of {', '.join(FORMS)}")


def _page(runs: Sequence[Measured]) -> Page:
    tasks = dict.fromkeys(run.first["task"] for run in runs)
    pages = {_PAGES.get(task) for task in tasks}
    made = pages.pop()
    if pages or made is None:
        raise InvalidInputError(
            f"a page is of one of {', '.join(_PAGES)}, and these rows are of {', '.join(tasks)}; name an .html file or "
            "give rows of one task"
        )
    return made(runs)


def _name(first: Row) -> str:
    dataset = "" if first["dataset"] == first["task"] else f", {first['dataset']}"
    return f"{first['task']}{dataset} (version {first['task_version']})"


def _run(anchor: str, name: str, run: Measured) -> Iterator[str]:
    task = TASKS.get(run.first["task"])
    yield heading(name, anchor)
    if task:
        yield paragraph(f"{task.about[:1].upper()}{task.about[1:]}.")
    yield paragraph(f"{f'Made by `{run.command}`: ' if run.command else ''}{origin(run.rows)}.")
    compared = run.first["task"] == _COMPARE
    yield from map(paragraph, (*compare.SAID, compare.ranking(run)) if compared else ())
    pictures = _PICTURES.get(run.first["task"])
    for place, one in enumerate(pictures(run) if pictures else ()):
        if one.draw:
            yield picture(one.draw, one.caption, f"{anchor}p{place}")
    for place, table in enumerate(compare_tables(run) if compared else _tables(run.rows)):
        yield section(table, f"{anchor}t{place}", level=3)


def _tables(rows: Sequence[Row]) -> Iterator[Table]:
    """A table for each metric, a column for each kind; of a stream of edits what stands at its end."""
    most = {row["method"]: max(one["edits"] for one in rows if one["method"] == row["method"]) for row in rows}
    last = [row for row in rows if row["edits"] == most[row["method"]]]
    measures = TASKS[rows[0]["task"]].measures if rows[0]["task"] in TASKS else ()
    known = {row["metric"]: None for row in last}
    for metric in sorted(known, key=lambda one: measures.index(one) if one in measures else len(measures)):
        yield _table(metric.replace("_", " "), [row for row in last if row["metric"] == metric])


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
