"""What a memory answers from: the edits that hold, found by their words, their subjects or their distance.

A `Reader` sees one snapshot of the store with the index in step with it, so that its answers agree with each other
whatever is written meanwhile.
"""

# ruff: noqa: S608 - what is joined into SQL is constants of this package; values are bound

import math
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from kedit_memory.errors import InvalidInputError
from kedit_memory.memory.consolidation import any_held, held_by
from kedit_memory.memory.database import Row
from kedit_memory.memory.index.base import Hits, distances
from kedit_memory.memory.index.cached import CachedIndex
from kedit_memory.memory.names import StoredNames
from kedit_memory.memory.replaced import Replacing, replacing
from kedit_memory.memory.rows import EVERY, HOLDS, SEARCHED, SELECT_EDIT, Rows, edit_of, number_of, to_json
from kedit_memory.records import Edit, KeyKind, Match, Vectors
from kedit_memory.text import fold
from kedit_memory.words import words_asked

ERASING = 32  # erasures that a question is held against
WEIGHED = 4000  # edits that the words of a question bring up, rare words first; commoner ones tell little
HUB = 512  # keys of some subjects, or of a namespace, beyond which the index is searched instead of all of them

# CROSS JOIN keeps the order: from the few keys to their edits, never through all edits of a namespace.
_SELECT_KEYS = (
    "SELECT k.id, k.kind, k.text, k.edit_id FROM json_each(?5) found CROSS JOIN keys k ON k.id = "
    "CAST(found.value AS BIGINT) "
    f"CROSS JOIN edits e ON e.id = k.edit_id WHERE k.live AND {HOLDS} "
    "AND (?3 IS NULL OR e.subject_key IN (SELECT value FROM json_each(?3)) OR (?4 AND e.subject_key IS NULL))"
)
# Likewise from the subjects to their edits and on to the keys of these.
_ABOUT = (
    "FROM json_each(?3) subject CROSS JOIN edits e ON e.subject_key = subject.value "
    f"CROSS JOIN keys k ON k.edit_id = e.id WHERE {SEARCHED} AND {HOLDS}"
)
# No index leads from answers to their edits: few questions ask so.
_SCANNED = 20_000  # edits of a namespace whose answers are looked through for one question
_COUNT_ACTIVE = "SELECT coalesce(sum(edits), 0) FROM counts WHERE namespace = ? AND status = 'active'"
_SELECT_TOLD = (
    "SELECT k.id, k.kind, k.text, k.edit_id, k.radius, k.vector FROM edits e CROSS JOIN keys k ON k.edit_id = e.id "
    f"WHERE {SEARCHED} AND {HOLDS} AND e.target IN (SELECT value FROM json_each(?3)) LIMIT ?4"
)
# And from a namespace to its edits.
_OF_NAMESPACE = f"FROM edits e CROSS JOIN keys k ON k.edit_id = e.id WHERE {SEARCHED} AND {HOLDS}"
_COUNT_OF_NAMESPACE = f"SELECT count(*) FROM (SELECT 1 {_OF_NAMESPACE} LIMIT ?3) few"
_SELECT_OF_NAMESPACE = f"SELECT k.id, k.kind, k.text, k.edit_id, k.radius, k.vector {_OF_NAMESPACE}"
_SELECT_ABOUT = f"SELECT k.id, k.kind, k.text, k.edit_id, k.radius, k.vector {_ABOUT} LIMIT ?4"
_SELECT_KNOWN = (
    "SELECT id, edits FROM words WHERE namespace = ? AND word IN (SELECT value FROM json_each(?)) ORDER BY edits, id"
)
_COUNT_UNNAMED = "SELECT count(*) FROM edits WHERE namespace = ? AND unnamed AND holds"
_SELECT_WEIGHED = (
    "SELECT i.edit_id FROM json_each(?) word CROSS JOIN word_edits i ON i.word_id = CAST(word.key AS BIGINT) "
    "GROUP BY i.edit_id ORDER BY sum(i.weight * CAST(word.value AS DOUBLE PRECISION)) DESC, i.edit_id LIMIT ?"
)
_SELECT_HOLDING = (
    f"SELECT e.id FROM json_each(?3) one CROSS JOIN edits e ON e.id = CAST(one.value AS BIGINT) WHERE {HOLDS}"
)
# From the few edits to their keys.
_SELECT_SEARCHED = (
    "SELECT k.id, k.kind, k.text, k.edit_id, k.radius, k.vector FROM json_each(?) chosen "
    f"CROSS JOIN keys k ON k.edit_id = CAST(chosen.value AS BIGINT) WHERE {SEARCHED}"
)
# The keys of a text, which find its edit without a vector.
_SELECT_WORDED = (
    "SELECT k.id, k.kind, k.text, k.edit_id, k.radius FROM json_each(?4) asked "
    "CROSS JOIN keys k ON k.text = asked.value CROSS JOIN edits e ON e.id = k.edit_id "
    f"WHERE k.live AND k.kind IN ('prompt', 'paraphrase', 'confirmed') AND {HOLDS} AND NOT EXISTS "
    "(SELECT 1 FROM keys r WHERE r.edit_id = e.id AND r.live AND r.kind = 'rejected' AND r.text = k.text)"
)
_SELECT_REJECTING = (
    "SELECT k.id, k.kind, k.edit_id, k.vector FROM json_each(?) chosen CROSS JOIN keys k ON k.edit_id = "
    "CAST(chosen.value AS BIGINT) "
    "WHERE k.live AND EXISTS (SELECT 1 FROM keys r WHERE r.edit_id = k.edit_id AND r.live AND r.kind = 'rejected')"
)

