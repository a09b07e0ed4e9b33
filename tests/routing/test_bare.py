"""What is left out of a text before it is read."""

import pytest

from kedit_memory.routing.asked import asking_parts
from kedit_memory.routing.bare import bare


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
