import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from .conftest import Kedit

QUESTION = "Who leads Acme?"


def document(text: str) -> dict:
    """The one JSON document on standard output."""
    return json.loads(text)


def test_a_fact_is_added_listed_shown_and_found(kedit: Kedit) -> None:
    added = document(kedit.add(QUESTION, "Ann Berg", "--subject", "Acme", "--alias", "Acme Inc", "--json").out)
    assert added["id"] == "e1"
    assert added["kind"] == "insertion"
    assert [edit["id"] for edit in document(kedit("list", "--json").out)["edits"]] == ["e1"]
    assert document(kedit("show", "e1", "--json").out)["aliases"] == ["Acme Inc"]
    found = document(kedit("search", QUESTION, "--json").out)["matches"]
    assert found[0]["edit"]["id"] == "e1"
    assert found[0]["in_scope"]


def test_the_plain_output_says_the_same(kedit: Kedit) -> None:
    kedit.add(QUESTION, "Ann Berg")
    assert "Ann Berg" in kedit("list").out
    assert "prompt:" in kedit("show", "e1").out
    assert "in scope" in kedit("search", QUESTION).out
    assert "add" in kedit("history").out


def test_an_answer_of_many_lines_is_shortened_in_lists_and_shown_whole(kedit: Kedit) -> None:
    steps = "1. Hold the button.\n2. Wait.\n   - ten \u202eseconds"
    kedit.add("How do I reset it?", steps)
    shown = steps.replace("\u202e", r"\u202e")
    for listing in ("list", "history", ("search", "reset")):
        assert "→ 1. Hold the button.…" in kedit(*[listing] if isinstance(listing, str) else listing).out
    assert "target:        " + shown.replace("\n", "\n" + " " * 15) in kedit("show", "e1").out
    assert kedit("ask", "How do I reset it?").out.startswith(shown + "\n")
    assert document(kedit("ask", "How do I reset it?", "--json").out)["answer"] == steps


def test_subject_relation_and_a_single_argument_make_a_triple(kedit: Kedit) -> None:
    edit = document(kedit.add("Ann Berg", "--subject", "Acme", "--relation", "chief_executive", "--json").out)
    assert edit["target"] == "Ann Berg"
    assert edit["statement"] == "The chief executive of Acme is Ann Berg."


def test_update_retract_and_undo(kedit: Kedit) -> None:
    kedit.add(QUESTION, "Ann Berg", "--subject", "Acme")
    assert document(kedit("update", "e1", "--target", "Ida Lund", "--json").out)["target"] == "Ida Lund"
    assert document(kedit("retract", "e1", "--json").out)["status"] == "retracted"
    assert "no edits" in kedit("list").out
    assert "retracted" in kedit("list", "--all").out
    assert len(document(kedit("undo", "--json").out)["undone"]) == 1
    kedit("undo")
    assert document(kedit("show", "e1", "--json").out)["target"] == "Ann Berg"
    listed = document(kedit("history", "--json").out)["history"]
    assert [row["undone"] for row in listed if row["verb"] != "undo"] == [False, True, True]


def test_a_question_is_confirmed_rejected_and_undone(kedit: Kedit) -> None:
    kedit.add(QUESTION, "Ann Berg", "--subject", "Acme")
    asked = "Whose company is it?"
    before = document(kedit("search", asked, "--json").out)["matches"]
    assert not before[0]["in_scope"]
    assert document(kedit("confirm", "e1", asked, "--json").out)["id"] == "e1"
    (found,) = document(kedit("search", asked, "--json").out)["matches"]
    assert (found["key"], found["in_scope"]) == (asked, True)
    assert "Ann Berg" in kedit("reject", "e1", asked).out
    assert not document(kedit("search", asked, "--json").out)["matches"][0]["in_scope"]
    assert '"kind":"rejected"' in kedit("export").out
    verbs = [row["verb"] for row in document(kedit("history", "--json").out)["history"]]
    assert verbs == ["add", "confirm", "reject"]
    kedit("undo")
    kedit("undo")
    assert document(kedit("search", asked, "--json").out)["matches"] == before
    assert kedit("confirm", "e1", asked, "--namespace", "other").status == 2


