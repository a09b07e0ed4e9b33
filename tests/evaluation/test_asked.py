"""Tasks of cases: what counts for which measure, what stays out, and how a stopped run goes on."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kedit_memory.cli.app import app
from kedit_memory.errors import InvalidInputError, UnknownNameError
from kedit_memory.evaluation.case import LOCALITY, PORTABILITY, RELIABILITY, Case, Question
from kedit_memory.evaluation.judges import judge_of
from kedit_memory.evaluation.log import Log
from kedit_memory.evaluation.report.pages import write_report
from kedit_memory.evaluation.report.saved import read_runs
from kedit_memory.evaluation.rows import Row, Run
from kedit_memory.evaluation.tasks.asked import run as asked
from kedit_memory.evaluation.tasks.asked.answers import OBTAINED, Answered, counts, gains, shares
from kedit_memory.evaluation.tasks.asked.run import AskedPlan, run_asked
from kedit_memory.evaluation.tasks.asked.sets import Chosen
from kedit_memory.models.language import WhiteBoxModel, white_box
from kedit_memory.models.named import load_model
from kedit_memory.records import EditRequest

CAPITAL = "What is the capital of Japan?"
RUN = Run(task="unstructured", dataset="own", commit=None, config=None, data=None, model=None, machine="none")
ROW = Row(run=RUN, method="memory:direct", metric=OBTAINED, value=0.0, n=0, unit="share", judge="contains")


def made(number: int) -> dict[str, object]:
    return {
        "prompt": f"Who leads Acme {number}?",
        "target": f"Ann Berg {number}",
        "subject": f"Acme {number}",
        "questions": [
            {"text": f"Who is the head of Acme {number}?", "metric": "generalization"},
            {"text": CAPITAL, "metric": "locality", "kind": "unrelated"},
        ],
    }


@pytest.fixture
def own(tmp_path: Path) -> Path:
    file = tmp_path / "own.jsonl"
    file.write_text("".join(json.dumps(made(number)) + "\n" for number in range(4)), "utf-8")
    return file


def plan(own: Path, **options: object) -> AskedPlan:
    told = {"task": "unstructured", "dataset": str(own), "methods": ("memory:direct",), "judge": "contains"}
    return AskedPlan(**(told | options))  # type: ignore[arg-type]


@pytest.mark.parametrize("together", [False, True])
def test_a_memory_answers_its_edits_and_leaves_others_alone(own: Path, *, together: bool) -> None:
    rows = run_asked(plan(own, together=together)).rows
    value = {(row["method"], row["metric"], row["kind"]): row["value"] for row in rows}
    assert value["memory:direct", "reliability", "all"] == 1.0
    assert value["memory:direct", "locality", "unrelated"] == 1.0
    assert value["unedited", "reliability", "all"] == 0.0
    assert {row["edits"] for row in rows} == {4 if together else 1}


def test_a_run_goes_on_where_it_stopped_and_is_scored_again_from_its_log(own: Path, tmp_path: Path) -> None:
    log, loads = tmp_path / "log.jsonl", []

    def load() -> WhiteBoxModel:
        loads.append(1)
        return white_box(load_model("kedit-mini"), "a test")

    first = run_asked(plan(own, methods=()), log=log, load=load)
    both = run_asked(plan(own), log=log, load=load)
    again = run_asked(plan(own), log=log, load=load)
    assert len(loads) == 2  # nothing was left at last
    assert list(both.rows[: len(first.rows)]) == list(first.rows)
    assert list(again.rows) == list(both.rows)
    assert {part.key.method for part in Log.read(log).parts} == {"unedited", "memory:direct"}


def test_a_method_that_fails_costs_its_own_rows_alone(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise InvalidInputError("no room")

    monkeypatch.setattr(asked.method_of("memory:direct").func, "add", fail)  # type: ignore[attr-defined]
    report = run_asked(plan(own))
    assert report.failures == {"memory:direct": "InvalidInputError: no room"}
    assert {row["method"] for row in report.rows} == {"unedited"}


def test_what_a_method_left_in_the_model_is_told(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked.WatchedBench, "traces", lambda _: ["a tensor differs"])
    report = run_asked(plan(own, methods=()))
    assert report.traces == {"unedited": "a tensor differs"}


def test_what_the_unedited_model_does_not_know_is_not_built_upon(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = Question(text=CAPITAL, accepted=("Tokyo",))
    unknown = Question(text="Who leads Acme?", accepted=("Ann Berg",))
    edit = EditRequest(prompt="Who leads Acme?", target="Ann Berg")
    questions = tuple(
        Question(text=f"Where was the head of Acme {place} born?", metric=PORTABILITY, accepted=("Oslo",), given=given)
        for place, given in enumerate([(known,), (known, unknown)])
    )
    monkeypatch.setattr(AskedPlan, "read", lambda *_: [Case(edit=edit, questions=questions)])
    rows = run_asked(plan(own, methods=())).rows
    (left,) = (row for row in rows if row["metric"] == "count")
    assert left["value"] == 1
    assert {row["n"] for row in rows if row["metric"] == PORTABILITY} == {1}


@pytest.mark.parametrize(
    ("metric", "said", "right"),
    [
        (RELIABILITY, "It is Oslo.", True),
        (RELIABILITY, "It is Rome.", False),
        (LOCALITY, "as before", True),
        (LOCALITY, "It is Oslo.", False),
        (OBTAINED, "She lives at 5 Elm Road.", True),
        (OBTAINED, "I cannot say.", False),
    ],
)
def test_what_counts_is_what_a_question_measures(metric: str, said: str, *, right: bool) -> None:
    question = Question(text="Where?", metric=metric, accepted=("Oslo",), rejected=("5 Elm Road",))
    assert counts(question, said, "As before.", judge_of("contains")) is right


def test_wordings_of_one_test_count_together_and_apart() -> None:
    found = [
        Answered(case=case, place=place, metric=PORTABILITY, kind="multi_hop", group="a", right=right)
        for case, rights in enumerate([(True, False), (True, True), (False, False)])
        for place, right in enumerate(rights)
    ]
    value = {row.kind: row.value for row in shares(ROW, found)}
    assert value["multi_hop"] == pytest.approx(1 / 2)
    assert value["multi_hop/any_wording"] == pytest.approx(2 / 3)
    assert value["multi_hop/every_wording"] == pytest.approx(1 / 3)


def test_a_gain_is_the_way_from_the_unedited_model_to_the_oracle() -> None:
    def answers(*rights: bool) -> list[Answered]:
        return [Answered(case=at, place=0, metric=PORTABILITY, right=right) for at, right in enumerate(rights)]

    plain, oracle = answers(True, False, False, False, False), answers(True, True, True, True, True)
    (row,) = gains(ROW, answers(True, True, True, False, True), plain, oracle)
    assert (row.metric, row.kind, row.value) == ("ratio", "portability/all/share_of_gain", 0.75)
    assert not list(gains(ROW, plain, oracle, plain))  # nothing to gain


def test_as_many_cases_are_drawn_as_are_wanted_and_the_same_ones() -> None:
    chosen = Chosen(cases=3, seed=2, model=None)  # type: ignore[arg-type]
    found = list(range(10))
    assert len(chosen.of(found)) == 3  # type: ignore[arg-type]
    assert chosen.of(found) == chosen.of(found)  # type: ignore[arg-type]


def test_another_set_method_or_number_is_refused(own: Path) -> None:
    with pytest.raises(UnknownNameError, match="unke"):
        plan(own, dataset="nothing")
    with pytest.raises(UnknownNameError, match="method"):
        plan(own, methods=("nothing",))
    with pytest.raises(InvalidInputError, match="cases is 0"):
        plan(own, cases=0)


def test_the_command_prints_a_line_for_each_figure(own: Path) -> None:
    words = ["evaluate", "unstructured", "--dataset", str(own), "--methods", "memory:direct", "--judge", "contains"]
    done = CliRunner().invoke(app, [*words, "--together", "--json"])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["meta"]["plan"]["together"] is True
    assert {row["task"] for row in document["rows"]} == {"unstructured"}


def test_the_page_is_written_from_logs(own: Path, tmp_path: Path) -> None:
    log, page = tmp_path / "log.jsonl", tmp_path / "page.md"
    run_asked(plan(own, methods=()), log=log)
    write_report(read_runs([str(log)]), page)
    text = page.read_text("utf-8")
    assert "| reliability | 4 | 0.000 (0.00 to 0.49) |" in text
    assert f"kedit evaluate unstructured --dataset {own} --model kedit-mini --methods unedited" in text
    table = (tmp_path / "rows" / "page.csv").read_text("utf-8")
    write_report(read_runs([str(tmp_path / "rows" / "page.csv")]), page)
    assert "| reliability | 4 | 0.000 (0.00 to 0.49) |" in page.read_text("utf-8")
    assert (tmp_path / "rows" / "page.csv").read_text("utf-8") == table
