"""`kedit calibrate`: labelled questions in, certified thresholds out, kept in the store."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kedit_memory.memory import EditMemory
from kedit_memory.routing.calibration import Calibration
from kedit_memory.routing.strata import DESCRIPTIONS

from .conftest import Kedit

NOTES: dict[str, str | None] = {}


class FakeRouter:
    """Judges by the question's words: "e1 0.9 linked" has e1 as its best candidate; "-" stands for none."""

    scope = SimpleNamespace(verifier=SimpleNamespace(fingerprint="v-12"))

    def __init__(self, memory: EditMemory) -> None:
        self.memory = memory

    def judge_many(self, questions: Sequence[str], *, namespace: str) -> list[Any]:
        assert namespace == "default"
        words = [question.split() for question in questions]
        return [
            SimpleNamespace(
                question=" ".join(each), edit_id=None if edit == "-" else edit, score=float(score), stratum=how
            )
            for each in words
            for edit, score, how, _ in [each]
        ]


@pytest.fixture
def cases(kedit: Kedit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of two edits, and a file of 400 questions out of scope and 100 covered ones."""
    monkeypatch.setattr("kedit_memory.routing.router.Router", FakeRouter)
    monkeypatch.setattr(EditMemory, "set_note", lambda _, name, value: NOTES.update({name: value}), raising=False)
    NOTES.clear()
    kedit.add("Who leads Acme?", "Zoë Berg")
    kedit.add("Who leads Bolt?", "Ann Lee")
    rows = [(f"e1 {0.9 if n < 2 else 0.1} linked {n}", None) for n in range(300)]
    rows += [(f"- 0.0 unlinked {n}", None) for n in range(100)]
    rows += [(f"e2 {0.95 if n < 90 else 0.05} linked {n}", "e2") for n in range(99)]
    rows.append(("- 0.0 unlinked covered", "e1"))
    path = tmp_path / "cases.jsonl"
    path.write_text("\n".join(json.dumps({"question": question, "edit": edit}) for question, edit in rows))
    return path


def test_thresholds_are_printed_and_kept(kedit: Kedit, cases: Path) -> None:
    outcome = kedit("calibrate", "scope", cases, "--alpha", "0.03")
    assert (outcome.status, outcome.err) == (0, "")
    table, *lines = outcome.out.rsplit("┘\n")[-1].splitlines()
    assert table == (
        "linked: false fires ≤ 3.0% with 95% confidence on questions that name the edit's subject, measured on "
        "cases.jsonl (n 300 out of scope, 2 fired)"
    )
    assert lines == [
        *(
            f"{stratum}: not certified for {kind}: 0 out-of-scope questions, at least 122 are needed"
            for stratum, kind in DESCRIPTIONS.items()
            if stratum != "linked"
        ),
        "500 questions, 1 of them covered without any candidate, 2 edits; kept in the store.",
    ]
    cells = next(line for line in outcome.out.splitlines() if "linked" in line).replace("│", " ").split()
    assert cells[:1] + cells[2:] == ["linked", "0.67%", "≤", "3.0%", "300", "90.9%", "(83.4%", "to", "95.8%)", "99"]
    kept = NOTES["scope_calibration"]
    assert kept is not None
    calibration = Calibration.from_json(kept)
    assert (calibration.basis.verifier, calibration.basis.encoder, calibration.basis.edits) == ("v-12", "hashing", 2)


def test_a_machine_reads_the_calibration_and_its_rows(kedit: Kedit, cases: Path) -> None:
    outcome = kedit("calibrate", "scope", cases, "--alpha", "0.03", "--json")
    document = json.loads(outcome.out)
    assert set(document) == {"calibration", "rows"}
    assert document["calibration"] == json.loads(NOTES["scope_calibration"] or "")
    held = document["calibration"]["thresholds"]["linked"]
    false, fire = document["rows"]
    assert (false["metric"], false["kind"], false["n"], false["value"]) == ("false_fire", "linked", 300, 2 / 300)
    assert (false["low"], false["high"], false["edits"], false["model"]) == (0.0, held["upper"], 2, "v-12")
    assert (fire["metric"], fire["n"], fire["value"]) == ("fire", 99, 90 / 99)
    assert fire["low"] < fire["value"] < fire["high"]
    assert false["data"]
    assert false["task"] == "calibrate-scope"


def test_a_stratum_without_covered_questions_has_no_coverage(kedit: Kedit, cases: Path) -> None:
    lines = [line for line in cases.read_text().splitlines() if '"e2"' not in line]
    cases.write_text("\n".join(lines))
    document = json.loads(kedit("calibrate", "scope", cases, "--alpha", "0.03", "--json").out)
    assert [row["metric"] for row in document["rows"]] == ["false_fire"]
    assert "none asked" in kedit("calibrate", "scope", cases, "--alpha", "0.03").out


@pytest.mark.parametrize(
    ("line", "options", "message"),
    [
        ("{", (), "line 501: no JSON"),
        ('{"question": "Who?", "edit": "e77"}', (), "line 501: no active edit 'e77' here; see `kedit list`"),
        ("", ("--alpha", "0.001"), "linked: 300 out-of-scope questions, at least 2,995 are needed"),
        ("", ("--alpha", "nan"), "alpha nan is not allowed"),
        ("", ("--confidence", "95"), "confidence 95.0 is not allowed"),
        ('{"question": "e1 1 exact x", "edit": null}', (), "is the wording of e1, so it fires at any threshold"),
    ],
)
def test_bad_input_is_one_line_and_keeps_nothing(
    kedit: Kedit, cases: Path, line: str, options: tuple[str, ...], message: str
) -> None:
    with cases.open("a") as stream:
        stream.write(f"\n{line}")
    outcome = kedit("calibrate", "scope", cases, *options)
    assert (outcome.status, outcome.out) == (2, "")
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
    assert NOTES == {}


def test_an_absent_store_or_file_is_said(kedit: Kedit, cases: Path, tmp_path: Path) -> None:
    assert "none.jsonl cannot be read" in kedit("calibrate", "scope", tmp_path / "none.jsonl").err
    absent = kedit("calibrate", "scope", cases, "--store", tmp_path / "absent", store=False)
    assert absent.status == 2
    assert "no store at" in absent.err


def test_the_help_describes_every_option(kedit: Kedit) -> None:
    assert "scope" in kedit("calibrate", "--help", store=False).out
    outcome = kedit("calibrate", "scope", "--help", store=False)
    assert outcome.status == 0
    for option in outcome.out.split("Options:")[1].split("\n  -")[1:]:
        assert option.split("  ", 1)[1].strip(), option
    assert kedit("calibrate", store=False).status == 2
