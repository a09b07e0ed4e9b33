"""Which stored keys the rules of scope have to weigh against a new one."""

import sqlite3
from collections.abc import Sequence

import numpy as np

from kedit_memory.memory.index.base import Floats, Hits, Ids, distances
from kedit_memory.memory.keys import KeyIndex
from kedit_memory.memory.rows import number_of, to_json
from kedit_memory.memory.scope import DEFAULT_RADIUS, Neighbour, scope_of
from kedit_memory.memory.slots import Question, question_of, same_question, same_target, subject_key
from kedit_memory.memory.store import Store
from kedit_memory.records import Edit, Vectors

_NOT_WRITTEN = -1
_BLOCK = 64  # keys looked up at once, nearest first
_COLUMNS = (
    "SELECT k.id, k.edit_id, k.radius, k.vector, e.target, e.radius_fixed, e.slot, e.prompt_key, e.subject_key FROM"
)
_ELIGIBLE = "k.live AND e.status = 'active' AND e.namespace = ? AND e.id <> ?"
_OF_SUBJECT = f"{_COLUMNS} edits e JOIN keys k ON k.edit_id = e.id WHERE {_ELIGIBLE} AND e.subject_key = ?"
# CROSS JOIN keeps the order: from the few keys to their edits, never through all edits of a namespace.
_OF_KEYS = (
    f"{_COLUMNS} json_each(?) found CROSS JOIN keys k ON k.id = found.value "
    f"CROSS JOIN edits e ON e.id = k.edit_id WHERE {_ELIGIBLE}"
)


class Neighbourhood:
    """Keys around the keys of one batch of edits.

    The subject link tells questions about different subjects apart, so only edits of the same
    subject, or of none, are neighbours. The first are found by their subject, the second within
    the default radius, which is as far as an untouched key reaches. Edits that answer the same
    question (kept side by side on purpose) are no neighbours: a split would leave both nothing.
    """

    def __init__(self, store: Store, index: KeyIndex, vectors: Vectors, *, subjectless: bool) -> None:
        self._store = store
        self._vectors = vectors  # (keys of the batch, dimension), in the order of writing
        self._written: list[int] = []  # ids of those already written
        self._around: Sequence[Hits] | None = None
        self._close: Vectors | None = None
        if subjectless or _any_subjectless(store):
            index.current()
            self._around = index.within(vectors, DEFAULT_RADIUS)
            self._close = vectors @ vectors.T

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
        found = {near.key: near for near in self._same_subject(edit, self._vectors[place])}
        for near in self._around_key(edit, place, given):
            found.setdefault(near.key, near)
        return list(found.values())

    def _same_subject(self, edit: Edit, vector: Vectors) -> list[Neighbour]:
        subject = subject_key(edit.subject)
        if subject is None:
            return []
        rows = self._store.query(_OF_SUBJECT, edit.namespace, number_of(edit.id), subject)
        rows = [row for row in rows if not same_question(question_of(edit), _question(row))]
        if not rows:
            return []
        vectors = np.stack([np.frombuffer(row["vector"], "<f4") for row in rows])
        gaps = distances(vector, vectors)
        return [_neighbour(row, edit, gap) for row, gap in zip(rows, gaps.tolist(), strict=True)]

    def _around_key(self, edit: Edit, place: int, given: float | None) -> list[Neighbour]:
        """Neighbours by distance alone; those that cannot matter any more are not looked up."""
        ids, gaps, radii = self._candidates(place)
        found: list[Neighbour] = []
        while len(ids):
            found += self._described(edit, ids[:_BLOCK], gaps[:_BLOCK])
            reach = np.maximum(scope_of(given, found).radius, radii[_BLOCK:])
            touching = gaps[_BLOCK:] <= reach
            ids, gaps = ids[_BLOCK:][touching], gaps[_BLOCK:][touching]
            radii = radii[_BLOCK:][touching]
        return found

    def _candidates(self, place: int) -> tuple[Ids, Floats, Floats]:
        """Keys within the default radius: of the index, and of this batch so far."""
        if self._around is None or self._close is None:
            return np.empty(0, np.int64), np.empty(0), np.empty(0)
        hits, written = self._around[place], len(self._written)
        norms = np.diagonal(self._close)
        squared = norms[:written] + norms[place] - 2 * self._close[place, :written]
        near = np.flatnonzero(squared <= DEFAULT_RADIUS**2 + 1e-3)
        gaps = distances(self._vectors[place], self._vectors[near])
        near, gaps = near[gaps <= DEFAULT_RADIUS], gaps[gaps <= DEFAULT_RADIUS]
        ids = np.concatenate([hits.ids, np.array(self._written, np.int64)[near]])
        radii = np.concatenate([hits.radii, np.full(len(near), DEFAULT_RADIUS)])
        every = np.concatenate([hits.distances, gaps])
        order = np.lexsort((ids, every))
        return ids[order], every[order], radii[order]

    def _described(self, edit: Edit, ids: Ids, gaps: Floats) -> list[Neighbour]:
        gap_of = dict(zip(ids.tolist(), gaps.tolist(), strict=True))
        sql = f"{_OF_KEYS} AND e.subject_key IS NULL" if edit.subject else _OF_KEYS
        rows = self._store.query(sql, to_json(list(gap_of)), edit.namespace, number_of(edit.id))
        return [
            _neighbour(row, edit, gap_of[row["id"]])
            for row in rows
            if not same_question(question_of(edit), _question(row))
        ]


def _any_subjectless(store: Store) -> bool:
    return bool(store.query("SELECT 1 FROM edits WHERE subject_key IS NULL AND status = 'active' LIMIT 1"))


def _question(row: sqlite3.Row) -> Question:
    return Question(slot=row["slot"], prompt_key=row["prompt_key"], subject_key=row["subject_key"])


def _neighbour(row: sqlite3.Row, edit: Edit, gap: float) -> Neighbour:
    return Neighbour(
        key=row["id"],
        distance=gap,
        radius=row["radius"],
        same_label=same_target(row["target"], edit.target),
        fixed=bool(row["radius_fixed"]),
    )
