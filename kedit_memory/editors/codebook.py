"""The codebook of GRACE (Hartvigsen et al., NeurIPS 2023): keys with a radius each, and what an edit does to them.

An entry is a hidden state (the key), the state that replaces another one where the key is found (the value), a
deferral radius and a label, the answer that the value stands for. Algorithm 1 places an edit by its nearest key:

    add      it is further than the key's radius and the initial one together: a new entry of the initial radius
    expand   it has the key's label: the key's radius grows until it covers the edit
    split    it has another label: a new entry, and both radii become half the distance

Two things are added, without which edits get lost. A key that cannot be told from an older one of another label hides
the older entry, where half of no distance would lose both. And every change is written down with the edit that made
it, so that `remove` takes out exactly what one edit did.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kedit_memory.errors import NotFoundError
from kedit_memory.memory.index import VectorIndex, load_engine
from kedit_memory.memory.index.base import distances
from kedit_memory.records import Vectors

Distance = Literal["euclidean", "cosine"]
Effect = Literal["set", "grow", "shrink", "hide"]

TOLERANCE = 1e-4  # how far rounding moves a key, as a share of its length: padding and batch size differ
_FIRST_ROWS = 64


class Found(NamedTuple):
    """For each question the entry that answers it, or -1, and the distance to its key, or infinity."""

    entries: NDArray[np.int64]
    distances: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Placement:
    """What Algorithm 1 does with an edit: the nearest entry that it touches, and the distance to its key."""

    action: Literal["add", "expand", "split"]
    entry: int = -1
    distance: float = np.inf
    hidden: tuple[int, ...] = ()  # entries whose key is the edit's own, under another label


@dataclass(frozen=True, kw_only=True)
class Change:
    """What one edit did to the radius of an entry that it did not make."""

    owner: str
    effect: Effect
    amount: float = 0.0
    key: Vectors | None = None  # of the edit that an entry grew for
    cause: str | None = None  # another edit, without which the change would not be there

    def by(self, owner: str) -> bool:
        """Whether the change goes with that edit."""
        return owner in (self.owner, self.cause)


def folded(radius: float, changes: Sequence[Change]) -> float:
    """The radius after these changes in turn; a hidden entry's is negative, so that no distance is within it."""
    for change in changes:
        match change.effect:
            case "hide":
                return -1.0
            case "set":
                radius = change.amount
            case "grow":
                radius = max(radius, change.amount)
            case "shrink":
                radius = min(radius, change.amount)
    return radius


