"""The reference engine: compares a question with every key."""

from pathlib import Path
from typing import Self

import numpy as np

from kedit_memory.memory.index.base import Hits, Local, distances, ordered
from kedit_memory.records import Flags, Floats, Ids, Vectors


class ExactIndex(Local):
    """Brute force over NumPy arrays: slow, short, and what other engines are tested against."""

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self._ids = np.empty(0, np.int64)
        self._vectors = np.empty((0, dimension), np.float32)
        self._radii = np.empty(0, np.float64)

    def __len__(self) -> int:
        return len(self._ids)

    def insert(self, ids: Ids, vectors: Vectors, radii: Floats) -> None:
        """See `VectorIndex.insert`."""
        self.remove(ids)
        last = {int(key): row for row, key in enumerate(ids)}  # a repeated id: its last row counts
        rows = sorted(last.values())
        self._ids = np.concatenate([self._ids, ids[rows]])
        self._vectors = np.concatenate([self._vectors, vectors[rows]])
        self._radii = np.concatenate([self._radii, radii[rows]])

    def remove(self, ids: Ids) -> None:
        """See `VectorIndex.remove`."""
        kept = ~np.isin(self._ids, ids)
        self._ids, self._radii = self._ids[kept], self._radii[kept]
        self._vectors = self._vectors[kept]

    def update_radii(self, ids: Ids, radii: Floats) -> None:
        """See `VectorIndex.update_radii`."""
        for key, radius in zip(ids, radii, strict=True):
            self._radii[self._ids == key] = radius

    def in_scope(self, query: Vectors) -> Hits:
        """See `VectorIndex.in_scope`."""
        found = distances(query, self._vectors)
        return self._hits(found, found <= self._radii)

    def within(self, queries: Vectors, distance: float) -> list[Hits]:
        """See `VectorIndex.within`."""
        every = (distances(query, self._vectors) for query in queries)
        return [self._hits(found, found <= distance) for found in every]

    def nearest(self, query: Vectors, count: int) -> Hits:
        """See `VectorIndex.nearest`."""
        found = distances(query, self._vectors)
        every = self._hits(found, np.ones(len(found), np.bool_))
        return Hits(every.ids[:count], every.distances[:count], every.radii[:count])

    def contents(self) -> tuple[Ids, Vectors, Floats]:
        """See `VectorIndex.contents`."""
        order = np.argsort(self._ids)
        return self._ids[order], self._vectors[order], self._radii[order]

    def save(self, folder: Path) -> None:
        """See `VectorIndex.save`."""
        np.save(folder / "ids.npy", self._ids, allow_pickle=False)
        np.save(folder / "vectors.npy", self._vectors, allow_pickle=False)
        np.save(folder / "radii.npy", self._radii, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """See `Engine.load`."""
        vectors = np.load(folder / "vectors.npy", allow_pickle=False)
        index = cls(vectors.shape[1])
        index._vectors = vectors
        index._ids = np.load(folder / "ids.npy", allow_pickle=False)
        index._radii = np.load(folder / "radii.npy", allow_pickle=False)
        return index

    def _hits(self, found: Floats, inside: Flags) -> Hits:
        return ordered(self._ids[inside], found[inside], self._radii[inside])
