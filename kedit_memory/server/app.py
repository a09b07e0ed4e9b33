"""The application: parts put together, and what happens around every request."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import perf_counter

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kedit_memory.errors import KeditError
from kedit_memory.memory import EditMemory
from kedit_memory.models.remote import is_loopback
from kedit_memory.routing.router import Router, RouterConfig
from kedit_memory.server import audit as auditing
from kedit_memory.server import decisions, edits, health, questions
from kedit_memory.server.access import Access
from kedit_memory.server.audit import Audit
from kedit_memory.server.console.app import console
from kedit_memory.server.console.sessions import Sessions
from kedit_memory.server.deciding import Deciding, unnoted
from kedit_memory.server.decision_log import DecisionLog, forget_all
from kedit_memory.server.dialects.base import Dialect
from kedit_memory.server.dialects.chat import Chat
from kedit_memory.server.dialects.completions import Completions
from kedit_memory.server.dialects.messages import Messages
from kedit_memory.server.dialects.responses import Responses
from kedit_memory.server.errors import DOCUMENTED, Refused, crash, failure, invalid, refusal
from kedit_memory.server.keys import KeyRing
from kedit_memory.server.local import LocalModels
from kedit_memory.server.measures import Measures
from kedit_memory.server.parts import Parts
from kedit_memory.server.proxy import Proxy
from kedit_memory.server.relay import Relay
from kedit_memory.server.settings import Settings

_LOG = logging.getLogger(__name__)

DIALECTS: tuple[Dialect, ...] = (Chat(), Completions(), Responses(), Messages())
_WRONG_METHOD = 405
_EVERY = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]


def create_app(settings: Settings) -> FastAPI:
    """The application of some settings; the store is opened when it starts and closed when it stops.

    Raises:
        KeditError: the store cannot be opened, or a model of this machine is not known.
    """
    memory = EditMemory.open(settings.store)
    config = RouterConfig(path=settings.answer)
    ruling = Router(memory, config=config)
    try:
        log = _log(memory, settings)
        note = log.note if log else unnoted
        models = LocalModels({name: Router(memory, name, config=config) for name in settings.models}, note)
        models.load()
    except BaseException:
        memory.close()
        raise
    ring = KeyRing(settings.store)
    access = Access(ring, open_here=is_loopback(settings.host))
    sessions = Sessions(settings.store)
    deciding, relay, measures = Deciding(ruling, most=settings.waiting, note=note), Relay(), Measures()
    proxy = Proxy(settings, access, deciding, relay, models, measures)

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        yield
        await relay.close()
        await asyncio.to_thread(deciding.close)
        if log:
            await asyncio.to_thread(log.close)
        sessions.close()
        ring.close()
        memory.close()

    app = FastAPI(title="kedit", lifespan=running, docs_url=None, redoc_url=None, openapi_url="/openapi.json")
    parts = Parts(
        memory=memory, router=ruling, models=models, access=access, audit=Audit(settings.store), measures=measures,
        decisions=log,
    )  # fmt: skip
    app.state.parts = parts
    for routes in (edits.routes, questions.routes, decisions.routes, health.routes):
        app.include_router(routes, responses=DOCUMENTED)
    for dialect in DIALECTS:
        app.add_route(f"/v1/{dialect.path}", _asking(proxy, dialect), methods=["POST"], include_in_schema=False)
    app.add_route("/v1/models", proxy.models, methods=["GET"], include_in_schema=False)
    app.add_route("/v1/{path:path}", proxy.passed, methods=_EVERY, include_in_schema=False)
    app.mount("/console", console(parts, sessions, body_bytes=settings.body_bytes))
    _add_errors(app)
    app.add_middleware(Around)
    return app


class Around:
    """A request with an id, and where it came from, for the logs of what it does."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry a request out."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        auditing.source.set((scope.get("client") or ("",))[0])
        auditing.request_id.set(secrets.token_hex(8))
        started = perf_counter()
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        await self._app(scope, receive, sending)
        took = 1000 * (perf_counter() - started)
        _LOG.info("%s %s %d %.1f ms %s", scope["method"], scope["path"], status, took, auditing.request_id.get())


def _log(memory: EditMemory, settings: Settings) -> DecisionLog | None:
    if settings.log_decisions:
        return DecisionLog(memory, settings.log_decisions)
    forget_all(settings.store)
    return None


def _asking(proxy: Proxy, dialect: Dialect) -> Callable[[Request], Awaitable[Response]]:
    async def asked(request: Request) -> Response:
        return await proxy.asked(request, dialect)

    return asked


def _allowed(app: FastAPI, request: Request) -> str:
    """The methods of a path, of all routes that it has."""
    found = [route for route in app.routes if isinstance(route, Route) and route.path_regex.match(request.url.path)]
    return ", ".join(sorted({method for route in found for method in route.methods or ()}))


def _add_errors(app: FastAPI) -> None:
    """All errors in one shape."""

    async def refused(_: Request, error: Exception) -> JSONResponse:
        return refusal(error) if isinstance(error, Refused) else crash()

    async def failed(_: Request, error: Exception) -> JSONResponse:
        return failure(error) if isinstance(error, KeditError) else crash()

    async def malformed(_: Request, error: Exception) -> JSONResponse:
        return refusal(invalid(error)) if isinstance(error, RequestValidationError) else crash()

    async def unknown(request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, HTTPException):
            return crash()
        said = f"{request.method} {request.url.path}: {error.detail}"
        headers = {"Allow": _allowed(app, request)} if error.status_code == _WRONG_METHOD else error.headers
        return refusal(Refused(error.status_code, said, code="no_route", headers=headers))

    async def crashed(request: Request, error: Exception) -> JSONResponse:
        _LOG.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return crash()

    for kind, handler in (
        (Refused, refused), (KeditError, failed), (RequestValidationError, malformed), (HTTPException, unknown),
        (Exception, crashed),
    ):  # fmt: skip
        app.add_exception_handler(kind, handler)
