"""Which edits a model holds in its own weights, by the model's fingerprint.

Consolidating changes no edit: it is an operation in history with a row for each edit as it was written. The memory
keeps answering for every other model, and for this one too as soon as the edit says something else or the operation
is undone.
"""

# ruff: noqa: S608 - what is joined into SQL is constants of this package; values are bound

from collections.abc import Callable, Collection, Sequence

from kedit_memory.errors import ConflictError, InvalidInputError, NotFoundError
from kedit_memory.memory.rows import Rows, id_of, number_of, to_json
from kedit_memory.memory.schema import whole
from kedit_memory.memory.store import Store
from kedit_memory.memory.write import Writer
from kedit_memory.records import Checkpoint, Consolidation, Edit, Kind, Status

VERB = "consolidate"

# A note that was altered counts for none: the memory then answers itself.
_STANDING = (
    "SELECT k.operation, k.base FROM consolidations k JOIN operations o ON o.seq = k.operation "
    f"WHERE o.undone_by IS NULL AND {whole('operations', 'o')} AND {whole('consolidations', 'k')} "
)
_INSERT = "INSERT INTO consolidations (operation, fingerprint, base, method, folder) VALUES (?, ?, ?, ?, ?)"
_INSERT_EDIT = "INSERT INTO consolidated (operation, edit_id, prompt, target) VALUES (?, ?, ?, ?)"
# CROSS JOIN keeps the order: from the few edits to their rows.
_WRITTEN_OF = (
    "SELECT c.edit_id, c.prompt, c.target FROM json_each(?) chosen CROSS JOIN consolidated c "
    f"ON c.operation = ? AND c.edit_id = CAST(chosen.value AS BIGINT) AND {whole('consolidated', 'c')}"
)
_FOLDERS = (
    "SELECT DISTINCT k.folder FROM json_each(?) chosen CROSS JOIN consolidated c ON c.edit_id = "
    "CAST(chosen.value AS BIGINT) "
    "JOIN consolidations k ON k.operation = c.operation ORDER BY 1"
)


def consolidate(
    store: Store, writer: Writer, edits: Sequence[Edit], made: Checkpoint, publish: Callable[[], None]
) -> int:
    """Notes that a checkpoint holds these edits, then has it put in its place; the operation.

    `publish` runs within the transaction, so that a checkpoint that cannot be put there leaves no note of it.

    Raises:
        InvalidInputError: there is no edit, one is an erasure, or the model is the one from before.
        ConflictError: an edit was changed since it was read.
        NotFoundError: an edit is gone.
    """
    if not edits:
        raise InvalidInputError("no edit was consolidated; give at least one")
    if made.fingerprint == made.base:
        raise InvalidInputError(f"the model {made.base} is the one from before the edits, so it cannot hold them")
    rows = []
    for edit in edits:
        before = store.snapshot(edit.id)
        if before.edit.kind is Kind.ERASURE or before.edit.target is None:
            raise InvalidInputError(f"{edit.id} is an erasure, which is not consolidated: only the memory can refuse")
        if before.edit.status is not Status.ACTIVE or _said(before.edit) != _said(edit):
            raise ConflictError(f"{edit.id} was changed meanwhile, so the model holds an old answer; try again")
        writer.change(VERB, before, before)
        rows.append((writer.operation, number_of(edit.id), edit.prompt, edit.target))
    values = (writer.operation, made.fingerprint, made.base, made.method, made.folder)
    store.connection.execute(_INSERT, values)
    store.connection.executemany(_INSERT_EDIT, rows)
    publish()
    return writer.operation


def consolidations(store: Rows) -> list[Consolidation]:
    """All that were made, undone ones too, oldest first."""
    rows = store.query(
        "SELECT k.*, o.undone_by FROM consolidations k JOIN operations o ON o.seq = k.operation ORDER BY k.operation"
    )
    return [
        Consolidation(
            operation=row["operation"],
            checkpoint=Checkpoint(
                fingerprint=row["fingerprint"], base=row["base"], method=row["method"], folder=row["folder"]
            ),
            edit_ids=_edit_ids(store, row["operation"]),
            undone=row["undone_by"] is not None,
        )
        for row in rows
    ]


def any_held(store: Rows) -> bool:
    """Whether any model holds edits; without one, a question need not ask which model it is for."""
    return bool(store.query(_STANDING + "LIMIT 1"))


def held_by(store: Rows, fingerprint: str, edit_ids: Collection[str]) -> frozenset[str]:
    """Those of the edits that a model holds as they are now; what the models it was made from hold, it holds too."""
    chosen = to_json([number_of(edit_id) for edit_id in edit_ids])
    newest: dict[int, tuple[str, str]] = {}  # by edit, what was written last
    seen: set[str] = set()
    model: str | None = fingerprint
    while model is not None and model not in seen:
        seen.add(model)
        made = store.query(_STANDING + "AND k.fingerprint = ? ORDER BY k.operation DESC", model)
        for row in made:
            for written in store.query(_WRITTEN_OF, chosen, row["operation"]):
                newest.setdefault(written["edit_id"], (written["prompt"], written["target"]))
        model = made[0]["base"] if made else None
    active = store.query(
        "SELECT e.id, e.prompt, e.target FROM json_each(?) chosen CROSS JOIN edits e ON e.id = "
        "CAST(chosen.value AS BIGINT) "
        "WHERE e.status = 'active'",
        to_json(sorted(newest)),
    )
    return frozenset(id_of(row["id"]) for row in active if newest[row["id"]] == (row["prompt"], row["target"]))


def folders_holding(store: Rows, edit_ids: Collection[str]) -> list[str]:
    """The folders of checkpoints into which one of the edits was written, taken back or not."""
    chosen = to_json([number_of(edit_id) for edit_id in edit_ids])
    rows = store.query(_FOLDERS, chosen)
    return [row["folder"] for row in rows]


def take_back(store: Store, writer: Writer, operation: int) -> None:
    """Undoes one consolidation, whatever was done since: no edit was changed by it, so none is restored.

    Raises:
        NotFoundError: no consolidation that stands has the number.
    """
    if not store.query(_STANDING + "AND k.operation = ?", operation):
        raise NotFoundError(f"operation {operation} of {store.name} is no consolidation in force; see `kedit history`")
    for edit_id in _edit_ids(store, operation):
        present = store.snapshot(edit_id)
        writer.change("undo", present, present)
    store.connection.execute("UPDATE operations SET undone_by = ? WHERE seq = ?", (writer.operation, operation))


def _edit_ids(store: Rows, operation: int) -> tuple[str, ...]:
    rows = store.query("SELECT edit_id FROM consolidated WHERE operation = ? ORDER BY edit_id", operation)
    return tuple(id_of(row["edit_id"]) for row in rows)


def _said(edit: Edit) -> tuple[str, str | None]:
    return edit.prompt, edit.target
