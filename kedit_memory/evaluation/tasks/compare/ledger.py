"""The folder of a comparison: plan, rows and answers as they come, and what is done, so that a stopped run goes on."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.log import append, objects, rewrite
from kedit_memory.evaluation.tasks.compare.outcomes import Outcomes, as_json, from_json

_PLAN, ROWS, CELLS, OUTCOMES, COMPARED = "plan.json", "rows.jsonl", "cells.jsonl", "outcomes.jsonl", "compared.jsonl"
_FORMAT = 2  # of the folder; the first one kept no answers, and other questions were drawn
DONE, FAILED, SHORTENED = "done", "failed", "shortened"


@dataclass(frozen=True, kw_only=True)
class CellKey:
    """One measurement: a method in a mode with so many edits, in the order of a seed."""

    method: str
    mode: str
    planned: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class Cell:
    """How a measurement went.

    `status` is "done"; "shortened" where time ran out at fewer edits than planned, which then are `edits`; or "failed",
    for the reason in `error`. `trace` tells what the method left in the model.
    """

    key: CellKey
    status: str
    edits: int = 0
    seconds: float = 0.0
    error: str = ""
    traceback: str = ""
    trace: str = ""


class Ledger:
    """Rows, answers and cells, kept in a folder where one is given.

    Rows are JSON objects as `Row.flat` gives them, with `mode` and `planned` beside. A cell is written after its rows
    and answers, in one piece each, so that those without their cell are of a run that was stopped: they are dropped.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.rows: list[dict[str, Any]] = []
        self.cells: list[Cell] = []
        self.outcomes: dict[CellKey, Outcomes] = {}

    @classmethod
    def open(cls, folder: Path | None, plan: Mapping[str, Any]) -> "Ledger":
        """The ledger in a folder, which is made if absent, with what is there of the same plan.

        Raises:
            InvalidInputError: the folder holds another plan, one of an earlier format, or something else, or it cannot
                be written.
        """
        ledger = cls(folder)
        if folder is None:
            return ledger
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _agree(folder, plan)
            ledger._read(folder)
        except OSError as error:
            raise InvalidInputError(f"{folder} cannot be used for --output ({error.strerror or error})") from error
        return ledger

    def finished(self, key: CellKey) -> bool:
        """Whether a cell was measured, and need not be measured again; one that failed is tried again."""
        return any(cell.key == key and cell.status != FAILED for cell in self.cells)

    def record(self, cell: Cell, rows: Sequence[Mapping[str, Any]] = (), outcomes: Outcomes | None = None) -> None:
        """Keep a cell with its rows and answers; they are on the disk when this returns."""
        self.cells = [one for one in self.cells if one.key != cell.key]
        self.cells.append(cell)
        self.rows += [dict(row) for row in rows]
        if outcomes is not None:
            self.outcomes[cell.key] = outcomes
        if self.folder is not None:
            append(self.folder / ROWS, rows)
            append(self.folder / OUTCOMES, [] if outcomes is None else [_line_of(cell.key, outcomes)])
            append(self.folder / CELLS, [asdict(cell)])

    def keep_compared(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write the rows that set cells against each other, in place of those of an earlier call.

        Raises:
            InvalidInputError: they cannot be written.
        """
        if self.folder is None:
            return
        try:
            rewrite(self.folder / COMPARED, rows)
        except OSError as error:
            raise InvalidInputError(f"{self.folder} cannot be used for --output ({error.strerror or error})") from error

    def _read(self, folder: Path) -> None:
        cells: dict[CellKey, Cell] = {}
        for number, row in objects(folder / CELLS):
            try:
                cell = Cell(**{**row, "key": CellKey(**row["key"])})
            except (KeyError, TypeError) as error:
                raise InvalidInputError(
                    f"{folder / CELLS}, line {number}, is no cell; take another --output"
                ) from error
            cells[cell.key] = cell  # a later try counts
        kept = {key for key, cell in cells.items() if cell.status != FAILED}
        self.cells = list(cells.values())
        self.rows = [row for _, row in objects(folder / ROWS) if _key_of(row) in kept]
        for number, line in objects(folder / OUTCOMES):
            try:
                key, outcomes = _key_of(line), from_json(line["answers"], line["seed"])
            except (KeyError, TypeError, ValueError) as error:
                raise InvalidInputError(
                    f"{folder / OUTCOMES}, line {number}, holds no answers; take another --output"
                ) from error
            if key in kept:
                self.outcomes[key] = outcomes
        for cell in self.cells:
            if cell.edits and cell.key in kept and cell.key not in self.outcomes:
                raise InvalidInputError(
                    f"{folder / OUTCOMES} lacks the answers of {cell.key.method}, {cell.key.mode}; "
                    "take another --output"
                )
        rewrite(folder / ROWS, self.rows)
        rewrite(folder / OUTCOMES, [_line_of(key, outcomes) for key, outcomes in self.outcomes.items()])
        rewrite(folder / CELLS, [asdict(cell) for cell in self.cells])


def _key_of(row: Mapping[str, Any]) -> CellKey:
    return CellKey(**{name: row.get(name) for name in CellKey.__dataclass_fields__})  # type: ignore[arg-type]


def _line_of(key: CellKey, outcomes: Outcomes) -> dict[str, Any]:
    return asdict(key) | {"answers": as_json(outcomes)}


def _agree(folder: Path, plan: Mapping[str, Any]) -> None:
    """Write the plan into a new folder; refuse a folder of another one."""
    path = folder / _PLAN
    text = json.dumps({"format": _FORMAT, **plan}, indent=1, sort_keys=True)
    if not path.exists():
        aside = path.with_suffix(".new")  # what is left of a run that was stopped in its first moment
        if strangers := sorted(file.name for file in folder.iterdir() if file != aside):
            raise InvalidInputError(
                f"{folder} holds {strangers[0]!r} and no {_PLAN}: it is no folder of a comparison; take a new one"
            )
        aside.write_text(text, "utf-8")
        aside.replace(path)
        return
    try:
        there = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise InvalidInputError(f"{path} is damaged ({error}); take another --output") from error
    if not isinstance(there, dict):
        raise InvalidInputError(f"{path} holds no plan; take another --output")
    if (found := there.get("format", 1)) != _FORMAT:
        raise InvalidInputError(
            f"{folder} holds a run in format {found}, and this version reads format {_FORMAT}: remove the folder, or "
            "take another --output"
        )
    wanted = json.loads(text)
    changed = [name for name in sorted(wanted.keys() | there.keys()) if wanted.get(name) != there.get(name)]
    if changed:
        name = changed[0]
        raise InvalidInputError(
            f"{folder} holds a run with {name} {there.get(name)!r}, and now it is {wanted.get(name)!r}: go on with the "
            "same plan, or take another --output"
        )
