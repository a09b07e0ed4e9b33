"""From keys near a question to the edits that hold for it."""

# ruff: noqa: S608 - what is joined into SQL is constants of this package; values are bound

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from kedit_memory.memory.index import Hits
from kedit_memory.memory.index.base import distances
from kedit_memory.memory.index.cached import KeyIndex
from kedit_memory.memory.rows import SELECT_EDIT, edit_of, number_of, to_json
from kedit_memory.memory.store import ANSWERING, Store
from kedit_memory.records import Edit, KeyKind, Match, Vectors
from kedit_memory.text import fold

# An edit holds on a day of its interval. A superseded one keeps the days before its successor's;
# where the successor holds too, the successor is right. ?1 is the namespace, ?2 the day.
HOLDS = """
    e.namespace = ?1
    AND (e.valid_from IS NULL OR e.valid_from <= ?2)
    AND (e.valid_until IS NULL OR ?2 < e.valid_until)
    AND (e.status = 'active' OR (e.status = 'superseded' AND EXISTS (
        SELECT 1 FROM edits s WHERE s.id = e.superseded_by
        AND ((s.valid_from IS NOT NULL AND s.valid_from > ?2)
             OR (s.valid_until IS NOT NULL AND s.valid_until <= ?2)))))
"""
# CROSS JOIN keeps the order: from the few keys to their edits, never through all edits of a namespace.
_SELECT_KEYS = (
    "SELECT k.id, k.kind, k.text, k.edit_id FROM json_each(?4) found CROSS JOIN keys k ON k.id = found.value "
    f"CROSS JOIN edits e ON e.id = k.edit_id WHERE k.live AND {HOLDS} "
    "AND (?3 IS NULL OR e.subject_key IS NULL OR e.subject_key IN (SELECT value FROM json_each(?3)))"
)
# Likewise from the subjects to their edits and on to the keys of these, rejected ones included.
_SELECT_ABOUT = (
    "SELECT k.id, k.kind, k.text, k.edit_id, k.radius, k.vector FROM json_each(?3) subject "
    "CROSS JOIN edits e ON e.subject_key = subject.value CROSS JOIN keys k ON k.edit_id = e.id "
    f"WHERE k.live AND {ANSWERING} AND {HOLDS}"
)
# The keys of a text, which find its edit without a vector.
_SELECT_WORDED = (
    "SELECT k.id, k.kind, k.text, k.edit_id, k.radius, k.vector FROM json_each(?4) asked "
    "CROSS JOIN keys k ON k.text = asked.value CROSS JOIN edits e ON e.id = k.edit_id "
    f"WHERE k.live AND k.kind IN ('prompt', 'paraphrase', 'confirmed') AND {ANSWERING} AND {HOLDS} AND NOT EXISTS "
    "(SELECT 1 FROM keys r WHERE r.edit_id = e.id AND r.live AND r.kind = 'rejected' AND r.text = k.text)"
)
_SELECT_REJECTING = (
    "SELECT k.id, k.kind, k.edit_id, k.vector FROM json_each(?) chosen CROSS JOIN keys k ON k.edit_id = chosen.value "
    "WHERE k.live AND EXISTS (SELECT 1 FROM keys r WHERE r.edit_id = chosen.value AND r.live AND r.kind = 'rejected')"
)


@dataclass(frozen=True, kw_only=True)
class Holding:
    """Which edits may match: of a namespace, valid on a day, about one of some subjects or about none."""

    namespace: str
    day: str
    subjects: Collection[str] | None = None  # None: about anything

    def bound(self) -> tuple[str, str, str | None]:
        """The values of the queries' places ?1 to ?3."""
        keys = None if self.subjects is None else to_json(sorted({fold(name) for name in self.subjects}))
        return self.namespace, self.day, keys


def matches_of(
    store: Store, query: Vectors, hits: Hits, holding: Holding, *, limit: int | None = None, with_rejected: bool = False
) -> list[Match]:
    """One match for each edit that holds: by its key with the largest margin.

    Sorted by margin r^2 - d^2, largest first (decision 2 of the architecture), then by distance and
    key. With a limit only the first ones are looked up, whatever the number of hits.
    """
    order = np.lexsort((hits.ids, hits.distances, hits.distances**2 - hits.radii**2))
    ids, gaps, radii = (part[order].tolist() for part in hits)
    matches: dict[int, Match] = {}  # by edit, in order of margin
    block = len(ids) if limit is None else 2 * limit
    for start in range(0, len(ids), max(1, block)):
        part = slice(start, start + block)
        keys = _keys(store, ids[part], holding)
        fresh = {row["edit_id"] for row in keys.values()} - set(matches)
        edits, rejected = _edits(store, fresh), _rejecting(store, query, fresh)
        for key, distance, radius in zip(ids[part], gaps[part], radii[part], strict=True):
            row = keys.get(key)
            number = None if row is None else row["edit_id"]
            if row is None or number in matches or number not in edits:
                continue
            if with_rejected or number not in rejected:
                matches[number] = _match(edits[number], row, distance, radius, rejected=number in rejected)
        if limit is not None and len(matches) >= limit:
            break
    return list(matches.values())[:limit]


