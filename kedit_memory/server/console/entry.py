"""Signing in with a key, and out; choosing a namespace."""

from starlette.responses import Response

from kedit_memory.server.console.sessions import HOURS
from kedit_memory.server.console.visit import NAMESPACE, SESSION, Visit, set_cookie
from kedit_memory.server.console.words import quoted
from kedit_memory.server.errors import Refused
from kedit_memory.server.keys import Right


def signed_in(visit: Visit) -> Response:
    """The form for a key; with one that opens something, the first page of a new session."""
    access = visit.parts.access
    if access.is_open:
        return visit.to("edits")
    if visit.request.method == "GET":
        return visit.page("login.html", hours=HOURS)
    key = access.key(visit.request, secret=visit.said("key"))
    if key is None:
        fault = Refused(401, "this key opens nothing: it is unknown, expired or revoked", code="invalid_key")
        return visit.page("login.html", hours=HOURS, fault=fault)
    response = visit.to("edits")
    # A new id: the one from before may be known to whoever had the browser then.
    set_cookie(visit.request, response, SESSION, visit.sessions.begin(key.name))
    response.delete_cookie(NAMESPACE, path=visit.request.scope["root_path"])
    return response


def signed_out(visit: Visit) -> Response:
    """The form for a key; the session is over."""
    visit.sessions.end(visit.session)
    response = visit.to("login?done=out")
    for name in (SESSION, NAMESPACE):
        response.delete_cookie(name, path=visit.request.scope["root_path"])
    return response


def chosen(visit: Visit) -> Response:
    """The edits of another namespace, which is kept for the session."""
    wanted = visit.said("namespace")
    key = None if visit.parts.access.is_open else visit.caller.name
    caller = visit.parts.access.visitor(visit.request, Right.READ, key=key, namespace=wanted or None)
    response = visit.to("edits")
    set_cookie(visit.request, response, NAMESPACE, quoted(caller.namespace))
    return response


def unknown(visit: Visit) -> Response:
    """What is said of an address that is none."""
    raise Refused(404, f"there is no page {visit.request.url.path[:100]}", code="no_route")
