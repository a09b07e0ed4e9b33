"""The log of decisions over HTTP: listed, confirmed, rejected, emptied."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from kedit_memory.server import edits
from kedit_memory.server.access import Caller
from kedit_memory.server.decision_log import Common, DecisionLog
from kedit_memory.server.errors import Refused
from kedit_memory.server.forms import Feedback, Form, Text
from kedit_memory.server.parts import Here, Parts, Reader, Writer
from kedit_memory.text import LONGEST_LINE, LONGEST_NAME

Document = dict[str, Any]
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]

routes = APIRouter(tags=["decisions"])

Named = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]


class Looked(BaseModel):
    """Which decisions are listed: those that have all of this in common."""

    model_config = ConfigDict(extra="forbid")

    route: Named | None = Field(None, examples=["direct"], description="A route, or `none` for a miss.")
    edit: Named | None = Field(None, examples=["e1"])
    feedback: Literal["confirm", "reject", "open"] | None = None
    text: str | None = Field(None, min_length=1, max_length=LONGEST_LINE, description="Which stands in the question.")
    limit: int = Field(100, ge=1, le=1000)
    before: int | None = Field(None, ge=1, le=2**63 - 1, description="The last id of the page before.")


class Meant(Form):
    """The edit that feedback is about; the one that answered, where it is left out."""

    edit: Text | None = Field(None, examples=["e1"])


@routes.get("/decisions")
def listed(here: Here, caller: Reader, looked: Annotated[Looked, Query()]) -> Document:
    """The newest decisions of the namespace that have all of this in common; the next page is behind the last id."""
    common = Common(**looked.model_dump(exclude={"limit", "before"}))
    found = log_of(here).page(caller.namespace, common, limit=looked.limit + 1, before=looked.before)
    return {"decisions": [vars(one) for one in found[: looked.limit]], "more": len(found) > looked.limit}


@routes.delete("/decisions")
def emptied(here: Here, caller: Writer) -> Document:
    """How many decisions of the namespace were forgotten: all."""
    gone = log_of(here).empty(caller.namespace)
    here.audit.write(caller, "empty decisions")
    return {"forgotten": gone}


@routes.post("/decisions/{number}/confirm")
def confirmed(here: Here, caller: Writer, number: Number, meant: Meant | None = None) -> Document:
    """The decision, whose question the edit answers from now on."""
    return _told(here, caller, number, meant, "confirm")


@routes.post("/decisions/{number}/reject")
def rejected(here: Here, caller: Writer, number: Number, meant: Meant | None = None) -> Document:
    """The decision, whose question the edit leaves alone from now on."""
    return _told(here, caller, number, meant, "reject")


def log_of(here: Parts) -> DecisionLog:
    """The log.

    Raises:
        Refused: none is kept.
    """
    if here.decisions is None:
        raise Refused(404, "no log of decisions is kept; start the server with --log-decisions 1000", code="no_log")
    return here.decisions


def _told(
    here: Parts, caller: Caller, number: int, meant: Meant | None, verb: Literal["confirm", "reject"]
) -> Document:
    log = log_of(here)
    one = log.get(number, caller.namespace)
    named = meant.edit if meant and meant.edit else one.edit
    if named is None:
        raise Refused(400, "no edit answered this question; say which one is meant", code="no_edit")
    if not one.alone:
        said = "the question leans on turns that the log does not keep; word it whole"
        raise Refused(409, f"{said}, at POST /edits/{named}/{verb}", code="leans_on_turns")
    edit = here.memory.get(named, namespace=caller.namespace)
    give = edits.confirmed if verb == "confirm" else edits.rejected
    give(here, caller, edit.id, Feedback(question=one.question, fired=one.edit == edit.id))
    log.mark(number, verb)
    return vars(log.get(number, caller.namespace))
