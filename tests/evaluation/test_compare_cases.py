"""What a comparison edits and asks."""

import json
import random
from dataclasses import astuple, replace
from pathlib import Path

import pytest

from kedit_memory.errors import InvalidInputError, NotFoundError, UnknownNameError
from kedit_memory.evaluation import negatives
from kedit_memory.evaluation.case import ALL, GENERALIZATION, LOCALITY, PORTABILITY, RELIABILITY, Case
from kedit_memory.evaluation.datasets.kinds import ALIAS, ONE_HOP
from kedit_memory.evaluation.methods import QuestionOnly
from kedit_memory.evaluation.probes import ASKED, NEAR, written
from kedit_memory.evaluation.question_only import looks_covered
from kedit_memory.evaluation.tasks.compare import cases as compare_cases
from kedit_memory.evaluation.tasks.compare.cases import (
    MENTION,
    PREFIX,
    REVERSED,
    WRITTEN,
    draw_cases,
    set_cases,
    with_unrelated,
    world_cases,
)
from kedit_memory.evaluation.tasks.scope.cases import TEST, ScopeCase, ScopeEdit, ScopeSet
from kedit_memory.evaluation.tasks.scope.sets import part_of
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import EditRequest
from kedit_memory.world import Fact, World, load_world


class Knowing:
    """A model that answers questions about some subjects by the world, and nothing else."""

    name = "knowing"

    def __init__(self, world: World, subjects: set[str]) -> None:
        self.answers = {
            world.fill(wording, fact.subject): fact.object
            for fact in world.facts
            if fact.subject in subjects
            for wording in world.relations[fact.relation].questions
        }

    def answer_many(self, prompts):
        return [self.answers.get(prompt.question, "no idea") for prompt in prompts]


@pytest.fixture(scope="module")
def world() -> World:
    return load_world()


@pytest.fixture(scope="module")
def countries(world: World) -> set[str]:
    return {entity.name for entity in world.entities.values() if entity.type == "country"}


@pytest.fixture(scope="module")
def cases(world: World, countries: set[str]) -> list[Case]:
    return world_cases(world, Knowing(world, countries), 40, seed=3)


@pytest.fixture
def unlimited(monkeypatch):
    """A model that knows one kind of subjects alone is asked until it was found."""
    monkeypatch.setattr(compare_cases, "_TRIED_BESIDE", 10_000)
    monkeypatch.setattr(compare_cases, "_TRIED", 1_000)


def by_subject(world: World, case: Case) -> tuple[Fact, ...]:
    return world.by_subject[case.edit.subject or ""]


def test_edits_contradict_what_the_model_knows_and_share_no_subject(world, countries, cases):
    assert len(cases) == 40
    assert len({case.edit.subject for case in cases}) == 40
    for case in cases:
        assert case.edit.subject in countries
        assert case.edit.subject in case.prompt
        facts = [
            fact for fact in by_subject(world, case)
            if any(world.fill(w, fact.subject) == case.prompt for w in world.relations[fact.relation].questions)
        ]  # fmt: skip
        assert facts
        assert all(case.target != fact.object for fact in facts)
        assert any(case.target in world.objects[fact.relation] for fact in facts)


def test_questions_are_of_their_kinds(cases):
    for case in cases:
        kinds = [(probe.metric, probe.kind) for probe in case.questions]
        assert kinds.count((RELIABILITY, ALL)) == 1
        assert kinds.count((GENERALIZATION, ALL)) == 2
        for probe in case.questions:
            assert (probe.metric == LOCALITY) == (not probe.accepted)
            assert bool(probe.truth) or probe.kind not in {"same_relation", "same_subject", "unrelated"}
            if probe.metric in {RELIABILITY, GENERALIZATION} or probe.kind == ALIAS:
                assert probe.covered
                assert probe.truth
                assert not set(probe.truth) & set(probe.accepted), "the old answer is no right one"
                assert probe.accepted[0] == case.target
            else:
                assert not probe.covered
            if probe.metric != RELIABILITY:
                assert probe.text != case.prompt
    kinds = {probe.kind for case in cases for probe in case.questions if probe.metric == LOCALITY}
    assert kinds == {
        "same_relation", "same_subject", "similar_name", "swapped", "negation", "mention", "unrelated", "prefix",
        "written",
    }  # fmt: skip
    assert any(probe.kind == ALIAS for case in cases for probe in case.questions)


