"""Edits: found, listed page by page, and each with its wordings and history."""

from typing import Any, NamedTuple

from starlette.responses import Response

from kedit_memory.errors import NotFoundError
from kedit_memory.memory.documents import edit_document
from kedit_memory.records import Edit, Kind, Match, Revision, Status
from kedit_memory.server.console.visit import Visit
from kedit_memory.server.console.words import query

_PAGE = 25
_LOOKED_THROUGH = 5000  # edits that one page looks through for those of a kind
_AT_ONCE = 500
_CHANGES = 100  # of an edit that are shown
_HIDDEN = {"radius", "created_at", "possible_conflicts"}  # of no interest among what a change changed


class _Page(NamedTuple):
    edits: list[Edit]
    after: str | None  # where the next page begins; None where there is none


def listed(visit: Visit) -> Response:
    """The edits that a search or filters ask for."""
    asked = {name: visit.said(name) for name in ("q", "kind", "status", "subject")}
    asked["status"] = asked["status"] or Status.ACTIVE
    matches = _searched(visit, asked) if asked["q"] else None
    page = _Page([], None) if matches is not None else _page(visit, asked)
    return visit.page(
        "edits.html",
        asked=asked,
        kinds=list(Kind),
        statuses=list(Status),
        matches=matches,
        edits=page.edits,
        next=page.after and query(**asked, after=page.after),
    )


def one(visit: Visit) -> Response:
    """One edit, or what is known of one that is gone."""
    memory, edit_id = visit.parts.memory, str(visit.request.path_params["edit_id"])
    after = visit.number("after") or 0
    try:
        edit = memory.get(edit_id, namespace=visit.namespace)
    except NotFoundError:
        edit = None
    known = edit.id if edit else edit_id
    history = memory.history(known, namespace=visit.namespace, limit=_CHANGES + 1, after=after)
    return visit.page(
        "edit.html",
        edit=edit,
        edit_id=known,
        wordings=memory.wordings(edit.id) if edit else (),
        history=[(change, _changed(change)) for change in history[:_CHANGES]],
        next=query(after=history[_CHANGES - 1].number) if len(history) > _CHANGES else None,
    )


def _searched(visit: Visit, asked: dict[str, str]) -> list[Match]:
    found = visit.parts.memory.search(asked["q"], 4 * _PAGE, namespace=visit.namespace)
    return [one for one in found if asked["kind"] in ("", one.edit.kind)][:_PAGE]


def _page(visit: Visit, asked: dict[str, str]) -> _Page:
    found: list[Edit] = []
    after = visit.said("after") or None
    for _ in range(_LOOKED_THROUGH // _AT_ONCE):
        batch = visit.parts.memory.list(
            status=None if asked["status"] == "all" else asked["status"],
            namespace=visit.namespace,
            subject=asked["subject"] or None,
            limit=_AT_ONCE if asked["kind"] else _PAGE + 1,
            after=after,
        )
        found += [one for one in batch if asked["kind"] in ("", one.kind)]
        if len(found) > _PAGE:
            return _Page(found[:_PAGE], found[_PAGE - 1].id)
        if len(batch) < (_AT_ONCE if asked["kind"] else _PAGE + 1):
            return _Page(found, None)
        after = batch[-1].id
    return _Page(found, after)


def _changed(change: Revision) -> list[tuple[str, Any, Any]]:
    """Field by field, what a change made of an edit."""
    before, after = (edit_document(one) if one else {} for one in (change.before, change.after))
    if not before or not after:
        return []
    return [(name, before[name], after[name]) for name in after if name not in _HIDDEN and before[name] != after[name]]
