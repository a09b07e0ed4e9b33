"""Checks of a whole store, and its purge."""

# ruff: noqa: S608 - what is joined into SQL is constants of this package; values are bound

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from kedit_memory.errors import StoreError
from kedit_memory.memory.database import Traces
from kedit_memory.memory.folder import LEARNED, VALUES
from kedit_memory.memory.index.cached import CachedIndex
from kedit_memory.memory.rows import CHECKED, SEARCHED, Rows, number_of
from kedit_memory.memory.schema import CHECKED_TABLES, whole
from kedit_memory.memory.store import Store
from kedit_memory.records import Kind, Status
from kedit_memory.sqlite import checksum

_SHOWN = 5  # faults of one kind


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What `verify` has looked at and found."""

    edits: int
    keys: int
    indexed: int
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


@dataclass(frozen=True, kw_only=True)
class Stats:
    """Counts of a store."""

    path: str
    edits: dict[str, int]  # by status
    kinds: dict[str, int]  # of active edits
    namespaces: dict[str, int]  # of active edits
    keys: int  # that questions are compared with; rejected ones find nothing
    operations: int
    fires_confirmed: int  # answers of edits that somebody said were right, and did not take back
    fires_rejected: int  # those that somebody said were not
    encoder: str | None
    encoder_revision: str | None
    dimension: int | None
    bytes: int  # of all files


def stats(store: Rows) -> Stats:
    """Counts of edits, keys and bytes."""
    statuses = store.query("SELECT status, count(*) FROM edits GROUP BY status")
    kinds = store.query("SELECT kind, count(*) FROM edits WHERE status = 'active' GROUP BY kind")
    namespaces = store.query(
        "SELECT namespace, count(*) FROM edits WHERE status = 'active' GROUP BY namespace ORDER BY 1"
    )
    feedback = store.query("SELECT verb, count(*) FROM operations WHERE fired AND undone_by IS NULL GROUP BY verb")
    judged = {row[0]: row[1] for row in feedback}
    dimension = store.meta("dimension")
    return Stats(
        path=store.name,
        edits=dict.fromkeys(map(str, Status), 0) | {row[0]: row[1] for row in statuses},
        kinds=dict.fromkeys(map(str, Kind), 0) | {row[0]: row[1] for row in kinds},
        namespaces={row[0]: row[1] for row in namespaces},
        keys=_counts(store)[1],
        operations=store.last_sequence(),
        fires_confirmed=judged.get("confirm", 0),
        fires_rejected=judged.get("reject", 0),
        encoder=store.meta("encoder"),
        encoder_revision=store.meta("encoder_revision"),
        dimension=None if dimension is None else int(dimension),
        bytes=store.database.size(store.connection),
    )


def verify(store: Store, index: CachedIndex) -> Verification:
    """Compares rows, index and cache with each other, each way and to the last bit, on one snapshot."""
    with index.alone(), store.reading() as rows:
        problems = [*_damaged_database(rows)]
        if not problems:
            problems += [*_row_problems(rows), *index.problems(rows), *_index_problems(rows, index)]
        if not problems:
            problems += _derived_problems(rows)
        counts = (0, 0) if problems else _counts(rows)
        return Verification(edits=counts[0], keys=counts[1], indexed=len(index), problems=tuple(problems))


def problems_of(rows: Rows) -> list[str]:
    """What is wrong with the rows of a store and the database that they are in."""
    return [*_damaged_database(rows)] or [*_row_problems(rows)]


def purge(store: Store, index: CachedIndex, edit_ids: Sequence[str], at: str) -> None:
    """Removes edits with their keys, history and learned values, so that no file holds their words any more.

    Radii that they had narrowed stay as they are.

    Raises:
        StoreError: files cannot be removed, or another process reads the store, so that its log cannot be emptied yet;
            a later purge goes on with it.
    """
    numbers = [number_of(edit_id) for edit_id in edit_ids]
    with store.transaction():
        traces = store.traces(numbers)
        operation = store.delete(numbers, at)
        left = store.recallable(numbers)
    index.follow(operation, left, traces.keys)
    scrub(store, index, traces)


def scrub(store: Store, index: CachedIndex, traces: Traces | None = None) -> None:
    """Clears all files of purged edits, by whose traces they are known; None where these are not known any more.

    Raises:
        StoreError: as in `purge`.
    """
    index.drop()
    _forget_values(store.folder / VALUES)
    store.scrub(traces)


def _forget_values(values: Path) -> None:
    """Removes what models learned of edits; they learn it again. Folders of others are left alone."""
    for learned in sorted(values.glob(f"*/{LEARNED}")) if not values.is_symlink() else ():
        try:
            shutil.rmtree(learned.parent)
        except OSError as error:
            raise StoreError(
                f"{learned.parent} cannot be removed ({error.strerror}); remove it by hand, it holds learned values"
            ) from error


def _damaged_database(store: Rows) -> Iterator[str]:
    try:
        yield from store.database.problems(store.connection)
        for table in CHECKED_TABLES:
            for row in store.query(f"SELECT * FROM {table} t WHERE NOT ({whole(table, 't')}) LIMIT {_SHOWN}"):
                yield f"table {table}: row {row[0]} is not as it was written; restore a backup"
    except StoreError as error:
        yield str(error)
    except store.database.failures as error:
        yield str(store.database.failure(error))


def _row_problems(store: Rows) -> Iterator[str]:
    if store.unscrubbed():
        yield "a purge was stopped before its end, so that files may still hold words of it; run kedit purge"
    for row in store.query(f"SELECT id FROM edits WHERE id NOT IN (SELECT k.edit_id FROM keys k WHERE {SEARCHED})"):
        yield f"edit e{row[0]} has no key and cannot be found; add it again"
    for row in store.query("SELECT id, edit_id FROM keys WHERE length(vector) <> ?", store.vector_size()):
        yield f"key {row[0]} of e{row[1]} has a vector of the wrong size; run kedit rebuild --encoder"
    for key, edit in _altered(store, "keys", "id, edit_id", ("kind", "text", "radius", "vector")):
        yield f"key {key} of e{edit} is not as it was written; restore a backup, or run kedit rebuild --encoder"
    for edit, _ in _altered(store, "edits", "id, id", CHECKED):
        yield f"edit e{edit} is not as it was written; restore a backup, or add it again"
    for edit, _ in _altered(store, "changes", "edit_id, id", ("verb", "edit_id", "before", "after")):
        yield f"the history of e{edit} is not as it was written; restore a backup"
    encoder = store.meta("encoder")
    if encoder is None and store.query("SELECT 1 FROM keys LIMIT 1"):
        yield "the store does not say which encoder its keys come from; run kedit rebuild --encoder"


def _altered(store: Rows, table: str, names: str, checked: Sequence[str]) -> list[tuple[int, int]]:
    """The first few rows of a table, by two of their columns, that have another checksum than these columns give."""
    with store.database.translated():
        rows = store.connection.execute(f"SELECT {names}, checksum, {', '.join(checked)} FROM {table}")
        found = ((row[0], row[1]) for row in rows if row[2] != checksum(*tuple(row)[3:]))
        return list(islice(found, _SHOWN))


def _derived_problems(store: Rows) -> Iterator[str]:
    try:
        for name in store.database.altered_tables(store.connection):
            yield f"table {name} does not say what the edits do; restore a backup"
    except StoreError as error:
        yield str(error)


def _index_problems(store: Rows, index: CachedIndex) -> Iterator[str]:
    try:
        rows, held = store.recallable(), index.contents(store)
    except StoreError as error:
        yield str(error)
        return
    for key in np.setdiff1d(rows[0], held[0])[:5]:
        yield f"key {key} is not in the index; run kedit rebuild"
    for key in np.setdiff1d(held[0], rows[0])[:5]:
        yield f"the index holds key {key}, which no row has; run kedit rebuild"
    if len(rows[0]) and np.array_equal(rows[0], held[0]):
        differ = (rows[1] != held[1]).any(axis=1) | (rows[2] != held[2])
        for key in rows[0][differ][:5]:
            yield f"key {key} has another vector or radius in the index; run kedit rebuild"
        for key in rows[0][~np.isfinite(rows[1]).all(axis=1)][:5]:
            yield f"key {key} has a vector that is no number; run kedit rebuild --encoder"


def _counts(store: Rows) -> tuple[int, int]:
    (row,) = store.query(f"SELECT (SELECT count(*) FROM edits), (SELECT count(*) FROM keys k WHERE {SEARCHED})")
    return row[0], row[1]
