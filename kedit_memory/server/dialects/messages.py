"""`/messages`: Anthropic's messages."""

from collections.abc import Iterator, Sequence
from typing import Any

from kedit_memory.records import Message
from kedit_memory.server.dialects.base import Body, Stamp, appended, joined, readable, server_sent

_TEXTUAL = ("text", "thinking", "redacted_thinking")


class Messages:
    """Messages of two roles; the correction joins `system`."""

    path = "messages"
    prefix = "msg_"

    def dialogue(self, body: Body) -> list[Message] | None:
        """As `Dialect` says; a message of results of tools asks nothing."""
        messages = body.get("messages")
        if isinstance(messages, list) and messages and isinstance(messages[-1], dict):
            content = messages[-1].get("content")
            if isinstance(content, list) and any(_kind(part) == "tool_result" for part in content):
                return None
        return readable(messages)

    def told(self, body: Body, correction: str) -> Body:
        """As `Dialect` says."""
        return {**body, "system": appended(body.get("system"), correction)}

    def texts(self, reply: Body) -> list[str] | None:
        """As `Dialect` says."""
        content = reply["content"]
        if any(part["type"] not in _TEXTUAL for part in content):
            return None
        return [joined([part for part in content if part["type"] == "text"])]

    def streamed(self, events: Sequence[Body]) -> list[str] | None:
        """As `Dialect` says."""
        if any(
            event.get("type") == "content_block_start" and _kind(event.get("content_block")) not in _TEXTUAL
            for event in events
        ):
            return None
        deltas = [event.get("delta") or {} for event in events if event.get("type") == "content_block_delta"]
        return ["".join(delta.get("text") or "" for delta in deltas if delta.get("type") == "text_delta")]

    def reply(self, text: str, stamp: Stamp) -> dict[str, Any]:
        """As `Dialect` says."""
        return _document(stamp) | {"content": [{"type": "text", "text": text}], "stop_reason": "end_turn"}

    def events(self, text: str, stamp: Stamp) -> Iterator[bytes]:
        """As `Dialect` says."""
        block, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": text}
        ending = {"stop_reason": "end_turn", "stop_sequence": None}
        for event in (
            {"type": "message_start", "message": _document(stamp)},
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "content_block_delta", "index": 0, "delta": delta},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": ending, "usage": {"output_tokens": 0}},
            {"type": "message_stop"},
        ):
            yield server_sent(event, str(event["type"]))


def _document(stamp: Stamp) -> dict[str, Any]:
    head = {"id": stamp.id, "type": "message", "role": "assistant", "model": stamp.model, "content": []}
    return head | {"stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 0, "output_tokens": 0}}


def _kind(part: object) -> object:
    return part.get("type") if isinstance(part, dict) else None
