"""The log of decisions: looked through, each confirmed or rejected, and emptied."""

from starlette.responses import Response

from kedit_memory.records import Route
from kedit_memory.server import decisions
from kedit_memory.server.console.visit import FAULTS, Visit
from kedit_memory.server.console.words import query
from kedit_memory.server.decision_log import MISS, Common
from kedit_memory.server.errors import Refused

_PAGE = 25


def listed(visit: Visit) -> Response:
    """The decisions that filters ask for; where none are kept, how to have them kept."""
    return _listed(visit)


def told(visit: Visit) -> Response:
    """The same page, once somebody has said whether an edit answers a question."""
    verb = str(visit.request.path_params["verb"])
    give = {"confirm": decisions.confirmed, "reject": decisions.rejected}.get(verb)
    if give is None:
        raise Refused(404, f"nothing to {verb[:40]} here; confirm or reject", code="no_route")
    number = int(visit.request.path_params["number"])
    try:
        edit_id = give(visit.parts, visit.caller, number)["edit"]
    except FAULTS as fault:
        return _listed(visit, fault)
    place = query(done=verb, edit_id=edit_id, **_filters(visit), before=visit.said("before"))
    return visit.to(f"decisions{place}")


def emptied(visit: Visit) -> Response:
    """Whether all is to be forgotten; then the empty log."""
    if visit.request.method == "GET":
        log = decisions.log_of(visit.parts)
        return visit.page("empty.html", some=bool(log.page(visit.namespace, limit=1)))
    decisions.emptied(visit.parts, visit.caller)
    return visit.to("decisions?done=empty")


def _filters(visit: Visit) -> dict[str, str]:
    return {name: visit.said(name) for name in ("text", "route", "edit", "feedback")}


def _listed(visit: Visit, fault: Exception | None = None) -> Response:
    log, asked = visit.parts.decisions, _filters(visit)
    before = visit.number("before")
    found = []
    if log is not None:
        common = Common(**{name: value or None for name, value in asked.items()})
        found = log.page(visit.namespace, common, limit=_PAGE + 1, before=before)
    last = found[_PAGE - 1].id if len(found) > _PAGE else None
    return visit.page(
        "decisions.html",
        fault=fault,
        kept=log is not None,
        asked=asked,
        before=before or "",
        routes=[MISS, *Route],
        decisions=found[:_PAGE],
        next=last and query(**asked, before=last),
    )
