"""`kedit evaluate lifelong`: a stream of edits, and what becomes of old knowledge and of early edits."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kedit_memory.cli import options as o
from kedit_memory.cli.output import emit_rows, plain_number, print_notes, print_table
from kedit_memory.cli.progress import say
from kedit_memory.cli.public_sets import public_sets
from kedit_memory.cli.settings import api_key

if TYPE_CHECKING:
    from kedit_memory.evaluation.tasks.lifelong.run import LifelongPlan, LifelongReport
    from kedit_memory.models.classifier import Editable

_PRINTED_WIDTH = 140  # characters, where the output is no terminal
_FAILED = 1  # exit status where a method did not come to the end of its stream
# The columns of the table that people read: metric and kind, and what stands above them.
_COLUMNS = {
    ("trr", "all"): "TRR",
    ("err", "all"): "ERR",
    ("arr", "all"): "ARR",
    ("generalization", "all"): "rephrased",
    ("locality", "all"): "local",
    ("rate", "keys_per_edit"): "keys/edit",
    ("seconds", "per_edit"): "s/edit",
    ("ratio", "edits_per_second_of_grace"): "edits/s of grace",
    ("ratio", "time_per_answer_miss"): "miss",
    ("ratio", "time_per_answer_hit"): "hit",
    ("bytes", "per_entry"): "bytes",
}


def lifelong(
    stream: Annotated[
        str,
        typer.Option(
            "--stream",
            help="world; zsre; hallucination; or scotus, on a classifier: for the last two, and zsre where it is to "
            "keep what it knows, --model is a folder that scripts/train_stream_model.py made.",
        ),
    ],
    editors: Annotated[
        str,
        typer.Option(
            "--editors",
            help="Editors by name, options after it as in grace:stack=encoder, and router:PATH, with commas between; "
            "the unedited model comes first.",

        ),
    ],
    edits: Annotated[int, typer.Option("--edits", help="How many edits are streamed.")] = 1000,
    every: Annotated[int, typer.Option("--every", help="After how many edits everything is measured.")] = 100,
    batch: Annotated[int, typer.Option("--batch", help="How many edits are handed over at once.")] = 1,
    seeds: Annotated[str, typer.Option("--seeds", help="Of choice and order of the edits, with commas between.")] = (
        "1,2,3"
    ),
    questions: Annotated[
        int, typer.Option("--questions", help="The most questions on original data, and of each kind out of scope.")
    ] = 300,
    phrasings: Annotated[
        int, typer.Option("--phrasings", help="How many other wordings each world edit is given; they are not asked.")
    ] = 0,
    timed: Annotated[
        int, typer.Option("--timed", help="How many edits and answers are timed against grace and the unedited model.")
    ] = 20,
    judge: o.Judge = None,
    preset: o.Preset = None,
    path: o.PublicSets = None,
    log: o.LogFile = None,
    picture: o.Picture = None,
    model: o.Model = o.MODEL,
    device: o.Device = None,
    dtype: o.Dtype = None,
    encoder: o.Encoder = None,
    as_json: o.Json = False,
) -> None:  # fmt: skip
    """Methods get the same edits in the same order; the status is 1 where one failed."""
    from kedit_memory.evaluation.judges import DEFAULT
    from kedit_memory.evaluation.report.lifelong import drawn
    from kedit_memory.evaluation.report.pictures import check_picture, save_figure
    from kedit_memory.evaluation.tasks.lifelong.run import LifelongPlan, run_lifelong

    plan = LifelongPlan(
        stream=stream, methods=o.words_of("--editors", editors, "grace,router:grace"), edits=edits, every=every,
        batch=batch, questions=questions, phrasings=phrasings, timed=timed,
        seeds=o.numbers_of("--seeds", seeds, "1,2,3"), judge=judge or DEFAULT, preset=preset,
    )  # fmt: skip
    if picture:
        check_picture(picture)
    report = run_lifelong(
        plan, _loader(model, device, dtype), _data(path, plan), encoder=encoder, log=log, progress=say
    )
    if picture:
        save_figure(lambda: drawn([row.flat() for row in report.rows]), picture)
    if as_json:
        emit_rows(report.rows, plan=asdict(plan), failures=dict(report.failures))
    else:
        _print_table(report, plan)
    for who, why in report.failures.items():
        say(f"{who} failed, its further rows are missing: {why}")
    if report.failures:
        raise typer.Exit(_FAILED)


def _loader(model: str, device: str | None, dtype: str | None) -> "Any":
    def load() -> "Editable":
        from kedit_memory.models.classifier import editable, load_editable

        loaded = load_editable(model, device=device, dtype=dtype, api_key=api_key())
        return editable(loaded, "a stream of edits")

    return load


def _data(path: Path | None, plan: "LifelongPlan") -> Path | None:
    from kedit_memory.evaluation.tasks.lifelong.streams import OF_PUBLIC_SETS

    return public_sets(path, needed=True) if plan.stream in OF_PUBLIC_SETS else None


def _print_table(report: "LifelongReport", plan: "LifelongPlan") -> None:
    """What each method came to at the end of the stream, by seed."""
    last = [row for row in report.rows if row.edits == plan.edits]
    value = {(row.method, row.seed, row.metric, row.kind): row.value for row in last}
    columns = [key for key in _COLUMNS if any((row.metric, row.kind) == key for row in last)]
    runs = dict.fromkeys((row.method, row.seed) for row in last)
    cells = [
        [method, str(seed), *(plain_number(value.get((method, seed, *key))) for key in columns)]
        for method, seed in runs
    ]
    print_table(["method", "seed", *(_COLUMNS[key] for key in columns)], cells, width=_PRINTED_WIDTH)
    told = "rephrased and local (of what was known) are shares; miss and hit are times over the unedited model's"
    print_notes(report.rows, [f"{plan.stream}, after {plan.edits:,} edits; {told}."])
