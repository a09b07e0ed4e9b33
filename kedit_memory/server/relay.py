"""Requests passed on to an upstream and replies passed back, byte for byte."""

import json
import logging
import re
import zlib
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import quote, unquote

import httpx
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from kedit_memory.server.access import KEY, NAMESPACE
from kedit_memory.server.errors import Refused, broken, too_large
from kedit_memory.server.measures import Measures
from kedit_memory.server.settings import Upstream

_LOG = logging.getLogger(__name__)

EVENTS = "text/event-stream"
LARGEST_REPLY = 64 << 20  # bytes of one that is read here
# Of one connection, not of what it carries (RFC 9110, 7.6.1).
_OF_CONNECTION = frozenset(
    {
        b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te",
        b"trailer", b"transfer-encoding", b"upgrade",
    }
)  # fmt: skip
_OURS = frozenset({KEY.encode(), NAMESPACE.encode(), b"x-kedit-explain", b"host", b"content-length"})
_AS_IT_IS = "".join(map(chr, range(0x21, 0x7F)))  # what a target may hold
_BETWEEN_SEGMENTS = re.compile(r"[/\\]")
_OF_CODING = frozenset({b"content-encoding", b"content-length"})

Headers = list[tuple[bytes, bytes]]


class Relay:
    """One client for all upstreams: it follows no redirect and takes no address from a request."""

    def __init__(self, measures: Measures) -> None:
        self._measures = measures
        self._client = httpx.AsyncClient(
            follow_redirects=False, trust_env=False, limits=httpx.Limits(max_connections=None)
        )

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def passed(
        self, request: Request, body: bytes | Mapping[str, Any], upstream: Upstream, path: str
    ) -> Response:
        """The upstream's response to a request as it came, or to another body in its own's place, as it comes."""
        headers = headers_of(request, upstream)
        if isinstance(body, Mapping):
            headers, body = _with_json(headers), json.dumps(body).encode()
        async with AsyncExitStack() as until:
            until.enter_context(self._measures.step("upstream"))
            response = await self._sent(request, body, upstream, path, headers)
            until.push_async_callback(response.aclose)
            return _Passing(response, upstream, until.pop_all())

    async def asked(
        self, request: Request, told: Mapping[str, Any] | None, upstream: Upstream, path: str
    ) -> tuple[httpx.Response, bytes]:
        """The upstream's whole response to another body in the place of a request's own, or none; decoded.

        Raises:
            Refused: it cannot be reached, breaks off, or answers with more than `LARGEST_REPLY`.
        """
        headers = [one for one in _with_json(headers_of(request, upstream)) if one[0].lower() != b"accept-encoding"]
        headers.append((b"accept-encoding", b"identity"))
        body = b"" if told is None else json.dumps(told).encode()
        with self._measures.step("upstream"):
            response = await self._sent(request, body, upstream, path, headers)
            content = bytearray()
            try:
                async for piece in response.aiter_bytes():
                    content += piece
                    if len(content) > LARGEST_REPLY:
                        said = f"the upstream answers with more than {LARGEST_REPLY:,} bytes"
                        raise Refused(502, said, code="upstream")
            except httpx.HTTPError as error:
                raise _unreachable(upstream, error) from error
            finally:
                await response.aclose()
        return response, bytes(content)

    async def _sent(
        self, request: Request, body: bytes, upstream: Upstream, path: str, headers: Headers
    ) -> httpx.Response:
        url = httpx.URL(upstream.url)
        timeout = httpx.Timeout(upstream.read_seconds, connect=upstream.connect_seconds)
        sent = self._client.build_request(
            request.method, url, headers=headers, content=body, timeout=timeout,
            extensions={"target": _target(url, path, request.scope["query_string"])},
        )  # fmt: skip
        try:
            return await self._client.send(sent, stream=True)
        except httpx.HTTPError as error:
            raise _unreachable(upstream, error) from error


def path_of(request: Request, base: str) -> str:
    """What of a request's path is below a base, as it was sent.

    Raises:
        Refused: it has a segment that leads out of the base, or on another way to what is below it.
    """
    sent = quote(request.scope["raw_path"], safe=_AS_IT_IS).removeprefix(base)
    if {".", ".."} & set(_BETWEEN_SEGMENTS.split(unquote(sent))):
        raise Refused(400, f"the path {sent!r} has a segment that is '.' or '..'; leave it out", code="invalid_path")
    return sent