class Codebook:
    """Entries in rows of growing arrays; a removed entry's row is used again.

    Keys are compared in Euclidean distance, or in cosine distance (1 less the cosine), in which radii are then given.
    """

    def __init__(
        self,
        width: int,
        *,
        values: int | None = None,
        distance: Distance = "euclidean",
        tolerance: float = TOLERANCE,
    ) -> None:
        self.width = width  # of keys; values are as wide unless said
        self.distance = distance
        self.tolerance = tolerance
        self.keys = np.empty((0, width), np.float32)
        self.values = np.empty((0, width if values is None else values), np.float32)
        self.radii = np.empty(0, np.float64)
        self.initial = np.empty(0, np.float64)  # radii before any change
        self.labels: dict[int, str] = {}
        self.owners: dict[int, str] = {}
        self.changes: dict[int, list[Change]] = {}
        self.causes: dict[int, str] = {}  # entry to the edit without which it would not be there
        self._mine: dict[str, set[int]] = {}  # owner to its entries and those that it changed or caused
        self._free: list[int] = []
        self._index: VectorIndex = load_engine("faiss")(width)

    def __len__(self) -> int:
        return len(self.owners)

    def __contains__(self, owner: object) -> bool:
        return owner in self._mine

    # Looking up

    def nearest(self, key: Vectors) -> tuple[int, float] | None:
        """The entry whose key is nearest, whatever its radius, and the distance; None where there is no entry."""
        near = self._index.nearest(self.prepared(key), 1)
        return (int(near.ids[0]), self._given(float(near.distances[0]))) if len(near.ids) else None

    def find_nearest(self, queries: Vectors) -> Found:
        """GRACE's rule, for queries of shape (rows, width): the nearest key, if its own radius reaches the query."""
        return self._find(queries, self._nearest_inside)

    def find_covering(self, queries: Vectors) -> Found:
        """The entry that covers the query with the largest margin, r² less the squared distance.

        It is the exact answer for radii that differ: a key that is nearest but too narrow hides no other.
        """
        return self._find(queries, self._widest_margin)

    def nearest_of(self, entries: Sequence[int], queries: Vectors) -> Found:
        """The nearest of these entries for each query, whatever their radii."""
        keys = self.keys[list(entries)]
        gaps = np.array([distances(self.prepared(query), keys) for query in queries])  # (rows, entries)
        best = gaps.argmin(1)
        nearest = gaps[np.arange(len(gaps)), best]
        return Found(np.array(entries, np.int64)[best], np.array([self._given(gap) for gap in nearest]))

    def distances(self, key: Vectors, others: Vectors) -> NDArray[np.float64]:
        """The distance of a key to each of some others, (others,)."""
        gaps = distances(self.prepared(key), np.stack([self.prepared(other) for other in others]))
        return np.array([self._given(float(gap)) for gap in gaps])

    def _find(self, queries: Vectors, rule: Callable[[Vectors], tuple[int, float] | None]) -> Found:
        entries, distances = np.full(len(queries), -1, np.int64), np.full(len(queries), np.inf)
        if len(self):
            for row, query in enumerate(queries):
                if (hit := rule(self.prepared(query))) is not None:
                    entries[row], distances[row] = hit[0], self._given(hit[1])
        return Found(entries, distances)

    def _nearest_inside(self, query: Vectors) -> tuple[int, float] | None:
        covering = self._index.in_scope(query)
        if not len(covering.ids):
            return None  # the usual case, and half the cost
        (near,) = self._index.within(query[None], float(covering.distances[0]))
        inside = near.distances[0] <= near.radii[0]
        return (int(near.ids[0]), float(near.distances[0])) if inside else None

    def _widest_margin(self, query: Vectors) -> tuple[int, float] | None:
        covering = self._index.in_scope(query)
        if not len(covering.ids):
            return None
        best = int(np.argmax(np.square(covering.radii) - np.square(covering.distances)))
        return int(covering.ids[best]), float(covering.distances[best])

    # Placing an edit

    def place(self, key: Vectors, label: str, initial_radius: float) -> Placement:
        """What Algorithm 1 does with an edit; nothing is changed yet."""
        key = self.prepared(key)
        hidden = tuple(entry for entry, _ in self._around(key, self.same(key)) if self.labels[entry] != label)
        near = self._nearest_but(key, hidden)
        if near is None or near[1] > self.radii[near[0]] + initial_radius:
            return Placement(action="add", hidden=hidden)
        same = self.labels[near[0]] == label
        return Placement(action="expand" if same else "split", entry=near[0], distance=near[1], hidden=hidden)

    def enter(
        self, placement: Placement, key: Vectors, value: Vectors, *, label: str, owner: str, initial_radius: float
    ) -> int:
        """Carries out a placement and gives the entry that now answers; to expand, `value` is that of its entry."""
        key = self.prepared(key)
        if placement.hidden:
            self._hide(placement.hidden, owner)
            placement = self.place(key, label, initial_radius)  # edits that shared a hidden entry are around it now
        if placement.action == "expand":
            reach = self._widened(placement.distance, key)
            self._change(placement.entry, Change(owner=owner, effect="grow", amount=reach, key=key))
            return placement.entry
        radius = initial_radius
        if placement.action == "split":
            radius = placement.distance / 2
            self._change(placement.entry, Change(owner=owner, effect="set", amount=radius))
        return self._insert(key, value, radius, label, owner)

    def enter_apart(self, key: Vectors, value: Vectors, *, label: str, owner: str, initial_radius: float) -> int:
        """A new entry that overlaps none of another label: each such pair gets half its distance, where that is less.

        Algorithm 1 regards the nearest key alone, and lets a radius that was halved before grow again.
        """
        key = self.prepared(key)
        others = [
            (entry, distance)
            for entry, distance in self._around(key, 2 * max(initial_radius, self._widest()))
            if self.labels[entry] != label and owner not in (self.owners[entry], self.causes.get(entry))
        ]
        same = self.same(key)
        self._hide([entry for entry, distance in others if distance <= same], owner)
        radius = initial_radius
        for entry, distance in others:
            if distance > same and distance / 2 < max(self.radii[entry], radius):
                radius = min(radius, distance / 2)
                if distance / 2 < self.radii[entry]:
                    self._change(entry, Change(owner=owner, effect="shrink", amount=distance / 2))
        return self._insert(key, value, radius, label, owner)

    def remove(self, owner: str) -> None:
        """Takes out what the edit `owner` did: its entries, and its part in the radii of others.

        Edits that had made one of these entries grow get an entry of their own, with its value.

        Raises:
            NotFoundError: no edit of that name is here.
        """
        if owner not in self._mine:
            raise NotFoundError(f"no edit {owner!r} in the codebook; it holds {len(set(self.owners.values()))} others")
        rejoining: list[tuple[Change, int]] = []
        rows: list[int] = []
        for entry in sorted(self._mine.pop(owner)):
            if owner in (self.owners[entry], self.causes.get(entry)):
                rows.append(entry)
                rejoining += [(change, entry) for change in self.followers(entry) if not change.by(owner)]
            else:
                self._set_changes(entry, [change for change in self.changes[entry] if not change.by(owner)])
        gone = {entry: (self.values[entry].copy(), self.labels[entry], float(self.initial[entry])) for entry in rows}
        self._free_rows(rows)
        for change, entry in rejoining:
            self._rejoin(change, *gone[entry])

    def followers(self, entry: int) -> list[Change]:
        """The edits that share an entry with the one that made it, in the order in which they came."""
        return [change for change in self.changes.get(entry, ()) if change.effect == "grow"]

    def owned(self, owner: str) -> list[int]:
        """The entries that answer for an edit: its own and those that grew for it."""
        mine = sorted(self._mine.get(owner, ()))
        return [e for e in mine if self.owners[e] == owner or any(c.owner == owner for c in self.followers(e))]

    def astray(self, owner: str, find: Callable[[Vectors], Found]) -> list[int]:
        """What is found in place of an edit by each of its keys: entries of another label, -1 where there is none.

        A later edit's key may not be told from its own, or have taken from the radius that had grown for it.
        """
        mine = self.owned(owner)
        keys = [self.keys[entry] for entry in mine if self.owners[entry] == owner]
        keys += [c.key for entry in mine for c in self.followers(entry) if c.owner == owner and c.key is not None]
        if not keys:
            return [-1]
        label = self.labels[mine[0]]
        return [entry for entry in find(np.stack(keys)).entries.tolist() if self.labels.get(entry) != label]

    def rows(self) -> list[int]:
        """The entries, in order."""
        return sorted(self.owners)

    def restore(
        self, keys: Vectors, values: Vectors, initial: NDArray[np.float64], names: Sequence[tuple[str, str, str | None]]
    ) -> None:
        """Fills an empty codebook with entries; `names` gives label, owner and cause of each."""
        self._grow_to(len(keys))
        self._free = []
        self.keys[: len(keys)], self.values[: len(keys)] = keys, values
        self.initial[: len(keys)] = self.radii[: len(keys)] = initial
        for entry, (label, owner, cause) in enumerate(names):
            self._name(entry, label, owner, cause)
        self._index.insert(np.arange(len(keys)), keys, self._indexed(initial))

    def restore_changes(self, changes: dict[int, list[Change]]) -> None:
        """Puts back the changes of restored entries."""
        for entry, listed in changes.items():
            for change in listed:
                self._note(entry, change)
            self._set_changes(entry, listed)

    def prepared(self, key: Vectors) -> Vectors:
        """The key as it is compared: float32, of unit length for cosine distance."""
        key = np.ascontiguousarray(key, np.float32)
        if self.distance == "cosine":
            key = key / np.maximum(np.linalg.norm(key), np.float32(1e-12))
        return key

    # Rows

    def _insert(
        self, key: Vectors, value: Vectors, radius: float, label: str, owner: str, *, cause: str | None = None
    ) -> int:
        if not self._free:
            self._grow_to(max(_FIRST_ROWS, 2 * len(self.radii)))
        entry = self._free.pop()
        self.keys[entry], self.values[entry] = key, value
        self.initial[entry] = self.radii[entry] = radius
        self._name(entry, label, owner, cause)
        self._index.insert(np.array([entry]), key[None], self._indexed(self.radii[[entry]]))
        return entry

    def _name(self, entry: int, label: str, owner: str, cause: str | None) -> None:
        self.labels[entry], self.owners[entry] = label, owner
        self._mine.setdefault(owner, set()).add(entry)
        if cause is not None:
            self.causes[entry] = cause
            self._mine.setdefault(cause, set()).add(entry)

    def _grow_to(self, capacity: int) -> None:
        used = len(self.radii)
        for name in ("keys", "values", "radii", "initial"):
            old = getattr(self, name)
            larger = np.zeros((capacity, *old.shape[1:]), old.dtype)
            larger[:used] = old
            setattr(self, name, larger)
        self._free.extend(range(capacity - 1, used - 1, -1))

    def _free_rows(self, rows: Sequence[int]) -> None:
        self._index.remove(np.array(rows, np.int64))
        for entry in rows:
            touching = {self.owners.pop(entry), self.causes.pop(entry, "")}
            for change in self.changes.pop(entry, []):
                touching |= {change.owner, change.cause or ""}
            for owner in touching & self._mine.keys():
                self._mine[owner].discard(entry)
            del self.labels[entry]
            self.radii[entry] = -1.0
            self._free.append(entry)

    # Changes

    def _change(self, entry: int, change: Change) -> None:
        self._note(entry, change)
        self._set_changes(entry, [*self.changes.get(entry, ()), change])

    def _note(self, entry: int, change: Change) -> None:
        for owner in (change.owner, change.cause):
            if owner is not None:
                self._mine.setdefault(owner, set()).add(entry)

    def _set_changes(self, entry: int, changes: list[Change]) -> None:
        was_hidden = self.radii[entry] < 0
        self.changes[entry] = changes
        if not changes:
            del self.changes[entry]
        self.radii[entry] = folded(float(self.initial[entry]), changes)
        row, radius = np.array([entry]), self._indexed(self.radii[[entry]])
        if self.radii[entry] < 0:
            self._index.remove(row)
        elif was_hidden:
            self._index.insert(row, self.keys[row], radius)
        else:
            self._index.update_radii(row, radius)

    def _hide(self, entries: Sequence[int], owner: str) -> None:
        """Entries that a newer edit of the same prompt replaces; edits that shared one get their own for that time."""
        for entry in entries:
            shared = self.followers(entry)
            self._change(entry, Change(owner=owner, effect="hide"))
            for change in shared:
                initial = float(self.initial[entry])
                self._rejoin(change, self.values[entry].copy(), self.labels[entry], initial, cause=owner)

    def _rejoin(
        self, change: Change, value: Vectors, label: str, initial_radius: float, cause: str | None = None
    ) -> None:
        assert change.key is not None  # noqa: S101 - a "grow" always has one
        placement = self.place(change.key, label, initial_radius)
        if placement.action == "expand":
            reach = self._widened(placement.distance, change.key)
            self._change(placement.entry, replace(change, amount=reach, cause=cause))
            return
        radius = initial_radius
        if placement.action == "split":
            radius = placement.distance / 2
            self._change(placement.entry, Change(owner=change.owner, effect="set", amount=radius, cause=cause))
        self._insert(change.key, value, radius, label, change.owner, cause=cause)

    # Distances: `given` ones are the codebook's, the index knows Euclidean ones

    def _around(self, key: Vectors, distance: float) -> Iterator[tuple[int, float]]:
        (near,) = self._index.within(key[None], float(self._indexed(np.array([distance]))[0]))
        for entry, gap in zip(near.ids.tolist(), near.distances.tolist(), strict=True):
            yield entry, self._given(gap)

    def _nearest_but(self, key: Vectors, excluded: Sequence[int]) -> tuple[int, float] | None:
        near = self._index.nearest(key, len(excluded) + 1)
        pairs = zip(near.ids.tolist(), near.distances.tolist(), strict=True)
        return next(((entry, self._given(gap)) for entry, gap in pairs if entry not in excluded), None)

    def same(self, key: Vectors) -> float:
        """The distance up to which two keys cannot be told apart."""
        return self._widened(0.0, key)

    def _widened(self, distance: float, key: Vectors) -> float:
        if self.distance == "euclidean":
            return distance + self.tolerance * float(np.linalg.norm(key))
        return self._given(float(np.sqrt(2 * distance)) + self.tolerance)

    def _widest(self) -> float:
        return float(self.radii.max(initial=0.0))  # rows without an entry hold none or less

    def _given(self, euclidean: float) -> float:
        return euclidean if self.distance == "euclidean" else euclidean**2 / 2

    def _indexed(self, distances: NDArray[np.float64]) -> NDArray[np.float64]:
        return distances if self.distance == "euclidean" else np.sqrt(2 * np.maximum(distances, 0))
