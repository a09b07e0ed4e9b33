"""`kedit evaluate`: the tasks of the table, measured by anyone again, printed as rows."""

from collections.abc import Callable, Mapping
from inspect import getdoc

import typer

from kedit_memory.cli.adaptive import adaptive_retrieval
from kedit_memory.cli.definitions import ecbd, entity_inferences
from kedit_memory.cli.lifelong import lifelong
from kedit_memory.cli.scope import scope
from kedit_memory.evaluation.task import TASKS

_COMMANDS: Mapping[str, Callable[..., None]] = {
    "scope": scope,
    "lifelong": lifelong,
    "adaptive-retrieval": adaptive_retrieval,
    "entity-inferences": entity_inferences,
    "ecbd": ecbd,
}

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.callback()
def evaluate() -> None:
    """Measure on public sets and the shipped world, and print the rows."""


for _name, _command in _COMMANDS.items():
    _task = TASKS[_name]
    _about = f"Measure {_task.about} (version {_task.version})."
    app.command(_name, help=f"{_about}\n\n{getdoc(_command)}", short_help=_about)(_command)
