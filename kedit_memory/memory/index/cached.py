"""The vector index of one store: loaded when first needed, kept in step with the rows."""

import hashlib
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from kedit_memory.cachefiles import damage, drop_cache, read_manifest, write_cache
from kedit_memory.errors import EngineError, StoreError
from kedit_memory.memory.index import Engine, VectorIndex, check_engine, find_engine, is_remote, load_engine
from kedit_memory.memory.index.parted import PartedIndex
from kedit_memory.memory.rows import Keys, Rows, snapshot_from
from kedit_memory.memory.store import Store
from kedit_memory.places import is_address, without_password
from kedit_memory.records import Floats, Ids, Vectors

_LOG = logging.getLogger(__name__)
_VERSION = 3  # of the files
_RELOAD = ("rebuild", "purge")  # operations after which replaying single changes is not enough
_SAVE_SHARE = 50  # a cache that lags by more than a fiftieth of its keys is written anew


class CachedIndex:
    """An index over the keys of a store, also when other processes write to it; one thread at a time is in it."""

    def __init__(self, store: Store, engine: str) -> None:
        check_engine(engine)
        self._store = store
        self._engine_name = engine
        self._tables = _told_apart(store) if self._remote else ""
        self._lock = threading.RLock()
        self._index: PartedIndex | None = None
        self._sequence = 0  # the last operation that it knows of
        self._unsaved = 0  # keys changed since the cache was written

    def __len__(self) -> int:
        return 0 if self._index is None else len(self._index)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps other threads out, so that the index stays as some rows have it; after a failure it is loaded anew."""
        with self._lock:
            try:
                yield
            except EngineError:
                self.forget()
                raise

    def known(self, sequence: int) -> PartedIndex | None:
        """The index if it is in memory and knows just the operations up to this one."""
        return self._index if self._sequence == sequence else None

    def at(self, rows: Rows) -> PartedIndex | None:
        """The index in step with these rows; None while the store has no key. Called `alone`."""
        newest = rows.last_sequence()
        if self._index is None:
            self._load(rows, newest)
        elif newest > self._sequence:
            self._replay(rows, newest)
        return self._index

    def empty(self, dimension: int) -> VectorIndex:
        """A new index in this process, for keys that are not committed yet."""
        return load_engine("faiss" if self._remote else self._engine_name)(dimension)

    def follow(self, operation: int, keys: Keys, stale: Iterable[int]) -> None:
        """Takes over what a committed operation did: the keys that its edits have now; `stale` are those before.

        An index that has missed operations of other processes catches up at the next question, and so does one whose
        engine fails: what was committed is not refused any more.
        """
        with self._lock:
            if self.known(operation - 1) is None:
                return
            try:
                self._take(keys, stale)
            except EngineError as error:
                _LOG.warning("stored, but not indexed yet: %s", error)
                self.forget()
                return
            except BaseException:  # such as no memory left: the next question builds it anew
                self.forget()
                raise
            self._sequence = operation

    def forget(self) -> None:
        """Drops what is in memory; the next question loads it anew."""
        with self._lock:
            index, self._index, self._sequence = self._index, None, 0
            if index is not None:
                index.close()

    def drop(self) -> None:
        """Removes the files of the cache, and what a server holds beside the keys that there are.

        Raises:
            StoreError: they cannot be removed.
        """
        if self._remote:
            with self.alone(), self._store.reading() as rows:
                self.at(rows)  # may take long, so before others have to wait
            with self._store.transaction(), self.alone():  # nobody commits meanwhile: no key of others is taken away
                if index := self.at(self._store):
                    index.sweep()
        cache = self._store.database.cache
        try:
            drop_cache(cache)
        except OSError as error:
            raise StoreError(f"{cache} cannot be removed ({error.strerror}); remove it by hand") from error

    def rebuild(self) -> int:
        """Builds the index from the rows, writes the cache, and gives the number of keys."""
        with self._lock, self._store.reading() as rows:
            self._from_rows(rows, rows.last_sequence())
        self.drop()
        self.save()
        return len(self)

    def save(self) -> None:
        """Writes the cache, unless keys were purged meanwhile; when that fails only the next opening is slower."""
        if not self._store.database.writable or not len(self):
            return
        written = [0]  # the operation that the files know of

        def write(folder: Path) -> dict[str, Any]:
            with self._lock, self._store.reading() as rows:
                if index := self.at(rows):
                    index.save(folder)
                self._unsaved, written[0] = 0, self._sequence
                return self._made_from(rows, self._sequence)

        def publish(make_current: Callable[[], object]) -> bool:
            with self._store.transaction():
                purged = "SELECT 1 FROM operations WHERE verb = 'purge' AND seq > ? LIMIT 1"
                if self._store.query(purged, written[0]):
                    return False
                make_current()
            return True

        try:
            write_cache(self._store.database.cache, self._sequence, write, publish)
        except (OSError, RuntimeError, StoreError) as error:  # RuntimeError is what FAISS raises
            _LOG.warning("the cache of %s cannot be written: %s", self._store.name, error)

    def save_if_worthwhile(self) -> None:
        """Writes the cache when replaying the difference would take longer than a moment."""
        if self._unsaved and self._unsaved * _SAVE_SHARE >= len(self):
            self.save()

    def problems(self, rows: Rows) -> Iterator[str]:
        """What is wrong with the files of the cache."""
        cache = self._store.database.cache
        manifest = read_manifest(cache)
        if manifest is None:
            if (cache / "manifest.json").exists():
                yield f"{cache / 'manifest.json'} cannot be read; run kedit rebuild"
        elif problem := damage(cache, manifest):
            yield f"{problem}; run kedit rebuild"
        elif manifest.made_from.get("engine", without_password(self._engine_name)) != without_password(
            self._engine_name
        ):
            return  # a cache of another engine is neither read nor wrong
        elif not self._fits(rows, manifest.made_from, rows.last_sequence()):
            yield f"{cache} was made from other rows; run kedit rebuild"

    def contents(self, rows: Rows) -> tuple[Ids, Vectors, Floats]:
        """All that the index holds; empty arrays while it holds nothing."""
        index = self.at(rows)
        if index is None:
            return np.empty(0, np.int64), np.empty((0, 0), np.float32), np.empty(0)
        return index.contents()

    @property
    def _remote(self) -> bool:
        return is_remote(self._engine_name)

    def _engine(self, part: str) -> Engine:
        """The engine of a part, imported at the first use: listing edits needs none."""
        return find_engine(self._engine_name, f"kedit_{self._tables}_{part}")

    def _made_from(self, rows: Rows, sequence: int) -> dict[str, Any]:
        """What tells a cache of these rows from any other."""
        token = rows.query("SELECT token FROM operations WHERE seq = ?", sequence)
        return self._identity(rows) | {
            "sequence": sequence,
            "token": token[0][0] if token else None,
            "count": len(self),
        }

    def _identity(self, rows: Rows) -> dict[str, Any]:
        names = ("store_id", "encoder", "encoder_revision", "dimension")
        return {"version": _VERSION, "engine": without_password(self._engine_name)} | {
            name: rows.meta(name) for name in names
        }

    def _fits(self, rows: Rows, made_from: dict[str, Any] | Any, newest: int) -> bool:
        """Whether a cache is of these rows; it may lag behind, not lead, nor know another operation of that number."""
        sequence = made_from.get("sequence")
        if not isinstance(sequence, int) or sequence > newest:
            return False
        token = rows.query("SELECT token FROM operations WHERE seq = ?", sequence)
        known = {"token": token[0][0] if token else None} | self._identity(rows)
        return all(made_from.get(name, "") == value for name, value in known.items())

    def _load(self, rows: Rows, newest: int) -> None:
        if rows.meta("dimension") is None:
            return
        cache = self._store.database.cache
        manifest = read_manifest(cache)
        if manifest is None or not self._fits(rows, manifest.made_from, newest):
            self._from_rows(rows, newest)
            return
        index = self._read(cache / manifest.folder, damage(cache, manifest))
        if index is None or len(index) != manifest.made_from.get("count"):
            if index is not None:
                index.close()
            self._from_rows(rows, newest)
            return
        self._index, self._sequence = index, manifest.made_from["sequence"]
        self._replay(rows, newest)

    def _read(self, folder: Path, problem: str | None) -> PartedIndex | None:
        try:
            if problem is None:
                return PartedIndex.load(self._engine, folder)
        except (OSError, ValueError, RuntimeError, MemoryError) as error:  # RuntimeError is what FAISS raises
            problem = f"cache {folder} cannot be read ({error})"
        # A folder that is gone was replaced by another process meanwhile, which is no news.
        _LOG.log(logging.WARNING if folder.exists() else logging.DEBUG, "%s; the index is built anew", problem)
        return None

    def _replay(self, rows: Rows, newest: int) -> None:
        """Brings the index up to the operation `newest`."""
        changes = rows.query(
            "SELECT c.edit_id, c.before, c.after, o.verb FROM operations o "
            "LEFT JOIN changes c ON c.operation = o.seq WHERE o.seq > ? AND o.seq <= ?",
            self._sequence,
            newest,
        )
        if any(change["verb"] in _RELOAD for change in changes):
            self._from_rows(rows, newest)
            return
        edits = {change["edit_id"] for change in changes if change["edit_id"] is not None}
        snapshots = (snapshot_from(change[side]) for change in changes for side in ("before", "after"))
        try:
            stale = {key.id for snapshot in snapshots if snapshot for key in snapshot.keys}
        except StoreError:  # history is damaged, the rows need not be
            self._from_rows(rows, newest)
            return
        self._refresh(rows, edits, stale)
        self._sequence = newest

    def _refresh(self, rows: Rows, edits: Iterable[int], stale: Iterable[int]) -> None:
        """Takes the keys of these edits from the rows again."""
        self._take(rows.recallable(sorted(edits)), stale)

    def _take(self, keys: Keys, stale: Iterable[int]) -> None:
        index = self._index or PartedIndex.empty(self._engine, keys.vectors.shape[1])
        gone = np.setdiff1d(np.fromiter(stale, np.int64), keys.ids)
        index.remove(gone)
        index.insert(*keys)
        self._index = index
        self._unsaved += len(keys.ids) + len(gone)

    def _from_rows(self, rows: Rows, newest: int) -> None:
        self.forget()
        keys = rows.recallable()
        index = PartedIndex.empty(self._engine, keys.vectors.shape[1])
        index.insert(*keys)
        self._index, self._sequence, self._unsaved = index, newest, len(keys.ids)


def _told_apart(store: Store) -> str:
    """What tells a store from its copies elsewhere, so that none takes rows of another out of a server."""
    told = f"{store.meta('store_id')} {store.name}"
    if not is_address(store.name):
        place = store.folder.resolve()
        told = f"{store.meta('store_id')} {place} {place.stat().st_ino}"
    return hashlib.sha256(told.encode()).hexdigest()[:16]
