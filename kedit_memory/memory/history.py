"""What was done to a store, and how the last of it is taken back."""

# ruff: noqa: S608 - what is joined into SQL is constants of this package; values are bound

from collections.abc import Sequence

from kedit_memory.errors import ConflictError, NotFoundError, StoreError
from kedit_memory.memory.conflicts import contradicts, question_of, same_question
from kedit_memory.memory.rows import EVERY, Rows, Snapshot, id_of, number_of, snapshot_from, to_json, unaltered
from kedit_memory.memory.schema import whole
from kedit_memory.memory.store import Store
from kedit_memory.memory.write import Writer
from kedit_memory.records import Edit, Revision, Status

_STANDING = "o.undone_by IS NULL AND o.verb NOT IN ('undo', 'purge', 'rebuild')"
_NAMESPACE = "json_extract(coalesce(c.after, c.before), '$.edit.namespace')"  # of the edit that a change is about
_SELECT_LAST = (
    f"SELECT o.seq FROM operations o WHERE {_STANDING} AND (?1 IS NULL OR o.namespace = ?1 OR (o.namespace IS NULL AND "
    f"EXISTS (SELECT 1 FROM changes c WHERE c.operation = o.seq AND {_NAMESPACE} = ?1))) ORDER BY o.seq DESC LIMIT 1"
)
_SELECT_LAST_OF_EDIT = (
    f"SELECT o.seq FROM changes c JOIN operations o ON o.seq = c.operation WHERE c.edit_id = ? AND {_STANDING} "
    "AND c.verb <> 'radius' ORDER BY o.seq DESC LIMIT 1"
)
_SELECT_UNDONE = "SELECT verb, edit_id, before, after, checksum FROM changes WHERE operation = ? ORDER BY id DESC"
_SELECT_ALTERED = f"SELECT seq FROM operations o WHERE seq >= ? AND NOT ({whole('operations', 'o')}) LIMIT 1"
# What was done after an operation to some edits, and still stands.
_SELECT_LATER = (
    f"SELECT o.seq, o.verb, c.edit_id, {_NAMESPACE} AS namespace FROM operations o JOIN changes c "
    f"ON c.operation = o.seq WHERE o.seq > ? AND {_STANDING} AND c.edit_id IN (SELECT CAST(value AS BIGINT) "
    "FROM json_each(?)) "
    "ORDER BY o.seq DESC LIMIT 1"
)

# What gave way to an edit, directly or to one that did itself, and the days that were left of it.
_GAVE_WAY = """
    e.id IN (
        WITH RECURSIVE gone(id) AS (
            SELECT id FROM edits WHERE superseded_by = ?1
            UNION SELECT older.id FROM gone
                JOIN edits older ON older.superseded_by = gone.id OR older.part_of = gone.id)
        SELECT id FROM gone)
"""
_SELECT_GONE = (
    "SELECT coalesce(after, before) AS last FROM changes WHERE id IN "
    "(SELECT max(id) FROM changes WHERE edit_id NOT IN (SELECT id FROM edits) GROUP BY edit_id)"
)


def revisions(
    store: Rows, where: str = "true", *values: object, after: int = 0, limit: int | None = None
) -> list[Revision]:
    """Changes that a condition on operations `o` and changes `c` selects, oldest first, those after number `after`."""
    rows = store.query(
        "SELECT c.id, c.operation, c.verb, c.edit_id, c.before, c.after, o.at, o.undone_by FROM changes c "
        f"JOIN operations o ON o.seq = c.operation WHERE ({where}) AND c.id > ? ORDER BY c.id LIMIT ?",
        *values,
        after,
        EVERY if limit is None else limit,
    )
    found = []
    for row in rows:
        before, after_ = snapshot_from(row["before"]), snapshot_from(row["after"])
        found.append(
            Revision(
                number=row["id"],
                operation=row["operation"],
                verb=row["verb"],
                edit_id=id_of(row["edit_id"]),
                at=row["at"],
                before=before.edit if before else None,
                after=after_.edit if after_ else None,
                undone=row["undone_by"] is not None,
            )
        )
    return found


def purgeable(store: Rows, namespace: str | None, *, superseded: bool) -> list[str]:
    """The edits that answer on no day, undone ones among them; with `superseded` those that do on earlier days, too."""
    rows = store.query(
        "SELECT DISTINCT c.edit_id FROM changes c LEFT JOIN edits e ON e.id = c.edit_id "
        "WHERE coalesce(e.status, '') <> 'active' AND (?1 OR NOT coalesce(e.holds, false)) "
        f"AND (?2 IS NULL OR {_NAMESPACE} = ?2) ORDER BY 1",
        superseded,
        namespace,
    )
    return [id_of(row["edit_id"]) for row in rows]


