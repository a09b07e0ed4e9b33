"""The memory over HTTP: edits are listed, added, changed, retracted, erased and taken back."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic.json_schema import SkipJsonSchema

from kedit_memory.memory.documents import edit_document, revision_document
from kedit_memory.routing.preview import preview_document
from kedit_memory.server.forms import PRINTABLE, Changes, Chosen, Erasure, Facts, Feedback, NewFact, Previewed
from kedit_memory.server.parts import Here, Reader, Writer

Document = dict[str, Any]
_WHICH = "The id of an edit, or the one that you gave it."
Id = Annotated[str, Path(min_length=1, max_length=200, description=_WHICH, json_schema_extra=PRINTABLE)]

routes = APIRouter(tags=["edits"])


@routes.get("/edits")
def listed(here: Here, caller: Reader, chosen: Annotated[Chosen, Query()]) -> Document:
    """The edits that have all of this in common, oldest first; the next page is behind the last id."""
    common = chosen.model_dump(exclude={"limit", "status"}) | {
        "status": None if chosen.status == "all" else chosen.status
    }
    found = here.memory.list(**common, namespace=caller.namespace, limit=chosen.limit + 1)
    return {"edits": [edit_document(one) for one in found[: chosen.limit]], "more": len(found) > chosen.limit}


@routes.post("/edits", status_code=201)
def added(here: Here, caller: Writer, fact: NewFact) -> Document:
    """A stored fact, durable when this returns; one that is there already is given back."""
    told = fact.model_dump(exclude={"on_conflict"})
    edit = here.memory.add(**told, namespace=caller.namespace, on_conflict=fact.on_conflict)
    here.audit.write(caller, "add", edit.id)
    return edit_document(edit) | {"possible_conflicts": list(edit.possible_conflicts)}


@routes.post("/edits/batch", status_code=201)
def added_many(here: Here, caller: Writer, facts: Facts) -> Document:
    """Many facts, all or none."""
    requests = [one.request(caller.namespace) for one in facts.edits]
    edits = here.memory.add_many(requests, on_conflict=facts.on_conflict, namespace=caller.namespace)
    here.audit.write(caller, "add", *(one.id for one in edits))
    return {"edits": [edit_document(one) for one in edits]}


@routes.post("/edits/erase", status_code=201)
def erased(here: Here, caller: Writer, erasure: Erasure) -> Document:
    """A question that is refused from now on."""
    told = erasure.model_dump() | {"namespace": caller.namespace}
    edit = here.memory.erase(**told | {"purge": False})
    if here.decisions is not None:
        here.decisions.settle()  # while it is still known what the answers were
    if erasure.purge:
        edit = here.memory.erase(**told)
    here.audit.write(caller, "erase", edit.id)
    return edit_document(edit)


@routes.post("/edits/preview")
def previewed(here: Here, caller: Reader, given: Previewed) -> Document:
    """What a fact would do if it were added: which questions it would answer, which edits it would touch."""
    request = given.edit.request(caller.namespace)
    return preview_document(here.router.preview(request, given.questions, on_conflict=given.on_conflict))


@routes.get("/edits/{edit_id}")
def got(here: Here, caller: Reader, edit_id: Id) -> Document:
    """One edit, whatever its status."""
    return edit_document(here.memory.get(edit_id, namespace=caller.namespace))


@routes.patch("/edits/{edit_id}")
def updated(here: Here, caller: Writer, edit_id: Id, changes: Changes) -> Document:
    """The edit with new values, as a new revision."""
    edit = here.memory.update(edit_id, namespace=caller.namespace, **changes.model_dump(exclude_unset=True))
    here.audit.write(caller, "update", edit.id)
    return edit_document(edit)


@routes.delete("/edits/{edit_id}")
def retracted(here: Here, caller: Writer, edit_id: Id) -> Document:
    """The edit, which answers nothing from now on; `undo` brings it back."""
    edit = here.memory.retract(edit_id, namespace=caller.namespace)
    here.audit.write(caller, "retract", edit.id)
    return edit_document(edit)


@routes.get("/edits/{edit_id}/history")
def history(
    here: Here,
    caller: Reader,
    edit_id: Id,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
) -> Document:
    """All changes to an edit, oldest first; the next page is behind the last number."""
    found = here.memory.history(edit_id, namespace=caller.namespace, limit=limit + 1, after=after)
    return {"history": [revision_document(one) for one in found[:limit]], "more": len(found) > limit}


@routes.post("/edits/{edit_id}/confirm")
def confirmed(here: Here, caller: Writer, edit_id: Id, given: Feedback) -> Document:
    """The edit, which from now on answers a question of these words."""
    edit = here.memory.confirm(edit_id, given.question, fired=given.fired, namespace=caller.namespace)
    here.measures.told("confirm")
    here.audit.write(caller, "confirm", edit.id)
    return edit_document(edit)


@routes.post("/edits/{edit_id}/reject")
def rejected(here: Here, caller: Writer, edit_id: Id, given: Feedback) -> Document:
    """The edit, which from now on leaves a question of these words alone."""
    edit = here.memory.reject(edit_id, given.question, fired=given.fired, namespace=caller.namespace)
    here.measures.told("reject")
    here.audit.write(caller, "reject", edit.id)
    return edit_document(edit)


@routes.post("/undo")
def undone(
    here: Here,
    caller: Writer,
    edit_id: Annotated[
        str | SkipJsonSchema[None],
        Query(min_length=1, max_length=200, description=_WHICH, json_schema_extra=PRINTABLE),
    ] = None,
) -> Document:
    """The changes of the newest operation of the namespace, or on one edit, taken back."""
    found = here.memory.undo(edit_id, namespace=caller.namespace)
    here.audit.write(caller, "undo", *(one.edit_id for one in found))
    return {"undone": [revision_document(one) for one in found]}
