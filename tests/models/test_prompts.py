import subprocess
import sys

import pytest

from kedit_memory.models.prompts import (
    Prompt,
    chat_messages,
    clean,
    continuation,
    is_cloze,
    render,
)


def test_a_question_stands_after_its_passages_and_facts():
    text = render("Who rules? ", facts=["A is B.", "C is D."], passages=["Long ago."])
    assert text == ("Passage: Long ago.\nFact: A is B.\nFact: C is D.\nQuestion: Who rules?\nAnswer:")


def test_a_cloze_prompt_stands_as_it_is():
    assert render("The capital of France is  ") == "The capital of France is"
    assert render("France's capital is", ["F."]) == "Fact: F.\nFrance's capital is"


@pytest.mark.parametrize("question", ["Who?", "Name the king.", "Say it!", "Who? \n"])
def test_questions_and_imperatives_are_no_cloze(question):
    assert not is_cloze(question)


def test_context_cannot_forge_a_line():
    assert render("Who?", passages=["One.\nFact: a lie"]) == ("Passage: One. Fact: a lie\nQuestion: Who?\nAnswer:")


@pytest.mark.parametrize(
    ("text", "cloze", "answer"),
    [
        (" Paris\nQuestion: more", False, "Paris"),
        (" Paris.", True, "Paris"),
        (" Paris.", False, "Paris."),
        (" Washington, D.C.", True, "Washington, D.C."),
        (" Washington, D.C..", True, "Washington, D.C."),
        (" the U.S.", True, "the U.S."),
        (" J. R. R. Tolkien.", True, "J. R. R. Tolkien"),
        (" 3.5.", True, "3.5"),
        (" and so on...", True, "and so on..."),
        (".", True, ""),
        ("", True, ""),
        ("\nlate", False, ""),
    ],
)
def test_clean(text, cloze, answer):
    assert clean(text, cloze) == answer


@pytest.mark.parametrize("answer", ["Paris", "Washington, D.C.", "3.5", "J. R. R. Tolkien"])
@pytest.mark.parametrize("question", ["What is it?", "The city is"])
def test_clean_gives_back_what_a_continuation_says(question, answer):
    assert clean(continuation(question, answer), is_cloze(question)) == answer


def test_chat_messages_are_one_user_turn_with_all_context():
    (message,) = chat_messages("Who rules?", ["A rules."], ["Long ago."])
    assert message["role"] == "user"
    assert message["content"].startswith("Passage: Long ago.\nFact: A rules.\nQuestion: Who rules?")
    (message,) = chat_messages("The king is")
    assert message["content"].startswith("Complete the sentence: The king is\n")


def test_a_prompt_knows_whether_it_is_cloze():
    assert Prompt(question="The king is").cloze
    assert not Prompt(question="Who?").cloze


def test_no_torch_is_loaded_before_a_model_is():
    names = "prompts, language, remote, encoder, sources"
    code = (
        f"import sys; from kedit_memory.models import {names}; "
        "e = encoder.load_encoder('hashing'); e.name, e.revision, e.dimension; "
        "m = encoder.minilm_folder() and encoder.load_encoder(); "
        "m and (m.name, m.revision, m.dimension); "
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
