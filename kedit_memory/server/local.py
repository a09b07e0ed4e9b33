"""Models of this machine behind the same routes: the router answers, with edits, passages and its own recall."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from starlette.responses import JSONResponse, Response, StreamingResponse

from kedit_memory.errors import KeditError
from kedit_memory.records import Answer, Message
from kedit_memory.routing.provenance import to_dict
from kedit_memory.routing.router import Router
from kedit_memory.server.deciding import Note
from kedit_memory.server.dialects.base import Body, Dialect, Stamp
from kedit_memory.server.dialects.chat import Chat
from kedit_memory.server.errors import Refused
from kedit_memory.server.measures import Measures
from kedit_memory.server.relay import encoded

_UNABLE = {  # what a model of this machine does not do, by the field that asks for it
    "tools": (None, []),
    "functions": (None, []),
    "n": (None, 1),
    "logprobs": (None, False),
    "response_format": (None, {"type": "text"}),
}
_LIMITS = ("max_completion_tokens", "max_tokens", "max_output_tokens")


class LocalModels:
    """Routers by the name of their model; each reply is generated greedily, whatever temperature is asked for."""

    def __init__(self, routers: dict[str, Router], note: Note, measures: Measures) -> None:
        self._routers, self._note, self._measures = routers, note, measures

    @property
    def names(self) -> tuple[str, ...]:
        """The models, in the order of the settings."""
        return tuple(self._routers)

    def load(self) -> None:
        """Loads them all: a name that stands for nothing is told before anybody asks.

        Raises:
            ModelError: one cannot be loaded.
        """
        for router in self._routers.values():
            router.model  # noqa: B018 - loads it

    def has(self, model: str) -> bool:
        """Whether a model is one of these."""
        return model in self._routers

    def router(self, model: str) -> Router:
        """What answers for a model."""
        return self._routers[model]

    def query(self, model: str, namespace: str, **asked: Any) -> Answer:
        """The answer of a model, which is noted; `asked` as `Router.query` takes it."""
        answer = self._routers[model].query(namespace=namespace, **asked)
        self._note((*answer.turns, Message("user", answer.question)), namespace, answer, answer.timings)
        self._measures.decided(answer)
        return answer

    def listed(self) -> list[dict[str, Any]]:
        """As `/models` lists them."""
        return [{"id": name, "object": "model", "created": 0, "owned_by": "kedit"} for name in self._routers]

    async def answered(self, body: Body, dialect: Dialect, namespace: str, *, explain: bool) -> Response:
        """The response to a request for one of the models.

        Raises:
            Refused: it asks for what these models do not do, or asks nothing.
        """
        for name, allowed in _UNABLE.items():
            if body.get(name) not in allowed:
                raise Refused(400, f"a model of this server cannot do {name}; leave it out", code="unsupported")
        turns = dialect.dialogue(body)
        if turns is None:
            raise Refused(
                400, "the request ends with no text of the user, which is what is answered", code="no_question"
            )
        limit = next((body[name] for name in _LIMITS if body.get(name) is not None), None)
        if limit is not None and (not isinstance(limit, int) or limit < 1):
            raise Refused(400, f"{limit!r} tokens are no limit; give a whole number from 1 on", code="invalid_input")
        ask = partial(self.query, str(body["model"]), namespace, messages=turns, max_new_tokens=limit)
        stamp = Stamp(model=str(body["model"]), prefix=dialect.prefix)
        if body.get("stream") and isinstance(dialect, Chat):
            return StreamingResponse(_as_it_comes(ask, dialect, stamp), media_type="text/event-stream")
        answer = await asyncio.to_thread(ask)
        if body.get("stream"):
            return StreamingResponse(dialect.events(answer.text, stamp), media_type="text/event-stream")
        response = JSONResponse(dialect.reply(answer.text, stamp) | ({"kedit": to_dict(answer)} if explain else {}))
        response.raw_headers += encoded(_headers(answer))
        return response


async def _as_it_comes(ask: Callable[..., Answer], dialect: Chat, stamp: Stamp) -> AsyncIterator[bytes]:
    """The events of a reply while it is generated; an error that comes too late for a status is an event."""
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[str | None] = asyncio.Queue()

    def tell(piece: str) -> None:
        loop.call_soon_threadsafe(pieces.put_nowait, piece)

    asked = asyncio.ensure_future(asyncio.to_thread(ask, on_text=tell))
    asked.add_done_callback(lambda _: pieces.put_nowait(None))
    yield dialect.opening(stamp)
    while (piece := await pieces.get()) is not None:
        yield dialect.piece(piece, stamp)
    try:
        answer = await asked
    except KeditError as error:
        yield f"data: {json.dumps({'error': {'message': str(error), 'type': 'server_error'}})}\n\n".encode()
        return
    for event in dialect.closing(stamp, "length" if answer.cut else "stop"):
        yield event


def _headers(answer: Answer) -> dict[str, str]:
    edits = {"x-kedit-edit": answer.edits[0].edit.id} if answer.edits else {}
    return {"x-kedit-route": answer.route.value, **edits}
