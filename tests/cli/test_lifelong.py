"""`kedit evaluate lifelong`: rows for machines, a table for people, a status and a line for what went wrong."""

import json
from pathlib import Path

import pytest

from .conftest import Kedit, Outcome

FEW = (
    "--edits",
    2,
    "--every",
    1,
    "--questions",
    4,
    "--timed",
    0,
    "--seeds",
    1,
    "--device",
    "cpu",
    "--encoder",
    "hashing",
)


def evaluate(kedit: Kedit, *words: object) -> Outcome:
    return kedit("evaluate", "lifelong", *words, store=False)


def test_a_machine_reads_rows_that_a_log_gives_again(kedit: Kedit, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    picture, file = tmp_path / "curves.png", tmp_path / "log.jsonl"
    words = ("--stream", "world", "--editors", "grace-fast,ft", *FEW)
    outcome = evaluate(kedit, *words, "--log", file, "--picture", picture, "--json")
    assert outcome.status == 0
    assert "choosing 2 edits" in outcome.err
    document = json.loads(outcome.out)
    assert document["meta"]["plan"]["methods"] == ["unedited", "grace-fast", "ft"]
    assert document["meta"]["failures"] == {}
    assert document["meta"]["command"].startswith("kedit evaluate lifelong --stream world")
    rows = document["rows"]
    assert {(row["task"], row["dataset"]) for row in rows} == {("lifelong", "world")}
    assert json.loads(kedit("score", file, "--json", store=False).out)["rows"] == rows
    errs = [row["value"] for row in rows if (row["method"], row["metric"], row["kind"]) == ("grace-fast", "err", "all")]
    assert errs == [1.0, 1.0]
    assert picture.stat().st_size > 5000
    again = evaluate(kedit, *words, "--log", file)
    assert "all is in" in again.err
    assert "choosing" not in again.err
    assert "grace-fast" in again.out
    assert "TRR" in again.out
    assert "after 2 edits" in again.out


def test_a_method_that_fails_is_told_and_gives_status_1(kedit: Kedit, monkeypatch: pytest.MonkeyPatch) -> None:
    from kedit_memory.editors.ft import FineTuning

    def apply(*_: object) -> None:
        raise MemoryError("no memory left")

    monkeypatch.setattr(FineTuning, "apply", apply)
    outcome = evaluate(kedit, "--stream", "world", "--editors", "ft", *FEW, "--json")
    assert outcome.status == 1
    assert "ft, seed 1 failed, its further rows are missing: MemoryError: no memory left" in outcome.err
    document = json.loads(outcome.out)
    assert document["meta"]["failures"] == {"ft, seed 1": "MemoryError: no memory left"}
    assert {row["method"] for row in document["rows"]} == {"unedited"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--stream", "word", "--editors", "ft"), "no stream named 'word'; did you mean 'world'?"),
        (("--stream", "world", "--editors", "grase"), "no method named 'grase'; did you mean 'grace'?"),
        (("--stream", "world", "--editors", "router:magic"), "no method named 'router:magic'"),
        (("--stream", "world", "--editors", ","), "--editors is empty"),
        (("--stream", "world", "--editors", "ft", "--seeds", "1,b"), "--seeds is '1,b'; give whole numbers"),
        (("--stream", "world", "--editors", "ft", "--seeds", ","), "seeds are none"),
        (("--stream", "world", "--editors", "ft", "--edits", "0"), "edits is 0; it must be 1 or more"),
        (("--stream", "world", "--editors", "ft", "--batch", "3"), "be a multiple"),
        (("--stream", "world", "--editors", "ft", "--picture", "a.txt"), "a.txt is no picture's name"),
        (("--stream", "zsre", "--editors", "ft", "--path", "nowhere"), "no folder nowhere"),
        (("--stream", "world", "--editors", "ft", "--model", "openai:x@http://127.0.0.1:9/v1"), "needs a model with"),
        (("--stream", "scotus", "--editors", "ft", "--path", "."), "scotus needs a classifier, and kedit-mini is none"),
        (("--stream", "world", "--editors", "grace:depth=3"), "grace has no option 'depth'; it has layer"),
        (("--stream", "world"), "Missing option '--editors'"),
    ],
)
def test_bad_input_is_one_line(kedit: Kedit, words: tuple[str, ...], message: str) -> None:
    outcome = evaluate(kedit, *words)
    assert (outcome.status, outcome.out) == (2, "")
    assert message in outcome.err
    assert outcome.err.strip().splitlines()[-1].startswith("kedit") or message in outcome.err.splitlines()[-1]


def test_a_classifier_is_found_by_its_folder(kedit: Kedit, tiny_classifier_folder: Path) -> None:
    outcome = evaluate(kedit, "--stream", "world", "--editors", "ft", "--model", tiny_classifier_folder)
    assert (outcome.status, outcome.out) == (2, "")
    assert "the stream world needs a model that generates text" in outcome.err


def test_a_file_of_something_else_is_not_written_over(kedit: Kedit, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("dear diary\n", "utf-8")
    outcome = evaluate(kedit, "--stream", "world", "--editors", "ft", *FEW, "--log", file)
    assert outcome.status == 2
    assert "is no JSON object" in outcome.err
    assert file.read_text("utf-8") == "dear diary\n"


def test_the_help_describes_every_option(kedit: Kedit) -> None:
    outcome = evaluate(kedit, "--help")
    assert outcome.status == 0
    for option in outcome.out.split("Options:")[1].split("\n  -")[1:]:
        assert option.split("  ", 1)[1].strip(), option
    assert "lifelong" in kedit("evaluate", "--help", store=False).out
