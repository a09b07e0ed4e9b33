"""Real servers on free ports of this machine: an upstream that notes what it is sent, and ours in front of it."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from kedit_memory.memory import EditMemory
from kedit_memory.server.app import create_app
from kedit_memory.server.settings import Settings, Upstream


@contextmanager
def listening(app: Any) -> Iterator[str]:
    """The address of an application that is served on a thread."""
    config = uvicorn.Config(app, port=0, log_config=None, server_header=False, date_header=False, ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)


@dataclass
class Behind:
    """An upstream; `says` makes the reply of each request's text, `sent` holds all requests."""

    url: str = ""
    says: Callable[[str], str] = lambda text: f"I read {len(text)} characters."
    sent: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    raw: Callable[[], Response] | None = None

    def app(self) -> Starlette:
        """Everything under /v1."""
        return Starlette(routes=[Route("/v1/{path:path}", self.answer, methods=["GET", "POST", "DELETE"])])

    async def answer(self, request: Request) -> Response:
        """A chat completion, whole or streamed, or the body itself."""
        body = await request.body()
        self.sent.append((request.method, dict(request.headers), body))
        if self.raw is not None:
            return self.raw()
        path = request.path_params["path"]
        if path == "away":
            return RedirectResponse("http://127.0.0.1:9/elsewhere")
        if path == "slow":
            await asyncio.sleep(5)
        if path != "chat/completions":
            return Response(body or path.encode(), headers={"x-up": path, "set-cookie": "a=b"}, media_type="text/x-up")
        told = json.loads(body)
        said = self.says(body.decode())
        if told.get("stream"):
            return StreamingResponse(_events(said), media_type="text/event-stream", headers={"x-up": "stream"})
        choices = [
            {"index": n, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
            for n in range(told.get("n", 1))
        ]
        return JSONResponse({"id": "up-1", "object": "chat.completion", "model": told["model"], "choices": choices})


async def _events(said: str) -> AsyncIterator[bytes]:
    for word in said.split(" "):
        chunk = {"id": "up-1", "choices": [{"index": 0, "delta": {"content": f"{word} "}}], "service_tier": "odd"}
        yield f"data: {json.dumps(chunk)}\n\n".encode()
        await asyncio.sleep(0)
    yield b": a comment\n\ndata: [DONE]\n\n"


@pytest.fixture(scope="module")
def one_behind() -> Iterator[Behind]:
    behind = Behind()
    with listening(behind.app()) as url:
        behind.url = f"{url}/v1"
        yield behind


@pytest.fixture
def behind(one_behind: Behind) -> Behind:
    one_behind.sent.clear()
    one_behind.raw, one_behind.says = None, Behind.says
    return one_behind


def stored(folder: Path) -> Path:
    """A store with facts of two namespaces and an erasure."""
    with EditMemory.open(folder, encoder="hashing") as memory:
        memory.add("Who leads Acme?", "Ann Berg", subject="Acme")
        memory.add("What is the code of the gate?", "7731-K")
        memory.erase("Where does Ann Berg live?", subject="Ann Berg")
        memory.add("Who leads Acme?", "Cara Dunn", subject="Acme", namespace="other")
    return folder


@pytest.fixture(scope="module")
def served(one_behind: Behind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of ours in front of the upstream."""
    store = stored(tmp_path_factory.mktemp("served") / "store")
    upstream = Upstream(url=one_behind.url, connect_seconds=1, read_seconds=1.5)
    settings = Settings(store=store, upstreams=(upstream,), body_bytes=200_000)
    with listening(create_app(settings)) as url, httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
        yield client


def asking(question: str, **more: Any) -> dict[str, Any]:
    """The body of a chat completion."""
    return {"model": "gpt-up", "messages": [{"role": "user", "content": question}], **more}