def revisions_of(
    store: Rows,
    edit_id: str | None,
    namespace: str | None,
    *,
    after: int = 0,
    limit: int | None = None,
    missing: bool = True,
) -> list[Revision]:
    """The history of one edit or of all, of one namespace or of all; that of a `missing` edit is an error, or empty.

    Raises:
        NotFoundError: no edit of the namespace ever had that id.
    """
    number = None if edit_id is None else number_of(edit_id)
    mine = f"(?1 IS NULL OR c.edit_id = ?1) AND (?2 IS NULL OR {_NAMESPACE} = ?2)"
    if number is not None:
        mine = mine.replace("?1 IS NULL OR ", "")
        if missing and not store.query(f"SELECT 1 FROM changes c WHERE {mine} LIMIT 1", number, namespace):
            where = "" if namespace is None else f"namespace {namespace!r} of "
            raise NotFoundError(f"no edit {edit_id!r} in the history of {where}{store.name}; see `kedit list`")
    return revisions(store, mine, number, namespace, after=after, limit=limit)


def answers_to(store: Rows, edit: Edit) -> list[str]:
    """Edits that answered the question of an edit, by id, of whatever status: undone ones and what gave way, too."""
    asked = store.questions_of(edit)
    found = [*store.asked_the_same(edit), *store.edits(_GAVE_WAY, number_of(edit.id))]
    for row in store.query(_SELECT_GONE):
        gone = snapshot_from(row["last"])
        if gone is not None and gone.edit.namespace == edit.namespace:
            found += [gone.edit] if any(same_question(one, question_of(gone.edit)) for one in asked) else []
    return sorted({one.id for one in found} - {edit.id}, key=number_of)


def undo_last(store: Store, writer: Writer, namespace: str | None, edit_id: str | None = None) -> list[Revision]:
    """Takes back the newest operation that still stands, of a namespace or on an edit; its revisions, now undone.

    Every row, key, radius and vector is again what it was before. An operation that touched more
    namespaces than the one named is not skipped, since what came before it may depend on it.

    Raises:
        ConflictError: what was done since rests on it.
        NotFoundError: there is nothing to undo.
        StoreError: what is noted of the operation, or of a later one, was altered since.
    """
    chosen = (_SELECT_LAST, namespace) if edit_id is None else (_SELECT_LAST_OF_EDIT, number_of(edit_id))
    rows = store.query(*chosen)
    if not rows:
        where = f" of {edit_id}" if edit_id else "" if namespace is None else f" in namespace {namespace!r}"
        raise NotFoundError(f"nothing to undo{where} in {store.name}; see `kedit history`")
    undone = int(rows[0]["seq"])
    refuse_altered(store, undone)
    changes = store.query(_SELECT_UNDONE, undone)
    if any(not unaltered(row) for row in changes):
        raise StoreError(f"the history of operation {undone} is damaged, nothing was changed; restore a backup")
    pairs = [(snapshot_from(row["before"]), snapshot_from(row["after"])) for row in changes]
    _refuse_overtaken(store, undone, pairs)
    for before, after in pairs:
        _restore(store, before, after)
        writer.change("undo", after, before)
    store.connection.execute("UPDATE operations SET undone_by = ? WHERE seq = ?", (writer.operation, undone))
    return revisions(store, "c.operation = ?", undone)


def refuse_altered(store: Rows, since: int = 0) -> None:
    """What was done from an operation on must be noted as it was written, for anything to be taken back.

    Raises:
        StoreError: it is not.
    """
    for row in store.query(_SELECT_ALTERED, since):
        raise StoreError(f"operation {row['seq']} is not as it was written, nothing was changed; restore a backup")


def _refuse_overtaken(store: Store, undone: int, changes: Sequence[tuple[Snapshot | None, Snapshot | None]]) -> None:
    """An operation stays under newer work on its edits, or on edits that answer what it would bring back."""
    if not store.query(f"SELECT 1 FROM operations o WHERE o.seq > ? AND {_STANDING} LIMIT 1", undone):
        return
    touched = {one.edit.id for pair in changes for one in pair if one is not None}
    restored = {before.edit.id: before.edit for before, _ in changes if before is not None}  # the first one's, at last
    for edit in restored.values():
        touched |= {rival.id for rival in store.mates(edit) if edit.holds and contradicts(edit, rival)}
        if edit.status is Status.ACTIVE:
            touched |= {holder.id for holder in store.active_called(edit.given_id, edit.namespace)}
    for later in store.query(_SELECT_LATER, undone, to_json([number_of(edit_id) for edit_id in sorted(touched)])):
        raise ConflictError(
            f"operation {undone} cannot be undone: operation {later['seq']} ({later['verb']}, in namespace "
            f"{later['namespace']!r}) has changed {id_of(later['edit_id'])} since; undo that one first"
        )


def _restore(store: Store, before: Snapshot | None, after: Snapshot | None) -> None:
    if before is None:
        if after is not None:
            store.delete_edit(after.edit.id)
        return
    store.update_edit(before.edit)
    kept = {key.id for key in before.keys}
    made = [key.id for key in after.keys if key.id not in kept] if after else []
    store.connection.executemany("DELETE FROM keys WHERE id = ?", [(key,) for key in made])
    store.set_live(sorted(kept), live=True)
    store.set_radii((key.id, key.radius) for key in before.keys)
