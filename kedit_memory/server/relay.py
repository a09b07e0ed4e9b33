"""Requests passed on to an upstream and replies passed back, byte for byte."""

import json
import re
import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote, unquote

import httpx
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from kedit_memory.server.access import KEY, NAMESPACE
from kedit_memory.server.errors import Refused
from kedit_memory.server.settings import Upstream

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

    def __init__(self) -> None:
        self._client = httpx.AsyncClient(
            follow_redirects=False, trust_env=False, limits=httpx.Limits(max_connections=None)
        )

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def passed(self, request: Request, body: bytes, upstream: Upstream, path: str) -> Response:
        """The upstream's response to a request as it came, passed back as it comes."""
        response = await self._sent(request, body, upstream, path, headers_of(request, upstream))
        kept = [(name, value) for name, value in response.headers.raw if name.lower() not in _OF_CONNECTION]
        streaming = StreamingResponse(_pieces(response), response.status_code)
        streaming.raw_headers = kept
        return streaming

    async def asked(
        self, request: Request, told: Mapping[str, Any] | None, upstream: Upstream, path: str
    ) -> tuple[httpx.Response, bytes]:
        """The upstream's whole response to another body in the place of a request's own, or none; decoded.

        Raises:
            Refused: it cannot be reached, breaks off, or answers with more than `LARGEST_REPLY`.
        """
        headers = [
            (name, value)
            for name, value in headers_of(request, upstream)
            if name.lower() not in {b"accept-encoding", b"content-encoding", b"content-type"}
        ]
        headers += [(b"accept-encoding", b"identity"), (b"content-type", b"application/json")]
        body = b"" if told is None else json.dumps(told).encode()
        response = await self._sent(request, body, upstream, path, headers)
        content = bytearray()
        try:
            async for piece in response.aiter_bytes():
                content += piece
                if len(content) > LARGEST_REPLY:
                    raise Refused(502, f"the upstream answers with more than {LARGEST_REPLY:,} bytes", code="upstream")
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


async def body_of(request: Request, most: int) -> bytes:
    """A request's body.

    Raises:
        Refused: it is larger than `most` bytes.
    """
    too_large = Refused(413, f"the request has more than {most:,} bytes; send less", code="too_large")
    if int(request.headers.get("content-length") or 0) > most:
        raise too_large
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            raise too_large
    return bytes(body)


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
        raise Refused(413, f"the request has more than {most:,} bytes; send less", code="too_large")
    return content


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


async def _pieces(response: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for piece in response.aiter_raw():
            yield piece
    finally:
        await response.aclose()


def _unreachable(upstream: Upstream, error: httpx.HTTPError) -> Refused:
    late = isinstance(error, httpx.TimeoutException)
    why = "does not answer in time" if late else f"cannot be reached, or broke off ({type(error).__name__})"
    return Refused(504 if late else 502, f"the upstream {upstream.url} {why}", code="upstream")
