"""What an erasure hides, and what it removes when it is asked to."""

from pathlib import Path

import pytest

from kedit_memory.errors import ConflictError, NotFoundError
from kedit_memory.memory.memory import EditMemory
from kedit_memory.records import Kind

ASKED = "Where does Ann Berg live?"


def holding(folder: Path, text: str) -> list[str]:
    return [file.name for file in folder.rglob("*") if file.is_file() and text.encode() in file.read_bytes()]


def test_an_erasure_hides_and_undo_brings_back(memory: EditMemory, tmp_path: Path) -> None:
    memory.add(ASKED, "Xyzzygata 5", subject="Ann Berg")
    memory.erase(ASKED, subject="Ann Berg")
    assert [match.edit.kind for match in memory.worded([ASKED])] == [Kind.ERASURE]
    assert memory.export(tmp_path / "all.jsonl") == 2  # its docstring says what still holds the value
    assert "Xyzzygata" in (tmp_path / "all.jsonl").read_text()
    assert [edit.target for edit in memory.list(status=None)] == ["Xyzzygata 5", None]
    memory.undo()
    assert [edit.target for edit in memory.list()] == ["Xyzzygata 5"]


def test_an_erasure_that_purges_leaves_no_word(memory: EditMemory) -> None:
    memory.add(ASKED, "Xyzzy1", subject="Ann Berg", relation="address")
    memory.add(ASKED, "Xyzzy2", subject="Ann Berg", relation="address", valid_from="2020", valid_until="2021")  # parts
    memory.update("e1", target="Xyzzy3", statement="She lives at Xyzzy4.")
    memory.retract(memory.add("Her home?", "Xyzzy5", subject="Ann Berg", relation="Address").id)
    memory.add(ASKED, "Xyzzy6", subject="Ann Berg", relation="address", on_conflict="keep_both")
    memory.undo()
    memory.add("Where does Bo live?", "Oslo", subject="Bo", relation="address")
    memory.add(ASKED, "Plugh", subject="Ann Berg", relation="address", namespace="other")
    memory.rebuild()
    assert holding(memory.path, "Xyzzy")
    erasure = memory.erase(subject="Ann Berg", relation="address", purge=True)
    assert holding(memory.path, "Xyzzy") == []
    assert [edit.target for edit in memory.list(status=None, namespace=None)] == ["Oslo", "Plugh", None]
    assert {one.edit_id for one in memory.history()} == {"e6", "e7", erasure.id}
    assert memory.verify().ok
    memory.undo()  # of the erasure, which cannot bring back what is gone
    assert [edit.target for edit in memory.list(status=None, namespace=None)] == ["Oslo", "Plugh"]


def test_purging_what_was_erased_before(memory: EditMemory) -> None:
    memory.add(ASKED, "Xyzzy1")
    first = memory.erase(ASKED)
    assert memory.erase(ASKED, purge=True) == first
    assert memory.list(status=None) == [first]
    assert holding(memory.path, "Xyzzy") == []


def test_nothing_is_purged_where_the_erasure_is_refused(memory: EditMemory) -> None:
    memory.add(ASKED, "Oslo")
    with pytest.raises(ConflictError):
        memory.erase(ASKED, on_conflict="reject", purge=True)
    assert [edit.target for edit in memory.list()] == ["Oslo"]


def test_a_fact_made_an_erasure_keeps_no_statement_of_it(memory: EditMemory) -> None:
    memory.add(ASKED, "Oslo", statement="Ann Berg lives in Oslo.")
    erased = memory.update("e1", target=None)
    assert (erased.kind, erased.target, erased.statement) == (Kind.ERASURE, None, ASKED)
    assert memory.search("Ann Berg lives in Oslo.", 1)[0].key == ASKED


def test_whoever_keeps_copies_hears_what_was_erased(tmp_path: Path) -> None:
    with EditMemory.open(tmp_path / "store", encoder="hashing") as memory:
        assert memory.last_operation == 0
        old = memory.add("Where does Ann live?", "Oslo", subject="Ann")
        new = memory.add("Where does Ann live?", "Bergen", subject="Ann")
        before = memory.last_operation
        assert memory.erased_since(0) == []
        erasure = memory.erase("Where does Ann live?", subject="Ann")
        ((told, answers),) = memory.erased_since(before)
        assert (told.id, [one.id for one in answers]) == (erasure.id, [old.id, new.id])
        assert memory.erased_since(memory.last_operation) == []
        purging = memory.last_operation
        memory.purge(new.id)
        assert memory.last_operation > purging


def test_an_edit_tells_its_wordings(tmp_path: Path) -> None:
    with EditMemory.open(tmp_path / "store", encoder="hashing") as memory:
        edit = memory.add("Who leads Acme?", "Ann Berg", paraphrases=["Acme's boss?"])
        memory.confirm(edit.id, "Who runs it all?")
        memory.reject(edit.id, "Who sweeps the yard?")
        assert [(one.kind.value, one.text) for one in memory.wordings(edit.id)] == [
            ("prompt", "Who leads Acme?"),
            ("paraphrase", "Acme's boss?"),
            ("confirmed", "Who runs it all?"),
            ("rejected", "Who sweeps the yard?"),
        ]
        with pytest.raises(NotFoundError):
            memory.wordings(edit.id, namespace="other")
