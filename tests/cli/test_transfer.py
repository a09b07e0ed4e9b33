"""Exports to files, folders, links and devices, and imports from standard input."""

import io
import json
import os
from pathlib import Path

import pytest

from .conftest import Kedit

QUESTION = "Who leads Acme?"


@pytest.fixture
def filled(kedit: Kedit) -> Kedit:
    kedit.add(QUESTION, "Ann Berg")
    kedit.add(QUESTION, "Ida Lund", "--namespace", "desk")
    return kedit


def prompts(file: Path) -> list[str]:
    return [json.loads(line)["namespace"] for line in file.read_text(encoding="utf-8").splitlines()]


def test_an_export_holds_every_namespace_unless_one_is_named(filled: Kedit, tmp_path: Path) -> None:
    assert filled("export", tmp_path / "all.jsonl").out == f"2 edits in {tmp_path / 'all.jsonl'}\n"
    assert prompts(tmp_path / "all.jsonl") == ["default", "desk"]
    told = filled("export", tmp_path / "desk.jsonl", "--namespace", "desk").out
    assert told == f"1 edit of namespace desk in {tmp_path / 'desk.jsonl'}\n"
    assert prompts(tmp_path / "desk.jsonl") == ["desk"]
    assert filled("export").out == filled("export", "-").out == (tmp_path / "all.jsonl").read_text(encoding="utf-8")
    assert len(json.loads(filled("export", "--json").out)["edits"]) == 2


def test_a_file_is_replaced_only_if_forced_and_keeps_its_mode(filled: Kedit, tmp_path: Path) -> None:
    file = tmp_path / "secret.jsonl"
    file.write_text("mine\n")
    file.chmod(0o600)
    refused = filled("export", file)
    assert (refused.status, refused.out, refused.err.count("\n")) == (2, "", 1)
    assert "--force" in refused.err
    assert file.read_text() == "mine\n"
    assert filled("export", file, "--force").status == 0
    assert (prompts(file), file.stat().st_mode & 0o777) == (["default", "desk"], 0o600)


def test_a_link_leads_to_the_file_that_is_replaced(filled: Kedit, tmp_path: Path) -> None:
    (tmp_path / "real.jsonl").write_text("old\n")
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "real.jsonl")
    filled("export", tmp_path / "link.jsonl", "--force")
    assert (tmp_path / "link.jsonl").is_symlink()
    assert len(prompts(tmp_path / "real.jsonl")) == 2


def test_a_folder_is_no_file(filled: Kedit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for words in ((".",), (tmp_path,), (".", "--force")):
        refused = filled("export", *words)
        assert (refused.status, refused.err.count("\n")) == (2, 1)
        assert "is a folder; name a file in it" in refused.err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_device_is_written_to_not_replaced(filled: Kedit, tmp_path: Path) -> None:
    import threading

    pipe, taken = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: taken.append(pipe.read_text(encoding="utf-8")))
    reader.start()
    assert filled("export", pipe).status == 0
    reader.join(timeout=10)
    assert len(taken[0].splitlines()) == 2
    assert pipe.is_fifo()


def test_rows_are_imported_from_standard_input(kedit: Kedit, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = b'{"prompt": "Who leads Acme?", "target": "Ann"}\n{"prompt": "Who owns it?", "target": "Bo"}\n'
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(rows)))
    assert kedit("import", "-", "--encoder", "hashing").out == "imported: 2 new, 0 there already, 0 refused\n"
    monkeypatch.setattr("sys.stdin", None)
    assert "standard input is closed" in kedit("import", "-").err
