"""Real `kedit serve` processes on this machine, and a visitor who fills in forms as a browser does."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from html import unescape
from pathlib import Path

import httpx
import pytest

from kedit_memory.memory import EditMemory
from kedit_memory.server.keys import KeyRing

ASKED = (
    "Who leads Acme?",
    "Who leads Acme nowadays?",
    "Who is the head of Acme?",
    "What is the tallest tree?",
    "Who leads Borea?",
)


def fill(folder: Path) -> Path:
    """A store of edits of all kinds, in two namespaces."""
    encoder = None if "KEDIT_SCREENSHOTS" in os.environ else "hashing"  # which costs seconds less
    with EditMemory.open(folder, encoder=encoder) as memory:
        memory.add_many(
            [
                {"prompt": "Who leads Acme?", "target": "Ann Berg", "subject": "Acme", "aliases": ["Acme Corporation"]},
                {"prompt": "Who leads Borea?", "target": "Cara Dunn", "subject": "Borea"},
                {"prompt": "Where is Acme based?", "target": "Tromsø", "subject": "Acme"},
                {"prompt": "Where is Borea based?", "target": "Bergen", "subject": "Borea", "source": "annual report"},
                {"prompt": "What does Acme sell?", "target": "rockets", "subject": "Acme"},
                {"prompt": "When was Borea founded?", "target": "1987", "subject": "Borea"},
                {"prompt": "What is the code of the gate?", "target": "7731-K"},
                {"prompt": "How long is the warranty on the X2 pump?", "target": "5 years", "subject": "X2 pump"},
                {"statement": "Refunds are paid within 10 working days."},
                {"prompt": "Who is the doctor on duty?", "target": "Dr. Iversen", "source": "roster"},
            ]
        )
        memory.update("e2", target="Cara Dunn-Lie")
        memory.erase("Where does Ann Berg live?", subject="Ann Berg")
        memory.add("Who leads Acme?", "Somebody Else", subject="Acme", namespace="other")
    return folder


@contextmanager
def serving(store: Path, *options: str) -> Iterator[str]:
    """The address of a server of its own process."""
    command = [sys.executable, "-m", "kedit_memory.cli.main", "serve", "--store", str(store), "--port", "0", *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=store.parent, env=environment) as process:
        try:
            assert process.stderr is not None
            lines = []
            for line in process.stderr:
                lines.append(line)
                if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                    yield found[0]
                    break
            else:
                raise AssertionError("".join(lines))
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)


class Visitor:
    """Looks at pages and fills in their forms, with the token of the page that was looked at last."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.token = ""

    def get(self, place: str, **more: object) -> httpx.Response:
        """A page."""
        return self._seen(self.client.get(f"/console/{place}", **more))

    def post(self, place: str, *, files: object = None, headers: object = None, **fields: str) -> httpx.Response:
        """A form that was filled in."""
        fields.setdefault("token", self.token)
        return self._seen(self.client.post(f"/console/{place}", data=fields, files=files, headers=headers))

    def _seen(self, page: httpx.Response) -> httpx.Response:
        if found := re.search(r'name="token" value="([0-9a-f]+)"', page.text):
            self.token = found[1]
        return page


def fault(page: httpx.Response) -> str:
    """What a page says went wrong."""
    found = re.search(r'class="fault"[^>]*>([^<]*)<', page.text)
    return unescape(found[1]) if found else ""


@contextmanager
def visiting(url: str) -> Iterator[Visitor]:
    with httpx.Client(base_url=url, timeout=120, trust_env=False, follow_redirects=True) as client:
        visitor = Visitor(client)
        visitor.get("login")
        yield visitor


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server without keys, with a log that holds some decisions; what no edit answers directly finds no upstream."""
    store = fill(tmp_path_factory.mktemp("opened") / "store")
    with serving(store, "--upstream", "http://127.0.0.1:9/v1", "--log-decisions", "50") as url:
        for question in ASKED:
            body = {"model": "any", "messages": [{"role": "user", "content": question}]}
            httpx.post(f"{url}/v1/chat/completions", json=body, timeout=120, trust_env=False)
        yield url


@pytest.fixture
def visitor(opened: str) -> Iterator[Visitor]:
    with visiting(opened) as one:
        yield one


@pytest.fixture(scope="module")
def secrets() -> dict[str, str]:
    return {}


@pytest.fixture(scope="module")
def guarded(secrets: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with keys, an upstream that is not there, and no log."""
    store = tmp_path_factory.mktemp("guarded") / "store"
    with EditMemory.open(store, encoder="hashing") as memory:
        memory.add("Who leads Acme?", "Ann Berg", subject="Acme")
        memory.add("Who leads Acme?", "Somebody Else", subject="Acme", namespace="other")
    with closing(KeyRing(store)) as ring:
        secrets["reader"] = ring.make("reader", namespaces=["default"])
        secrets["writer"] = ring.make("writer", namespaces=["default", "other"], rights=["write"])
        secrets["admin"] = ring.make("admin", namespaces=["*"], rights=["admin"])
        secrets["short"] = ring.make("short", namespaces=["default"])
    secrets["store"] = str(store)
    with serving(store, "--upstream", "http://127.0.0.1:9/v1") as url:
        yield url
