"""A model that says one thing, and remembers what it was asked."""

from collections.abc import Sequence

from kedit_memory.models.language import Reply
from kedit_memory.models.prompts import AnswersOne, Prompt


class Listening(AnswersOne):
    """Says `says` to every prompt; `asked` holds those that came."""

    name = fingerprint = "listening"

    def __init__(self, says: str = "Vera Holm") -> None:
        self.says = says
        self.asked: list[Prompt] = []

    def generate(self, prompts: Sequence[Prompt | str], **_: object) -> list[str]:
        return [self.says] * len(prompts)

    def answer_many(self, prompts: Sequence[Prompt], **_: object) -> list[str]:
        self.asked += prompts
        return [self.says] * len(prompts)

    def reply_many(self, prompts: Sequence[Prompt], **_: object) -> list[Reply]:
        return [Reply(text=said) for said in self.answer_many(prompts)]
