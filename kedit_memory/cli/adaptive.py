"""`kedit evaluate adaptive-retrieval`: when retrieval pays, policy by policy."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kedit_memory.cli import options as o
from kedit_memory.cli.measuring import kept, prepared
from kedit_memory.cli.output import emit_rows, print_notes, print_table, with_bounds
from kedit_memory.cli.progress import say
from kedit_memory.cli.public_sets import public_sets
from kedit_memory.cli.routers import load_model
from kedit_memory.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kedit_memory.evaluation.rows import Row
    from kedit_memory.evaluation.tasks.adaptive.llama8b import AnswersPlan
    from kedit_memory.evaluation.tasks.adaptive.run import AdaptiveReport

ANSWERS = "llama8b"
_PRINTED_WIDTH = 110  # characters, where the output is no terminal


def adaptive_retrieval(
    dataset: Annotated[str, typer.Option("--dataset", help="world, popqa, entityquestions, or llama8b.")],
    path: o.PublicSets = None,
    questions: Annotated[int, typer.Option("--questions", help="The most questions that are asked.")] = 1500,
    passages: Annotated[int, typer.Option("--passages", help="How many passages go before a question.")] = 3,
    resplits: Annotated[
        int, typer.Option("--resplits", help="Splits into a half to fit on and one to judge on.")
    ] = 100,
    budget: Annotated[float, typer.Option("--budget", help="The share of questions that may be searched for.")] = 0.6,
    even: Annotated[
        bool, typer.Option("--even", help="Ask the world's tiers equally often, not the better known ones more often.")
    ] = False,
    dense: Annotated[
        bool, typer.Option("--dense/--no-dense", help="Also search by meaning, which encodes all passages first.")
    ] = True,
    model: o.Model = o.MODEL,
    device: o.Device = None,
    dtype: o.Dtype = None,
    encoder: o.Encoder = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the sample and of the splits.")] = 1,
    picture: o.Picture = None,
    log: o.LogFile = None,
    worst: o.Worst = 0,
    as_json: o.Json = False,
) -> None:
    """The worst cases are those that passages hurt.

    llama8b holds answers of Llama-3.1-8B-Instruct: no model is run, and gates go by the question alone.
    """
    if dataset == ANSWERS:
        from kedit_memory.evaluation.tasks.adaptive.llama8b import AnswersPlan

        if picture or worst or even or model != o.MODEL:
            raise InvalidInputError("llama8b brings its answers: leave out --model, --even, --picture and --worst")
        given = AnswersPlan(resplits=resplits, budget=budget, seed=seed)
        _answers(public_sets(path, needed=True), encoder, given, log, as_json=as_json)
        return
    from kedit_memory.evaluation.report.adaptive import drawn
    from kedit_memory.evaluation.tasks.adaptive.run import AdaptivePlan, run_adaptive

    plan = AdaptivePlan(
        dataset=dataset, questions=questions, passages=passages, resplits=resplits, budget=budget, even=even,
        dense=dense, seed=seed,
    )  # fmt: skip
    record = prepared("adaptive-retrieval", plan, picture, log)
    data = public_sets(path, needed=True) if dataset != "world" else None
    asked = load_model(model, device, dtype)
    report = run_adaptive(plan, data, asked, encoder=encoder, progress=say)
    kept(record, report.rows, picture, drawn, left_out=dict(report.left_out))
    for line in _hurt(report, worst):
        say(line)
    if as_json:
        emit_rows(report.rows, plan=asdict(plan), left_out=dict(report.left_out))
    else:
        _print_tables(report)


def _answers(data: Path | None, encoder: str | None, plan: "AnswersPlan", log: Path | None, *, as_json: bool) -> None:
    """The gates that need no model, on answers that were got before."""
    from kedit_memory.evaluation.score import keep
    from kedit_memory.evaluation.tasks.adaptive.llama8b import run_answers
    from kedit_memory.models.encoder import load_encoder

    record = prepared("adaptive-retrieval", plan, None, log)
    rows = run_answers(plan, data, load_encoder(encoder), progress=say)
    keep(record, rows)
    if as_json:
        emit_rows(rows, plan=asdict(plan))
    else:
        _print_answers(rows)


def _print_answers(rows: "Sequence[Row]") -> None:
    value = {(row.method, row.metric, row.kind): row for row in rows}
    methods = dict.fromkeys(row.method for row in rows)
    for kind in dict.fromkeys(row.kind for row in rows if row.metric == "calls"):
        suffix = "" if kind == "all" else f"/{kind}"
        columns = {
            "accuracy": ("accuracy", kind), "calls": ("calls", kind),
            "way to the oracle": ("ratio", f"gain_of_oracle{suffix}"),
            "from never": ("ratio", f"gain_of_oracle_over_never{suffix}"),
        }  # fmt: skip
        cells = [[name, *(with_bounds(value.get((name, *one)), 2) for one in columns.values())] for name in methods]
        print_table(["gate", *columns], cells, width=_PRINTED_WIDTH, title=kind)
    print_notes(rows, ())


def _hurt(report: "AdaptiveReport", count: int) -> list[str]:
    """So many questions of each kind that the model answers right alone, and wrong with passages."""
    lines = []
    for kind in dict.fromkeys(report.kinds) if count else ():
        asked = [one for one, of in zip(report.observed, report.kinds, strict=True) if of == kind]
        hurt = [one for one in asked if one.alone_right and not one.read_right]
        lines.append(f"{kind}: passages hurt {len(hurt)} of {len(asked)} questions")
        for one in hurt[:count]:
            lines.append(f"  {one.text!r}: {one.alone!r} alone, {one.read!r} with {', '.join(one.titles)}")
    return lines


def _print_tables(report: "AdaptiveReport") -> None:
    rows = {(row.method, row.metric, row.kind): row for row in report.rows}
    columns = {
        "accuracy": ("accuracy", "all"), "over the better fixed one": ("accuracy", "over_better_fixed"),
        "calls": ("calls", "all"), "way to the oracle": ("ratio", "gain_of_oracle"),
    }  # fmt: skip
    cells = [
        [method, *(with_bounds(rows.get((method, *column))) for column in columns.values()),
         f"{1000 * rows[method, 'seconds', 'per_question'].value:.1f}"]
        for method in dict.fromkeys(row.method for row in report.rows if row.metric == "calls")
    ]  # fmt: skip
    print_table(["policy", *columns, "ms a question"], cells, width=_PRINTED_WIDTH)
    recall = [f"recall/{row.kind}: {with_bounds(row)}, n {row.n:,}" for row in report.rows if row.metric == "recall"]
    left_out = [f"{name} was left out: {why}." for name, why in report.left_out.items()]
    asked = f"{len(report.observed):,} questions; intervals hold 95% of the splits."
    print_notes(report.rows, [*recall, *left_out, asked])
