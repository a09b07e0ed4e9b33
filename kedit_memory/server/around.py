"""What happens around every request: an id, how large it may be, how long it may take, and a line in the log."""

import asyncio
import logging
import secrets
from time import perf_counter

from opentelemetry.trace import StatusCode
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kedit_memory.server import audit
from kedit_memory.server.errors import Refused, broken, refusal, too_large
from kedit_memory.server.measures import Measures, noted
from kedit_memory.server.relay import takes_events

_FAILED = 500  # the first status of a request that the server failed
_DIGITS = 18  # of a length that is read at all
_LOG = logging.getLogger(__name__)


class Around:
    """Carries requests out; a body has at most so many bytes, and all of it takes at most so many seconds."""

    def __init__(self, app: ASGIApp, *, most: int, seconds: float, measures: Measures) -> None:
        self._app, self._most, self._seconds, self._measures = app, most, seconds, measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry a request out."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        audit.source.set((scope.get("client") or ("",))[0])
        audit.request_id.set(secrets.token_hex(8))
        started = perf_counter()
        begun: Message = {}

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                begun.update(message)
            await send(message)

        limit = asyncio.timeout(self._seconds)
        with self._measures.request(scope["method"], Headers(scope=scope)) as span:
            try:
                async with limit:
                    await self._app(scope, self._limited(scope, receive), sending)
            except TimeoutError:
                if not limit.expired():
                    raise
                await self._late(begun, scope, receive, sending)
            finally:
                status = begun.get("status", _FAILED)
                if status >= _FAILED:
                    span.set_status(StatusCode.ERROR)
                span.set_attributes({"http.response.status_code": status, "kedit.request": audit.request_id.get()})
                _log(scope, status, perf_counter() - started)

    def _limited(self, scope: Scope, receive: Receive) -> Receive:
        """What receives a request, and no more of its body than is allowed."""
        told = Headers(scope=scope).get("content-length", "")
        large = told.isdecimal() and (len(told) > _DIGITS or int(told) > self._most)
        left = self._most

        async def receiving() -> Message:
            nonlocal left
            if large:
                raise too_large(self._most)
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise too_large(self._most)
            return message

        return receiving

    async def _late(self, begun: Message, scope: Scope, receive: Receive, send: Send) -> None:
        """Say that a request took too long; a reply that has begun ends unfinished: it is not to be taken for whole."""
        error = Refused(504, f"the request took more than {self._seconds:g} seconds", code="timeout")
        if not begun:
            await refusal(error)(scope, receive, send)
        elif takes_events(Headers(raw=begun["headers"])):
            await send({"type": "http.response.body", "body": broken(error), "more_body": True})


def _log(scope: Scope, status: int, seconds: float) -> None:
    """A line that holds no text: neither a query, nor a header, nor a body."""
    told = {
        "request": audit.request_id.get(),
        "method": scope["method"],
        "path": scope["path"],
        "status": status,
        "seconds": round(seconds, 6),
        "route": noted.get().route,
        "edit": noted.get().edit,
    }
    _LOG.info("%s", " ".join(str(value) for value in told.values() if value is not None), extra={"fields": told})
