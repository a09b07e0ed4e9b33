"""The main job: every kind of edit, every route, and a right answer on each."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kedit_memory.evaluation.measures import normalise
from kedit_memory.records import Kind, Route

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `kedit demo --json` prints, in an empty home."""
    home = tmp_path_factory.mktemp("home")
    environment = os.environ | {"HOME": str(home), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "kedit_memory.cli.main", "demo", "--json"]
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not list(home.rglob("store.db")), "the demonstration leaves a store behind"
    return json.loads(done.stdout)


def test_edits_of_all_kinds_have_an_answer_before_and_after(report: dict[str, Any]) -> None:
    assert {edit["kind"] for edit in report["edits"]} == {kind.value for kind in Kind}
    for edit in report["edits"]:
        assert normalise(edit["before"]) != normalise(edit["after"])
        if edit["kind"] != Kind.ERASURE:
            assert edit["after"] == edit["target"]


def test_questions_take_every_route_that_is_built(report: dict[str, Any]) -> None:
    routes = {question["route"] for question in report["questions"]}
    assert routes == {Route.DIRECT, Route.CONTEXT, Route.RETRIEVAL, Route.PARAMETRIC, Route.REFUSAL}
    for question in report["questions"]:
        assert question["reason"]
        assert bool(question["edits"]) == (question["route"] in {"direct", "context", "refusal"})
        assert bool(question["passages"]) == (question["route"] == "retrieval")


def test_the_answers_are_those_that_the_demonstration_promises(report: dict[str, Any]) -> None:
    scenario = json.loads((ROOT / "data" / "samples" / "demo.json").read_text(encoding="utf-8"))
    for asked, question in zip(scenario["questions"], report["questions"], strict=True):
        assert asked["question"] == question["question"]
        if question["route"] != "refusal":
            assert normalise(question["answer"]) == normalise(asked["expected"]), question


def test_what_no_edit_covers_is_untouched_to_the_bit(report: dict[str, Any]) -> None:
    missed = [question for question in report["questions"] if question["route"] == "parametric"]
    assert missed
    for question in missed:
        assert question["logits_identical"] is True
        assert question["answer"] == question["before"]


def test_no_network_is_used(report: dict[str, Any]) -> None:
    assert report["network"] is False
