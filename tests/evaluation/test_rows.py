import json

import pytest

from kedit_memory.evaluation.rows import METRICS, Row, Run, describe_run, document

# The order of the fields in `evaluation.md`.
FIELDS = "task dataset method metric kind value low high n unit edits seed commit config data model machine"
NAMES = (
    "reliability generalization locality portability fluency perplexity false_fire fire trr err arr accuracy calls "
    "recall seconds ratio rate bytes count"
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
