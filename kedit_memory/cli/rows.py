"""`kedit score`, `report` and `compare-reports`: what is done with what was measured, without a model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kedit_memory.cli import options as o
from kedit_memory.cli.output import emit, plain_number, print_table
from kedit_memory.cli.progress import say

if TYPE_CHECKING:
    from kedit_memory.evaluation.report.changes import Change, Changes

_PRINTED_WIDTH = 150  # characters, where the output is no terminal
_ROWS = "A log, a document of --json, a table that a report wrote, or a file of rows."


def score(
    log: Annotated[Path, typer.Argument(parser=o.path_of, metavar="LOG", help="A file that --log wrote.")],
    as_json: o.Json = False,
) -> None:
    """Make the rows of a log again from what it holds."""
    from kedit_memory.evaluation.log import Log
    from kedit_memory.evaluation.score import score as scored

    found = Log.read(log)
    rows = scored(found)
    if as_json:
        parts = [part.told() for part in found.parts]
        emit(as_json=True, document={"rows": rows, "meta": {"plan": found.plan, "parts": parts}}, lines=())
        return
    cells = [
        [
            row["method"], " ".join(str(row[name]) for name in ("mode", "planned") if row.get(name)),
            f"{row['metric']}/{row['kind']}", str(row["edits"]), str(row["seed"] or ""), plain_number(row["value"]),
            "" if row["low"] is None else f"{row['low']:.3f} to {row['high']:.3f}", f"{row['n']:,}",
        ]
        for row in rows
    ]  # fmt: skip
    head = ("method", "setting", "figure", "edits", "seed", "value", "95% interval", "n")
    print_table(head, cells, width=_PRINTED_WIDTH, title=f"{found.task}, version {found.version}")
    for part in found.parts:
        if part.error:
            say(f"{part.key.method} {part.key.mode} failed: {part.error}")


def report(
    rows: Annotated[
        list[Path],
        typer.Argument(
            parser=o.path_of, metavar="ROWS...", help=f"{_ROWS} Or NAME=FILE, where rows do not tell the model's."
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            parser=o.path_of,
            metavar="<path>",
            help="An .html file that holds all; or .md, the page of one task with pictures and a table beside it.",
        ),
    ],
) -> None:
    """Write one report about several runs: tables and pictures, all figures from rows."""
    from kedit_memory.evaluation.report.pages import check_form, write_report
    from kedit_memory.evaluation.report.pictures import check_drawing
    from kedit_memory.evaluation.report.saved import read_runs

    check_form(output)
    check_drawing("a report")
    write_report(read_runs(map(str, rows)), output)
    say(f"{output} tells of {len(rows)} file{'s' if len(rows) > 1 else ''}")


def compare_reports(
    before: Annotated[Path, typer.Argument(parser=o.path_of, metavar="BEFORE", help=_ROWS)],
    after: Annotated[Path, typer.Argument(parser=o.path_of, metavar="AFTER", help="The same of a later run.")],
    everything: Annotated[bool, typer.Option("--all", help="Also show what changed no more than chance does.")] = False,
    as_json: o.Json = False,
) -> None:
    """Show what changed beyond chance, by task, method and measure: tests of 5% over all figures of a task."""
    from kedit_memory.evaluation.report.changes import changes
    from kedit_memory.evaluation.report.saved import read_saved

    found = changes(read_saved(before), read_saved(after))
    shown = [one for one in found.tested if everything or one.told]
    notes = _notes(found)
    if as_json:
        document = {"changes": [one.flat() | {"told": one.told} for one in shown], "notes": notes}
        emit(as_json=True, document=document, lines=())
        return
    if shown:
        head = ("task", "data set", "method", "setting", "figure", "before", "after", "difference", "p", "by")
        print_table(head, map(_line, shown), width=_PRINTED_WIDTH)
    emit(as_json=False, document={}, lines=notes)


def _line(one: "Change") -> list[str]:
    setting = " ".join(str(part) for part in (one.mode, one.planned or one.edits or "") if part)
    seed = "" if one.seed is None else f" (seed {one.seed})"
    return [
        one.task, one.dataset, one.method, f"{setting}{seed}", f"{one.metric}/{one.kind}", plain_number(one.before),
        plain_number(one.after), f"{one.after - one.before:+.3f}", f"{one.p:.3f}",
        "questions" if one.paired else "intervals",
    ]  # fmt: skip


def _notes(found: "Changes") -> list[str]:
    told = sum(one.told for one in found.tested)
    lines = [
        f"{told:,} of {len(found.tested):,} figures changed beyond chance (p adjusted over the figures of a task)."
    ]
    lines += [
        f"{task} is version {first} before and {second} after: not compared."
        for task, (first, second) in found.versions.items()
    ]
    rest = {"have no interval and were not tested": found.untested, "are gone": found.gone, "are new": found.new}
    return lines + [f"{count:,} figures {what}." for what, count in rest.items() if count]
