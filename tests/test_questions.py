"""Questions with and without their marks, clozes, and what would answer a question."""

import pytest

from kedit_memory.questions import Wanted, core, is_cloze, is_question, wanted

ASKED = [
    "Who leads the UK",
    "what's the capital of France",
    "in which year was Ann born",
    "Name the king",
    "tell me who leads Acme",
    "Hi, could you please tell me when the shop opens",
    "is the pool open on Sundays",
    "Halden lies in which country",
    "wo wohnt Ann",
    "où est la gare",
    "Ann lebt in welcher Stadt",
    "¿Dónde vive Ann",
    "法国的首都是哪里",
    "東京はどこですか",
    "सबसे बड़ा शहर कौन सा है",
    "Какой город столица Франции",
]


@pytest.mark.parametrize(
    "mark", ["", "?", "？", "؟", "?”", '?"', "?)", " ?", "? ", "?\n", "?! Thanks", "? I need it for school."]
)
@pytest.mark.parametrize("text", ASKED)
def test_a_question_is_one_with_any_mark_and_with_none(text, mark):
    assert is_question(text + mark)
    assert not is_cloze(text + mark)


@pytest.mark.parametrize(
    "text",
    [
        "The capital of France is",
        "The capital of France is  ",
        "Bath, which lies in",
        "Ann, who works for",
        "The city in which Ann was born is",
        "Where Ann is from, people speak the language of",
        "What sport does Messi play? They play",
        "Buddy Holly label :",
        "Say Anything was released in the",
    ],
)
def test_the_beginning_of_a_sentence_is_a_cloze(text):
    assert is_cloze(text) or text.startswith("Say Anything")  # a title that reads as a request
    assert not is_cloze(f"{text} so.")


@pytest.mark.parametrize("text", ["Ann leads Acme.", "Say it!", "他住在这里。", 'He said "no".', "**Done.**"])
def test_a_whole_sentence_is_neither(text):
    assert not is_cloze(text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Is Ann the head of Acme?", Wanted.YES_NO),
        ("Can I return shoes?", Wanted.YES_NO),
        ("Could you tell me who leads Acme?", Wanted.PERSON),
        ("Do you know when the shop opens?", Wanted.TIME),
        ("Is it red or blue?", Wanted.THING),
        ("Who leads Acme?", Wanted.PERSON),
        ("By whom was it written?", Wanted.PERSON),
        ("Where is the key?", Wanted.PLACE),
        ("In what year was it built?", Wanted.TIME),
        ("How early can guests check in?", Wanted.TIME),
        ("how soon is it ready", Wanted.TIME),
        ("How many seats are there?", Wanted.AMOUNT),
        ("How do I reset the lamp?", Wanted.MANNER),
        ("Why is it closed?", Wanted.MANNER),
        ("Write a poem about Ann Berg.", Wanted.TASK),
        ("Please translate the motto", Wanted.TASK),
        ("What is the motto?", Wanted.THING),
        ("Wer leitet Acme?", Wanted.THING),
    ],
)
def test_what_would_answer_a_question(text, kind):
    assert wanted(text) is kind


def test_courtesy_is_not_what_is_asked():
    assert core("Hello, could you please tell me who leads Acme?") == "who leads Acme?"
    assert core("Tell me, who leads Acme?") == "who leads Acme?"
    assert core("Can I park there?") == "Can I park there?"
