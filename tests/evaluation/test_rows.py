import json
from dataclasses import replace

import numpy as np
import pytest

from kedit_memory.evaluation.intervals import wilson
from kedit_memory.evaluation.rows import METRICS, Row, Run, describe_run, document, row_of, row_of_sample
from kedit_memory.evaluation.task import TASKS

# The order of the fields in `evaluation.md`.
FIELDS = (
    "task task_version dataset method metric kind value low high n unit edits seed commit config data model machine "
    "judge preset"
)
NAMES = (
    "reliability generalization locality hard_negative portability fluency perplexity false_fire fire trr err arr "
    "accuracy calls recall seconds ratio rate bytes count"
)


@pytest.fixture
def without_git(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))


def row(**fields):
    run = Run(task="scope", dataset="zsre", commit="abc", config=None, data="123", model="m", machine="x")
    return Row(**({"run": run, "method": "ours", "metric": "accuracy", "value": 0.5, "n": 2, "unit": "share"} | fields))


def test_a_row_is_flat_and_has_exactly_the_promised_fields():
    flat = row(low=0.1, high=0.9, seed=3).flat()
    assert sorted(flat) == sorted(FIELDS.split())
    assert not any(isinstance(value, dict | list) for value in flat.values())
    assert json.loads(json.dumps(flat)) == flat
    assert (flat["task"], flat["kind"], flat["edits"], flat["low"], flat["seed"]) == ("scope", "all", 0, 0.1, 3)


def test_a_row_says_the_version_of_its_task(monkeypatch):
    monkeypatch.setitem(TASKS, "scope", replace(TASKS["scope"], version=7))
    assert describe_run("scope", "zsre").task_version == 7
    assert describe_run("of_a_script", "zsre").task_version == 1


def test_rows_are_read_again_also_those_that_tell_no_version():
    given = row(low=0.1, high=0.9, seed=3)
    flat = given.flat()
    assert row_of(flat | {"mode": "batch"}) == given
    for name in ("task_version", "judge", "preset"):
        del flat[name]
    assert row_of(flat) == given
    with pytest.raises(KeyError, match="dataset"):
        row_of({"task": "scope"})


def test_figures_by_hand():
    three = row().counted([True, True, False, True])
    assert three == replace(row(), value=0.75, n=4, low=wilson(3, 4)[0], high=wilson(3, 4)[1])
    assert row().share([True, True]) == row().counted([True, True])
    drawn = row().drawn([[1.0, 2.0], [1.0, 2.0]], "ratio")
    assert (drawn.value, drawn.low, drawn.high, drawn.n) == (0.5, 0.5, 0.5, 2)


@pytest.mark.parametrize(
    "made",
    [
        lambda one: one.share([True, False, True]),
        lambda one: one.counted([True, False, True]),
        lambda one: one.drawn([[1.0, 2.0], [3.0, 4.0], [5.0, 1.0]], "ratio", seed=4),
        lambda one: one.drawn(np.array([[0.5, 1.0, 2.0], [1.5, 1.0, 4.0]]), "perplexity_ratio"),
        lambda one: one.over_splits(np.array([0.2, 0.4, 0.9]), 40),
        lambda one: replace(one, value=3.5, n=7),
    ],
)
def test_a_figure_is_made_again_from_its_cases(made):
    given = made(row(method="ft", seed=2))
    sample = json.loads(json.dumps(given.sample()))
    stale = sample | ({"value": 9.0, "low": None} if "cases" in sample else {})
    assert row_of_sample(given.run, stale).again() == given
    assert "cases" not in given.flat()


def test_the_metrics_are_those_of_the_plan():
    assert frozenset(NAMES.split()) == METRICS
    with pytest.raises(ValueError, match="no metric 'acuracy'; known: accuracy, arr"):
        row(metric="acuracy")


def test_the_document_holds_rows_and_meta():
    told = json.loads(document([row(), row(kind="tier_1")], seconds=1.5))
    assert [r["kind"] for r in told["rows"]] == ["all", "tier_1"]
    assert told["meta"] == {"seconds": 1.5}


@pytest.mark.usefixtures("without_git")
def test_a_run_is_described_even_where_there_is_no_git():
    run = describe_run("scope", "zsre", model="kedit-mini")
    assert (run.task, run.dataset, run.commit, run.config, run.data, run.model) == (
        ("scope", "zsre", None, None, None, "kedit-mini")
    )
    assert "python 3" in run.machine


@pytest.mark.usefixtures("without_git")
def test_digests_tell_configurations_and_data_apart(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.txt").write_text("one", encoding="utf-8")

    def digests(**config):
        run = describe_run("scope", "zsre", config=config, data=tmp_path / "data")
        return run.config, run.data

    first = digests(k=1, radius=0.4)
    assert digests(radius=0.4, k=1) == first
    assert digests(k=2, radius=0.4)[0] != first[0]
    (tmp_path / "data" / "a.txt").write_text("two", encoding="utf-8")
    assert digests(k=1, radius=0.4)[1] != first[1]
