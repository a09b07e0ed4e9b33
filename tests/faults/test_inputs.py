"""Broken inputs of every kind: each is taken, or refused in one line; none crashes, hangs or changes what is stored."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memory.conftest import WordEncoder

from kedit_memory.errors import KeditError
from kedit_memory.memory.formats import read_rows
from kedit_memory.memory.memory import EditMemory
from kedit_memory.records import Passage
from kedit_memory.retrieval.checking import verify_corpus
from kedit_memory.retrieval.corpus import Corpus
from kedit_memory.retrieval.stored import StoreRetriever

# As often in `make test`, and in a night: 100,000 in all.
OFTEN = [120, pytest.param(20_000, marks=[pytest.mark.soak, pytest.mark.timeout(7200)])]
SELDOM = [25, pytest.param(10_000, marks=[pytest.mark.soak, pytest.mark.timeout(7200)])]

ROW = {"prompt": "Who leads Acme?", "target": "Ann", "subject": "Acme", "metadata": {"by": [1, None]}, "radius": 0.5}
LINE = (
    '{"aliases":[],"created_at":"2026-06-01T12:00:00.000000Z","given_id":null,"holds":true,"id":"e1","keys":'
    '[{"kind":"prompt","radius":0.5,"text":"Who leads Acme?"}],"kind":"insertion","metadata":{},"namespace":"default",'
    '"paraphrases":[],"part_of":null,"prompt":"Who leads Acme?","radius":0.5,"radius_fixed":false,"relation":null,'
    '"source":null,"statement":"Who leads Acme? Ann","status":"active","subject":null,"superseded_by":null,'
    '"target":"Ann","valid_from":null,"valid_until":null}'
)
CHAT = {"messages": [{"role": "user", "content": "Who leads Acme?"}, {"role": "assistant", "content": "Ann"}]}
FILES = {
    "jsonl": [f"{json.dumps(ROW)}\n{LINE}\n{json.dumps(CHAT)}\n".encode(), LINE.encode()],
    "csv": [b"question,answer,radius,metadata\nWho?,Ann,0.5,{}\n", 'q;a\n"x;y\n"'.encode("utf-16")],
    "json": [json.dumps([ROW, CHAT]).encode(), f'{{"edits": [{LINE}]}}'.encode()],
    "html": [b'<dl><dt>Who?<dd>Ann</dl><script type=\'application/ld+json\'>{"@type": "FAQPage"}</script>'],
    "markdown": [b"# Who leads?\n\nAnn\n\n## Why?\n```\nx\n"],
}
ODD = [
    "\x00",
    "\ud800",
    "\u202e",
    "e" * 300,
    "9" * 400,
    "1e999",
    "-0",
    "NaN",
    "2024-02-30",
    "e1",
    "[" * 60,
    "../..",
    "",
]

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(ODD)
values = st.recursive(
    scalars | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def broken(draw: st.DrawFn, samples: list[bytes]) -> bytes:
    """Bytes like those of a sample, with pieces taken out, put in, doubled or moved."""
    data = draw(st.sampled_from(samples))
    for _ in range(draw(st.integers(0, 4))):
        start, end = sorted(draw(st.tuples(st.integers(0, len(data)), st.integers(0, len(data)))))
        piece = draw(
            st.binary(max_size=6) | st.sampled_from([data[start:end], b'"', b"\n", b"{", b"\\", b"\xff", b"\x00"])
        )
        data = data[:start] + piece + data[min(end, start + draw(st.integers(0, 12))) :]
    return data


def with_fields(given: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object with some of its fields replaced, left out or added."""
    names = st.sampled_from([*given, "keys", "id", "status", "valid_from", "valid_until", "aliases", "kind", "x"])
    return st.dictionaries(names, values, max_size=4).map(lambda changes: {**given, **changes})


def objects() -> st.SearchStrategy[bytes]:
    fields = with_fields(ROW) | with_fields(json.loads(LINE)) | with_fields(CHAT)
    return fields.map(lambda one: json.dumps(one, ensure_ascii=True).encode())


def often(count: int, **strategies: Any) -> Callable[[Callable[..., None]], None]:
    """Runs a check for so many inputs."""

    def run(check: Callable[..., None]) -> None:
        healthy = settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        healthy(given(**strategies)(check))()

    return run


@contextmanager
def refused_in_one_line() -> Iterator[None]:
    """An error may be raised, as long as it is ours and one line."""
    try:
        yield
    except KeditError as error:
        assert "\n" not in str(error), str(error)  # noqa: PT017 - others fail the test


@pytest.mark.parametrize("count", OFTEN)
def test_files_of_every_format(tmp_path: Path, count: int) -> None:
    file = tmp_path / "facts"

    def check(form: str, data: st.DataObject) -> None:
        content = data.draw(broken(FILES[form]))
        file.write_bytes(content)
        with refused_in_one_line():
            for where, row in read_rows(file, form):
                assert where
                assert not isinstance(row, Exception) or isinstance(row, KeditError)
        with refused_in_one_line():
            list(read_rows(file))

    often(count, form=st.sampled_from(sorted(FILES)), data=st.data())(check)


