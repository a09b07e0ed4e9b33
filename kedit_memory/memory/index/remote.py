"""An index whose vectors lie in a table of a server; what is a key, and what each row is, is known here.

A row of the table never changes: its number is a hash of id, vector and radius, so that writing it again writes the
same, in whatever order processes that share the store do it. A key that gets another radius gets another row, and rows
that are no key's any more are passed over until `sweep`. The server finds candidates as in `faiss.py`, a row being
(x, -|x|^2 / 2, r^2 / 2); the shared distance decides.
"""

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import numpy as np

from kedit_memory.errors import EngineError
from kedit_memory.memory.index.base import NO_HITS, Hits, distances, ordered, slack
from kedit_memory.places import without_password
from kedit_memory.records import Flags, Floats, Ids, Vectors

_FIRST_LOOK = 128  # nearest rows that are asked for at first, as some are no keys any more
_PAUSES = (0.2, 1.0)  # seconds before a lost connection is tried again
_SAVED = ("ids", "numbers", "radii")

_T = TypeVar("_T")


class Table(Protocol):
    """Numbered vectors in a server. Whatever it does may be done twice, so a lost connection is tried again.

    Everything raises `EngineError` where the server is down, too slow, read-only, too old or holds something else.
    """

    def add(self, numbers: Ids, vectors: Vectors) -> None:
        """Adds rows, and makes the table if there is none; durable when this returns."""

    def count(self) -> int:
        """The number of rows; 0 where there is no table."""

    def above(self, asked: Vectors, least: Floats) -> list[Ids]:
        """For each vector the rows whose inner product with it is at least a number; misses none."""

    def highest(self, asked: Vectors, count: int) -> Ids:
        """The `count` rows with the highest inner products with one vector."""

    def vectors(self, numbers: Ids) -> Vectors:
        """The vectors of rows, in order."""

    def keep(self, numbers: Ids) -> None:
        """Removes all other rows, and tables of the same owner with vectors of other lengths."""

    def close(self) -> None:
        """Ends the connection; the next call makes a new one."""


class _Row(NamedTuple):
    number: int
    radius: float


class RemoteIndex:
    """Exact answers from a table that an engine keeps; see `VectorIndex`."""

    exact = True

    def __init__(self, table: Table, dimension: int) -> None:
        self.dimension = dimension
        self._table = table
        self._rows: dict[int, _Row] = {}  # by id
        self._ids: dict[int, int] = {}  # by number
        self._largest = 0.0  # squared norm or squared radius, for the slack

    def __len__(self) -> int:
        return len(self._rows)

    def insert(self, ids: Ids, vectors: Vectors, radii: Floats) -> None:
        """See `VectorIndex.insert`."""
        last = {int(key): row for row, key in enumerate(ids)}  # a repeated id: its last row counts
        taken = np.fromiter(last.values(), np.int64, len(last))
        vectors, radii = np.ascontiguousarray(vectors[taken], np.float32), radii[taken].astype(np.float64)
        numbers = _numbers(list(last), vectors, radii)
        if last:
            self._table.add(numbers, _augmented(vectors, radii))
            self._largest = max(self._largest, _largest(vectors), float(np.square(radii).max()))
        self.remove(ids)
        for key, number, radius in zip(last, numbers.tolist(), radii.tolist(), strict=True):
            self._rows[key] = _Row(number, radius)
            self._ids[number] = key

    def remove(self, ids: Ids) -> None:
        """See `VectorIndex.remove`."""
        for key in ids.tolist():
            if row := self._rows.pop(key, None):
                del self._ids[row.number]

    def update_radii(self, ids: Ids, radii: Floats) -> None:
        """See `VectorIndex.update_radii`."""
        known = np.isin(ids, np.fromiter(self._rows, np.int64, len(self._rows)))
        if known.any():
            self.insert(ids[known], self._vectors_of(ids[known]), radii[known])

    def in_scope(self, query: Vectors) -> Hits:
        """See `VectorIndex.in_scope`."""
        if not self._rows:
            return NO_HITS
        (ids,) = self._candidates(query[None], scope=1.0, squared=0.0)
        return self._among(query, ids, self._vectors_of(ids), lambda found, radii: found <= radii)

    def within(self, queries: Vectors, distance: float) -> list[Hits]:
        """See `VectorIndex.within`."""
        if not self._rows:
            return [NO_HITS for _ in queries]
        every = self._candidates(queries, scope=0.0, squared=distance * distance)
        wanted = np.unique(np.concatenate(every)) if every else np.empty(0, np.int64)
        vectors = self._vectors_of(wanted)
        return [
            self._among(query, ids, vectors[np.searchsorted(wanted, ids)], lambda found, _: found <= distance)
            for query, ids in zip(queries, every, strict=True)
        ]

    def nearest(self, query: Vectors, count: int) -> Hits:
        """See `VectorIndex.nearest`; the nearest rows bound the distance of the last key from above."""
        count, taken = min(count, len(self)), max(_FIRST_LOOK, 2 * count)
        if count <= 0:
            return NO_HITS
        (asked,) = _asked(query[None], scope=0.0)
        while True:
            numbers = self._table.highest(asked, taken)
            ids = self._known(numbers)
            if len(ids) >= count or len(numbers) < taken:
                break
            taken *= 4
        count = min(count, len(ids))
        bound = np.partition(distances(query, self._vectors_of(ids)), count - 1)[count - 1] if count else 0.0
        (hits,) = self.within(query[None], float(bound))
        return Hits(hits.ids[:count], hits.distances[:count], hits.radii[:count])

    def contents(self) -> tuple[Ids, Vectors, Floats]:
        """See `VectorIndex.contents`; asks the server for every vector."""
        ids = np.array(sorted(self._rows), np.int64)
        return ids, self._vectors_of(ids), self._radii_of(ids)

    def save(self, folder: Path) -> None:
        """Writes which rows are whose; the rows themselves stay in the server."""
        ids = np.array(sorted(self._rows), np.int64)
        for name, values in zip(_SAVED, (ids, self._numbers_of(ids), self._radii_of(ids)), strict=True):
            np.save(folder / f"{name}.npy", values, allow_pickle=False)
        state = {"dimension": self.dimension, "largest": self._largest}
        (folder / "state.json").write_text(json.dumps(state), encoding="utf-8")

    def sweep(self) -> None:
        """See `VectorIndex.sweep`."""
        self._table.keep(np.sort(np.fromiter(self._ids, np.int64, len(self._ids))))

    def close(self) -> None:
        """See `VectorIndex.close`."""
        self._table.close()

    def _candidates(self, queries: Vectors, *, scope: float, squared: float) -> list[Ids]:
        """Ids that may satisfy scope * r^2 + squared >= |x - q|^2, for each query; misses none."""
        norms = np.square(queries.astype(np.float64)).sum(axis=1)
        least = (norms - squared - slack(self.dimension, norms, self._largest, squared)) / 2
        return [self._known(numbers) for numbers in self._table.above(_asked(queries, scope=scope), least)]

    def _known(self, numbers: Ids) -> Ids:
        """The keys that rows are, in order of id."""
        return np.array(sorted(self._ids[n] for n in numbers.tolist() if n in self._ids), np.int64)

    def _among(self, query: Vectors, ids: Ids, vectors: Vectors, inside: Callable[[Floats, Floats], Flags]) -> Hits:
        found, radii = distances(query, vectors), self._radii_of(ids)
        kept = inside(found, radii)
        return ordered(ids[kept], found[kept], radii[kept])

    def _vectors_of(self, ids: Ids) -> Vectors:
        if not len(ids):
            return np.empty((0, self.dimension), np.float32)
        return np.ascontiguousarray(self._table.vectors(self._numbers_of(ids))[:, : self.dimension])

    def _numbers_of(self, ids: Ids) -> Ids:
        return np.fromiter((self._rows[key].number for key in ids.tolist()), np.int64, len(ids))

    def _radii_of(self, ids: Ids) -> Floats:
        return np.fromiter((self._rows[key].radius for key in ids.tolist()), np.float64, len(ids))


