"""`/completions`: OpenAI's older completions, where a model goes on with a text."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from kedit_memory.records import Message
from kedit_memory.server.dialects.base import Body, Stamp, readable, server_sent


class Completions:
    """One prompt; the correction stands before it, with a blank line between."""

    path = "completions"
    prefix = "cmpl-"

    def dialogue(self, body: Body) -> list[Message] | None:
        """As `Dialect` says; of several prompts nothing is asked, since one reply would have to answer all."""
        prompt = body.get("prompt")
        return readable([{"role": "user", "content": prompt}]) if isinstance(prompt, str) else None

    def told(self, body: Body, correction: str) -> Body:
        """As `Dialect` says."""
        return {**body, "prompt": f"{correction}\n\n{body['prompt']}"}

    def texts(self, reply: Body) -> list[str] | None:
        """As `Dialect` says."""
        return [choice["text"] for choice in reply["choices"]]

    def streamed(self, events: Sequence[Body]) -> list[str] | None:
        """As `Dialect` says."""
        said: dict[int, str] = defaultdict(str)
        for event in events:
            for choice in event.get("choices") or ():
                said[choice.get("index", 0)] += choice.get("text") or ""
        return [said[place] for place in sorted(said)]

    def reply(self, text: str, stamp: Stamp) -> dict[str, Any]:
        """As `Dialect` says."""
        usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        return _document(text, stamp, "stop") | {"usage": usage}

    def events(self, text: str, stamp: Stamp) -> Iterator[bytes]:
        """As `Dialect` says."""
        yield server_sent(_document(text, stamp, None))
        yield server_sent(_document("", stamp, "stop"))
        yield b"data: [DONE]\n\n"


def _document(text: str, stamp: Stamp, finish: str | None) -> dict[str, Any]:
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}
    head = {"id": stamp.id, "object": "text_completion", "created": stamp.created, "model": stamp.model}
    return head | {"choices": [choice]}
