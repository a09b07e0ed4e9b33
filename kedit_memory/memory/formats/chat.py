"""Conversations as fine-tuning files hold them: the last turn of the user is asked, the answer to it is stored."""

from collections.abc import Mapping
from typing import Any

from kedit_memory.errors import InvalidInputError
from kedit_memory.memory.formats.fields import with_metadata

MESSAGES = "messages"
_TEXT_PARTS = {"text", "input_text", "output_text"}


def pair_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an edit: the last question of a conversation and its answer; what else the row holds stays.

    Raises:
        InvalidInputError: it is no conversation, or does not end with an answer in text.
    """
    turns = row[MESSAGES]
    if not isinstance(turns, list) or not all(isinstance(turn, Mapping) for turn in turns):
        raise InvalidInputError(f"{MESSAGES} is no list of objects with role and content; give a list of turns")
    last = {role: place for place, turn in enumerate(turns) if (role := turn.get("role")) in ("user", "assistant")}
    for role in ("user", "assistant"):
        if role not in last:
            raise InvalidInputError(f"{MESSAGES} has no {role} turn; give a question and its answer")
    if last["assistant"] < last["user"]:
        raise InvalidInputError("the last user turn has no answer after it; end with an assistant turn")
    pair = {"prompt": _text(turns[last["user"]], "user"), "target": _text(turns[last["assistant"]], "assistant")}
    return with_metadata({name: value for name, value in row.items() if name != MESSAGES} | pair)


def _text(turn: Mapping[str, Any], role: str) -> str:
    """What a turn says; several parts one below the other."""
    content = turn.get("content")
    parts = content if isinstance(content, list) else [content]
    return "\n".join(_part(part, role) for part in parts)


def _part(part: object, role: str) -> str:
    kind = "text"
    if isinstance(part, Mapping):
        kind = str(part.get("type", "text"))
        part = part.get("text")
    if not isinstance(part, str) or kind not in _TEXT_PARTS:
        held = kind if kind not in _TEXT_PARTS else type(part).__name__
        raise InvalidInputError(f"the last {role} turn holds {held}, not text; only text can be stored")
    return part
