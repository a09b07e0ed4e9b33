"""Phrases around a name: where they begin and end, and that something is left to ask."""

import pytest

from kedit_memory.routing.phrases import phrases, put


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


def test_a_phrase_does_not_end_before_its_preposition_nor_behind_a_mark() -> None:
    ends = found("Who leads the team that Ann plays for, and where?", "Ann")[0]
    assert "the team that Ann plays" not in ends
    assert "the team that Ann plays for" in ends
    assert not any("," in end for end in ends)


def test_a_name_takes_the_place_of_a_phrase() -> None:
    text = "Who is the mayor of the capital of Norway?"
    assert put(text, (20, 41), "Bergen") == "Who is the mayor of Bergen?"
