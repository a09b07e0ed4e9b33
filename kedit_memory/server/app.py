"""The application: parts put together, and what happens around every request."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from kedit_memory.errors import KeditError
from kedit_memory.memory import EditMemory
from kedit_memory.models.remote import is_loopback
from kedit_memory.routing.router import Router, RouterConfig
from kedit_memory.server import decisions, edits, health, passages, questions
from kedit_memory.server.access import Access
from kedit_memory.server.around import Around
from kedit_memory.server.audit import Audit
from kedit_memory.server.console.app import console
from kedit_memory.server.console.sessions import Sessions
from kedit_memory.server.deciding import Deciding, unnoted
from kedit_memory.server.decision_log import DecisionLog, forget_all
from kedit_memory.server.errors import DOCUMENTED, Refused, crash, failure, invalid, refusal
from kedit_memory.server.keys import KeyRing
from kedit_memory.server.local import LocalModels
from kedit_memory.server.measures import Measures
from kedit_memory.server.parts import Parts
from kedit_memory.server.proxy import Proxy
from kedit_memory.server.rates import rates_of
from kedit_memory.server.relay import Relay
from kedit_memory.server.settings import Settings

_LOG = logging.getLogger(__name__)

_UNREADABLE, _WRONG_METHOD = 400, 405
# Newer releases of FastAPI have spans and logs of their own, which tell queries and messages of exceptions.
_NO_TELEMETRY: Any = dict.fromkeys(("tracing", "metrics", "logs", "operation_spans", "auto_configure"), False)
_EVERY = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]


def create_app(settings: Settings, shared: Path | None = None) -> FastAPI:
    """The application of some settings; it closes the store when it stops. `shared` is the folder of several workers.

    Raises:
        KeditError: the store cannot be opened, or a model of this machine is not known.
    """
    memory = EditMemory.open(settings.store, engine=settings.engine)
    config = RouterConfig(path=settings.answer, related=settings.related)
    ruling = Router(memory, config=config)
    measures = Measures(shared)
    try:
        log = _log(memory, settings)
        note = log.note if log else unnoted
        models = LocalModels({name: Router(memory, name, config=config) for name in settings.models}, note, measures)
        models.load()
    except BaseException:
        memory.close()
        raise
    ring = KeyRing(memory.path)
    rates = rates_of(settings, shared)
    access = Access(ring, rates, open_here=is_loopback(settings.host))
    sessions = Sessions(memory.path)
    deciding, relay = Deciding(ruling, most=settings.waiting, note=note), Relay(measures)
    proxy = Proxy(settings, access, deciding, relay, models, measures)

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(_load, ruling)
        yield
        await relay.close()
        await asyncio.to_thread(deciding.close)
        if log:
            await asyncio.to_thread(log.close)
        sessions.close()
        ring.close()
        rates.close()
        memory.close()

    app = FastAPI(
        title="kedit", lifespan=running, docs_url=None, redoc_url=None, openapi_url="/openapi.json",
        telemetry=_NO_TELEMETRY,
    )  # fmt: skip
    parts = Parts(
        memory=memory, router=ruling, models=models, access=access, audit=Audit(memory.path), measures=measures,
        decisions=log,
    )  # fmt: skip
    app.state.parts = parts
    for routes in (edits.routes, passages.routes, questions.routes, decisions.routes, health.routes):
        app.include_router(routes, responses=DOCUMENTED)
    app.add_route("/v1/models", proxy.models, methods=["GET"], include_in_schema=False)
    app.add_route("/v1/{path:path}", proxy.answered, methods=_EVERY, include_in_schema=False)
    app.mount("/console", console(parts, sessions, body_bytes=settings.body_bytes))
    _add_errors(app)
    app.add_middleware(Around, most=settings.body_bytes, seconds=settings.request_seconds, measures=measures)
    return app


def _load(ruling: Router) -> None:
    """Loads what decisions and writes need, or the first of them would wait for it."""
    try:
        ruling.load()
    except KeditError as error:  # such as an encoder that is not installed: reading needs none
        _LOG.warning("%s", error)


def _log(memory: EditMemory, settings: Settings) -> DecisionLog | None:
    if settings.log_decisions:
        return DecisionLog(memory, settings.log_decisions)
    forget_all(memory.path)
    return None


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
        code = "invalid_request" if error.status_code == _UNREADABLE else "no_route"
        return refusal(Refused(error.status_code, said, code=code, headers=headers))

    async def crashed(request: Request, error: Exception) -> JSONResponse:
        _LOG.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return crash()

    for kind, handler in (
        (Refused, refused), (KeditError, failed), (RequestValidationError, malformed), (HTTPException, unknown),
        (Exception, crashed),
    ):  # fmt: skip
        app.add_exception_handler(kind, handler)