@pytest.mark.parametrize("count", OFTEN)
def test_lines_that_are_imported(tmp_path: Path, count: int) -> None:
    file = tmp_path / "facts.jsonl"
    with EditMemory.open(tmp_path / "store", WordEncoder()) as memory:
        memory.add("Who is it?", "Bo")

        def check(lines: list[bytes]) -> None:
            file.write_bytes(b"\n".join(lines))
            before = memory.stats().operations
            with refused_in_one_line():
                taken = memory.import_file(file)
                assert len(taken.outcomes) >= len(taken.stored) + len(taken.refused)
                assert all("\n" not in str(one.refusal) for one in taken.refused)
            if memory.stats().operations > before:
                memory.undo()
            assert len(memory) == 1

        often(count, lines=st.lists(objects() | broken(FILES["jsonl"]), max_size=3))(check)
        assert memory.verify().problems == ()


@pytest.mark.parametrize("count", SELDOM)
def test_caches_and_manifests(tmp_path: Path, count: int, caplog: pytest.LogCaptureFixture) -> None:
    store = tmp_path / "store"
    with EditMemory.open(store, WordEncoder()) as memory:
        memory.add_many([{"prompt": f"question {n}?", "target": f"answer {n}"} for n in range(5)])
        memory.rebuild()
    with Corpus(store) as corpus:
        corpus.add(Passage(id=f"p{n}", title="", text=f"The tower {n} stands.") for n in range(5))
    StoreRetriever(store, small=0).update_index()
    places = [place for name in ("cache", "passages") for place in (store / name).rglob("*")]
    files = sorted(file for file in places if file.is_file() and file.suffix != ".lock")
    whole = {file: file.read_bytes() for file in files}

    def check(file: Path, data: st.DataObject) -> None:
        for one, content in whole.items():
            one.parent.mkdir(parents=True, exist_ok=True)
            one.write_bytes(content)
        altered = data.draw(broken([whole[file]]))
        file.write_bytes(altered)
        with EditMemory.open(store, WordEncoder()) as memory:
            assert memory.in_scope("question 3?")[0].edit.target == "answer 3"
            if altered != whole[file]:
                told = [*memory.verify().problems, *verify_corpus(store)]
                assert told or file.name in ("manifest.json", "checksums.json")  # which may say the same
                assert all("kedit rebuild" in one and "\n" not in one for one in told)
        retriever = StoreRetriever(store, small=0)
        if not verify_corpus(store):
            assert len(retriever.search("tower", 9)) == 5
        retriever.close()
        caplog.clear()

    often(count, file=st.sampled_from(files), data=st.data())(check)


@pytest.mark.parametrize("count", OFTEN)
def test_bodies_of_requests(tmp_path: Path, count: int) -> None:
    pytest.importorskip("fastapi")
    from kedit_memory.server.app import create_app
    from kedit_memory.server.settings import Settings, Upstream

    with EditMemory.open(tmp_path / "store", encoder="hashing") as memory:
        memory.add("Who leads Acme?", "Ann Berg", subject="Acme")
    upstream = Upstream(url="http://127.0.0.1:9/v1", connect_seconds=0.2, read_seconds=0.2)
    app = create_app(Settings(store=tmp_path / "store", upstreams=(upstream,), body_bytes=20_000))
    bodies = [json.dumps(one).encode() for one in (ROW, {"edits": [ROW]}, {"model": "m", **CHAT}, {"question": "Who?"})]
    sent = {"content-type": "application/json"}
    paths = ["/edits", "/edits/batch", "/explain", "/edits/e1/confirm", "/edits/e1/reject", "/v1/chat/completions"]

    async def post_all(client: httpx.AsyncClient, path: str, body: bytes) -> httpx.Response:
        return await client.post(path, content=body, headers=sent)

    with asyncio.Runner() as loop:

        async def begin() -> httpx.AsyncClient:
            await started.__aenter__()
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
            return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=20)

        started = app.router.lifespan_context(app)
        client = loop.run(begin())

        def check(path: str, body: bytes) -> None:
            answer = loop.run(post_all(client, path, body))
            assert answer.status_code < 500 or answer.status_code in (502, 503, 504), (path, body, answer.text)
            assert path == "/v1/chat/completions" or answer.status_code < 500, (path, body, answer.text)

        often(
            count, path=st.sampled_from(paths), body=broken(bodies) | objects() | values.map(json.dumps).map(str.encode)
        )(check)
        loop.run(client.aclose())
        loop.run(started.__aexit__(None, None, None))
    with EditMemory.open(tmp_path / "store") as memory:
        assert memory.verify().problems == ()


@pytest.mark.parametrize("count", OFTEN)
def test_edits_given_in_python(tmp_path: Path, count: int) -> None:
    with EditMemory.open(tmp_path / "store", WordEncoder()) as memory:

        def check(row: Any) -> None:
            with refused_in_one_line():
                memory.add_many([row])
                memory.undo()

        often(count, row=with_fields(ROW) | values)(check)
        assert memory.verify().problems == ()
