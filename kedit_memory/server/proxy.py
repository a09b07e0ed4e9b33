"""The routes under `/v1`: what an edit answers is answered by it; all else goes on as it came.

On a miss nothing of ours is in the request or in the response, unless the model is to read edits that speak of the
question (`related`). On a hit the model reads the edit and its reply is compared with it, as the router does: where it
left the answer out it is asked once more, firmly, and where it still does, the stored answer takes the reply's place.
"""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from kedit_memory.records import Decision, Route
from kedit_memory.routing.answer import REFUSAL
from kedit_memory.routing.provenance import to_dict
from kedit_memory.server import corrections
from kedit_memory.server.access import Access
from kedit_memory.server.deciding import Deciding
from kedit_memory.server.dialects.base import Body, Dialect, Stamp
from kedit_memory.server.dialects.chat import Chat
from kedit_memory.server.dialects.completions import Completions
from kedit_memory.server.dialects.messages import Messages
from kedit_memory.server.dialects.responses import Responses
from kedit_memory.server.errors import Refused
from kedit_memory.server.keys import Right
from kedit_memory.server.local import LocalModels
from kedit_memory.server.measures import Measures
from kedit_memory.server.relay import EVENTS, Relay, as_it_came, decoded, encoded, events_of, path_of
from kedit_memory.server.settings import Settings, Upstream

BASE = "/v1/"
DIALECTS: tuple[Dialect, ...] = (Chat(), Completions(), Responses(), Messages())
EXPLAIN = "x-kedit-explain"  # a request that has it is told more: see `Proxy.answered`
_BY_PATH = {one.path: one for one in DIALECTS}
_SLASHES = re.compile(r"/+")
_NONSENSE = (LookupError, TypeError, AttributeError, ValueError)  # of a reply in another dialect


class Proxy:
    """Answers requests under the base URL; `models` are those of this machine."""

    def __init__(
        self, settings: Settings, access: Access, deciding: Deciding, relay: Relay, models: LocalModels,
        measures: Measures,
    ) -> None:  # fmt: skip
        self._settings, self._access = settings, access
        self._deciding, self._relay, self._models, self._measures = deciding, relay, models, measures

    async def answered(self, request: Request) -> Response:
        """The response to any request under the base URL.

        A path with slashes doubled or at its end, or in capitals, is read as servers read it that take it for a
        dialect's: nothing that an edit answers may go past it on another spelling.
        """
        path = path_of(request, BASE)
        dialect = _BY_PATH.get(_SLASHES.sub("/", unquote(path)).strip("/").casefold())
        if dialect is None or request.method != "POST":
            return await self._passed(request, path)
        return await self._asked(request, dialect, path)

    async def _asked(self, request: Request, dialect: Dialect, path: str) -> Response:
        """The response to a request that may hold a dialogue.

        Where an edit answers, headers say so: `x-kedit-route`, `x-kedit-edit` and `x-kedit-score`. With the header
        `x-kedit-explain` a whole reply also has a field `kedit`, and a miss says `x-kedit-route: none`.
        """
        raw = await request.body()
        body = _read(decoded(raw, request.headers.get("content-encoding", ""), self._settings.body_bytes))
        model = body.get("model")
        if isinstance(model, str) and self._models.has(model):
            caller = self._access.caller(request, Right.READ)
            return await self._models.answered(body, dialect, caller.namespace, explain=EXPLAIN in request.headers)
        upstream = self._upstream(model)
        caller = self._access.caller(request, Right.READ, bearer=upstream.key is not None)
        turns = dialect.dialogue(body)
        ruling = None if turns is None else await self._deciding.ruling(turns, caller.namespace)
        self._measures.ruled(ruling)
        if ruling is not None and ruling.decision is not None:
            return await self._hit(request, body, ruling.decision, dialect, upstream, path)
        told: Mapping[str, Any] = body
        headers: dict[str, str] = {}
        if ruling is not None and ruling.related:
            told = dialect.told(body, corrections.beside(ruling.related))
            headers = {"x-kedit-related": ",".join(str(one.edit_id) for one in ruling.related)}
        if ruling is not None and turns is not None and ruling.erasures.erased:
            response, content = await self._relay.asked(request, told, upstream, path)
            said = _said(dialect, content, _streams(response.headers))
            if said is not None and any(ruling.erasures.told_by(turns[-1].content, text) for text in said):
                self._measures.overrode("refused", Route.REFUSAL.value)
                return _own(REFUSAL, body, dialect, {"x-kedit-route": Route.REFUSAL.value})
            return as_it_came(response, content, headers)
        passed = await self._relay.passed(request, told if headers else raw, upstream, path)
        passed.raw_headers += encoded(headers)
        if EXPLAIN in request.headers:
            passed.raw_headers += [(b"x-kedit-route", b"none")]
        return passed

    async def _passed(self, request: Request, path: str) -> Response:
        """The response to any other request, which the first upstream gets as it came, or the one of its model."""
        raw = await request.body()
        upstream = self._upstream(_model(raw))
        self._access.caller(request, Right.READ, bearer=upstream.key is not None)
        return await self._relay.passed(request, raw, upstream, path)

    async def models(self, request: Request) -> Response:
        """The models: those of this machine, and of each upstream those that it lists."""
        if not self._models.names and len(self._settings.upstreams) == 1:
            return await self._passed(request, "models")
        self._access.caller(request, Right.READ)
        listed = self._models.listed()
        for upstream in self._settings.upstreams:
            response, content = await self._relay.asked(request, None, upstream, "models")
            if response.is_success:
                listed += [one for one in json.loads(content).get("data", []) if upstream.serves(str(one.get("id")))]
        return JSONResponse({"object": "list", "data": listed})

    async def _hit(
        self, request: Request, body: Body, decision: Decision, dialect: Dialect, upstream: Upstream, path: str
    ) -> Response:
        edit = decision.edits[0].edit
        explained = to_dict(decision) if EXPLAIN in request.headers else None
        if decision.route in (Route.DIRECT, Route.REFUSAL):
            text = REFUSAL if decision.route is Route.REFUSAL else edit.target or ""
            return _own(text, body, dialect, _headers(decision, decision.route), explained)
        for correction in (corrections.told(edit), corrections.firmly(edit)):
            told = dialect.told(body, correction)
            response, content = await self._relay.asked(request, told, upstream, path)
            said = _said(dialect, content, _streams(response.headers)) if response.is_success else None
            if said is None or not corrections.left_out(decision, said):
                return _explained(as_it_came(response, content, _headers(decision, Route.CONTEXT)), explained)
            self._measures.overrode("asked again")
        self._measures.overrode("replaced", Route.DIRECT.value)
        return _own(edit.target or "", body, dialect, _headers(decision, Route.DIRECT), explained)

    def _upstream(self, model: object) -> Upstream:
        found = [one for one in self._settings.upstreams if not isinstance(model, str) or one.serves(model)]
        if not found:
            known = ", ".join([*self._models.names, *(name for one in self._settings.upstreams for name in one.models)])
            raise Refused(404, f"no model {model!r} is served here; there is {known or 'none'}", code="model_not_found")
        return found[0]


