"""An index in two parts: keys of edits that a question must name, and all others, which can be searched alone."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import numpy as np

from kedit_memory.memory.index.base import Engine, Hits, VectorIndex, ordered
from kedit_memory.records import Flags, Floats, Ids, Vectors

_NAMED, _UNNAMED = "named", "unnamed"  # the parts, and the folders of their files


class PartedIndex:
    """Answers as one index over all keys; each key is in one of two indexes of the same engine."""

    def __init__(self, named: VectorIndex, unnamed: VectorIndex) -> None:
        self.named = named
        self.unnamed = unnamed

    @classmethod
    def empty(cls, engine: Callable[[str], Engine], dimension: int) -> Self:
        """One without keys, of the engine of each part."""
        return cls(engine(_NAMED)(dimension), engine(_UNNAMED)(dimension))

    def __len__(self) -> int:
        return len(self.named) + len(self.unnamed)

    def insert(self, ids: Ids, vectors: Vectors, radii: Floats, unnamed: Flags) -> None:
        """Adds keys, each to its part; an id that is already there is replaced."""
        self.remove(ids)
        for part, chosen in ((self.named, ~unnamed), (self.unnamed, unnamed)):
            if chosen.all():  # no copy of all vectors
                part.insert(ids, vectors, radii)
            elif chosen.any():
                part.insert(ids[chosen], vectors[chosen], radii[chosen])

    def remove(self, ids: Ids) -> None:
        """See `VectorIndex.remove`."""
        for part in self._parts:
            part.remove(ids)

    def in_scope(self, query: Vectors) -> Hits:
        """See `VectorIndex.in_scope`."""
        return _joined([part.in_scope(query) for part in self._filled])

    def within(self, queries: Vectors, distance: float) -> list[Hits]:
        """See `VectorIndex.within`."""
        found = [part.within(queries, distance) for part in self._filled]
        return [_joined([hits[place] for hits in found]) for place in range(len(queries))]

    def nearest(self, query: Vectors, count: int) -> Hits:
        """See `VectorIndex.nearest`."""
        every = _joined([part.nearest(query, count) for part in self._filled])
        return Hits(every.ids[:count], every.distances[:count], every.radii[:count])

    def contents(self) -> tuple[Ids, Vectors, Floats]:
        """See `VectorIndex.contents`."""
        ids, vectors, radii = (np.concatenate(both) for both in zip(*(p.contents() for p in self._parts), strict=True))
        order = np.argsort(ids)
        return ids[order], vectors[order], radii[order]

    def save(self, folder: Path) -> None:
        """Writes both parts into an empty folder."""
        for name, part in zip((_NAMED, _UNNAMED), self._parts, strict=True):
            (folder / name).mkdir()
            part.save(folder / name)

    @classmethod
    def load(cls, engine: Callable[[str], Engine], folder: Path) -> Self:
        """The index that `save` wrote into `folder`."""
        return cls(engine(_NAMED).load(folder / _NAMED), engine(_UNNAMED).load(folder / _UNNAMED))

    def sweep(self) -> None:
        """See `VectorIndex.sweep`."""
        for part in self._parts:
            part.sweep()

    def close(self) -> None:
        """See `VectorIndex.close`."""
        for part in self._parts:
            part.close()

    @property
    def _parts(self) -> tuple[VectorIndex, VectorIndex]:
        return self.named, self.unnamed

    @property
    def _filled(self) -> Sequence[VectorIndex]:
        """The parts that hold keys; one of them where neither does."""
        return [part for part in self._parts if len(part)] or [self.named]


def _joined(found: Sequence[Hits]) -> Hits:
    if len(found) == 1:
        return found[0]
    return ordered(*(np.concatenate(parts) for parts in zip(*found, strict=True)))
