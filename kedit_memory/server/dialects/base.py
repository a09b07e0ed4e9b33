"""What the server has to know of an API whose requests hold a dialogue."""

import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from kedit_memory.errors import InvalidInputError
from kedit_memory.records import Message
from kedit_memory.routing.asked import LONGEST_MESSAGE
from kedit_memory.routing.dialogue import ROLES, turns_of
from kedit_memory.text import legible

Body: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """What a reply says of itself; the same in all of its pieces."""

    model: str
    prefix: str
    token: str = field(default_factory=lambda: secrets.token_hex(12))
    created: int = field(default_factory=lambda: int(time.time()))

    @property
    def id(self) -> str:
        """Its id, as the API words one."""
        return f"{self.prefix}{self.token}"


class Dialect(Protocol):
    """One API: where it stands, and how it words what is asked and what is said."""

    path: str  # below the base URL
    prefix: str  # of the ids of its replies

    def dialogue(self, body: Body) -> list[Message] | None:
        """The turns, the last one the user's question; None where the request asks nothing of a memory."""
        ...

    def told(self, body: Body, correction: str) -> Body:
        """The request with a text that the model reads before the dialogue."""
        ...

    def texts(self, reply: Body) -> list[str] | None:
        """What a whole reply says, a text for each choice; None where a choice is no text, such as a call of a tool."""
        ...

    def streamed(self, events: Sequence[Body]) -> list[str] | None:
        """The same of the events of a stream."""
        ...

    def reply(self, text: str, stamp: Stamp) -> dict[str, Any]:
        """A whole reply that says a text."""
        ...

    def events(self, text: str, stamp: Stamp) -> Iterator[bytes]:
        """The same as the events of a stream."""
        ...


def readable(messages: object) -> list[Message] | None:
    """The turns of a dialogue that ends with a question of the user; None where it is none, or nothing is asked.

    No turn before the last one keeps it from being read: what is no text in them is left out. So are characters that
    the memory does not take, and the beginning of a very long question.
    """
    if not isinstance(messages, list) or not messages:
        return None
    told = [one for one in messages[:-1] if isinstance(one, Mapping) and one.get("role") in ROLES]
    before = [{"role": one["role"], "content": joined(one.get("content"))} for one in told]
    try:
        question, turns = turns_of(None, [*before, messages[-1]])
    except InvalidInputError:
        return None  # what cannot be read is for the model behind to read, or to refuse
    question = legible(question, LONGEST_MESSAGE)
    return [*turns, Message("user", question)] if question.strip() else None


def server_sent(data: Body, name: str | None = None) -> bytes:
    """One server-sent event, in ASCII: some clients take other characters, such as U+2028, for the end of a line."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


def joined(texts: object) -> str:
    """The text of a content: itself, or that of its parts."""
    if isinstance(texts, str):
        return texts
    parts = texts if isinstance(texts, list) else []
    said = (part.get("text") for part in parts if isinstance(part, Mapping))
    return "\n".join(text for text in said if isinstance(text, str))


def appended(content: object, text: str) -> str | list[Any]:
    """A content, a text or its parts, with a text behind it; none is the text alone."""
    if isinstance(content, list):
        return [*content, {"type": "text", "text": text}]
    return f"{content}\n\n{text}" if content else text
