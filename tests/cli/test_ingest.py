"""`kedit ingest` as users and scripts meet it: counts, files that change, files that cannot be read, `--dense`."""

import json
from pathlib import Path

import pytest

from kedit_memory.retrieval.corpus import Corpus
from kedit_memory.retrieval.stored import StoreRetriever

from .conftest import Kedit


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "halden.md").write_text("Halden Robotics is a company in Trondheim.\n", encoding="utf-8")
    (folder / "acme.txt").write_text("Acme makes anvils.\n", encoding="utf-8")
    return folder


def notes(text: str) -> list[str]:
    """Lines on standard error, but for the one that a new store is told by."""
    return [line for line in text.splitlines() if not line.startswith("made a new store")]


def told(kedit: Kedit, *words: object) -> dict:
    outcome = kedit("ingest", *words, "--json")
    assert outcome.status == 0, outcome.err
    assert all(line.endswith(("indexed", "encoded")) for line in notes(outcome.err))  # progress, if it took long
    return json.loads(outcome.out)


def counts(report: dict) -> list[int]:
    return [report["documents"][name] for name in ("new", "changed", "unchanged", "removed")]


def test_it_tells_what_became_of_each_document(kedit: Kedit, docs: Path) -> None:
    first = told(kedit, docs)
    assert (first["added"], first["passages"], counts(first)) == (2, 2, [2, 0, 0, 0])
    (docs / "acme.txt").write_text("Acme makes rockets.\n", encoding="utf-8")
    (docs / "new.txt").write_text("A new one.\n", encoding="utf-8")
    second = told(kedit, docs)
    assert (second["added"], second["passages"], counts(second)) == (2, 3, [1, 1, 1, 0])
    (docs / "new.txt").unlink()
    assert counts(told(kedit, docs)) == [0, 0, 2, 0]
    third = told(kedit, docs, "--prune")
    assert (third["passages"], counts(third)) == (2, [0, 0, 2, 1])
    lines = kedit("ingest", docs).out
    assert lines == "0 new passages, 2 in the namespace\ndocuments: 0 new, 0 changed, 2 unchanged, 0 removed\n"


def test_the_others_are_ingested_when_a_file_cannot_be_read(kedit: Kedit, docs: Path) -> None:
    (docs / "bad.txt").write_bytes(b"\xff")
    outcome = kedit("ingest", docs, "--json")
    assert outcome.status == 2
    report = json.loads(outcome.out)
    assert (report["added"], len(report["unreadable"])) == (2, 1)
    first, second = notes(outcome.err)
    assert first.endswith("bad.txt is not UTF-8 (byte 0); convert it and try again")
    assert second == "kedit: 1 file could not be read (see above); the others are ingested"


def test_a_single_file_that_cannot_be_read_is_one_line(kedit: Kedit, docs: Path) -> None:
    (docs / "bad.txt").write_bytes(b"\xff")
    outcome = kedit("ingest", docs / "bad.txt")
    assert (outcome.status, outcome.out) == (2, "")
    (line,) = notes(outcome.err)
    assert "bad.txt is not UTF-8" in line


@pytest.mark.parametrize("path", ["acme.txt", None])
def test_prune_needs_a_folder(kedit: Kedit, docs: Path, path: str | None) -> None:
    words = [docs / path] if path else ["--wikipedia", "Gisors"]
    outcome = kedit("ingest", *words, "--prune")
    assert outcome.status == 2
    assert outcome.err.startswith("kedit: --prune needs a PATH that is a folder")


def test_what_is_not_there_makes_no_store(kedit: Kedit, docs: Path) -> None:
    assert kedit("ingest", docs / "none.txt").status == 2
    assert kedit("ingest", docs / "none.docx").status == 2
    assert not kedit.store.exists()


def test_dense_passages_are_found_by_meaning_and_words_together(kedit: Kedit, docs: Path) -> None:
    kedit.add("Who leads Acme?", "Ann Berg", "--subject", "Acme")
    report = told(kedit, docs, "--dense")
    assert report["encoded"] == report["passages"] == 2
    assert told(kedit, docs, "--dense")["encoded"] == 0
    outcome = kedit("ask", "Where is Halden Robotics?", "--explain", "--json")
    decision = json.loads(outcome.out)
    assert "Trondheim" in decision["passages"][0]["text"]


def test_a_large_store_is_indexed_in_files_and_copied_whole(
    kedit: Kedit, docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(StoreRetriever.__init__.__kwdefaults__, "small", 1)
    kedit.add("Who leads Acme?", "Ann Berg", "--subject", "Acme")
    told(kedit, docs)
    assert (kedit.store / "passages" / "bm25" / "manifest.json").is_file()
    assert kedit("rebuild").status == 0
    assert not (kedit.store / "passages" / "bm25").exists()  # until the next question
    assert kedit("backup", tmp_path / "copy").status == 0
    kedit.store = tmp_path / "copy"
    with Corpus(kedit.store) as corpus:
        assert len(corpus) == 2
    outcome = kedit("ask", "Where is Halden Robotics?", "--explain", "--json")
    assert "Trondheim" in json.loads(outcome.out)["passages"][0]["text"]


def test_hidden_files_and_links_out_of_the_folder_are_left_out_unless_all_is_wanted(kedit: Kedit, docs: Path) -> None:
    outside = docs.parent / "outside"
    outside.mkdir()
    (outside / "secret.md").write_text("A secret.\n", encoding="utf-8")
    (docs / ".notes.md").write_text("A hidden note.\n", encoding="utf-8")
    (docs / ".git").mkdir()
    (docs / ".git" / "config.txt").write_text("A token.\n", encoding="utf-8")
    (docs / "secret.md").symlink_to("../outside/secret.md")
    (docs / "folder").symlink_to("../outside")
    for name, to in (("again.md", "halden.md"), ("up", "."), ("loop.md", "loop.md"), ("gone.md", "nowhere.md")):
        (docs / name).symlink_to(to)
    report = told(kedit, docs)
    assert (report["passages"], report["left_out"]) == (2, 4)
    assert "left out: 4 hidden or outside the folder (--all)\n" in kedit("ingest", docs).out
    report = told(kedit, docs, "--all")
    assert (report["passages"], report["left_out"]) == (5, 0)
    only = docs.parent / "only"
    only.mkdir()
    (only / ".a.md").write_text("Hidden.\n", encoding="utf-8")
    assert "file but 1 that are hidden or outside of it (--all reads them)" in kedit("ingest", only).err


def test_a_namespace_has_its_own_passages(kedit: Kedit, docs: Path) -> None:
    assert told(kedit, docs, "--namespace", "guests")["passages"] == 2
    assert json.loads(kedit("passages", "list", "--json").out)["passages"] == []
    assert len(json.loads(kedit("passages", "list", "--namespace", "guests", "--json").out)["passages"]) == 2


def test_what_steers_a_terminal_is_never_printed_raw(kedit: Kedit, docs: Path) -> None:
    row = {"id": "x", "title": "T\x1b[2J", "text": "The red\x1b[31m tower.", "source": "s\x1b[m"}
    (docs / "hostile.jsonl").write_text(json.dumps(row), encoding="utf-8")
    (docs / "bad\x1b[31m.txt").write_bytes(b"\xff")
    outcomes = [kedit("ingest", docs), kedit("passages", "list"), kedit("passages", "show", "x")]
    outcomes.append(kedit("ask", "What is the red tower?", "--explain"))
    for outcome in outcomes:
        assert "\x1b" not in outcome.out + outcome.err
    assert "bad\\x1b[31m.txt" in outcomes[0].err
    assert "T\\x1b[2J" in outcomes[3].out
