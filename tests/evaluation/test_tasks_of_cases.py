"""What the tasks of cases ask: each on rows written by hand, or on what it makes itself."""

import random
import re
from datetime import datetime

import pytest

from kedit_memory.evaluation.case import (
    GENERALIZATION,
    HARD_NEGATIVE,
    LOCALITY,
    PORTABILITY,
    RELIABILITY,
    Case,
    Question,
    own_question,
    rephrased,
)
from kedit_memory.evaluation.judges import judge_of
from kedit_memory.evaluation.methods import OracleScope, taught
from kedit_memory.evaluation.tasks import unlearning, use
from kedit_memory.evaluation.tasks.asked.answers import OBTAINED
from kedit_memory.evaluation.tasks.asked.sets import Chosen
from kedit_memory.evaluation.tasks.compare.cases import WorldMaker
from kedit_memory.evaluation.tasks.multilingual import from_another
from kedit_memory.evaluation.tasks.robustness import robust
from kedit_memory.records import EditRequest, Kind
from kedit_memory.routing.answer import REFUSAL
from kedit_memory.world import World, load_world

CHOSEN = Chosen(cases=40, seed=3, model=None)  # type: ignore[arg-type] - what is invented asks no model
EDIT = EditRequest(prompt="What is the capital of Japan?", target="Osaka", subject="Japan")
CASE = Case(edit=EDIT, questions=(own_question(EDIT, ("Osaka",), ("Tokyo",)),))


@pytest.fixture(scope="module")
def world() -> World:
    return load_world()


def by_kind(case: Case) -> dict[str, Question]:
    return {one.kind: one for one in reversed(case.questions)}


def test_an_invented_fact_is_told_before_it_is_erased_and_others_stay() -> None:
    for case in unlearning.SETS["invented"](CHOSEN):
        told, *staying = case.before
        assert case.edit.kind is Kind.ERASURE
        assert (case.edit.prompt, case.edit.target) == (told.prompt, None)
        kept = [one for one in case.questions if one.metric == RELIABILITY]
        assert [(one.text, one.accepted) for one in kept] == [(one.prompt, (one.target,)) for one in staying]
        assert all(told.target not in (one.target or "") for one in staying)
        obtained = [one for one in case.questions if one.metric == OBTAINED]
        assert {one.group for one in obtained} == {"fact"}
        assert all(told.target in one.rejected for one in obtained if one.kind != "reversed")
        assert all(told.target not in one.text for one in obtained if one.kind in {"direct", "language", "through"})


def test_a_fact_of_the_world_is_asked_for_by_detours_that_do_not_name_it(world: World) -> None:
    facts = [fact for fact in world.facts if fact.relation == "capital" and fact.subject == "Japan"]
    maker = WorldMaker(world, random.Random(1), frozenset({"Japan"}))
    case = unlearning._of_world(world, maker, facts[0], "What is the capital of Japan?")
    asked = by_kind(case)
    assert "Japan" not in asked["through"].text
    assert "Tokyo" in asked["reversed"].text
    assert "Japan" in asked["reversed"].rejected
    assert "T-o-k-y-o" in asked["spelled"].rejected
    assert asked["multiple_choice"].text.count("(") == 4
    assert {one.kind for one in case.of(LOCALITY)} == {"same_relation", "same_subject", "unrelated"}


def test_whoever_can_only_be_told_answers_is_told_to_refuse() -> None:
    erasure = EditRequest(prompt="Where does Ann live?", subject="Ann", kind=Kind.ERASURE)
    assert taught(erasure).target == REFUSAL
    assert taught(EDIT) is EDIT
    (asked,) = Case(edit=erasure, questions=(Question(text="Where is Ann's home?", covered=True),)).asked()
    assert OracleScope(None).reading(asked) == REFUSAL  # type: ignore[arg-type]


