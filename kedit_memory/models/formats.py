"""How a prompt becomes the text that a model is given, and what it generates a reply.

Without facts and passages a chat model is given the messages by its own template, and a base model the text as it is:
what the user would send, and nothing of ours. What an edit or a search brings stands in a short block before that.

A model that was trained on a format of its own says so in `tokenizer_config.json`, as "prompt_format"; `trained` is the
only one, of the models that this project trains:

    Passage: {text}          one line for each passage
    Fact: {text}             one line for each fact
    Question: {question}     where the prompt is a question
    Answer:                  continued by " {answer}" and the end of text

A cloze prompt stands last there as it is, and is continued by " {object}." and the end of text.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from kedit_memory import registry
from kedit_memory.errors import ModelError
from kedit_memory.models.faults import one_line
from kedit_memory.models.prompts import MAX_NEW_TOKENS, Prompt
from kedit_memory.questions import is_cloze
from kedit_memory.records import Answered, Message

FORMATS = {"trained": "kedit_memory.models.formats:Trained"}  # by the name that a tokenizer gives
KEY = "prompt_format"

_FACT = "Use this information to answer the user. Copy names, numbers and codes exactly:\n\n{facts}"
_PASSAGE = "Answer from these passages where they hold the answer:\n{passages}"
_FIRMLY = "Answer the user's next message with exactly this: {answer}"


class Format(ABC):
    """How one kind of model is asked.

    Attributes:
        holds_dialogues: whether it has a form for earlier turns.
        takes_questions_alone: whether earlier turns may be left out without a word from the user.
        insists: whether it has a wording for a prompt's `must_say`.
        stop: texts at which a reply ends.
        max_new_tokens: where a reply is cut, unless the checkpoint or the caller says otherwise.
    """

    holds_dialogues: ClassVar[bool] = False
    takes_questions_alone: ClassVar[bool] = False
    insists: ClassVar[bool] = True
    stop: ClassVar[tuple[str, ...]] = ()
    max_new_tokens: ClassVar[int]

    @abstractmethod
    def render(self, prompt: Prompt) -> str:
        """The text that the model is given."""

    def continuation(self, prompt: Prompt, answer: str) -> str:
        """The text with which the model would give `answer` after `render(prompt)`."""
        answer = answer.strip()
        return f" {answer}." if prompt.cloze and not answer.endswith(".") else f" {answer}"

    def ends(self, prompt: Prompt) -> bool:  # noqa: ARG002 - one format looks at the prompt
        """Whether an answer to the prompt has an end that the model says; a text that just goes on has none."""
        return False

    @property
    def after_reply(self) -> str:
        """What this form writes after a reply; empty where it does not say."""
        return ""

    def reply(self, prompt: Prompt, text: str) -> str:  # noqa: ARG002 - one format looks at the prompt
        """What the generated text says to the user."""
        return text


class Base(Format):
    """A model that goes on with a text: the text as it is, after a line for each fact and passage."""

    max_new_tokens = 64

    def render(self, prompt: Prompt) -> str:
        """Passages, facts and the text, with a blank line before it where something stands there."""
        before = [*prompt.passages, *prompt.facts, *filter(None, [prompt.must_say])]
        return "\n\n".join([*before, prompt.question])


class Chat(Format):
    """A model with a chat template: the messages by that template, the context as a system message where it has one."""

    holds_dialogues = True
    max_new_tokens = 512

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._has_system = _has_system(tokenizer)

    def render(self, prompt: Prompt) -> str:
        """The messages by the template, and the beginning of a reply."""
        return _rendered(self._tokenizer, messages(prompt, has_system=self._has_system))

    def continuation(self, prompt: Prompt, answer: str) -> str:  # noqa: ARG002 - a template ends with its own blank
        """The answer, which follows the template's beginning of a reply."""
        return answer.strip()

    def ends(self, prompt: Prompt) -> bool:
        """Whether the turn ends with the answer: a question's does, and the beginning of a sentence goes on."""
        return not prompt.cloze

    @property
    def after_reply(self) -> str:
        """What the template writes after a reply, the end of turn first."""
        sign = "\u2021 kedit \u2021"
        turns = [Message("user", "?"), Message("assistant", sign)]
        try:
            return _rendered(self._tokenizer, turns, opens=False).partition(sign)[2]
        except ModelError:  # a template of questions alone
            return ""


