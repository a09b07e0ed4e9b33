"""Large indexes of FAISS that look at a part of what they hold, or at less of each vector; whole vectors decide.

A key x with radius r is held as (x, sqrt(R^2 - r^2)), where R is at least nearly every radius, and a question q is
asked as (q, 0): their squared distance is |x - q|^2 - r^2 + R^2, so that the key covers the question just when it is at
most R^2. The nearest ones come first whatever their radii, and all FAISS kinds know this metric. The few keys with a
wider radius than R are compared with every question: were R the widest that there may be, that last coordinate would be
far larger than the others, and what rounds all alike would round these away. Whatever is found is compared as a whole
vector in float64, so nothing is told that is not so; what is not found is missed.

Rows are only ever added: a key that is removed or gets another radius leaves a dead row, and with many dead ones all
is built anew.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import faiss
import numpy as np

from kedit_memory.errors import MissingDependencyError
from kedit_memory.memory.index.base import NO_HITS, Hits, Local, distances, ordered
from kedit_memory.records import Floats, Ids, Vectors

_FIRST_LOOK = 64  # candidates; four times as many as long as the last one might still count
_ROUNDING = 0.05  # of squared distances, by which eight bits a coordinate may be off
_PAIRS, _SURE = 8192, 0.999  # questions that tell by how much four bits for four coordinates are off, but for so few
_MOST_DEAD = 0.5  # dead rows for each key
_FEW = 1000  # dead rows that are not worth building anew
_GROWTH = 4  # it is built anew when it has grown this many times
_WIDER = 0.001, 0.01  # shares of keys with a radius above R: when it is chosen, and from where it is chosen anew
_ADDED = 65536  # rows handed to FAISS at once, which bounds what is copied
_TRAINED = 40  # rows for each list, from which its centre is learned
_SAMPLE = 65536  # rows from which FAISS learns
_SPARE = 0.25  # how much further than those of the sample coordinates may reach, as a share of their range
_LOOKED_AT = {"SQ8": (128, 16), "PQ": (384, 8)}  # lists: so many at least, and one of so many
_BLOCK = 4  # coordinates that four bits stand for
_LEAST = 64  # rows to learn from
_LINKS, _BUILD_LOOK, _GRAPH_LOOK = 32, 100, 256  # of the graph
_MOST_ON_GPU = 2048  # neighbours that FAISS finds on a GPU
_QUICK = 16  # what the number of coordinates is a multiple of, for FAISS to use all of the processor
_SEED = 17


def _eight_bits(width: int, count: int) -> Any:
    del count
    index = faiss.IndexScalarQuantizer(width, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_L2)
    index.sq.rangestat_arg = _SPARE
    return index


def _graph(width: int, count: int) -> Any:
    del count
    index = faiss.IndexHNSWFlat(width, _LINKS, faiss.METRIC_L2)
    index.hnsw.efConstruction = _BUILD_LOOK
    return index


def _lists(width: int, count: int) -> Any:
    index = _parted(width, count, "SQ8", "SQ8")
    index.sq.rangestat_arg = _SPARE
    return index


def _short_lists(width: int, count: int) -> Any:
    index = _parted(width, count, "PQ", f"PQ{width // _BLOCK}x4fs")
    index.pq.cp.seed, index.pq.cp.min_points_per_centroid = _SEED, 1
    return index


def _parted(width: int, count: int, code: str, named: str) -> Any:
    """Lists of vectors in a code of FAISS's, which calls it so, of which the nearest are looked at."""
    lists = max(1, int(2 * count**0.5))
    least, share = _LOOKED_AT[code]
    index: Any = faiss.index_factory(width, f"IVF{lists},{named}", faiss.METRIC_L2)
    index.by_residual = False  # or a radius far from those of its list would not fit into its bits
    index.cp.niter, index.cp.seed = 8, _SEED
    index.cp.min_points_per_centroid, index.cp.max_points_per_centroid = 1, _TRAINED
    index.nprobe = min(lists, max(least, lists // share))
    return index


def _on_gpu(width: int, count: int) -> Any:
    del count
    check_gpu()
    return faiss.index_cpu_to_all_gpus(faiss.IndexFlatL2(width))


KINDS: Mapping[str, Callable[[int, int], Any]] = {
    "sq8": _eight_bits,
    "hnsw": _graph,
    "ivf": _lists,
    "pq": _short_lists,
    "gpu": _on_gpu,
}


def check_gpu() -> None:
    """Passes where FAISS can use a GPU.

    Raises:
        MissingDependencyError: there is none, or this FAISS is not built for one.
    """
    if not getattr(faiss, "get_num_gpus", lambda: 0)():
        raise MissingDependencyError(
            "engine faiss-gpu needs a GPU and a FAISS that is built for it, and here is none; name faiss or auto"
        )


class PrefilteredIndex(Local):
    """Candidates from a FAISS index of some kind, whole vectors beside it; see `VectorIndex`."""

    exact = False

    def __init__(self, dimension: int, kind: str) -> None:
        self.dimension = dimension
        self._kind = kind
        self._rows: dict[int, int] = {}  # id to row
        self._ids = np.empty(0, np.int64)  # by row; -1 where it is dead
        self._vectors = np.empty((0, dimension), np.float32)
        self._radii = np.empty(0, np.float64)
        self._used = 0
        self._widest = 0.0  # R squared
        self._wide = np.empty(0, np.int64)  # rows with a wider radius
        self._off = _ROUNDING  # by how much more a squared distance may be told than it is
        self._built_for = 0  # keys
        self._faiss: Any = None

    def __len__(self) -> int:
        return len(self._rows)

    def insert(self, ids: Ids, vectors: Vectors, radii: Floats) -> None:
        """See `VectorIndex.insert`."""
        last = {int(key): row for row, key in enumerate(ids)}  # a repeated id: its last row counts
        taken = np.fromiter(last.values(), np.int64, len(last))
        self.remove(ids)
        if not last:
            return
        start, self._used = self._used, self._used + len(last)
        self._ids, self._radii = _with_room(self._ids, self._used), _with_room(self._radii, self._used)
        self._vectors = _with_room(self._vectors, self._used)
        new = slice(start, self._used)
        self._ids[new], self._radii[new], self._vectors[new] = ids[taken], radii[taken], vectors[taken]
        self._rows.update(zip(last, range(start, self._used), strict=True))
        dead = self._used - len(self) > max(_FEW, _MOST_DEAD * len(self))
        self._note_wide(start)
        if dead or len(self._wide) > _WIDER[1] * self._used or len(self) > _GROWTH * self._built_for:
            self._build()
        else:
            self._hand_over(start)

    def remove(self, ids: Ids) -> None:
        """See `VectorIndex.remove`."""
        rows = [row for key in ids.tolist() if (row := self._rows.pop(key, None)) is not None]
        self._ids[np.array(rows, np.int64)] = -1

    def update_radii(self, ids: Ids, radii: Floats) -> None:
        """See `VectorIndex.update_radii`."""
        pairs = zip(ids.tolist(), radii.tolist(), strict=True)
        known = {key: radius for key, radius in pairs if key in self._rows}
        rows = [self._rows[key] for key in known]
        self.insert(np.array(list(known), np.int64), self._vectors[rows], np.array(list(known.values())))

    def in_scope(self, query: Vectors) -> Hits:
        """See `VectorIndex.in_scope`."""
        rows = np.union1d(self._candidates(query, 0.0), self._alive(self._wide))
        found = distances(query, self._vectors[rows])
        return self._hits(rows, found, found <= self._radii[rows])

    def within(self, queries: Vectors, distance: float) -> list[Hits]:
        """See `VectorIndex.within`."""
        return [self._within(query, distance) for query in queries]

    def nearest(self, query: Vectors, count: int) -> Hits:
        """See `VectorIndex.nearest`; some candidates bound the distance of the last key from above."""
        count = min(count, len(self))
        if count <= 0:
            return NO_HITS
        looked = max(_FIRST_LOOK, 2 * count)
        rows = self._alive(self._searched(query, looked)[1])
        while len(rows) < count and looked < self._used:
            looked *= 4
            rows = self._alive(self._searched(query, looked)[1])
        if len(rows) < count:
            rows = self._live()
        bound = np.partition(distances(query, self._vectors[rows]), count - 1)[count - 1]
        near = self._within(query, float(bound), also=rows)
        return Hits(near.ids[:count], near.distances[:count], near.radii[:count])

    def contents(self) -> tuple[Ids, Vectors, Floats]:
        """See `VectorIndex.contents`."""
        rows = self._live()
        return self._ids[rows], self._vectors[rows], self._radii[rows]

    def save(self, folder: Path) -> None:
        """See `VectorIndex.save`; dead rows are kept, as FAISS has them, too."""
        rows = slice(0, self._used)
        for name, values in (("ids", self._ids), ("vectors", self._vectors), ("radii", self._radii)):
            np.save(folder / f"{name}.npy", values[rows], allow_pickle=False)
        state = {"kind": self._kind, "widest": self._widest, "off": self._off, "built_for": self._built_for}
        (folder / "state.json").write_text(json.dumps(state), encoding="utf-8")
        if self._kind != "gpu" and self._faiss is not None:
            faiss.write_index(self._faiss, str(folder / "keys.faiss"))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """See `Engine.load`."""
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        ids, vectors, radii = (np.load(folder / f"{n}.npy", allow_pickle=False) for n in ("ids", "vectors", "radii"))
        index = cls(vectors.shape[1], state["kind"])
        index._ids, index._vectors, index._radii = ids, vectors, radii
        index._used, index._widest, index._built_for = len(ids), float(state["widest"]), int(state["built_for"])
        index._off = float(state.get("off", _ROUNDING))
        (live,) = np.nonzero(ids >= 0)
        index._rows = dict(zip(ids[live].tolist(), live.tolist(), strict=True))
        if (folder / "keys.faiss").exists():
            index._faiss = faiss.read_index(str(folder / "keys.faiss"))
            if index._faiss.ntotal != len(ids):
                raise ValueError(f"{folder} holds parts of different lengths")
            index._note_wide(0)
        elif len(ids):
            index._build()
        return index

    def _live(self) -> Ids:
        """Rows of keys, in order of id."""
        rows = np.fromiter(self._rows.values(), np.int64, len(self))
        return rows[np.argsort(self._ids[rows])]

    def _build(self) -> None:
        """Makes the FAISS index anew from the keys, without dead rows."""
        if self._used > len(self):
            rows = self._live()
            self._ids, self._vectors, self._radii = self._ids[rows], self._vectors[rows], self._radii[rows]
            self._used = len(rows)
            self._rows = dict(zip(self._ids.tolist(), range(self._used), strict=True))
        radii, self._wide = self._radii[: self._used], np.empty(0, np.int64)
        self._widest = float(np.square(np.quantile(radii, 1 - _WIDER[0], method="higher"))) if self._used else 0.0
        self._note_wide(0)
        self._built_for = len(self)
        self._faiss = KINDS[self._kind](self._width, len(self))
        if not self._faiss.is_trained:
            chance = np.random.default_rng(_SEED)
            sample = np.sort(chance.choice(self._used, min(self._used, _SAMPLE), replace=False))
            known = self._augmented(sample)
            known = np.concatenate([known, known[:2]])  # and the ends that a radius may take
            known[-2:, self.dimension] = 0.0, np.sqrt(self._widest)
            self._faiss.train(np.resize(known, (max(len(known), _LEAST), self._width)))
            reach = float(np.sqrt(self._widest))
            self._off = _told_too_far(self._faiss.pq, known, reach, chance) if self._kind == "pq" else _ROUNDING
        self._hand_over(0)

    def _note_wide(self, start: int) -> None:
        """Takes note of the rows from here on whose radius is wider than R."""
        (wide,) = np.nonzero(np.square(self._radii[start : self._used]) > self._widest)
        self._wide = np.concatenate([self._wide, wide + start])

    def _hand_over(self, start: int) -> None:
        for first in range(start, self._used, _ADDED):
            self._faiss.add(self._augmented(np.arange(first, min(first + _ADDED, self._used))))

    @property
    def _width(self) -> int:
        """Coordinates that FAISS holds: with one for the radius, and zeros up to a number that it scans quickly."""
        return -(-(self.dimension + 1) // _QUICK) * _QUICK

    def _augmented(self, rows: Ids) -> Vectors:
        augmented = np.zeros((len(rows), self._width), np.float32)
        augmented[:, : self.dimension] = self._vectors[rows]
        augmented[:, self.dimension] = np.sqrt(np.maximum(self._widest - np.square(self._radii[rows]), 0.0))
        return augmented

    def _candidates(self, query: Vectors, squared: float) -> Ids:
        """Rows of keys that may lie no further than a squared distance, or their radius where it is 0."""
        count = _FIRST_LOOK
        while True:
            found, rows = self._searched(query, count)
            if len(rows) < count or found[-1] > squared + self._widest + self._off:
                return self._alive(rows)
            count *= 4

    def _alive(self, rows: Ids) -> Ids:
        kept: Ids = rows[self._ids[rows] >= 0]
        return kept

    def _searched(self, query: Vectors, count: int) -> tuple[Floats, Ids]:
        """The nearest rows by their augmented vectors, fewer only where no more are found, with squared distances."""
        if not self._used:
            return np.empty(0), np.empty(0, np.int64)
        asked = np.zeros((1, self._width), np.float32)
        asked[0, : self.dimension] = query
        count = min(count, self._used)
        if self._kind == "gpu" and count > _MOST_ON_GPU:
            rows = np.arange(self._used)
            return np.full(len(rows), np.inf), rows
        if self._kind == "hnsw":
            self._faiss.hnsw.efSearch = max(_GRAPH_LOOK, 2 * count)
        found, rows = self._faiss.search(asked, count)
        return found[0][rows[0] >= 0], rows[0][rows[0] >= 0]

    def _within(self, query: Vectors, distance: float, *, also: Ids | None = None) -> Hits:
        rows = self._candidates(query, distance * distance)
        if also is not None:
            rows = np.union1d(rows, also)
        found = distances(query, self._vectors[rows])
        return self._hits(rows, found, found <= distance)

    def _hits(self, rows: Ids, found: Floats, inside: Any) -> Hits:
        kept = rows[inside]
        return ordered(self._ids[kept], found[inside], self._radii[kept])


def _told_too_far(codes: Any, known: Vectors, reach: float, chance: np.random.Generator) -> float:
    """By how much more than it is nearly no squared distance is told by product codes, of a question `reach` away."""
    held = known[chance.integers(len(known), size=_PAIRS)]
    missed = held - codes.decode(codes.compute_codes(held))
    way = chance.standard_normal(held.shape, np.float32)
    way *= reach / np.linalg.norm(way, axis=1, keepdims=True)
    return float(np.quantile(np.square(missed).sum(axis=1) + 2 * (way * missed).sum(axis=1), _SURE))


def _with_room(values: Any, needed: int) -> Any:
    """The same rows at the start of an array with room for more."""
    if needed <= len(values):
        return values
    larger = np.empty((max(needed, len(values) + len(values) // 2), *values.shape[1:]), values.dtype)
    larger[: len(values)] = values
    return larger
