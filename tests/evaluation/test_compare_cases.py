"""What a comparison edits and asks."""

import json
from pathlib import Path

import pytest

from kedit_memory.errors import InvalidInputError, NotFoundError, UnknownNameError
from kedit_memory.evaluation.case import ALL, GENERALIZATION, LOCALITY, PORTABILITY, RELIABILITY, Case
from kedit_memory.evaluation.datasets.zsre import ONE_HOP
from kedit_memory.evaluation.tasks.compare import cases as compare_cases
from kedit_memory.evaluation.tasks.compare.cases import ALIAS, REVERSED, draw_cases, world_cases
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
    found = draw_cases("zsre", Knowing(world, countries), tmp_path, 3, seed=1)
    assert sorted(case.edit.subject or "" for case in found) == ["Star A", "Star B", "Star C"]
    first = found[0]
    asked = {(probe.metric, probe.kind): probe for probe in first.questions}
    assert asked[GENERALIZATION, ALL].text.startswith("To which constellation does")
    assert asked[PORTABILITY, ONE_HOP].accepted == ("bear",)
    with pytest.raises(InvalidInputError, match="zsre has 3 edits whose prompt names the subject"):
        draw_cases("zsre", Knowing(world, countries), tmp_path, 4, seed=1)


def test_a_set_that_is_not_there(tmp_path, world):
    with pytest.raises(UnknownNameError, match="no dataset named 'zsr'; did you mean 'zsre'"):
        draw_cases("zsr", Knowing(world, set()), tmp_path, 1, seed=1)
    with pytest.raises(NotFoundError, match="name the folder of the public sets"):
        draw_cases("zsre", Knowing(world, set()), tmp_path, 1, seed=1)


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
