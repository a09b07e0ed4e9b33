"""From keys that an index has found to the edits that hold for a question."""

# ruff: noqa: S608 - what is joined into SQL is constants of this package; values are bound

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from kedit_memory.memory.index import Hits
from kedit_memory.memory.keys import KeyIndex
from kedit_memory.memory.rows import SELECT_EDIT, edit_of, number_of, to_json
from kedit_memory.memory.slots import folded
from kedit_memory.memory.store import Store
from kedit_memory.records import Edit, Match, Vectors

# An edit holds on a day of its interval. A superseded one keeps the days before its successor's;
# where the successor holds too, the successor is right. ?2 is the namespace, ?3 the day.
_HOLDS = """
    e.namespace = ?2
    AND (e.valid_from IS NULL OR e.valid_from <= ?3)
    AND (e.valid_until IS NULL OR ?3 < e.valid_until)
    AND (e.status = 'active' OR (e.status = 'superseded' AND EXISTS (
        SELECT 1 FROM edits s WHERE s.id = e.superseded_by
        AND ((s.valid_from IS NOT NULL AND s.valid_from > ?3)
             OR (s.valid_until IS NOT NULL AND s.valid_until <= ?3)))))
"""
# CROSS JOIN keeps the order: from the few keys to their edits, never through all edits of a namespace.
_SELECT_KEYS = (
    "SELECT k.id, k.text, k.edit_id FROM json_each(?1) found CROSS JOIN keys k ON k.id = found.value "
    f"CROSS JOIN edits e ON e.id = k.edit_id WHERE k.live AND {_HOLDS} "
    "AND (?4 IS NULL OR e.subject_key IS NULL OR e.subject_key IN (SELECT value FROM json_each(?4)))"
)


@dataclass(frozen=True, kw_only=True)
class Holding:
    """Which edits may match: of a namespace, valid on a day, about one of some subjects or about none."""

    namespace: str
    day: str
    subjects: Collection[str] | None = None  # None: about anything

    def bound(self) -> tuple[str, str, str | None]:
        """The values of the query's places ?2 to ?4."""
        keys = None if self.subjects is None else to_json(sorted({folded(name) for name in self.subjects}))
        return self.namespace, self.day, keys


def matches_of(store: Store, hits: Hits, holding: Holding, *, limit: int | None = None) -> list[Match]:
    """One match for each edit that holds: by its key with the largest margin.

    Sorted by margin r^2 - d^2, largest first (decision 2 of the architecture), then by distance and
    key. With a limit only the first ones are looked up, whatever the number of hits.
    """
    order = np.lexsort((hits.ids, hits.distances, hits.distances**2 - hits.radii**2))
    ids, distances, radii = (part[order].tolist() for part in hits)
    matches: dict[int, Match] = {}  # by edit, in order of margin
    block = len(ids) if limit is None else 2 * limit
    for start in range(0, len(ids), max(1, block)):
        part = slice(start, start + block)
        keys = _keys(store, ids[part], holding)
        edits = _edits(store, {row["edit_id"] for row in keys.values()} - set(matches))
        for key, distance, radius in zip(ids[part], distances[part], radii[part], strict=True):
            row = keys.get(key)
            if row is not None and row["edit_id"] not in matches and row["edit_id"] in edits:
                edit = edits[row["edit_id"]]
                match = Match(edit=edit, key=row["text"], distance=distance, radius=radius)
                matches[row["edit_id"]] = match
        if limit is not None and len(matches) >= limit:
            break
    return list(matches.values())[:limit]


def nearest_matches(store: Store, index: KeyIndex, query: Vectors, count: int, holding: Holding) -> list[Match]:
    """The `count` edits with the nearest keys, whatever their radius, nearest first."""
    asked = 4 * count
    while True:
        hits = index.nearest(query, asked)
        matches = matches_of(store, hits, holding)
        if len(matches) >= count or len(hits.ids) < asked:
            nearest = sorted(matches, key=lambda match: (match.distance, number_of(match.edit.id)))
            return nearest[:count]
        asked *= 4


def _keys(store: Store, ids: Sequence[int], holding: Holding) -> dict[int, sqlite3.Row]:
    return {row["id"]: row for row in store.query(_SELECT_KEYS, to_json(ids), *holding.bound())}


def _edits(store: Store, numbers: Iterable[int]) -> dict[int, Edit]:
    rows = store.query(f"{SELECT_EDIT} WHERE e.id IN (SELECT value FROM json_each(?))", to_json(sorted(numbers)))
    return {row["id"]: edit_of(row) for row in rows}
