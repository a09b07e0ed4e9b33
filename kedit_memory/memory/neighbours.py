"""Which stored keys the rules of scope have to weigh against a new one."""

# ruff: noqa: S608 - what is joined into SQL is constants of this package; values are bound

import math
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Protocol

import numpy as np

from kedit_memory.memory.conflicts import Question, question_of, same_question, same_target, subject_key
from kedit_memory.memory.database import Row
from kedit_memory.memory.index.base import NO_HITS, Hits, distances
from kedit_memory.memory.radius import DEFAULT_RADIUS, Neighbour, scope_of
from kedit_memory.memory.rows import SEARCHED, number_of, to_json
from kedit_memory.memory.store import Store
from kedit_memory.records import Edit, Floats, Ids, Vectors

_HUB = 512  # keys of one subject beyond which those within reach are searched instead of all of them
_NOT_WRITTEN = -1
_BLOCK = 64  # keys looked up at once, nearest first
_COLUMNS = "SELECT k.id, k.edit_id, k.radius, e.target, e.radius_fixed, e.slot, e.prompt_key, e.subject_key"
_ELIGIBLE = f"{SEARCHED} AND e.status = 'active' AND e.namespace = ? AND e.id <> ?"
_OF_SUBJECT = f"edits e JOIN keys k ON k.edit_id = e.id WHERE {_ELIGIBLE} AND e.subject_key = ?"
_COUNT_OF_SUBJECT = f"SELECT count(*) FROM (SELECT 1 FROM {_OF_SUBJECT} LIMIT {_HUB + 1}) few"
# CROSS JOIN keeps the order: from the few keys to their edits, never through all edits of a namespace.
_OF_KEYS = (
    f"{_COLUMNS} FROM json_each(?) found CROSS JOIN keys k ON k.id = CAST(found.value AS BIGINT) "
    f"CROSS JOIN edits e ON e.id = k.edit_id WHERE {_ELIGIBLE} "
    "AND (e.subject_key IS NULL OR e.subject_key = ? OR ? IS NULL)"
)
_REJECTED = "SELECT id, vector FROM keys WHERE edit_id = ? AND live AND kind = 'rejected'"


class Search(Protocol):
    """What finds keys among all that are stored."""

    def within(self, vectors: Vectors, reach: float) -> list[Hits]:
        """The keys within a distance of each vector."""

    def reaching(self, vector: Vectors) -> Hits:
        """The keys whose own radius reaches a vector."""


