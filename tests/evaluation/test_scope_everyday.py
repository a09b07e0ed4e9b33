"""Everyday matters: each block can be filled, and a question about it is labelled as the file says."""

import random
from itertools import islice
from pathlib import Path

import pytest

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.datasets.public import sources_of
from kedit_memory.evaluation.tasks.scope import everyday
from kedit_memory.evaluation.tasks.scope.cases import CALIBRATING, TEST
from kedit_memory.evaluation.templates import slots


def test_every_text_of_a_matter_has_its_name():
    assert len(everyday.matters()) > 500
    for matter in everyday.matters():
        dialogues = [" ".join(dialogue) for dialogue in (*matter.follow, *matter.lead_away)]
        for text in (*matter.wordings, *matter.stated, *matter.others, *dialogues):
            assert not matter.about or f"{{{matter.about}}}" in text, text


def test_sentences_say_the_answer_and_questions_do_not():
    for matter in everyday.matters():
        assert all("{a}" in text for text in matter.stated), matter.stated
        assert not any("{a}" in text for text in (*matter.wordings, *matter.others)), matter.wordings


def test_no_wording_stands_in_two_matters_or_among_the_others_of_its_own():
    texts = [text for one in everyday.matters() for text in one.wordings]
    assert len(texts) == len(set(texts))
    assert not any(set(one.wordings) & set(one.others) for one in everyday.matters())


def test_examples_are_filled_and_of_both_classes():
    found = list(islice(everyday.everyday_examples(random.Random(2), _first), 2000))
    assert 700 < sum(one.covered for one in found) < 1100
    assert any(one.turns for one in found)
    for one in found:
        assert not slots(" ".join((one.question, one.wording, one.answer, *one.turns)))
        assert one.question != one.wording


def test_a_question_of_a_neighbour_is_not_covered():
    found = islice(everyday.everyday_examples(random.Random(4), _first), 2000)
    known = {text for one in everyday.matters() for text in one.wordings}
    assert any(not one.covered and one.question in known for one in found)


def test_the_set_asks_what_is_not_trained_on():
    one = everyday.everyday_set()
    assert {case.part for case in one.cases} == {CALIBRATING, TEST}
    kinds = {case.kind: case.covered for case in one.cases}
    assert kinds == {
        "prompt": True, "question": True, "rewording": True, "follow_up": True,
        "near_miss": False, "leads_away": False, "namesake": False,
    }  # fmt: skip
    assert one == everyday.everyday_set()


@pytest.mark.parametrize("data", [None, Path("/nowhere")])
def test_it_needs_no_public_data(data):
    (folder,) = sources_of("everyday", data)
    assert any(folder.glob("*.txt"))


@pytest.mark.parametrize(
    "block",
    [
        "=> x\nWho is it?\nWhat is their name?\n= It is {a}.\n",
        "=> x\nWho?\nWhose?\n= It is {a}.\n! When?\n+ And now?\n",
    ],
    ids=["no other question", "a dialogue of one turn"],
)
def test_a_block_that_cannot_be_read_is_refused(tmp_path, monkeypatch, block):
    (tmp_path / "everyday").mkdir()
    (tmp_path / "everyday" / "one.txt").write_text(block)
    monkeypatch.setattr(everyday, "data_folder", lambda: tmp_path)
    everyday.matters.cache_clear()
    with pytest.raises(InvalidInputError, match="no matter: '=> x / Who"):
        everyday.matters()
    everyday.matters.cache_clear()


def _first(asked, held):
    return [range(len(held)) for _ in asked]
