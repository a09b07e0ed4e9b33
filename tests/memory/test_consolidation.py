"""Which edits a model holds: noted in one transaction, read by fingerprint, undone without touching an edit."""

import pytest
from conftest import state  # type: ignore[attr-defined]

from kedit_memory.errors import ConflictError, InvalidInputError, NotFoundError, StoreError
from kedit_memory.memory.memory import EditMemory
from kedit_memory.records import Checkpoint

IDS = ["e1", "e2", "e3"]


def made(fingerprint: str, base: str = "plain") -> Checkpoint:
    return Checkpoint(fingerprint=fingerprint, base=base, method="rome", folder=f"/{fingerprint}")


def quietly() -> None:
    """Nothing to put in place."""


@pytest.fixture
def filled(memory: EditMemory) -> EditMemory:
    memory.add("Who leads Acme?", "Ann", subject="Acme")
    memory.add("Who owns Acme?", "Bo", subject="Acme")
    memory.add("Who founded Bolt?", "Cy", subject="Bolt")
    return memory


def test_only_the_model_that_was_written_holds_the_edits(filled: EditMemory) -> None:
    before = state(filled)
    assert not filled.any_consolidated()
    done = filled.consolidate(filled.all()[:2], made("one"), quietly)
    assert filled.any_consolidated()
    assert filled.held_by("one", IDS) == {"e1", "e2"}
    assert filled.held_by("one", ["e2", "e3"]) == {"e2"}
    assert filled.held_by("plain", IDS) == frozenset()
    assert filled.held_by("another", IDS) == frozenset()
    assert state(filled) == before
    assert filled.consolidations() == [done]
    assert [one.verb for one in filled.history("e1")] == ["add", "consolidate"]
    assert filled.verify().ok


def test_a_model_made_from_another_holds_what_that_one_holds(filled: EditMemory) -> None:
    filled.consolidate(filled.all()[:1], made("one"), quietly)
    filled.consolidate(filled.all()[1:2], made("two", base="one"), quietly)
    assert filled.held_by("two", IDS) == {"e1", "e2"}
    assert filled.held_by("one", IDS) == {"e1"}


def test_an_edit_that_says_something_else_by_now_is_not_held(filled: EditMemory) -> None:
    filled.consolidate(filled.all(), made("one"), quietly)
    filled.update("e1", target="Dee")
    filled.retract("e2")
    filled.add("Who founded Bolt?", "Eve", subject="Bolt")
    assert filled.held_by("one", IDS) == frozenset()
    filled.update("e1", target="Ann")
    assert filled.held_by("one", IDS) == {"e1"}


def test_what_was_written_last_counts(filled: EditMemory) -> None:
    """The weights say Dee, whatever an earlier model of the line was told."""
    filled.consolidate(filled.all()[:1], made("one"), quietly)
    changed = filled.update("e1", target="Dee")
    filled.consolidate([changed], made("two", base="one"), quietly)
    assert filled.held_by("two", IDS) == {"e1"}
    filled.update("e1", target="Ann")
    assert filled.held_by("two", IDS) == frozenset()
    assert filled.held_by("one", IDS) == {"e1"}


def test_undo_brings_the_edits_back(filled: EditMemory) -> None:
    before = state(filled)
    filled.consolidate(filled.all(), made("one"), quietly)
    undone = filled.undo()
    assert [(one.verb, one.edit_id) for one in undone] == [("consolidate", name) for name in IDS]
    assert state(filled) == before
    assert filled.held_by("one", IDS) == frozenset()
    assert not filled.any_consolidated()
    assert [one.undone for one in filled.consolidations()] == [True]
    filled.undo()  # and the history goes on where it was
    assert [edit.id for edit in filled.all()] == ["e1", "e2"]


def test_a_consolidation_is_undone_whatever_came_after(filled: EditMemory) -> None:
    done = filled.consolidate(filled.all()[:1], made("one"), quietly)
    filled.update("e1", paraphrases=["Acme boss?"])
    before = state(filled)
    filled.undo_consolidation(done.operation)
    assert state(filled) == before
    assert filled.held_by("one", IDS) == frozenset()
    for operation in (done.operation, 1, 99):
        with pytest.raises(NotFoundError, match="no consolidation in force"):
            filled.undo_consolidation(operation)
    filled.undo()  # of the update, which is the newest that stands
    assert filled.get("e1").paraphrases == ()


def test_nothing_is_noted_where_the_checkpoint_cannot_be_put_in_its_place(filled: EditMemory) -> None:
    def fail() -> None:
        raise OSError("no space")

    before = (state(filled), filled.history())
    with pytest.raises(OSError, match="no space"):
        filled.consolidate(filled.all(), made("one"), fail)
    assert (state(filled), filled.history()) == before
    assert filled.consolidations() == []


def test_what_was_changed_meanwhile_is_refused(filled: EditMemory) -> None:
    placed = []
    old = filled.all()
    filled.update("e2", target="Dee")
    with pytest.raises(ConflictError, match="e2 was changed meanwhile"):
        filled.consolidate(old, made("one"), lambda: placed.append(1))
    filled.retract("e1")
    with pytest.raises(ConflictError, match="e1 was changed meanwhile"):
        filled.consolidate(old[:1], made("one"), lambda: placed.append(1))
    assert placed == []
    assert filled.consolidations() == []


def test_what_cannot_be_held_is_refused(filled: EditMemory) -> None:
    erased = filled.erase("What is Ann's phone number?")
    with pytest.raises(InvalidInputError, match="e4 is an erasure"):
        filled.consolidate([erased], made("one"), quietly)
    with pytest.raises(InvalidInputError, match="no edit was consolidated"):
        filled.consolidate([], made("one"), quietly)
    with pytest.raises(InvalidInputError, match="from before the edits"):
        filled.consolidate(filled.all()[:1], made("plain"), quietly)


def test_a_purge_names_the_folders_that_hold_the_text(filled: EditMemory, caplog: pytest.LogCaptureFixture) -> None:
    filled.consolidate(filled.all()[:1], made("one"), quietly)
    filled.undo()
    filled.purge("e2")
    assert "checkpoint" not in caplog.text
    filled.purge("e1")
    assert f"the checkpoint in {made('one').folder} still holds text" in caplog.text


def test_a_purged_edit_leaves_no_word_of_the_consolidation(filled: EditMemory) -> None:
    filled.consolidate(filled.all(), made("one"), quietly)
    filled.purge("e1")
    assert filled.held_by("one", ["e2", "e3"]) == {"e2", "e3"}
    assert [one.edit_ids for one in filled.consolidations()] == [("e2", "e3")]
    filled.close()
    with pytest.raises(StoreError):
        filled.consolidations()
    assert b"Who leads Acme?" not in (filled.path / "store.db").read_bytes()
