"""`/chat/completions`: OpenAI's chat completions."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kedit_memory.records import Message
from kedit_memory.server.dialects.base import Body, Stamp, appended, joined, readable, server_sent

_DONE = b"data: [DONE]\n\n"
_INSTRUCTING = ("system", "developer")


class Chat:
    """Messages with roles; the correction joins the first message if that instructs, else it becomes one."""

    path = "chat/completions"
    prefix = "chatcmpl-"

    def dialogue(self, body: Body) -> list[Message] | None:
        """As `Dialect` says."""
        return readable(body.get("messages"))

    def told(self, body: Body, correction: str) -> Body:
        """As `Dialect` says."""
        first, *others = body["messages"]
        instructs = isinstance(first, Mapping) and first.get("role") in _INSTRUCTING
        if instructs and isinstance(first.get("content"), (str, list)):
            return {**body, "messages": [first | {"content": appended(first["content"], correction)}, *others]}
        return {**body, "messages": [{"role": "system", "content": correction}, first, *others]}

    def texts(self, reply: Body) -> list[str] | None:
        """As `Dialect` says."""
        messages = [choice["message"] for choice in reply["choices"]]
        if any(one.get("tool_calls") or one.get("function_call") or one.get("refusal") for one in messages):
            return None
        return [joined(one.get("content")) for one in messages]

    def streamed(self, events: Sequence[Body]) -> list[str] | None:
        """As `Dialect` says."""
        said: dict[int, str] = defaultdict(str)
        for event in events:
            for choice in event.get("choices") or ():
                delta = choice.get("delta") or {}
                if delta.get("tool_calls") or delta.get("function_call") or delta.get("refusal"):
                    return None
                said[choice.get("index", 0)] += delta.get("content") or ""
        return [said[place] for place in sorted(said)]

    def reply(self, text: str, stamp: Stamp) -> dict[str, Any]:
        """As `Dialect` says."""
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        return _head(stamp, "chat.completion") | {"choices": [choice], "usage": usage}

    def events(self, text: str, stamp: Stamp) -> Iterator[bytes]:
        """As `Dialect` says."""
        yield self.opening(stamp)
        yield self.piece(text, stamp)
        yield from self.closing(stamp)

    def opening(self, stamp: Stamp) -> bytes:
        """The first event of a stream."""
        return server_sent(_chunk(stamp, {"role": "assistant", "content": ""}))

    def piece(self, text: str, stamp: Stamp) -> bytes:
        """An event that goes on with a reply."""
        return server_sent(_chunk(stamp, {"content": text}))

    def closing(self, stamp: Stamp, finish: str = "stop") -> Iterator[bytes]:
        """The last events of a stream."""
        yield server_sent(_chunk(stamp, {}, finish))
        yield _DONE


def _head(stamp: Stamp, kind: str) -> dict[str, Any]:
    return {"id": stamp.id, "object": kind, "created": stamp.created, "model": stamp.model}


def _chunk(stamp: Stamp, delta: Mapping[str, str], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return _head(stamp, "chat.completion.chunk") | {"choices": [choice]}
