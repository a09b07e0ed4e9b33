"""How a question and its context become the text given to a model, and a continuation its answer.

The base-model format is the one that the embedded model is trained on; changing it means training anew:

    Passage: {text}          one line for each passage
    Fact: {text}             one line for each fact
    Question: {question}     where the prompt is a question
    Answer:                  continued by " {answer}" and the end of text

A cloze prompt stands last as it is, and is continued by " {object}." and the end of text.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

MAX_NEW_TOKENS = 24  # where an answer is cut when nobody says otherwise

_INSTRUCTION = (
    "Reply with the answer alone, in a few words. "
    "Where the facts or passages above hold the answer, they count, not what you remember."
)


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A question or cloze prompt with what stands before it; each model renders it in its own way."""

    question: str
    facts: tuple[str, ...] = ()
    passages: tuple[str, ...] = ()

    @property
    def cloze(self) -> bool:
        """Whether the prompt is the beginning of a sentence, not a question."""
        return is_cloze(self.question)


def is_cloze(question: str) -> bool:
    """Whether `question` is the beginning of a sentence: it ends with none of `.`, `?`, `!`."""
    return not question.rstrip().endswith((".", "?", "!"))


def render(question: str, facts: Sequence[str] = (), passages: Sequence[str] = ()) -> str:
    """The text that a base model continues: passages, then facts, then the question or cloze prompt."""
    if is_cloze(question):
        return _context(facts, passages) + question.rstrip()
    return f"{_context(facts, passages)}Question: {question.strip()}\nAnswer:"


def continuation(question: str, answer: str) -> str:
    """The text with which a base model that gives `answer` continues `render(question)`."""
    answer = answer.strip()
    if is_cloze(question) and not answer.endswith("."):
        return f" {answer}."
    return f" {answer}"


def chat_messages(question: str, facts: Sequence[str] = (), passages: Sequence[str] = ()) -> list[dict[str, str]]:
    """The same question for a chat model, as one user message: some templates refuse a system one."""
    ask = "Complete the sentence" if is_cloze(question) else "Question"
    text = f"{_context(facts, passages)}{ask}: {question.strip()}\n{_INSTRUCTION}"
    return [{"role": "user", "content": text}]


def clean(text: str, cloze: bool) -> str:  # noqa: FBT001 - a property of the text, never a switch
    """The answer in a continuation: its first line, stripped, a cloze one without its final period.

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


def _context(facts: Sequence[str], passages: Sequence[str]) -> str:
    # One line each: a line break inside a passage could forge a "Fact:" line.
    lines = [f"Passage: {_one_line(text)}\n" for text in passages]
    lines += [f"Fact: {_one_line(text)}\n" for text in facts]
    return "".join(lines)


def _one_line(text: str) -> str:
    return " ".join(text.split())


class AnswersOne(ABC):
    """A model that answers many questions, and so one."""

    @abstractmethod
    def answer_many(self, prompts: Sequence[Prompt], *, max_new_tokens: int = MAX_NEW_TOKENS) -> list[str]:
        """The answers to many questions, in order."""

    def answer(
        self,
        question: str,
        facts: Sequence[str] = (),
        passages: Sequence[str] = (),
        *,
        max_new_tokens: int = MAX_NEW_TOKENS,
    ) -> str:
        """The answer to one question; errors as in `generate`."""
        prompt = Prompt(question=question, facts=tuple(facts), passages=tuple(passages))
        return self.answer_many([prompt], max_new_tokens=max_new_tokens)[0]
