"""Tasks over several facts and over what follows from one: their cases, and which edits count as found."""

import json
from pathlib import Path

import pytest

from kedit_memory.evaluation.case import LOCALITY, PORTABILITY, Case
from kedit_memory.evaluation.datasets.kinds import LOGICAL, MULTI_HOP, ONE_HOP, THROUGH
from kedit_memory.evaluation.log import Log
from kedit_memory.evaluation.tasks import multihop, ripple
from kedit_memory.evaluation.tasks.asked.run import AskedPlan, run_asked
from kedit_memory.evaluation.tasks.asked.sets import Chosen
from kedit_memory.world.tables import load_world


def cases(task: object, *, together: bool = False) -> list[Case]:
    chosen = Chosen(cases=20, seed=1, model=None, together=together)  # type: ignore[arg-type]
    return list(task.SETS["world"](chosen))  # type: ignore[attr-defined]


def test_both_facts_of_a_question_are_edited_and_lead_to_its_answer() -> None:
    for case in cases(multihop):
        first, last = case.edit, case.also[0]
        assert last.subject == first.target
        asked = [one for one in case.questions if one.kind == MULTI_HOP]
        assert len(asked) == 3
        for question in asked:
            assert (first.subject or "") in question.text
            assert (first.target or "") not in question.text
            assert last.target in question.accepted
            assert question.needs == (first, last)


def test_three_thousand_edits_are_in_force_together_and_no_two_of_them_about_one_fact() -> None:
    edits = [edit for case in cases(multihop, together=True) for edit in (case.edit, *case.also)]
    assert len(edits) == multihop.STORED
    assert len({(edit.subject, edit.relation) for edit in edits}) == len(edits)


def test_a_ripple_asks_for_what_follows_and_for_what_stays() -> None:
    world, found = load_world(), cases(ripple)
    kinds = {question.kind for case in found for question in case.questions}
    assert {LOGICAL, ONE_HOP, THROUGH, "alias", "same_subject", "other_answer"} <= kinds
    for case in found:
        for question in case.questions:
            if question.kind == LOGICAL:
                assert world.relations[case.edit.relation or ""].inverse
                assert case.edit.subject in question.accepted
            if question.kind in (ONE_HOP, THROUGH):
                assert question.given
            if question.metric == LOCALITY:
                assert question.text != case.prompt


def row(subject: str, answer: str, last: str) -> dict[str, object]:
    """A case of MQuAKE's form: the first of two facts is edited."""
    hops = [
        {"question": f"Who leads {subject}?", "answer": answer},
        {"question": f"Where was {answer} born?", "answer": last},
    ]
    return {
        "case_id": 1,
        "requested_rewrite": [
            {
                "prompt": "The head of {} is", "relation_id": "P1", "subject": subject, "question": hops[0]["question"],
                "target_new": {"str": answer}, "target_true": {"str": "Nobody"},
            }
        ],
        "questions": [f"Where was the head of {subject} born?"],
        "answer": "Rome", "new_answer": last, "new_single_hops": hops,
        "orig": {
            "new_triples": [["Q1", "P1", "Q2"], ["Q2", "P2", "Q3"]],
            "new_triples_labeled": [[subject, "head", answer], [answer, "born in", last]],
            "edit_triples": [["Q1", "P1", "Q2"]],
        },
    }  # fmt: skip


@pytest.fixture
def mquake(tmp_path: Path) -> Path:
    folder = tmp_path / "mquake"
    folder.mkdir()
    (folder / "AKEW_MQuAKE-CF.json").write_text(json.dumps([row("Acme Tools", "Ann Lund", "Molde")]), "utf-8")
    return tmp_path


def test_the_facts_that_a_case_leaves_as_they_are_are_stored_too(mquake: Path) -> None:
    chosen = Chosen(cases=9, seed=1, model=None, data=mquake)  # type: ignore[arg-type]
    (case,) = multihop.SETS["mquake"](chosen)
    assert [(edit.prompt, edit.target, edit.subject) for edit in case.also] == [
        ("Where was Ann Lund born?", "Molde", "Ann Lund")
    ]
    (asked,) = case.of(PORTABILITY)
    assert asked.given == ()
    assert asked.needs == (case.edit, *case.also)


def test_the_edits_that_an_answer_rests_on_are_counted(mquake: Path, tmp_path: Path) -> None:
    plan = AskedPlan(task="multihop", dataset="mquake", methods=("memory:direct",), judge="contains")
    log = tmp_path / "log.jsonl"
    value = {(row["method"], row["metric"], row["kind"]): row["value"] for row in run_asked(plan, mquake, log=log).rows}
    assert value["memory:direct", "recall", "multi_hop/all_edits"] == 1.0
    assert value["memory:direct", "portability", "multi_hop"] == 1.0
    assert ("unedited", "recall", "multi_hop/all_edits") not in value
    found = {one["kind"]: one["hops"] for part in Log.read(log).parts for one in part.samples if one.get("hops")}
    assert found == {"multi_hop": 1.0}
