import json
from dataclasses import replace

import pytest

from kedit_memory.evaluation.intervals import wilson
from kedit_memory.evaluation.rows import METRICS, Row, Run, describe_run, document, row_of
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
    assert row().counted(3, 4) == replace(row(), value=0.75, n=4, low=wilson(3, 4)[0], high=wilson(3, 4)[1])
    assert row().share([True, True]) == row().counted(2, 2)
    drawn = row().drawn([[1.0, 2.0], [1.0, 2.0]], lambda cases: cases[..., 0].sum(-1) / cases[..., 1].sum(-1))
    assert (drawn.value, drawn.low, drawn.high, drawn.n) == (0.5, 0.5, 0.5, 2)


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
