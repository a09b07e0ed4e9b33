"""Indexes that change their kind as they grow: exact while keys are few, by a quicker kind when they are many."""

import logging
from pathlib import Path
from typing import ClassVar, NamedTuple, Self

import numpy as np

from kedit_memory.memory.index.base import Hits, Local, VectorIndex
from kedit_memory.memory.index.faiss import FaissIndex
from kedit_memory.memory.index.prefiltered import PrefilteredIndex, check_gpu
from kedit_memory.records import Floats, Ids, Vectors

_LOG = logging.getLogger(__name__)
FEW = 10_000  # keys up to which every kind is exact
LARGE = 1_000_000  # keys from which a scan of all takes longer than lists that leave something out
_FLAT = "flat"
_KIND = "kind.txt"


class Plan(NamedTuple):
    """A kind of index for a number of keys; `recall` is the measured share of what covers a question that it finds."""

    kind: str
    recall: float

    def __str__(self) -> str:
        if self.kind == _FLAT:
            return "flat: every key is found"
        return f"{self.kind}: {self.recall:.2%} of the keys that cover a question were found when it was measured"


# What was measured; docs/decisions/0026-engines.md says on what. A GPU compares every vector.
RECALL = {_FLAT: 1.0, "sq8": 1.0, "hnsw": 1.0, "ivf": 0.998, "pq": 1.0, "gpu": 1.0}


def plan(count: int, kind: str | None = None) -> Plan:
    """What serves a number of keys best; of a given kind, where it is one of the larger ones."""
    chosen = kind if kind is not None and count >= FEW else "pq" if kind is None and count >= LARGE else _FLAT
    return Plan(chosen, RECALL[chosen])


class PlannedIndex(Local):
    """Answers of another index, which is replaced by one of another kind once that serves better; see `VectorIndex`.

    What has shrunk keeps its kind until it is built anew.
    """

    kind: ClassVar[str | None] = None  # beyond few keys; None: whatever serves best

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self._kind = _FLAT
        self._index: VectorIndex = FaissIndex(dimension)

    def __len__(self) -> int:
        return len(self._index)

    def insert(self, ids: Ids, vectors: Vectors, radii: Floats) -> None:
        """See `VectorIndex.insert`."""
        planned = plan(len(self) + len(ids), self.kind)
        if planned.kind not in (_FLAT, self._kind):
            _LOG.info("index of %d keys, %s", len(self) + len(ids), planned)
            held, self._kind = self._index.contents(), planned.kind
            self._index = PrefilteredIndex(self.dimension, planned.kind)
            self.exact = self._index.exact
            if len(held[0]):
                ids, vectors = np.concatenate([held[0], ids]), np.concatenate([held[1], vectors])
                radii = np.concatenate([held[2], radii])
        self._index.insert(ids, vectors, radii)

    def remove(self, ids: Ids) -> None:
        """See `VectorIndex.remove`."""
        self._index.remove(ids)

    def update_radii(self, ids: Ids, radii: Floats) -> None:
        """See `VectorIndex.update_radii`."""
        self._index.update_radii(ids, radii)

    def in_scope(self, query: Vectors) -> Hits:
        """See `VectorIndex.in_scope`."""
        return self._index.in_scope(query)

    def within(self, queries: Vectors, distance: float) -> list[Hits]:
        """See `VectorIndex.within`."""
        return self._index.within(queries, distance)

    def nearest(self, query: Vectors, count: int) -> Hits:
        """See `VectorIndex.nearest`."""
        return self._index.nearest(query, count)

    def contents(self) -> tuple[Ids, Vectors, Floats]:
        """See `VectorIndex.contents`."""
        return self._index.contents()

    def save(self, folder: Path) -> None:
        """See `VectorIndex.save`."""
        (folder / _KIND).write_text(self._kind, encoding="ascii")
        self._index.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """See `Engine.load`."""
        kind = (folder / _KIND).read_text(encoding="ascii")
        held = FaissIndex.load(folder) if kind == _FLAT else PrefilteredIndex.load(folder)
        index = cls(held.dimension)
        index._kind, index._index, index.exact = kind, held, held.exact
        return index


class EightBitIndex(PlannedIndex):
    """Every coordinate in eight bits, all of them scanned."""

    kind = "sq8"


class GraphIndex(PlannedIndex):
    """A graph of neighbours (HNSW): quick to ask, slow to build."""

    kind = "hnsw"


class ListIndex(PlannedIndex):
    """Lists of neighbours (IVF) in eight bits, of which the nearest are scanned."""

    kind = "ivf"


class ShortListIndex(PlannedIndex):
    """Lists of neighbours in four bits for four coordinates (IVF, PQ), of which more are scanned in less time."""

    kind = "pq"


class GpuIndex(PlannedIndex):
    """Every vector on the GPUs that there are."""

    kind = "gpu"

    def __init__(self, dimension: int) -> None:
        check_gpu()
        super().__init__(dimension)
