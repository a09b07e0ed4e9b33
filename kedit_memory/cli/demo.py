"""`kedit demo`: the table of the main job."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kedit_memory.cli import options as o
from kedit_memory.cli.output import emit, table_console

if TYPE_CHECKING:
    from kedit_memory.evaluation.demo import DemoReport, QuestionResult

_PRINTED_WIDTH = 130  # characters, where the output is no terminal


def demo(
    store: Annotated[
        Path | None,
        typer.Option(
            "--store", parser=o.path_of, metavar="<path>", help="Keep the edits in this folder; else nothing stays."
        ),
    ] = None,
    model: o.Model = o.MODEL,
    encoder: o.Encoder = None,
    as_json: o.Json = False,
) -> None:
    """Show the main job on the shipped world, offline.

    Add edits of all three kinds, ask questions that take every route, print the answers before and after.
    """
    from kedit_memory.evaluation.demo import run_demo

    report = run_demo(store, encoder=encoder, model=model)
    if as_json:
        emit(as_json=True, document=_document(report), lines=())
    else:
        _print_tables(report)


def _document(report: "DemoReport") -> dict[str, Any]:
    from kedit_memory.routing.provenance import to_dict

    return {
        "edits": [
            {
                "id": result.edit.id,
                "kind": result.edit.kind.value,
                "prompt": result.edit.prompt,
                "target": result.edit.target,
                "before": result.before,
                "after": result.after.text,
            }
            for result in report.edits
        ],
        "questions": [
            to_dict(result.after)
            | {"shows": result.shows, "before": result.before, "logits_identical": result.untouched}
            for result in report.questions
        ],
        "network": report.network,
        "seconds": report.seconds,
    }


def _print_tables(report: "DemoReport") -> None:
    from rich.table import Table

    console = table_console(_PRINTED_WIDTH)
    edits = Table("edit", "kind", "prompt", "before", "after", title="Edits")
    for made in report.edits:
        edits.add_row(made.edit.id, made.edit.kind.value, made.edit.prompt, made.before, made.after.text)
    console.print(edits)
    questions = Table(title="Questions", show_lines=True)
    for name, share in {"question": 3, "route": None, "before": 2, "after": 2, "used": 1, "reason": 5}.items():
        questions.add_column(name, ratio=share, no_wrap=share is None)
    for asked in report.questions:
        questions.add_row(*_cells(asked))
    console.print(questions)
    network = "tried to reach the network" if report.network else "no network was used"
    console.print(f"{len(report.edits)} edits, {len(report.questions)} questions, {report.seconds} s; {network}.")


def _cells(asked: "QuestionResult") -> tuple[str, ...]:
    after = asked.after
    used = [match.edit.id for match in after.edits] + [found.passage.title for found in after.passages]
    note = {True: ". The logits are those of before, bit for bit.", False: ". THE LOGITS CHANGED.", None: "."}
    return (
        f"{after.question}\n({asked.shows})",
        after.route.value,
        asked.before,
        after.text,
        ", ".join(used),
        after.reason + note[asked.untouched],
    )