def test_no_other_question_asks_for_an_edited_fact(world, cases):
    edited = {
        world.fill(wording, fact.subject)
        for case in cases
        for fact in by_subject(world, case)
        for wording in (*world.relations[fact.relation].questions, *world.relations[fact.relation].clozes)
    }
    for case in cases:
        for probe in case.questions:
            if probe.metric == LOCALITY and probe.kind != "same_subject":
                assert probe.text not in edited


@pytest.mark.usefixtures("unlimited")
def test_a_relation_is_turned_round(world):
    """The capital of a country: which city is the capital that the edit names?"""
    capitals = {fact.subject for fact in world.facts if fact.relation == "capital_of"}
    found = world_cases(world, Knowing(world, capitals), 60, seed=2)
    turned = [(case, probe) for case in found for probe in case.questions if probe.kind == REVERSED]
    assert turned
    asks = {world.fill(wording, case.target) for case, _ in turned for wording in world.relations["capital"].questions}
    for case, probe in turned:
        assert probe.accepted[0] == case.edit.subject
        assert probe.text in asks


@pytest.mark.usefixtures("unlimited")
def test_a_hop_ends_elsewhere_than_before_the_edit(world):
    """The currency of a company's new country, not of its old one."""
    companies = {entity.name for entity in world.entities.values() if entity.type == "company"}
    found = world_cases(world, Knowing(world, companies), 30, seed=1)
    hops = [(case, probe) for case in found for probe in case.questions if probe.kind == ONE_HOP]
    assert hops
    for case, probe in hops:
        assert case.edit.subject in probe.text
        (onward, *_) = [
            fact
            for fact in world.by_subject[case.target]
            if fact.object == probe.accepted[0] and _asks(world, fact.relation, probe.text)
        ]
        old = [fact.object for fact in by_subject(world, case) if _asks(world, fact.relation, case.prompt)]
        before = [fact.object for name in old for fact in world.by_subject[name] if fact.relation == onward.relation]
        assert onward.object not in before


def _asks(world: World, relation: str, question: str) -> bool:
    parts = [wording.split("{s}") for wording in world.relations[relation].questions]
    return any(question.lower().startswith(a.lower()) and question.endswith(b) for a, b in parts)


def test_a_seed_gives_the_same_cases_and_another_gives_others(world, countries, cases):
    model = Knowing(world, countries)
    assert world_cases(world, model, 40, seed=3) == cases
    assert world_cases(world, model, 40, seed=4) != cases


def test_a_model_that_knows_too_little_is_said(world):
    told = (
        "knowing has an idea of 0 facts of the world that can be edited, of 256 at most that it was asked, and 5 were"
    )
    with pytest.raises(InvalidInputError, match=told):
        world_cases(world, Knowing(world, set()), 5, seed=1)


def test_a_model_is_not_asked_the_whole_world_for_what_it_knows(world):
    class Counting(Knowing):
        asked = 0

        def answer_many(self, prompts):
            self.asked += len(prompts)
            return super().answer_many(prompts)

    model = Counting(world, set())
    with pytest.raises(InvalidInputError):
        world_cases(world, model, 20, seed=1)
    subjects = {fact.subject for fact in world.facts}
    assert model.asked <= 3 * 800 < 3 * len(subjects), "three wordings of forty facts for each that is wanted"