def _target(base: httpx.URL, path: str, query: bytes) -> bytes:
    """The target of a request, which a URL would write its own way."""
    asked = quote(query, safe=_AS_IT_IS)
    return base.raw_path.rstrip(b"/") + f"/{path}{'?' if asked else ''}{asked}".encode()


def headers_of(request: Request, upstream: Upstream) -> Headers:
    """A request's headers as the upstream gets them: without ours, with its own key where we hold one."""
    kept = [
        (name, value)
        for name, value in request.headers.raw
        if name.lower() not in _OF_CONNECTION and name.lower() not in _OURS
    ]
    if upstream.key is not None:
        held = f"Bearer {upstream.key}".encode()
        kept = [(name, value) for name, value in kept if name.lower() not in {b"authorization", b"x-api-key"}]
        kept += [(b"authorization", held), (b"x-api-key", upstream.key.encode())]
    return kept


def _with_json(headers: Headers) -> Headers:
    """Headers for a JSON body in the place of the one that came."""
    kept = [one for one in headers if one[0].lower() not in {b"content-encoding", b"content-type"}]
    return [*kept, (b"content-type", b"application/json")]


def as_it_came(response: httpx.Response, content: bytes, more: Mapping[str, str]) -> Response:
    """A response that was read here, with headers of ours."""
    kept = [
        (name, value)
        for name, value in response.headers.raw
        if name.lower() not in _OF_CONNECTION and name.lower() not in _OF_CODING
    ]
    made = Response(content, response.status_code)
    made.raw_headers = [*kept, (b"content-length", str(len(content)).encode()), *encoded(more)]
    return made


def encoded(headers: Mapping[str, str]) -> Headers:
    """Headers as bytes; what a header may not hold is left out of its value."""
    return [
        (name.encode(), "".join(c if c.isprintable() else " " for c in value).encode("latin-1", "replace"))
        for name, value in headers.items()
    ]


def decoded(body: bytes, coding: str, most: int) -> bytes:
    """A body that was sent compressed.

    Raises:
        Refused: another coding than gzip or deflate, a damaged one, or more than `most` bytes.
    """
    if coding in {"", "identity"}:
        return body
    if coding not in {"gzip", "x-gzip", "deflate"}:
        raise Refused(415, f"a body in coding {coding!r} cannot be read; send gzip, or none", code="unknown_coding")
    reader = zlib.decompressobj(wbits=47)
    try:
        content = reader.decompress(body, most)
    except zlib.error as error:
        raise Refused(400, f"the body is no {coding}: {error}", code="invalid_input") from error
    if reader.unconsumed_tail:
        raise too_large(most)
    return content


def takes_events(headers: Mapping[str, str]) -> bool:
    """Whether a reply with these headers, which has begun, can be told one more event."""
    fixed = any(name in headers for name in ("content-encoding", "content-length"))
    return not fixed and headers.get("content-type", "").startswith(EVENTS)


def events_of(content: bytes) -> list[dict[str, Any]] | None:
    """The JSON objects of server-sent events; None where the content is none."""
    found = []
    for line in content.splitlines():  # of bytes: of a text it would split at U+2028, too, which JSON may hold
        data = line[5:].strip().decode("utf-8", "replace") if line.startswith(b"data:") else ""
        if data and data != "[DONE]":
            try:
                event = json.loads(data)
            except ValueError:
                return None
            if not isinstance(event, dict):
                return None
            found.append(event)
    return found or None


class _Passing(StreamingResponse):
    """An upstream's response as it comes; one that breaks off or stalls ends unfinished, and is not taken for whole."""

    def __init__(self, response: httpx.Response, upstream: Upstream, until: AsyncExitStack) -> None:
        super().__init__(response.aiter_raw(), response.status_code)
        self.raw_headers = [(name, value) for name, value in response.headers.raw if name.lower() not in _OF_CONNECTION]
        self._response, self._upstream, self._until = response, upstream, until

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._until:
            await super().__call__(scope, receive, send)

    async def stream_response(self, send: Send) -> None:
        try:
            await super().stream_response(send)
        except httpx.HTTPError as error:
            told = _unreachable(self._upstream, error)
            _LOG.warning("a reply ends unfinished: %s", told.detail)
            if takes_events(self._response.headers):
                await send({"type": "http.response.body", "body": broken(told), "more_body": True})


def _unreachable(upstream: Upstream, error: httpx.HTTPError) -> Refused:
    late = isinstance(error, httpx.TimeoutException)
    why = "does not answer in time" if late else f"cannot be reached, or broke off ({type(error).__name__})"
    return Refused(504 if late else 502, f"the upstream {upstream.url} {why}", code="upstream")
