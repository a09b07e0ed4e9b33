"""What edits have replaced: the values that were right about a subject before, by which older texts are told."""

# ruff: noqa: S608 - what is joined into SQL is constants of this package; values are bound

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from kedit_memory.memory.conflicts import question_of, same_question, same_target
from kedit_memory.memory.rows import HOLDS, Rows, id_of, number_of, snapshot_from, to_json
from kedit_memory.records import Edit

# CROSS JOIN keeps the order: from the few subjects to their edits, and on to those of their slots and prompts.
_SELECT_HOLDING = (
    "SELECT e.id FROM json_each(?3) subject CROSS JOIN edits e ON e.namespace = ?1 AND e.subject_key = subject.value "
    f"WHERE {HOLDS}"
)
# Whatever has begun by the end of a time, see `HOLDS`: what holds in it, and what ended before it or gave way.
_BEGUN = """
    e.id IN (
        SELECT o.id FROM json_each(?3) chosen CROSS JOIN edits c ON c.id = CAST(chosen.value AS BIGINT)
        CROSS JOIN edits o ON o.namespace = ?1 AND o.slot = c.slot
        UNION
        SELECT o.id FROM json_each(?3) chosen CROSS JOIN edits c ON c.id = CAST(chosen.value AS BIGINT)
        CROSS JOIN edits o ON o.namespace = ?1 AND o.prompt_key = c.prompt_key)
    AND e.status <> 'retracted' AND (e.valid_from IS NULL OR e.valid_from <= substr(?2, 12))
"""
_SELECT_HELD = (
    f"SELECT e.id FROM json_each(?3) chosen CROSS JOIN edits e ON e.id = CAST(chosen.value AS BIGINT) WHERE {HOLDS}"
)
_SELECT_UPDATES = (
    "SELECT c.before FROM json_each(?) chosen CROSS JOIN changes c ON c.edit_id = CAST(chosen.value AS BIGINT) "
    "JOIN operations o ON o.seq = c.operation WHERE c.verb = 'update' AND o.undone_by IS NULL ORDER BY c.id"
)


@dataclass(frozen=True, kw_only=True)
class Replacing:
    """An edit that holds on a day, and what its question was answered with before.

    Attributes:
        edit: which holds.
        values: that hold no more, each once: targets of edits that gave way to it or ended before the day, and its own
            from before it was updated. Empty where the memory knows of none.
        current: the targets that do hold, its own among them.
    """

    edit: Edit
    values: tuple[str, ...]
    current: tuple[str, ...]


def replacing(store: Rows, namespace: str, days: str, subjects: str | None) -> list[Replacing]:
    """The edits about some subjects (a JSON list of keys) that hold in a time, by id, with what each has replaced.

    Costs one look into an index where no edit is about the subjects, four queries otherwise.
    """
    found = {row["id"] for row in store.query(_SELECT_HOLDING, namespace, days, subjects)}
    if not found:
        return []
    here = (namespace, days)
    begun = store.edits(_BEGUN, *here, to_json(sorted(found)))
    numbers = to_json([number_of(edit.id) for edit in begun])
    held = {id_of(row["id"]) for row in store.query(_SELECT_HELD, *here, numbers)}
    same, updated = _ByQuestion(begun), _updated(store, numbers)
    return [_replacing(edit, same.of(edit), held, updated) for edit in begun if number_of(edit.id) in found]


def _replacing(
    edit: Edit, same: Sequence[Edit], held: Collection[str], updated: Mapping[str, Sequence[Edit]]
) -> Replacing:
    asked = question_of(edit)
    current = [one.target for one in same if one.id in held and one.target is not None]
    before = [one.target for one in same if one.id not in held]
    before += [one.target for other in same for one in updated[other.id] if same_question(asked, question_of(one))]
    values = [value for value in dict.fromkeys(before) if value is not None]
    gone = [value for value in values if not any(same_target(value, now) for now in current)]
    return Replacing(edit=edit, values=tuple(gone), current=tuple(dict.fromkeys(current)))


class _ByQuestion:
    """Edits by what they have in common where they answer the same question."""

    def __init__(self, edits: Sequence[Edit]) -> None:
        self._found: dict[str | None, list[Edit]] = defaultdict(list)
        for edit in edits:
            question = question_of(edit)
            for common in {question.slot or question.prompt_key, question.prompt_key}:
                self._found[common].append(edit)

    def of(self, edit: Edit) -> list[Edit]:
        """Those of the edit's own question, itself among them."""
        asked = question_of(edit)
        near = {one.id: one for common in (asked.slot, asked.prompt_key) for one in self._found.get(common, ())}
        return [one for one in near.values() if one.id == edit.id or same_question(asked, question_of(one))]


def _updated(store: Rows, numbers: str) -> Mapping[str, list[Edit]]:
    """By id, what edits (a JSON list of numbers) were before each update that stands."""
    found: dict[str, list[Edit]] = defaultdict(list)
    for row in store.query(_SELECT_UPDATES, numbers):
        if (before := snapshot_from(row["before"])) is not None:
            found[before.edit.id].append(before.edit)
    return found