def test_a_model_may_know_a_fact_in_a_sentence_of_its_own(world, countries):
    class Talking(Knowing):
        def answer_many(self, prompts):
            answers = super().answer_many(prompts)
            return [f"I should say it is {said}. Is there" if said != "no idea" else said for said in answers]

    assert len(world_cases(world, Talking(world, countries), 5, seed=3)) == 5


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), "utf-8")


@pytest.mark.usefixtures("unlimited")
def test_a_public_set_brings_its_questions_and_what_follows(tmp_path, world, countries):
    rows = [
        {
            "subject": f"Star {letter}", "target_new": "Ursa Major", "ground_truth": ["Orion"],
            "prompt": f"What constellation is Star {letter} in?",
            "rephrase_prompt": f"To which constellation does Star {letter} belong?",
            "locality": {"Relation_Specificity": []},
            "portability": {"Reasoning": [{"prompt": f"Which animal is Star {letter}'s?", "ground_truth": "bear"}]},
        }
        for letter in "ABC"
    ]  # fmt: skip
    write(tmp_path / "zsre" / "ZsRE-test-all.json", rows)
    found = draw_cases("zsre", Knowing(world, countries), tmp_path, 3, seed=1, beside=2)
    assert sorted(case.edit.subject or "" for case in found) == ["Star A", "Star B", "Star C"]
    first = found[0]
    asked = {(probe.metric, probe.kind): probe for probe in first.questions}
    assert asked[GENERALIZATION, ALL].text.startswith("To which constellation does")
    assert asked[PORTABILITY, ONE_HOP].accepted == ("bear",)
    beside = [[one for one in case.questions if one.kind == "unrelated"] for case in found]
    assert [len(ones) for ones in beside] == [1, 1, 0], "as many as were asked for"
    known = Knowing(world, countries).answers
    assert all(known[one.text] in one.truth for ones in beside for one in ones), "the model knew them"
    with pytest.raises(InvalidInputError, match="zsre has 3 edits whose prompt names the subject"):
        draw_cases("zsre", Knowing(world, countries), tmp_path, 4, seed=1, beside=2)


@pytest.mark.usefixtures("unlimited")
def test_questions_beside_an_edit_are_about_nothing_that_is_edited_and_may_be_few(world):
    edit = EditRequest(prompt="What is the capital of Germany?", target="Bonn", subject="Germany")
    cases = [Case(edit=edit, questions=())] * 2
    assert with_unrelated(cases, world, Knowing(world, {"Germany"}), 2, seed=1) == cases
    countries = {fact.subject for fact in world.facts if fact.relation == "capital"} - {"Germany"}
    found = with_unrelated(cases, world, Knowing(world, countries), 2, seed=1)
    assert all(case.questions for case in found)
    assert not any("Germany" in one.text for case in found for one in case.questions)


def test_a_set_that_is_not_there(tmp_path, world):
    with pytest.raises(UnknownNameError, match="no dataset named 'zsr'; did you mean 'zsre'"):
        draw_cases("zsr", Knowing(world, set()), tmp_path, 1, seed=1, beside=2)
    with pytest.raises(NotFoundError, match="name the folder of the public sets"):
        draw_cases("zsre", Knowing(world, set()), tmp_path, 1, seed=1, beside=2)


@pytest.mark.usefixtures("unlimited")
def test_an_edit_of_a_relation_of_one_to_one_is_asked_from_its_other_end(world):
    """Which club a stadium belongs to: no relation of the world is the inverse, so the question is made."""
    clubs = {fact.subject for fact in world.facts if fact.relation == "stadium"}
    found = world_cases(world, Knowing(world, clubs), 60, seed=2)
    stadiums = [case for case in found if case.prompt in _asked(world, "stadium", clubs)]
    turned = [(case, probe) for case in stadiums for probe in case.questions if probe.kind == REVERSED]
    assert turned
    shared = {fact.object for fact in world.facts if fact.relation == "stadium"}
    for case, probe in turned:
        assert probe.text.lower() == f"{case.target.lower()} is the home venue of which club?"
        assert probe.accepted[0] == case.edit.subject
        assert not probe.covered
        assert case.target in shared
        assert sum(fact.object == case.target for fact in world.facts if fact.relation == "stadium") == 1
    others = [probe for case in found if case not in stadiums for probe in case.questions]
    assert "home venue of which" not in " ".join(probe.text for probe in others)


