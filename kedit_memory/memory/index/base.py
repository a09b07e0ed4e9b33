"""What every engine promises, and the one definition of distance that all of them share."""

from pathlib import Path
from typing import NamedTuple, Protocol, Self

import numpy as np

from kedit_memory.records import Floats, Ids, Vectors

_BLOCK = 256  # rows turned to float64 at once: they stay in a core's own cache
_UNIT = 2.0**-24  # the rounding unit of float32


class Hits(NamedTuple):
    """Keys around one question, nearest first and by id among equals."""

    ids: Ids
    distances: Floats
    radii: Floats


NO_HITS = Hits(np.empty(0, np.int64), np.empty(0), np.empty(0))


class VectorIndex(Protocol):
    """Keys with a radius each, found by Euclidean distance.

    The one contract of all engines; `tests/engines` holds each of them to it:

    * Ids are the row ids of keys. Vectors need not have unit length, but must be finite.
    * A distance that is told is that of `distances`, and a key that is told lies where it was asked for, to the last
      bit. Whatever finds candidates, these two are decided here, on whole vectors.
    * `exact` says whether nothing is left out. An engine that may leave something out says how much of what covers a
      question it was measured to find, in `docs/decisions/0026-engines.md`, and finds all keys while they are few.
    * It is a cache: it can be made anew from the rows of the store at any time, and losing it loses no edit.
    * One thread at a time is in it.
    """

    exact: bool

    @property
    def dimension(self) -> int:
        """Coordinates of each vector."""

    def __len__(self) -> int: ...

    def insert(self, ids: Ids, vectors: Vectors, radii: Floats) -> None:
        """Adds keys; an id that is already there is replaced, of an id that comes twice the last one counts."""

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
        """All ids with vectors and radii, in order of id, as they were given."""

    def save(self, folder: Path) -> None:
        """Writes as files, into an empty folder, what `Engine.load` needs."""

    def sweep(self) -> None:
        """Removes, outside of this process, whatever is no key of this index; nobody may write meanwhile."""

    def close(self) -> None:
        """Gives back connections; the index can be asked again, which opens them anew."""


class Engine(Protocol):
    """What makes indexes of one kind: a class, or a server whose tables they are."""

    def __call__(self, dimension: int, /) -> VectorIndex:
        """An index without keys."""

    def load(self, folder: Path, /) -> VectorIndex:
        """The index that `save` wrote into `folder`.

        Raises:
            EngineError: its server cannot be asked.
            OSError, ValueError, RuntimeError: files or server hold something else.
        """


class LocalIndex(VectorIndex, Protocol):
    """An index that lies in this process alone: its class is its engine."""

    def __init__(self, dimension: int) -> None: ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """See `Engine.load`."""


class Local:
    """What all indexes have in common that lie in this process alone."""

    exact = True

    def sweep(self) -> None:
        """See `VectorIndex.sweep`; there is nothing."""

    def close(self) -> None:
        """See `VectorIndex.close`; there is nothing."""


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


def slack(dimension: int, norms: Floats, largest: float, squared: float) -> Floats:
    """How far float32 may be off, for squared distances to queries of these squared norms.

    A product of d terms errs by at most d units of the product of norms, in whatever order it is summed; the factor 4
    also covers the rounding of stored coordinates and of the threshold. `largest` bounds squared norms and radii.
    """
    size = np.square(np.sqrt(norms) + np.sqrt(largest)) + largest + squared
    off: Floats = 4 * (dimension + 8) * _UNIT * size + 1e-30
    return off
