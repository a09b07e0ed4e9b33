"""Checks of a whole store, and the rare operations on it: purge and backup."""

# ruff: noqa: S608 - what is joined into SQL is constants of this package; values are bound

import shutil
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kedit_memory.errors import StoreError
from kedit_memory.memory.index.cached import KeyIndex
from kedit_memory.memory.index.cachefiles import damage, drop_cache, read_manifest
from kedit_memory.memory.rows import number_of, to_json
from kedit_memory.memory.store import CACHE, DATABASE, SEARCHED, VALUES, Store, translated
from kedit_memory.records import Kind, Status


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
    encoder: str | None
    encoder_revision: str | None
    dimension: int | None
    bytes: int  # of all files


def stats(store: Store) -> Stats:
    """Counts of edits, keys and bytes."""
    statuses = store.query("SELECT status, count(*) FROM edits GROUP BY status")
    kinds = store.query("SELECT kind, count(*) FROM edits WHERE status = 'active' GROUP BY kind")
    namespaces = store.query(
        "SELECT namespace, count(*) FROM edits WHERE status = 'active' GROUP BY namespace ORDER BY 1"
    )
    dimension = store.meta("dimension")
    return Stats(
        path=str(store.path),
        edits=dict.fromkeys(map(str, Status), 0) | {row[0]: row[1] for row in statuses},
        kinds=dict.fromkeys(map(str, Kind), 0) | {row[0]: row[1] for row in kinds},
        namespaces={row[0]: row[1] for row in namespaces},
        keys=_counts(store)[1],
        operations=store.last_sequence(),
        encoder=store.meta("encoder"),
        encoder_revision=store.meta("encoder_revision"),
        dimension=None if dimension is None else int(dimension),
        bytes=sum(file.stat().st_size for file in store.path.rglob("*") if file.is_file()),
    )


def verify(store: Store, index: KeyIndex) -> Verification:
    """Compares rows, index and cache with each other, each way and to the last bit."""
    problems = [*_damaged_database(store)]
    if not problems:
        problems += [*_row_problems(store), *_cache_problems(store), *_index_problems(store, index)]
    counts = (0, 0) if problems else _counts(store)
    return Verification(edits=counts[0], keys=counts[1], indexed=len(index), problems=tuple(problems))


def purge(store: Store, edit_ids: Sequence[str], at: str) -> None:
    """Removes edits with their keys and history, so that no file holds their words any more.

    Radii that they had narrowed stay as they are. Afterwards the caller rebuilds the cache.

    Raises:
        StoreError: another process reads the store, so that its log cannot be emptied yet.
    """
    numbers = to_json([number_of(edit_id) for edit_id in edit_ids])
    shutil.rmtree(store.path / VALUES, ignore_errors=True)
    chosen = "IN (SELECT value FROM json_each(?))"
    drop_cache(store.path / CACHE)
    with store.transaction():
        run = store.connection.execute
        run(f"DELETE FROM changes WHERE edit_id {chosen}", (numbers,))
        run(f"DELETE FROM keys WHERE edit_id {chosen}", (numbers,))
        run(f"DELETE FROM edits WHERE id {chosen}", (numbers,))
        run("UPDATE operations SET undone_by = NULL WHERE undone_by NOT IN (SELECT operation FROM changes)")
        run(
            "DELETE FROM operations WHERE verb NOT IN ('purge', 'rebuild') "
            "AND seq NOT IN (SELECT operation FROM changes)"
        )
        store.begin_operation("purge", None, at)
    scrub(store)


def scrub(store: Store) -> None:
    """Rewrites the database without what was deleted, and empties its log."""
    store.query("VACUUM")
    (row,) = store.query("PRAGMA wal_checkpoint(TRUNCATE)")
    if row[0]:
        raise StoreError(
            f"{store.path}: removed, but another process still reads the old log; close it and purge again"
        )


def backup(store: Store, to: str | Path) -> Path:
    """A copy of the store in another folder, consistent even while others write.

    Raises:
        StoreError: the folder holds a store already, or cannot be written.
    """
    folder = Path(to)
    if (folder / DATABASE).exists():
        raise StoreError(f"{folder} already holds a store; name an empty folder for the backup")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with translated(folder / DATABASE):
            copy = sqlite3.connect(folder / DATABASE)
            try:
                store.connection.backup(copy)
            finally:
                copy.close()
        shutil.copytree(store.path / CACHE, folder / CACHE, dirs_exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder} cannot be written ({error}); name another folder") from error
    return folder


def _damaged_database(store: Store) -> Iterator[str]:
    try:
        for row in store.query("PRAGMA integrity_check(5)"):
            if row[0] != "ok":
                yield f"database: {row[0]}; restore a backup"
        for row in store.query("PRAGMA foreign_key_check"):
            yield f"table {row[0]}: row {row[1]} refers to a missing row of {row[2]}"
    except StoreError as error:
        yield str(error)


def _row_problems(store: Store) -> Iterator[str]:
    for row in store.query(f"SELECT id FROM edits WHERE id NOT IN (SELECT k.edit_id FROM keys k WHERE {SEARCHED})"):
        yield f"edit e{row[0]} has no key and cannot be found; add it again"
    for row in store.query("SELECT id, edit_id FROM keys WHERE length(vector) <> ?", store.vector_size()):
        yield f"key {row[0]} of e{row[1]} has a vector of the wrong size; run kedit rebuild --encoder"
    for row in store.connection.execute("SELECT id, edit_id, vector, checksum FROM keys"):
        if zlib.crc32(row[2]) != row[3]:
            yield f"key {row[0]} of e{row[1]} has a damaged vector; run kedit rebuild --encoder"
    encoder = store.meta("encoder")
    if encoder is None and store.query("SELECT 1 FROM keys LIMIT 1"):
        yield "the store does not say which encoder its keys come from; run kedit rebuild --encoder"


def _cache_problems(store: Store) -> Iterator[str]:
    cache = store.path / CACHE
    manifest = read_manifest(cache)
    if manifest is None:
        if (cache / "manifest.json").exists():
            yield f"{cache / 'manifest.json'} cannot be read; run kedit rebuild"
        return
    if problem := damage(cache, manifest):
        yield f"{problem}; run kedit rebuild"
    if manifest.sequence > store.last_sequence():
        yield f"{cache} is newer than the rows; run kedit rebuild"


def _index_problems(store: Store, index: KeyIndex) -> Iterator[str]:
    try:
        rows = store.recallable()
    except StoreError as error:
        yield str(error)
        return
    held = index.contents()
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


def _counts(store: Store) -> tuple[int, int]:
    (row,) = store.query(f"SELECT (SELECT count(*) FROM edits), (SELECT count(*) FROM keys k WHERE {SEARCHED})")
    return row[0], row[1]