def _asked(world, relation, subjects):
    return {world.fill(wording, name) for name in subjects for wording in world.relations[relation].questions}


def frames(one):
    return {text for texts in astuple(one) for text in texts if text}


def test_what_stands_around_a_question_is_of_sentences_that_nothing_was_trained_with(cases):
    assert not frames(negatives.TRAINED) & frames(negatives.HELD_OUT)
    trained = [text.replace("{s}", "") for text in frames(negatives.TRAINED) if len(text) > 20]
    texts = [question.text for case in cases for question in case.questions]
    assert not [text for text in texts for part in trained if part in text]
    held_out = [part for text in frames(negatives.HELD_OUT) for part in text.split("{s}") if len(part) > 10]
    for kind in ("dialogue", MENTION, PREFIX):
        asked = [q.text for case in cases for q in case.questions if q.kind == kind]
        assert asked
        assert all(any(part in text for part in held_out) for text in asked), kind


def test_questions_of_a_public_set_are_framed_anew():
    edit = ScopeEdit(prompt="Who leads Acme?", target="Ann", subject="Acme", part=TEST, relation="leader")
    asked = negatives.mention("Acme", random.Random(1))
    made = [
        ScopeCase(edit=0, kind=kind, question=asked, covered=False, part=TEST) for kind in ("mention", "in_passing")
    ]
    (case,) = set_cases(ScopeSet(name="some", edits=(edit,), cases=tuple(made), dropped=0), 1, 1, {})
    _, only = case.questions
    assert only.kind == MENTION
    assert "Acme" in only.text != asked


def test_hand_written_questions_are_asked_of_held_out_relations(world, cases):
    probes = written()
    held_out = {name for name in world.relations if part_of(name) == TEST}
    assert set(probes) <= held_out
    for relation, texts in probes.items():
        assert len(texts[ASKED]) >= 3
        assert len(texts[NEAR]) >= 3
        assert all(text.count("{s}") == 1 for kind in texts.values() for text in kind)
        known = world.relations[relation].questions + world.relations[relation].clozes
        assert not set(known) & {*texts[ASKED], *texts[NEAR]}
    asked = [q for case in cases for q in case.questions if q.kind == WRITTEN]
    assert {q.metric for q in asked} == {GENERALIZATION, LOCALITY}
    assert all(q.covered == (q.metric == GENERALIZATION) for q in asked)


def test_the_control_that_sees_questions_alone_knows_the_sentences_of_training_and_not_those_held_out(world):
    rng = random.Random(4)
    facts = rng.sample([fact for fact in world.facts if part_of(fact.relation) == TEST], 150)

    def found(frames):
        texts = [negatives.mention(fact.subject, rng, frames) for fact in facts]
        return sum(looks_covered(texts, [fact.subject for fact in facts])) / len(facts)

    assert found(negatives.TRAINED) < 0.05
    assert found(negatives.HELD_OUT) > 0.2
    asked = [world.fill(rng.choice(world.relations[fact.relation].questions), fact.subject) for fact in facts]
    assert sum(looks_covered(asked, [fact.subject for fact in facts])) / len(facts) > 0.7


def test_the_control_says_the_stored_answer_where_a_question_looks_covered(cases):
    control = QuestionOnly(None)
    own = cases[0].asked()[0]
    assert control.reading(own) == cases[0].target
    text = negatives.mention(cases[0].edit.subject, random.Random(2))
    assert control.reading(replace(own, text=text)) == Prompt(question=text)
