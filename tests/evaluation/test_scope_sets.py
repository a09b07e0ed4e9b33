"""The public sets, in small folders of their own format, and the shipped world."""

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import scope_wordings

from kedit_memory.errors import InvalidInputError, NotFoundError
from kedit_memory.evaluation import negatives
from kedit_memory.evaluation.datasets.public import sources_of
from kedit_memory.evaluation.tasks.scope.cases import (
    CALIBRATING,
    TEST,
    TRAINING,
    OpenQuestion,
    ScopeEdit,
    ScopeSet,
    part_by_hash,
)
from kedit_memory.evaluation.tasks.scope.sets import (
    SETS,
    counterfact_set,
    lre_set,
    open_questions,
    outside,
    pararel_set,
    part_of,
    world_set,
    zsre_set,
)

COVERED = {"prompt", "rephrasing", "dialogue", "misspelt"}


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "\n".join(json.dumps(row) for row in content) if path.suffix == ".jsonl" else json.dumps(content)
    path.write_text(lines, "utf-8")


def counterfact_row(subject: str, **fields: str) -> dict[str, str]:
    return {
        "subject": subject,
        "prompt": f"The mother tongue of {subject} is",
        "target_new": "English",
        "ground_truth": "Dutch",
        "rephrase_prompt": f"It rained. {subject} speaks",
        "locality_prompt": "The mother tongue of Max Roe is",
    } | fields


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """All sets, a few rows of each; of CounterFact only the template of P103 is known."""
    names = [f"Ann Lee{'x' * n}" for n in range(12)]
    rows = [counterfact_row(name) for name in names]
    rows.append(counterfact_row("Bo", prompt="Bo was born in", target_new="Rome", locality_prompt="Max was born in"))
    write(tmp_path / "counterfact/counterfact-train.json", rows)
    write(tmp_path / "counterfact/counterfact-val.json", [counterfact_row(names[0], target_new="French")])
    known = [{"prompt": "The mother tongue of Eve is", "subject": "Eve", "relation_id": "P103"}]
    write(tmp_path / "counterfact/known_1000.json", known)
    for relation, template in (("P103", "{} speaks"), ("P19", "{} comes from"), ("P413", "{} plays in position")):
        clozes = [template, f"Everyone knows: {template}", f"As they say, {template}"]
        patterns = [{"pattern": f"{cloze.replace('{}', '[X]')} [Y] ."} for cloze in clozes]
        write(tmp_path / f"pararel/patterns/{relation}.jsonl", [*patterns, {"pattern": "[Y] is where [X] lives."}])
        facts = [{"sub_label": name, "obj_label": f"thing {place % 3}"} for place, name in enumerate(names)]
        write(tmp_path / f"pararel/trex_lms_vocab/{relation}.jsonl", facts)
    zsre = [
        {
            "subject": name,
            "prompt": f"Which constellation is {name} in?",
            "target_new": "Lyra",
            "ground_truth": ["Orion"],
            "rephrase_prompt": f"What constellation holds {name}?",
            "locality": {
                "Relation_Specificity": [
                    {"prompt": f"The {'mass' if n else 'constellation'} of {name} is", "ground_truth": [["heavy"]]}
                ]
            },
        }
        for n, name in enumerate(names)
    ]
    zsre.append(
        {
            "subject": "Bo",
            "prompt": "Where was Bo born?",
            "target_new": "Rome",
            "ground_truth": ["Oslo"],
            "rephrase_prompt": "Bo's home?",
        }
    )
    write(tmp_path / "zsre/ZsRE-test-all.json", zsre)
    for name, kind in (("person mother", "woman"), ("person university", "school"), ("country capital", "city")):
        relation = {
            "name": name,
            "prompt_templates": [f"{{}} has the {kind}", f"The {kind} of {{}} is"],
            "prompt_templates_zs": [f"Which {kind} has {{}}? It is"],
            "properties": {"domain_name": "country" if kind == "city" else "person", "range_name": kind},
            "samples": [
                {"subject": f"{'Land' if kind == 'city' else 'Person'} {n}", "object": f"{kind} {n}"} for n in range(8)
            ],
        }
        write(tmp_path / f"relations_lre/factual/{kind}.json", relation)
    natural = [{"question": f"natural {n}", "answer": "yes", "aliases": []} for n in range(9)]
    write(tmp_path / "nq_open/nq_open_validation.json", natural)
    reading = [{"question": f"reading {n}", "answers": [{"text": "no"}]} for n in range(9)]
    squad = {"data": [{"paragraphs": [{"qas": reading}]}]}
    write(tmp_path / "squad/squad1.1_dev_from_explorer.json", squad)
    return tmp_path


def kinds(one: ScopeSet) -> Counter[str]:
    return Counter(case.kind for case in one.cases)


