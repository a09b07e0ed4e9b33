"""`kedit compare`: files and figures for people, rows for machines, and one line for what is wrong."""

import json
import re
from pathlib import Path

import pytest

from kedit_memory.cli import main as cli
from kedit_memory.evaluation.case import GENERALIZATION, LOCALITY, RELIABILITY, Case, Question
from kedit_memory.evaluation.report.page import LONGEST
from kedit_memory.evaluation.report.saved import read_saved
from kedit_memory.evaluation.tasks.compare import measures as compare_measures
from kedit_memory.evaluation.tasks.compare import run as compare
from kedit_memory.records import EditRequest

from .conftest import Kedit, Outcome


def case(place: str) -> Case:
    prompt = f"Who is the king of {place}?"
    return Case(
        edit=EditRequest(prompt=prompt, target="Bob", subject=place),
        questions=(
            Question(text=prompt, metric=RELIABILITY, accepted=("Bob",), covered=True),
            Question(text=f"Who rules {place}?", metric=GENERALIZATION, accepted=("Bob",), covered=True),
            Question(text=f"What is the capital of {place}?", metric=LOCALITY, kind="same_relation"),
        ),
    )


@pytest.fixture(autouse=True)
def _few_cases(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KEDIT_DATA", raising=False)
    monkeypatch.setattr("kedit_memory.cli.public_sets._BESIDE", tmp_path / "absent")
    monkeypatch.setattr(compare, "draw_cases", lambda *words, **_: [case(p) for p in ("France", "Spain")][: words[3]])
    # A random model never ends a text, so little is written, timed and read.
    for name, few in (("_LONGEST_TEXT", 4), ("_WRITTEN", 2), ("_TIMED", 1), ("_ADDED", 2)):
        monkeypatch.setattr(compare_measures, name, few)
    monkeypatch.setattr(compare, "_TEXTS", 2)


def run(kedit: Kedit, *words: object) -> Outcome:
    return kedit("compare", *words, store=False)


def test_people_get_tables_pictures_and_a_report_that_needs_nothing(
    kedit: Kedit, tiny_gpt2_folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    out, page = tmp_path / "out", tmp_path / "docs" / "side.md"
    words = ("--methods", "unedited,ft,oracle-scope", "--edits", "1,2", "--model", tiny_gpt2_folder)
    words += ("--device", "cpu", "--encoder", "hashing", "--output", out, "--page", page)
    outcome = run(kedit, *words)
    assert outcome.status == 0, outcome.err
    assert "## 2 sequential edits" in outcome.out
    assert "s left" in outcome.err
    assert {path.name for path in out.iterdir() if path.is_file()} == {
        "log.jsonl", "compare.md", "report.html", "compare-radar.png", "compare-edits.png", "compare-collapse.png",
    }  # fmt: skip
    report = (out / "report.html").read_text("utf-8")
    assert report.count("<svg") == 3
    assert not re.search(r"(src|href)=\"(?!#)|@import|url\((?!#)", re.sub(r"<svg.*?</svg>", "", report, flags=re.S))
    assert "<script" not in report
    assert "ft" in report
    text = page.read_text("utf-8")
    assert all((page.parent / name).is_file() for name in re.findall(r"\]\((\S+?\.png)\)", text))
    assert "kedit compare --methods unedited,ft,oracle-scope" in text
    again = run(kedit, *words)
    assert (again.status, again.out) == (0, outcome.out)
    assert "measurements" not in again.err, "all of it was there"
    assert "A share of the way tells" in report
    assert "harmonic mean" in report
    assert "harmonic mean" in text
    assert text.count("\n") <= LONGEST
    assert "| *ft* | *2* |" in text, "of too few to be weighed"
    assert "(rows/side.csv)" in text
    assert {row["method"] for row in read_saved(page.parent / "rows" / "side.csv").rows} >= {"ft", "unedited"}
    later = kedit("report", out / "log.jsonl", "--output", tmp_path / "later.md", store=False)
    assert later.status == 0, later.err
    tables = [line for line in text.splitlines() if line.startswith("| ")]
    assert tables == [line for line in (tmp_path / "later.md").read_text("utf-8").splitlines() if line.startswith("| ")]
    changed = run(kedit, *words, "--questions", 7)
    assert changed.status == 2
    assert "holds a run with questions 100, and now it is 7" in changed.err


def test_machines_get_rows(kedit: Kedit, tiny_gpt2_folder: Path) -> None:
    words = ("--methods", "oracle-scope", "--edits", 1, "--mode", "batch", "--seeds", "1,2")
    outcome = run(kedit, *words, "--model", tiny_gpt2_folder, "--encoder", "hashing", "--json")
    assert outcome.status == 0, outcome.err
    document = json.loads(outcome.out)
    assert set(document) == {"rows", "meta"}
    assert {row["seed"] for row in document["rows"]} == {1, 2, None}, "none of what is of all seeds"
    assert {row["method"] for row in document["rows"]} == {"oracle-scope"}
    assert document["meta"]["plan"]["modes"] == ["batch"]
    assert {part["status"] for part in document["meta"]["parts"]} == {"done"}


def test_a_method_that_fails_is_told_and_ends_with_1(
    kedit: Kedit, tiny_gpt2_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr("kedit_memory.editors.ft.FineTuning.apply", fails)
    words = ("--methods", "ft,unedited", "--edits", 1, "--mode", "batch", "--model", tiny_gpt2_folder)
    outcome = run(kedit, *words, "--encoder", "hashing")
    assert outcome.status == 1
    assert "failed: MemoryError: no room" in outcome.out
    assert "| *unedited* | *1* | " in outcome.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--methods", "rom"), "no method named 'rom'; did you mean 'rome'?"),
        (("--methods", " , "), "nothing to compare"),
        (("--edits", "1,many"), "--edits is '1,many'; give whole numbers"),
        (("--edits", "0"), "edits, single edits, edits of a batch and questions must be 1 or more"),
        (("--mode", "bacth"), "no mode named 'bacth'; did you mean 'batch'?"),
        (("--seeds", "x"), "--seeds is 'x'; give whole numbers"),
        (("--singles", "0"), "edits, single edits, edits of a batch and questions must be 1 or more"),
        (("--against", "rome", "--methods", "ft"), "nothing can be tested against 'rome', which is not compared"),
        (("--limit", "-1"), "a limit of -1 seconds leaves no time"),
        (("--dataset", "zsr"), "no dataset named 'zsr'; did you mean 'zsre'?"),
        (("--dataset", "zsre"), "neither --path nor KEDIT_DATA is given"),
        (("--dataset", "zsre", "--path", "nowhere"), "no folder nowhere; name the folder of the public sets"),
        (("--model", "openai:far@http://127.0.0.1:9/v1"), "a comparison of editors needs a model with hidden states"),
        (("--output", ""), "a path is empty"),
    ],
)
def test_bad_input_is_one_line(kedit: Kedit, words: tuple[str, ...], message: str) -> None:
    outcome = run(kedit, *words)
    assert (outcome.status, outcome.out) == (2, "")
    assert message in outcome.err
    assert outcome.err.count("\n") == 1


def test_the_script_is_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import runpy
    import sys

    script = Path(cli.__file__).parents[2] / "scripts" / "compare_editors.py"
    monkeypatch.setattr(sys, "argv", [str(script), "--methods", "rom"])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(script), run_name="__main__")
    assert end.value.code == 2
    assert "no method named 'rom'" in capsys.readouterr().err
