"""Questions of which the verifier is not sure: the user's own chat model says whether the edit answers them."""

import threading
from collections import OrderedDict

from kedit_memory.models.instructions import instruct
from kedit_memory.records import Edit, Kind
from kedit_memory.routing.answer import Speakers

_REMEMBERED = 4_096  # questions with an edit
_TOKENS = 2  # of a reply, whose first word is yes or no
_TEXT = 1_000  # characters of a question, a turn or an edit that are shown
_ASKED = "Here is a question:\n{question}\n\n"
_FACT = "Here is a note:\n{edit}\n\nDoes the note say exactly what the question asks for? Answer yes or no."
_ERASED = "Here is another question:\n{edit}\n\nDo both questions ask for exactly the same? Answer yes or no."


class Unsure:
    """Asks the model whether an edit answers a question, once for each; threads may share it."""

    def __init__(self, speakers: Speakers) -> None:
        self._speakers = speakers
        self._said: OrderedDict[tuple[str, ...], bool] = OrderedDict()
        self._lock = threading.Lock()

    def answers(self, question: str, turns: tuple[str, ...], edit: Edit) -> bool:
        """Whether the model says that the edit answers a question after some turns, the oldest first.

        Raises:
            CapabilityError: the model follows no instructions.
            ModelError: it cannot be asked.
        """
        told = edit.prompt if edit.kind is Kind.ERASURE else edit.statement
        key = (edit.id, told, question, *turns)
        with self._lock:
            if key in self._said:
                self._said.move_to_end(key)
                return self._said[key]
        said = self._ask((*turns, question), told, _ERASED if edit.kind is Kind.ERASURE else _FACT)
        with self._lock:
            self._said[key] = said
            if len(self._said) > _REMEMBERED:
                self._said.popitem(last=False)
        return said

    def _ask(self, asked: tuple[str, ...], told: str, form: str) -> bool:
        question = "\n".join(text[-_TEXT:] for text in asked)
        instruction = _ASKED.format(question=question) + form.format(edit=told[:_TEXT])
        with self._speakers.asking():
            reply = instruct(self._speakers.model(), instruction, "scope 'model'", max_new_tokens=_TOKENS)
        return reply.strip(" \n\"'*").casefold().startswith("yes")
