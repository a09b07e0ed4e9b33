"""Tasks of cases as tables: a line for each figure, a column for each method."""

from collections.abc import Mapping, Sequence
from typing import Any

from kedit_memory.evaluation.report.saved import Row
from kedit_memory.evaluation.report.tables import Entry, Table
from kedit_memory.evaluation.task import TASKS

_ASIDE = frozenset({"seconds", "count"})  # what is no figure of the answers


def table_of(rows: Sequence[Row], plan: Mapping[str, Any]) -> Table:
    """The figures of a run, with what was asked, of which model, and what was left out."""
    first = rows[0]
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
        title=f"{first['task']}: {first['dataset']} ({plan['model']})",
        note=f"{task.about[:1].upper()}{task.about[1:]}. {_told(rows, plan)}",
        head=("figure", "n", *methods),
        rows=tuple(body),
    )


def _told(rows: Sequence[Row], plan: Mapping[str, Any]) -> str:
    first = rows[0]
    left = {row["kind"].partition("/")[2]: int(row["value"]) for row in rows if row["metric"] == "count"}
    force = "edits of all cases in force together" if plan["together"] else "the edits of one case in force at a time"
    aside = "".join(f" {count:,} questions were left out: {reason}." for reason, count in left.items())
    return f"Version {first['task_version']}; {plan['cases']:,} cases, {force}; judge {plan['judge']}.{aside}"


def _entry(row: Row | None) -> Entry:
    if row is None:
        return Entry(text="")
    bounds = "" if row["low"] is None else f"({row['low']:.2f} to {row['high']:.2f})"
    return Entry(text=f"{row['value']:.3f}", detail=bounds)
