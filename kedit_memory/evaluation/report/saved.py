"""Rows that were saved, as reports read them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.task import FIRST_VERSION

Row: TypeAlias = Mapping[str, Any]  # a row as its JSON object


def read_document(path: Path, *tasks: str) -> dict[str, Any]:
    """The rows of these tasks in a document of `--json`, and its `meta`.

    Raises:
        InvalidInputError: the file is no such document, or holds no such row.
    """
    named = " or ".join(tasks)
    try:
        document = json.loads(path.read_text("utf-8"))
        rows = [row for row in document["rows"] if row["task"] in tasks]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInputError(f"{path} is no document of {named} ({error}); save one with --json") from None
    if not rows:
        raise InvalidInputError(f"{path} holds no row of {named}; save a document with --json")
    return {"rows": rows, "meta": document.get("meta", {})}


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
