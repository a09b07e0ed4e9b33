"""Lets a reply be heard sentence by sentence, each after it was looked at, until one may tell what was erased."""

import re
from collections.abc import Callable

from kedit_memory.models.language import OnText

_SENTENCE = re.compile("[.!?\u2026](?=\\s)|[\u3002\uff01\uff1f]|\n")  # ends a sentence


class Heard:
    """Passes the sentences of a reply on while none of them speaks of a subject with an erasure.

    From the first that does nothing more is passed on, until the whole reply has been judged.

    Args:
        on_text: is given what may be heard.
        held: whether the reply up to the end of a sentence has to be judged as a whole.
    """

    def __init__(self, on_text: OnText, held: Callable[[str], bool]) -> None:
        self._on_text, self._held = on_text, held
        self._text = ""
        self._passed = 0  # characters that were heard
        self._holding = False

    def __call__(self, piece: str) -> None:
        """Take the next piece of the reply."""
        self._text += piece
        ends = [found.end() for found in _SENTENCE.finditer(self._text, self._passed)]
        if not ends or self._holding:
            return
        if self._held(self._text[: ends[-1]]):
            self._holding = True
            return
        self._on_text(self._text[self._passed : ends[-1]])
        self._passed = ends[-1]

    def finish(self, answer: str) -> None:
        """Pass on the rest of the answer that is given: the reply's own, or all of one that stands in its place."""
        heard = self._text[: self._passed]
        if answer.startswith(heard):
            self._on_text(answer[len(heard) :])
        else:
            self._on_text(f"\n{answer}")
