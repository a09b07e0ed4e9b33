"""Writes edits of an export as they were, into a store that may know some of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from kedit_memory.errors import ConflictError
from kedit_memory.memory.conflicts import contradicts, same, standing_against
from kedit_memory.memory.requests import StoredEdit
from kedit_memory.memory.rows import Snapshot, number_of
from kedit_memory.memory.store import Store
from kedit_memory.memory.write import Writer, Written
from kedit_memory.records import Edit, OnConflict, Status, Vectors


class Restoration:
    """One import of lines of an export, within the operation of a writer.

    Ids are kept in a store that never had an edit; in any other they are given anew, edits that are there already
    are left as they are, and what speaks against edits of the store is settled by `on_conflict`.
    """

    def __init__(self, store: Store, writer: Writer, on_conflict: OnConflict) -> None:
        self._store = store
        self._writer = writer
        self._on_conflict = on_conflict
        self._unused = not store.last_number("edits")
        self._here: dict[str, str] = {}  # by the id that an edit has in the export, the one that it has here
        self._theirs: dict[str, Edit] = {}  # by the id here, an edit as the export has it
        self._names: set[tuple[str, str | None]] = set()  # ids of callers that active edits of the export have

    def run(self, stored: Sequence[StoredEdit], vectors: Mapping[str, Vectors]) -> dict[str, Written | ConflictError]:
        """By the id that each edit has in the export, the one that stands for it here, or why none does."""
        ordered = sorted(stored, key=lambda one: number_of(one.edit.id))
        result: dict[str, Written | ConflictError] = {} if self._unused else dict(self._known(ordered))
        for one in ordered:
            if isinstance(known := result.get(one.edit.id), Written):
                self._stands_for(one.edit, known.edit_id)
        fresh = []
        for one in [one for one in ordered if one.edit.id not in result]:
            result[one.edit.id] = self._insert(one.edit)
            if isinstance(result[one.edit.id], Written):
                fresh.append(one)
        for edit in [] if self._unused else [replace(one.edit, id=self._here[one.edit.id]) for one in fresh]:
            self._writer.supersede(edit, self._rivals(edit))
        for one in fresh:
            self._complete(one, vectors)
        return result

    def _known(self, stored: Sequence[StoredEdit]) -> Iterator[tuple[str, Written]]:
        """The edits that are in the store already, by their ids in the export; one here stands for one there.

        Days that were left of an edit which is here are known with it: this store says itself what it knows of them.
        """
        known: dict[str, str] = {}
        taken: set[str] = set()
        for one in stored:
            alike = [old for old in self._store.asked_alike(one.edit) if old.id not in taken and same(old, one.edit)]
            if alike:
                nearest = min(alike, key=lambda old: (old.status is not one.edit.status, number_of(old.id)))
                taken.add(nearest.id)
                known[one.edit.id] = nearest.id
        for one in stored:
            if twin := known.get(one.edit.id) or known.get(one.edit.part_of or ""):
                yield one.edit.id, Written(twin, new=False)

    def _stands_for(self, edit: Edit, edit_id: str) -> None:
        self._here[edit.id] = edit_id
        self._theirs[edit_id] = edit

    def _insert(self, edit: Edit) -> Written | ConflictError:
        """Gives an edit its row, which is completed once all of the others have theirs."""
        row = replace(edit, given_id=None, superseded_by=None, part_of=None)
        candidate = edit if self._unused else replace(edit, id="")
        if refusal := self._refusal(candidate):
            return refusal
        if edit.given_id and edit.status is Status.ACTIVE:
            self._names.add((edit.namespace, edit.given_id))
        edit_id = self._store.insert_edit(row if self._unused else replace(row, id=""))
        self._stands_for(edit, edit_id)
        return Written(edit_id, new=True)

    def _refusal(self, edit: Edit) -> ConflictError | None:
        if edit.status is not Status.ACTIVE:
            return self._writer.refusal(replace(edit, given_id=None), self._rivals(edit), self._on_conflict)
        if (edit.namespace, edit.given_id) in self._names:
            return ConflictError(f"id {edit.given_id!r} comes twice in namespace {edit.namespace!r}; give another id")
        return self._writer.refusal(edit, self._rivals(edit), self._on_conflict)

    def _rivals(self, edit: Edit) -> list[Edit]:
        """Edits of the store that stand against one of the export, which itself does not keep them side by side."""
        if self._unused or not edit.holds:
            return []
        mine = self._theirs.get(edit.id, edit)
        near = [
            old
            for old in self._store.mates(edit)
            if not (old.id in self._theirs and contradicts(mine, self._theirs[old.id]))
        ]
        return standing_against(edit, near, self._on_conflict)

    def _complete(self, one: StoredEdit, vectors: Mapping[str, Vectors]) -> None:
        """Writes the rest of an edit: what it says of the others, by their ids here, and its keys."""
        edit = replace(
            one.edit,
            id=self._here[one.edit.id],
            superseded_by=self._id_here(one.edit.superseded_by),
            part_of=self._id_here(one.edit.part_of),
        )
        self._store.update_edit(edit)
        keys = tuple(
            self._store.insert_key(edit.id, text.kind, text.text, radius, vectors[text.text])
            for text, radius in one.keys
        )
        self._writer.change("import", None, Snapshot(edit=edit, keys=keys))

    def _id_here(self, there: str | None) -> str | None:
        return self._here.get(there or "", there if self._unused else None)
