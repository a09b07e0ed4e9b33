"""The vector index of one store: loaded when first needed, kept in step with the rows."""

import logging
from collections.abc import Iterable

import numpy as np

from kedit_memory.errors import UnknownNameError
from kedit_memory.memory.index import ENGINES, Hits, VectorIndex, load_engine
from kedit_memory.memory.index.base import Floats, Ids
from kedit_memory.memory.index.cachefiles import Manifest, drop_cache, load_cache, save_cache
from kedit_memory.memory.rows import snapshot_from
from kedit_memory.memory.store import CACHE, Store
from kedit_memory.records import Vectors

_LOG = logging.getLogger(__name__)
_RELOAD = ("rebuild", "purge")  # operations after which replaying single changes is not enough
_SAVE_SHARE = 50  # a cache that lags by more than a fiftieth of its keys is written anew
_NO_HITS = Hits(np.empty(0, np.int64), np.empty(0), np.empty(0))


class KeyIndex:
    """Answers over the keys of a store as they are now, also when other processes write to it."""

    def __init__(self, store: Store, engine: str) -> None:
        self._store = store
        if engine not in ENGINES:
            raise UnknownNameError("engine", engine, ENGINES)
        self._engine_name = engine
        self._index: VectorIndex | None = None
        self._sequence = 0
        self._unsaved = 0  # keys changed since the cache was written

    @property
    def loaded(self) -> bool:
        """Whether the index is in memory."""
        return self._index is not None

    def __len__(self) -> int:
        return 0 if self._index is None else len(self._index)

    def current(self) -> VectorIndex | None:
        """The index in step with the newest row; None while the store has no key."""
        newest = self._store.last_sequence()
        if self._index is None:
            self._load(newest)
        elif newest > self._sequence:
            self._replay(newest)
        return self._index

    def in_scope(self, query: Vectors) -> Hits:
        """Keys whose radius reaches the query."""
        index = self.current()
        return _NO_HITS if index is None else index.in_scope(query)

    def nearest(self, query: Vectors, count: int) -> Hits:
        """The nearest keys."""
        index = self.current()
        return _NO_HITS if index is None else index.nearest(query, count)

    def within(self, queries: Vectors, distance: float) -> list[Hits]:
        """Keys within a distance of each query, as of the last `refresh`."""
        index = self._index
        return [_NO_HITS for _ in queries] if index is None else index.within(queries, distance)

    def refresh(self, edits: Iterable[int], stale: Iterable[int]) -> None:
        """Takes the keys of these edits from the rows again; `stale` are keys they had before."""
        ids, vectors, radii = self._store.recallable(sorted(edits))
        index = self._index or self._engine()(vectors.shape[1])
        gone = np.setdiff1d(np.fromiter(stale, np.int64), ids)
        index.remove(gone)
        index.insert(ids, vectors, radii)
        self._index = index
        self._unsaved += len(ids) + len(gone)

    def advance(self, sequence: int) -> None:
        """Notes that the index knows all operations up to this one."""
        self._sequence = sequence

    def forget(self) -> None:
        """Drops what is in memory; the next question loads it anew."""
        self._index, self._sequence = None, 0

    def rebuild(self) -> int:
        """Builds the index from the rows, writes the cache, and gives the number of keys."""
        self.forget()
        drop_cache(self._store.path / CACHE)
        self._load(self._store.last_sequence())
        self.save()
        return len(self)

    def save(self) -> None:
        """Writes the cache; when that fails only the next opening is slower."""
        if self._index is None:
            return
        try:
            save_cache(self._store.path / CACHE, self._index, self.manifest(self._sequence))
            self._unsaved = 0
        except (OSError, RuntimeError) as error:  # RuntimeError is what FAISS raises
            _LOG.warning("the cache of %s cannot be written: %s", self._store.path, error)

    def save_if_worthwhile(self) -> None:
        """Writes the cache when replaying the difference would take longer than a moment."""
        if self._unsaved and self._unsaved * _SAVE_SHARE >= len(self):
            self.save()

    def manifest(self, sequence: int) -> Manifest:
        """What a cache of the present index says about itself."""
        store = self._store
        return Manifest(
            engine=self._engine_name,
            encoder=store.meta("encoder") or "",
            encoder_revision=store.meta("encoder_revision") or "",
            dimension=int(store.meta("dimension") or 0),
            sequence=sequence,
            count=len(self),
        )

    def contents(self) -> tuple[Ids, Vectors, Floats]:
        """All that the index holds; empty arrays while it holds nothing."""
        index = self.current()
        if index is None:
            return np.empty(0, np.int64), np.empty((0, 0), np.float32), np.empty(0)
        return index.contents()

    def _engine(self) -> type[VectorIndex]:
        """The engine, imported at the first use: listing edits needs none."""
        return load_engine(self._engine_name)

    def _load(self, newest: int) -> None:
        if self._store.meta("dimension") is None:
            return
        cached = load_cache(self._store.path / CACHE, self._engine(), self.manifest(newest))
        if cached is not None:
            self._index, self._sequence = cached
            self._replay(newest)
            return
        self._from_rows(newest)

    def _replay(self, newest: int) -> None:
        """Brings the index up to the operation `newest`."""
        rows = self._store.query(
            "SELECT c.edit_id, c.before, c.after, o.verb FROM operations o "
            "LEFT JOIN changes c ON c.operation = o.seq WHERE o.seq > ? AND o.seq <= ?",
            self._sequence,
            newest,
        )
        if any(row["verb"] in _RELOAD for row in rows):
            self._from_rows(newest)
            return
        edits = {row["edit_id"] for row in rows if row["edit_id"] is not None}
        snapshots = (snapshot_from(row[side]) for row in rows for side in ("before", "after"))
        stale = {key.id for snapshot in snapshots if snapshot for key in snapshot.keys}
        if edits:
            self.refresh(edits, stale)
        self._sequence = newest

    def _from_rows(self, newest: int) -> None:
        ids, vectors, radii = self._store.recallable()
        self._index = self._engine()(vectors.shape[1])
        self._index.insert(ids, vectors, radii)
        self._sequence, self._unsaved = newest, len(ids)