class Trained(Format):
    """The format of this project's own models."""

    takes_questions_alone = True
    insists = False
    stop = ("\n",)
    max_new_tokens = MAX_NEW_TOKENS

    def render(self, prompt: Prompt) -> str:
        """Passages, facts, then the question or cloze prompt."""
        return render(prompt.question, prompt.facts, prompt.passages)

    def ends(self, prompt: Prompt) -> bool:  # noqa: ARG002 - every one does
        """Every answer does, with the end of text."""
        return True

    def reply(self, prompt: Prompt, text: str) -> str:
        """The answer alone."""
        return clean(text.strip(), prompt.cloze)


def format_of(tokenizer: Any) -> Format:
    """The format that a model of this tokenizer expects.

    Raises:
        UnknownNameError: the tokenizer names a format that there is not.
        ModelError: its chat template renders not even one message.
    """
    if name := tokenizer.init_kwargs.get(KEY):
        kind: type[Format] = registry.load("prompt format", str(name), FORMATS)
        return kind()
    return Chat(tokenizer) if tokenizer.chat_template else Base()


def messages(prompt: Prompt, *, has_system: bool = True) -> list[Message]:
    """The dialogue with a prompt's context before it, for a chat model.

    The context joins the system message of the dialogue, or is one; without such a role it opens the user's message.
    """
    turns = [*prompt.turns, Message("user", prompt.question)]
    block = context(prompt)
    if not block:
        return turns
    if not has_system:
        return [*turns[:-1], Message("user", f"{block}\n\n{prompt.question}")]
    if turns[0].role == "system":
        return [Message("system", f"{turns[0].content}\n\n{block}"), *turns[1:]]
    return [Message("system", block), *turns]


def context(prompt: Prompt) -> str:
    """The block of facts and passages that stands before the question; empty where there is none."""
    parts = []
    if prompt.passages:
        parts.append(_PASSAGE.format(passages="\n\n".join(prompt.passages)))
    if prompt.facts:
        # A small chat model takes a bare question with its answer for another question: asked for each of 24 facts in
        # other words, SmolLM2 said 13 after such lines and 17 after sentences.
        facts = [fact.sentence if isinstance(fact, Answered) else fact for fact in prompt.facts]
        parts.append(_FACT.format(facts="\n".join(facts)))
    if prompt.must_say is not None:
        parts.append(_FIRMLY.format(answer=prompt.must_say))
    return "\n\n".join(parts)


def render(question: str, facts: Sequence[str] = (), passages: Sequence[str] = ()) -> str:
    """The text in the trained format: passages, then facts, then the question or cloze prompt."""
    before = _lines(facts, passages)
    if is_cloze(question):
        return before + question.rstrip()
    return f"{before}Question: {question.strip()}\nAnswer:"


def clean(text: str, cloze: bool) -> str:  # noqa: FBT001 - a property of the text, never a switch
    """The short answer in a continuation: its first line, stripped, a cloze one without its final period.

    A period that belongs to an abbreviation stays: "Washington, D.C." is whole as it is.
    """
    answer = text.split("\n", 1)[0].strip()
    if not cloze or not answer.endswith(".") or answer.endswith("..."):
        return answer
    body = answer[:-1].rstrip()
    last_word = body.rsplit(maxsplit=1)[-1] if body else ""
    is_number = last_word.replace(".", "").replace(",", "").isdigit()
    abbreviated = "." in last_word.removesuffix(".") and not is_number
    return answer if abbreviated and not body.endswith(".") else body


def _lines(facts: Sequence[str], passages: Sequence[str]) -> str:
    # One line each: a line break inside a passage could forge a "Fact:" line.
    lines = [f"Passage: {_one_line(text)}\n" for text in passages]
    lines += [f"Fact: {_one_line(text)}\n" for text in facts]
    return "".join(lines)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _has_system(tokenizer: Any) -> bool:
    """Whether a chat template writes a system message; some refuse one, some leave it out.

    Raises:
        ModelError: it fails without one, too.
    """
    sign = "\u2021 kedit \u2021"
    question = Message("user", "?")
    _rendered(tokenizer, [question])
    try:
        return sign in _rendered(tokenizer, [Message("system", sign), question])
    except ModelError:
        return False


def _rendered(tokenizer: Any, turns: Sequence[Message], *, opens: bool = True) -> str:
    """Messages by a chat template, and, where it `opens` one, the beginning of a reply."""
    with one_line("use the model's chat template"):
        text = tokenizer.apply_chat_template(
            [turn._asdict() for turn in turns], tokenize=False, add_generation_prompt=opens
        )
    if not isinstance(text, str):
        raise ModelError("cannot use the model's chat template: it gives no text")
    return text
