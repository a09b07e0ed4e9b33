"""The task of times: what is asked, whose edit answers it, and that methods are told the day."""

from pathlib import Path

import pytest

from kedit_memory.evaluation.case import HARD_NEGATIVE, RELIABILITY, Case, Question
from kedit_memory.evaluation.tasks.asked.run import AskedPlan, run_asked
from kedit_memory.evaluation.tasks.asked.sets import Chosen
from kedit_memory.evaluation.tasks.temporal import SETS, TODAY, world
from kedit_memory.records import EditRequest
from kedit_memory.routing.when import when


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return world(Chosen(cases=9, seed=1, model=None))  # type: ignore[arg-type]


def holding(case: Case, first: str, last: str) -> list[EditRequest]:
    """The edits of a case that hold on some day of a time."""
    return [
        one
        for one in (case.edit, *case.also)
        if (one.valid_from or "") <= last and (one.valid_until is None or first < one.valid_until)
    ]


def test_each_time_lies_within_the_days_of_the_edit_that_answers(cases: list[Case]) -> None:
    read = 0
    for case in cases:
        for one in case.asked():
            found = when(one.text, one.as_of or TODAY)
            first, last = (found.first, found.last) if found else (one.as_of or TODAY,) * 2
            if one.covered:
                assert one.edit in holding(case, first, last), one.text
                read += found is not None
            elif one.kind in ("before_any", "no_longer"):
                assert not holding(case, first, last), one.text
    assert read > 60


def test_years_that_are_no_dates_are_read_as_none(cases: list[Case]) -> None:
    kinds = {"year_in_name", "edition", "model", "number", "year_of_a_thing"}
    texts = [one.text for case in cases for one in case.questions if one.kind in kinds]
    assert len(texts) > 50
    assert [text for text in texts if when(text, TODAY)] == []


def test_every_third_fact_has_ended_and_the_same_cases_are_drawn(cases: list[Case]) -> None:
    assert [len(case.also) for case in cases] == [4, 4, 1] * 3
    assert cases == world(Chosen(cases=9, seed=1, model=None))  # type: ignore[arg-type]
    assert list(SETS) == ["world", "temporal"]


def test_a_memory_is_asked_on_the_day_of_the_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = (
        EditRequest(prompt="Who leads Acme?", target=name, subject="Acme", valid_from=first, valid_until=end)
        for name, first, end in (("Ann Berg", "2012-01-01", "2017-05-01"), ("Bo Lie", "2017-05-01", None))
    )
    asked = [
        Question(
            text=text, metric=RELIABILITY, kind=kind, accepted=(edit.target or "",), covered=True, owner=edit, as_of=day
        )
        for kind, text, edit, day in (
            ("option", "Who leads Acme?", old, "2014-03-01"),
            ("in_force", "Who leads Acme?", new, TODAY),
            ("in_year", "Who leads Acme in 2014?", old, TODAY),
        )
    ]
    gone = Question(text="Who leads Acme in 2009?", metric=HARD_NEGATIVE, kind="before_any", as_of=TODAY)
    case = Case(edit=old, also=(new,), questions=(*asked, gone))
    monkeypatch.setattr(AskedPlan, "read", lambda *_: [case])
    plan = AskedPlan(task="temporal", dataset="world", methods=("memory:direct", "oracle-scope"))
    rows = run_asked(plan, log=tmp_path / "log.jsonl").rows
    value = {(row["method"], row["metric"], row["kind"]): row["value"] for row in rows}
    for method in ("memory:direct", "oracle-scope"):
        assert {value[method, RELIABILITY, kind] for kind in ("option", "in_force", "in_year")} == {1.0}
        assert value[method, HARD_NEGATIVE, "before_any"] == 1.0
