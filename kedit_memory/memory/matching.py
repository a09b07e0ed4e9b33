"""From keys that an index has found to the edits that hold for a question."""

# ruff: noqa: S608 - what is joined into SQL is constants of this package; values are bound

from kedit_memory.memory.index import Hits
from kedit_memory.memory.index.base import Vectors
from kedit_memory.memory.keys import KeyIndex
from kedit_memory.memory.rows import SELECT_EDIT, edit_of, number_of, to_json
from kedit_memory.memory.store import Store
from kedit_memory.records import Match

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
_KEYS = (
    "SELECT k.id, k.text, k.edit_id FROM keys k JOIN edits e ON e.id = k.edit_id "
    f"WHERE k.id IN (SELECT value FROM json_each(?1)) AND k.live AND {_HOLDS}"
)


def matches_of(store: Store, hits: Hits, namespace: str, day: str) -> list[Match]:
    """One match for each edit that holds on that day: by its key with the largest margin.

    Sorted by margin r^2 - d^2, largest first (decision 2 of the architecture), then by id.
    """
    rows = store.query(_KEYS, to_json(hits.ids.tolist()), namespace, day) if len(hits.ids) else []
    keys = {row["id"]: row for row in rows}
    best: dict[int, tuple[float, float, float, str]] = {}
    for key, distance, radius in zip(*(part.tolist() for part in hits), strict=True):
        row = keys.get(key)
        if row is None:
            continue
        found = (distance**2 - radius**2, distance, radius, row["text"])
        best[row["edit_id"]] = min(best.get(row["edit_id"], found), found)
    edits = store.query(f"{SELECT_EDIT} WHERE e.id IN (SELECT value FROM json_each(?))", to_json(list(best)))
    matches = []
    for row in edits:
        _, distance, radius, text = best[row["id"]]
        matches.append(Match(edit=edit_of(row), key=text, distance=distance, radius=radius))
    return sorted(matches, key=_by_margin)


def nearest_matches(
    store: Store, index: KeyIndex, query: Vectors, count: int, *, namespace: str, day: str
) -> list[Match]:
    """The `count` edits with the nearest keys, whatever their radius, nearest first."""
    asked = 4 * count
    while True:
        hits = index.nearest(query, asked)
        matches = matches_of(store, hits, namespace, day)
        if len(matches) >= count or len(hits.ids) < asked:
            nearest = sorted(matches, key=lambda match: (match.distance, number_of(match.edit.id)))
            return nearest[:count]
        asked *= 4


def _by_margin(match: Match) -> tuple[float, float, int]:
    return match.distance**2 - match.radius**2, match.distance, number_of(match.edit.id)
