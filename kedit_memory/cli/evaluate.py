"""`kedit evaluate`: the tasks of the table, measured by anyone again, printed as rows."""

from collections.abc import Callable, Iterator, Mapping
from inspect import getdoc
from typing import Annotated, Any

import typer

from kedit_memory.cli import options as o
from kedit_memory.cli.adaptive import adaptive_retrieval
from kedit_memory.cli.asked import asked
from kedit_memory.cli.definitions import ecbd, entity_inferences
from kedit_memory.cli.lifelong import lifelong
from kedit_memory.cli.output import emit
from kedit_memory.cli.scope import scope
from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.task import ASKED, TASKS, Task

_COMMANDS: Mapping[str, Callable[..., None]] = {
    "scope": scope,
    "lifelong": lifelong,
    "adaptive-retrieval": adaptive_retrieval,
    "entity-inferences": entity_inferences,
    "ecbd": ecbd,
    **{name: asked(name) for name in ASKED},
}

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.callback(invoke_without_command=True)
def evaluate(
    context: typer.Context,
    listed: Annotated[
        bool, typer.Option("--list", help="List tasks with versions, data sets, methods, measures.")
    ] = False,
    as_json: o.Json = False,
) -> None:
    """Measure on public sets and the shipped world, and print the rows."""
    if listed:
        found = [_entry(task) for task in TASKS.values()]
        emit(as_json=as_json, document={"tasks": found}, lines=(line for one in found for line in _lines(one)))
    elif context.invoked_subcommand is None:
        raise InvalidInputError(f"no task is named; choose one of {', '.join(_COMMANDS)}, or see them with --list")


def _entry(task: Task) -> dict[str, Any]:
    return {
        "task": task.name,
        "version": task.version,
        "about": task.about,
        "command": f"kedit evaluate {task.name}" if task.name in _COMMANDS else f"kedit {task.name}",
        "datasets": task.names("datasets"),
        "methods": task.names("methods"),
        "measures": task.measures,
    }


def _lines(entry: dict[str, Any]) -> Iterator[str]:
    yield f"{entry['task']}, version {entry['version']} (`{entry['command']}`): {entry['about']}"
    for what in ("datasets", "methods", "measures"):
        if entry[what]:
            yield f"  {what + ':':<10} {', '.join(entry[what])}"


for _name, _command in _COMMANDS.items():
    _task = TASKS[_name]
    _about = f"Measure {_task.about} (version {_task.version})."
    app.command(_name, help=f"{_about}\n\n{getdoc(_command)}", short_help=_about)(_command)