def check(one: ScopeSet) -> None:
    """What holds for every set."""
    prompts = {edit.prompt.casefold() for edit in one.edits}
    assert len(prompts) == len(one.edits)
    assert kinds(one)["prompt"] == len(prompts)
    assert set(kinds(one)) <= COVERED | set(negatives.KINDS)
    for case in one.cases:
        edit = one.edits[case.edit]
        assert case.covered == (case.kind in COVERED)
        assert (case.part, case.held_out) == (edit.part, edit.part == TEST)
        assert case.covered or case.question.casefold() not in prompts
        if case.kind in {"same_subject", "mention", "dialogue", "prefix"}:
            assert edit.subject.casefold() in case.question.casefold()
        if case.kind == "prompt":
            assert case.question == edit.prompt


@pytest.mark.parametrize("name", ["counterfact", "zsre", "pararel", "lre"])
def test_a_public_set_is_read_the_same_each_time(data: Path, name: str) -> None:
    one = SETS[name](data, seed=3)
    check(one)
    assert one == SETS[name](data, seed=3)
    assert one != SETS[name](data, seed=4)
    assert one.name == name


def test_counterfact_splits_by_the_property_of_its_templates(data: Path) -> None:
    one = counterfact_set(data)
    # One prompt comes with a second answer, and what Bo has for a rephrasing is none of the relation's prompts.
    assert (len(one.edits), one.dropped) == (13, 2)
    assert Counter(edit.part for edit in one.edits) == {TEST: 12, TRAINING: 1}
    assert (kinds(one)["rephrasing"], kinds(one)["same_relation"]) == (12, 13)
    assert one.edits[0].relation == "P103"


def test_counterfact_gives_negatives_the_prefix_of_a_rephrasing(data: Path) -> None:
    asked = [case.question for case in counterfact_set(data).cases if case.kind == "same_relation"]
    assert Counter(text.startswith("It rained. ") for text in asked) == {True: 12, False: 1}


def test_counterfact_guesses_a_template_by_its_neighbours(data: Path) -> None:
    row = counterfact_row("Kim", prompt="Kim thinks in", locality_prompt="The mother tongue of Max is")
    write(data / "counterfact/counterfact-val.json", [row])
    assert {edit.subject: edit.relation for edit in counterfact_set(data).edits}["Kim"] == "P103"


def test_zsre_stores_another_property_for_half_of_the_subjects(data: Path) -> None:
    one = zsre_set(data)
    assert Counter(edit.part for edit in one.edits) == {TEST: 12, TRAINING: 1}
    turned = {place for place, edit in enumerate(one.edits) if "mass" in edit.prompt}
    assert 0 < len(turned) < 11
    assert all(one.edits[place].target == "heavy" for place in turned)
    for case in one.cases:
        if case.question.startswith("What constellation"):
            assert (case.edit in turned) == (case.kind == "same_subject")


def test_a_question_that_another_edit_answers_is_taken_out(data: Path) -> None:
    one = pararel_set(data)  # every subject has all three relations stored
    assert kinds(one)["same_subject"] == 0
    assert one.dropped > 0


def test_a_vague_prompt_is_stored_and_nothing_is_made_of_it(data: Path) -> None:
    row = counterfact_row("Kim", prompt="Kim, the", locality_prompt="Max, the")
    write(data / "counterfact/counterfact-val.json", [row])
    one = counterfact_set(data)
    (place,) = [n for n, edit in enumerate(one.edits) if edit.subject == "Kim"]
    assert one.edits[place].relation == ""
    assert {case.kind for case in one.cases if case.edit == place} == {"prompt", "same_relation", "in_passing"}


def test_a_wording_that_two_stored_edits_answer_is_taken_out(data: Path) -> None:
    patterns = [{"pattern": f"[X]{text} [Y] ."} for text in (", who speaks the", " talks in", " says it in")]
    write(data / "pararel/patterns/P37.jsonl", patterns)
    write(data / "pararel/trex_lms_vocab/P37.jsonl", [{"sub_label": "Ann Lee", "obj_label": "thing"}])
    one = pararel_set(data)
    asked = {case.question for case in one.cases if case.kind == "rephrasing" and case.covered}
    assert "Ann Lee speaks" not in asked  # "Ann Lee, who speaks the" asks for the official language
    assert "Ann Leex speaks" in asked or "Ann Leexx speaks" in asked


def test_a_possessive_does_not_hide_that_a_question_is_answered(data: Path) -> None:
    del data
    one = world_set(seed=2)
    held = {(edit.relation, edit.subject) for edit in one.edits if "'s " in edit.subject}
    assert held
    for case in one.cases:
        if case.kind == "same_relation":
            relation = one.edits[case.edit].relation
            assert not any(name in case.question for kind, name in held if kind == relation)


