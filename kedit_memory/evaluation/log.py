"""What a long run keeps as it measures, a JSON object a line: a run that was stopped goes on with it."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.rows import Row, Run, row_of

_SAME = ("task", "task_version", "dataset", "config", "data", "model")  # what agrees in rows that belong together


def objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a file with the numbers of their lines; a last line that was cut off is left out.

    Raises:
        InvalidInputError: another line is no JSON object.
    """
    lines = path.read_text("utf-8").split("\n") if path.exists() else []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except ValueError:
            if number == len(lines):
                return
            found = None
        if not isinstance(found, dict):
            raise InvalidInputError(f"{path}, line {number}, is no JSON object; name another place for the run")
        yield number, found


def append(path: Path, found: Iterable[Mapping[str, Any]]) -> None:
    """Write objects behind those of a file; they are on the disk when this returns."""
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in found))
        file.flush()
        os.fsync(file.fileno())


def rewrite(path: Path, found: Iterable[Mapping[str, Any]]) -> None:
    """Write objects in place of those of a file, all or none."""
    aside = path.with_name(f"{path.name}.new")
    aside.unlink(missing_ok=True)
    append(aside, found)
    aside.replace(path)


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
            append(self.path, [row.flat() for row in rows])

    def _take_up(self, path: Path) -> None:
        try:
            found = [_row(path, *line) for line in objects(path)]
            whole = self._whole(found)
            self.rows = [row for row in found if (row.method, row.seed) in whole]
            rewrite(path, [row.flat() for row in self.rows])
        except OSError as error:
            raise InvalidInputError(
                f"{path} cannot be used for rows ({error.strerror or error}); name another file"
            ) from error

    def _whole(self, rows: Iterable[Row]) -> set[tuple[str, int | None]]:
        return {(row.method, row.seed) for row in rows if (row.metric, row.kind) == self._last}


def _row(path: Path, number: int, flat: Mapping[str, Any]) -> Row:
    try:
        return row_of(flat)
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidInputError(
            f"{path}, line {number}: no row of results ({error}); name another file, or one that is not there yet"
        ) from error
