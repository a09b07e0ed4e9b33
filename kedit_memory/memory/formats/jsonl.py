"""JSON lines: one edit, one line of an export or one conversation a line."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kedit_memory.errors import InvalidInputError
from kedit_memory.memory.formats.chat import MESSAGES, pair_of
from kedit_memory.memory.formats.content import lines_of
from kedit_memory.memory.formats.fields import NamedRow, renamed


def read_records(path: Path) -> Iterator[NamedRow]:
    """The rows of a JSONL file."""
    return ((where, record_of(value, where)) for where, value in read_lines(path))


def read_lines(path: Path) -> Iterator[NamedRow]:
    """What each line of a JSONL file holds, with its name ("line 3"); a line that cannot be read is an error.

    Empty lines are passed over.

    Raises:
        NotFoundError: there is no such file.
    """
    for number, line in lines_of(path):
        if isinstance(line, InvalidInputError):
            yield f"line {number}", line
        elif line.strip():
            yield f"line {number}", _parsed(line, number)


def record_of(value: object, where: str) -> object:
    """A JSON value as a row: a conversation as its last question with the answer, any other with its fields' names."""
    if not isinstance(value, Mapping):
        return value
    if MESSAGES not in value:
        return renamed(value)
    try:
        return pair_of(value)
    except InvalidInputError as error:
        return InvalidInputError(f"{where}: {error}")


def parsed_json(text: str) -> Any:
    """The value in a JSON text.

    Raises:
        ValueError, RecursionError: it is none; NaN and infinities are not.
    """
    return json.loads(text, parse_constant=_refuse_constant)


def _parsed(line: str, number: int) -> object:
    try:
        return parsed_json(line)
    except (ValueError, RecursionError) as error:
        return InvalidInputError(f"line {number}: no JSON ({error}); give one object a line")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not allowed")
