"""A dialogue as callers give it: its last turn is the question; the model reads those before it, and scope a few."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from kedit_memory.errors import InvalidInputError
from kedit_memory.records import Message
from kedit_memory.routing.asked import Leaning, asking_parts, leaning

Dialogue: TypeAlias = Sequence[Message | Mapping[str, Any]]

ASKED, TOLD = "user", "assistant"  # whose turns a question may lean on
ROLES = ("system", "developer", ASKED, TOLD, "tool", "function")
TURNS = 2  # of each of the two that are read before a question
_NO_TURNS = "messages must be a list of turns, such as [{'role': 'user', 'content': 'Who leads?'}]"
CHARACTERS = 400  # of a turn that are read: the end of what was asked, the beginning of what was told


def turns_of(question: str | None, messages: Dialogue | None) -> tuple[str, tuple[Message, ...]]:
    """The question and the turns before it, from a question alone or a dialogue. Turns without any text are left out.

    Raises:
        InvalidInputError: neither or both are given, or the messages are no dialogue that ends with the user's turn.
    """
    if (question is None) == (messages is None):
        given = "neither" if question is None else "both"
        raise InvalidInputError(f"{given} of question and messages is given: give one of them")
    if messages is None:
        return question or "", ()
    if not isinstance(messages, (list, tuple)) or not messages:
        raise InvalidInputError(_NO_TURNS)
    turns = tuple(_message(one, place) for place, one in enumerate(messages))
    if turns[-1].role != ASKED:
        raise InvalidInputError(f"the last message is the {turns[-1].role}'s: it must be the user's, which is answered")
    return turns[-1].content, tuple(one for one in turns[:-1] if one.content.strip())


def spoken_by(role: str, messages: Dialogue) -> list[str]:
    """The texts of one speaker in a dialogue; errors as in `turns_of`, but any turn may be the last."""
    if not isinstance(messages, (list, tuple)):
        raise InvalidInputError(_NO_TURNS)
    turns = [_message(one, place) for place, one in enumerate(messages)]
    return [turn.content for turn in turns if turn.role == role]


def asked_of(asked: str | Dialogue) -> tuple[str, tuple[Message, ...]]:
    """The question and the turns before it, from either; errors as in `turns_of`."""
    return turns_of(asked, None) if isinstance(asked, str) else turns_of(None, asked)


def spoken(question: str, turns: Sequence[str]) -> str | Dialogue:
    """A question with the texts that were said before it, oldest first: the user's and the assistant's in turn."""
    if not turns:
        return question
    roles = (TOLD, ASKED)
    said = [Message(roles[place % 2], text) for place, text in enumerate(reversed(turns))]
    return [*reversed(said), Message(ASKED, question)]


def window(turns: Sequence[Message]) -> tuple[str, ...]:
    """What of the turns before a question it may lean on, oldest first: the last of the user and of the assistant."""
    left = {ASKED: TURNS, TOLD: TURNS}
    kept: list[str] = []
    for role, content in reversed(turns):
        if left.get(role):
            left[role] -= 1
            kept.append(_cut(role, content))
    return tuple(reversed(kept))


def readings(message: str, turns: tuple[str, ...] = ()) -> list[tuple[str, tuple[str, ...]]]:
    """The ways to understand a message: the questions in it, each with the turns that it is to be read with.

    What stands alone is read alone, so that no turn changes what it means; what points back is read with the turns, or
    with the sentence before it; what may do either comes in both ways. Errors as in `asking_parts`.
    """
    found: list[tuple[str, tuple[str, ...]]] = []
    for text, before in asking_parts(message):
        context = (*turns, before) if before else turns
        leans = Leaning.WHOLLY if _has_digit(before) and not _has_digit(text) else leaning(text)
        if leans is not Leaning.WHOLLY or not context:
            found.append((text, ()))
        if leans is not Leaning.NOT and context:
            found.append((text, context))
    return found


def _cut(role: str, content: str) -> str:
    text = content[-CHARACTERS:] if role == ASKED else content[:CHARACTERS]
    return " ".join(text.encode("utf-8", "ignore").decode().split())  # half a character, which some cut, is no text


def _has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))


def _message(given: Message | Mapping[str, Any], place: int) -> Message:
    if isinstance(given, Message):
        given = given._asdict()
    if not isinstance(given, Mapping):
        raise InvalidInputError(f"messages[{place}] is {type(given).__name__}: give role and content")
    role, content = given.get("role"), _text(given.get("content"))
    if role not in ROLES:
        raise InvalidInputError(f"messages[{place}] has the role {role!r}; choose one of {', '.join(ROLES)}")
    if content is None and given.get("tool_calls"):  # the assistant asks a tool, and says nothing
        content = ""
    if not isinstance(content, str):
        raise InvalidInputError(f"messages[{place}] has no text as its content; give a text, or parts of the type text")
    return Message(role, content)


def _text(content: object) -> object:
    """The text of a content that may be a list of parts, of which others, such as pictures, say nothing here.

    Anything else as it is.
    """
    if not isinstance(content, list):
        return content
    parts = [part.get("text") for part in content if isinstance(part, Mapping) and part.get("type") == "text"]
    return "\n".join(map(str, parts)) if all(isinstance(part, str) for part in parts) else None