def test_pararel_keeps_the_patterns_that_end_with_the_answer(data: Path) -> None:
    one = pararel_set(data)
    assert {edit.relation: edit.part for edit in one.edits} == {"P103": TEST, "P19": TRAINING, "P413": CALIBRATING}
    assert not any("lives" in case.question for case in one.cases)
    assert kinds(one)["rephrasing"] == 2 * len(one.edits)
    prompt = {place: edit.prompt for place, edit in enumerate(one.edits)}
    assert all(case.question != prompt[case.edit] for case in one.cases if case.kind == "rephrasing")


def test_lre_asks_what_its_templates_ask(data: Path) -> None:
    one = lre_set(data)
    assert {edit.part for edit in one.edits if edit.relation == "country capital"} == {TRAINING}
    assert {edit.part for edit in one.edits if edit.relation == "person mother"} == {TEST}
    assert not any("? It is" in case.question for case in one.cases)
    women = {case.question for case in one.cases if one.edits[case.edit].relation == "person mother"}
    assert any(text.startswith("Which woman has Person") for text in women)


def test_the_world_has_all_three_parts() -> None:
    one = world_set(seed=2)
    check(one)
    assert len(one.edits) > 1000
    assert {edit.part for edit in one.edits} == {TRAINING, CALIBRATING, TEST}
    assert {part_of(edit.relation) == edit.part for edit in one.edits} == {True}
    assert set(kinds(one)) >= COVERED | {"same_subject", "similar_name", "negation", "mention", "prefix"}
    assert any(edit.aliases for edit in one.edits)


def test_questions_of_other_things_come_in_dialogues_too() -> None:
    one = world_set(seed=2)
    plain = [case for case in one.cases if case.kind in {"same_subject", "same_relation"}]
    after = [case for case in one.cases if case.kind == "in_passing"]
    assert len(plain) == len(after) > 100
    for before, case in zip(plain, after, strict=True):
        assert case.question.endswith(before.question)
        assert case.question != before.question
        assert (case.edit, case.part, case.covered) == (before.edit, before.part, False)


def test_a_relation_belongs_to_one_part() -> None:
    assert [part_of(name) for name in ("P103", "P413", "P19", "", "currency", "genre")] == [
        TEST, CALIBRATING, TRAINING, TRAINING, TEST, CALIBRATING,
    ]  # fmt: skip


def test_open_questions_are_half_of_each_source(data: Path) -> None:
    asked = open_questions(data, 7, seed=1)
    assert Counter(question.text.split()[0] for question in asked) == {"natural": 3, "reading": 4}
    assert all(question.answers for question in asked)
    assert asked == open_questions(data, 7, seed=1)
    assert len(open_questions(data, 100)) == 18  # all that there are


@pytest.mark.parametrize(
    ("question", "answers", "covered"),
    [
        ("in what year was nikola tesla born", ["1856"], True),
        ("when was Nikola Tesla's birth?", ["10 July 1856", "July 1856"], True),
        ("what did Nikola Tesla build", ["a coil"], False),  # another relation
        ("who was born in 1856", ["Nikola Tesla"], False),  # names no subject
        ("how long did Nikola Tesla live", ["86 years, from 1857"], False),
    ],
)
def test_an_open_question_that_an_edit_answers_is_left_out(question: str, answers: list[str], covered: bool) -> None:
    edit = ScopeEdit(prompt="Tesla's birth year is", target="1901", subject="Nikola Tesla", part=TEST, truth=("1856",))
    asked = [OpenQuestion(text=question, answers=tuple(answers))]
    assert outside(asked, [edit]) == ([] if covered else asked)


