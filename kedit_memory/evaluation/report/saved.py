"""Rows that were saved, as reports read them: documents of `--json`, rows a line, or logs, which are scored."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.log import Log
from kedit_memory.evaluation.score import score
from kedit_memory.evaluation.task import FIRST_VERSION

Row: TypeAlias = Mapping[str, Any]  # a row as its JSON object
_TOLD = ("task", "dataset", "method", "metric", "kind", "value", "n", "unit")  # by what a row is known


@dataclass(frozen=True, kw_only=True)
class Saved:
    """What a file holds: rows, what else was told of each run, and the log where it is one."""

    rows: tuple[Row, ...]
    meta: tuple[Mapping[str, Any], ...] = ()
    log: Log | None = field(default=None, repr=False)


def read_saved(path: Path) -> Saved:
    """The rows of a file.

    Raises:
        InvalidInputError: it cannot be read, or holds no row.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{path} cannot be read ({error}); name a file of rows or a log") from error
    if text.startswith('{"log": '):
        log = Log.read(path)
        return Saved(rows=tuple(score(log)), meta=tuple(part.facts for part in log.parts[:1]), log=log)
    rows: list[Row] = []
    meta: list[Mapping[str, Any]] = []
    for number, found in _objects(path, text):
        try:
            held = found.get("rows", [found])
            rows += [{"task_version": FIRST_VERSION} | row for row in held if all(name in row for name in _TOLD)]
        except (TypeError, ValueError) as error:
            raise InvalidInputError(f"{path}, line {number}: no rows of results ({error})") from error
        meta.append(found.get("meta", {}))
    if not rows:
        raise InvalidInputError(f"{path} holds no row; save a document with --json, or a log with --log")
    return Saved(rows=tuple(rows), meta=tuple(meta))


def _objects(path: Path, text: str) -> Iterable[tuple[int, Mapping[str, Any]]]:
    """The JSON objects of a text, one a line or one in all, with the lines at which they begin."""
    try:
        found = [(1, json.loads(text))]
    except ValueError:
        found = []
        for number, line in enumerate(text.splitlines(), start=1):
            try:
                found += [(number, json.loads(line))] if line.strip() else []
            except ValueError as error:
                raise InvalidInputError(f"{path}, line {number}: no JSON ({error}); name a file of rows") from error
    for number, one in found:
        if not isinstance(one, dict):
            raise InvalidInputError(f"{path}, line {number}, is no JSON object; name a file of rows or a log")
        yield number, one


def read_document(path: Path, *tasks: str) -> dict[str, Any]:
    """The rows of these tasks in a file, and the `meta` of its first document.

    Raises:
        InvalidInputError: the file holds no such row.
    """
    saved = read_saved(path)
    if rows := [row for row in saved.rows if row["task"] in tasks]:
        return {"rows": rows, "meta": saved.meta[0] if saved.meta else {}}
    raise InvalidInputError(f"{path} holds no row of {' or '.join(tasks)}; save a document with --json")


def by_figure(rows: Iterable[Row]) -> dict[tuple[str, str, str], Row]:
    """Rows by method, metric and kind; of several the last."""
    return {(row["method"], row["metric"], row["kind"]): row for row in rows}


def origin(rows: Sequence[Row]) -> str:
    """What the figures of a run are of: task and version, commits, data and model."""
    first = rows[0]
    commits = ", ".join(sorted({str(row["commit"]) for row in rows}))
    version = first.get("task_version", FIRST_VERSION)  # rows of older runs tell none
    return (
        f"task {first['task']} version {version}, commit {commits}, data {first['data']}, configuration "
        f"{first['config']}, model {first['model']}"
    )
