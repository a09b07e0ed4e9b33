"""What people say of a question, kept as keys of an edit: it asks for the edit after all, or it does not."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from kedit_memory.errors import ConflictError, EditStateError
from kedit_memory.memory.conflicts import prompt_key, question_of, same_question
from kedit_memory.memory.neighbours import key_gaps
from kedit_memory.memory.radius import split, widened
from kedit_memory.memory.requests import KeyText
from kedit_memory.memory.rows import Key, Snapshot
from kedit_memory.memory.store import Store
from kedit_memory.memory.write import Writer
from kedit_memory.records import Edit, KeyKind, Status, Vectors

Feedback: TypeAlias = Callable[[Store, Writer, str, str, Vectors], None]  # edit's id, question, its vector

# Two conditions, each with an index of its own: an edit asked by its prompt, or by one of its wordings.
_BY_PROMPT = "e.namespace = ? AND e.prompt_key = ?"
_BY_KEY = "e.id IN (SELECT edit_id FROM keys WHERE text = ? AND live AND kind IN ('prompt', 'paraphrase', 'confirmed'))"


def confirm(store: Store, writer: Writer, edit_id: str, text: str, vector: Vectors) -> None:
    """Makes a question a key of the edit, and takes back what was rejected in these words.

    Raises:
        ConflictError: another active edit is asked in these words.
        EditStateError: the edit is not active.
    """
    before = _active(store, edit_id)
    allowed = writer.take_back(before, KeyKind.REJECTED, text, vector)
    known = any(key.text == text for key in _positive(before.keys))
    if known and not allowed:
        return
    if not known:
        _refuse_question_of_another(store, before.edit, text)
        gaps = key_gaps(store, edit_id, vector)
        wording = KeyText(kind=KeyKind.CONFIRMED, text=text)
        writer.write_keys(before.edit, [wording], writer.neighbourhood(vector[None]), 0)
        _reach_out(store, writer, before, gaps)
    writer.change("confirm", before, store.snapshot(edit_id))


def reject(store: Store, writer: Writer, edit_id: str, text: str, vector: Vectors) -> None:
    """Makes a question one that never finds the edit, and stops its keys halfway to it.

    Raises:
        EditStateError: the edit is not active, or the question is its own prompt.
    """
    before = _active(store, edit_id)
    gaps = key_gaps(store, edit_id, vector)
    _refuse_prompt(before, text, gaps)
    confirmed = writer.take_back(before, KeyKind.CONFIRMED, text, vector)
    known = any(key.text == text for key in before.keys if key.kind is KeyKind.REJECTED)
    if known and not confirmed:
        return
    if not known:
        store.insert_key(edit_id, KeyKind.REJECTED, text, 0.0, vector)
    if not before.edit.radius_fixed:
        covering = [key for key in _positive(store.keys_of(edit_id)) if gaps[key.id] <= key.radius]
        store.set_radii((key.id, split(key.radius, gaps[key.id])) for key in covering)
    writer.change("reject", before, store.snapshot(edit_id))


def note_fired(store: Store, writer: Writer, *, fired: bool | None) -> None:
    """Notes with feedback that changed something whether the edit had answered the question."""
    if writer.began and fired is not None:
        store.connection.execute("UPDATE operations SET fired = ? WHERE seq = ?", (fired, writer.operation))


def _active(store: Store, edit_id: str) -> Snapshot:
    snapshot = store.snapshot(edit_id)
    if snapshot.edit.status is not Status.ACTIVE:
        raise EditStateError(
            f"{edit_id} is {snapshot.edit.status}; only for an active edit is a question confirmed or rejected"
        )
    return snapshot


def _positive(keys: Iterable[Key]) -> list[Key]:
    return [key for key in keys if key.kind is not KeyKind.REJECTED]


def _reach_out(store: Store, writer: Writer, before: Snapshot, gaps: Mapping[int, float]) -> None:
    """Expands the key that was nearest to a confirmed question, unless it would swallow one of another label."""
    nearest = min(_positive(before.keys), key=lambda key: (gaps[key.id], key.id))
    reach = widened(nearest.radius, gaps[nearest.id])
    if before.edit.radius_fixed or reach == nearest.radius:
        return
    rows = store.query("SELECT id, vector FROM keys WHERE id = ?", nearest.id)
    around = writer.neighbourhood(store.vectors_in(rows), reach=reach)
    if around.nearest_other(before.edit, 0) > reach:
        store.set_radii([(nearest.id, reach)])


def _refuse_question_of_another(store: Store, edit: Edit, text: str) -> None:
    """A question that asks for another edit cannot ask for this one too, unless both fill one slot."""
    for other in store.edits(_BY_PROMPT, edit.namespace, prompt_key(text)) + store.edits(_BY_KEY, text):
        answers = other.status is Status.ACTIVE and other.namespace == edit.namespace
        if answers and not same_question(question_of(edit), question_of(other)):
            raise ConflictError(
                f"{text[:60]!r} asks for {other.id} already; reject it there or retract that edit, "
                f"or confirm another wording for {edit.id}"
            )


def _refuse_prompt(before: Snapshot, text: str, gaps: Mapping[int, float]) -> None:
    """An edit that its own prompt did not find would be lost; where the encoder sees no difference, too."""
    same_place = any(key.kind is KeyKind.PROMPT and not gaps[key.id] for key in before.keys)
    if same_place or prompt_key(text) == prompt_key(before.edit.prompt):
        raise EditStateError(
            f"{text[:60]!r} is the prompt of {before.edit.id} itself, or the same to the encoder; retract it instead"
        )
