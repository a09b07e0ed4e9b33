"""Questions over HTTP: answered, explained, and the edits near a text."""

from typing import Any

from fastapi import APIRouter

from kedit_memory.adapters.vector_search import search_vector_store
from kedit_memory.memory.documents import match_document
from kedit_memory.routing.provenance import to_dict
from kedit_memory.server.errors import Refused
from kedit_memory.server.forms import Asked, Explained, SearchedOn
from kedit_memory.server.parts import Here, Reader

Document = dict[str, Any]

routes = APIRouter(tags=["questions"])


@routes.post("/query")
def answered(here: Here, caller: Reader, asked: Asked) -> Document:
    """The answer of a model of this machine, with its route, reason and edits."""
    name = asked.model or next(iter(here.models.names), None)
    if name is None or not here.models.has(name):
        known = ", ".join(here.models.names) or "none: name one when the server is started"
        raise Refused(404, f"no model {name!r} on this machine; there is {known}", code="model_not_found")
    return to_dict(here.models.query(name, caller.namespace, **asked.given()))


@routes.post("/explain")
def explained(here: Here, caller: Reader, asked: Explained) -> Document:
    """Where a question would go and why; nothing is generated."""
    return to_dict(here.router.explain(**asked.given(), namespace=caller.namespace))


@routes.post("/search")
def found(here: Here, caller: Reader, given: SearchedOn) -> Document:
    """The edits nearest to a text, in scope or not."""
    matches = here.memory.search(given.query, given.limit, as_of=given.as_of, namespace=caller.namespace)
    return {"matches": [match_document(one) for one in matches]}


@routes.post("/v1/vector_stores/kedit/search", include_in_schema=False)
def searched(here: Here, caller: Reader, asked: dict[str, Any]) -> Document:
    """The edits nearest to a text, as OpenAI's vector stores give what they hold; this one is named `kedit`."""
    return dict(search_vector_store(here.memory, asked, namespace=caller.namespace))
