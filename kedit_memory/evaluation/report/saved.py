"""Rows that were saved, as reports read and keep them: documents of `--json`, rows a line, tables, or logs."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.log import Log
from kedit_memory.evaluation.score import score
from kedit_memory.evaluation.task import FIRST_VERSION

Row: TypeAlias = Mapping[str, Any]  # a row as its JSON object

_TOLD = ("task", "dataset", "method", "metric", "kind", "value", "n", "unit")  # by what a row is known
_RUN = ("task", "task_version", "dataset", "config", "data", "model")  # what rows of one run share
_OF_RUN = ("command", "name", "note")  # what a table tells of a run beside its rows
_WHOLE = frozenset({"n", "edits", "seed", "planned", "task_version", "cases"})
_BROKEN = frozenset({"value", "low", "high", "p", "p_holm"})


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The rows of a run, and what else was told of it: its command or plan, how its parts went, what was seen."""

    rows: tuple[Row, ...]
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def first(self) -> Row:
        """A row that tells what all have in common."""
        return self.rows[0]

    @property
    def name(self) -> str:
        """Whose figures these are, where the set alone does not tell it: such as that of the model."""
        return str(self.meta.get("name", ""))

    @property
    def command(self) -> str:
        """By what it was made; of a log its plan."""
        if told := self.meta.get("command"):
            return str(told)
        plan = self.meta.get("plan", {})
        return " ".join(f"{name}={_plain(value)}" for name, value in plan.items() if value not in (None, [], ()))

    @property
    def note(self) -> str:
        """What was not measured, and why; empty where all was."""
        told = [str(self.meta["note"])] if self.meta.get("note") else []
        told += [f"`{name}` was left out: {why}" for name, why in self.meta.get("left_out", {}).items()]
        told += [f"{who} failed: {why}" for who, why in self.meta.get("failures", {}).items()]
        for name, reasons in self.meta.get("refused", {}).items():
            told += [f"`{name}` took {count} definitions not: {why}" for why, count in reasons.items()]
        return "; ".join(told)


@dataclass(frozen=True, kw_only=True)
class Saved:
    """What a file holds: runs, and the log where it is one."""

    runs: tuple[Measured, ...]
    log: Log | None = field(default=None, repr=False)

    @property
    def rows(self) -> list[Row]:
        """Those of all runs."""
        return [row for run in self.runs for row in run.rows]


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
        seen = dict(log.parts[0].facts) if log.parts else {}
        meta = {"plan": log.plan, "parts": [part.told() for part in log.parts], **seen}
        return Saved(runs=_joined([(score(log), meta)]), log=log)
    found: list[tuple[Sequence[Row], Mapping[str, Any]]] = []
    for number, one in _table(path, text) if path.suffix == ".csv" else _objects(path, text):
        try:
            held = one.get("rows", [one])
            told = [row for row in held if all(name in row for name in _TOLD)]
            rows = [{**row, "task_version": row.get("task_version") or FIRST_VERSION} for row in told]
        except (TypeError, ValueError) as error:
            raise InvalidInputError(f"{path}, line {number}: no rows of results ({error})") from error
        found.append((rows, one.get("meta", {})))
    if not any(rows for rows, _ in found):
        raise InvalidInputError(f"{path} holds no row; save a document with --json, or a log with --log")
    return Saved(runs=_joined(found))


def read_runs(given: Iterable[str]) -> list[Measured]:
    """The runs in some files, whichever file their rows are in; of `NAME=PATH` they are given that name.

    Errors as of `read_saved`.
    """
    found: list[tuple[Sequence[Row], Mapping[str, Any]]] = []
    for one in given:
        name, _, path = ("", "", one) if Path(one).exists() else one.rpartition("=")
        named = {"name": name.strip()} if name.strip() else {}
        found += [(run.rows, {**run.meta, **named}) for run in read_saved(Path(path)).runs]
    return list(_joined(found))


def rows_of(path: Path, *tasks: str) -> list[Row]:
    """The rows of these tasks in a file.

    Raises:
        InvalidInputError: the file holds no such row.
    """
    if rows := [row for row in read_saved(path).rows if row["task"] in tasks]:
        return rows
    raise InvalidInputError(f"{path} holds no row of {' or '.join(tasks)}; save a document with --json")


def write_rows(runs: Iterable[Measured], path: Path) -> None:
    """All rows as a table, six digits a figure; `read_saved` reads them again.

    Raises:
        InvalidInputError: it cannot be written.
    """
    rows = [{**row, **_told(run)} for run in runs for row in run.rows]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
            table.writeheader()
            table.writerows({name: _short(value) for name, value in row.items()} for row in rows)
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be written ({error.strerror or error}); choose another name") from error


def by_figure(rows: Iterable[Row]) -> dict[tuple[str, str, str], Row]:
    """Rows by method, metric and kind; of several the last."""
    return {(row["method"], row["metric"], row["kind"]): row for row in rows}


def origin(rows: Sequence[Row]) -> str:
    """What the figures of a run are of: task and version, commit, data, model, seed, machine, as far as known."""
    first = rows[0]
    known = {
        "commit": {row.get("commit") for row in rows},
        "data": {first["data"]}, "configuration": {first["config"]}, "model": {first["model"]},
        "seed": {row.get("seed") for row in rows},
        "on": {row.get("machine") for row in rows},
    }  # fmt: skip
    told = {name: ", ".join(sorted(str(one) for one in found if one is not None)) for name, found in known.items()}
    listed = [f"task {first['task']} version {first['task_version']}"]
    return ", ".join(listed + [f"{name} {text}" for name, text in told.items() if text])


def _joined(found: Iterable[tuple[Iterable[Row], Mapping[str, Any]]]) -> tuple[Measured, ...]:
    """The rows of each run together, with all that was told of it."""
    runs: dict[tuple[Any, ...], tuple[list[Row], dict[str, Any]]] = {}
    for rows, meta in found:
        for row in rows:
            held, told = runs.setdefault(tuple(row.get(name) for name in _RUN), ([], {}))
            held.append(row)
            told.update(meta)
    return tuple(Measured(rows=tuple(rows), meta=meta) for rows, meta in runs.values())


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


def _table(path: Path, text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The rows of a table, each as a document with what it tells of its run."""
    for number, cells in enumerate(csv.DictReader(io.StringIO(text, newline="")), start=2):
        try:
            row = {name: _read(name, cell) for name, cell in cells.items() if name not in _OF_RUN}
        except ValueError as error:
            raise InvalidInputError(f"{path}, line {number}: {error}; name a table that a report wrote") from error
        yield number, {"rows": [row], "meta": {name: cells[name] for name in _OF_RUN if cells.get(name)}}


def _read(name: str, cell: str) -> Any:
    if not cell:
        return None
    return int(cell) if name in _WHOLE else float(cell) if name in _BROKEN else cell


def _short(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value


def _told(run: Measured) -> dict[str, str]:
    told = {"command": run.command, "name": run.name, "note": run.note}
    return {name: told[name] for name in _OF_RUN if told[name]}


def _plain(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
