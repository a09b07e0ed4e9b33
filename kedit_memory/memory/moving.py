"""Copies all rows of a store into a new one, of whatever kind: ids, history, counts and checksums as they are."""

# ruff: noqa: S608 - what is joined into SQL is constants of this package; values are bound

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

from kedit_memory.errors import StoreError
from kedit_memory.memory.database import NUMBERED
from kedit_memory.memory.maintenance import problems_of
from kedit_memory.memory.rows import COLUMNS, EVERY, UNSCRUBBED, Rows, edit_of
from kedit_memory.memory.store import Store
from kedit_memory.memory.word_tables import NOTE

# The columns of each table, in the order in which rows refer to each other; names and words follow from the edits, and
# other checksums from their rows.
_TABLES = {
    "edits": (*COLUMNS, "checksum"),
    "keys": ("id", "edit_id", "kind", "text", "radius", "live", "vector", "checksum"),
    "operations": ("seq", "verb", "namespace", "at", "undone_by", "token", "fired"),
    "changes": ("id", "operation", "verb", "edit_id", "before", "after", "checksum"),
    "consolidations": ("operation", "fingerprint", "base", "method", "folder"),
    "consolidated": ("operation", "edit_id", "prompt", "target"),
}
_FLAGS = frozenset({"radius_fixed", "holds", "unnamed", "live", "fired"})  # numbers to SQLite
_OWN = frozenset({"store_id", NOTE, UNSCRUBBED})  # notes that are about one store alone
_BATCH = 1000  # rows read at once


def copy_rows(source: Rows, to: Store) -> None:
    """Writes what one snapshot of a store holds into another that never had an edit, in one transaction, and compares.

    Raises:
        StoreError: the first is damaged, the second has had edits, or does not hold afterwards what it was given; then
            nothing is written.
    """
    if problems := problems_of(source):
        raise StoreError(f"{source.name} is damaged, nothing was copied: {problems[0]}")
    with to.transaction():
        if any(to.last_number(table) for table in NUMBERED):
            raise StoreError(f"{to.name} already holds something; name a store that is empty or new")
        for name, value in _notes(source).items():
            to.set_meta(name, value)
        for table in _TABLES:
            _copy_table(source, to, table)
        for table in NUMBERED:
            to.database.set_last_number(to.connection, table, source.last_number(table))
        to.forget()
        _compare(source, to)


def _copy_table(source: Rows, to: Store, table: str) -> None:
    undone = []
    for row in _rows(source, table):
        if row.get("undone_by") is not None:  # which refers to an operation that is yet to come
            undone.append((row["undone_by"], row["seq"]))
            row["undone_by"] = None
        to.database.insert(to.connection, table, row)
        if table == "edits":
            to.database.written(to.connection, row["id"], edit_of(row | {"radius": 0.0}))
    to.connection.executemany("UPDATE operations SET undone_by = ? WHERE seq = ?", undone)


def _compare(source: Rows, to: Rows) -> None:
    """Raises `StoreError` at the first difference between two stores."""
    if _notes(source) != _notes(to):
        raise StoreError(f"{to.name} has other notes than {source.name}; nothing was kept, try again")
    for table in _TABLES:
        for row, copy in zip_longest(_rows(source, table), _rows(to, table)):
            if row != copy:
                raise StoreError(f"{to.name} has other {table} than {source.name}; nothing was kept, try again")


def _notes(rows: Rows) -> Mapping[str, str]:
    found = rows.query("SELECT name, value FROM meta")
    return {row["name"]: row["value"] for row in found if row["name"] not in _OWN}


def _rows(rows: Rows, table: str) -> Iterator[dict[str, Any]]:
    """The rows of a table in order, a part at a time where they have numbers."""
    columns, key = _TABLES[table], NUMBERED.get(table)
    limit = _BATCH if key else EVERY
    sql = f"SELECT {', '.join(columns)} FROM {table} WHERE {columns[0]} > ? ORDER BY {', '.join(columns[:2])} LIMIT ?"
    last = 0
    while part := rows.query(sql, last, limit):
        for row in part:
            named = dict(zip(columns, row, strict=True))
            yield named | {name: bool(named[name]) for name in _FLAGS & set(columns) if named[name] is not None}
        last = part[-1][0]
