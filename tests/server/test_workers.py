"""Several processes on one store and one socket."""

import asyncio
import json
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.responses import StreamingResponse

from kedit_memory.server.audit import FILE
from kedit_memory.server.keys import KeyRing
from tests.server.conftest import Behind, asking, stored
from tests.server.starting import PATIENCE, Started, started, until

CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = stored(tmp_path_factory.mktemp("workers") / "store")
    with closing(KeyRing(store)) as ring:
        for name, right, rate in (("desk", "admin", None), ("slow", "read", 1), ("gone", "read", None)):
            (store / f"{name}.key").write_text(
                ring.make(name, namespaces=["default"], rights=[right], rate=rate, burst=rate and 5)
            )
    return store


@pytest.fixture(scope="module")
def server(store: Path, one_behind: Behind) -> Iterator[Started]:
    with started(store, "--workers", "2", "--log-format", "json", "--upstream", one_behind.url) as server:
        yield server


def key(store: Path, name: str = "desk") -> dict[str, str]:
    return {"x-kedit-key": (store / f"{name}.key").read_text()}


@pytest.fixture
def both(server: Started, store: Path) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """A connection to each worker."""
    with ExitStack() as clients:
        found: dict[int, httpx.Client] = {}
        deadline = time.monotonic() + PATIENCE
        while len(found) < 2:
            assert time.monotonic() < deadline, "one worker takes all connections"
            number = len(server.lines)
            path = f"/edits/probe-{number}-{time.monotonic_ns()}"
            client = httpx.Client(base_url=server.url, headers=key(store), timeout=PATIENCE, trust_env=False)
            clients.enter_context(client)
            client.get(path)
            (line,) = until(lambda path=path: server.requests(path))
            found.setdefault(line["process"], client)
        one, other = found.values()
        yield one, other


def test_a_write_is_seen_by_the_other_worker_within_a_second(both: tuple[httpx.Client, httpx.Client]) -> None:
    one, other = both
    other.post("/explain", json={"question": "Who feeds cat 0?"})
    for number, (writer, reader) in enumerate([(one, other), (other, one)] * 3):
        fact = {"prompt": f"Who feeds cat {number}?", "target": f"Bo {number}"}
        edit = writer.post("/edits", json=fact).json()["id"]
        written = time.monotonic()
        assert reader.get(f"/edits/{edit}").json()["target"] == f"Bo {number}"
        assert time.monotonic() - written < 1
        answer = reader.post(CHAT, json=asking(f"who feeds cat {number}")).json()
        assert answer["choices"][0]["message"]["content"] == f"Bo {number}"
        assert writer.delete(f"/edits/{edit}").status_code == 200
        assert reader.post("/explain", json={"question": f"who feeds cat {number}"}).json()["edits"] == []


def test_a_key_that_is_revoked_opens_nothing_at_either(both, store: Path) -> None:
    for client in both:
        assert client.get("/edits", headers=key(store, "gone")).status_code == 200
    with closing(KeyRing(store)) as ring:
        ring.revoke("gone")
    for client in both:
        assert client.get("/edits", headers=key(store, "gone")).status_code == 401


def test_a_rate_is_counted_over_both(both, store: Path) -> None:
    statuses = [client.get("/edits", headers=key(store, "slow")).status_code for client in both * 5]
    assert sorted(statuses) == [200] * 5 + [429] * 5


def test_measures_are_summed(both) -> None:
    def confirmed(client: httpx.Client) -> float:
        families = text_string_to_metric_families(client.get("/metrics").text)
        samples = [one for family in families for one in family.samples if one.name == "kedit_feedback_total"]
        return sum(one.value for one in samples if one.labels == {"verb": "confirm"})

    before = confirmed(both[0])
    for number, client in enumerate(both * 2):
        assert client.post("/edits/e1/confirm", json={"question": f"Who is boss {number}?"}).status_code == 200
    assert [confirmed(client) - before for client in both] == [4, 4]


def test_both_write_whole_lines_into_the_audit(both, store: Path) -> None:
    def write(client: httpx.Client, name: str) -> None:
        for number in range(5):
            rows = [{"prompt": f"What is {name} {number} {row}?", "target": "x"} for row in range(100)]
            assert client.post("/edits/batch", json={"edits": rows}).status_code == 201

    before = len((store / FILE).read_text().splitlines())
    threads = [threading.Thread(target=write, args=(client, name)) for client, name in zip(both, "ab", strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    lines = [json.loads(line) for line in (store / FILE).read_text().splitlines()][before:]
    assert [len(one["edits"]) for one in lines] == [100] * 10
    assert {one["who"] for one in lines} == {"desk"}


def test_one_that_is_killed_is_replaced(server: Started, both, store: Path) -> None:
    both[0].get("/edits/before-the-kill")
    (line,) = until(lambda: server.requests("/edits/before-the-kill"))
    os.kill(line["process"], signal.SIGKILL)
    until(lambda: [one for one in server.records if f"worker {line['process']} ended" in one.get("message", "")])
    with httpx.Client(base_url=server.url, headers=key(store), timeout=PATIENCE, trust_env=False) as client:
        assert client.get("/edits/e1").json()["target"] == "Ann Berg"

    def another() -> bool:
        path = f"/edits/after-{time.monotonic_ns()}"
        httpx.get(f"{server.url}{path}", headers=key(store), trust_env=False, timeout=PATIENCE)
        known = {one["process"] for one in server.records if "path" in one}
        before = {one["process"] for one in server.records[:1]}
        return len(known - before) >= 3

    until(another)


def test_streams_are_finished_as_it_stops(store: Path, behind: Behind) -> None:
    async def events() -> AsyncIterator[bytes]:
        for number in range(10):
            yield f"data: {number}\n\n".encode()
            await asyncio.sleep(0.2)
        yield b"data: [DONE]\n\n"

    behind.raw = lambda: StreamingResponse(events(), media_type="text/event-stream")
    body = asking("What is the tallest tree?", stream=True)
    with started(store, "--workers", "2", "--upstream", behind.url) as server:
        with httpx.stream(
            "POST", f"{server.url}{CHAT}", json=body, headers=key(store), timeout=PATIENCE, trust_env=False
        ) as response:
            pieces = response.iter_raw()
            content = next(pieces)
            server.process.send_signal(signal.SIGTERM)
            content += b"".join(pieces)
        assert content.endswith(b"data: 9\n\ndata: [DONE]\n\n")
        assert server.process.wait(PATIENCE) == 0


def test_workers_end_with_their_parent(store: Path, behind: Behind) -> None:
    with started(store, "--workers", "2", "--upstream", behind.url) as server:
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
        if not children.exists():
            pytest.skip("no /proc with children here")
        workers = [
            int(pid)
            for pid in children.read_text().split()
            if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        assert len(workers) == 2
        server.process.kill()
        until(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in workers))


def test_what_keeps_workers_from_starting_is_told_in_one_line(tmp_path: Path) -> None:
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "kedit_memory.cli.main", "serve", "--workers", "2", "--port", "0",
         "--model", str(tmp_path / "nothing"), "--store", str(stored(tmp_path / "store"))],
        check=False, capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert "nothing" in line
