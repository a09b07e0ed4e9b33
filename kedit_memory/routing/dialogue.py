"""A dialogue as callers give it: its last turn is the question, the ones before it are what the model reads first."""

from collections.abc import Mapping, Sequence
from typing import Any

from kedit_memory.errors import InvalidInputError
from kedit_memory.records import Message

ROLES = ("system", "user", "assistant")


def turns_of(
    question: str | None, messages: Sequence[Message | Mapping[str, Any]] | None
) -> tuple[str, tuple[Message, ...]]:
    """The question and the turns before it, from a question alone or a dialogue.

    Raises:
        InvalidInputError: neither or both are given, or the messages are no dialogue that ends with the user's turn.
    """
    if (question is None) == (messages is None):
        given = "neither" if question is None else "both"
        raise InvalidInputError(f"{given} of question and messages is given: give one of them")
    if messages is None:
        return question or "", ()
    if isinstance(messages, (str, Mapping)) or not messages:
        raise InvalidInputError("messages must be a list of turns, such as [{'role': 'user', 'content': 'Who leads?'}]")
    turns = tuple(_message(one, place) for place, one in enumerate(messages))
    if turns[-1].role != "user":
        raise InvalidInputError(f"the last message is the {turns[-1].role}'s: it must be the user's, which is answered")
    return turns[-1].content, turns[:-1]


def _message(given: Message | Mapping[str, Any], place: int) -> Message:
    if isinstance(given, Message):
        given = given._asdict()
    if not isinstance(given, Mapping):
        raise InvalidInputError(f"messages[{place}] is {type(given).__name__}: give role and content")
    role, content = given.get("role"), _text(given.get("content"))
    if role not in ROLES:
        raise InvalidInputError(f"messages[{place}] has the role {role!r}; choose one of {', '.join(ROLES)}")
    if not isinstance(content, str):
        raise InvalidInputError(f"messages[{place}] has no text as its content; give a text, or parts of the type text")
    return Message(role, content)


def _text(content: object) -> object:
    """The text of a content that may be a list of parts; anything else as it is."""
    if not isinstance(content, list):
        return content
    parts = [part.get("text") for part in content if isinstance(part, Mapping) and part.get("type") == "text"]
    whole = len(parts) == len(content) and all(isinstance(part, str) for part in parts)
    return "\n".join(map(str, parts)) if whole and parts else None
