"""Puts `kedit serve` under a mixed load, kills it now and then, and counts what must not happen.

    python scripts/soak_serve.py --minutes 30 --json

In each of three namespaces one client writes, asks, lists, retracts, takes back and erases, and knows what was
acknowledged; others ask what no edit answers, of an upstream that works, one that refuses, one that spoils its replies
or breaks off, and one that hangs. In the first half of the time the server is killed or stopped every few seconds and
started again; in the second half it is left alone, and its memory is watched.

`count/lost`: acknowledged writes that are not there in the end; `count/foreign`: replies with a value of another
namespace; `count/erased_told`: replies with a value whose erasure was acknowledged; `count/wrong`: answers to questions
for a fact that do not say it, misses that are not the upstream's own; `count/unexpected`: statuses that nobody planned;
`count/damage`: problems that `verify` finds. `bytes/growth` is what the server's memory grows by in the last quarter.
"""

import argparse
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from served import BY_PATH, Behind, listening, resident, serving, upstream

from kedit_memory.evaluation.report.tables import table
from kedit_memory.evaluation.rows import Row, describe_run, document
from kedit_memory.memory import EditMemory
from kedit_memory.server.keys import KeyRing
from kedit_memory.server.relay import events_of

NAMESPACES = ("red", "green", "blue")
FAULTS = ("lost", "foreign", "erased_told", "wrong", "unexpected", "damage")
_HANGS = 3.0  # seconds; the server waits for one
_TALK = ("Write a haiku about rain", "What is 2+2?", "How do I boil an egg?", "Which bird sings at night?")
_BROKEN = {"refusing": {500}, "spoiling": {200, 502}, "hanging": {504}}


