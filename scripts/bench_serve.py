"""Measures what `kedit serve` adds to a request that no edit answers: real processes, an upstream on loopback.

    python scripts/bench_serve.py --json

The server holds edits with invented names; questions come at a steady rate, each also sent straight to the upstream.
Some ask nothing that an edit could answer (`nothing`), the others have to be read (`read`). What is added is the time
to the first byte through the server, less the median straight to the upstream. Replies of both ways are compared byte
for byte, streamed ones too. `bytes/growth` is what the server's memory grows by after the first tenth of the requests.

`count/injection` are the texts of `serve_injections` that got their way with another server, each told on standard
error; `recall/injected_question` is the share of its covered questions that still found their edit beside an attack.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import httpx
import numpy as np
from bench_memory import questions
from bench_scope import STORED, add_many, stated
from serve_injections import Attacked, attack, filled
from served import Behind, listening, resident, serving
from served import upstream as listening_upstream

from kedit_memory.evaluation.report.tables import table
from kedit_memory.evaluation.rows import Row, describe_run, document
from kedit_memory.memory import EditMemory

UPSTREAM = """
import asyncio, json, sys
from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route
import uvicorn

async def chat(request):
    body = json.loads(await request.body())
    text = f"I was sent {len(json.dumps(body))} characters."
    if body.get("stream"):
        async def events():
            for word in text.split():
                chunk = {"choices": [{"index": 0, "delta": {"content": word}}]}
                yield f"data: {json.dumps(chunk)}\\n\\n".encode()
            yield b"data: [DONE]\\n\\n"
        return StreamingResponse(events(), media_type="text/event-stream")
    message = {"role": "assistant", "content": text}
    return JSONResponse({"id": "up", "choices": [{"index": 0, "message": message}]})

class Telling(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        port = self.servers[0].sockets[0].getsockname()[1]
        print(f"listening on http://127.0.0.1:{port}/v1", file=sys.stderr, flush=True)

app = Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])
Telling(uvicorn.Config(app, port=0, log_config=None, server_header=False, date_header=False)).run()
"""
NOTHING = ("Write a haiku about rain", "Translate good morning into Finnish", "Continue: once upon a time", "2+2=")
READ = ("How do I train a puppy to sit?", "What is the best way to learn the violin?", "Why is the sky blue at noon?")


@dataclass(frozen=True)
class Timed:
    """One request: what kind it was, seconds to its first byte each way, and whether both replies were the same."""

    kind: str
    through: float
    straight: float
    same: bool


def main() -> None:
    """Start both, ask, print rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edits", type=int, default=10_000)
    parser.add_argument("--requests", type=int, default=1_000)
    parser.add_argument("--rate", type=float, default=20.0, help="requests a second")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as aside:
        store = Path(aside) / "store"
        fill(store, arguments.edits)
        with (
            listening([sys.executable, "-c", UPSTREAM]) as (upstream, _),
            listening(serving(store, "--upstream", upstream, "--port", "0")) as (server, process),
        ):
            asyncio.run(ask(server, upstream, 20, 5.0))  # weights are loaded
            first = asyncio.run(ask(server, upstream, arguments.requests // 10, arguments.rate))
            before = resident(process)
            rest = asyncio.run(ask(server, upstream, arguments.requests - len(first), arguments.rate))
            grown = resident(process) - before
        attacked = injected(Path(aside) / "attacked")
    for line in attacked.wrong.values():
        print(line, file=sys.stderr)
    rows = list(rows_of([*first, *rest], grown, attacked, arguments))
    print(document(rows) if arguments.json else table(rows))


def fill(store: Path, count: int) -> None:
    """Facts about invented names, one in five a statement."""
    with EditMemory.open(store) as memory:
        statements = dict(stated(count // 5))
        facts = (count - len(statements)) // len(STORED)
        names = [subject for _, subject in questions(facts)]
        rows = [
            {"prompt": prompt.format(name), "target": f"answer {place}", "subject": name}
            for place, name in enumerate(names)
            for prompt, _ in STORED
        ]
        add_many(memory, [*rows, *({"statement": text} for text in statements)], count)


async def ask(server: str, upstream: str, count: int, rate: float) -> list[Timed]:
    """So many requests at a steady rate, whatever the replies take."""
    rng = random.Random(count)
    async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
        tasks = []
        for place in range(count):
            kind = ("nothing", "read")[place % 2]
            text = f"{rng.choice(NOTHING if kind == 'nothing' else READ)} ({rng.randrange(10**6)})"
            body = {"model": "m", "stream": place % 4 > 1, "messages": [{"role": "user", "content": text}]}
            tasks.append(asyncio.create_task(both(client, server, upstream, kind, body)))
            await asyncio.sleep(1 / rate)
        return await asyncio.gather(*tasks)


async def both(client: httpx.AsyncClient, server: str, upstream: str, kind: str, body: dict[str, object]) -> Timed:
    """One request each way."""
    straight, direct = await first_byte(client, upstream, body)
    through, passed = await first_byte(client, server, body)
    return Timed(kind, through, straight, direct == passed)


async def first_byte(client: httpx.AsyncClient, url: str, body: dict[str, object]) -> tuple[float, object]:
    """Seconds to the first byte of the reply, and all that can be seen of it."""
    started = perf_counter()
    request = client.build_request("POST", f"{url}/chat/completions", content=json.dumps(body))
    response = await client.send(request, stream=True)
    seconds = 0.0
    content = b""
    async for piece in response.aiter_raw():
        seconds = seconds or perf_counter() - started
        content += piece
    return seconds, (response.status_code, response.headers.raw, content)


def injected(folder: Path) -> Attacked:
    """What becomes of a server with a store of its own, under attack."""
    folder.mkdir()
    keys = filled(folder / "store", "minilm")
    config = folder / "serve.toml"
    with listening_upstream(Behind()) as behind:
        config.write_text(f'answer = "context"\nport = 0\n[[upstream]]\nurl = "{behind.url}"\n')
        with listening(serving(folder / "store", "--config", str(config))) as (server, process):
            found = attack(server, keys, behind)
            if process.poll() is not None:
                found.wrong["all"] = "the server has ended"
    return found


def rows_of(timed: Sequence[Timed], grown: int, attacked: Attacked, arguments: argparse.Namespace) -> Iterator[Row]:
    """Percentiles of what is added, by kind, and what was the same."""
    run = describe_run("serve", "templates", config=vars(arguments), model="minilm")
    straight = float(np.median([one.straight for one in timed]))

    def row(metric: str, kind: str, value: float, n: int, unit: str) -> Row:
        return Row(
            run=run, method="kedit", metric=metric, kind=kind, value=value, n=n, unit=unit, edits=arguments.edits
        )

    for kind in ("nothing", "read"):
        added = [one.through - straight for one in timed if one.kind == kind]
        for percent in (50, 99):
            value = float(np.percentile(added, percent))
            yield row("seconds", f"first_byte_miss_p{percent}/{kind}", value, len(added), "s")
    yield row("seconds", "first_byte_straight_p50", straight, len(timed), "s")
    yield row("ratio", "miss_identical", float(np.mean([one.same for one in timed])), len(timed), "share")
    yield row("bytes", "growth", float(grown), len(timed), "bytes")
    yield row("count", "injection", len(attacked.wrong), attacked.tried + attacked.asked, "texts")
    yield row("recall", "injected_question", attacked.hits / attacked.covered, attacked.covered, "share")


if __name__ == "__main__":
    main()