def _read(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"the body is no JSON: {error}", code="invalid_json") from error
    if not isinstance(body, dict):
        raise Refused(400, f"the body is a JSON {type(body).__name__}; send an object", code="invalid_json")
    return body


def _model(raw: bytes) -> object:
    """The model that a body names, if it is JSON that names one: what is passed on may be anything."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return body.get("model") if isinstance(body, dict) else None


def _streams(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").startswith(EVENTS)


def _said(dialect: Dialect, content: bytes, streamed: bool) -> list[str] | None:  # noqa: FBT001 - what it is
    """The texts of a reply; None where it cannot be compared with an edit: a call of a tool, another dialect."""
    try:
        if streamed:
            events = events_of(content)
            return None if events is None else dialect.streamed(events)
        return dialect.texts(json.loads(content))
    except _NONSENSE:
        return None


def _own(
    text: str, body: Body, dialect: Dialect, headers: Mapping[str, str], explained: Mapping[str, Any] | None = None
) -> Response:
    """A reply of the memory's own, in the form that was asked for."""
    stamp = Stamp(model=str(body.get("model", "kedit")), prefix=dialect.prefix)
    if body.get("stream"):
        response: Response = StreamingResponse(dialect.events(text, stamp), media_type=EVENTS)
    else:
        response = JSONResponse(dialect.reply(text, stamp) | ({"kedit": explained} if explained else {}))
    response.raw_headers += encoded(headers)
    return response


def _explained(response: Response, explained: Mapping[str, Any] | None) -> Response:
    """A whole reply with the field `kedit`; a stream as it is."""
    if explained is None or _streams(response.headers):
        return response
    try:
        content = json.dumps({**json.loads(bytes(response.body)), "kedit": explained}).encode()
    except _NONSENSE:
        return response
    kept = [(name, value) for name, value in response.raw_headers if name != b"content-length"]
    response.body = content
    response.raw_headers = [*kept, (b"content-length", str(len(content)).encode())]
    return response


def _headers(decision: Decision, route: Route) -> dict[str, str]:
    match = decision.edits[0]
    score = {} if match.score is None else {"x-kedit-score": f"{match.score:.3f}"}
    return {"x-kedit-route": route.value, "x-kedit-edit": match.edit.id, **score}
