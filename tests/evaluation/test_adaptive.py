"""The measured gate on made-up outcomes, and the sets that bring its questions."""

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from kedit_memory.errors import InvalidInputError, NotFoundError, UnknownNameError
from kedit_memory.evaluation.judges import JUDGES
from kedit_memory.evaluation.rows import describe_run
from kedit_memory.evaluation.tasks.adaptive.observed import (
    ALONE,
    DECIDING,
    READING,
    SEARCHING,
    Labelled,
    Observed,
    Observer,
)
from kedit_memory.evaluation.tasks.adaptive.rows import Table
from kedit_memory.evaluation.tasks.adaptive.run import AdaptivePlan, resplit
from kedit_memory.evaluation.tasks.adaptive.sets import (
    KINDS,
    REVERSED,
    TWO_HOP,
    AdaptiveQuestion,
    AdaptiveSet,
    entity_questions_set,
    popqa_set,
    world_set,
)
from kedit_memory.models.language import Reply
from kedit_memory.models.prompts import Prompt
from kedit_memory.popularity.table import PopularityTable
from kedit_memory.records import Mention, Passage, RetrievedPassage
from kedit_memory.routing.gate.relations import RelationClassifier
from kedit_memory.routing.gate.signals import Signals, Sources
from kedit_memory.world import load_world

PLAN = AdaptivePlan(dataset="world", questions=600, resplits=4, budget=0.7)


def observed(count: int = 600) -> list[Observed]:
    """Two questions a subject; of tiers 1 and 2 the model knows the answer, of the others the passages hold it."""
    rng = random.Random(3)
    found = []
    for place in range(count):
        tier = rng.randint(1, 5)
        known = tier <= 2
        signals = Signals(
            words=5, mentions=1, popularity=float(-tier), tier=tier, relation="capital", likeness=1.0,
            entropy=rng.uniform(0, 0.4) if known else rng.uniform(1, 2), log_probability=-0.1 if known else -1.0,
            own="a", score=rng.uniform(1, 9), gap=0.5, titled=True, passages=3, grounded=known,
        )  # fmt: skip
        found.append(
            Observed(
                text=f"q{place}",
                group=f"g{place // 2}",
                signals=signals,
                alone="a",
                alone_right=known,
                read="b",
                read_right=not known,
                titles=("T",),
                seconds={DECIDING: 0.001, SEARCHING: 0.002, ALONE: 0.01, READING: 0.04},
            )
        )
    return found


def questions(seen: Sequence[Observed]) -> list[AdaptiveQuestion]:
    return [
        AdaptiveQuestion(
            text=one.text,
            answers=("a",),
            kind="direct" if place % 3 else REVERSED,
            stratum=f"tier_{one.signals.tier}",
            group=one.group,
            gold=frozenset({"T"} if place % 3 else {"U"}),
        )
        for place, one in enumerate(seen)
    ]


def test_policies_are_judged_on_what_they_were_not_fitted_on() -> None:
    seen = observed()
    splits, left_out = resplit(seen, PLAN)
    assert (len(splits), left_out) == (4, {})
    assert list(splits[0].right) == [
        "never",
        "always",
        "popularity",
        "uncertainty",
        "score",
        "learned",
        "form",
        "oracle",
    ]
    for one in splits:
        judged = {seen[place].group for place in one.judged.nonzero()[0]}
        fitted = {seen[place].group for place in (~one.judged).nonzero()[0]}
        assert not judged & fitted
        assert not (one.right["always"] & ~one.judged).any()
        assert one.right["popularity"][one.judged].all()
    assert (splits[0].judged != splits[1].judged).any()


def test_rows_tell_accuracy_calls_and_the_way_to_the_oracle() -> None:
    seen = observed()
    splits, _ = resplit(seen, PLAN)
    table = Table(run=describe_run("adaptive-retrieval", "made"), questions=questions(seen), observed=seen, seed=1)
    rows = {(row.method, row.metric, row.kind): row for row in table.of_policies(splits)}
    rare = sum(one.read_right for one in seen) / len(seen)
    assert rows["always", "accuracy", "all"].value == pytest.approx(rare, abs=0.05)
    assert rows["oracle", "accuracy", "all"].value == rows["popularity", "accuracy", "all"].value == 1.0
    assert rows["oracle", "calls", "all"].value == pytest.approx(rare, abs=0.05)
    assert rows["popularity", "calls", "tier_1"].value == 0.0
    assert rows["never", "accuracy", "tier_5"].value == 0.0
    way = rows["popularity", "ratio", "gain_of_oracle"]
    assert (way.value, way.low, way.high) == (1.0, 1.0, 1.0)
    assert rows["always", "ratio", "gain_of_oracle"].value <= 0.0
    over = rows["learned", "accuracy", "over_always"]
    assert over.unit == "difference"
    assert over.low is not None
    assert 0.3 < over.low <= over.value <= over.high < 0.5


