"""The default engine: one FAISS inner product search that honours every key's own radius.

A key x with radius r is stored as (z, -|x|^2 / 2, r^2 / 2) where z is the reduced x, and a question
q is asked as (z_q, 1, 1). The product is (r^2 - |x - q|^2 + |q|^2) / 2 when nothing is reduced, so
"inside" is "product >= |q|^2 / 2", for each key with its own r. Asked as (z_q, 1, 0) the same rows
give plain distances. What is found in float32, with a slack that covers rounding, is a superset;
the shared float64 distance over the full vectors decides.

The vectors are held once: in the rows of FAISS, or beside them where these are reduced.
FAISS runs a single question on one thread, so its global thread count is left alone.
"""

from pathlib import Path
from typing import Any, Self

import faiss
import numpy as np

from kedit_memory.memory.index.base import Hits, Local, distances, ordered, slack
from kedit_memory.memory.index.reduction import SMALLEST, choose_basis, reduce
from kedit_memory.records import Floats, Ids, Vectors

_GROWTH = 4  # a basis is chosen anew when the index has grown this many times
_QUERIES = 256  # asked at once, which bounds the memory of a batch
_KEYS = 4096  # reduced at once, likewise
_FIRST_LOOK = 128  # reduced neighbours that bound the true ones
_SPARSE = 8  # rows of which one is looked at are quicker gathered
_WORTHWHILE = 32  # candidates from which a float32 comparison pays


