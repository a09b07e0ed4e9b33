"""Tables: CSV with commas, semicolons or tabs, whose header names the fields of an edit."""

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from kedit_memory.errors import InvalidInputError
from kedit_memory.memory.formats.content import lines_of
from kedit_memory.memory.formats.fields import NamedRow, field_of, with_metadata
from kedit_memory.records import REQUEST_FIELDS

_DELIMITERS = ",;\t"
_ASKED = {"prompt", "statement", "subject"}  # a table without one of these columns tells nothing
_LISTS = {"paraphrases", "aliases"}
_BETWEEN = "|"  # parts of a list in one cell


def read_table(path: Path) -> Iterator[NamedRow]:
    """The rows of a table; columns that are no field of an edit become its metadata, empty cells are left out.

    Raises:
        NotFoundError: there is no such file.
        InvalidInputError: it is in another encoding, or its header names nothing to store.
    """
    lines = _decoded(path)
    header, first = next(((number, line) for number, line in enumerate(lines, start=1) if line.strip()), (0, ""))
    columns = _columns(first, path)
    reader = csv.reader(lines, delimiter=_delimiter(first), strict=True)
    while True:
        where = f"line {header + reader.line_num + 1}"
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield where, InvalidInputError(f"{where}: no row of a table ({error}); quote cells as CSV does")
            continue
        if any(map(str.strip, cells)):
            yield where, _row(cells, columns, where)


def is_header(line: str) -> bool:
    """Whether the first line of a file names columns to store."""
    return bool(_ASKED & set(_fields(line)))


def _decoded(path: Path) -> Iterator[str]:
    for _, line in lines_of(path):
        if isinstance(line, InvalidInputError):
            raise InvalidInputError(f"{path}, {line}")
        yield line


def _columns(line: str, path: Path) -> list[str]:
    columns = _fields(line)
    for name in columns:
        if name in REQUEST_FIELDS and columns.count(name) > 1:
            raise InvalidInputError(f"{path} has two columns for {name!r}; rename one in its header")
    if not _ASKED & set(columns):
        raise InvalidInputError(
            f"{path} has no column for a question or a statement (found: {line.strip()[:80]!r}); "
            "name columns in its first line, such as question and answer"
        )
    return columns


def _fields(line: str) -> list[str]:
    return [field_of(cell) for cell in _cells(line, _delimiter(line))]


def _delimiter(line: str) -> str:
    """What the header is cut by: the sign that leaves the most columns with a field's name, then the most columns."""

    def fit(sign: str) -> tuple[int, int]:
        cells = _cells(line, sign)
        return sum(field_of(cell) in REQUEST_FIELDS for cell in cells), len(cells)

    return max(_DELIMITERS, key=fit)


def _cells(line: str, delimiter: str) -> list[str]:
    """The cells of a line; none where it is no line of a table."""
    try:
        return [cell.strip() for cell in next(csv.reader([line.strip()], delimiter=delimiter), [])]
    except csv.Error:
        return []


def _row(cells: Sequence[str], columns: Sequence[str], where: str) -> object:
    if len(cells) > len(columns):
        return InvalidInputError(
            f"{where}: {len(cells)} cells for {len(columns)} columns; quote a cell that holds the delimiter"
        )
    try:
        filled = zip(columns, cells, strict=False)
        return with_metadata({name: _value(name, cell) for name, cell in filled if name and cell.strip()})
    except ValueError as error:
        return InvalidInputError(f"{where}: {error}")


def _value(name: str, cell: str) -> Any:
    text = cell.strip()
    if name in _LISTS:
        return json.loads(text) if text.startswith("[") else [part for part in text.split(_BETWEEN) if part.strip()]
    if name == "metadata":
        return json.loads(text)
    if name == "radius":
        return float(text)
    return cell
