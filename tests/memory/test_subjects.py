"""Names, by which a question must call a subject, are told from phrases, which it may word otherwise."""

import pytest

from kedit_memory.memory.subjects import is_name, is_unnamed


@pytest.mark.parametrize(
    "subject",
    ["Acme", "Danielle Darrieux", "Ludwig van Beethoven", "University of Oxford", "iPhone 15", "eBay", "O'Neill", "K2"],
)
def test_names(subject: str) -> None:
    assert is_name(subject, f"What is known of {subject}?")


@pytest.mark.parametrize(
    "subject", ["refund window", "annual leave", "the office wifi", "UK annual leave", "年假", "of the", "?!"]
)
def test_phrases(subject: str) -> None:
    assert not is_name(subject, f"What is known of {subject}?")


def test_a_phrase_in_capitals_is_one_where_its_prompt_writes_it_small() -> None:
    assert not is_name("Annual Leave", "How many days of annual leave do I get?")
    assert is_name("Annual Leave", "Annual Leave: how much?")
    assert is_name("Acme", "who leads acme?")  # whoever wrote this uses no capitals
    assert is_name("Was", "Wasps are what?")


def test_an_edit_without_a_subject_need_not_be_named() -> None:
    assert is_unnamed(None)
    assert is_unnamed("refund window")
    assert not is_unnamed("Acme")
