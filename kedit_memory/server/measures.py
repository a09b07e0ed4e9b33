"""What is seen from outside: numbers for Prometheus, and spans for OpenTelemetry where a program has set that up.

Spans hold ids, routes and scores, never texts. Those of a decision's steps are made from the times that the decision
carries: they follow each other and end when the decision came, so that their lengths are what was measured. Where
questions were decided together each has its share.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from opentelemetry import propagate, trace
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.util.types import AttributeValue
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.responses import Response

from kedit_memory.records import Decision
from kedit_memory.routing.ruling import Ruling

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300)
_TRACER = trace.get_tracer("kedit_memory")
_NONE, _NOTHING = "none", "nothing asked"  # routes of questions that are not ours, and of requests without one


@dataclass(kw_only=True)
class Noted:
    """What has become of a request so far: how its question was answered, by which edit, with which score."""

    route: str | None = None
    edit: str | None = None
    score: float | None = None

    @property
    def attributes(self) -> dict[str, AttributeValue]:
        """As spans and logs name it."""
        told = {"kedit.route": self.route, "kedit.edit": self.edit, "kedit.score": self.score}
        return {name: value for name, value in told.items() if value is not None}


noted: ContextVar[Noted] = ContextVar("noted")


class Measures:
    """Counters and histograms of one process, or of all those that share a folder."""

    def __init__(self, shared: Path | None = None) -> None:
        self._registry = CollectorRegistry()
        self._shown = self._registry
        if shared is not None:
            self._shown = CollectorRegistry()
            MultiProcessCollector(self._shown, path=str(shared))  # type: ignore[no-untyped-call]

        def times(name: str, what: str, label: str) -> Histogram:
            return Histogram(name, what, [label], registry=self._registry, buckets=_SECONDS)

        def counts(name: str, what: str, *labels: str) -> Counter:
            return Counter(name, what, labels, registry=self._registry)

        self._steps = times("kedit_step_seconds", "Seconds of a step of a decision, or of the upstream", "step")
        self._requests = times("kedit_request_seconds", "Seconds of a request by how it was answered", "route")
        self._questions = counts(
            "kedit_questions", "Questions by how they were answered: hits, misses, nothing asked", "route", "outcome"
        )
        self._overrides = counts(
            "kedit_overrides", "Replies that left an edit's answer out: asked for again, or replaced by it", "how"
        )
        self._feedback = counts(
            "kedit_feedback", "Questions that an edit was told to answer, or to leave alone", "verb"
        )

    @contextmanager
    def request(self, method: str, headers: Mapping[str, str]) -> Iterator[Span]:
        """A request, noted from its beginning to its end; what it joins is told in its headers, as W3C words it."""
        noted.set(now := Noted())
        started = perf_counter()
        context = propagate.extract(headers)
        with _TRACER.start_as_current_span(  # what an exception says may quote a text
            f"kedit {method}", context=context, kind=SpanKind.SERVER, record_exception=False,
            set_status_on_exception=False,
        ) as span:  # fmt: skip
            try:
                yield span
            finally:
                span.set_attributes(now.attributes)
        if now.route is not None:
            self._requests.labels(now.route).observe(perf_counter() - started)

    def ruled(self, ruling: Ruling | None) -> None:
        """Count a question by the way it goes, and the steps that led there; None for one that asks nothing."""
        if ruling is None:
            self._count(_NOTHING, _NOTHING)
        elif ruling.decision is None:
            self._count(_NONE, "miss")
            self._stepped(ruling.timings)
        else:
            self.decided(ruling.decision, ruling.timings)

    def decided(self, decision: Decision, timings: Mapping[str, float] | None = None) -> None:
        """Count a question that was answered here, and its steps."""
        for match in decision.edits[:1]:
            now = noted.get()
            now.edit, now.score = match.edit.id, match.score
        self._count(decision.route.value, "hit" if decision.edits else "miss")
        self._stepped(decision.timings if timings is None else timings)

    def overrode(self, how: str, route: str | None = None) -> None:
        """Count a reply that does not say what its edit says, or tells what was erased; its route is another then."""
        self._overrides.labels(how).inc()
        noted.get().route = route or noted.get().route

    def told(self, verb: str) -> None:
        """Count what somebody says of a decision."""
        self._feedback.labels(verb).inc()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """A step that takes place within the block, which may be left in another task."""
        started, span = perf_counter(), _TRACER.start_span(f"kedit.{name}", kind=SpanKind.CLIENT)
        try:
            yield
        except BaseException as error:
            span.set_status(StatusCode.ERROR, type(error).__name__)
            raise
        finally:
            span.end()
            self._steps.labels(name).observe(perf_counter() - started)

    def steps(self) -> dict[str, tuple[int, float]]:
        """How often each step was taken since the server started, and the seconds that all took together."""
        told: dict[str, dict[str, float]] = {}
        for sample in (sample for metric in self._steps.collect() for sample in metric.samples):
            told.setdefault(sample.labels["step"], {})[sample.name.rpartition("_")[2]] = sample.value
        return {step: (int(held["count"]), held["sum"]) for step, held in told.items()}

    def shown(self) -> Response:
        """All of it, in Prometheus's text format."""
        return Response(generate_latest(self._shown), media_type=CONTENT_TYPE_LATEST)

    def _count(self, route: str, outcome: str) -> None:
        noted.get().route = route
        self._questions.labels(route, outcome).inc()

    def _stepped(self, timings: Mapping[str, float]) -> None:
        attributes = noted.get().attributes
        begins = time.time_ns() - _nanoseconds(sum(timings.values()))
        for step, seconds in timings.items():
            span = _TRACER.start_span(f"kedit.{step}", start_time=begins, attributes=attributes)
            begins += _nanoseconds(seconds)
            span.end(begins)
            self._steps.labels(step).observe(seconds)


def _nanoseconds(seconds: float) -> int:
    return round(1e9 * seconds)
