"""SERAC's counterfactual model: what it reads in training, its training, and how it is measured."""

import json
from itertools import islice

import evaluate_counterfactual as evaluation
import pytest
import train_counterfactual as training
from counterfactual_edits import EditReader
from scope_wordings import worded

from kedit_memory.editors._teaching import lesson
from kedit_memory.evaluation.rows import describe_run
from kedit_memory.evaluation.tasks.scope.cases import TRAINING
from kedit_memory.evaluation.tasks.scope.sets import part_of
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import Prompt
from kedit_memory.world import UNSEEN_TIER, load_world

READ = 4000


@pytest.fixture(scope="module")
def reader():
    return EditReader(seed=3)


@pytest.fixture(scope="module")
def readings(reader):
    return list(islice(reader.readings(), READ))


def texts(reading):
    return (*reading.prompt.facts, reading.prompt.question)


def test_a_reading_is_one_edit_that_holds_the_answer_and_a_question_that_does_not_give_it_away(readings):
    given_away = 0
    for prompt, answer in readings:
        assert (len(prompt.facts), prompt.passages) == (1, ())
        assert answer.casefold() in prompt.facts[0].casefold(), prompt
        given_away += answer.casefold() in prompt.question.casefold()
    assert given_away < READ / 50  # a short answer such as a letter, or a name with the object in it


def test_most_questions_are_in_other_words_than_the_edit_and_both_have_both_forms(readings):
    same = sum(prompt.facts[0].startswith(prompt.question) for prompt, _ in readings)
    assert READ / 20 < same < READ / 4
    assert READ / 4 < sum(prompt.cloze for prompt, _ in readings) < 3 * READ / 4
    assert READ / 5 < sum("? " in prompt.facts[0] for prompt, _ in readings) < READ / 2


def test_no_relation_of_a_report_and_no_held_out_phrasing_occurs(reader):
    world = load_world()
    assert {part_of(name) for name in reader.world.relations} == {TRAINING}
    hidden = {
        text
        for relation in world.relations.values()
        for text in (
            (*relation.statements, *relation.questions, *relation.clozes)
            if part_of(relation.name) != TRAINING
            else relation.held_out
        )
    }
    shown = {
        text
        for relation in reader.world.relations.values()
        for text in (*relation.phrasings(held_out=False), *relation.training_statements())
    }
    assert shown.isdisjoint(hidden)
    asked = {text.replace("{s}", "{}").casefold() for text in hidden}
    assert asked.isdisjoint(text.casefold() for one in reader.worded for text in one.wordings)
    domains = {one.name for relations in worded(for_calibration=True).values() for one in relations}
    kept = {one.name for relations in worded(for_calibration=False).values() for one in relations}
    assert {one.name for one in reader.worded} <= kept
    assert domains - kept  # so that there is something to measure on
    assert all(entity.tier < UNSEEN_TIER for entity in reader.names)
    assert all(fact.tier < UNSEEN_TIER for fact in reader.facts)


def test_what_the_model_knows_is_contradicted(monkeypatch):
    reader, drawn = EditReader(seed=4), []
    monkeypatch.setattr(reader, "_of_world", drawn.append)
    for _ in range(500):
        reader.known_subject()
    world = load_world()
    assert {fact.relation for fact in drawn} <= world.relations.keys()
    assert set(drawn).isdisjoint(world.facts)
    assert sum(fact.tier == 1 for fact in drawn) > 300


def test_the_same_seed_draws_the_same_readings(readings):
    assert list(islice(EditReader(seed=3).readings(), 50)) == readings[:50]


def test_it_is_trained_on_what_the_seed_draws(readings):
    model = load_model("kedit-mini", device="cpu")
    drawn = list(islice(training.lessons(model, seed=3), 5))
    assert drawn == [lesson(model, prompt, answer) for prompt, answer in readings[:5]]


# How it is measured


class Says:
    name, fingerprint = "says", "s"


def test_shares_by_kind_are_those_counted_by_hand():
    cases = [
        evaluation.Case("A?", "A? the X", ("X", "Ex"), ("prompt", "unseen_relation")),
        evaluation.Case("B?", "A? X", ("X",), ("held_out",)),
        evaluation.Case("C is", "A? X", ("X",), ("held_out", "unseen_relation")),
    ]
    assert cases[0].asked == Prompt(question="A?", facts=("A? the X",))
    run = describe_run("counterfactual", "world")
    rows = list(evaluation.measured(Says(), cases, ["ex", "no", "the X"], run))
    found = {(row.metric, row.kind): (row.value, row.n) for row in rows}
    assert found == {
        ("reliability", "all"): (1.0, 1),
        ("generalization", "unseen_relation"): (1.0, 2),
        ("generalization", "held_out"): (0.5, 2),
    }


def test_the_card_takes_its_figures_from_rows_and_the_record(tmp_path, monkeypatch):
    (tmp_path / "adapter_model.safetensors").write_bytes(b"0" * 4096)
    run = {"rank": 3, "batch": 5, "minutes": 2.5, "seed": 1, "learning_rate": 0.002, "steps": 4000, "seconds": 6}
    runs = [run | {"resume": False}, run | {"resume": True, "seed": 2, "steps": 321}]
    (tmp_path / "training.json").write_text(json.dumps({"runs": runs}))
    monkeypatch.setattr(evaluation, "counterfactual_model", lambda: tmp_path)
    row = {"dataset": "world", "metric": "reliability", "kind": "all", "low": 0.1, "high": 0.9, "n": 30}
    models = {"kedit-mini": (0.25, 0.5), "kedit-mini-counterfactual": (0.75,)}
    evaluation.write_card([row | {"method": name, "value": v} for name, values in models.items() for v in values])
    card = (tmp_path / "README.md").read_text()
    assert "| world | own prompt | 30 | 0.500 | 0.100 to 0.900 | 0.750 | 0.100 to 0.900 |" in card
    assert "4,321 steps" in card
    assert "    python scripts/train_counterfactual.py --minutes 2.5 --seed 2 --learning-rate 0.002 --resume" in card
    assert "rank 3 at all projections, 4 kB" in card