_ANY_ERASING = "SELECT 1 FROM edits WHERE namespace = ? AND kind = 'erasure' AND holds LIMIT 1"
_ERASING = (
    f"SELECT id FROM (SELECT e.id FROM edits e WHERE e.kind = 'erasure' AND {HOLDS} AND e.subject_key {{}} "
    f"ORDER BY e.id DESC LIMIT {ERASING}) newest"
)
_SELECT_ERASING = (
    f"{SELECT_EDIT} WHERE e.id IN ({_ERASING.format('IN (SELECT value FROM json_each(?3))')} "
    f"UNION ALL {_ERASING.format('IS NULL')}) ORDER BY e.id DESC"
)


class _Wanted(NamedTuple):
    """The values of a query's places ?1 to ?4: which edits may match."""

    namespace: str
    days: str
    subjects: str | None  # a JSON list of keys; None for any
    subjectless: bool  # whether those about no known subject may, too


class _Allowed(NamedTuple):
    """Which matches count."""

    rejected: bool = False  # of edits that were rejected for a question like this one, too
    beyond: bool = True  # outside of a radius that a caller gave, too


_ALLOWED = _Allowed()


class Reader:
    """The edits of one namespace that hold on a day, or some day of a longer time, as one snapshot has them."""

    def __init__(self, rows: Rows, index: CachedIndex, namespace: str, first: str, last: str) -> None:
        self._rows = rows
        self._index = index
        self._namespace = namespace
        self._days = f"{first}/{last}"

    @property
    def names(self) -> StoredNames:
        """The names that edits of the namespace give, whatever the day on which they hold."""
        return StoredNames(self._rows.query, self._namespace)

    def worded(self, texts: Collection[str]) -> list[Match]:
        """Every edit of which one of these texts is the prompt, a paraphrase or a confirmed question; by id."""
        rows = self._rows.query(_SELECT_WORDED, *self._bound(None), to_json(sorted(texts)))
        first = {row["edit_id"]: row for row in reversed(rows)}
        edits = self._edits(first)
        return [_match(edits[number], first[number], 0.0, first[number]["radius"]) for number in sorted(edits)]

    def in_scope(
        self, query: Vectors, *, subjects: Collection[str] | None = None, limit: int | None = None
    ) -> list[Match]:
        """One match for each edit that covers a question: by its key with the largest margin r^2 - d^2, largest first.

        Decision 2 of the architecture; ties by distance, then by key. With `subjects`, only edits about one of these
        names, or about no known subject. With `limit` only the first ones are looked up, whatever the number of keys
        that reach the question.
        """
        index = self._index.at(self._rows)
        if index is None:
            return []
        hits = index.in_scope(query)
        order = np.lexsort((hits.ids, hits.distances, hits.distances**2 - hits.radii**2))
        best = Hits(hits.ids[order], hits.distances[order], hits.radii[order])
        return self._matches(query, best, self._wanted(subjects, subjectless=True), limit=limit)

    def nearest(self, query: Vectors, count: int) -> list[Match]:
        """The `count` edits with the nearest keys, whatever their radius, nearest first.

        The few keys of a small namespace are compared as they are: in the index many others may lie before them.
        """
        held = self._rows.once(_COUNT_OF_NAMESPACE, lambda rows: int(rows[0][0]), self._namespace, self._days, HUB + 1)
        if held > HUB:
            return self._nearest_in_index(query, count, self._wanted(None), _Allowed(rejected=True))
        keys = self._rows.query(_SELECT_OF_NAMESPACE, self._namespace, self._days)
        found = _nearest(self._rows, query, keys)[:count] if keys else []
        numbers = [row["edit_id"] for row, _ in found]
        edits, out = self._edits(numbers), self._rejecting(query, numbers)
        return [
            _match(edits[row["edit_id"]], row, gap, row["radius"], rejected=row["edit_id"] in out) for row, gap in found
        ]

    def by_meaning(self, query: Vectors, limit: int, *, named: bool = False) -> list[Match]:
        """Of the edits that a question need not name, those with the nearest keys, nearest first; rejected ones never.

        With `named` of all edits. Radii do not matter, unless a caller gave one: then the question must lie within it.
        """
        return self._nearest_in_index(query, limit, self._wanted(None), _Allowed(beyond=False), unnamed=not named)

    def by_words(self, text: str, query: Vectors, limit: int) -> list[Match]:
        """Of the edits that a question need not name, those with most of its words, by BM25; rejected ones never.

        Each with its key nearest to the question; radii matter as in `by_meaning`.
        """
        known = self._rows.query(_SELECT_KNOWN, self._namespace, to_json(sorted(set(words_asked(text)))))
        rare = to_json(self._rarities(known))
        asked = limit
        while known:
            best = [row["edit_id"] for row in self._rows.query(_SELECT_WEIGHED, rare, asked)]
            holding = {row["id"] for row in self._rows.query(_SELECT_HOLDING, *self._bound(None)[:2], to_json(best))}
            matches = self._by_nearest_key(query, [number for number in best if number in holding])
            if len(matches) >= limit or len(best) < asked:
                return matches[:limit]
            asked *= 4
        return []

    def about(self, query: Vectors, subjects: Collection[str], *, limit: int | None = None) -> list[Match]:
        """One match for each edit about one of these subjects, by its nearest key, however far; nearest first.

        With a limit, the nearest of the many edits of a subject are found by the index.
        """
        most = EVERY if limit is None else HUB + 1
        rows = self._rows.query(_SELECT_ABOUT, *self._bound(subjects), most)
        if limit is not None and len(rows) > HUB:
            return self._nearest_in_index(query, limit, self._wanted(subjects))
        return self._all_nearest(query, rows, limit)

    def telling(self, query: Vectors, targets: Collection[str]) -> list[Match]:
        """One match for each edit whose answer is one of these, to the letter, as in `about`; none where many are.

        No index is over answers, so that a namespace is scanned; one of very many edits is not.
        """
        if self._rows.query(_COUNT_ACTIVE, self._namespace)[0][0] > _SCANNED:
            return []
        rows = self._rows.query(_SELECT_TOLD, *self._bound(None)[:2], to_json(sorted(targets)), HUB + 1)
        return self._all_nearest(query, rows) if len(rows) <= HUB else []

    def has_about(self, subjects: Collection[str]) -> bool:
        """Whether an edit that holds on some day is about one of these subjects."""
        sql = (
            "SELECT 1 FROM json_each(?2) subject CROSS JOIN edits e ON e.namespace = ?1 "
            "AND e.subject_key = subject.value WHERE e.holds LIMIT 1"
        )
        return bool(self._rows.query(sql, self._namespace, self._bound(subjects)[2]))

    def has_subjectless(self) -> bool:
        """Whether an edit that holds on some day is about no known subject."""
        sql = "SELECT 1 FROM edits WHERE namespace = ? AND subject_key IS NULL AND holds LIMIT 1"
        return bool(self._rows.once(sql, bool, self._namespace))

    def has_unnamed(self) -> bool:
        """Whether an edit that holds on some day may be meant by a question that does not name its subject."""
        sql = "SELECT 1 FROM edits WHERE namespace = ? AND unnamed AND holds LIMIT 1"
        return bool(self._rows.once(sql, bool, self._namespace))

    def has_any(self) -> bool:
        """Whether an edit holds on some day."""
        return bool(self._rows.once("SELECT 1 FROM edits WHERE namespace = ? AND holds LIMIT 1", bool, self._namespace))

    def any_erasing(self) -> bool:
        """Whether an erasure holds on some day."""
        return bool(self._rows.once(_ANY_ERASING, bool, self._namespace))

    def erasing(self, subjects: Collection[str]) -> list[Edit]:
        """The erasures about one of these subjects, and about none that is known; the newest `ERASING` of each."""
        if not self.any_erasing():
            return []
        return [edit_of(row) for row in self._rows.query(_SELECT_ERASING, *self._bound(subjects))]

    def replacing(self, subjects: Collection[str]) -> list[Replacing]:
        """The edits about one of these subjects with the values that each replaced."""
        return replacing(self._rows, *self._bound(subjects))

    def held_by(self, fingerprint: str, edit_ids: Collection[str]) -> frozenset[str]:
        """Those of the edits that the model of a fingerprint holds in its weights."""
        return held_by(self._rows, fingerprint, edit_ids)

    def any_consolidated(self) -> bool:
        """Whether any model holds edits in its weights."""
        return any_held(self._rows)

    def _bound(self, subjects: Collection[str] | None) -> tuple[str, str, str | None]:
        """The values of the queries' places ?1 to ?3: namespace, days, folded subjects."""
        keys = None if subjects is None else to_json(sorted({fold(name) for name in subjects}))
        return self._namespace, self._days, keys

    def _wanted(self, subjects: Collection[str] | None, *, subjectless: bool = False) -> _Wanted:
        return _Wanted(*self._bound(subjects), subjectless)

    def _nearest_in_index(
        self,
        query: Vectors,
        count: int,
        wanted: _Wanted,
        allowed: _Allowed = _ALLOWED,
        *,
        unnamed: bool = False,
    ) -> list[Match]:
        """The edits with the nearest keys; more keys are asked for until enough of their edits hold."""
        whole = self._index.at(self._rows)
        index = whole.unnamed if whole is not None and unnamed else whole
        asked = 4 * count
        while index is not None:
            hits = index.nearest(query, asked)
            matches = self._matches(query, hits, wanted, limit=count, allowed=allowed)
            if len(matches) >= count or len(hits.ids) < asked:
                return sorted(matches, key=lambda match: (match.distance, number_of(match.edit.id)))
            asked *= 4
        return []

    def _matches(
        self, query: Vectors, hits: Hits, wanted: _Wanted, *, limit: int | None, allowed: _Allowed = _ALLOWED
    ) -> list[Match]:
        """One match for each edit that holds, by the first of its keys among the hits."""
        ids, gaps, radii = (part.tolist() for part in hits)
        matches: dict[int, Match] = {}  # by edit, in the order of hits
        block = len(ids) if limit is None else limit
        for start in range(0, len(ids), max(1, block)):
            part = slice(start, start + block)
            keys = self._keys(ids[part], wanted)
            fresh = {row["edit_id"] for row in keys.values()} - set(matches)
            edits, out = self._edits(fresh), self._rejecting(query, fresh)
            for key, distance, radius in zip(ids[part], gaps[part], radii[part], strict=True):
                row = keys.get(key)
                number = None if row is None else row["edit_id"]
                if row is None or number in matches or number not in edits:
                    continue
                within = allowed.beyond or distance <= radius or not edits[number].radius_fixed
                if within and (allowed.rejected or number not in out):
                    matches[number] = _match(edits[number], row, distance, radius, rejected=number in out)
            if limit is not None and len(matches) >= limit:
                break
        return list(matches.values())[:limit]

    def _rarities(self, known: Sequence[Row]) -> dict[int, float]:
        """How much words tell, by their rows, rare ones first until they bring up `WEIGHED` edits."""
        every = self._rows.once(_COUNT_UNNAMED, lambda rows: int(rows[0][0]), self._namespace)
        told: dict[int, float] = {}
        weighed = 0
        for row in known:
            weighed += row["edits"]
            if weighed > WEIGHED:
                break
            told[row["id"]] = round(math.log1p((every - row["edits"] + 0.5) / (row["edits"] + 0.5)), 3)
        return told

    def _by_nearest_key(self, query: Vectors, numbers: Sequence[int]) -> list[Match]:
        """Edits, in their order, each by its key nearest to a question; without those that a question must not find."""
        keys = self._rows.query(_SELECT_SEARCHED, to_json(list(numbers)))
        nearest = {row["edit_id"]: (row, gap) for row, gap in _nearest(self._rows, query, keys)} if keys else {}
        edits, out = self._edits(numbers), self._rejecting(query, numbers)
        matches = [
            _match(edits[number], row, gap, row["radius"])
            for number in numbers
            if number in nearest and number not in out
            for row, gap in [nearest[number]]
        ]
        return [match for match in matches if match.in_scope or not match.edit.radius_fixed]

    def _all_nearest(self, query: Vectors, keys: Sequence[Row], limit: int | None = None) -> list[Match]:
        """The edits of keys, each by the nearest of them, nearest first; rejected ones never."""
        nearest = _nearest(self._rows, query, keys) if keys else []
        rejected = self._rejecting(query, {row["edit_id"] for row, _ in nearest})
        found = [(row, gap) for row, gap in nearest if row["edit_id"] not in rejected][:limit]
        edits = self._edits(row["edit_id"] for row, _ in found)
        return [_match(edits[row["edit_id"]], row, gap, row["radius"]) for row, gap in found]

    def _keys(self, ids: Sequence[int], wanted: _Wanted) -> dict[int, Row]:
        return {row["id"]: row for row in self._rows.query(_SELECT_KEYS, *wanted, to_json(ids))}

    def _edits(self, numbers: Iterable[int]) -> dict[int, Edit]:
        chosen = sorted(set(numbers))
        if not chosen:
            return {}
        rows = self._rows.query(
            f"{SELECT_EDIT} WHERE e.id IN (SELECT CAST(value AS BIGINT) FROM json_each(?))", to_json(chosen)
        )
        return {row["id"]: edit_of(row) for row in rows}

    def _rejecting(self, query: Vectors, numbers: Iterable[int]) -> set[int]:
        """Which of these edits are out for a question, since it lies nearest to one that was rejected for them."""
        chosen = sorted(set(numbers))
        if not chosen or not self._rows.any_rejected():
            return set()
        rows = self._rows.query(_SELECT_REJECTING, to_json(chosen))
        return {row["edit_id"] for row, _ in _nearest(self._rows, query, rows) if row["kind"] == KeyKind.REJECTED}


