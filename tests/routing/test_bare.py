"""What is left out of a text before it is read."""

import pytest

from kedit_memory.routing.asked import asking_parts
from kedit_memory.routing.bare import bare, with_numbers_of


@pytest.mark.parametrize(
    "text",
    [
        "Where was Ann Berg born?",
        "Where was Dr. Ann Berg born?",
        "Where was the late Prof. Dr. Ann Berg born?",
        "Where was Sir Ann Berg born?",
        "Where was “Ann Berg” born?",
        "Where was 'ANN BERG' born?".replace("ANN BERG", "Ann Berg"),
        "Where was [Ann Berg] born?",
        "Where was **Ann Berg** born?",
    ],
)
def test_a_title_and_quotes_are_no_part_of_a_name(text: str) -> None:
    assert bare(text, ("Ann Berg",)) == "Where was Ann Berg born?"


def test_a_greeting_asks_nothing() -> None:
    assert bare("Hi, quick question: where was Ann Berg born?", ("Ann Berg",)) == "where was Ann Berg born?"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Who was Lord Byron?", ("Lord Byron",)),  # part of the name that was given
        ("Who directed Sir Gawain?", ("Ann Berg",)),
        ("Who is the former president Ann Berg?", ("Ann Berg",)),  # an office is no title
        ("When was it too late, Ann Bergson?", ("Ann Berg",)),
        ("Where is it (or Ann Berg)?", ("Ann Berg",)),
    ],
)
def test_what_says_something_stays(text: str, names: tuple[str, ...]) -> None:
    assert bare(text, names) == text


def test_a_short_message_is_read_whole_and_by_the_sentences_that_ask() -> None:
    message = "Who leads Acme? My boss wants to know."
    assert [text for text, _ in asking_parts(message)] == [message, "Who leads Acme?"]
    assert asking_parts("Where was Dr. Ann Berg born?") == [("Where was Dr. Ann Berg born?", "")]
    opened = "It takes an hour to the top. The mother tongue of Ann Berg is"
    assert [text for text, _ in asking_parts(opened)] == [opened, "The mother tongue of Ann Berg is"]


@pytest.mark.parametrize(
    ("text", "other", "read"),
    [
        ("Who speaks the fifth line?", "The 5th line is Ann's.", "Who speaks the 5th line?"),
        ("fine for Ten zones", "10 zones cost $395.", "fine for 10 zones"),
        ("the third of three doors", "3 doors", "the third of 3 doors"),
        ("the fifth line", "the 4th line", "the fifth line"),
        ("five", "5,000 or 5.5 or 15 or 5-6", "five"),
        ("twenty-five", "20 and 5", "twenty-five"),
        ("one of them", "version 1.2", "one of them"),
        ("first name", "1st", "1st name"),
        ("What is on the third floor?", "Which room is on floor 3?", "What is on floor 3?"),
        ("the 2nd chapter", "chapter 2", "chapter 2"),
        ("the third floor", "floor 30, or 3 floors", "the third floor"),
        ("", "5", ""),
    ],
)
def test_spelt_numbers_are_read_as_the_other_text_writes_them(text: str, other: str, read: str) -> None:
    assert with_numbers_of(text, other) == read
