"""Adding an edit, and before it is saved what it would do."""

from typing import Any

from starlette.responses import Response

from kedit_memory.records import OnConflict
from kedit_memory.routing.preview import Preview
from kedit_memory.server import edits
from kedit_memory.server.console import facts
from kedit_memory.server.console.visit import FAULTS, Visit
from kedit_memory.server.console.words import query
from kedit_memory.server.forms import NewFact

_LOGGED = 1000  # questions of the log that a preview reads


def added(visit: Visit) -> Response:
    """The form; filled in, the preview of what it says, or once it is stored the edit."""
    conflict = visit.said("on_conflict") or OnConflict.SUPERSEDE.value
    shown: dict[str, Any] = {
        "given": facts.filled(visit),
        "on_conflict": conflict,
        "conflicts": list(OnConflict),
        "questions": "",
    }
    shown |= {"logs": visit.parts.decisions is not None, "preview": None}
    if visit.request.method == "GET":
        return visit.page("add.html", **shown)
    shown["questions"] = visit.said("questions")
    try:
        fact = NewFact.model_validate({**facts.read(visit), "on_conflict": conflict})
        if visit.said("do") == "save":
            return _saved(visit, fact)
        return visit.page("add.html", **shown | {"preview": _preview(visit, fact)})
    except FAULTS as fault:
        return visit.page("add.html", fault=fault, **shown)


def _saved(visit: Visit, fact: NewFact) -> Response:
    newest = visit.parts.memory.last_operation
    edit_id = edits.added(visit.parts, visit.caller, fact)["id"]
    done = "add" if visit.parts.memory.last_operation > newest else "known"
    return visit.to(f"edits/{edit_id}{query(done=done, edit_id=edit_id)}")


def _preview(visit: Visit, fact: NewFact) -> Preview:
    log = visit.parts.decisions
    logged = [one.question for one in log.page(visit.namespace, limit=_LOGGED)] if log else []
    given = facts.lines(visit.said("questions"))
    request = fact.request(visit.namespace)
    return visit.parts.router.preview(request, [*given, *logged], on_conflict=fact.on_conflict)
