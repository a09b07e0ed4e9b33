"""`kedit score`, `report` and `compare-reports`: rows again from a log, a page of them, and what changed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from kedit_memory.evaluation.rows import Row, Run
from kedit_memory.evaluation.score import keep, new_log
from kedit_memory.evaluation.task import TASKS

from .conftest import Kedit

RUN = Run(task="scope", dataset="world", commit="c", config="k", data="d", model="m", machine="x")
ROW = Row(run=RUN, method="router", metric="reliability", value=0.0, n=0, unit="share", edits=3, seed=1)
MOST = [place > 1 for place in range(20)]


@pytest.fixture
def logs(tmp_path: Path) -> tuple[Path, Path]:
    """Two logs of the same questions; in the second, twelve more are wrong."""
    paths = tmp_path / "before.jsonl", tmp_path / "after.jsonl"
    for path, lost in zip(paths, (0, 12), strict=True):
        right = [one and place >= 2 + lost for place, one in enumerate(MOST)]
        rows = [ROW.share(right), replace(ROW, kind="steady").share(MOST)]
        keep(new_log(path, "scope", {}), rows)
    return paths


def test_a_log_is_scored_for_machines_and_for_people(kedit: Kedit, logs: tuple[Path, Path]) -> None:
    document = json.loads(kedit("score", logs[0], "--json", store=False).out)
    assert [(row["kind"], row["value"], row["n"]) for row in document["rows"]] == [
        ("all", 0.9, 20),
        ("steady", 0.9, 20),
    ]
    assert document["meta"]["parts"][0]["status"] == "done"
    told = kedit("score", logs[0], store=False).out
    assert "scope, version 2" in told
    assert "reliability/all" in told
    assert "0.900" in told


def test_what_changed_beyond_chance_is_told(kedit: Kedit, logs: tuple[Path, Path]) -> None:
    outcome = kedit("compare-reports", *logs, store=False)
    assert outcome.status == 0
    assert "reliability/all" in outcome.out
    assert "-0.600" in outcome.out
    assert "questions" in outcome.out
    assert "steady" not in outcome.out
    assert "1 of 2 figures changed beyond chance" in outcome.out
    (change,) = json.loads(kedit("compare-reports", *logs, "--json", store=False).out)["changes"]
    assert (change["before"], change["after"], change["paired"]) == (0.9, pytest.approx(0.3), True)
    assert "steady" in kedit("compare-reports", *logs, "--all", store=False).out
    assert "0 of 2 figures changed" in kedit("compare-reports", logs[0], logs[0], store=False).out


def test_a_report_is_one_file(kedit: Kedit, logs: tuple[Path, Path], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    outcome = kedit("report", *logs, "--output", tmp_path / "page.html", store=False)
    assert outcome.status == 0, outcome.err
    assert "tells of 2 files" in outcome.err
    assert "scope, world" in (tmp_path / "page.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("score", "absent.jsonl"), "absent.jsonl cannot be read"),
        (("report", "absent.jsonl", "--output", "a.html"), "absent.jsonl cannot be read"),
        (("compare-reports", "absent.jsonl", "absent.jsonl"), "absent.jsonl cannot be read"),
        (("report", "--output", "a.html"), "Missing argument 'ROWS...'"),
    ],
)
def test_bad_input_is_one_line(kedit: Kedit, words: tuple[str, ...], message: str) -> None:
    outcome = kedit(*words, store=False)
    assert (outcome.status, outcome.out) == (2, "")
    assert message in outcome.err
    assert outcome.err.count("\n") == 1


def test_tasks_are_listed_with_what_they_are_made_of(kedit: Kedit) -> None:
    told = kedit("evaluate", "--list", store=False).out
    for task in TASKS.values():
        assert f"{task.name}, version {task.version} (`kedit " in told
    found = {one["task"]: one for one in json.loads(kedit("evaluate", "--list", "--json", store=False).out)["tasks"]}
    assert {"counterfact", "everyday"} <= set(found["scope"]["datasets"])
    assert {"router:direct", "grace", "unedited"} <= set(found["lifelong"]["methods"])
    assert {"definition", "memory:context", "mend"} <= set(found["ecbd"]["methods"])
    assert {"oracle-scope", "memory:auto", "rome"} <= set(found["compare"]["methods"])
    assert "oracle-scope" not in found["lifelong"]["methods"]
    assert found["compare"]["command"] == "kedit compare"
    assert found["adaptive-retrieval"]["measures"][:2] == ["accuracy", "calls"]