class Neighbourhood:
    """Keys around the keys of one batch of edits.

    The subject link tells questions about different subjects apart, so only edits of the same
    subject, or of none, are neighbours. The first are found by their subject, the second within
    `reach`: the default radius is as far as an untouched key reaches, and the few that were
    expanded are added. Of a subject with very many keys, too, those within reach are searched. Edits that
    answer the same question (kept side by side on purpose) are no
    neighbours: a split would leave both nothing. What was rejected for an edit is a neighbour of
    its own keys, with a radius that nothing moves.

    Args:
        store: within a transaction.
        search: finds keys by their distance.
        vectors: of the batch, of shape (keys, dimension), in the order of writing.
        reach: how far a key that nothing has touched reaches.
    """

    def __init__(self, store: Store, search: Search, vectors: Vectors, *, reach: float = DEFAULT_RADIUS) -> None:
        self._store = store
        self._search = search
        self._vectors = vectors
        self._reach = reach
        self._written: list[int] = []  # ids of those already written

    @cached_property
    def _around(self) -> Sequence[Hits]:
        """The keys within reach of each of the batch, as they were before it."""
        return self._search.within(self._vectors, self._reach)

    @cached_property
    def _products(self) -> Vectors:
        """Of the batch's vectors with each other."""
        products: Vectors = self._vectors @ self._vectors.T
        return products

    def vector(self, place: int) -> Vectors:
        """The vector of the key at `place` in the batch."""
        vector: Vectors = self._vectors[place]
        return vector

    def note_written(self, key: int) -> None:
        """Tells the id that the next key of the batch was given."""
        self._written.append(key)

    def skip(self, count: int) -> None:
        """Passes over keys of the batch that are not written."""
        self._written += [_NOT_WRITTEN] * count

    def of(self, edit: Edit, place: int, given: float | None) -> list[Neighbour]:
        """Neighbours of the key at `place` in the batch, which belongs to `edit`."""
        vector, subject = self._vectors[place], subject_key(edit.subject)
        few = self._has_few(edit, subject)
        found = {near.key: near for near in self._same_subject(edit, subject, vector)} if few else {}
        if not few or subject is None or self._store.any_subjectless():
            for near in self._around_key(edit, subject, place, given):
                found.setdefault(near.key, near)
        return [*found.values(), *self._rejected(edit, vector)]

    def nearest_other(self, edit: Edit, place: int) -> float:
        """How far the nearest neighbour with another label is; infinite when none is within reach."""
        vector, subject = self._vectors[place], subject_key(edit.subject)
        near = self._same_subject(edit, subject, vector) if self._has_few(edit, subject) else []
        found = _others([*near, *self._rejected(edit, vector)])
        ids, gaps, _ = self._candidates(place)
        for start in range(0, len(ids), _BLOCK):
            block = slice(start, start + _BLOCK)
            if nearer := _others(self._described(edit, subject, ids[block], gaps[block])):
                found += nearer
                break
        return min(found, default=math.inf)

    def _has_few(self, edit: Edit, subject: str | None) -> bool:
        """Whether all keys about a subject can be compared at once."""
        values = (edit.namespace, number_of(edit.id), subject)
        return subject is not None and self._store.query(_COUNT_OF_SUBJECT, *values)[0][0] <= _HUB

    def _same_subject(self, edit: Edit, subject: str | None, vector: Vectors) -> list[Neighbour]:
        rows = self._store.query(
            f"{_COLUMNS}, k.vector FROM {_OF_SUBJECT}", edit.namespace, number_of(edit.id), subject
        )
        rows = [row for row in rows if not same_question(question_of(edit), _question(row))]
        if not rows:
            return []
        gaps = distances(vector, self._store.vectors_in(rows))
        return [_neighbour(row, edit, gap) for row, gap in zip(rows, gaps.tolist(), strict=True)]

    def _rejected(self, edit: Edit, vector: Vectors) -> list[Neighbour]:
        """The questions that were rejected for an edit, which none of its keys may cover."""
        if not self._store.any_rejected():
            return []
        rows = self._store.query(_REJECTED, number_of(edit.id))
        gaps = distances(vector, self._store.vectors_in(rows)).tolist()
        return [
            Neighbour(key=row["id"], distance=gap, radius=0.0, same_label=False, fixed=True)
            for row, gap in zip(rows, gaps, strict=True)
        ]

    def _around_key(self, edit: Edit, subject: str | None, place: int, given: float | None) -> list[Neighbour]:
        """Neighbours by distance alone; those that cannot matter any more are not looked up."""
        ids, gaps, radii = self._candidates(place)
        found: list[Neighbour] = []
        while len(ids):
            found += self._described(edit, subject, ids[:_BLOCK], gaps[:_BLOCK])
            reach = np.maximum(scope_of(given, found).radius, radii[_BLOCK:])
            touching = gaps[_BLOCK:] <= reach
            ids, gaps = ids[_BLOCK:][touching], gaps[_BLOCK:][touching]
            radii = radii[_BLOCK:][touching]
        return found

    def _candidates(self, place: int) -> tuple[Ids, Floats, Floats]:
        """Keys within reach: of the index, of this batch so far, and those that themselves reach further."""
        hits, written = self._around[place], len(self._written)
        norms = np.diagonal(self._products)
        squared = norms[:written] + norms[place] - 2 * self._products[place, :written]
        near = np.flatnonzero(squared <= self._reach**2 + 1e-3)
        gaps = distances(self._vectors[place], self._vectors[near])
        near, gaps = near[gaps <= self._reach], gaps[gaps <= self._reach]
        far = self._reaching(place) if self._store.any_expanded() else NO_HITS
        ids = np.concatenate([hits.ids, np.array(self._written, np.int64)[near], far.ids])
        radii = np.concatenate([hits.radii, np.full(len(near), DEFAULT_RADIUS), far.radii])
        every = np.concatenate([hits.distances, gaps, far.distances])
        order = np.lexsort((ids, every))
        return ids[order], every[order], radii[order]

    def _reaching(self, place: int) -> Hits:
        """Keys that lie further than `reach` and yet cover the key at a place."""
        found = self._search.reaching(self._vectors[place])
        far = found.distances > self._reach
        return Hits(found.ids[far], found.distances[far], found.radii[far])

    def _described(self, edit: Edit, subject: str | None, ids: Ids, gaps: Floats) -> list[Neighbour]:
        """Those of the keys that may be taken for one of an edit: of its subject, or where one of both has none."""
        gap_of = dict(zip(ids.tolist(), gaps.tolist(), strict=True))
        values = (to_json(list(gap_of)), edit.namespace, number_of(edit.id), subject, subject)
        rows = self._store.query(_OF_KEYS, *values)
        return [
            _neighbour(row, edit, gap_of[row["id"]])
            for row in rows
            if not same_question(question_of(edit), _question(row))
        ]


def key_gaps(store: Store, edit_id: str, vector: Vectors) -> dict[int, float]:
    """How far each live key of an edit is from a vector, by key."""
    rows = store.query("SELECT id, vector FROM keys WHERE edit_id = ? AND live", number_of(edit_id))
    return dict(zip((row["id"] for row in rows), distances(vector, store.vectors_in(rows)).tolist(), strict=True))


def _others(neighbours: Iterable[Neighbour]) -> list[float]:
    return [near.distance for near in neighbours if not near.same_label]


def _question(row: Row) -> Question:
    return Question(slot=row["slot"], prompt_key=row["prompt_key"], subject_key=row["subject_key"])


def _neighbour(row: Row, edit: Edit, gap: float) -> Neighbour:
    return Neighbour(
        key=row["id"],
        distance=gap,
        radius=row["radius"],
        same_label=same_target(row["target"], edit.target),
        fixed=bool(row["radius_fixed"]),
    )
