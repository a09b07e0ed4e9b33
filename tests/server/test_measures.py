"""What is seen from outside: spans where a program has set them up, numbers, and no text in any of them."""

import json
import logging
import sys
import time
from collections.abc import Iterator
from itertools import pairwise

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from kedit_memory.records import Passage
from kedit_memory.retrieval.corpus import Corpus
from kedit_memory.routing.ruling import Ruling
from kedit_memory.server.app import create_app
from kedit_memory.server.measures import Measures, Noted, noted
from kedit_memory.server.settings import Settings, Upstream
from tests.server.conftest import Behind, asking, listening, stored

sdk = pytest.importorskip("opentelemetry.sdk.trace")
CHAT = "/v1/chat/completions"
COVERED = "Who leads Acme nowadays?"
TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture(scope="module")
def exporter():
    """All spans of this process, as a program would set that up that wants them."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = sdk.TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.fixture(scope="module")
def watched(exporter: object, one_behind: Behind, tmp_path_factory) -> Iterator[httpx.Client]:
    """A server with passages, an upstream and a model of its own."""
    assert exporter is not None  # spans are collected from the first request on
    store = stored(tmp_path_factory.mktemp("watched") / "store")
    with Corpus(store) as corpus:
        corpus.add([Passage(id="p1", title="Trees", text="The tallest tree, Hyperion, is a redwood of 116 metres.")])
    upstreams = (Upstream(url=one_behind.url, models=("gpt-*",), read_seconds=1),)
    settings = Settings(store=store, upstreams=upstreams, models=("kedit-mini",))
    with listening(create_app(settings)) as url, httpx.Client(base_url=url, timeout=120, trust_env=False) as client:
        yield client


@pytest.fixture
def spans(exporter):
    """The finished spans since the test began, by name, once a request's own is among them."""
    exporter.clear()

    def found() -> dict:
        until = time.monotonic() + 10  # a request's span ends after its reply was read
        while True:
            spans = {one.name: one for one in exporter.get_finished_spans()}
            if any(name.startswith("kedit ") for name in spans) or time.monotonic() > until:
                return spans
            time.sleep(0.02)

    return found


def numbers(client: httpx.Client, name: str) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(client.get("/metrics").text)
    samples = [one for family in families for one in family.samples if one.name == name]
    return {tuple(one.labels[label] for label in sorted(one.labels)): one.value for one in samples}


def test_the_steps_of_a_hit_are_spans_of_its_request(watched: httpx.Client, behind: Behind, spans) -> None:
    behind.says = lambda _: "It is Ann Berg."
    headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    assert watched.post(CHAT, json=asking(COVERED), headers=headers).status_code == 200
    found = spans()
    request = found["kedit POST"]
    assert {"kedit.link", "kedit.recall", "kedit.upstream"} <= found.keys()
    assert f"{request.context.trace_id:032x}" == TRACE
    assert request.attributes["kedit.route"] == "context"
    assert request.attributes["kedit.edit"] == "e1"
    assert 0 < request.attributes["kedit.score"] <= 1
    assert request.attributes["http.response.status_code"] == 200
    steps = sorted((one for one in found.values() if one is not request), key=lambda one: one.start_time)
    assert all(one.parent.span_id == request.context.span_id for one in steps)
    assert all(one.end_time <= other.start_time for one, other in pairwise(steps))
    assert request.start_time <= steps[0].start_time + 5_000_000
    assert steps[-1].end_time <= request.end_time
    assert found["kedit.recall"].attributes["kedit.edit"] == "e1"


def test_spans_are_as_long_as_what_was_measured(exporter) -> None:
    exporter.clear()
    noted.set(Noted())
    timings = {"link": 0.001, "encode": 0.02, "recall": 0.003, "verify": 0.25}
    before = time.time_ns()
    Measures().ruled(Ruling(decision=None, timings=timings))
    spans = exporter.get_finished_spans()
    assert {one.name: (one.end_time - one.start_time) / 1e9 for one in spans} == {
        f"kedit.{step}": seconds for step, seconds in timings.items()
    }
    assert all(one.end_time == other.start_time for one, other in pairwise(spans))
    assert before <= spans[-1].end_time <= time.time_ns()


