"""Phrases around a name: where they begin and end, and that something is left to ask."""

import pytest

from kedit_memory.routing.phrases import head, phrases, put


def found(text: str, name: str) -> list[list[str]]:
    at = text.index(name)
    return [[text[slice(*span)] for span in group] for group in phrases(text, at, at + len(name))]


@pytest.mark.parametrize(
    ("text", "name", "innermost"),
    [
        ("Who is the mayor of the capital of Norway?", "Norway", "the capital of Norway"),
        ("Where was the author of Hamlet born?", "Hamlet", "the author of Hamlet"),
        (
            "Who leads the country that Ann Berg is a citizen of?",
            "Ann Berg",
            "the country that Ann Berg is a citizen of",
        ),
        ("Which river flows through Norway's capital?", "Norway", "Norway's capital"),
        ('In which year did the author of "The Long Way" die?', "The Long Way", 'the author of "The Long Way"'),
        ("Where was the Netherlands' king born?", "Netherlands", "the Netherlands' king"),
    ],
)
def test_the_innermost_phrase_comes_first(text: str, name: str, innermost: str) -> None:
    assert innermost in found(text, name)[0]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("What is the capital of Norway?", "Norway"),
        ("What is the name of the capital of Norway?", "Norway"),
        ("Where does Ann Berg live?", "Ann Berg"),
        ("How long is the Rhine?", "Rhine"),
    ],
)
def test_a_question_that_is_its_own_phrase_has_none(text: str, name: str) -> None:
    assert not found(text, name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Where does the film Up come from?", "Up"),  # the film is the name's own, it is not what a fact says of it
        ("Where do the members of Harrow Town Band live?", "Harrow Town"),
    ],
)
def test_a_name_with_its_kind_or_the_beginning_of_a_longer_one_is_no_phrase(text: str, name: str) -> None:
    assert not any(one.endswith(name) for group in found(text, name) for one in group)


@pytest.mark.parametrize(
    ("phrase", "told"),
    [
        ("the home country of Ann Berg", "country"),
        ("Ann Berg's home country", "country"),
        ("the person who wrote Hamlet", "person"),
        ("the city in which Hamlet was first played", "city"),
    ],
)
def test_a_phrase_is_what_its_last_noun_before_the_name_says(phrase: str, told: str) -> None:
    assert head(phrase) == told


def test_a_phrase_does_not_end_before_its_preposition_nor_behind_a_mark() -> None:
    ends = found("Who leads the team that Ann plays for, and where?", "Ann")[0]
    assert "the team that Ann plays" not in ends
    assert "the team that Ann plays for" in ends
    assert not any("," in end for end in ends)


def test_a_name_takes_the_place_of_a_phrase() -> None:
    text = "Who is the mayor of the capital of Norway?"
    assert put(text, (20, 41), "Bergen") == "Who is the mayor of Bergen?"
