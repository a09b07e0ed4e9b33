"""Thresholds from labelled questions, with the bound that they certify."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kedit_memory.cli import options as o
from kedit_memory.cli.calibrate_gate import gate
from kedit_memory.cli.output import emit, table_console
from kedit_memory.cli.store import open_store

if TYPE_CHECKING:
    from kedit_memory.evaluation.rows import Row, Run
    from kedit_memory.routing.calibration import Calibration, Threshold

_PRINTED_WIDTH = 110  # characters, where the output is no terminal

app = typer.Typer(rich_markup_mode=None, add_completion=False)
app.command()(gate)


@app.callback()
def calibrate() -> None:
    """Set thresholds from a labelled file, with the bound that they certify."""


@app.command()
def scope(
    file: Annotated[
        Path,
        typer.Argument(
            parser=o.path_of,
            help='Lines {"question": …, "edit": …}: an edit\'s id, or null for none; "turns": […] before a follow-up.',
        ),
    ],
    alpha: Annotated[
        float | None,
        typer.Option(
            "--alpha",
            help="The share of out-of-scope questions for which an edit may fire; by default, for each kind of "
            "question, the smallest of 0.5%, 1%, 2% and 5% for which the file has enough.",
        ),
    ] = None,
    confidence: Annotated[
        float, typer.Option("--confidence", help="The probability with which that share is kept.")
    ] = 0.95,
    store: o.ExistingStore = o.STORE,
    namespace: o.Namespace = o.NAMESPACE,
    as_json: o.Json = False,
) -> None:
    """Certify how sure the verifier must be before an edit answers, and keep that in the store.

    Each kind of question is certified on its own cases, some hundreds that no edit answers. The file's questions must
    be new to the verifier, and like those that will be asked.
    """
    from kedit_memory.evaluation.rows import describe_run
    from kedit_memory.routing.calibration import NOTE, Basis
    from kedit_memory.routing.certify import ALPHAS, certify
    from kedit_memory.routing.labelled import read_cases, score_cases
    from kedit_memory.routing.router import Router

    with open_store(store, create=False) as memory:
        edits = {edit.id for edit in memory.all(namespace=namespace)}
        labelled = read_cases(file, known=edits)
        router = Router(memory)
        judged = router.judge_many([case.asked for case in labelled], namespace=namespace)
        cases = score_cases(labelled, judged, file.name)
        basis = Basis(
            encoder=memory.encoder.name,
            encoder_revision=memory.encoder.revision,
            verifier=router.scope.verifier.fingerprint,
            namespace=namespace,
            edits=len(edits),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        alphas = ALPHAS if alpha is None else (alpha,)
        calibration = certify(cases, basis=basis, alphas=alphas, confidence=confidence)
        memory.set_note(NOTE, calibration.to_json())
    if as_json:
        config = {"alphas": alphas, "confidence": confidence}
        run = describe_run("calibrate-scope", file.name, config=config, data=file, model=basis.verifier)
        emit(as_json=True, document=_document(calibration, run), lines=())
    else:
        _print_table(calibration)


def _document(calibration: "Calibration", run: "Run") -> dict[str, Any]:
    rows = [row.flat() for stratum in calibration.thresholds for row in _rows(run, stratum, calibration)]
    return {"calibration": json.loads(calibration.to_json()), "rows": rows}


def _rows(run: "Run", stratum: str, calibration: "Calibration") -> "list[Row]":
    """The false fires of a stratum, and the covered questions that fire with the right edit."""
    from kedit_memory.evaluation.rows import Row

    held, edits = calibration.thresholds[stratum], calibration.basis.edits
    false = Row(
        run=run,
        method="learn_then_test",
        metric="false_fire",
        kind=stratum,
        value=held.fired / held.outside,
        low=0.0,
        high=held.upper,
        n=held.outside,
        unit="share",
        edits=edits,
    )
    if held.coverage is None:
        return [false]
    low, high = held.coverage_low, held.coverage_high
    return [false, replace(false, metric="fire", value=held.coverage, low=low, high=high, n=held.covered)]


def _print_table(calibration: "Calibration") -> None:
    from rich.table import Table

    console = table_console(_PRINTED_WIDTH)
    table = Table("stratum", "threshold", "false fires", "certified", "out of scope", "coverage", "covered")
    for stratum, held in calibration.thresholds.items():
        table.add_row(stratum, *_cells(held))
    for stratum in calibration.uncertified:
        table.add_row(stratum, f"{calibration.threshold(stratum):.6g}")
    console.print(table)
    for stratum in (*calibration.thresholds, *calibration.uncertified):
        console.print(f"{stratum}: {calibration.statement(stratum)}", soft_wrap=True)
    missed = f", {calibration.missed:,} of them covered without any candidate" if calibration.missed else ""
    console.print(f"{calibration.cases:,} questions{missed}, {calibration.basis.edits:,} edits; kept in the store.")


def _cells(held: "Threshold") -> tuple[str, ...]:
    from kedit_memory.routing.calibration import percent

    coverage = "none asked"
    if held.coverage is not None:
        coverage = f"{held.coverage:.1%} ({held.coverage_low:.1%} to {held.coverage_high:.1%})"
    return (
        f"{held.value:.6g}",
        f"{held.fired / held.outside:.2%}",
        f"≤ {percent(held.alpha)}",
        f"{held.outside:,}",
        coverage,
        f"{held.covered:,}",
    )
