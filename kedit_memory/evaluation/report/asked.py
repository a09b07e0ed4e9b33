"""Tasks of cases on one page: of each run a table, a line for each figure, a column for each method."""

from collections.abc import Mapping, Sequence
from typing import Any

from kedit_memory.evaluation.report.page import Page, Part
from kedit_memory.evaluation.report.saved import Measured, Row, origin
from kedit_memory.evaluation.report.tables import Entry, Table
from kedit_memory.evaluation.task import ASKED, TASKS

_ABOUT = (
    "A cell is a share with its 95% interval, by drawing cases again. `rate` counts what must not be said, so that "
    "less is better; `share of gain` is how much of the way from the unedited model to the one that is told the right "
    "edit (`oracle-edit`) a method goes."
)
_ASIDE = frozenset({"seconds", "count"})  # what is no figure of the answers


def page(runs: Sequence[Measured]) -> Page:
    """The page of some tasks, in their order."""
    parts: list[Part] = [_ABOUT]
    for run in sorted(runs, key=lambda run: list(ASKED).index(run.first["task"])):
        parts += [_table(run), f"`{_command(run)}`; {origin(run.rows)}.", f"{run.note}." if run.note else ""]
    return Page(title="What is asked of edits beyond their own question", parts=parts, runs=runs)


def _table(run: Measured) -> Table:
    """The figures of a run, with what was asked, of which model, and what was left out."""
    rows, first, plan = run.rows, run.first, run.meta.get("plan", {})
    task = TASKS[first["task"]]
    cells = {(row["metric"], row["kind"], row["method"]): row for row in rows}
    methods = list(dict.fromkeys(row["method"] for row in rows))
    figures = dict.fromkeys((row["metric"], row["kind"]) for row in rows if row["metric"] not in _ASIDE)
    body = []
    for metric, kind in figures:
        found = [cells.get((metric, kind, method)) for method in methods]
        most = max(row["n"] for row in found if row)
        name = metric if kind == "all" else f"{metric}: {kind.replace('_', ' ')}"
        body.append((Entry(text=name), Entry(text=f"{most:,}"), *map(_entry, found)))
    return Table(
        title=f"{first['task']}: {first['dataset']}{f' ({model})' if (model := run.name or plan.get('model')) else ''}",
        note=f"{task.about[:1].upper()}{task.about[1:]}. {_told(rows, plan)}",
        head=("figure", "n", *methods),
        rows=tuple(body),
    )


def _told(rows: Sequence[Row], plan: Mapping[str, Any]) -> str:
    left = {row["kind"].partition("/")[2]: int(row["value"]) for row in rows if row["metric"] == "count"}
    aside = "".join(f" {count:,} questions were left out: {reason}." for reason, count in left.items())
    if not plan:  # of a table, whose command tells it
        return aside.strip()
    force = "edits of all cases in force together" if plan["together"] else "the edits of one case in force at a time"
    return f"{plan['cases']:,} cases, {force}; judge {plan['judge']}.{aside}"


def _command(run: Measured) -> str:
    """How the run is made again."""
    plan = run.meta.get("plan")
    if not plan or run.meta.get("command"):
        return run.command
    methods = ",".join(dict.fromkeys(row["method"] for row in run.rows))
    words = [f"kedit evaluate {run.first['task']} --dataset {plan['dataset']} --model {plan['model']}"]
    words += [f"--methods {methods} --cases {plan['cases']} {'--together' if plan['together'] else '--alone'}"]
    words += [f"--seed {plan['seed']}"]
    for option in ("judge", "preset", "encoder", "max_new_tokens"):
        if plan[option] is not None:
            words.append(f"--{option.replace('_', '-')} {plan[option]}")
    return " ".join(words)


def _entry(row: Row | None) -> Entry:
    if row is None:
        return Entry(text="")
    bounds = "" if row["low"] is None else f"({row['low']:.2f} to {row['high']:.2f})"
    return Entry(text=f"{row['value']:.3f}", detail=bounds)
