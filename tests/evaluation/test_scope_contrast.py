"""Made examples, and the sets of contrast and invariance."""

import random
from collections import Counter
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from kedit_memory.evaluation import contrast, invariance
from kedit_memory.evaluation.tasks.scope.cases import TEST, TRAINING, ScopeCase, ScopeEdit, ScopeSet
from kedit_memory.evaluation.tasks.scope.contrasts import contrast_set
from kedit_memory.evaluation.tasks.scope.examples import Example
from kedit_memory.evaluation.tasks.scope.invariances import PLAIN, invariance_set
from kedit_memory.evaluation.tasks.scope.made import contrasted, made_examples, other_question, varied_example

OPENING = Example(
    question="When does Elm open?", wording="Elm: when does it open?", answer="9", covered=True, names=("Elm",)
)


def test_made_examples_are_of_three_sorts_and_never_ask_in_the_edits_own_words() -> None:
    found = list(islice(made_examples(random.Random(1)), 1500))
    assert sum(one.covered for one in found) / len(found) == pytest.approx(0.45, abs=0.05)
    assert all(one.question != one.wording for one in found)
    assert all(name.casefold() in f"{one.question} {one.wording}".casefold() for one in found for name in one.names)
    assert 0.2 < sum(not one.answer for one in found) / len(found) < 0.45
    assert found == list(islice(made_examples(random.Random(1)), 1500))


def test_a_contrasted_example_differs_in_one_text() -> None:
    rng = random.Random(1)
    for one in islice(made_examples(rng), 400):
        made = contrasted(one, rng)
        if made is None:
            continue
        assert one.covered
        assert not made.covered
        assert (made.question == one.question) != (made.wording == one.wording)
        assert made == replace(one, covered=False, question=made.question, wording=made.wording)


def test_no_contrast_is_made_of_what_is_not_covered_or_asks_yes_or_no_of_a_sentence() -> None:
    assert all(contrasted(replace(OPENING, covered=False), random.Random(seed)) is None for seed in range(30))
    sentence = Example(question="Does it cost 5 euros?", wording="It costs 5 euros.", answer="", covered=True)
    assert all(contrasted(sentence, random.Random(seed)) is None for seed in range(30))


def test_another_question_needs_what_changes_in_both_texts() -> None:
    rng = random.Random(1)
    assert other_question(OPENING, "opening", rng, TRAINING) == "When does Elm close?"
    elsewhere = replace(OPENING, wording="From what hour can I come to Elm?")
    assert other_question(elsewhere, "opening", rng, TRAINING) is None
    assert other_question(elsewhere, "interrogative", rng, TRAINING) is None  # it says too little in the same words
    told = replace(OPENING, wording="Elm opens at 9, on the hill.", answer="")
    assert other_question(told, "interrogative", rng, TRAINING) is None  # the sentence may tell where, too


def test_a_varied_example_keeps_what_it_says() -> None:
    rng = random.Random(1)
    for one in islice(made_examples(rng), 200):
        made = varied_example(one, rng)
        assert made != one
        assert (made.covered, made.answer, made.names) == (one.covered, one.answer, one.names)
        assert (made.question == one.question) != (made.wording == one.wording)


def mined(data: Path | None, *, seed: int) -> ScopeSet:
    del data, seed
    edits = tuple(
        ScopeEdit(prompt=f"When does the Elm {n} open before noon?", target="9", subject=f"Elm {n}", part=TEST)
        for n in range(9)
    )
    asked = [
        ScopeCase(
            question=f"At which hour before noon will the Elm {n} open?", kind=kind, edit=n, covered=True, part=TEST
        )
        for n in range(9)
        for kind in ("prompt", "rephrasing")
    ]
    return ScopeSet(name="mined", edits=edits, cases=tuple(asked))


@pytest.fixture(scope="module")
def contrasts() -> ScopeSet:
    return contrast_set(mined=(mined,))


def test_the_contrast_set_asks_every_kind_and_the_unchanged_question(contrasts: ScopeSet) -> None:
    counts = Counter((case.kind, case.covered) for case in contrasts.cases if case.part == TEST)
    for kind in contrast.KINDS:
        assert counts[kind, False] >= 300, kind
        assert counts[f"same_{kind}", True] >= 300, kind
    assert {case.kind for case in contrasts.cases} == {
        "prompt", *contrast.KINDS, *(f"same_{kind}" for kind in contrast.KINDS)
    }  # fmt: skip


def test_no_contrast_question_is_one_that_an_edit_covers(contrasts: ScopeSet) -> None:
    covered = {case.question.casefold() for case in contrasts.cases if case.covered}
    assert not any(case.question.casefold() in covered for case in contrasts.cases if not case.covered)


def test_mined_questions_are_asked_with_one_word_changed(contrasts: ScopeSet) -> None:
    asked = {case.question for case in contrasts.cases if "the Elm" in case.question and not case.covered}
    assert any("after noon" in question for question in asked)


def test_the_invariance_set_asks_every_kind_beside_the_plain_question() -> None:
    one = invariance_set(mined=(mined,))
    assert all(case.covered for case in one.cases)
    counts = Counter(case.kind for case in one.cases if case.part == TEST)
    assert set(counts) == {"prompt", PLAIN, *invariance.KINDS}
    assert all(counts[kind] >= 300 for kind in counts), counts
    assert any("Elm" in case.question for case in one.cases if case.kind == PLAIN)