def test_rows_tell_recall_popularity_and_cost() -> None:
    seen = observed()
    splits, _ = resplit(seen, PLAN)
    table = Table(run=describe_run("adaptive-retrieval", "made"), questions=questions(seen), observed=seen, seed=1)
    recall = {row.kind: row for row in table.of_recall("bm25", [frozenset({"T", "X"})] * len(seen))}
    assert recall["bm25_at_5"].value == recall["bm25_at_5/direct"].value == 1.0
    assert (recall["bm25_at_5/reversed"].value, recall["bm25_at_5"].n) == (0.0, 400)
    other = [replace(one, read_right=False) for one in seen]
    curve = {(row.method, row.kind): row for row in table.of_popularity(splits, {"dense": other})}
    assert curve["model", "popularity_-1.00"].value == curve["adaptive", "popularity_-5.00"].value == 1.0
    assert curve["bm25", "popularity_-1.00"].value == curve["dense", "popularity_-5.00"].value == 0.0
    cost = {(row.method, row.kind): row.value for row in table.of_costs(splits)}
    assert cost["never", "per_question"] == pytest.approx(0.011)
    assert cost["always", "per_question"] == pytest.approx(0.043)
    assert cost["score", "per_question"] == pytest.approx(0.043)
    assert cost["step", "searching"] == pytest.approx(0.002)


