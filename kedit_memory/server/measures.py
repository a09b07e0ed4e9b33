"""What Prometheus reads: times by step, questions by route, replies by kind."""

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from starlette.responses import Response

from kedit_memory.routing.ruling import Ruling

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Measures:
    """Counters and histograms of one process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._steps = Histogram(
            "kedit_step_seconds", "Seconds of a step of a decision", ["step"], registry=self._registry, buckets=_SECONDS
        )
        self._questions = Counter(
            "kedit_questions", "Questions by how they were answered", ["route"], registry=self._registry
        )

    def ruled(self, ruling: Ruling | None) -> None:
        """Count a question by the way it goes, and the steps that led there; None for one that asks nothing."""
        decision = ruling.decision if ruling else None
        way = decision.route.value if decision else "none" if ruling else "nothing asked"
        self._questions.labels(way).inc()
        for step, seconds in (ruling.timings if ruling else {}).items():
            self._steps.labels(step).observe(seconds)

    def steps(self) -> dict[str, tuple[int, float]]:
        """How often each step was taken since the server started, and the seconds that all took together."""
        told: dict[str, dict[str, float]] = {}
        for sample in (sample for metric in self._steps.collect() for sample in metric.samples):
            told.setdefault(sample.labels["step"], {})[sample.name.rpartition("_")[2]] = sample.value
        return {step: (int(held["count"]), held["sum"]) for step, held in told.items()}

    def shown(self) -> Response:
        """All of it, in Prometheus's text format."""
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)
