"""Writes validated edits within one transaction: conflicts, scope, rows, history."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from kedit_memory.errors import ConflictError, EditStateError
from kedit_memory.memory.conflicts import prompt_key, standing_against, superseded
from kedit_memory.memory.index import Hits, VectorIndex
from kedit_memory.memory.index.base import NO_HITS, ordered
from kedit_memory.memory.index.cached import CachedIndex
from kedit_memory.memory.index.parted import PartedIndex
from kedit_memory.memory.neighbours import Neighbourhood, key_gaps
from kedit_memory.memory.possible_conflicts import possible_conflicts
from kedit_memory.memory.radius import DEFAULT_RADIUS, Neighbour, scope_of
from kedit_memory.memory.requests import MOST_PARAPHRASES, Draft, KeyText
from kedit_memory.memory.rows import Key, Keys, Snapshot, number_of
from kedit_memory.memory.store import Store
from kedit_memory.records import Edit, KeyKind, Kind, OnConflict, Status, Vectors
from kedit_memory.text import fold

_CHUNK = 256  # edits whose neighbours are searched at once


class Written(NamedTuple):
    """The edit that stands for a row, and whether the row made it."""

    edit_id: str
    new: bool
    edit: Edit | None = None  # one that the row made
    possible_conflicts: tuple[str, ...] = ()


@dataclass(kw_only=True)
class Touched:
    """Edits and keys that an operation has changed, for the index to follow."""

    edits: set[int] = field(default_factory=set)
    stale: set[int] = field(default_factory=set)

    def note(self, before: Snapshot | None, after: Snapshot | None) -> None:
        """Adds what a change from `before` to `after` touches."""
        for snapshot in (before, after):
            if snapshot is not None:
                self.edits.add(number_of(snapshot.edit.id))
                self.stale.update(key.id for key in snapshot.keys)

    def take(self, later: "Touched") -> None:
        """Adds what was touched later."""
        self.edits |= later.edits
        self.stale |= later.stale


class Writer:
    """One operation on the store, within a transaction that the caller holds."""

    def __init__(self, store: Store, index: CachedIndex, *, verb: str, namespace: str | None, at: str) -> None:
        self._store = store
        self._index = index
        self._verb = verb
        self._namespace = namespace
        self._at = at
        self._operation: int | None = None
        self._before = store.last_sequence()
        self._touched = Touched()
        self._fresh: Keys | None = None
        self._pending: VectorIndex | None = None  # the keys of this operation, until they are committed
        self._handed = Touched()  # what is in there, or was before
        self._replaced = np.empty(0, np.int64)  # keys whose committed selves count no more

    @property
    def began(self) -> bool:
        """Whether anything was changed so far."""
        return self._operation is not None

    @property
    def operation(self) -> int:
        """The number of the operation, noted when it first changes something."""
        if self._operation is None:
            self._operation = self._store.begin_operation(self._verb, self._namespace, self._at)
        return self._operation

    def add(
        self, drafts: Sequence[Draft], vectors: Mapping[str, Vectors], on_conflict: OnConflict
    ) -> Iterator[Written | ConflictError]:
        """Writes new edits in order; gives each, or why it was not written."""
        for start in range(0, len(drafts), _CHUNK):
            chunk = drafts[start : start + _CHUNK]
            around = self._neighbourhood(chunk, vectors)
            place = 0
            for draft in chunk:
                yield self._add_one(draft, around, place, on_conflict)
                place += len(draft.keys)
            if start + _CHUNK < len(drafts):
                self._hand_over()

    def update(
        self,
        before: Snapshot,
        draft: Draft,
        vectors: Mapping[str, Vectors],
        on_conflict: OnConflict,
    ) -> None:
        """Makes a stored edit what the draft says; keys whose text stays keep id and radius.

        What was said about questions stays too, except that a new wording is not rejected any more.
        """
        edit, old = draft.edit, {(key.kind, key.text): key for key in before.keys}
        fresh = [text for text in draft.keys if (text.kind, text.text) not in old]
        kept = [old[text.kind, text.text] for text in draft.keys if (text.kind, text.text) in old]
        kept += [key for key in before.keys if key.kind.is_feedback]
        self._store.update_edit(edit)
        rivals = standing_against(edit, self._store.mates(edit), on_conflict)
        if refusal := self.refusal(edit, rivals, on_conflict):
            raise refusal
        self.supersede(edit, rivals)
        self._store.set_live({key.id for key in before.keys} - {key.id for key in kept}, live=False)
        if edit.radius_fixed:
            self._store.set_radii((key.id, edit.radius) for key in kept if key.kind is not KeyKind.REJECTED)
        if fresh:
            for text in fresh:
                self.take_back(before, KeyKind.REJECTED, text.text, vectors[text.text])
            rows = np.stack([vectors[text.text] for text in fresh])
            self.write_keys(edit, fresh, self.neighbourhood(rows), 0)
        self.change("update", before, self._store.snapshot(edit.id))

    def retract(self, edit_id: str) -> None:
        """Makes a stored edit, with its parts, one that no longer answers."""
        if self._store.edit(edit_id).status is Status.RETRACTED:
            raise EditStateError(f"{edit_id} is retracted already; nothing to do")
        for before in map(self._store.snapshot, (edit_id, *self._store.parts_of(edit_id))):
            if before.edit.status is not Status.RETRACTED:
                edit = replace(before.edit, status=Status.RETRACTED, holds=False)
                self._store.update_edit(edit)
                self.change("retract", before, replace(before, edit=edit))

    def change(self, verb: str, before: Snapshot | None, after: Snapshot | None) -> None:
        """Notes in history, and for the index, that an edit has become another."""
        self._store.note_change(self.operation, verb, before, after)
        self._touched.note(before, after)

    def write_keys(
        self, edit: Edit, texts: Sequence[KeyText], around: Neighbourhood, place: int
    ) -> tuple[tuple[Key, ...], list[list[Neighbour]]]:
        """Writes keys of a stored edit with the radii that the rules of scope give; with the neighbours of each."""
        given = edit.radius if edit.radius_fixed else None
        keys, neighbours = [], []
        for offset, text in enumerate(texts):
            neighbours.append(around.of(edit, place + offset, given))
            scope = scope_of(given, neighbours[-1])
            self._set_radii(scope.neighbours)
            vector = around.vector(place + offset)
            keys.append(self._store.insert_key(edit.id, text.kind, text.text, scope.radius, vector))
        for key in keys:
            around.note_written(key.id)
        return tuple(keys), neighbours

    def take_back(self, before: Snapshot, kind: KeyKind, text: str, vector: Vectors) -> bool:
        """Puts to rest what was said about a wording: keys of a kind that say the same, or lie at the same place.

        Whether there was any.
        """
        said = [key for key in before.keys if key.kind is kind]
        gaps = key_gaps(self._store, before.edit.id, vector) if said else {}
        same = [key.id for key in said if not gaps.get(key.id, 1) or prompt_key(key.text) == prompt_key(text)]
        self._store.set_live(same, live=False)
        return bool(same)

    def neighbourhood(self, vectors: Vectors, *, reach: float = DEFAULT_RADIUS) -> Neighbourhood:
        """The surroundings of keys that stored edits are about to get."""
        return Neighbourhood(self._store, self, vectors, reach=reach)

    def prepare(self) -> None:
        """Reads what the index has to take over, as the last step before the commit."""
        if self._operation is not None and self._index.known(self._before) is not None:
            self._handed.take(self._touched)
            self._fresh = self._store.recallable(sorted(self._handed.edits))

    def publish(self) -> None:
        """Tells the index what was written, once it is committed."""
        if self._operation is not None and self._fresh is not None:
            self._index.follow(self._operation, self._fresh, self._handed.stale)

    def within(self, vectors: Vectors, reach: float) -> list[Hits]:
        """The keys within reach of each vector: the committed ones, and what this operation made in their place."""
        with self._committed() as index:
            found = index.within(vectors, reach) if index else [NO_HITS] * len(vectors)
        if self._pending is None:
            return found
        mine = self._pending.within(vectors, reach)
        return [self._joined(old, new) for old, new in zip(found, mine, strict=True)]

    def reaching(self, vector: Vectors) -> Hits:
        """Likewise the keys whose own radius reaches a vector."""
        with self._committed() as index:
            found = index.in_scope(vector) if index else NO_HITS
        return found if self._pending is None else self._joined(found, self._pending.in_scope(vector))

    @contextmanager
    def _committed(self) -> Iterator[PartedIndex | None]:
        """The index as it was before this operation; nobody else commits meanwhile."""
        with self._index.alone():
            if (index := self._index.known(self._before)) is not None:
                yield index
            else:
                with self._store.reading() as rows:
                    yield self._index.at(rows)

    def _joined(self, old: Hits, new: Hits) -> Hits:
        kept = ~np.isin(old.ids, self._replaced)
        return ordered(*(np.concatenate([one[kept], other]) for one, other in zip(old, new, strict=True)))

    def _hand_over(self) -> None:
        """Puts what was written so far where the rest of the operation finds it."""
        ids, vectors, radii, _ = self._store.recallable(sorted(self._touched.edits))
        if self._pending is None:
            self._pending = self._index.empty(vectors.shape[1])
        self._pending.remove(np.fromiter(self._touched.stale, np.int64))
        self._pending.insert(ids, vectors, radii)
        self._handed.take(self._touched)
        self._touched = Touched()
        self._replaced = np.fromiter(self._handed.stale, np.int64)

    def _neighbourhood(self, chunk: Sequence[Draft], vectors: Mapping[str, Vectors]) -> Neighbourhood:
        return self.neighbourhood(np.stack([vectors[key.text] for draft in chunk for key in draft.keys]))

    def _add_one(
        self, draft: Draft, around: Neighbourhood, place: int, on_conflict: OnConflict
    ) -> Written | ConflictError:
        near = self._store.mates(draft.edit)
        rivals = standing_against(draft.edit, near, on_conflict)
        twin = self._twin(draft, near)
        refusal = None if twin else self.refusal(draft.edit, rivals, on_conflict)
        if twin or refusal:
            around.skip(len(draft.keys))
            return refusal or Written(twin or "", new=False)
        later: dict[str, Any] = {}  # an edit that gives way may still have its caller's id, and tells names and kind
        fresh = draft.edit
        if fresh.given_id is not None:
            fresh, later = replace(fresh, given_id=None), {"given_id": fresh.given_id}
        edit = replace(draft.edit, id=self._store.insert_edit(fresh))
        gave_way = self.supersede(edit, rivals)
        if rivals:
            later["aliases"] = _names_taken_over(edit, rivals)
        if gave_way and edit.kind is Kind.INSERTION and not draft.kind_given:
            later["kind"] = Kind.MODIFICATION
        if later:
            edit = replace(edit, **later)
            self._store.update_edit(edit)
        keys, neighbours = self.write_keys(edit, draft.keys, around, place)
        edit = replace(edit, radius=max(key.radius for key in keys))
        self.change(self._verb_of(edit), None, Snapshot(edit=edit, keys=keys))
        doubts = possible_conflicts(self._store, edit, draft.keys, neighbours)
        return Written(edit_id=edit.id, new=True, edit=edit, possible_conflicts=doubts)

    def refusal(self, edit: Edit, rivals: Sequence[Edit], on_conflict: OnConflict) -> ConflictError | None:
        """Why an edit cannot be written beside others: they answer its question, or one has its caller's id."""
        if rivals and on_conflict is OnConflict.REJECT:
            return ConflictError(_conflict_message(edit, rivals[0]))
        for holder in self._store.active_called(edit.given_id, edit.namespace):
            gives_way = holder in rivals and superseded(holder, edit).edit.status is not Status.ACTIVE
            if holder.id != edit.id and not gives_way:
                return ConflictError(
                    f"id {edit.given_id!r} is that of {holder.id} already; update or retract it, or give another id"
                )
        return None

    def supersede(self, edit: Edit, rivals: Sequence[Edit]) -> bool:
        """Makes older answers give way to a stored edit; whether one was superseded."""
        verbs = set()
        for old in rivals:
            before = self._store.snapshot(old.id)
            resolution = superseded(old, edit)
            verbs.add(resolution.verb)
            self._store.update_edit(resolution.edit)
            self.change(resolution.verb, before, replace(before, edit=resolution.edit))
            if resolution.part is not None:
                self._add_part(before, resolution.part)
        return "supersede" in verbs

    def _add_part(self, whole: Snapshot, part: Edit) -> None:
        """Writes what an edit was on some of its days as an edit of its own, found by copies of its keys."""
        part = replace(part, id=self._store.insert_edit(part))
        vectors = self._store.vectors_of(key.id for key in whole.keys)
        keys = tuple(
            self._store.insert_key(part.id, key.kind, key.text, key.radius, vectors[key.id]) for key in whole.keys
        )
        self.change("supersede", None, Snapshot(edit=part, keys=keys))

    def _twin(self, draft: Draft, near: Sequence[Edit]) -> str | None:
        """The active edit that already says exactly this; adding it again changes nothing."""
        for old in near:
            known = replace(
                old,
                id="",
                aliases=draft.edit.aliases if set(draft.edit.aliases) <= set(old.aliases) else old.aliases,
                created_at=draft.edit.created_at,
                radius=old.radius if old.radius_fixed else draft.edit.radius,
                kind=old.kind if draft.kind_given else draft.edit.kind,
            )
            said = [key for key in self._store.keys_of(old.id) if not key.kind.is_feedback]
            if known == draft.edit and _texts(said) == _texts(draft.keys):
                return old.id
        return None

    def _set_radii(self, radii: Mapping[int, float]) -> None:
        """Gives other edits' keys their new radii, each noted as a change of its edit."""
        if not radii:
            return
        befores = self._store.snapshots_with(radii)
        self._store.set_radii(radii.items())
        for before in befores:
            keys = tuple(replace(key, radius=radii.get(key.id, key.radius)) for key in before.keys)
            edit = replace(before.edit, radius=max(key.radius for key in keys))
            self.change("radius", before, Snapshot(edit=edit, keys=keys))

    def _verb_of(self, edit: Edit) -> str:
        return "erase" if edit.kind is Kind.ERASURE else "add"


def _names_taken_over(edit: Edit, gone: Sequence[Edit]) -> tuple[str, ...]:
    """The aliases of an edit, with the names by which those that give way to it knew the subject."""
    if not edit.subject:
        return edit.aliases
    known = {fold(name) for name in edit.names}
    others = {fold(name): name for old in reversed(gone) for name in reversed(old.names) if fold(name) not in known}
    return (*edit.aliases, *reversed(others.values()))[:MOST_PARAPHRASES]


def _texts(keys: Sequence[Key] | Sequence[KeyText]) -> list[tuple[str, str]]:
    return [(key.kind, key.text) for key in keys]


def _conflict_message(edit: Edit, old: Edit) -> str:
    given = "an erasure" if edit.target is None else repr(edit.target[:60])
    held = "an erasure" if old.target is None else repr(old.target[:60])
    return (
        f"{edit.prompt[:60]!r} is given {given}, but {old.id} already answers it with {held}; "
        "use on_conflict 'supersede' or 'keep_both', or update that edit"
    )
