"""`kedit calibrate gate` and `kedit evaluate adaptive-retrieval`, with what answers questions replaced."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kedit_memory.evaluation.tasks.adaptive.observed import (
    ALONE,
    DECIDING,
    READING,
    SEARCHING,
    Labelled,
    Observed,
    Observer,
)
from kedit_memory.memory import EditMemory
from kedit_memory.routing.gate.calibration import NOTE, GateCalibration
from kedit_memory.routing.gate.signals import Signals
from kedit_memory.routing.gate.uncertainty import OwnAnswer

from .conftest import Kedit


def answered(_: Observer, asked: Sequence[Labelled], progress: Any = None) -> list[Observed]:
    """The model knows what has an even number of letters, and the passages the rest; it is sure where it is right."""
    if progress:
        progress(f"answered {len(asked)}")
    return [
        Observed(
            text=one.text,
            group=one.group,
            signals=Signals(
                words=3,
                mentions=1,
                popularity=-1.0 if len(one.text) % 2 == 0 else -5.0,
                relation="capital",
                likeness=0.5,
                entropy=float(len(one.text) % 2),
                log_probability=-float(len(one.text) % 2),
                own="x",
                score=2.0,
                gap=0.5,
                titled=True,
                passages=2,
                grounded=False,
            ),
            alone="x",
            alone_right=len(one.text) % 2 == 0,
            read="y",
            read_right=len(one.text) % 2 == 1,
            titles=("T",),
            seconds={DECIDING: 0.001, SEARCHING: 0.002, ALONE: 0.01, READING: 0.04},
        )
        for one in asked
    ]


SURE = OwnAnswer(text="x", log_probability=0.0)


@pytest.fixture(autouse=True)
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    model = SimpleNamespace(name="kedit-mini", fingerprint="f-1")
    monkeypatch.setattr(Observer, "observe", answered)
    monkeypatch.setattr("kedit_memory.routing.router.Router.model", model)
    monkeypatch.setattr("kedit_memory.models.named.load_model", lambda *_, **__: model)
    monkeypatch.setattr("kedit_memory.evaluation.tasks.adaptive.gate_fitting.own_answers", lambda *_, **__: [SURE])


@pytest.fixture
def labelled(kedit: Kedit, tmp_path: Path) -> Path:
    """A store with a passage, and 600 questions."""
    kedit.add("Who leads Acme?", "Zoë Berg")
    (tmp_path / "acme.txt").write_text("Acme makes rockets.", "utf-8")
    kedit("ingest", tmp_path / "acme.txt")
    rows = [{"question": f"Which one is {'x' * n}?", "answers": ["a"], "relation": "which"} for n in range(600)]
    path = tmp_path / "questions.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return path


def test_a_policy_is_fitted_reported_on_the_other_half_and_kept(kedit: Kedit, labelled: Path) -> None:
    outcome = kedit("calibrate", "gate", labelled, "--policy", "uncertainty")
    assert outcome.status == 0, outcome.err
    first, calls, never, *_, last = outcome.out.splitlines()
    assert first.startswith("uncertainty accuracy: 1.000 (")
    assert "n 300)" in calls
    assert 0.4 < float(never.split()[2]) < 0.6
    assert last == "fitted on 300 other questions, calls within 0.6 with 95% confidence; kept in the store."
    with EditMemory.open(kedit.store) as memory:
        kept = GateCalibration.from_json(memory.note(NOTE) or "")
    assert (kept.policy, kept.model, kept.budget, kept.held_out.questions) == ("uncertainty", "kedit-mini", 0.6, 300)
    assert len(kept.phrasings) == 300


def test_a_machine_reads_the_calibration_and_its_rows(kedit: Kedit, labelled: Path) -> None:
    document = json.loads(kedit("calibrate", "gate", labelled, "--budget", 1, "--policy", "always", "--json").out)
    assert set(document) == {"calibration", "rows"}
    rows = {(row["method"], row["metric"]): row for row in document["rows"]}
    assert rows["always", "calls"]["value"] == 1.0
    assert rows["oracle", "accuracy"]["value"] == 1.0
    assert {row["kind"] for row in document["rows"]} == {"held_out"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--policy", "lerned"), "did you mean 'learned'"),
        (("--budget", "2"), "budget 2 is no share"),
        (("--budget", "0.5"), "600 questions"),
        (("--policy", "always"), "give --budget 1"),
    ],
)
def test_what_cannot_be_fitted_is_one_line_and_keeps_what_was_kept(
    kedit: Kedit, labelled: Path, words: tuple[str, ...], said: str
) -> None:
    if said == "600 questions":
        lines = labelled.read_text("utf-8").splitlines()[:500]
        labelled.write_text("\n".join(lines), "utf-8")
        said = "500 questions are too few for the budget 0.5: 542 are needed"
    with EditMemory.open(kedit.store) as memory:
        memory.set_note(NOTE, "before")
    outcome = kedit("calibrate", "gate", labelled, *words)
    assert outcome.status == 2
    assert said in outcome.err.splitlines()[-1]
    with EditMemory.open(kedit.store) as memory:
        assert memory.note(NOTE) == "before"


def test_a_store_without_passages_leaves_a_gate_nothing_to_decide(kedit: Kedit, labelled: Path, tmp_path: Path) -> None:
    kedit.store = tmp_path / "empty"
    kedit.add("Who leads Acme?", "Zoë Berg")
    outcome = kedit("calibrate", "gate", labelled, "--policy", "uncertainty")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.endswith(
        "a gate has nothing to decide: the store has no passages; ingest some, or give the router 1 or more\n"
    )


def test_every_policy_is_measured_and_reported(kedit: Kedit, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    picture, saved, report = tmp_path / "p.png", tmp_path / "rows.json", tmp_path / "r.md"
    outcome = kedit(
        "evaluate", "adaptive-retrieval", "--dataset", "world", "--questions", 520, "--resplits", 2, "--no-dense",
        "--picture", picture, "--worst", 1, "--json", store=False,
    )  # fmt: skip
    assert outcome.status == 0, outcome.err
    document = json.loads(outcome.out)
    rows = {(row["method"], row["metric"], row["kind"]): row for row in document["rows"]}
    assert rows["learned", "accuracy", "all"]["value"] > 0.99
    assert rows["learned", "ratio", "gain_of_oracle"]["value"] > 0.9
    assert rows["bm25", "recall", "bm25_at_5"]["value"] > 0.97
    assert {row["task"] for row in document["rows"]} == {"adaptive-retrieval"}
    assert document["meta"]["command"].startswith("kedit evaluate adaptive-retrieval --dataset world")
    assert picture.stat().st_size > 5000
    assert "direct: passages hurt" in outcome.err
    saved.write_text(outcome.out)
    assert kedit("report", saved, "--output", report, store=False).status == 0
    text = report.read_text("utf-8")
    assert "| learned/accuracy/over_better_fixed | ≥ 0.03 |" in text
    assert "**missed**" not in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--dataset", "wrld"), "did you mean 'world'"),
        (("--dataset", "world", "--questions", "10"), "ask 520 or more"),
        (("--dataset", "popqa", "--path", "/no/such"), "no folder /no/such"),
        (("--dataset", "world", "--picture", "p.txt"), "no picture's name"),
    ],
)
def test_what_cannot_be_measured_is_one_line(kedit: Kedit, words: tuple[str, ...], said: str) -> None:
    outcome = kedit("evaluate", "adaptive-retrieval", *words, store=False)
    assert outcome.status == 2
    assert outcome.err.count("\n") == 1
    assert said in outcome.err
