"""Which passages may go before a question: those that name what it names and speak of it."""

import pytest

from kedit_memory.models.encoder import HashingEncoder
from kedit_memory.records import Mention, Passage, RetrievedPassage
from kedit_memory.retrieval.passages import sift, told_aside
from kedit_memory.retrieval.relevance import Relevance

WORDS = Relevance(HashingEncoder())


def found(title: str, text: str, written_by: str | None = None) -> RetrievedPassage:
    passage = Passage(id=title or "p-1", title=title, text=text)
    return RetrievedPassage(passage=passage, score=1.0, written_by=written_by)


GISORS = found("Gisors", "The mayor of Gisors is Ann Berg.")
ROUEN = found("Rouen", "The mayor of Rouen is Ida Lund.")
KITCHEN = found("", "A tin can is opened with a can opener.")


def test_a_passage_of_another_matter_is_set_aside() -> None:
    sifted = sift("Who is the mayor?", (), [KITCHEN, GISORS], WORDS)
    assert (sifted.kept, sifted.aside) == ((GISORS,), (KITCHEN,))


def test_a_known_name_must_stand_in_the_passage() -> None:
    named = [Mention(start=16, end=22, surface="Gisors", name="Gisors")]
    assert sift("Who is mayor of Gisors?", named, [ROUEN, GISORS], WORDS).kept == (GISORS,)


def test_where_words_alone_decide_a_known_name_is_enough() -> None:
    named = [Mention(start=10, end=16, surface="Gisors", name="Gisors")]
    asked = "Who leads Gisors through hard times these days?"
    assert sift(asked, named, [GISORS], WORDS).kept == (GISORS,)
    assert sift(asked, (), [GISORS], WORDS).kept == ()


@pytest.mark.parametrize(
    ("question", "kept"),
    [
        ("Is Ann Berg mayor of Gisors?", True),
        ("Is Ann Vik mayor of Gisors?", True),
        ("Is Jo Vik mayor of Rouen?", False),
    ],
)
def test_half_of_the_proper_names_must_stand_in_the_passage(question: str, kept: bool) -> None:
    assert bool(sift(question, (), [GISORS], WORDS).kept) is kept


def test_a_passage_that_was_written_for_the_question_is_kept() -> None:
    own = found("", "Something else.", written_by="tiny")
    assert sift("Who is the mayor of Gisors?", (), [own], WORDS).kept == (own,)


def test_the_reason_names_what_was_left_out_once() -> None:
    assert told_aside([]) == ""
    assert told_aside([ROUEN, ROUEN, KITCHEN]) == "; found, but left out as not about the question: Rouen, p-1"
