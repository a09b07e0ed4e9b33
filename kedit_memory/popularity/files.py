"""Monthly page views by name, from a local file; a name that the file lacks is unknown, which is not zero.

Files: SQLite (a table `popularity`), Parquet, CSV, TSV or JSON lines, with the columns `name` and `views`; or those of
PopQA (Mallen et al., ACL 2023), where a question's subject and object come with theirs.
"""

import csv
import json
import math
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from kedit_memory.errors import InvalidInputError, MissingDependencyError, NotFoundError

_OWN = (("name", "views"),)
_POPQA = (("subj", "s_pop"), ("obj", "o_pop"))
_ALLOWED = "give a table with the columns name and views, or PopQA's subj, s_pop, obj and o_pop"

Record = Mapping[str, Any]


def read_views(path: Path) -> dict[str, float]:
    """Views by name. In PopQA's tables, which hold questions, a name of several things counts as the best known one.

    Raises:
        NotFoundError: there is no such file.
        InvalidInputError: it is of another kind, lacks the columns, holds a name twice with different views, or views
            that are negative or no number.
        MissingDependencyError: it is a Parquet file, and pyarrow is not installed.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise InvalidInputError(f"{path} cannot be a table of popularity: allowed are {', '.join(_READERS)}")
    if not path.is_file():
        raise NotFoundError(f"no file {path}; give a table of popularity that exists")
    views: dict[str, float] = {}
    for place, record in enumerate(_records(path, reader), 1):
        pairs = _POPQA if "subj" in record and "s_pop" in record else _OWN
        for name, count in _named(path, place, record, pairs):
            if name in views and views[name] != count and pairs is _OWN:
                raise InvalidInputError(
                    f"{path}, row {place}: {name!r} has {count:g} views here, {views[name]:g} before"
                )
            views[name] = max(count, views.get(name, 0.0))
    if not views:
        raise InvalidInputError(f"{path} holds no row; {_ALLOWED}")
    return views


def _named(path: Path, place: int, record: Record, pairs: Sequence[tuple[str, str]]) -> Iterator[tuple[str, float]]:
    """The names of a row with their views, without those whose views are not told."""
    for name_column, views_column in pairs:
        name, given = record.get(name_column), record.get(views_column)
        if not isinstance(name, str) or not name.strip() or views_column not in record:
            raise InvalidInputError(f"{path}, row {place}: no {name_column} with {views_column}; {_ALLOWED}")
        if given is None or given == "":
            continue
        try:
            count = float(given)
        except (TypeError, ValueError):
            count = math.nan
        if not 0 <= count < math.inf:
            raise InvalidInputError(f"{path}, row {place}: {name!r} has {given!r} views; give a number of 0 or more")
        yield name.strip(), count


def _records(path: Path, reader: Callable[[Path], Iterator[Record]]) -> Iterator[Record]:
    try:
        yield from reader(path)
    except (OSError, ValueError, csv.Error, sqlite3.Error) as error:
        if isinstance(error, InvalidInputError):
            raise
        raise InvalidInputError(f"{path} cannot be read as a table ({error}); {_ALLOWED}") from error


def _lines(path: Path) -> Iterator[Record]:
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(filter(str.strip, lines), 1):
            row = json.loads(line)
            if not isinstance(row, dict):
                raise InvalidInputError(f"{path}, row {number}: not a JSON object; {_ALLOWED}")
            within = row.get("metadata")
            yield within if isinstance(within, dict) and "subj" in within else row


def _separated(path: Path) -> Iterator[Record]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        yield from csv.DictReader(lines, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")


def _sqlite(path: Path) -> Iterator[Record]:
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
        yield from (
            {"name": name, "views": views} for name, views in database.execute("SELECT name, views FROM popularity")
        )


def _parquet(path: Path) -> Iterator[Record]:
    try:
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"{path}: Parquet needs pyarrow, which is not installed; run: pip install 'kedit-memory[popularity]'"
        ) from error
    with parquet.ParquetFile(path) as table:
        wanted = {column for pair in (*_OWN, *_POPQA) for column in pair}
        columns = [name for name in table.schema_arrow.names if name in wanted]
        for batch in table.iter_batches(columns=columns):
            yield from batch.to_pylist()


_READERS: dict[str, Callable[[Path], Iterator[Record]]] = {
    ".csv": _separated,
    ".db": _sqlite,
    ".jsonl": _lines,
    ".parquet": _parquet,
    ".sqlite": _sqlite,
    ".tsv": _separated,
}
