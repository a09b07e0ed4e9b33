"""What every engine promises, and the one definition of distance that all of them share."""

from pathlib import Path
from typing import NamedTuple, Protocol, Self

import numpy as np

from kedit_memory.records import Floats, Ids, Vectors

_BLOCK = 256  # rows turned to float64 at once: they stay in a core's own cache


class Hits(NamedTuple):
    """Keys around one question, nearest first and by id among equals."""

    ids: Ids
    distances: Floats
    radii: Floats


NO_HITS = Hits(np.empty(0, np.int64), np.empty(0), np.empty(0))


class VectorIndex(Protocol):
    """Keys with a radius each, found by Euclidean distance; every answer is exact.

    Ids are the row ids of keys. Vectors need not have unit length, but must be finite.
    """

    def __init__(self, dimension: int) -> None: ...

    @property
    def dimension(self) -> int:
        """Coordinates of each vector."""

    def __len__(self) -> int: ...

    def insert(self, ids: Ids, vectors: Vectors, radii: Floats) -> None:
        """Adds keys; an id that is already there is replaced."""

    def remove(self, ids: Ids) -> None:
        """Takes keys out; ids that are not there are passed over."""

    def update_radii(self, ids: Ids, radii: Floats) -> None:
        """Gives keys another radius; ids that are not there are passed over."""

    def in_scope(self, query: Vectors) -> Hits:
        """Every key whose own radius reaches the query, ties included."""

    def within(self, queries: Vectors, distance: float) -> list[Hits]:
        """For each query every key no further than `distance`, whatever its radius."""

    def nearest(self, query: Vectors, count: int) -> Hits:
        """The `count` nearest keys, whatever their radius."""

    def contents(self) -> tuple[Ids, Vectors, Floats]:
        """All ids with vectors and radii, in order of id."""

    def save(self, folder: Path) -> None:
        """Writes the index as files into an empty folder."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The index that `save` wrote into `folder`."""


def distances(query: Vectors, vectors: Vectors) -> Floats:
    """Euclidean distances in float64 between float32 vectors.

    A tie "distance equals radius" is decided by the last bit, so every engine and every rule of
    scope computes distances here. Each row is summed by itself, hence its distance does not
    depend on which other rows are asked with it.
    """
    result = np.empty(len(vectors), np.float64)
    wide = query.astype(np.float64)
    for start in range(0, len(vectors), _BLOCK):
        gap = vectors[start : start + _BLOCK].astype(np.float64)
        gap -= wide
        np.square(gap, out=gap)
        np.sqrt(gap.sum(axis=1), out=result[start : start + _BLOCK])
    return result


def ordered(ids: Ids, found: Floats, radii: Floats) -> Hits:
    """Hits sorted by distance, then by id, so that equal keys come in a fixed order."""
    order = np.lexsort((ids, found))
    return Hits(ids[order], found[order], radii[order])