class FaissIndex(Local):
    """Exact per-key radii over a flat FAISS index of vectors, or of reduced ones with the full ones beside it.

    A removed key leaves a free row, which the next insertion takes, so one removal costs the same
    in a large index as in a small one.
    """

    def __init__(self, dimension: int, *, reduce_from: int = SMALLEST) -> None:
        self.dimension = dimension
        self._reduce_from = reduce_from
        self._basis: Floats | None = None
        self._chosen_at = 0  # keys at the last choice of a basis
        self._rows: dict[int, int] = {}  # id to row
        self._free: list[int] = []
        self._used = 0  # rows in use or free
        self._ids = np.empty(0, np.int64)
        self._whole: Vectors | None = None  # the vectors by row, where those of `_flat` are reduced
        self._radii = np.empty(0, np.float64)
        self._largest = 0.0  # squared norm or squared radius, for the slack
        self._flat: Any = faiss.IndexFlatIP(dimension + 2)

    def __len__(self) -> int:
        return len(self._rows)

    def insert(self, ids: Ids, vectors: Vectors, radii: Floats) -> None:
        """See `VectorIndex.insert`."""
        self.remove(ids)
        last = {int(key): row for row, key in enumerate(ids)}  # a repeated id: its last row counts
        taken = np.fromiter(last.values(), np.int64, len(last))
        vectors, radii = np.ascontiguousarray(vectors[taken], np.float32), radii[taken]
        rows = self._take_rows(len(last))
        self._ids[rows] = ids[taken]
        self._radii[rows] = radii
        if self._whole is not None:
            self._whole[rows] = vectors
        self._rows.update(zip(last, rows.tolist(), strict=True))
        self._write(rows, self._augmented(vectors, radii))
        if len(self) >= max(self._reduce_from, _GROWTH * self._chosen_at):
            self._choose_basis()

    def remove(self, ids: Ids) -> None:
        """See `VectorIndex.remove`."""
        rows = [row for key in ids.tolist() if (row := self._rows.pop(key, None)) is not None]
        if rows:
            self._clear(np.array(rows))
            self._free.extend(rows)

    def update_radii(self, ids: Ids, radii: Floats) -> None:
        """See `VectorIndex.update_radii`."""
        pairs = zip(ids.tolist(), radii.tolist(), strict=True)
        known = [(self._rows[key], radius) for key, radius in pairs if key in self._rows]
        if known:
            rows = np.array([row for row, _ in known])
            self._radii[rows] = [radius for _, radius in known]
            self._write(rows, self._augmented(self._vectors[rows], self._radii[rows]))

    def in_scope(self, query: Vectors) -> Hits:
        """See `VectorIndex.in_scope`."""
        (rows,) = self._candidates(query[None], scope=1.0, squared=0.0)
        if not len(rows):  # as for most questions
            return Hits(rows, np.empty(0), np.empty(0))
        rows = self._plausible(query, rows, np.square(self._radii[rows]))
        found = distances(query, self._vectors[rows])
        inside = found <= self._radii[rows]
        return ordered(self._ids[rows[inside]], found[inside], self._radii[rows[inside]])

    def within(self, queries: Vectors, distance: float) -> list[Hits]:
        """See `VectorIndex.within`."""
        limit = distance * distance
        every = self._candidates(queries, scope=0.0, squared=limit)
        hits: list[Hits] = []
        for query, candidates in zip(queries, every, strict=True):
            rows = self._plausible(query, candidates, limit)
            found = distances(query, self._vectors[rows])
            near = rows[found <= distance]
            hits.append(ordered(self._ids[near], found[found <= distance], self._radii[near]))
        return hits

    def nearest(self, query: Vectors, count: int) -> Hits:
        """See `VectorIndex.nearest`.

        The nearest in the reduced space bound the true distance of the last one from above;
        whatever may lie within that bound is then compared in full.
        """
        count = min(count, len(self))
        if count <= 0:
            return Hits(np.empty(0, np.int64), np.empty(0), np.empty(0))
        products = self._view() @ self._asked(query[None], scope=0.0)[0]  # (rows,)
        taken = min(len(self), max(_FIRST_LOOK, 2 * count))
        rows = np.argpartition(products, len(products) - taken)[-taken:]
        bound = np.partition(distances(query, self._vectors[rows]), count - 1)[count - 1] ** 2
        norm = np.square(query.astype(np.float64)).sum()
        (candidates,) = np.nonzero(products >= (norm - bound - self._slack(norm, bound)) / 2)
        candidates = self._plausible(query, candidates, bound)
        found = distances(query, self._vectors[candidates])
        near = ordered(self._ids[candidates], found, self._radii[candidates])
        return Hits(near.ids[:count], near.distances[:count], near.radii[:count])

    def contents(self) -> tuple[Ids, Vectors, Floats]:
        """See `VectorIndex.contents`."""
        rows = self._live_rows()
        return self._ids[rows], self._vectors[rows], self._radii[rows]

    def save(self, folder: Path) -> None:
        """See `VectorIndex.save`; free rows are left out."""
        rows = self._live_rows()
        np.save(folder / "ids.npy", self._ids[rows], allow_pickle=False)
        np.save(folder / "radii.npy", self._radii[rows], allow_pickle=False)
        if self._basis is not None and self._whole is not None:
            np.save(folder / "basis.npy", self._basis, allow_pickle=False)
            np.save(folder / "vectors.npy", self._whole[rows], allow_pickle=False)
        flat = faiss.IndexFlatIP(self._flat.d)
        for start in range(0, len(rows), _KEYS):
            flat.add(self._view()[rows[start : start + _KEYS]])
        faiss.write_index(flat, str(folder / "keys.faiss"))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """See `Engine.load`."""
        flat = faiss.read_index(str(folder / "keys.faiss"))
        reduced = (folder / "basis.npy").exists()
        whole = np.load(folder / "vectors.npy", allow_pickle=False) if reduced else None
        index = cls(flat.d - 2 if whole is None else whole.shape[1])
        index._flat, index._whole = flat, whole
        index._ids = np.load(folder / "ids.npy", allow_pickle=False)
        index._radii = np.load(folder / "radii.npy", allow_pickle=False)
        index._used = len(index._ids)
        index._rows = dict(zip(index._ids.tolist(), range(index._used), strict=True))
        if whole is not None:
            index._basis = np.load(folder / "basis.npy", allow_pickle=False)
            index._chosen_at = index._used
        if not len(index._ids) == len(index._radii) == flat.ntotal == len(index._vectors):
            raise ValueError(f"{folder} holds parts of different lengths")
        index._note_largest(index._view()[:, -2], index._radii)
        return index

    @property
    def _vectors(self) -> Vectors:
        """The vectors by row, not to be kept: FAISS may move its own."""
        return self._view()[:, : self.dimension] if self._whole is None else self._whole

    def _live_rows(self) -> Ids:
        rows = np.fromiter(self._rows.values(), np.int64, len(self._rows))
        return rows[np.argsort(self._ids[rows])]

    def _take_rows(self, count: int) -> Ids:
        """Rows for new keys: freed ones first, then fresh ones at the end."""
        reused = [self._free.pop() for _ in range(min(count, len(self._free)))]
        fresh = count - len(reused)
        needed = self._used + fresh
        if needed > len(self._ids):
            capacity = needed if not self._used else max(needed, self._used + self._used // 2)
            self._ids = np.resize(self._ids, capacity)
            self._radii = np.resize(self._radii, capacity)
            if self._whole is not None:
                self._whole = _grown(self._whole, capacity)
        if fresh:
            self._flat.add(np.zeros((fresh, self._flat.d), np.float32))
        rows = np.array([*reused, *range(self._used, needed)], np.int64)
        self._used = needed
        return rows

    def _choose_basis(self) -> None:
        """Fits the reduction to the keys at hand and writes all of them anew where it changes."""
        rows = self._live_rows()
        self._chosen_at = len(rows)
        basis = choose_basis(self._vectors[rows], self._radii[rows])
        if basis is None and self._basis is None:
            return
        whole = _grown(self._vectors, len(self._ids)) if self._whole is None else self._whole
        self._basis = basis
        flat = faiss.IndexFlatIP((self.dimension if basis is None else basis.shape[1] + 1) + 2)
        for start in range(0, self._used, _KEYS):
            part = slice(start, min(start + _KEYS, self._used))
            flat.add(self._augmented(whole[part], self._radii[part]))
        self._flat = flat
        self._whole = None if basis is None else whole
        self._clear(np.array(self._free, np.int64))

    def _augmented(self, vectors: Vectors, radii: Floats) -> Vectors:
        norms = np.square(vectors.astype(np.float64)).sum(axis=1)
        tail = np.stack([-norms / 2, np.square(radii) / 2], axis=1).astype(np.float32)
        self._note_largest(tail[:, 0], radii)
        return np.concatenate([reduce(vectors, self._basis), tail], axis=1)

    def _note_largest(self, halves: Vectors, radii: Floats) -> None:
        """Widens the bound on squared norms, of which -|x|^2 / 2 are given, and on squared radii."""
        if len(halves):
            norm = -2 * float(halves.min()) * (1 + 1e-4)
            self._largest = max(self._largest, norm, float(np.square(radii).max()))

    def _write(self, rows: Ids, augmented: Vectors) -> None:
        self._view()[rows] = augmented

    def _clear(self, rows: Ids) -> None:
        """Makes rows ones whose product with any question reaches no threshold."""
        nowhere = np.zeros((len(rows), self._flat.d), np.float32)
        nowhere[:, -2] = -np.inf
        self._write(rows, nowhere)

    def _view(self) -> Vectors:
        """The rows of FAISS, shared with it; taken anew because FAISS may move them."""
        if not self._flat.ntotal:
            return np.empty((0, self._flat.d), np.float32)
        held: Vectors = faiss.rev_swig_ptr(self._flat.get_xb(), self._flat.ntotal * self._flat.d)
        return held.reshape(self._flat.ntotal, self._flat.d)

    def _asked(self, queries: Vectors, *, scope: float) -> Vectors:
        tail = np.ones((len(queries), 2), np.float32)
        tail[:, 1] = scope
        return np.concatenate([reduce(np.ascontiguousarray(queries), self._basis), tail], axis=1)

    def _candidates(self, queries: Vectors, *, scope: float, squared: float) -> list[Ids]:
        """Rows that may satisfy scope * r^2 + squared >= |x - q|^2, for each query; misses none."""
        if not self._rows:
            return [np.empty(0, np.int64) for _ in queries]
        norms = np.square(queries.astype(np.float64)).sum(axis=1)
        thresholds = ((norms - squared - self._slack(norms, squared)) / 2).astype(np.float32)
        asked, found = self._asked(queries, scope=scope), list[Ids]()
        for start in range(0, len(asked), _QUERIES):
            part = slice(start, start + _QUERIES)
            least = float(np.nextafter(thresholds[part].min(), np.float32(-np.inf)))
            limits, _, rows = self._flat.range_search(asked[part], least)
            found += np.split(rows, limits[1:-1].astype(np.int64))
        return found

    def _plausible(self, query: Vectors, rows: Ids, squared: Floats | float) -> Ids:
        """The candidates that full float32 vectors cannot rule out: most of them go here."""
        if len(rows) < _WORTHWHILE:
            return rows
        norm = np.square(query.astype(np.float64)).sum()
        halves = self._view()[rows, -2]  # -|x|^2 / 2
        # Of many rows it is quicker to multiply all, which lie in one piece, than to gather them.
        many = _SPARSE * len(rows) > self._used
        products = (self._vectors[: self._used] @ query)[rows] if many else self._vectors[rows] @ query
        found = norm - 2 * (products + halves)
        kept: Ids = rows[found <= squared + self._slack(norm, np.max(squared))]
        return kept

    def _slack(self, norms: Floats, squared: float) -> Floats:
        return slack(self.dimension, norms, self._largest, squared)


def _grown(vectors: Vectors, capacity: int) -> Vectors:
    """The same rows at the start of a larger array; `np.resize` would repeat them to fill it."""
    larger = np.empty((capacity, vectors.shape[1]), np.float32)
    larger[: len(vectors)] = vectors
    return larger
