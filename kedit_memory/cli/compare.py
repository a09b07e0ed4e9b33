"""`kedit compare`: every editing method side by side."""

from pathlib import Path
from typing import Annotated

import typer

from kedit_memory.cli import options as o
from kedit_memory.cli.output import command_line, emit
from kedit_memory.cli.progress import say
from kedit_memory.cli.public_sets import public_sets

_PAGE, _REPORT = "compare.md", "report.html"  # within the folder of a comparison
_TROUBLE = 1  # a method failed or left a trace; all else was measured


def compare(
    methods: Annotated[
        str,
        typer.Option(
            "--methods",
            help="all, or names with commas: editors, options after them as in memit:rounds=1, memory:PATH, controls.",
        ),
    ] = "all",
    dataset: Annotated[str, typer.Option("--dataset", help="world, counterfact, zsre, pararel or lre.")] = "world",
    path: o.PublicSets = None,
    edits: Annotated[
        str, typer.Option("--edits", help="How many are in force in a sequence or a batch; several with commas.")
    ] = "1,10,100",
    singles: Annotated[
        int | None, typer.Option("--singles", help="How many are made alone; as many as the most --edits if not given.")
    ] = None,
    mode: Annotated[
        str,
        typer.Option("--mode", help="single (each edit alone), sequential, batch, batches, or several with commas."),
    ] = "single,sequential,batch",
    batch: Annotated[int, typer.Option("--batch", help="How many edits come at once in the mode batches.")] = 10,
    seeds: Annotated[str, typer.Option("--seeds", help="Each draws other edits in another order; with commas.")] = "1",
    questions: Annotated[
        int, typer.Option("--questions", help="The most questions of a kind; every edit's own is asked.")
    ] = 100,
    limit: Annotated[
        float | None,
        typer.Option("--limit", help="Seconds for the edits of a measurement; a slow method then makes fewer."),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            help="Methods that the others are tested against, with commas; memory:auto and ft if not given.",
        ),
    ] = None,
    judge: o.Judge = None,
    preset: o.Preset = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            parser=o.path_of,
            metavar="<path>",
            help="Folder for rows, tables, pictures and the report; a stopped run goes on there.",
        ),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option("--page", parser=o.path_of, metavar="<path>", help="Also write the Markdown page here."),
    ] = None,
    model: o.Model = o.MODEL,
    encoder: o.Encoder = None,
    device: o.Device = None,
    dtype: o.Dtype = None,
    as_json: o.Json = False,
) -> None:
    """Make the same edits with every method, ask the same questions, and print what was reached and what it cost."""
    from kedit_memory.evaluation.judges import DEFAULT
    from kedit_memory.evaluation.methods import chosen_methods
    from kedit_memory.evaluation.report.compare_tables import tables
    from kedit_memory.evaluation.report.pages import write_report
    from kedit_memory.evaluation.report.pictures import check_drawing
    from kedit_memory.evaluation.report.saved import Measured
    from kedit_memory.evaluation.report.tables import markdown
    from kedit_memory.evaluation.tasks.compare.run import ComparePlan, run_compare

    plan = ComparePlan(
        methods=chosen_methods(methods), dataset=dataset, edits=o.numbers_of("--edits", edits, "1,10"),
        modes=o.words_of("--mode", mode, "single,batch"), batch=batch, singles=singles,
        seeds=o.numbers_of("--seeds", seeds, "1,2,3"), questions=questions, limit=limit,
        judge=judge or DEFAULT, preset=preset,
        against=None if against is None else o.words_of("--against", against, "memory:auto,ft"),
        model=model, encoder=encoder, device=device, dtype=dtype,
    )  # fmt: skip
    if output or page:
        check_drawing("a report")
    data = public_sets(path, needed=dataset != "world")
    comparison = run_compare(plan, data, output=output, progress=say)
    rows, meta = (*comparison.rows, *comparison.compared), comparison.told | {"command": command_line()}
    measured = Measured(rows=rows, meta=meta)
    for name in (*([output / _PAGE, output / _REPORT] if output else []), *([page] if page else [])):
        if rows:
            write_report([measured], name)
    emit(
        as_json=as_json,
        document={"rows": rows, "meta": meta},
        lines=(markdown(table) for table in tables(measured)),
    )
    if comparison.failed or comparison.traced:
        raise typer.Exit(_TROUBLE)
