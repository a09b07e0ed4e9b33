"""What a model is asked: a question with what stands before it. `formats` says how it becomes a text."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from kedit_memory.questions import is_cloze
from kedit_memory.records import Message

MAX_NEW_TOKENS = 24  # where a short answer is cut when nobody says otherwise


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A question or cloze prompt with what stands before it; each model renders it in its own format.

    Attributes:
        question: word for word as it was asked.
        facts: that hold, whatever the model remembers.
        passages: to answer from.
        turns: of the dialogue before the question, oldest first.
        must_say: what an answer has to say; for a second try, after a first one did not say it.
    """

    question: str
    facts: tuple[str, ...] = ()
    passages: tuple[str, ...] = ()
    turns: tuple[Message, ...] = ()
    must_say: str | None = None

    @property
    def cloze(self) -> bool:
        """Whether the prompt is the beginning of a sentence, not a question."""
        return is_cloze(self.question)


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
