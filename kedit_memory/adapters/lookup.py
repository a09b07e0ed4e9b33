"""What several adapters look up in a memory."""

from collections.abc import Callable, Iterable

from kedit_memory.errors import NotFoundError
from kedit_memory.memory import EditMemory
from kedit_memory.records import Edit, Match, Status, Vectors
from kedit_memory.text import clean


def nearest(
    memory: EditMemory, query: str, count: int, *, namespaces: Iterable[str], passes: Callable[[Edit], bool]
) -> list[Match]:
    """The `count` statements of some namespaces nearest to a text, of those that pass; erasures state nothing."""
    if not count:
        return []
    vector = memory.encode([clean(query, "query")])[0]
    found = [match for one in namespaces for match in _nearest(memory, vector, count, one, passes)]
    return sorted(found, key=lambda match: match.distance)[:count]


def similarity(match: Match) -> float:
    """The cosine of a text and an edit's nearest key, whose distance is that of unit vectors."""
    return 1 - match.distance**2 / 2


def active(memory: EditMemory, edit_id: str, namespace: str | None = None) -> Edit | None:
    """The edit of that id, the store's or its caller's; None where none is active."""
    try:
        edit = memory.get(edit_id, namespace=namespace)
    except NotFoundError:
        return None
    return edit if edit.status is Status.ACTIVE else None


def called(edit: Edit) -> str:
    """The id that the caller gave an edit, else the store's."""
    return edit.given_id or edit.id


def changed_at(memory: EditMemory, edit: Edit) -> str:
    """When an edit was made, or last updated."""
    updates = [one.at for one in memory.history(edit.id) if one.verb == "update" and not one.undone]
    return max(updates, default=edit.created_at)


def _nearest(
    memory: EditMemory, vector: Vectors, count: int, namespace: str, passes: Callable[[Edit], bool]
) -> list[Match]:
    """Likewise of one namespace; more are asked for until enough of them pass."""
    asked = count
    while True:
        matches = memory.search(vector, asked, namespace=namespace)
        kept = [match for match in matches if match.edit.target is not None and passes(match.edit)]
        if len(kept) >= count or len(matches) < asked:
            return kept[:count]
        asked *= 4
