"""Questions of every kind, asked of a memory with a router that the test writes, and of the real one by radius."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kedit_memory.errors import InvalidInputError, MissingDependencyError, UnknownNameError
from kedit_memory.evaluation.intervals import wilson
from kedit_memory.evaluation.report import scope_page
from kedit_memory.evaluation.report.pages import write_report
from kedit_memory.evaluation.report.pictures import save_figure
from kedit_memory.evaluation.report.saved import Measured, read_runs
from kedit_memory.evaluation.report.scope import drawn
from kedit_memory.evaluation.rows import Row, describe_run
from kedit_memory.evaluation.tasks.scope import controls
from kedit_memory.evaluation.tasks.scope.cases import (
    CALIBRATING,
    TEST,
    TRAINING,
    OpenQuestion,
    ScopeCase,
    ScopeEdit,
    ScopeSet,
)
from kedit_memory.evaluation.tasks.scope.controls import Point, Verdict
from kedit_memory.evaluation.tasks.scope.rows import Question
from kedit_memory.evaluation.tasks.scope.run import (
    Drawn,
    ScopePlan,
    ScopeReport,
    Stored,
    draw,
    measure,
    remember,
    run_scope,
)
from kedit_memory.memory import EditMemory
from kedit_memory.records import Message
from kedit_memory.routing.dialogue import Dialogue
from kedit_memory.routing.question import Judged

PLAN = ScopePlan(dataset="world", questions=50)
FIRMS = [f"Firm{n}" for n in range(40)]


def firm_set(parts: Sequence[str] = (TEST,)) -> ScopeSet:
    """An edit a firm; every firm has one question of each of four kinds."""
    edits = [
        ScopeEdit(prompt=f"Who leads {name}?", target=f"Boss {n}", subject=name, part=parts[n % len(parts)])
        for n, name in enumerate(FIRMS)
    ]
    cases = [
        ScopeCase(question=question.format(name), kind=kind, edit=n, covered=covered, part=edits[n].part)
        for n, name in enumerate(FIRMS)
        for kind, question, covered in (
            ("prompt", "Who leads {}?", True),
            ("rephrasing", "The boss of {} is", True),
            ("dialogue", "Hi!\nWho is {}'s boss?", True),
            ("same_subject", "Where is {}?", False),
        )
    ]
    return ScopeSet(name="firms", edits=tuple(edits), cases=tuple(cases))


class Oracle:
    """A router that knows the labels, and errs where it is told to: a question → (edit, fires)."""

    def __init__(self, drawn: Drawn, ids: Sequence[str]) -> None:
        asked = (*drawn.fitting, *drawn.questions)
        self.best = {q.text: (ids[q.edit] if q.edit is not None else None, q.covered) for q in asked}

    def __call__(self, questions: Sequence[str | Dialogue]) -> list[Judged]:
        judged = []
        for question in map(str, questions):
            edit, fires = self.best[question]
            stratum = "none" if edit is None else "exact" if question.startswith("Who leads") else "linked"
            times = {"encode": 0.001, "verify": 0.003}
            score = 0.9 if fires else 0.2 * (edit is not None)
            judged.append(
                Judged(question=question, edit_id=edit, score=score, stratum=stratum, fires=fires, timings=times)
            )
        return judged


def strangers(*texts: str) -> list[OpenQuestion]:
    return [OpenQuestion(text=text, answers=("yes",)) for text in texts]


@pytest.fixture
def stored(tmp_path: Path):
    drawn = draw(firm_set(), PLAN, strangers("who won the race", "what is a quark"))
    with EditMemory.open(tmp_path / "store", "hashing") as memory:
        yield Stored(memory=memory, drawn=drawn, ids=remember(memory, drawn.edits))


def measured(stored: Stored, oracle: Oracle) -> ScopeReport:
    return measure(stored, oracle, run=describe_run("scope", "firms"), plan=PLAN)


def values(rows: Sequence[Row], method: str = "router") -> dict[str, float]:
    return {f"{row.metric}/{row.kind}": row.value for row in rows if row.method == method}


def test_a_perfect_router_has_perfect_rows(stored: Stored) -> None:
    report = measured(stored, Oracle(stored.drawn, stored.ids))
    found = values(report.rows)
    shares = {name: value for name, value in found.items() if not name.startswith(("seconds", "rate"))}
    assert shares == {
        "reliability/prompt": 1.0,
        "generalization/rephrasing": 1.0,
        "generalization/dialogue": 1.0,
        "generalization/all": 1.0,
        "fire/wrong_edit": 0.0,
        "false_fire/same_subject": 0.0,
        "false_fire/open_question": 0.0,
    }
    assert values(report.rows, "oracle") == shares
    assert values(report.rows, "unedited")["reliability/prompt"] == 0.0
    assert found["seconds/p50/total"] == pytest.approx(0.004)
    assert found["seconds/p99/verify"] == 0.003
    assert (report.operating, report.wrong) == (Point(false=0.0, coverage=1.0), ())
    assert report.curves["router"] == (Point(false=0.0, coverage=1.0), Point(false=40 / 42, coverage=1.0))
    row = report.rows[0]
    assert (row.run.task, row.run.dataset, row.n, row.edits, row.seed, row.unit) == (
        "scope",
        "firms",
        40,
        40,
        1,
        "share",
    )
    assert (row.low, row.high) == wilson(40, 40)


def test_only_the_labelled_edit_counts(stored: Stored) -> None:
    oracle = Oracle(stored.drawn, stored.ids)
    oracle.best["The boss of Firm3 is"] = (stored.ids[4], True)  # another edit
    oracle.best["The boss of Firm5 is"] = (stored.ids[5], False)  # silence
    oracle.best["Where is Firm6?"] = (stored.ids[6], True)  # a false fire
    oracle.best["what is a quark"] = (stored.ids[0], True)
    report = measured(stored, oracle)
    found = values(report.rows)
    assert found["generalization/rephrasing"] == 38 / 40
    assert found["generalization/all"] == 78 / 80
    assert found["fire/wrong_edit"] == 1 / 120
    assert found["false_fire/same_subject"] == 1 / 40
    assert found["false_fire/open_question"] == 1 / 2
    assert [(one.kind, one.fired, one.question) for one in report.wrong] == [
        ("open_question", True, "what is a quark"),
        ("rephrasing", True, "The boss of Firm3 is"),
        ("rephrasing", False, "The boss of Firm5 is"),
        ("same_subject", True, "Where is Firm6?"),
    ]
    first = report.wrong[1]
    assert (first.best, first.wanted) == ("Who leads Firm4?", "Who leads Firm3?")
    for name in ("cosine", "bm25"):  # they have no more false fires than the router
        false = [row.value * row.n for row in report.rows if row.method == name and row.metric == "false_fire"]
        assert sum(false) <= 2


def test_reliability_leaves_out_own_wordings_which_no_verifier_weighs(stored: Stored) -> None:
    report = measured(stored, Oracle(stored.drawn, stored.ids))
    assert [(one.score, one.share, one.n) for one in report.bins] == [
        (pytest.approx(0.2), 0.0, 40),
        (pytest.approx(0.9), 1.0, 80),
    ]
    error = [row for row in report.rows if row.kind == "calibration_error"]
    assert error[0].value == pytest.approx((40 * 0.2 + 80 * 0.1) / 120)
    assert error[0].n == 120


def test_a_label_that_another_edit_contradicts_is_doubtful(tmp_path: Path) -> None:
    edits = tuple(
        ScopeEdit(prompt=prompt, target="Bo", subject=subject, part=TEST, relation="P169")
        for prompt, subject in (
            ("Who leads Acme?", "Acme"),
            ("The head of Acme is", "Acme"),
            ("Who leads Bolt?", "Bolt"),
        )
    )
    asked = (
        ("Acme's boss is", "rephrasing", 0),
        ("Bolt's boss is", "same_relation", 0),
        ("Cask's boss is", "same_relation", 0),
    )
    questions = tuple(Question(text=t, kind=k, edit=e, covered=k == "rephrasing") for t, k, e in asked)
    drawn = Drawn(edits=edits, questions=questions)
    with EditMemory.open(tmp_path / "store", "hashing") as memory:
        stored = Stored(memory=memory, drawn=drawn, ids=remember(memory, edits))
        oracle = Oracle(drawn, stored.ids)
        oracle.best |= {question.text: (stored.ids[n], True) for n, question in enumerate(questions, start=1) if n < 3}
        oracle.best["Cask's boss is"] = (stored.ids[0], True)
        report = measured(stored, oracle)
    assert {one.question: one.doubtful for one in report.wrong} == {
        "Acme's boss is": True,
        "Bolt's boss is": True,
        "Cask's boss is": False,
    }
    found = values(report.rows)
    assert (found["rate/doubtful/rephrasing"], found["rate/doubtful/same_relation"]) == (1.0, 0.5)
    assert found["false_fire/same_relation"] == 1.0  # nothing is taken out


def test_two_edits_that_say_the_same_share_an_id(tmp_path: Path) -> None:
    edit = ScopeEdit(prompt="Who leads Acme?", target="Bo", subject="Acme", part=TEST)
    other = ScopeEdit(prompt="Who leads Acme", target="Ann", subject="Acme", part=TEST)
    with EditMemory.open(tmp_path / "store", "hashing") as memory:
        one, two, again = remember(memory, [edit, other, edit])
        assert one == again != two
        assert len(memory) == 2  # both answers are kept


def test_a_smaller_store_still_holds_what_is_asked() -> None:
    one = firm_set((TRAINING, TRAINING, TRAINING, TEST))
    drawn = draw(one, ScopePlan(dataset="world", edits=12, questions=4), strangers("a\nb"))
    assert len(drawn.edits) == 12
    assert sum(edit.part == TEST for edit in drawn.edits) == 6
    assert [question.kind for question in drawn.questions].count("rephrasing") == 4
    assert all(drawn.edits[q.edit].subject in q.text for q in drawn.questions if q.edit is not None)
    assert drawn.questions[-1] == Question(text="a b", kind="open_question", edit=None, covered=False)
    assert drawn == draw(one, ScopePlan(dataset="world", edits=12, questions=4), strangers("a\nb"))
    assert len(draw(one, ScopePlan(dataset="world", edits=38)).edits) == 38
    assert len(draw(one, ScopePlan(dataset="world", edits=500)).edits) == 40
    with pytest.raises(InvalidInputError, match="no calibration questions about 40 edits"):
        draw(one, ScopePlan(dataset="world", part=CALIBRATING))


def test_a_plan_refuses_what_it_cannot_measure() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'zsre'"):
        ScopePlan(dataset="zsr")
    for wrong in ({"part": TRAINING}, {"edits": 1}, {"questions": 0}, {"open_questions": -1}):
        with pytest.raises(InvalidInputError):
            ScopePlan(dataset="zsre", **wrong)


def test_a_threshold_lets_no_more_through_than_it_may() -> None:
    verdicts = [Verdict(edit="e1", score=score, fires=False) for score in (0.9, 0.8, 0.8, 0.7, 0.6)]
    outside = [False, True, True, True, True]
    for rate, fires in ((0.25, 1), (0.5, 3), (1.0, 5)):  # of equals both or none
        bound = controls.threshold(verdicts, outside, rate)
        assert [v.fires for v in controls.above(verdicts, bound)] == [True] * fires + [False] * (5 - fires)


def test_a_curve_by_hand() -> None:
    scored = [("a", 0.9, "a"), ("b", 0.8, None), ("c", 0.8, "c"), ("d", 0.7, "x"), (None, 0.0, "e"), ("f", 0.1, None)]
    verdicts = [Verdict(edit=edit, score=score, fires=False) for edit, score, _ in scored]
    assert controls.curve(verdicts, [want for *_, want in scored]) == [
        Point(false=0.0, coverage=0.25),
        Point(false=0.5, coverage=0.5),
        Point(false=1.0, coverage=0.5),
    ]
    many = [Verdict(edit="a", score=n / 9999, fires=False) for n in range(9999)]
    assert len(controls.curve(many, [None] * 9999)) < 500


def test_bm25_finds_the_prompt_with_the_rare_word() -> None:
    prompts = ["Who leads Acme today?", "Who leads Bolt today?", "Who leads Cask today?", ""]
    verdicts = controls.by_bm25(prompts, ["e1", "e2", "e3", "e4"], ["is Bolt led", "nothing shared", ""])
    assert [v.edit for v in verdicts] == ["e2", None, None]
    assert verdicts[0].score > 0
    assert controls.by_bm25([""], ["e1"], ["Acme"])[0].edit is None


def test_the_control_sees_a_shortcut_and_none_where_none_is() -> None:
    rng = np.random.default_rng(0)
    covered = [n % 2 == 0 for n in range(400)]
    noise = rng.normal(size=(400, 8)).astype(np.float32)
    told = noise.copy()
    told[:, 0] += np.where(covered, 2.0, -2.0)
    groups = list(range(400))
    area, low, high = controls.told_apart(told, covered, groups)
    assert area > 0.98
    assert low < area <= high
    assert controls.told_apart(told, covered, groups) == (area, low, high)
    chance, low, high = controls.told_apart(noise, covered, groups)
    assert low < 0.5 < high or math.isclose(chance, 0.5, abs_tol=0.08)
    assert controls.told_apart(told[:12], covered[:12], groups[:12]) is None


def test_an_edit_is_never_trained_and_tested_on() -> None:
    """Vectors that name their edit, and labels by edit: a control that saw an edit's other questions would know."""
    vectors = np.repeat(np.eye(60, dtype=np.float32), 4, axis=0)
    groups = [n // 4 for n in range(240)]
    covered = [bool((group * 7) % 2) for group in groups]
    assert controls.told_apart(vectors, covered, list(range(240)))[0] > 0.95
    assert controls.told_apart(vectors, covered, groups)[0] < 0.65


def test_the_real_router_by_radius() -> None:
    lines: list[str] = []
    plan = ScopePlan(dataset="world", edits=60, questions=10, scope="radius")
    report = run_scope(plan, None, encoder="hashing", progress=lines.append)
    found = values(report.rows, "router-radius")
    assert found["reliability/prompt"] == 1.0
    assert "false_fire/open_question" not in found  # there are no public sets to take them from
    assert lines[:2] == ["reading world", "stored 60 of 60 edits"]
    assert {row.edits for row in report.rows} == {60}
    assert report.rows[0].run.model == "hashing"


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_a_picture_is_drawn(stored: Stored, tmp_path: Path, suffix: str) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / f"scope{suffix}"
    report = measured(stored, Oracle(stored.drawn, stored.ids))
    save_figure(lambda: drawn([row.flat() for row in report.rows], report.seen), path)
    assert path.stat().st_size > 5000


def test_a_picture_that_cannot_be_drawn_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="let it end in one of"):
        save_figure(dict, tmp_path / "a.txt")
    with pytest.raises(InvalidInputError, match="make it first"):
        save_figure(dict, tmp_path / "none" / "a.png")
    monkeypatch.setattr("kedit_memory.evaluation.report.pictures.find_spec", lambda _: None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'kedit-memory\[report\]'"):
        save_figure(dict, tmp_path / "a.png")


def test_an_invariance_is_held_against_the_plain_question() -> None:
    shared = {"dataset": "invariance", "method": "router", "metric": "generalization"}
    rows = [
        {**shared, "kind": kind, "value": value} for kind, value in (("plain", 0.9), ("title", 0.87), ("case", 0.89))
    ]
    one = Measured(rows=tuple(rows))
    told = [("", ""), ("≥ 0.88", "**missed**"), ("≥ 0.88", "reached")]
    assert [scope_page._verdict(one, row) for row in rows] == told


def test_the_page_is_made_from_rows(stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    oracle = Oracle(stored.drawn, stored.ids)
    oracle.best["Where is Firm6?"] = (stored.ids[6], True)
    rows = [row.flat() for row in measured(stored, oracle).rows]
    pytest.importorskip("matplotlib")
    curves = {"router": [[0.0, 0.5], [0.002, 0.7], [0.02, 0.9]]}
    wrong = {"kind": "same_subject", "question": "Where | is it?", "best": "Firm6 is in", "wanted": None}
    worst = [{**wrong, "fired": True, "score": score} for score in (0.9, 0.8, 0.7)]
    command = "kedit evaluate scope --dataset firms --json"
    meta = {"command": command, "note": "a note", "curves": curves, "worst": worst}
    monkeypatch.setattr(scope_page, "_OWN_DATA", {"firms"})
    monkeypatch.setitem(scope_page._GROUPS, "facts", ("firms",))
    (tmp_path / "one.jsonl").write_text(json.dumps({"rows": rows, "meta": meta}), "utf-8")
    others = [{**row, "config": "another", "dataset": "shops"} for row in rows]
    (tmp_path / "bare.jsonl").write_text("\n".join(map(json.dumps, others)) + "\n\n", "utf-8")
    target = tmp_path / "results" / "scope.md"
    write_report(read_runs([str(tmp_path / "one.jsonl"), str(tmp_path / "bare.jsonl")]), target)
    text = target.read_text("utf-8")
    low, high = wilson(1, 40)
    line = next(line for line in text.splitlines() if line.startswith("| facts | firms |"))
    assert f"| same_subject 0.025 ({low:.3f} to {high:.3f}; 40) |" in line
    assert "| other | shops | 40 |" in text
    assert "![facts: coverage against false fires](scope-facts.png)" in text
    assert "scope-other.png" not in text, "rows without curves have no picture"
    assert (target.parent / "scope-facts.png").stat().st_size > 5000
    targets, sets = ((target.parent / "rows" / f"scope-{name}.md").read_text("utf-8") for name in ("targets", "sets"))
    missed = f"| facts | firms | false_fire/same_subject | ≤ 0.01 | 0.025 | {low:.3f} to {high:.3f} | 40 | **missed** |"
    assert missed in targets
    assert "| facts | firms | reliability/prompt | ≥ 1 | 1.000 |" in targets
    assert "## firms: 40 edits, method router" in sets
    assert "`kedit evaluate scope --dataset firms --json`; task scope" in sets
    assert "; a note." in sets
    assert "seconds/p50/total 4.00 ms (n 162)" in sets
    assert sets.count("| same_subject | fired | 0.") == 2, "no more of a kind, and none of bare rows"
    assert "| 0.900 | Where \\| is it? | Firm6 is in |" in sets
    monkeypatch.setattr(scope_page, "_OWN_DATA", set[str]())
    write_report(read_runs([str(target.parent / "rows" / "scope.csv")]), target)
    assert "Where" not in (target.parent / "rows" / "scope-sets.md").read_text("utf-8")
    assert target.read_text("utf-8") == text, "the table tells all of the page, and pictures stay"


def test_a_set_that_is_asked_in_its_own_words_alone_has_no_picture(stored: Stored) -> None:
    rows = tuple(row.flat() for row in measured(stored, Oracle(stored.drawn, stored.ids)).rows)
    (picture,) = scope_page._pictures([Measured(rows=rows, meta={"curves": {"router": [[0.0, 0.0], [0.1, 0.0]]}})])
    assert picture.draw is None


def test_paraphrases_are_stored_and_turns_are_carried(tmp_path: Path) -> None:
    edit = ScopeEdit(prompt="Who runs the kiln?", target="Ida", part=TEST, paraphrases=("Who fires the pots?",))
    turns = (("Hello.", "Good day!"), ("Who runs\nthe bakery?", "Bo."))
    cases = [
        ScopeCase(question="And the kiln?", kind="follow_up", edit=0, covered=True, part=TEST, turns=before)
        for before in turns
    ]
    drawn = draw(ScopeSet(name="kiln", edits=(edit,), cases=tuple(cases)), PLAN)
    assert {question.turns for question in drawn.questions} == {turns[0], ("Who runs the bakery?", "Bo.")}
    with EditMemory.open(tmp_path / "store", encoder="hashing") as memory:
        (stored,) = remember(memory, drawn.edits)
        assert memory.get(stored).paraphrases == ("Who fires the pots?",)
        assert memory.get(stored).subject is None


def test_a_question_is_put_to_the_router_with_the_turns_before_it(tmp_path: Path) -> None:
    edits = [ScopeEdit(prompt=f"Who runs the {kind}?", target="Ida", part=TEST) for kind in ("kiln", "mill")]
    cases = [
        ScopeCase(
            question="And the kiln?", kind="turn", edit=0, covered=True, part=TEST, turns=("Hello.", "Good day!")
        ),
        ScopeCase(question="The mill?", kind="other", edit=1, covered=False, part=TEST),
    ]
    drawn = draw(ScopeSet(name="kiln", edits=tuple(edits), cases=tuple(cases)), PLAN)
    put: list[str | Dialogue] = []

    def silent(questions: Sequence[str | Dialogue]) -> list[Judged]:
        put.extend(questions)
        return [
            Judged(question="", edit_id=None, score=0.0, stratum="none", fires=False, timings={}) for _ in questions
        ]

    with EditMemory.open(tmp_path / "store", encoder="hashing") as memory:
        stored = Stored(memory=memory, drawn=drawn, ids=remember(memory, drawn.edits))
        measure(stored, silent, run=describe_run("scope", "kiln"), plan=PLAN)
    told = [Message("user", "Hello."), Message("assistant", "Good day!"), Message("user", "And the kiln?")]
    assert put == [told, "The mill?"]


def test_thresholds_are_chosen_on_questions_that_are_not_reported(tmp_path: Path) -> None:
    drawn = draw(firm_set((TEST, CALIBRATING)), PLAN, strangers("who won the race"), strangers("what is a quark"))
    assert {q.text for q in drawn.questions if q.kind == "open_question"} == {"who won the race"}
    assert {q.text for q in drawn.fitting if q.kind == "open_question"} == {"what is a quark"}
    assert {q.edit % 2 for q in drawn.questions if q.edit is not None} == {0}
    assert {q.edit % 2 for q in drawn.fitting if q.edit is not None} == {1}
    assert not draw(firm_set(), PLAN, for_fitting=strangers("what is a quark")).fitting
    with EditMemory.open(tmp_path / "store", "hashing") as memory:
        stored = Stored(memory=memory, drawn=drawn, ids=remember(memory, drawn.edits))
        oracle = Oracle(drawn, stored.ids)
        strict = values(measured(stored, oracle).rows, "cosine")
        for question in drawn.fitting:
            if not question.covered:
                oracle.best[question.text] = (stored.ids[0], True)
        lenient = values(measured(stored, oracle).rows, "cosine")
    assert lenient["generalization/all"] > strict["generalization/all"]
    assert lenient["false_fire/same_subject"] == 1.0 > strict["false_fire/same_subject"]


def test_a_set_is_measured_by_the_kinds_that_it_has(tmp_path: Path) -> None:
    names = {"rephrasing": "other_wording", "dialogue": "turn", "same_subject": "another_intent"}
    one = firm_set()
    renamed = replace(one, cases=tuple(replace(case, kind=names.get(case.kind, case.kind)) for case in one.cases))
    drawn = draw(renamed, PLAN)
    with EditMemory.open(tmp_path / "store", "hashing") as memory:
        stored = Stored(memory=memory, drawn=drawn, ids=remember(memory, drawn.edits))
        found = values(measured(stored, Oracle(drawn, stored.ids)).rows)
    assert found["generalization/other_wording"] == found["generalization/turn"] == found["generalization/all"] == 1.0
    assert found["false_fire/another_intent"] == 0.0