def test_a_question_in_other_clothes_says_what_counts() -> None:
    case = robust(CASE)
    assert case is not None
    asked, judge = by_kind(case), judge_of("alternatives")
    assert {asked[kind].metric for kind in ("prefix", "dialogue", "misspelt", "multiple_choice")} == {GENERALIZATION}
    assert asked["prefix"].text.endswith(EDIT.prompt or "")
    assert judge("Yes, it is Osaka.", asked["true"])
    assert not judge("No, it is Tokyo.", asked["true"])
    assert judge("No, it is Osaka.", asked["false"])
    assert not judge("Yes, that is right.", asked["false"])
    assert judge("It is Osaka.", asked["false"])
    assert judge("The answer is Osaka.", asked["multiple_choice"])
    assert not judge("The answer is Tokyo.", asked["multiple_choice"])
    number = re.search(r"\((\d)\) Osaka", asked["multiple_choice"].text)
    assert number
    assert judge(number[1], asked["multiple_choice"])
    assert asked["negation"].metric == OBTAINED
    assert asked["negation"].rejected == ("Osaka",)
    assert re.search(r"\bnot\b|wrong", asked["negation"].text)


def test_a_case_without_a_subject_or_an_old_answer_is_passed_over() -> None:
    nobody = EditRequest(prompt="What is the capital of Japan?", target="Osaka")
    assert robust(Case(edit=nobody, questions=(own_question(nobody, ("Osaka",), ("Tokyo",)),))) is None
    assert robust(Case(edit=EDIT, questions=(own_question(EDIT, ("Osaka",)),))) is None


def test_what_uses_a_fact_has_an_answer_that_the_fact_alone_gives() -> None:
    cases = use.SETS["invented"](CHOSEN)
    kinds = {one.kind for case in cases for one in case.of(PORTABILITY)}
    assert kinds == {"sum", "limit", "comparison", "time", "unit", "next_step", "two_facts"}
    for case in cases:
        assert len(case.of(HARD_NEGATIVE)) == 1
        for one in case.of(PORTABILITY):
            assert not set(one.accepted) & set(one.rejected)
            assert len(one.needs) == (1 + len(case.also) if one.kind in ("comparison", "two_facts") else 1)
    assert [case.edit for case in use.SETS["invented"](CHOSEN)] == [case.edit for case in cases]


def test_sums_limits_and_days_are_reckoned_right() -> None:
    """Reckoned again from the texts alone."""
    seen = set()
    for case in use.SETS["invented"](CHOSEN):
        told = case.target
        for one in case.of(PORTABILITY):
            if found := re.match(r"How many euros do (\d+) nights", one.text):
                seen.add("nights")
                assert one.accepted == (str(int(found[1]) * int(told.split()[0])),)
            if found := re.match(r"Are (\d+) euros enough", one.text):
                seen.add("enough")
                assert ("yes" in one.accepted) == (int(found[1]) >= int(told.split()[0]))
            if found := re.search(r"still under warranty on (.*)\?", one.text):
                seen.add("warranty")
                day, ends = (datetime.strptime(text, "%d %B %Y") for text in (found[1], told))  # noqa: DTZ007
                assert ("yes" in one.accepted) == (day <= ends)
            if found := re.match(r"It is (\d+):00", one.text):
                seen.add("open")
                assert ("yes" in one.accepted) == (int(found[1]) < int(told.split(":")[0]))
    assert seen == {"nights", "enough", "warranty", "open"}


def test_an_edit_told_in_another_language_is_asked_in_english() -> None:
    german = rephrased("Was ist die Hauptstadt von Japan?", "de", ("Ōsaka",))
    english = rephrased("Which city is the capital of Japan?", "rephrasing", ("Osaka",))
    beside = Question(text="Was ist die Hauptstadt von Peru?", metric=LOCALITY, kind="de")
    case = from_another(Case(edit=EDIT, questions=(*CASE.questions, english, german, beside)))
    assert case is not None
    assert (case.prompt, case.target) == (german.text, "Ōsaka")
    assert [(one.metric, one.kind, one.text) for one in case.questions] == [
        (RELIABILITY, "de", german.text),
        (GENERALIZATION, "de_en", EDIT.prompt),
        (GENERALIZATION, "de_en", english.text),
        (LOCALITY, "de", beside.text),
    ]
    assert from_another(CASE) is None
