"""The rows of a long run in a file, one a line, written as they are measured: a run that was stopped goes on."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.rows import Row, Run

_SAME = ("task", "dataset", "config", "data", "model")  # what must agree for rows to belong together


class RowLog:
    """Rows of methods and seeds, each of which is whole once it has a row of `last`.

    A method that was stopped within its stream begins anew, since what it had learned is gone: its rows are dropped.

    Raises:
        InvalidInputError: the file cannot be read or written, or holds something else than rows.
    """

    def __init__(self, path: Path | None, last: tuple[str, str]) -> None:
        self.path = path
        self.rows: list[Row] = []
        self._last = last
        if path is not None:
            self._take_up(path)

    def finished(self, method: str, seed: int) -> bool:
        """Whether the method's stream was measured to its end."""
        return (method, seed) in self._whole(self.rows)

    def check(self, run: Run) -> None:
        """Refuse to add rows of another run to those that are here; what the run does not know yet is not compared.

        Raises:
            InvalidInputError: they have another configuration, data or model.
        """
        for row in self.rows:
            for name in _SAME:
                have, given = getattr(row.run, name), getattr(run, name)
                if given is not None and have != given:
                    raise InvalidInputError(
                        f"{self.path} holds rows of {name} {have}, and this run has {given}: give the plan that it "
                        "was begun with, or another file"
                    )

    def add(self, rows: Sequence[Row]) -> None:
        """Keep rows, on disk before anything else is measured."""
        self.rows += rows
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(_lines(rows))
                file.flush()
                os.fsync(file.fileno())

    def _take_up(self, path: Path) -> None:
        try:
            found = _read(path) if path.exists() else []
            whole = self._whole(found)
            self.rows = [row for row in found if (row.method, row.seed) in whole]
            aside = path.with_name(f"{path.name}.new")
            aside.write_text(_lines(self.rows), "utf-8")
            aside.replace(path)
        except OSError as error:
            raise InvalidInputError(
                f"{path} cannot be used for rows ({error.strerror or error}); name another file"
            ) from error

    def _whole(self, rows: Iterable[Row]) -> set[tuple[str, int | None]]:
        return {(row.method, row.seed) for row in rows if (row.metric, row.kind) == self._last}


def _read(path: Path) -> list[Row]:
    """The rows of a file; a last line that was cut off while it was written is left out."""
    text = path.read_text("utf-8")
    lines = text.splitlines() if text.endswith("\n") else text.splitlines()[:-1]
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(_row(json.loads(line)))
        except (ValueError, TypeError, KeyError) as error:
            raise InvalidInputError(
                f"{path}, line {number}: no row of results ({error}); name another file, or one that is not there yet"
            ) from error
    return rows


def _row(flat: dict[str, Any]) -> Row:
    of_run = {field.name: flat.pop(field.name) for field in fields(Run)}
    return Row(run=Run(**of_run), **flat)


def _lines(rows: Iterable[Row]) -> str:
    return "".join(json.dumps(row.flat(), ensure_ascii=False) + "\n" for row in rows)