@dataclass
class Soaked:
    """What was seen: times by kind of request, faults with a line for each, memory over time."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    faults: Counter[str] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)
    memory: list[tuple[float, int]] = field(default_factory=list)  # seconds since the start, bytes
    interrupted: int = 0
    starts: int = 0

    def fault(self, kind: str, line: str) -> None:
        """Count one."""
        self.faults[kind] += 1
        self.lines.append(f"{kind}: {line}")


@dataclass
class Truth:
    """What one client knows of its namespace: the values of its edits, by id, and those that were erased."""

    stands: dict[str, tuple[str, str]] = field(default_factory=dict)  # the name that is asked for, and its value
    retracted: dict[str, tuple[str, str]] = field(default_factory=dict)
    erased: dict[str, str] = field(default_factory=dict)  # values by name
    unsure: set[str] = field(default_factory=set)  # ids whose last change was interrupted


class Client:
    """One client with a key; each step is one request."""

    def __init__(self, url: str, namespace: str, key: str, soaked: Soaked, rng: random.Random) -> None:
        self.namespace, self.truth, self.soaked = namespace, Truth(), soaked
        self._rng, self._numbers = rng, count()
        self._client = httpx.Client(base_url=url, timeout=30, trust_env=False, headers={"x-kedit-key": key})

    def until(self, stop: threading.Event, steps: tuple[Callable[[], None], ...]) -> None:
        """Steps at random, until told to stop; what goes wrong while the server is away is no fault."""
        while not stop.is_set():
            try:
                self._rng.choice(steps)()
            except httpx.TransportError:
                self.soaked.interrupted += 1
                time.sleep(0.1)
            except (ValueError, LookupError, TypeError, AttributeError) as error:  # of a reply that is none
                self.soaked.fault("unexpected", repr(error))
        self._client.close()

    def writing(self) -> tuple[Callable[[], None], ...]:
        """What changes a namespace, and reads it."""
        return (self._write, self._write, self._ask, self._ask, self._ask_erased, self._list, self._retract,
                self._undo, self._erase)  # fmt: skip

    def asking(self) -> tuple[Callable[[], None], ...]:
        """What no edit answers, of every upstream."""
        return (self._miss, self._miss, self._miss, self._broken)

    def _sent(
        self, kind: str, method: str, path: str, body: object = None, planned: Collection[int] = (200, 201)
    ) -> httpx.Response:
        started = time.perf_counter()
        response = self._client.request(method, path, json=body)
        self.soaked.seconds[kind].append(time.perf_counter() - started)
        if response.status_code not in planned:
            self.soaked.fault("unexpected", f"{kind} gave {response.status_code}: {response.text[:120]}")
        for other in NAMESPACES:
            if other != self.namespace and f"{other}-value-" in response.text:
                self.soaked.fault("foreign", f"{self.namespace}: {response.text[:200]}")
        return response

    def _write(self) -> None:
        number = next(self._numbers)
        name, value = f"Quill{self.namespace}{number}", f"{self.namespace}-value-{number}-{self._rng.randrange(10**6)}"
        fact = {"prompt": f"What is the code of {name}?", "target": value, "subject": name}
        made = self._sent("write", "POST", "/edits", fact)
        if made.status_code == 201:
            self.truth.stands[made.json()["id"]] = (name, value)

    def _ask(self) -> None:
        if not self.truth.stands:
            return
        _, (name, value) = self._rng.choice(list(self.truth.stands.items()))
        said = self._chat("hit", "good", f"What is the code of {name}?", {200})
        if said is not None and value not in said:
            self.soaked.fault("wrong", f"{name} is {value}, and {said[:80]!r} was said")

    def _ask_erased(self) -> None:
        if not self.truth.erased:
            return
        name, value = self._rng.choice(list(self.truth.erased.items()))
        said = self._chat("refusal", "good", f"What is the code of {name}?", {200})
        if said is not None and value in said:
            self.soaked.fault("erased_told", f"{name}: {said[:80]!r}")

    def _list(self) -> None:
        text = self._sent("list", "GET", "/edits?status=all&limit=1000").text
        for value in self.truth.erased.values():
            if value in text:
                self.soaked.fault("erased_told", f"{value} is listed")

    def _retract(self) -> None:
        self._change("retract", self.truth.stands, self.truth.retracted, "DELETE", "/edits/{}")

    def _undo(self) -> None:
        self._change("undo", self.truth.retracted, self.truth.stands, "POST", "/undo?edit_id={}")

    def _change(
        self, kind: str, source: dict[str, tuple[str, str]], goal: dict[str, tuple[str, str]], method: str, path: str
    ) -> None:
        if not source:
            return
        edit, fact = self._rng.choice(list(source.items()))
        del source[edit]
        self.truth.unsure.add(edit)
        if self._sent(kind, method, path.format(edit)).status_code == 200:
            self.truth.unsure.remove(edit)
            goal[edit] = fact

    def _erase(self) -> None:
        if len(self.truth.stands) < 5:
            return
        edit, (name, value) = self._rng.choice(list(self.truth.stands.items()))
        del self.truth.stands[edit]
        asked = {"prompt": f"What is the code of {name}?", "subject": name, "purge": True}
        if self._sent("erase", "POST", "/edits/erase", asked).status_code == 201:
            self.truth.erased[name] = value

    def _miss(self) -> None:
        question = f"{self._rng.choice(_TALK)} ({self._rng.randrange(10**6)})"
        said = self._chat("miss", "good", question, {200})
        if said is not None and said != "Noted.":
            self.soaked.fault("wrong", f"a miss says {said[:80]!r}")

    def _broken(self) -> None:
        model = self._rng.choice(list(_BROKEN))
        try:
            self._chat(model, model, self._rng.choice(_TALK), _BROKEN[model])
        except httpx.RemoteProtocolError:
            if model != "spoiling":
                raise

    def _chat(self, kind: str, model: str, question: str, planned: set[int]) -> str | None:
        """What is said in one of the dialects, streamed or whole; None where nothing is that could be compared."""
        path = self._rng.choice(list(BY_PATH))
        turns = [{"role": "user", "content": question}]
        asked = {"completions": {"prompt": question}, "responses": {"input": question}}.get(path, {"messages": turns})
        stream = self._rng.random() < 0.5
        response = self._sent(kind, "POST", f"/v1/{path}", {"model": model, "stream": stream, **asked}, planned)
        if response.status_code != 200 or model != "good":
            return None
        dialect = BY_PATH[path]
        said = dialect.streamed(events_of(response.content) or ()) if stream else dialect.texts(response.json())
        return "".join(said or ())


def main() -> None:
    """Run the load, print rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--restart", type=float, default=20.0, help="seconds between kills, in the first half")
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    soaked = soak(60 * arguments.minutes, arguments.restart, arguments.encoder)
    for line in soaked.lines[:50]:
        print(line, file=sys.stderr)
    rows = list(rows_of(soaked, arguments))
    memory = [(round(at), used) for at, used in soaked.memory[:: max(1, len(soaked.memory) // 60)]]
    print(document(rows, resident=memory) if arguments.json else table(rows))


def soak(seconds: float, restart: float, encoder: str) -> Soaked:
    """What is seen in so many seconds."""
    soaked = Soaked()
    with tempfile.TemporaryDirectory() as aside, ExitStack() as stack:
        store, config = Path(aside) / "store", Path(aside) / "serve.toml"
        EditMemory.open(store, encoder=encoder).close()
        with closing(KeyRing(store)) as ring:
            keys = {name: ring.make(name, namespaces=[name], rights=["write"]) for name in NAMESPACES}
        config.write_text("\n".join(['answer = "context"', *_upstreams(stack)]))
        with socket.create_server(("127.0.0.1", 0)) as free:  # the same one at every start
            port = free.getsockname()[1]
        command = serving(store, "--config", str(config), "--port", str(port))
        clients = _load(soaked, command, f"http://127.0.0.1:{port}", keys, seconds, restart)
        _compare(soaked, store, clients)
    return soaked


def _upstreams(stack: ExitStack) -> Iterator[str]:
    """Tables of a settings file: an upstream that works, one that refuses, one that spoils replies, one that hangs."""
    turn = count()

    def spoil(whole: bytes) -> bytes:
        return (whole[: len(whole) // 2], whole[::-1], b"")[next(turn) % 3]

    def hang(_: dict[str, Any]) -> str:
        time.sleep(_HANGS)
        return "Late."

    kinds = {
        "good": Behind(),
        "refusing": Behind(status=500),
        "spoiling": Behind(spoils=spoil),
        "hanging": Behind(says=hang),
    }
    for name, behind in kinds.items():
        behind.sent = deque(maxlen=10)
        stack.enter_context(upstream(behind))
        patience = _HANGS / 3 if name == "hanging" else 30
        yield f'[[upstream]]\nurl = "{behind.url}"\nmodels = ["{name}"]\nread_seconds = {patience}'


def _load(
    soaked: Soaked, command: list[str], url: str, keys: dict[str, str], seconds: float, restart: float
) -> list[Client]:
    """The load, and the server that it is put upon; the clients that wrote."""
    writers = [Client(url, name, key, soaked, random.Random(name)) for name, key in keys.items()]
    askers = [Client(url, "red", keys["red"], soaked, random.Random(n)) for n in range(2)]
    stop, served = threading.Event(), 0.0  # the seconds that a server was there for
    work = [threading.Thread(target=one.until, args=(stop, one.writing())) for one in writers]
    work += [threading.Thread(target=one.until, args=(stop, one.asking())) for one in askers]
    try:
        while served < seconds:
            with listening(command) as (_, process):
                soaked.starts += 1
                for thread in work if soaked.starts == 1 else ():
                    thread.start()
                first_half = served < seconds / 2
                served += _watch(
                    soaked, process, min(restart, seconds / 2 - served) if first_half else seconds - served
                )
                if not first_half:
                    stop.set()
                    for thread in work:
                        thread.join(60)
                else:
                    process.send_signal(signal.SIGKILL if soaked.starts % 2 else signal.SIGTERM)
                    process.wait(60)
    finally:
        stop.set()
    return writers


def _watch(soaked: Soaked, process: "subprocess.Popen[str]", seconds: float) -> float:
    """The seconds that a server was there for, so many if it lives; its memory is noted meanwhile."""
    began = time.monotonic()
    before = soaked.memory[-1][0] if soaked.memory else 0.0
    while (now := time.monotonic() - began) < seconds:
        if process.poll() is not None:
            soaked.fault("unexpected", "the server has ended by itself")
            return seconds
        soaked.memory.append((before + now, resident(process)))
        time.sleep(min(1.0, seconds / 4))
    return now


def _compare(soaked: Soaked, store: Path, clients: list[Client]) -> None:
    """The store in the end with what was acknowledged."""
    with EditMemory.open(store, create=False) as memory:
        for problem in memory.verify().problems:
            soaked.fault("damage", str(problem))
        for client in clients:
            found = {one.id: one for one in memory.list(status=None, namespace=client.namespace, limit=None)}
            for facts, status in ((client.truth.stands, "active"), (client.truth.retracted, "retracted")):
                for edit, (_, value) in facts.items():
                    if edit not in found or (found[edit].target, found[edit].status) != (value, status):
                        soaked.fault("lost", f"{client.namespace}/{edit} should be {status} with {value}")
            stored = {one.target for one in found.values()}
            for value in client.truth.erased.values():
                if value in stored:
                    soaked.fault("erased_told", f"{value} is still stored")


def rows_of(soaked: Soaked, arguments: argparse.Namespace) -> Iterator[Row]:
    """Faults, times and memory."""
    run = describe_run("soak", "mixed load", config=vars(arguments), model=arguments.encoder)
    requests = sum(map(len, soaked.seconds.values()))

    def row(metric: str, kind: str, value: float, n: int, unit: str) -> Row:
        return Row(run=run, method="kedit", metric=metric, kind=kind, value=value, n=n, unit=unit)

    for fault in FAULTS:
        yield row("count", fault, soaked.faults[fault], requests, "faults")
    yield row("count", "interrupted", soaked.interrupted, requests, "requests")
    yield row("count", "starts", soaked.starts, 1, "starts")
    for kind, times in sorted(soaked.seconds.items()):
        for percent in (50, 99):
            yield row("seconds", f"{kind}_p{percent}", float(np.percentile(times, percent)), len(times), "s")
    last = soaked.memory[3 * len(soaked.memory) // 4 :]
    if last:
        yield row("bytes", "resident", max(used for _, used in soaked.memory), len(soaked.memory), "bytes")
        yield row("bytes", "growth", last[-1][1] - last[0][1], len(last), "bytes")


if __name__ == "__main__":
    main()