def nearest_matches(store: Store, index: KeyIndex, query: Vectors, count: int, holding: Holding) -> list[Match]:
    """The `count` edits with the nearest keys, whatever their radius, nearest first."""
    asked = 4 * count
    while True:
        hits = index.nearest(query, asked)
        matches = matches_of(store, query, hits, holding, with_rejected=True)
        if len(matches) >= count or len(hits.ids) < asked:
            nearest = sorted(matches, key=lambda match: (match.distance, number_of(match.edit.id)))
            return nearest[:count]
        asked *= 4


def matches_about(store: Store, query: Vectors, holding: Holding, *, limit: int | None = None) -> list[Match]:
    """One match for each edit that holds and is about one of the subjects, by its nearest key, however far.

    Nearest first, then by id. Costs one distance for each key of these edits, no search.
    """
    nearest = _nearest(store, query, store.query(_SELECT_ABOUT, *holding.bound()))
    found = [(row, gap) for row, gap in nearest if row["kind"] != KeyKind.REJECTED][:limit]
    edits = _edits(store, [row["edit_id"] for row, _ in found])
    return [_match(edits[row["edit_id"]], row, gap, row["radius"]) for row, gap in found if row["edit_id"] in edits]


def matches_worded(store: Store, texts: Collection[str], holding: Holding) -> list[Match]:
    """One match for each edit that holds and has a key of one of these texts; by id."""
    rows = store.query(_SELECT_WORDED, *holding.bound(), to_json(sorted(texts)))
    first = {row["edit_id"]: row for row in reversed(rows)}
    edits = _edits(store, first)
    return [_match(edits[number], first[number], 0.0, first[number]["radius"]) for number in sorted(edits)]


def any_about(store: Store, holding: Holding) -> bool:
    """Whether an edit that can be found is about one of the subjects, on whatever day."""
    sql = (
        "SELECT 1 FROM json_each(?2) subject CROSS JOIN edits e ON e.namespace = ?1 AND e.subject_key = subject.value "
        f"WHERE {ANSWERING} LIMIT 1"
    )
    namespace, _, subjects = holding.bound()
    return bool(store.query(sql, namespace, subjects))


def any_subjectless(store: Store, namespace: str) -> bool:
    """Whether an edit that can be found is about no known subject."""
    sql = f"SELECT 1 FROM edits e WHERE e.namespace = ? AND e.subject_key IS NULL AND {ANSWERING} LIMIT 1"
    return bool(store.query(sql, namespace))


def _nearest(store: Store, query: Vectors, rows: Sequence[sqlite3.Row]) -> list[tuple[sqlite3.Row, float]]:
    """The key of each edit that is nearest to a question with its distance, nearest first, then by edit.

    Of keys equally near a rejected one counts, so that the very words that were rejected never match.
    """
    gaps = distances(query, store.vectors_in(rows))
    allowed = [row["kind"] != KeyKind.REJECTED for row in rows]
    order = np.lexsort(([row["id"] for row in rows], allowed, [row["edit_id"] for row in rows], gaps))
    first: dict[int, tuple[sqlite3.Row, float]] = {}
    for place in order.tolist():
        first.setdefault(rows[place]["edit_id"], (rows[place], float(gaps[place])))
    return list(first.values())


def _rejecting(store: Store, query: Vectors, numbers: Iterable[int]) -> set[int]:
    """Which of these edits are out for a question, since it lies nearest to one that was rejected for them."""
    rows = store.query(_SELECT_REJECTING, to_json(sorted(numbers)))
    return {row["edit_id"] for row, _ in _nearest(store, query, rows) if row["kind"] == KeyKind.REJECTED}


def _match(edit: Edit, row: sqlite3.Row, distance: float, radius: float, *, rejected: bool = False) -> Match:
    kind = KeyKind(row["kind"])
    return Match(edit=edit, key=row["text"], key_kind=kind, distance=distance, radius=radius, rejected=rejected)


def _keys(store: Store, ids: Sequence[int], holding: Holding) -> dict[int, sqlite3.Row]:
    return {row["id"]: row for row in store.query(_SELECT_KEYS, *holding.bound(), to_json(ids))}


def _edits(store: Store, numbers: Iterable[int]) -> dict[int, Edit]:
    rows = store.query(f"{SELECT_EDIT} WHERE e.id IN (SELECT value FROM json_each(?))", to_json(sorted(numbers)))
    return {row["id"]: edit_of(row) for row in rows}
