"""Intents as edits, in small folders of the sets' own format."""

import csv
import json
from collections import Counter
from pathlib import Path

import pytest

from kedit_memory.evaluation.datasets.public import sources_of
from kedit_memory.evaluation.tasks.scope.cases import CALIBRATING, TEST, TRAINING, ScopeSet
from kedit_memory.evaluation.tasks.scope.intents import INTENTS

ASKING = ("please", "now", "quickly", "again", "once more", "kindly", "if you can", "my dear", "at last", "soon")
COVERED = {"prompt", "other_wording"}


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def labelled(folder: Path, wordings: dict[str, list[str]]) -> None:
    """Texts and labels, all in the first split."""
    for split in ("train", "valid", "test"):
        rows = [(text, label) for label, texts in wordings.items() for text in texts] if split == "train" else []
        write(folder / split / "seq.in", "\n".join(text for text, _ in rows))
        write(folder / split / "label", "\n".join(label for _, label in rows))


def table(path: Path, columns: list[str], rows: list[list[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as lines:
        csv.writer(lines).writerows([columns, *rows])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    names = [f"thing{letter}" for letter in "abcdefghijklmnopqrst"]
    ends = [f"{first} {last}" for first in ASKING[:4] for last in ASKING[:4]]
    commands = {f"turn_{name}": [f"turn the {name} {end}" for end in ends] for name in names}
    for kept_out in ("at seven", "for paula", "in the kitchen", "unlike this", "for paula now", "at seven now"):
        commands["turn_thinga"].append(f"turn the thinga {kept_out}")
    labelled(tmp_path / "hwu64", commands | {"qa_definition": [f"define it {end}" for end in ends]})
    labelled(tmp_path / "snips", {"PlayMusic": ["play the song of Ann", "play that song"]})
    questions = [[f"Where is my {name} {end}?", f"lost_{name}"] for name in names for end in ASKING]
    table(tmp_path / "banking77_train/train.csv", ["text", "category"], [*questions, ["I lost $5", "lost_thinga"]])
    orders = [
        {
            "instruction": f"{verb} order {number} {end}",
            "intent": f"{verb}_order",
            "entity_value": number,
            "tags": "B",
            "response": f"Order {number} is in {{{{Order Details}}}}. Call {{{{Customer Support Phone Number}}}}. Bye.",
        }
        for verb in ("cancel", "track", "find", "send", "return", "split", "pay", "rate")
        for number in ("1001", "2002")
        for end in ASKING
    ]
    orders += [
        {**orders[0], "instruction": "cancel that", "entity_value": ""},
        {**orders[0], "instruction": "cancel the damned order 1001", "tags": "BW"},
        {**orders[0], "instruction": "what of order 9", "entity_value": "1001"},
    ]
    write(tmp_path / "bitext_customer_support/bitext_third.jsonl", "\n".join(json.dumps(row) for row in orders))
    clusters = [[str(n), f"is {name} safe {end}", "Yes. Very."] for n, name in enumerate(names) for end in ASKING]
    table(tmp_path / "covid_q/final_master_dataset.csv", ["Question ID", "Question", "Answers"], clusters)
    write(tmp_path / "rostd_ood/OODrelease.tsv", "\n".join(f"out\tx\tcommand {n}\tx" for n in range(9)))
    natural = [{"question": f"natural {n}", "answer": "yes", "aliases": []} for n in range(9)]
    write(tmp_path / "nq_open/nq_open_validation.json", json.dumps(natural))
    return tmp_path


def kinds(one: ScopeSet) -> Counter[str]:
    return Counter(case.kind for case in one.cases)


@pytest.mark.parametrize("name", INTENTS)
def test_a_set_of_intents_is_read_the_same_each_time(data: Path, name: str) -> None:
    one = INTENTS[name](data, seed=3)
    assert one == INTENTS[name](data, seed=3)
    assert one != INTENTS[name](data, seed=4)
    assert one.name == name
    stored = Counter(text for edit in one.edits for text in (edit.prompt, *edit.paraphrases))
    assert max(stored.values()) == 1
    for edit in one.edits:
        assert len(edit.paraphrases) == (0 if name.endswith("_one_wording") else 3)
    for case in one.cases:
        edit = one.edits[case.edit]
        assert case.covered == (case.kind in COVERED)
        assert case.part == edit.part
        assert case.kind == "prompt" or case.question not in stored


def test_the_part_is_that_of_the_intent_whatever_the_seed(data: Path) -> None:
    parts: dict[str, set[str]] = {}
    for seed in range(4):
        for edit in INTENTS["banking77"](data, seed=seed).edits:
            parts.setdefault(edit.relation, set()).add(edit.part)
    assert all(len(found) == 1 for found in parts.values())
    assert set().union(*parts.values()) == {TRAINING, CALIBRATING, TEST}
    assert {edit.part for edit in INTENTS["covid_q"](data).edits} == {CALIBRATING, TEST}


def test_half_of_the_intents_of_a_part_are_stored_and_the_others_asked(data: Path) -> None:
    one = INTENTS["banking77"](data)
    assert len({edit.relation for edit in one.edits}) in range(9, 13)  # of 20, halves rounded up
    assert kinds(one)["other_wording"] == 6 * len(one.edits)
    assert kinds(one)["another_intent"] == 10 * (20 - len(one.edits))
    held = {edit.relation.removeprefix("lost_") for edit in one.edits}
    refused = [case.question for case in one.cases if case.kind == "another_intent"]
    assert not any(f" {name} " in question for name in held for question in refused)


def test_wordings_with_a_value_are_left_out(data: Path) -> None:
    texts = {case.question for seed in range(6) for case in INTENTS["hwu64"](data, seed=seed).cases}
    assert any("thinga" in text for text in texts)
    assert not any(word in text for text in texts for word in ("seven", "paula", "kitchen", "unlike"))
    assert not any("$5" in case.question for case in INTENTS["banking77"](data).cases)


def test_intents_that_are_many_questions_are_asked_and_not_stored(data: Path) -> None:
    found = [INTENTS["hwu64"](data, seed=seed) for seed in range(6)]
    assert all(edit.relation != "qa_definition" for one in found for edit in one.edits)
    assert any(case.question.startswith("define") and not case.covered for one in found for case in one.cases)


def test_an_intent_with_a_value_refuses_the_other_values(data: Path) -> None:
    one = INTENTS["bitext"](data)
    assert kinds(one)["other_value"] == 10 * len(one.edits)
    for case in one.cases:
        edit = one.edits[case.edit]
        assert edit.subject in edit.prompt
        assert edit.subject in {"1001", "2002"}
        if case.kind in {"other_wording", "other_value"}:
            assert case.question.startswith(edit.relation.removesuffix("_order"))
            assert (edit.subject in case.question) == case.covered
    texts = {case.question for case in one.cases}
    assert not any(word in text for text in texts for word in ("damned", "that", "order 9"))


def test_a_response_becomes_a_short_answer(data: Path) -> None:
    for edit in INTENTS["bitext"](data).edits:
        assert edit.target == f"Order {edit.subject} is in Order Details. Call 555-0123."
    assert {edit.target for edit in INTENTS["covid_q"](data).edits} == {"Yes."}


def test_what_is_unrelated_is_of_other_sets_in_training_and_of_nobody_elsewhere(data: Path) -> None:
    one = INTENTS["banking77"](data)
    for case in one.cases:
        if case.kind == "unrelated":
            outside = case.question.startswith(("command", "natural"))
            assert outside == (case.part != TRAINING)


def test_the_folder_names_the_data_of_a_run(tmp_path: Path) -> None:
    assert sources_of("bitext_one_wording", tmp_path) == (tmp_path / "bitext_customer_support",)
    assert sources_of("hwu64", tmp_path) == (tmp_path / "hwu64",)
