"""The stratum of a question and an edit: what can be seen of the two, in a fixed order."""

from dataclasses import replace

import pytest

from kedit_memory.records import Edit, Kind, Match
from kedit_memory.routing.foreign import is_foreign
from kedit_memory.routing.question import EXACT, FUZZY, LINKED, UNLINKED, Candidate, Question
from kedit_memory.routing.strata import DESCRIPTIONS, STRATA, may_answer, stratum_of

QUESTION = Question(text="Who leads Acme these days?", as_of=None, namespace="default")
ENGLISH = [
    "Who leads Acme?",
    "what is the capital of burkina faso",
    "Who is 李娜?",
    "Does Владимир Путин still live in Moscow?",
    "Who wrote Le Petit Prince?",
    "Which city is Universidad de los Andes in?",
    "Schrödinger's cat: whose idea was it?",
    "reset password",
    "CEO Siemens",
    "São Paulo mayor",
    "def main() -> None:",
    "TypeError: 'NoneType' object is not subscriptable",
    "curl -X POST https://api.example.com/v1/users",
    "E-1042?",
    "42",
    "🙂",
    "",
]
FOREIGN = [
    "Wo liegt Paris?",
    "In welcher Stadt hat Acme seinen Sitz?",
    "Qui dirige la société Acme ?",
    "¿Quién es el director de Acme?",
    "Chi è il direttore della Acme?",
    "Wie is de directeur van Acme?",
    "Quem é o diretor da Acme?",
    "Кто руководит компанией Acme?",
    "谁领导Acme公司？",
    "Acme Rocket Works的负责人是谁？",
    "アクメの社長は誰ですか",
    "من يقود شركة أكمي؟",
    "एक्मे का प्रमुख कौन है?",
    "누가 아크메를 이끌고 있습니까?",
]


def candidate(found=LINKED, *, prompt="Who leads Acme?", target="Ann Berg", key=None, subject="Acme"):
    edit = Edit(
        id="e1", kind=Kind.INSERTION, prompt=prompt, target=target, statement=target, subject=subject, radius=0.6,
        created_at="2026-01-01",
    )  # fmt: skip
    return Candidate(match=Match(edit=edit, key=key or prompt, distance=0.5, radius=0.6), found=found)


@pytest.mark.parametrize(
    ("text", "turns", "one", "stratum"),
    [
        ("Wer leitet Acme?", ("Hallo",), candidate(EXACT), EXACT),
        ("Wer leitet Acme im Jahr 2020?", ("Hallo",), candidate(FUZZY), "foreign"),
        ("And in 2020?", ("Who leads Acme?",), candidate(FUZZY), "dialogue"),
        ("Who led Acmme in 2020?", (), candidate(FUZZY), "fuzzy"),
        ("Who led Acme in 2020?", (), candidate(), "values"),
        ("Who leads Acme?", (), candidate(key="Who leads Acme on Mondays?"), "values"),
        ("Who leads Acme?", (), candidate(), "linked"),
        ("Who leads it?", (), candidate(UNLINKED, prompt="Ann leads it.", target="Ann leads it."), "statement"),
        ("Who leads it?", (), candidate(UNLINKED), "meaning"),
    ],
)
def test_the_first_that_fits_in_a_fixed_order(text, turns, one, stratum):
    assert stratum_of(replace(QUESTION, text=text, turns=turns), one) == stratum


def test_every_stratum_is_described():
    assert set(DESCRIPTIONS) == set(STRATA)
    assert EXACT not in STRATA


@pytest.mark.parametrize("text", ENGLISH)
def test_names_and_code_do_not_make_a_question_foreign(text):
    assert not is_foreign(text)


@pytest.mark.parametrize("text", FOREIGN)
def test_a_question_in_another_language_is_foreign(text):
    assert is_foreign(text)


def test_a_long_question_is_judged_by_its_end():
    assert is_foreign(
        "Hello there. " * 2000 + "Wer leitet heute die Firma Acme und seit welchem Jahr macht er das? " * 5
    )


def test_of_a_foreign_question_only_what_it_names_counts():
    foreign = replace(QUESTION, text="Wer leitet Acme heute?")
    assert [may_answer(foreign, candidate(found)) for found in (EXACT, LINKED, FUZZY, UNLINKED)] == [True] * 3 + [False]
    assert may_answer(QUESTION, candidate(UNLINKED))


@pytest.mark.parametrize(
    ("subject", "prompt", "counts"),
    [
        ("Life is a Dream", "The original language of Life is a Dream is", False),
        ("Vidas robadas", "The language of Vidas robadas is", False),
        ("Vidas robadas", "Vidas robadas, written in", True),
        ("parental leave", "How long is parental leave?", True),
        ("The language of rivers", "The language of rivers is", True),
    ],
)
def test_a_question_has_a_word_of_what_may_be_a_name(subject, prompt, counts):
    found = candidate(UNLINKED, subject=subject, prompt=prompt)
    asked = replace(QUESTION, text="What is the language of Stolen Hours?")
    assert may_answer(asked, found) is counts
    assert may_answer(replace(asked, turns=(f"Tell me about {subject}.",)), found)
    assert may_answer(replace(asked, text=f"Where does one read {subject.split()[-1]}?"), found)
