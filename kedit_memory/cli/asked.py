"""`kedit evaluate TASK` for every task that is cases and what is asked about them."""

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kedit_memory.cli import options as o
from kedit_memory.cli.output import command_line, emit, plain_number, print_table
from kedit_memory.cli.progress import say
from kedit_memory.cli.public_sets import public_sets
from kedit_memory.evaluation.task import TASKS

if TYPE_CHECKING:
    from kedit_memory.evaluation.tasks.asked.run import AskedPlan, AskedReport

_PRINTED_WIDTH = 140  # characters, where the output is no terminal
_FAILED = 1  # exit status where a method failed or left a trace
_METHODS = "oracle-edit,retrieve-edits,memory:direct,memory:context"


def asked(name: str) -> Callable[..., None]:
    """The command of a task."""
    task = TASKS[name]

    def command(
        dataset: Annotated[
            str, typer.Option("--dataset", help="What is asked about; another name lists all.")
        ] = task.dataset,
        methods: Annotated[
            str,
            typer.Option(
                "--methods",
                help="Names with commas: controls, memory:PATH, editors, options after them as in memit:rounds=1; the "
                "unedited model comes first.",
            ),
        ] = _METHODS,
        cases: Annotated[int, typer.Option("--cases", help="How many cases are drawn.")] = 100,
        together: Annotated[
            bool,
            typer.Option("--together/--alone", help="All edits in force at once, or those of one case at a time."),
        ] = task.together,
        seed: o.Seed = 1,
        judge: o.Judge = None,
        preset: o.Preset = None,
        path: o.PublicSets = None,
        log: o.LogFile = None,
        model: o.Model = o.MODEL,
        max_new_tokens: o.MaxNewTokens = None,
        device: o.Device = None,
        dtype: o.Dtype = None,
        encoder: o.Encoder = None,
        as_json: o.Json = False,
    ) -> None:
        """Every method is asked the same questions; the status is 1 where one failed or left a trace."""
        from kedit_memory.evaluation.datasets import OWN_FORM
        from kedit_memory.evaluation.datasets.public import OWN
        from kedit_memory.evaluation.tasks.asked.run import AskedPlan, run_asked

        plan = AskedPlan(
            task=name, dataset=dataset, methods=o.words_of("--methods", methods, _METHODS), cases=cases,
            together=together, seed=seed, judge=judge or task.judge, preset=preset, model=model, encoder=encoder,
            max_new_tokens=max_new_tokens, device=device, dtype=dtype,
        )  # fmt: skip
        needed = dataset not in OWN and not dataset.endswith(OWN_FORM)
        report = run_asked(plan, public_sets(path, needed=needed), log=log, progress=say)
        _print(report, plan, as_json=as_json)

    return command


def _print(report: "AskedReport", plan: "AskedPlan", *, as_json: bool) -> None:
    if as_json:
        document: dict[str, Any] = {
            "rows": report.rows,
            "meta": {"command": command_line(), "plan": asdict(plan), "failures": dict(report.failures)},
        }
        emit(as_json=True, document=document, lines=())
    else:
        _print_table(report, plan)
    for who, why in report.failures.items():
        say(f"{who} failed, its rows are missing: {why}")
    for who, trace in report.traces.items():
        say(f"{who} left a trace in the model, which was taken anew: {trace}")
    if report.failures or report.traces:
        raise typer.Exit(_FAILED)


def _print_table(report: "AskedReport", plan: "AskedPlan") -> None:
    """A line for each figure, a column for each method."""
    value = {(row["metric"], row["kind"], row["method"]): row for row in report.rows}
    methods = list(dict.fromkeys(row["method"] for row in report.rows))
    cells = []
    for metric, kind in dict.fromkeys((row["metric"], row["kind"]) for row in report.rows):
        found = [value.get((metric, kind, method)) for method in methods]
        cells.append([f"{metric}/{kind}", str(max(row["n"] for row in found if row)), *map(_cell, found)])
    task = TASKS[plan.task]
    title = f"{task.told}: {plan.dataset}, {plan.model}, judge {plan.judge}"
    print_table(("figure", "n", *methods), cells, width=_PRINTED_WIDTH, title=title)


def _cell(row: "Any") -> str:
    return plain_number(row["value"]) if row else ""
