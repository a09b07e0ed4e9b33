"""How a prompt is rendered: nothing of ours where nothing is brought, a short block where something is."""

from copy import deepcopy
from types import SimpleNamespace

import pytest
from jinja2 import TemplateError

from kedit_memory.errors import UnknownNameError
from kedit_memory.memory.requests import statement_of
from kedit_memory.models.formats import Base, Chat, Trained, clean, context, format_of, messages, render
from kedit_memory.models.prompts import Prompt
from kedit_memory.questions import is_cloze
from kedit_memory.records import Message

TEXTS = ["Who rules?", " Who rules? \n", "The king is", "```\nprint(1)\n```\nWhat does it do?", "谁？"]


class Template:
    """A tokenizer whose template writes each turn on a line; it may refuse or drop a system message."""

    def __init__(self, system="written"):
        self.init_kwargs, self.chat_template, self.system = {}, "turns", system

    def apply_chat_template(self, turns, **_):
        if turns[0]["role"] == "system" and self.system == "refused":
            raise TemplateError("no system role")
        kept = [turn for turn in turns if turn["role"] != "system" or self.system == "written"]
        return "".join(f"<{turn['role']}>{turn['content']}</>" for turn in kept) + "<assistant>"


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("system", ["written", "refused", "dropped"])
def test_alone_a_question_goes_to_a_model_as_it_is(text, system):
    assert Chat(Template(system)).render(Prompt(question=text)) == f"<user>{text}</><assistant>"
    assert Base().render(Prompt(question=text)) == text


@pytest.mark.parametrize("text", TEXTS)
def test_the_question_stays_word_for_word_behind_a_context(text):
    asked = Prompt(question=text, facts=("1. Hold.\n2. Wait.",), passages=("Long ago.",))
    block = context(asked)
    assert "1. Hold.\n2. Wait." in block
    assert "Long ago." in block
    assert Chat(Template()).render(asked) == f"<system>{block}</><user>{text}</><assistant>"
    for system in ("refused", "dropped"):
        assert Chat(Template(system)).render(asked) == f"<user>{block}\n\n{text}</><assistant>"
    assert Base().render(asked) == f"Long ago.\n\n1. Hold.\n2. Wait.\n\n{text}"


def test_a_question_with_its_answer_is_a_sentence_to_a_chat_model_and_a_line_to_others():
    fact = statement_of("Who rules?", "Ann")
    asked = Prompt(question="Who is queen?", facts=(fact, "Bob sings."))
    assert "The answer to “Who rules?” is Ann.\nBob sings." in Chat(Template()).render(asked)
    assert Base().render(asked).startswith("Who rules? Ann\n\nBob sings.")
    assert "Fact: Who rules? Ann\n" in Trained().render(asked)
    assert "is Ann!" in context(Prompt(question="?", facts=(statement_of("Who rules?", "Ann!"),)))
    again = deepcopy(asked)
    assert again == asked
    assert context(again) == context(asked)


def test_what_a_caller_wrote_stays_as_it_is():
    own = "Why wait? Call Ann."
    assert own in context(Prompt(question="?", facts=(own,)))


def test_a_context_joins_the_system_message_of_a_dialogue():
    turns = (Message("system", "Be brief."), Message("user", "Hi"), Message("assistant", "Hello."))
    asked = Prompt(question="Who?", facts=("Ann rules.",), turns=turns)
    first, *rest = messages(asked)
    assert first == ("system", f"Be brief.\n\n{context(asked)}")
    assert rest == [*turns[1:], ("user", "Who?")]
    assert messages(Prompt(question="Who?", turns=turns)) == [*turns, ("user", "Who?")]


def test_a_second_try_says_what_is_to_be_said():
    assert "Ann Berg" in context(Prompt(question="Who?", must_say="Ann Berg"))
    assert context(Prompt(question="Who?")) == ""


def test_the_tokenizer_tells_the_format():
    assert isinstance(format_of(SimpleNamespace(init_kwargs={}, chat_template=None)), Base)
    assert isinstance(format_of(Template()), Chat)
    assert isinstance(format_of(SimpleNamespace(init_kwargs={"prompt_format": "trained"}, chat_template=None)), Trained)
    with pytest.raises(UnknownNameError, match="no prompt format named 'traned'; did you mean 'trained'"):
        format_of(SimpleNamespace(init_kwargs={"prompt_format": "traned"}, chat_template=None))


def test_a_question_stands_after_its_passages_and_facts():
    text = render("Who rules? ", facts=["A is B.", "C is D."], passages=["Long ago."])
    assert text == ("Passage: Long ago.\nFact: A is B.\nFact: C is D.\nQuestion: Who rules?\nAnswer:")


def test_a_cloze_prompt_stands_as_it_is():
    assert render("The capital of France is  ") == "The capital of France is"
    assert render("France's capital is", ["F."]) == "Fact: F.\nFrance's capital is"


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
    assert clean(Trained().continuation(Prompt(question=question), answer), is_cloze(question)) == answer
