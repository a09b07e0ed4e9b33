"""A store's passages checked row by row."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from kedit_memory.errors import KeditError, StoreError
from kedit_memory.retrieval.database import DATABASE
from kedit_memory.retrieval.indexfiles import index_problems
from kedit_memory.retrieval.schema import open_database, tables
from kedit_memory.sqlite import altered, translated

_MENDED = "restore a backup, or remove the file and ingest again"
_SHOWN = 10  # faults of one kind that are told one by one
# What is wrong with a row, and how to find such rows.
_FAULTS = {
    "passage {} of namespace {!r} is not as it was written": """
        SELECT id, namespace FROM passages
        WHERE checksum IS NOT checksum_of(namespace, id, title, text, source, date)""",
    "document {} of namespace {!r} is not as it was written": """
        SELECT name, namespace FROM documents
        WHERE checksum IS NOT checksum_of(namespace, name, digest, ingested_at)""",
    "the vector of row {} is not as it was written": """
        SELECT row FROM vectors WHERE checksum IS NOT checksum_of(vector)""",
    "passage {} of namespace {!r} belongs to no document": """
        SELECT id, namespace FROM passages WHERE row NOT IN (SELECT row FROM held)""",
    "document {} is said to hold row {}, which is not of its namespace": """
        SELECT document, held.row FROM held LEFT JOIN documents ON documents.id = document
        LEFT JOIN passages ON passages.row = held.row WHERE passages.namespace IS NOT documents.namespace
        OR passages.namespace IS NULL""",
}


def verify_corpus(store: Path) -> list[str]:
    """What is wrong with a store's passages, a line each; empty where all is sound, or nothing was ingested."""
    file = store / DATABASE
    if not file.exists():
        return []
    try:
        if file.stat().st_size == 0:
            raise StoreError(f"{file} is empty; restore a backup, or remove it and ingest again")
        with closing(open_database(file)) as connection, translated(file):
            connection.execute("BEGIN")  # one state for all that follows
            return [*(f"{file}: {problem}" for problem in _problems(connection)), *index_problems(store)]
    except KeditError as error:
        return [str(error)]
    except OSError as error:
        return [f"{file} cannot be read: {error.strerror}"]


def _problems(connection: sqlite3.Connection) -> Iterator[str]:
    if (found := [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]) != ["ok"]:
        yield from (f"{' '.join(one.split())}; {_MENDED}" for one in found[:_SHOWN])
        return
    for name in altered(connection, tables()):
        yield f"{name} is not as it was made; {_MENDED}"
    for said, sql in _FAULTS.items():
        rows = connection.execute(sql)
        yield from (f"{said.format(*row)}; {_MENDED}" for row in islice(rows, _SHOWN))
        if more := sum(1 for _ in rows):
            yield f"{more} more rows like this; {_MENDED}"
