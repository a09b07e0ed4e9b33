"""The values that erasures keep from being said, as far as they can be known.

Beside what the memory answered before they are what the model itself says to an erased prompt: it is asked for that
once an erasure, when a reply about its subject has to be looked at.
"""

import re
import threading

from kedit_memory.models.prompts import Prompt
from kedit_memory.questions import FUNCTION_WORDS
from kedit_memory.records import Edit
from kedit_memory.routing.answer import Speakers

_SHORT = 5  # words of a reply that is a value and nothing else
_LEAST = 3  # letters and digits of a value that tells something
_MOST = 10_000  # prompts whose values are remembered
_TELLS_NOTHING = frozenset({"yes", "no", "true", "false", "none", "unknown", "nothing", "never", "always"})
_HEDGES = frozenset(
    {"am", "can", "can't", "cannot", "don't", "i", "i'm", "idea", "know", "not", "say", "sorry", "sure"}
)
_WORD = re.compile(r"[^\W_](?:[\w'\u2019.-]*[^\W_])?")
_BEGINS = re.compile(r"(?:^|[.!?\n])[\s\"'(\u201c]*$")
_I = re.compile(r"I(?:['\u2019]\w+)?")


class ErasedValues:
    """Says with which values a model answers what was erased, and remembers them."""

    def __init__(self, speakers: Speakers) -> None:
        self._speakers = speakers
        self._own: dict[str, str | None] = {}  # what the model tells of each prompt
        self._lock = threading.Lock()

    def of(self, erasure: Edit) -> tuple[str, ...]:
        """What the model itself answers its prompt with; nothing where that names or counts nothing."""
        own = self._said(erasure.prompt)
        return (own,) if own else ()

    def _said(self, prompt: str) -> str | None:
        if prompt not in self._own:
            with self._speakers.asking():
                (reply,) = self._speakers.model().reply_many(
                    [Prompt(question=prompt)], max_new_tokens=self._speakers.max_new_tokens
                )
            with self._lock:
                if len(self._own) >= _MOST:
                    self._own.clear()
                self._own[prompt] = value_in(reply.text, prompt)
        return self._own[prompt]


def value_in(reply: str, prompt: str) -> str | None:
    """What a reply answers a prompt with: all of a short one, else the first name or number that the prompt lacks."""
    reply = reply.strip()
    if len(reply.split()) <= _SHORT:
        said = {word.casefold() for word in _WORD.findall(reply)}
        return reply.rstrip(" .!") if said - FUNCTION_WORDS - _HEDGES else None
    known = {word.casefold() for word in _WORD.findall(prompt)} | FUNCTION_WORDS
    found: list[re.Match[str]] = []
    for word in _WORD.finditer(reply):
        if word[0].casefold() in known or not _names_or_counts(reply, word):
            if found:
                break
        else:
            found.append(word)
    return reply[found[0].start() : found[-1].end()] if found else None


def _names_or_counts(text: str, word: re.Match[str]) -> bool:
    """Whether a word is a number, or has a capital that no beginning of a sentence gives it."""
    if any(map(str.isdigit, word[0])):
        return True
    return word[0][0].isupper() and not _BEGINS.search(text[: word.start()]) and not _I.fullmatch(word[0])


def tells(value: str) -> bool:
    """Whether a value says something by itself, as "yes" or "7" do not."""
    return sum(map(str.isalnum, value)) >= _LEAST and value.strip(" .!").casefold() not in _TELLS_NOTHING