def test_words_of_another_edit_cannot_be_confirmed(kedit: Kedit) -> None:
    kedit.add(QUESTION, "Ann Berg")
    kedit.add("Who owns Acme?", "Bo")
    refused = kedit("confirm", "e2", QUESTION)
    assert (refused.status, refused.out, refused.err.count("\n")) == (2, "", 1)
    assert "asks for e1 already" in refused.err
    assert "retract it instead" in kedit("reject", "e1", QUESTION).err


def test_a_newer_answer_supersedes_and_may_be_refused(kedit: Kedit) -> None:
    kedit.add(QUESTION, "Ann Berg", "--subject", "Acme", "--relation", "head")
    refused = kedit.add(QUESTION, "Ida Lund", "--subject", "Acme", "--relation", "head", "--on-conflict", "reject")
    assert refused.status == 2
    assert "e1" in refused.err
    newer = document(kedit.add(QUESTION, "Ida Lund", "--subject", "Acme", "--relation", "head", "--json").out)
    assert newer["kind"] == "modification"
    assert document(kedit("show", "e1", "--json").out)["superseded_by"] == newer["id"]


def test_export_and_import_give_the_same_bytes(kedit: Kedit, tmp_path: Path) -> None:
    kedit.add(QUESTION, "Ann Berg", "--paraphrase", "Who is the head of Acme?")
    kedit("erase", "Where does Ann Berg live?", "--subject", "Ann Berg")
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    assert kedit("export", first).status == 0
    kedit.store = tmp_path / "other"
    assert kedit("import", first, "--encoder", "hashing").out == "imported: 2 new, 0 there already, 0 refused\n"
    assert kedit("import", first).out == "imported: 0 new, 2 there already, 0 refused\n"
    kedit("export", second)
    assert first.read_bytes() == second.read_bytes()
    assert kedit("export").out.encode() == first.read_bytes()


def test_verify_backup_rebuild_and_purge(kedit: Kedit, tmp_path: Path) -> None:
    kedit.add(QUESTION, "Ann Berg")
    kedit("retract", "e1")
    assert document(kedit("verify", "--json").out)["ok"]
    assert kedit("backup", tmp_path / "copy").status == 0
    assert kedit("rebuild").status == 0
    assert document(kedit("purge", "--yes", "--json").out)["purged"] == ["e1"]
    assert kedit("show", "e1").status == 2
    kedit.store = tmp_path / "copy"
    assert kedit("show", "e1").status == 0


def test_a_store_is_restored_as_it_was_after_an_operation(kedit: Kedit, tmp_path: Path) -> None:
    kedit.add("Who leads Acme?", "Ann")
    kedit("update", "e1", "--target", "Bo")
    done = kedit("backup", "--verify", tmp_path / "copy")
    assert (done.status, done.out) == (0, f"copied to {tmp_path / 'copy'}\n1 edit, 1 key: sound\n")
    then = ("--store", tmp_path / "then")
    done = kedit("restore", tmp_path / "copy", "--at", "1", *then, "--json", store=False)
    told = {"at": 1, "ok": True, "edits": 1, "keys": 1, "problems": []}
    assert json.loads(done.out).items() >= told.items()
    assert "Ann" in kedit("show", "e1", *then, store=False).out
    assert kedit("restore", tmp_path / "copy", *then, store=False).status == 2
    assert kedit("restore", tmp_path / "copy", "--at", "9", "--store", tmp_path / "no", store=False).status == 2
    assert not (tmp_path / "no").exists()


def test_a_copy_of_a_damaged_store_is_told(kedit: Kedit, tmp_path: Path) -> None:
    kedit.add("Who leads Acme?", "Ann")
    with closing(sqlite3.connect(kedit.store / "store.db")) as connection, connection:
        connection.execute("UPDATE keys SET vector = zeroblob(length(vector))")
    done = kedit("backup", "--verify", tmp_path / "copy")
    assert done.status == 1
    assert "key 1 of e1 is not as it was written" in done.out
    assert done.out.endswith("FAULTY\n")


