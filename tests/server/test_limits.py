"""How large a request may be and how long it may take: a stalled or late reply ends, and is not taken for whole."""

import asyncio
import gzip
import json
import time
from collections.abc import AsyncIterator, Iterator

import httpx
import openai
import pytest
from starlette.responses import Response, StreamingResponse

from kedit_memory.server.app import create_app
from kedit_memory.server.settings import Settings, Upstream
from tests.server.conftest import Behind, asking, listening, stored

CHAT = "/v1/chat/completions"
MISSED = "What is the tallest tree?"


@pytest.fixture(scope="module")
def brief(one_behind: Behind, tmp_path_factory) -> Iterator[httpx.Client]:
    """A server whose requests may take eight seconds, in front of an upstream that may be silent for two."""
    store = stored(tmp_path_factory.mktemp("brief") / "store")
    upstream = Upstream(url=one_behind.url, read_seconds=2)
    settings = Settings(store=store, upstreams=(upstream,), body_bytes=100_000, request_seconds=8)
    with listening(create_app(settings)) as url, httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
        client.post(CHAT, json=asking(MISSED))  # what is loaded at the first question takes its time
        yield client


def stream(pieces: int, pause: float, kind: str = "text/event-stream") -> Response:
    """Events with a pause behind each."""

    async def events() -> AsyncIterator[bytes]:
        for place in range(pieces):
            chunk = {"id": "up", "choices": [{"index": 0, "delta": {"content": f"{place} "}}]}
            yield f"data: {json.dumps(chunk)}\n\n".encode()
            await asyncio.sleep(pause)
        yield b"data: [DONE]\n\n"

    return StreamingResponse(events(), media_type=kind)


def received(client: httpx.Client) -> tuple[bytes, float]:
    """What comes of a stream until it breaks off, and the seconds that it takes."""
    content, started = b"", time.monotonic()
    with client.stream("POST", CHAT, json=asking(MISSED, stream=True)) as response:
        assert response.status_code == 200
        try:
            for piece in response.iter_raw():
                content += piece
        except httpx.RemoteProtocolError:
            return content, time.monotonic() - started
    pytest.fail("the reply ended as if it were whole")


@pytest.mark.parametrize(("pieces", "pause", "code"), [(2, 30.0, "upstream"), (99, 0.5, "timeout")])
def test_a_stream_that_stalls_or_never_ends_is_ended(
    brief: httpx.Client, behind: Behind, pieces: int, pause: float, code: str
) -> None:
    behind.raw = lambda: stream(pieces, pause)
    content, seconds = received(brief)
    assert content.startswith(b"data: {")
    *_, last = content.decode().strip().split("\n\n")
    name, data = last.split("\n")
    assert name == "event: error"
    assert json.loads(data.removeprefix("data: "))["error"]["code"] == code
    assert b"[DONE]" not in content
    assert seconds < 25


def test_openais_client_hears_of_a_stream_that_ends_too_early(brief: httpx.Client, behind: Behind) -> None:
    behind.raw = lambda: stream(2, 30)
    http = openai.DefaultHttpxClient(trust_env=False)
    with openai.OpenAI(base_url=f"{brief.base_url}/v1", api_key="sk", http_client=http, max_retries=0) as client:
        chunks = client.chat.completions.create(
            model="gpt-up", messages=[{"role": "user", "content": MISSED}], stream=True
        )
        with pytest.raises(openai.APIError, match="does not answer in time"):
            list(chunks)


def test_what_is_no_stream_of_events_only_breaks_off(brief: httpx.Client, behind: Behind) -> None:
    behind.raw = lambda: stream(2, 30, "application/octet-stream")
    assert b"event: error" not in received(brief)[0]


def test_a_request_that_takes_too_long_is_told_so(brief: httpx.Client, behind: Behind) -> None:
    """The upstream keeps sending, so that it never stalls, and on a hit the reply is read whole."""
    behind.raw = lambda: stream(99, 0.5, "application/json")
    for path, body in (
        (CHAT, asking("Who leads Acme nowadays?")),
        ("/v1/messages", {"model": "c", "messages": asking("Who leads Acme nowadays?")["messages"]}),
    ):
        response = brief.post(path, json=body)
        assert response.status_code == 504
        told = response.json()
        assert (told["type"], told["error"]["code"]) == ("error", "timeout")
        assert "more than 8 seconds" in told["error"]["message"]
    assert brief.get("/health/ready").status_code == 200


def test_a_body_may_have_so_many_bytes_on_every_route(brief: httpx.Client, behind: Behind) -> None:
    large = b'{"prompt": "' + b"x" * 200_000

    def chunks() -> Iterator[bytes]:
        yield from (large[start : start + 10_000] for start in range(0, len(large), 10_000))

    for path in ("/edits", "/edits/batch", "/query", "/search", CHAT, "/v1/files"):
        for content in (large, chunks()):
            response = brief.post(path, content=content, headers={"content-type": "application/json"})
            assert (response.status_code, response.json()["error"]["code"]) == (413, "too_large"), path
    packed = gzip.compress(b" " * 50_000_000)
    assert brief.post(CHAT, content=packed, headers={"content-encoding": "gzip"}).status_code == 413
    assert not behind.sent


def test_a_batch_has_so_many_edits(served: httpx.Client) -> None:
    form = {"content-type": "application/json"}
    response = served.post("/edits/batch", content=b'{"edits": [' + b"{}," * 10_000 + b"{}]}", headers=form)
    assert response.status_code == 422
    assert "10000 items" in response.json()["error"]["message"]
    response = served.post("/edits", content=b"[" * 90_000, headers=form)
    assert (response.status_code, response.json()["error"]["code"]) in {
        (400, "invalid_request"),
        (422, "invalid_request"),
    }