def test_policies_without_their_signal_are_left_out_with_why() -> None:
    blind = [
        replace(one, signals=replace(one.signals, popularity=None, entropy=None, log_probability=None))
        for one in observed()
    ]
    splits, left_out = resplit(blind, replace(PLAN, resplits=2))
    assert set(left_out) == {"popularity", "uncertainty", "learned"}
    assert list(splits[0].right) == ["never", "always", "score", "form", "oracle"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"budget": 0.0}, "no share of calls"),
        ({"budget": 1.5}, "no share of calls"),
        ({"questions": 100}, "100 questions are too few to fit the budget 0.7 on one half; ask 456 or more"),
        ({"resplits": 1}, "resplits 2 or more"),
        ({"passages": 0}, "passages must be 1"),
        ({"dataset": "popqa", "even": True}, "no tiers to ask evenly"),
    ],
)
def test_a_plan_that_cannot_be_measured_is_refused(change: dict, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        replace(PLAN, **change)
    with pytest.raises(UnknownNameError, match="popqa"):
        replace(PLAN, dataset="popqaa")


@pytest.fixture(scope="module")
def asked() -> AdaptiveSet:
    return world_set(None, questions=600, seed=4)


def test_the_world_asks_every_kind_and_the_better_known_more_often(asked: AdaptiveSet) -> None:
    assert len(asked.questions) == 600
    counts = {kind: sum(one.kind == kind for one in asked.questions) for kind in KINDS}
    assert max(counts.values()) - min(counts.values()) <= 2
    tiers = [sum(one.stratum == f"tier_{tier}" for one in asked.questions) for tier in range(1, 6)]
    assert tiers == sorted(tiers, reverse=True)
    assert tiers[0] / tiers[4] == pytest.approx(5, rel=0.25)
    assert len({one.text for one in asked.questions}) > 590
    even = world_set(None, questions=300, seed=5, even=True).questions
    assert {sum(one.stratum == f"tier_{tier}" for one in even) for tier in range(1, 6)} == {60}
    assert len({one.text for one in (*asked.questions, *even)}) > 800  # another seed asks others


def test_the_world_s_answers_stand_in_its_passages_and_not_only_in_the_question(asked: AdaptiveSet) -> None:
    world = load_world()
    texts = {passage.title: passage.text for passage in asked.passages}
    held = sum(any(one.answers[0] in texts.get(title, "") for title in one.gold) for one in asked.questions)
    assert held / len(asked.questions) > 0.97
    for one in asked.questions:
        if one.kind == "alias":
            assert one.group not in one.text or any(one.group in alias for alias in world.entities[one.group].aliases)
        if one.kind == TWO_HOP:
            assert one.group in one.text


def test_public_sets_are_read_with_their_subjects_relations_and_passages(tmp_path: Path) -> None:
    for folder in ("popqa", "entityquestions/dev", "wiki_passages"):
        (tmp_path / folder).mkdir(parents=True)
    row = {"subj": "Emma", "prop": "author", "obj": "Jane Austen", "s_pop": 5000, "o_pop": 9000}
    line = {"id": "t1", "question": "Who is the author of Emma?", "golden_answers": ["Jane Austen"], "metadata": row}
    (tmp_path / "popqa/popqa_pop_1000_16relations.jsonl").write_text(json.dumps(line))
    (tmp_path / "entityquestions/relation_query_templates.json").write_text('{"P36": "What is the capital of [X]?"}')
    rows = [{"question": f"What is the capital of {name}?", "answers": ["A"]} for name in ("Peru", "Chile")]
    (tmp_path / "entityquestions/dev/P36.dev.jsonl").write_text("\n".join(map(json.dumps, rows)))
    pages = [{"title": "Peru", "text": "Lima."}, {"title": "Peru", "text": "Lima."}, {"question": "x"}]
    (tmp_path / "wiki_passages/one.json").write_text(json.dumps(pages))
    (tmp_path / "wiki_passages/two.jsonl").write_text(json.dumps({"title": "Emma", "text": "A novel."}))
    popqa = popqa_set(tmp_path, questions=10, seed=1)
    (asked,) = popqa.questions
    assert (asked.text, asked.answers, asked.kind, asked.group) == (
        "Who is the author of Emma?", ("Jane Austen",), "author", "Emma"
    )  # fmt: skip
    link = popqa.linker.link(asked.text)
    signals = popqa.sources.before(asked.text, link, frozenset({"popularity", "relation"}))
    assert (signals.relation, round(signals.popularity or 0, 2)) == ("author", 3.7)
    assert [passage.text for passage in popqa.passages] == ["Lima.", "A novel."]
    entity = entity_questions_set(tmp_path, questions=1, seed=1)
    assert [(one.kind, one.group in ("Peru", "Chile")) for one in entity.questions] == [("P36", True)]
    with pytest.raises(NotFoundError, match="popqa"):
        popqa_set(tmp_path / "nowhere", questions=1, seed=1)


class Parrot:
    """Answers with the last word of its first passage, or with "unknown"; it shows no distributions."""

    name = fingerprint = "parrot"

    def answer_many(self, prompts: Sequence[Prompt], **_: object) -> list[str]:
        raise AssertionError(prompts)

    def reply_many(self, prompts: Sequence[Prompt], *, max_new_tokens: int, on_text: object = None) -> list[Reply]:
        assert (max_new_tokens, on_text) == (4, None)
        return [Reply(text=one.passages[0].split()[-1] if one.passages else "unknown") for one in prompts]

    def generate(self, prompts: Sequence[object], **_: object) -> list[str]:
        raise AssertionError(prompts)

    def answer(self, question: str, *_: object, **__: object) -> str:
        raise AssertionError(question)


def test_each_question_is_answered_alone_and_with_its_passages() -> None:
    def search(question: str, mentions: Sequence[Mention]) -> list[RetrievedPassage]:
        assert [one.name for one in mentions] == (["Peru"] if "Peru" in question else [])
        found = Passage(id="p", title="Peru", text="The capital of Peru is Lima")
        return [RetrievedPassage(passage=found, score=3.0)] if mentions else []

    def link(question: str) -> list[Mention]:
        return [Mention(start=0, end=4, surface="Peru", name="Peru")] if "Peru" in question else []

    sources = Sources(table=PopularityTable({"Peru": 2}), relations=RelationClassifier([("capital", "capital of {s}")]))
    observer = Observer(
        model=Parrot(), link=link, search=search, sources=sources, max_new_tokens=4, judge=JUDGES["equal"]
    )
    asked = [
        Labelled(text="What is the capital of Peru?", answers=("Lima",), group="Peru"),
        Labelled(text="What is the capital of Chile?", answers=("Unknown", "Santiago"), group="Chile"),
    ]
    peru, chile = observer.observe(asked)
    assert (peru.alone, peru.read, peru.alone_right, peru.read_right) == ("unknown", "Lima", False, True)
    assert (peru.titles, peru.signals.popularity, peru.signals.score) == (("Peru",), -2.0, 3.0)
    assert (peru.signals.entropy, peru.signals.grounded) == (None, None)
    assert (chile.read, chile.alone_right, chile.read_right, chile.titles) == ("unknown", True, True, ())
    assert set(peru.seconds) == {DECIDING, SEARCHING, ALONE, READING}
