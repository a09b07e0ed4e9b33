"""Examples for training the reader, drawn from a small set that is written here."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice

import pytest

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.tasks.scope.cases import TEST, TRAINING, ScopeEdit, ScopeSet, SetBuilder
from kedit_memory.evaluation.tasks.scope.examples import Example, examples_of

SENTENCE = "The orchard closes at dusk."


def orchard() -> ScopeSet:
    builder = SetBuilder("orchard", 1)
    statement = builder.add(ScopeEdit(prompt=SENTENCE, target=SENTENCE, part=TRAINING))
    fact = builder.add(
        ScopeEdit(
            prompt="Who prunes Old Meg?",
            target="Rosalind",
            subject="Old Meg",
            aliases=("the oldest tree", "Meg the First"),
            paraphrases=("Old Meg is pruned by",),
            part=TRAINING,
        )
    )
    hidden = builder.add(ScopeEdit(prompt="Who waters the plums?", target="Ansel", part=TEST))
    assert statement is not None
    assert fact is not None
    assert hidden is not None
    builder.case("question", statement, "When does the orchard close?", covered=True)
    builder.case("same_paragraph", statement, "When does the press open?", covered=False)
    builder.case(
        "follow_up", fact, "Who prunes the oldest tree?", covered=True, turns=("Tell me of the trees.", "Yes?")
    )
    builder.case("other", fact, "Who planted Old Meg?", covered=False)
    builder.case("question", hidden, "Who gives the plums water?", covered=True)
    return builder.finished()


def drawn(near: Mapping[int, Sequence[int]] | None = None) -> list[Example]:
    return list(islice(examples_of(orchard(), random.Random(3), near=near), 3000))


def test_labels_wordings_and_names_are_those_of_the_set() -> None:
    found = drawn()
    assert Counter(one.covered for one in found)[True] == pytest.approx(1350, abs=120)
    assert not any("plums" in one.question + one.wording for one in found)
    assert all(one.question != one.wording for one in found)
    assert {one.answer for one in found if one.wording == SENTENCE} == {""}
    assert (
        Example(
            question="Who prunes the oldest tree?",
            turns=("Tell me of the trees.", "Yes?"),
            wording="Old Meg is pruned by",
            answer="Rosalind",
            names=("Old Meg", "the oldest tree"),
            covered=True,
        )
        in found
    )
    assert {one.names for one in found if one.wording == SENTENCE} == {()}


def test_the_kinds_of_negatives_come_equally_often() -> None:
    asked = Counter(one.question for one in drawn() if not one.covered)
    assert asked["When does the press open?"] == pytest.approx(asked["Who planted Old Meg?"], rel=0.15)


def test_near_edits_are_put_beside_covered_questions() -> None:
    def beside(found: Sequence[Example]) -> int:
        return sum(one.wording == SENTENCE and one.question == "Who prunes the oldest tree?" for one in found)

    found = drawn(near={1: [0]})
    assert not any(one.covered and one.wording == SENTENCE and "tree" in one.question for one in found)
    assert beside(found) > 2 * beside(drawn()) > 0


def test_a_set_without_training_is_refused() -> None:
    builder = SetBuilder("measured", 1)
    place = builder.add(ScopeEdit(prompt="Who waters the plums?", target="Ansel", part=TEST))
    assert place is not None
    builder.case("question", place, "Who gives the plums water?", covered=True)
    with pytest.raises(InvalidInputError, match="measured has no covered questions to train on"):
        examples_of(builder.finished(), random.Random(1))