def test_the_gate_and_the_search_are_spans_too(watched: httpx.Client, spans) -> None:
    body = asking("What is the tallest tree?") | {"model": "kedit-mini"}
    assert watched.post(CHAT, json=body).status_code == 200
    assert {"kedit.link", "kedit.retrieve", "kedit.gate", "kedit.answer"} <= spans().keys()


def test_an_upstream_that_fails_is_seen(watched: httpx.Client, spans) -> None:
    from opentelemetry.trace import StatusCode

    assert watched.get("/v1/slow").status_code == 504
    found = spans()
    assert found["kedit.upstream"].status.status_code is StatusCode.ERROR
    assert found["kedit GET"].status.status_code is StatusCode.ERROR


def test_no_span_holds_a_text(watched: httpx.Client, behind: Behind, exporter) -> None:
    exporter.clear()
    behind.says = lambda _: "Nobody, says the oracle."
    watched.post(CHAT, json=asking(COVERED), headers={"authorization": "Bearer sk-mine"})
    watched.post("/query", json={"question": "What is the tallest tree?"})
    watched.post("/edits", json={"prompt": "Who leads Acme?", "target": "Zed", "on_conflict": "reject"})
    watched.post(CHAT, content=b"{Acme")
    watched.get("/edits", params={"subject": "Acme"})
    told = "".join(one.to_json() for one in exporter.get_finished_spans())
    assert "kedit.recall" in told
    assert all(one.name.startswith("kedit") for one in exporter.get_finished_spans())
    for text in ("Acme", "Berg", "tree", "oracle", "sk-mine", "Zed"):
        assert text not in told


def test_hits_misses_overrides_and_feedback_are_counted(watched: httpx.Client, behind: Behind) -> None:
    def counted() -> tuple[dict, dict, dict]:
        names = ("kedit_questions_total", "kedit_overrides_total", "kedit_feedback_total")
        return tuple(numbers(watched, name) for name in names)

    before = counted()
    behind.says = lambda _: "Nobody."
    watched.post(CHAT, json=asking(COVERED))
    watched.post(CHAT, json=asking("Who leads Acme?"))
    watched.post(CHAT, json=asking("What is the tallest tree?"))
    watched.post(CHAT, json={"model": "gpt-up", "messages": [{"role": "assistant", "content": "Well"}]})
    watched.post("/query", json={"question": "Who leads Acme?"})
    watched.post("/edits/e1/confirm", json={"question": "Who runs Acme?"})
    watched.post("/edits/e1/reject", json={"question": "Who runs Acme?"})
    grown = [
        {labels: value - first.get(labels, 0) for labels, value in last.items() if value != first.get(labels, 0)}
        for first, last in zip(before, counted(), strict=True)
    ]
    assert grown == [
        {("hit", "context"): 1, ("hit", "direct"): 2, ("miss", "none"): 1, ("nothing asked", "nothing asked"): 1},
        {("asked again",): 2, ("replaced",): 1},
        {("confirm",): 1, ("reject",): 1},
    ]


def test_times_are_told_by_step_and_by_route(watched: httpx.Client, behind: Behind) -> None:
    behind.says = lambda _: "Nobody."
    watched.post(CHAT, json=asking(COVERED))
    steps, routes = (numbers(watched, f"kedit_{name}_seconds_count") for name in ("step", "request"))
    assert {("link",), ("recall",), ("upstream",)} <= steps.keys()
    assert routes["direct",] > 0
    hits = numbers(watched, "kedit_questions_total")
    assert routes["direct",] > hits["hit", "direct"]  # replies that were replaced go the other way


def test_a_log_in_json_tells_no_message_of_an_exception() -> None:
    from kedit_memory.server.logs import JsonLines

    try:
        int("Ann Berg")
    except ValueError:
        record = logging.LogRecord("kedit", logging.ERROR, __file__, 1, "%s failed\n", ("POST",), sys.exc_info())
    told = json.loads(JsonLines().format(record))
    assert (told["message"], told["level"], told["error"]) == ("POST failed", "error", "ValueError")
    assert told["trace"][0].startswith("test_measures.py:")
    assert "Berg" not in json.dumps(told)
