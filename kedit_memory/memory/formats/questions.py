"""Logs of questions: a question a line, JSON lines, or a table with a column of questions."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from kedit_memory.memory.formats.chat import MESSAGES
from kedit_memory.memory.formats.content import lines_of
from kedit_memory.memory.formats.fields import renamed
from kedit_memory.memory.formats.jsonl import read_lines
from kedit_memory.memory.formats.table import is_header, read_table

_TABLES, _LINES = {".csv", ".tsv"}, {".jsonl", ".ndjson"}


def read_questions(path: Path) -> Iterator[str | Sequence[Mapping[str, Any]]]:
    """Each row of a log: a question, or a conversation as the list of its turns; empty where it holds neither.

    A JSON line is a text, an object with a field such as "question", or one with "messages". What a name does not tell
    is told by the first line.

    Raises:
        NotFoundError: there is no such file.
        InvalidInputError: a table has no column of questions, or cannot be read.
    """
    form = path.suffix.lower()
    first = next((line for _, line in islice(lines_of(path), 1) if isinstance(line, str)), "")
    if form in _TABLES or (form not in _LINES and is_header(first) and "?" not in first):
        return (_question(row) for _, row in read_table(path))
    if form in _LINES or first.lstrip().startswith("{"):
        return (_question(row) for _, row in read_lines(path))
    return (line.strip() if isinstance(line, str) else "" for _, line in lines_of(path) if _holds_something(line))


def _holds_something(line: object) -> bool:
    return not isinstance(line, str) or bool(line.strip())


def _question(row: object) -> str | Sequence[Mapping[str, Any]]:
    if isinstance(row, Mapping) and isinstance(row.get(MESSAGES), list):
        turns: list[Mapping[str, Any]] = row[MESSAGES]
        return turns
    asked = renamed(row).get("prompt") if isinstance(row, Mapping) else row
    return asked if isinstance(asked, str) else ""