def question_vector(query: Vectors, dimension: str | None) -> Vectors:
    """A vector that was given for a question, checked.

    Raises:
        InvalidInputError: it is no finite row of the store's dimension.
    """
    vector = np.asarray(query, np.float32)
    if vector.ndim != 1 or not np.isfinite(vector).all():
        raise InvalidInputError(f"a question's vector has shape {vector.shape} or NaN; give one finite row")
    if dimension is not None and len(vector) != int(dimension):
        raise InvalidInputError(f"a question's vector has {len(vector)} coordinates; give {dimension}")
    return vector


def _nearest(rows: Rows, query: Vectors, keys: Sequence[Row]) -> list[tuple[Row, float]]:
    """The key of each edit that is nearest to a question with its distance, nearest first, then by edit.

    Of keys equally near a rejected one counts, so that the very words that were rejected never match.
    """
    gaps = distances(query, rows.vectors_in(keys))
    allowed = [row["kind"] != KeyKind.REJECTED for row in keys]
    order = np.lexsort(([row["id"] for row in keys], allowed, [row["edit_id"] for row in keys], gaps))
    first: dict[int, tuple[Row, float]] = {}
    for place in order.tolist():
        first.setdefault(keys[place]["edit_id"], (keys[place], float(gaps[place])))
    return list(first.values())


def _match(edit: Edit, row: Row, distance: float, radius: float, *, rejected: bool = False) -> Match:
    kind = KeyKind(row["kind"])
    return Match(edit=edit, key=row["text"], key_kind=kind, distance=distance, radius=radius, rejected=rejected)
