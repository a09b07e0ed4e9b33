"""What the tools give: records of the memory, a page or an account of them."""

from dataclasses import dataclass
from typing import Any

from kedit_memory.records import Edit, Kind, Match, Revision
from kedit_memory.routing.preview import Fired, Shared


@dataclass(frozen=True, kw_only=True)
class Matches:
    """The edits nearest to a text, nearest first."""

    matches: list[Match]


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page of edits; where there are more, `after` is what asks for the next."""

    edits: list[Edit]
    after: str | None


@dataclass(frozen=True, kw_only=True)
class Changes:
    """Changes, oldest first; where there are more, `after` is what asks for the next."""

    changes: list[Revision]
    after: int | None


@dataclass(frozen=True, kw_only=True)
class Effects:
    """What an edit would do; where `new` is false it is stored already, under `edit_id`."""

    new: bool
    edit_id: str | None
    kind: Kind
    statement: str
    gives_way: list[Edit]
    may_contradict: list[Edit]
    fires: list[Fired]
    shares: list[Shared]
    questions_unread: int


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Where a question goes and why, with what that rests on."""

    question: str
    route: str
    reason: str
    edits: list[dict[str, Any]]
    considered: list[dict[str, Any]]
    passages: list[dict[str, Any]]
    outdated: list[dict[str, Any]]
    popularity: dict[str, Any] | None
    timings: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Answered(Explanation):
    """An answer with its explanation; `cut` where the model would have gone on."""

    answer: str
    cut: bool
