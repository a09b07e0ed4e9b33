"""Rows from the samples of a log, again at will and without a model."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kedit_memory import registry
from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.log import Log, Part, PartKey
from kedit_memory.evaluation.rows import Row, row_of_sample
from kedit_memory.evaluation.task import TASKS


def score(log: Log | Path) -> list[dict[str, Any]]:
    """The rows of a log, as JSON objects; of a file they are those that the run printed.

    Raises:
        InvalidInputError: the file is no log, or a sample in it is none of its task.
    """
    found = log if isinstance(log, Log) else Log.read(log)
    if found.task not in TASKS:  # of a script
        return of_cases(found)
    scored: Callable[[Log], list[dict[str, Any]]] = registry.load(
        "score", found.task, {found.task: TASKS[found.task].score}
    )
    return scored(found)


def of_cases(log: Log) -> list[dict[str, Any]]:
    """The rows of a log whose samples are figures with their cases, see `Row.sample`."""
    return [row.flat() for part in log.parts for row in rows_of(part)]


def rows_of(part: Part) -> list[Row]:
    """The rows of such a part, each figure counted anew.

    Raises:
        InvalidInputError: a sample is no figure.
    """
    if part.run is None:
        return []
    try:
        return [row_of_sample(part.run, sample).again() for sample in part.samples]
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInputError(f"a sample of {part.run.task} is no figure ({error}); measure anew") from error


def new_log(path: Path | None, task: str, plan: Mapping[str, Any]) -> Log:
    """The log of a run that is measured in one go.

    Raises:
        InvalidInputError: as of `Log.open`, or the run is in the file already.
    """
    log = Log.open(path, task, plan)
    if log.parts:
        raise InvalidInputError(f"{path} holds this run already: `kedit score {path}` prints it; or name another file")
    return log


def keep(log: Log, rows: Sequence[Row], **seen: Any) -> None:
    """Record the rows of a run, a part for each method; what else was seen, such as curves, stands with the first."""
    for place, (name, seed) in enumerate(dict.fromkeys((row.method, row.seed or 0) for row in rows)):
        of_part = [row for row in rows if (row.method, row.seed or 0) == (name, seed)]
        log.record(
            Part(
                key=PartKey(method=name, seed=seed),
                run=of_part[0].run,
                facts={} if place else seen,
                samples=[row.sample() for row in of_part],
            )
        )
