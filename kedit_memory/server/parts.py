"""The parts of the server, as the functions behind its routes get them."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from kedit_memory.memory import EditMemory
from kedit_memory.routing.router import Router
from kedit_memory.server.access import Access, Caller
from kedit_memory.server.audit import Audit
from kedit_memory.server.decision_log import DecisionLog
from kedit_memory.server.keys import Right
from kedit_memory.server.local import LocalModels
from kedit_memory.server.measures import Measures


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What one application is made of; `router` decides, and has no model of its own.

    `decisions` is None where none are logged.
    """

    memory: EditMemory
    router: Router
    models: LocalModels
    access: Access
    audit: Audit
    measures: Measures
    decisions: DecisionLog | None


def parts_of(request: Request) -> Parts:
    """The parts of the application that a request came to."""
    found: Parts = request.app.state.parts
    return found


def _reads(request: Request) -> Caller:
    return parts_of(request).access.caller(request, Right.READ)


def _writes(request: Request) -> Caller:
    return parts_of(request).access.caller(request, Right.WRITE)


Here = Annotated[Parts, Depends(parts_of)]
Reader = Annotated[Caller, Depends(_reads)]
Writer = Annotated[Caller, Depends(_writes)]