class RemoteEngine:
    """Indexes in the tables of one server, by their dimension."""

    def __init__(self, table: Callable[[int], Table]) -> None:
        self._table = table

    def __call__(self, dimension: int) -> RemoteIndex:
        """See `Engine.__call__`; the server is not asked yet."""
        return RemoteIndex(self._table(dimension + 2), dimension)

    def load(self, folder: Path) -> RemoteIndex:
        """See `Engine.load`."""
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        ids, numbers, radii = (np.load(folder / f"{name}.npy", allow_pickle=False).tolist() for name in _SAVED)
        index = self(int(state["dimension"]))
        index._largest = float(state["largest"])
        index._rows = {key: _Row(*row) for key, *row in zip(ids, numbers, radii, strict=True)}
        index._ids = dict(zip(numbers, ids, strict=True))
        if index._rows and (there := index._table.count()) < len(index):
            index.close()
            raise ValueError(f"the engine holds {there} of {len(index)} keys")
        return index


class UnreachableError(EngineError):
    """A server that does not answer; its connection is to be made anew."""

    def __init__(self, address: str, reason: object) -> None:
        super().__init__(
            f"{without_password(address)} cannot be reached ({first_line(reason)}); start it, or name another engine"
        )


def retried(work: Callable[[], _T], reset: Callable[[], None]) -> _T:
    """What some work gives; where its server cannot be reached, it is done again, after a reset and a pause."""
    for pause in _PAUSES:
        try:
            return work()
        except UnreachableError:
            reset()
            time.sleep(pause)
    return work()


def first_line(reason: object) -> str:
    """The first line of what a server says is wrong."""
    lines = str(reason).strip().splitlines()
    return lines[0].rstrip(".") if lines else "no reason given"


def _numbers(ids: list[int], vectors: Vectors, radii: Floats) -> Ids:
    """A number for each row, by all that it holds; of 100 million, two agree in one store of 1,800."""
    numbers = np.empty(len(ids), np.int64)
    for place, (key, vector, radius) in enumerate(zip(ids, vectors, radii, strict=True)):
        told = hashlib.blake2b(b"%d " % key + radius.tobytes() + vector.tobytes(), digest_size=8).digest()
        numbers[place] = int.from_bytes(told, "big") >> 1
    return numbers


def _augmented(vectors: Vectors, radii: Floats) -> Vectors:
    norms = np.square(vectors.astype(np.float64)).sum(axis=1)
    tail = np.stack([-norms / 2, np.square(radii) / 2], axis=1).astype(np.float32)
    return np.concatenate([vectors, tail], axis=1)


def _asked(queries: Vectors, *, scope: float) -> Vectors:
    tail = np.ones((len(queries), 2), np.float32)
    tail[:, 1] = scope
    return np.concatenate([np.ascontiguousarray(queries, np.float32), tail], axis=1)


def _largest(vectors: Vectors) -> float:
    return float(np.square(vectors.astype(np.float64)).sum(axis=1).max())
