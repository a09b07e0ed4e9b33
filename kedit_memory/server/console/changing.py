"""What is done to an edit that is there: changed, confirmed, rejected, retracted, erased, taken back."""

from typing import Any

from starlette.responses import Response

from kedit_memory.errors import NotFoundError
from kedit_memory.records import EditRequest, Kind
from kedit_memory.server import edits
from kedit_memory.server.console import facts
from kedit_memory.server.console.visit import FAULTS, Visit
from kedit_memory.server.console.words import query
from kedit_memory.server.errors import Refused
from kedit_memory.server.forms import Changes, Erasure, Feedback


def changed(visit: Visit) -> Response:
    """The form with what an edit says; sent, the edit with what is new in it."""
    edit = visit.parts.memory.get(str(visit.request.path_params["edit_id"]), namespace=visit.namespace)
    if visit.request.method == "GET":
        return visit.page("change.html", edit=edit, given=facts.of_edit(edit))
    try:
        new = facts.changes(edit, facts.read(visit))
        if not new:
            raise Refused(400, "nothing differs from what is stored; change a field first", code="unchanged")
        edits.updated(visit.parts, visit.caller, edit.id, Changes.model_validate(new))
    except FAULTS as fault:
        return visit.page("change.html", edit=edit, given=facts.filled(visit), fault=fault)
    return visit.to(f"edits/{edit.id}{query(done='update', edit_id=edit.id)}")


def retracted(visit: Visit) -> Response:
    """The edit, which answers nothing any more."""
    edit_id = edits.retracted(visit.parts, visit.caller, str(visit.request.path_params["edit_id"]))["id"]
    return visit.to(f"edits/{edit_id}{query(done='retract', edit_id=edit_id)}")


def told(visit: Visit) -> Response:
    """The page that feedback on a question was given on, or the edit."""
    verb, edit_id = str(visit.request.path_params["verb"]), str(visit.request.path_params["edit_id"])
    give = {"confirm": edits.confirmed, "reject": edits.rejected}.get(verb)
    if give is None:
        raise Refused(404, f"nothing to {verb[:40]} here; confirm or reject", code="no_route")
    fired = {"yes": True, "no": False}.get(visit.said("fired"))
    give(visit.parts, visit.caller, edit_id, Feedback(question=visit.said("question"), fired=fired))
    return visit.to(f"edits/{edit_id}{query(done=verb, edit_id=edit_id)}")


def undone(visit: Visit) -> Response:
    """The edit as it was before, or the list where it is gone."""
    edit_id = visit.said("edit") or None
    touched = edits.undone(visit.parts, visit.caller, edit_id)["undone"]
    place = edit_id or (touched[-1]["edit_id"] if touched else None)
    return visit.to(f"{'edits' if place is None else f'edits/{place}'}{query(done='undo')}")


def erased(visit: Visit) -> Response:
    """The question that is to be refused; then what that does away with, to be confirmed; then the erasure."""
    given = _erasure(visit)
    look = visit.request.method == "POST" or bool(given["prompt"] or given["subject"])
    shown: dict[str, Any] = {"given": given, "purge": visit.said("purge") == "yes", "rehearsal": None}
    try:
        values = {name: facts.lines(text) if name in facts.LISTS else text or None for name, text in given.items()} | {
            "purge": shown["purge"]
        }
        if look:
            request = {name: value for name, value in values.items() if name != "purge"}
            shown["rehearsal"] = visit.parts.memory.rehearse(
                EditRequest(**request, kind=Kind.ERASURE, namespace=visit.namespace)
            )
        if visit.request.method == "GET" or visit.said("do") != "erase":
            return visit.page("erase.html", **shown)
        edit_id = edits.erased(visit.parts, visit.caller, Erasure.model_validate(values))["id"]
    except FAULTS as fault:
        return visit.page("erase.html", fault=fault, **shown)
    return visit.to(f"edits/{edit_id}{query(done='purge' if shown['purge'] else 'erase')}")


def _erasure(visit: Visit) -> dict[str, str]:
    """The fields of the form; of an edit that is named in the address, as it fills them."""
    names = ("prompt", "subject", "relation", "paraphrases", "aliases")
    if visit.request.method == "GET" and visit.said("edit"):
        try:
            edit = visit.parts.memory.get(visit.said("edit"), namespace=visit.namespace)
        except NotFoundError as error:
            raise Refused(404, str(error), code="not_found") from error
        filled = facts.of_edit(edit)
        return {name: filled[name] for name in names}
    return {name: visit.said(name) for name in names}
