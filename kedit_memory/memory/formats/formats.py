"""Which reader a file needs, by its name or by how it begins."""

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from kedit_memory.errors import InvalidInputError, UnknownNameError
from kedit_memory.memory.formats.content import lines_of
from kedit_memory.memory.formats.document import read_document
from kedit_memory.memory.formats.fields import NamedRow
from kedit_memory.memory.formats.jsonl import read_records
from kedit_memory.memory.formats.markdown import read_markdown
from kedit_memory.memory.formats.page import read_page
from kedit_memory.memory.formats.table import is_header, read_table

FORMATS: Mapping[str, Callable[[Path], Iterator[NamedRow]]] = {
    "csv": read_table,
    "html": read_page,
    "json": read_document,
    "jsonl": read_records,
    "markdown": read_markdown,
}
_SUFFIXES = {
    ".csv": "csv", ".tsv": "csv", ".htm": "html", ".html": "html", ".json": "json", ".jsonl": "jsonl",
    ".ndjson": "jsonl", ".markdown": "markdown", ".md": "markdown",
}  # fmt: skip
_SIGNS = {"{": "json", "[": "json", "<": "html"}  # with which a file begins
_SEEN = 100  # lines that tell a format


def read_rows(path: Path, form: str | None = None) -> Iterator[NamedRow]:
    """What a file asks to be stored, row by row, each with the name of its place, such as "line 3".

    What is wrong with a row is given in its place, so that a caller who accepts a part of a file can go on.

    Raises:
        NotFoundError: there is no such file.
        InvalidInputError: it is in no format that is read, or cannot be read as that format at all.
        MissingDependencyError: it is an HTML page, and the packages that read these are not installed.
        UnknownNameError: no format is called `form`.
    """
    name = form or format_of(path)
    if name not in FORMATS:
        raise UnknownNameError("format", name, FORMATS)
    return FORMATS[name](path)


def format_of(path: Path) -> str:
    """The name of a file's format.

    Raises:
        NotFoundError: there is no such file.
        InvalidInputError: neither its name nor its beginning tells.
    """
    if known := _SUFFIXES.get(path.suffix.lower()):
        return known
    lines = [line for _, line in islice(lines_of(path), _SEEN) if isinstance(line, str) and line.strip()]
    if not lines:
        return "jsonl"  # of nothing, which every format can hold
    if told := _SIGNS.get(lines[0].lstrip()[0]):
        return "jsonl" if told == "json" and len(lines) > 1 and _is_json(lines[0]) else told
    if is_header(lines[0]):
        return "csv"
    if any(line.startswith("#") for line in lines):
        return "markdown"
    raise InvalidInputError(
        f"{path} is in no format that can be told; name it with --format, one of {', '.join(FORMATS)}"
    )


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True
