"""Whether the server runs, whether its store can be read, and what Prometheus asks for."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from kedit_memory.server.keys import Right
from kedit_memory.server.parts import Here

routes = APIRouter(tags=["health"])


@routes.get("/health/live")
def live() -> dict[str, str]:
    """Whether the server runs."""
    return {"status": "live"}


@routes.get("/health/ready")
def ready(here: Here) -> dict[str, str]:
    """Whether the store can be read."""
    len(here.memory)
    return {"status": "ready"}


@routes.get("/metrics", include_in_schema=False)
def metrics(here: Here, request: Request) -> Response:
    """Times by step and questions by route, for an admin."""
    here.access.caller(request, Right.ADMIN)
    return here.measures.shown()
