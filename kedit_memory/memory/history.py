"""What was done to a store, and how the last of it is taken back."""

# ruff: noqa: S608 - what is joined into SQL is constants of this package; values are bound

from kedit_memory.errors import NotFoundError
from kedit_memory.memory.rows import Snapshot, id_of, number_of, snapshot_from
from kedit_memory.memory.store import Rows, Store
from kedit_memory.memory.write import Writer
from kedit_memory.records import Revision

_NOT_UNDOABLE = "('undo', 'purge', 'rebuild')"


def revisions(store: Rows, where: str = "1", *values: object) -> list[Revision]:
    """Changes that a condition on operations `o` and changes `c` selects, oldest first."""
    rows = store.query(
        "SELECT c.operation, c.verb, c.edit_id, c.before, c.after, o.at, o.undone_by "
        f"FROM changes c JOIN operations o ON o.seq = c.operation WHERE {where} ORDER BY c.id",
        *values,
    )
    found = []
    for row in rows:
        before, after = snapshot_from(row["before"]), snapshot_from(row["after"])
        found.append(
            Revision(
                operation=row["operation"],
                verb=row["verb"],
                edit_id=f"e{row['edit_id']}",
                at=row["at"],
                before=before.edit if before else None,
                after=after.edit if after else None,
                undone=row["undone_by"] is not None,
            )
        )
    return found


def purgeable(store: Rows, namespace: str | None, *, superseded: bool) -> list[str]:
    """The edits that answer on no day, undone ones among them; with `superseded` those that do on earlier days, too."""
    rows = store.query(
        "SELECT DISTINCT c.edit_id FROM changes c LEFT JOIN edits e ON e.id = c.edit_id "
        "WHERE coalesce(e.status, '') <> 'active' AND (?1 OR NOT coalesce(e.holds, 0)) "
        "AND (?2 IS NULL OR json_extract(coalesce(c.after, c.before), '$.edit.namespace') = ?2) ORDER BY 1",
        superseded,
        namespace,
    )
    return [id_of(row["edit_id"]) for row in rows]


def revisions_of(store: Rows, edit_id: str | None, namespace: str | None, *, missing: bool = True) -> list[Revision]:
    """The history of one edit or of all, of one namespace or of all; that of a `missing` edit is an error, or empty.

    Raises:
        NotFoundError: no edit ever had that id.
    """
    if edit_id is None:
        found = revisions(store)
    else:
        found = revisions(store, "c.edit_id = ?", number_of(edit_id))
        found = [one for one in found if namespace is None or namespace in _namespaces(one)]
        if not found and missing:
            raise NotFoundError(f"no edit {edit_id!r} in the history of {store.path}; see `kedit list`")
    if namespace is None:
        return found
    return [one for one in found if namespace in _namespaces(one)]


def undo_last(store: Store, writer: Writer, namespace: str | None) -> list[Revision]:
    """Takes back the newest operation that still stands; gives its revisions, now undone.

    Every row, key, radius and vector is again what it was before. An operation that touched more
    namespaces than the one named is not skipped, since what came before it may depend on it.

    Raises:
        NotFoundError: there is nothing to undo.
    """
    rows = store.query(
        "SELECT seq FROM operations WHERE undone_by IS NULL "
        f"AND verb NOT IN {_NOT_UNDOABLE} "
        "AND (?1 IS NULL OR namespace IS NULL OR namespace = ?1) ORDER BY seq DESC LIMIT 1",
        namespace,
    )
    if not rows:
        where = "" if namespace is None else f" in namespace {namespace!r}"
        raise NotFoundError(f"nothing to undo{where} in {store.path}; see `kedit history`")
    undone = int(rows[0]["seq"])
    changes = store.query("SELECT before, after FROM changes WHERE operation = ? ORDER BY id DESC", undone)
    for row in changes:
        before, after = snapshot_from(row["before"]), snapshot_from(row["after"])
        _restore(store, before, after)
        writer.change("undo", after, before)
    store.connection.execute("UPDATE operations SET undone_by = ? WHERE seq = ?", (writer.operation, undone))
    return revisions(store, "c.operation = ?", undone)


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


def _namespaces(revision: Revision) -> set[str]:
    return {edit.namespace for edit in (revision.before, revision.after) if edit is not None}