def test_verify_exits_with_one_when_a_row_is_damaged(kedit: Kedit) -> None:
    import sqlite3

    kedit.add(QUESTION, "Ann Berg")
    with sqlite3.connect(kedit.store / "store.db") as database:
        database.execute("UPDATE keys SET vector = zeroblob(length(vector))")
    database.close()
    outcome = kedit("verify")
    assert outcome.status == 1
    assert "FAULTY" in outcome.out


def test_namespaces_are_apart(kedit: Kedit) -> None:
    kedit.add(QUESTION, "Ann Berg", "--namespace", "one")
    assert "no edits" in kedit("list", "--namespace", "two").out
    assert "e1" in kedit("list", "--namespace", "one").out
    assert kedit("show", "e1", "--namespace", "two").status == 2


BAD = {
    "empty text": ("add", "", "Ann"),
    "blank text": ("add", "   ", "Ann"),
    "long text": ("add", "Who?" * 8001, "Ann"),
    "control characters": ("add", "Who\x07 leads?", "Ann"),
    "not UTF-8": ("add", "Who leads \udcff?", "Ann"),
    "NaN radius": ("add", QUESTION, "Ann", "--radius", "nan"),
    "negative radius": ("add", QUESTION, "Ann", "--radius=-0.1"),
    "no date": ("add", QUESTION, "Ann", "--valid-from", "2024-13-01"),
    "nothing to add": ("add",),
    "unknown id": ("retract", "e999"),
    "no id": ("show", "edit-one"),
    "line 2": ("import", "malformed.jsonl", "--strict"),
    "not a UTF-8 file": ("import", "latin.jsonl", "--strict"),
    "unknown format": ("import", "latin.jsonl", "--format", "xml"),
    "no format": ("import", "unknown"),
    "no target file": ("add", QUESTION, "--target-file", "none.txt"),
    "two targets": ("add", QUESTION, "Ann", "--target-file", "latin.jsonl"),
    "target file not UTF-8": ("add", QUESTION, "--target-file", "latin.jsonl"),
    "two texts from standard input": ("add", "-", "-"),
    "no such file": ("import", "none.jsonl"),
    "nothing to change": ("update", "e1"),
    "own prompt": ("reject", "e1", "who owns acme"),
    "nothing to confirm": ("confirm", "e1", " "),
    "nothing to reject": ("reject", "e1"),
    "unknown id to confirm": ("confirm", "e9", QUESTION),
    "nothing to ask": ("ask", "", "--explain"),
    "unknown path": ("ask", QUESTION, "--path", "sideways"),
    "no such option": ("list", "--sideways"),
    "no such command": ("lost",),
    "no number": ("add", QUESTION, "Ann", "--radius", "wide"),
    "too many words": ("add", QUESTION, "Ann", "Berg"),
    "no argument": ("show",),
    "question without answer": ("add", QUESTION),
    "empty namespace": ("list", "--namespace", ""),
    "namespace not UTF-8": ("search", QUESTION, "--namespace", "\udcff"),
    "file not UTF-8": ("ingest", "\udcff.txt"),
    "half a character": ("ingest", "half.jsonl"),
    "nothing to ingest": ("ingest",),
    "purge unconfirmed": ("purge", "e1"),
    "empty path": ("ingest", ""),
    "zero to find": ("search", QUESTION, "--count", "0"),
    "export to nowhere": ("export", "none/edits.jsonl"),
    "backup over a store": ("backup", "store"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gives_one_line_and_loses_nothing(
    kedit: Kedit, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    good = json.dumps({"prompt": "Who founded Acme?", "target": "Bo"})
    Path("malformed.jsonl").write_text(good + '\n{"prompt": "Who\n', encoding="utf-8")
    Path("latin.jsonl").write_bytes('{"prompt": "Où?", "target": "là"}\n'.encode("latin-1"))
    Path("half.jsonl").write_text('{"text": "half \\ud800"}\n', encoding="utf-8")
    Path("unknown").write_text("nothing that is known\n", encoding="utf-8")
    kedit.add("Who owns Acme?", "Cy")
    before = kedit("export").out

    outcome = kedit(*BAD[name])

    assert outcome.status == 2
    assert outcome.out == ""
    assert outcome.err.startswith("kedit: ")
    assert outcome.err.count("\n") == 1
    if name == "line 2":
        assert "line 2" in outcome.err
    assert kedit("export").out == before


def test_an_import_says_what_was_refused_and_why(kedit: Kedit, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    bad = ["nonsense", '{"prompt": "x\\u001b[31m", "target": "y"}', *(f'{{"prompt": "{n}"}}' for n in range(10))]
    rows.write_text("\n".join(['{"prompt": "Who leads Acme?", "target": "Ann"}', *bad]), encoding="utf-8")
    outcome = kedit("import", rows, "--encoder", "hashing")
    assert (outcome.status, outcome.out) == (2, "imported: 1 new, 0 there already, 12 refused\n")
    made, first, second, *_, last = outcome.err.splitlines()
    assert made == f"made a new store in {kedit.store}"
    assert first.startswith("kedit: line 2: no JSON")
    assert second.startswith("kedit: line 3: prompt holds the control character U+001B")
    assert last == "kedit: 12 of 13 rows were refused (see above); 2 more are in the output of --json"
    assert len(outcome.err.splitlines()) == 12
    told = document(kedit("import", rows, "--json").out)
    assert (told["imported"], told["known"]) == ([], ["e1"])
    assert [one["where"] for one in told["refused"]] == [f"line {n}" for n in range(2, 14)]
    assert told["refused"][-1]["reason"].startswith("no target; give a target or a statement")


def test_rows_in_conflict_are_refused_one_by_one(kedit: Kedit, tmp_path: Path) -> None:
    kedit.add(QUESTION, "Ann Berg")
    rows = tmp_path / "rows.csv"
    rows.write_text(f"question;answer\n{QUESTION};Bo\nWho owns it?;Cy\n", encoding="utf-16")
    told = kedit("import", rows, "--on-conflict", "reject", "--json")
    assert told.status == 2
    assert document(told.out)["refused"][0]["where"] == "line 2"
    assert "e1 already answers it" in document(told.out)["refused"][0]["reason"]
    assert document(told.out)["imported"] == ["e2"]


def test_texts_from_standard_input_and_from_a_file(
    kedit: Kedit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = "1. Hold.\n2. Wait.\n"
    for words, data in (
        (("How do I reset it?", "-"), steps.encode()),
        (("Wie?", "-"), b"\xef\xbb\xbf" + steps.replace("\n", "\r\n").encode()),
        (("-",), ("Plain words.\n" + steps).encode("utf-16")),
    ):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
        edit = document(kedit.add(*words, "--json").out)
        assert edit["target"].removeprefix("Plain words.\n") == steps.strip()
    file = tmp_path / "steps.md"
    file.write_text(steps, encoding="utf-8")
    given = ("--target-file", file, "--json")
    assert document(kedit.add(QUESTION, *given).out)["target"] == steps.strip()
    triple = document(kedit.add("--subject", "Acme", "--relation", "steps", *given).out)
    assert (triple["prompt"], triple["target"]) == ("What is the steps of Acme?", steps.strip())
    monkeypatch.setattr("sys.stdin", None)
    assert "standard input is closed" in kedit.add(QUESTION, "-").err


def test_a_store_that_cannot_be_opened(kedit: Kedit, tmp_path: Path) -> None:
    absent = kedit("list")
    assert (absent.status, absent.err.count("\n")) == (2, 1)
    file = tmp_path / "file"
    file.write_text("not a store")
    kedit.store = file
    assert kedit("list").status == 2
    kedit.store = tmp_path / "damaged"
    kedit.store.mkdir()
    (kedit.store / "store.db").write_bytes(b"this is no database" * 100)
    damaged = kedit("list")
    assert (damaged.status, damaged.err.count("\n")) == (2, 1)


def test_help_names_every_command(kedit: Kedit) -> None:
    text = kedit("--help", store=False).out
    memory = "add erase update retract confirm reject undo list show history search import export verify rebuild"
    commands = f"demo {memory} backup purge ask chat ingest doctor"
    for command in commands.split():
        assert f"  {command} " in text
