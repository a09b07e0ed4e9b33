"""Everyday matters: each block can be filled, and a question about it is labelled as the file says."""

import random
from itertools import islice

import pytest

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation import everyday
from kedit_memory.evaluation.templates import slots


def test_every_wording_of_a_matter_has_its_name():
    assert len(everyday.matters()) > 100
    for matter in everyday.matters():
        for text in (*matter.wordings, *matter.stated, *matter.others):
            assert not matter.about or f"{{{matter.about}}}" in text, text


def test_no_wording_stands_in_two_matters():
    texts = [text for one in everyday.matters() for text in one.wordings]
    assert len(texts) == len(set(texts))


def test_examples_are_filled_and_of_both_classes():
    found = list(islice(everyday.everyday_examples(random.Random(2), "training"), 400))
    assert 120 < sum(one.covered for one in found) < 240
    for one in found:
        assert not slots(f"{one.question} {one.wording} {one.answer}")
        assert one.question != one.wording
        assert all(name.casefold() in one.question.casefold() for name in one.names)


def test_a_block_without_other_questions_is_refused(tmp_path, monkeypatch):
    (tmp_path / "everyday").mkdir()
    (tmp_path / "everyday" / "training.txt").write_text("=> x\nWho is it?\nWhat is their name?\n= It is {a}.\n")
    monkeypatch.setattr(everyday, "data_folder", lambda: tmp_path)
    everyday.matters.cache_clear()
    with pytest.raises(InvalidInputError, match="no matter: '=> x / Who is it"):
        everyday.matters()
    everyday.matters.cache_clear()
