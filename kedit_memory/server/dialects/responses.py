"""`/responses`: OpenAI's responses, as far as the request itself holds the dialogue."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kedit_memory.records import Message
from kedit_memory.routing.asked import Leaning, leaning
from kedit_memory.server.dialects.base import Body, Stamp, appended, joined, readable, server_sent

_KEPT_UPSTREAM = ("previous_response_id", "conversation")


class Responses:
    """Items of input; the correction joins `instructions`."""

    path = "responses"
    prefix = "resp_"

    def dialogue(self, body: Body) -> list[Message] | None:
        """As `Dialect` says.

        Of a dialogue that is kept upstream only a question that stands alone is asked, and nothing of a response that
        is made in the background, which is not there to be checked.
        """
        turns = readable(_messages(body.get("input")))
        if turns is None or body.get("background"):
            return None
        if any(body.get(name) for name in _KEPT_UPSTREAM) and leaning(turns[-1].content) is not Leaning.NOT:
            return None
        return turns

    def told(self, body: Body, correction: str) -> Body:
        """As `Dialect` says."""
        return {**body, "instructions": appended(body.get("instructions"), correction)}

    def texts(self, reply: Body) -> list[str] | None:
        """As `Dialect` says."""
        items = [item for item in reply["output"] if item["type"] != "reasoning"]
        if any(item["type"] != "message" for item in items):
            return None
        return ["\n".join(joined(item["content"]) for item in items)]

    def streamed(self, events: Sequence[Body]) -> list[str] | None:
        """As `Dialect` says: what the last event tells of the whole."""
        whole = [event["response"] for event in events if event.get("type") == "response.completed"]
        return self.texts(whole[-1]) if whole else None

    def reply(self, text: str, stamp: Stamp) -> dict[str, Any]:
        """As `Dialect` says."""
        usage = {
            "input_tokens": 0,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 0,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 0,
        }
        return _document(stamp, "completed", [_item(stamp, text)]) | {"usage": usage}

    def events(self, text: str, stamp: Stamp) -> Iterator[bytes]:
        """As `Dialect` says."""
        item: dict[str, Any] = _item(stamp, text)
        place = {"item_id": item["id"], "output_index": 0, "content_index": 0}
        begun = item | {"status": "in_progress", "content": []}
        part: dict[str, Any] = item["content"][0]
        told: tuple[dict[str, Any], ...] = (
            {"type": "response.created", "response": _document(stamp, "in_progress", [])},
            {"type": "response.in_progress", "response": _document(stamp, "in_progress", [])},
            {"type": "response.output_item.added", "output_index": 0, "item": begun},
            {"type": "response.content_part.added", **place, "part": part | {"text": ""}},
            {"type": "response.output_text.delta", **place, "delta": text, "logprobs": []},
            {"type": "response.output_text.done", **place, "text": text, "logprobs": []},
            {"type": "response.content_part.done", **place, "part": part},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": self.reply(text, stamp)},
        )
        for number, event in enumerate(told):
            yield server_sent({**event, "sequence_number": number}, str(event["type"]))


def _messages(given: object) -> object:
    """The input as messages; results of tools and other items stand as turns that ask nothing."""
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    if not isinstance(given, list):
        return None
    return [_message(item) for item in given]


def _message(item: object) -> object:
    if not isinstance(item, Mapping):
        return item
    if item.get("type", "message") == "message":
        return {"role": item.get("role"), "content": joined(item.get("content"))}
    return {"role": "tool", "content": joined(item.get("output"))}


def _item(stamp: Stamp, text: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {
        "id": f"msg_{stamp.token}",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }


def _document(stamp: Stamp, status: str, output: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": stamp.id,
        "object": "response",
        "created_at": stamp.created,
        "status": status,
        "model": stamp.model,
        "output": output,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
    }
