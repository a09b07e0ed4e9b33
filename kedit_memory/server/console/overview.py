"""Routes, times and feedback, from the log of decisions; for an admin also what the server has counted."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import quantiles

from starlette.responses import Response

from kedit_memory.server.console.visit import Visit
from kedit_memory.server.decision_log import MISS, Logged
from kedit_memory.server.keys import Right

_READ = 10_000  # decisions of the log
_DAYS = 14


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A bar of a picture: a name, and one length a part."""

    name: str
    parts: tuple[float, ...]

    @property
    def total(self) -> float:
        """All parts together."""
        return sum(self.parts)


@dataclass(frozen=True, kw_only=True)
class Times:
    """How long decisions of a route took, in seconds."""

    route: str
    count: int
    median: float
    high: float  # which 95 of 100 do not reach


def shown(visit: Visit) -> Response:
    """The overview."""
    log = visit.parts.decisions
    logged = log.page(visit.namespace, limit=_READ) if log else []
    routes = Counter(one.route for one in logged)
    return visit.page(
        "overview.html",
        kept=log is not None,
        logged=len(logged),
        routes=[Bar(name=name, parts=(count,)) for name, count in routes.most_common()],
        days=_by_day(logged, lambda one: (one.route != MISS, one.route == MISS)),
        feedback=_by_day(
            [one for one in logged if one.feedback],
            lambda one: (one.feedback == "confirm", one.feedback == "reject"),
        ),
        times=[_times(route, logged) for route, _ in routes.most_common()],
        steps=visit.parts.measures.steps() if Right.ADMIN in visit.caller.rights else None,
    )


def _by_day(logged: Sequence[Logged], parts_of: Callable[[Logged], tuple[bool, bool]]) -> list[Bar]:
    """One bar for each of the last days on which something was asked, oldest first."""
    days: dict[str, Counter[int]] = {}
    for one in reversed(logged):
        days.setdefault(one.at[:10], Counter()).update(n for n, held in enumerate(parts_of(one)) if held)
    return [Bar(name=day, parts=(count[0], count[1])) for day, count in list(days.items())[-_DAYS:]]


def _times(route: str, logged: Sequence[Logged]) -> Times:
    seconds = [one.seconds for one in logged if one.route == route]
    cuts = quantiles(seconds, n=20, method="inclusive") if len(seconds) > 1 else seconds * 19
    return Times(route=route, count=len(seconds), median=cuts[9], high=cuts[18])