def test_what_is_missing_or_broken_is_said(data: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no folder .*none.zsre; name the folder .* --path or KEDIT_DATA"):
        zsre_set(tmp_path / "none")
    (data / "zsre" / "ZsRE-test-all.json").write_text("[", "utf-8")
    with pytest.raises(InvalidInputError, match=r"ZsRE-test-all\.json cannot be read as JSON"):
        zsre_set(data)


@pytest.mark.parametrize(
    ("question", "negation"),
    [
        ("Where was Bo born?", {"Where was not Bo born?", "Where was never Bo born?"}),
        ("In which film does Bo Lee star?", {"In which film does Bo Lee not star?"}),
        ("Bo speaks", {"Bo does not speak"}),
        ("The language of Bo is", {"The language of Bo is not", "The language of Bo is never"}),
        ("Bo's home?", {None}),
    ],
)
def test_a_negation_turns_the_verb(question: str, negation: set[str | None]) -> None:
    assert {negatives.negated(question, random.Random(seed)) for seed in range(20)} == negation


def test_a_similar_name_shares_a_word_and_is_another() -> None:
    names = ["Max Roe", "Lima"]
    for seed in range(60):
        rng = random.Random(seed)
        for name in ("Ann Lee Fox", "Bonn"):
            other = negatives.similar_name(name, names, rng)
            assert other != name
            assert set(other.split()) & set(name.split())


def test_longer_clothes_keep_the_question() -> None:
    question = "Who leads Acme?"
    for seed in range(30):
        assert negatives.in_passing(question, "Acme", random.Random(seed)).endswith(question)
        after = negatives.dropped(question, random.Random(seed))
        assert question in after
        assert not after.endswith(question)
        assert "Acme" in negatives.mention("Acme", random.Random(seed))
    assert negatives.swapped(question, "Acme", "Bo") == "Who leads Bo?"


@pytest.mark.parametrize(
    ("question", "subject", "target"),
    [
        ("Who is Ann Lund's spouse?", "Ann Lund", "Bo Ek"),
        ("To whom is Ann Lund married?", "Ann Lund", "Bo Ek"),
        ("Which country borders Norway?", "Norway", "Sweden"),
        ("Who owns Acme?", "Acme", "Acme Holding"),
        ("In which county is Little Wick Park?", "Little Wick Park", "little wick"),
    ],
)
def test_what_an_edit_answers_both_ways_is_not_asked_the_other_way_round(
    question: str, subject: str, target: str
) -> None:
    assert negatives.swapped(question, subject, target) is None


@pytest.mark.parametrize("seed", range(20))
def test_a_slip_changes_one_word_of_the_name_and_no_first_letter(seed: int) -> None:
    rng = random.Random(seed)
    slipped = negatives.misspelt("Who leads Greater Manchester now?", "Greater Manchester", rng)
    before, after = ["Who", "leads", "Greater", "Manchester", "now?"], (slipped or "").split()
    changed = [(one, other) for one, other in zip(before, after, strict=True) if one != other]
    assert len(changed) == 1
    ((one, other),) = changed
    assert one in {"Greater", "Manchester"}
    assert one[0] == other[0]
    assert abs(len(one) - len(other)) <= 1


def test_only_the_last_sentence_is_negated() -> None:
    text = "The doubles, however, was another story. Nokia N810 is made by"
    assert negatives.negated(text, random.Random(1)) in {
        "The doubles, however, was another story. Nokia N810 is not made by",
        "The doubles, however, was another story. Nokia N810 is never made by",
    }
    assert negatives.negated("It was late. Nokia N810, made by", random.Random(1)) is None


def test_a_short_name_bears_no_slip() -> None:
    assert negatives.misspelt("Who is Ann Lee?", "Ann Lee", random.Random(1)) is None
    assert negatives.misspelt("Who is she?", "Greater Manchester", random.Random(1)) is None


def test_thresholds_are_chosen_on_types_that_training_has_not() -> None:
    kept, learned = (scope_wordings.worded(for_calibration=part) for part in (True, False))
    assert set(kept) == scope_wordings.FOR_CALIBRATION
    assert not set(kept) & set(learned)
    made = scope_wordings.worded_set()
    assert {case.part for case in made.cases} == {CALIBRATING}
    texts = {text for relations in learned.values() for relation in relations for text in relation.wordings}
    wordings = {edit.prompt.replace(edit.subject, "{}") for edit in made.edits}
    assert not wordings & texts
    edit = made.edits[0]
    asked = {case.kind: case for case in made.cases if case.edit == 0}
    assert asked["rephrasing"].covered
    assert edit.subject in asked["rephrasing"].question
    assert not asked["same_subject"].covered
    own = next(
        r for relations in kept.values() for r in relations if edit.prompt.replace(edit.subject, "{}") in r.wordings
    )
    assert asked["same_subject"].question.replace(edit.subject, "{}") not in own.wordings


def test_a_unit_is_always_of_the_same_part() -> None:
    units = [f"article {n}" for n in range(4000)]
    shares = Counter(part_by_hash(unit, trains=True) for unit in units)
    assert abs(shares[TRAINING] / 4000 - 0.6) < 0.03
    assert abs(shares[CALIBRATING] / 4000 - 0.15) < 0.03
    measured = Counter(part_by_hash(unit, trains=False) for unit in units)
    assert TRAINING not in measured
    assert abs(measured[CALIBRATING] / 4000 - 0.4) < 0.03
    assert part_by_hash("Harbour rules", trains=True) == part_by_hash("harbour RULES", trains=True)


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("contrast", ("statements", "qamr", "counterfact", "zsre", "dstc9_faq")),
        ("invariance", ("statements", "qamr", "counterfact", "zsre", "dstc9_faq")),
        ("mixed", ("counterfact", "pararel", "lre", "statements", "qamr", "policies", "support")),
    ],
)
def test_the_data_of_a_set_of_sets_are_those_of_all(name, of, tmp_path):
    assert set(sources_of(name, tmp_path)) == {folder for one in of for folder in sources_of(one, tmp_path)}
