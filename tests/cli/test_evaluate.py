"""`kedit evaluate scope`: rows for machines, a table for people, and one line for what is wrong."""

import json
from pathlib import Path

import pytest

from kedit_memory.evaluation.task import TASKS

from .conftest import Kedit, Outcome

FEW = ("--edits", 60, "--questions", 10, "--scope", "radius", "--encoder", "hashing")


@pytest.fixture(autouse=True)
def no_public_sets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KEDIT_DATA", raising=False)
    monkeypatch.setattr("kedit_memory.cli.public_sets._BESIDE", tmp_path / "absent")


def evaluate(kedit: Kedit, *words: object) -> Outcome:
    return kedit("evaluate", "scope", *words, store=False)


def test_a_machine_reads_rows_and_how_they_were_made(kedit: Kedit, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "scope.png"
    outcome = evaluate(kedit, "--dataset", "world", *FEW, "--picture", picture, "--json")
    assert outcome.status == 0
    assert "stored 60 of 60 edits" in outcome.err
    document = json.loads(outcome.out)
    assert set(document) == {"rows", "meta"}
    first = document["rows"][0]
    assert (first["task"], first["dataset"], first["metric"], first["edits"]) == ("scope", "world", "reliability", 60)
    assert all((first["commit"] is None or first["commit"], first["config"], first["data"], first["machine"]))
    meta = document["meta"]
    assert meta["command"].startswith("kedit evaluate scope --dataset world --edits 60")
    assert meta["note"] == "no open questions were asked: the public sets were not found"
    assert set(meta["curves"]) == {"router", "cosine", "bm25"}
    assert meta["plan"]["scope"] == "radius"
    assert picture.stat().st_size > 5000


def test_people_read_a_table_and_the_worst_cases(kedit: Kedit) -> None:
    outcome = evaluate(kedit, "--dataset", "world", *FEW, "--worst", 2)
    assert outcome.status == 0
    assert "reliability/prompt" in outcome.out
    assert "60 edits in one store" in outcome.out
    assert "the public sets were not found" in outcome.out
    assert "Figures are of the task scope, version 2." in outcome.out
    silent = [line for line in outcome.err.splitlines() if line.startswith("rephrasing: ")]
    assert len(silent) == 1
    block = outcome.err.split(silent[0])[1]
    assert "best: " in block
    assert max(len(line) for line in outcome.out.splitlines() if "│" in line) <= 120


def test_open_questions_come_from_the_folder_that_is_named(
    kedit: Kedit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, content in (
        ("nq_open/nq_open_validation.json", [{"question": "who won the race", "answer": "Ann", "aliases": []}]),
        (
            "squad/squad1.1_dev_from_explorer.json",
            {"data": [{"paragraphs": [{"qas": [{"question": "What is it?", "answers": [{"text": "It"}]}]}]}]},
        ),
    ):
        path = tmp_path / "sets" / name
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(content), "utf-8")
    monkeypatch.setenv("KEDIT_DATA", str(tmp_path / "sets"))
    document = json.loads(evaluate(kedit, "--dataset", "world", *FEW, "--json").out)
    rows = {(row["method"], row["kind"]): row["n"] for row in document["rows"]}
    assert rows["router-radius", "open_question"] == 1  # the other half is for fitting
    assert document["meta"]["note"] is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--dataset", "zsr"), "no dataset named 'zsr'; did you mean 'zsre'?"),
        (("--dataset", "zsre"), "neither --path nor KEDIT_DATA is given"),
        (("--dataset", "zsre", "--path", "nowhere"), "no folder nowhere; name the folder of the public sets"),
        (("--dataset", "world", "--part", "training"), "no part 'training' to ask"),
        (("--dataset", "world", "--edits", "1"), "1 edits make no store"),
        (("--dataset", "world", "--picture", "a.txt"), "a.txt is no picture's name"),
        ((), "Missing option '--dataset'"),
    ],
)
def test_bad_input_is_one_line(kedit: Kedit, words: tuple[str, ...], message: str) -> None:
    outcome = evaluate(kedit, *words)
    assert (outcome.status, outcome.out) == (2, "")
    assert message in outcome.err
    assert outcome.err.count("\n") == 1


def test_an_unknown_scope_is_said(kedit: Kedit) -> None:
    outcome = evaluate(kedit, "--dataset", "world", "--scope", "vibes", "--edits", 60, "--encoder", "hashing")
    assert outcome.status == 2
    assert "no scope 'vibes'" in outcome.err


def test_a_missing_verifier_is_said_before_anything_is_stored(kedit: Kedit, tmp_path: Path) -> None:
    outcome = evaluate(kedit, "--dataset", "world", "--encoder", "hashing", "--verifier", tmp_path / "none")
    assert (outcome.status, outcome.out) == (2, "")
    assert "none (" in outcome.err
    assert "stored" not in outcome.err


def test_the_help_describes_every_option(kedit: Kedit) -> None:
    outcome = evaluate(kedit, "--help")
    assert outcome.status == 0
    for option in outcome.out.split("Options:")[1].split("\n  -")[1:]:
        assert option.split("  ", 1)[1].strip(), option
    told = " ".join(kedit("evaluate", "--help", store=False).out.split())
    for name in ("scope", "lifelong", "adaptive-retrieval", "entity-inferences", "ecbd"):
        assert f"{name} Measure {TASKS[name].about} (version {TASKS[name].version})." in told
    assert kedit("evaluate", store=False).status == 2
