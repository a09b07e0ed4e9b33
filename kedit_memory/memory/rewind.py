"""Brings a store back to what it was when one of its operations had just been done, as its history tells it."""

# ruff: noqa: S608 - what is joined into SQL is constants of this module; values are bound

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from kedit_memory.errors import InvalidInputError, StoreError
from kedit_memory.memory import consolidation
from kedit_memory.memory.encoding import Encoding
from kedit_memory.memory.history import refuse_altered
from kedit_memory.memory.rows import Key, Snapshot, id_of, snapshot_from, to_json, unaltered
from kedit_memory.memory.store import Store
from kedit_memory.records import Vectors

_LOG = logging.getLogger(__name__)

_TOUCHED = "SELECT DISTINCT edit_id FROM changes WHERE operation > ?1"  # by what was done later
_EARLIER = (
    "SELECT edit_id, verb, before, after, checksum FROM changes "
    f"WHERE operation <= ?1 AND edit_id IN ({_TOUCHED}) ORDER BY id"
)
_PURGED = "SELECT 1 FROM operations WHERE verb = 'purge' AND seq > ? LIMIT 1"
_HELD = (
    "INSERT INTO consolidated (operation, edit_id, prompt, target) SELECT c.operation, c.edit_id, "
    "json_extract(c.after, '$.edit.prompt'), json_extract(c.after, '$.edit.target') FROM changes c "
    "JOIN consolidations k ON k.operation = c.operation JOIN edits e ON e.id = c.edit_id "
    "WHERE c.verb = ? AND c.operation <= ? ON CONFLICT DO NOTHING"
)


@dataclass(kw_only=True)
class _Then:
    """An edit at that time, None where it was not there, and all of its keys: those at rest, too."""

    edit: Snapshot | None = None
    keys: dict[int, Key] = field(default_factory=dict)

    def follow(self, verb: str, before: Snapshot | None, after: Snapshot | None) -> None:
        """Takes in the next change of the edit; an undo removes the keys that the undone operation had made."""
        if verb == "undo" and before is not None:
            for key in before.keys:
                self.keys.pop(key.id, None)
        self.edit = after
        self.keys.update((key.id, key) for one in (before, after) if one and verb != "undo" for key in one.keys)
        self.keys.update((key.id, key) for key in (after.keys if after else ()))


def rewind(store: Store, encoding: Encoding, operation: int) -> None:
    """Makes the store what it was when `operation` had just been done; what came later leaves history, too.

    A key that was deleted since is encoded again. What was purged since is not brought back, an encoder that was
    changed since stays, and numbers go on where they were.

    Raises:
        InvalidInputError: there was no such operation yet.
        StoreError: what is noted of an edit, or of an operation, was altered since.
    """
    last = store.last_sequence()
    if operation > last:
        raise InvalidInputError(f"operation {operation} of {store.name} is yet to come; the last one was {last}")
    refuse_altered(store)
    if store.query(_PURGED, operation):
        _LOG.warning("edits were purged after operation %s; those are not brought back", operation)
    then: dict[int, _Then] = {row["edit_id"]: _Then() for row in store.query(_TOUCHED, operation)}
    for row in store.query(_EARLIER, operation):
        if not unaltered(row):
            raise StoreError(f"the history of {id_of(row['edit_id'])} is damaged, so {store.name} stays as it is")
        then[row["edit_id"]].follow(row["verb"], snapshot_from(row["before"]), snapshot_from(row["after"]))
    present = {row["id"] for row in store.query("SELECT id FROM keys")}
    texts = {key.text for one in then.values() if one.edit for key in one.keys.values() if key.id not in present}
    vectors = encoding.encode(sorted(texts)).vectors
    with store.transaction():
        # No two edits have one id of their callers at any moment: those that are about to change have none meanwhile.
        numbers = to_json(list(then))
        store.connection.execute(
            "UPDATE edits SET given_id = NULL WHERE id IN (SELECT CAST(value AS BIGINT) FROM json_each(?))", (numbers,)
        )
        for number, one in then.items():
            _write(store, number, one, vectors)
        store.connection.execute("UPDATE operations SET undone_by = NULL WHERE undone_by > ?", (operation,))
        store.connection.execute("DELETE FROM operations WHERE seq > ?", (operation,))  # with what hangs on them
        store.connection.execute(_HELD, (consolidation.VERB, operation))
        store.forget()


def _write(store: Store, number: int, then: _Then, vectors: Mapping[str, Vectors]) -> None:
    """Gives an edit its row and its keys of that time, or takes it out."""
    if then.edit is None:
        store.delete_edit(id_of(number))
        return
    edit = then.edit.edit
    if store.query("SELECT 1 FROM edits WHERE id = ?", number):
        store.update_edit(edit)
    else:
        store.insert_edit(edit)
    present = {row["id"] for row in store.query("SELECT id FROM keys WHERE edit_id = ?", number)}
    store.connection.executemany("DELETE FROM keys WHERE id = ?", [(key,) for key in present - set(then.keys)])
    for key in then.keys.values():
        if key.id not in present:
            store.insert_key(edit.id, key.kind, key.text, key.radius, vectors[key.text], number=key.id)
    live = {key.id for key in then.edit.keys}
    store.set_live(sorted(set(then.keys) - live), live=False)
    store.set_live(sorted(live), live=True)
    store.set_radii((key.id, key.radius) for key in then.keys.values())
