"""The map: edits and their radii in the plane, and the same in words."""

from starlette.responses import Response

from kedit_memory.server.console.plane import Spot, spots
from kedit_memory.server.console.visit import Visit

_MOST, _USUAL = 300, 100  # edits that are drawn
_COMPARED = 2000  # edits of which those nearest to each other are looked for
_MARGIN = 0.08
_LABELLED = 40  # edits up to which each has its id beside it


def drawn(visit: Visit) -> Response:
    """Edits of a namespace, or those about a subject, that lie nearest to each other."""
    subject = visit.said("subject")
    most = visit.number("most", 2, _MOST) or _USUAL
    edits = visit.parts.memory.list(namespace=visit.namespace, subject=subject or None, limit=_COMPARED + 1)
    compared = edits[:_COMPARED]
    vectors = visit.parts.memory.encode([one.prompt for one in compared])  # of keys, so none is encoded anew
    found = spots(compared, vectors, most)
    return visit.page(
        "map.html",
        subject=subject,
        most=most,
        limit=_MOST,
        spots=found,
        box=_box(found),
        labelled=len(found) <= _LABELLED,
        compared=len(compared),
        more=len(edits) > _COMPARED,
    )


def _box(found: list[Spot]) -> tuple[float, float, float, float]:
    """What of the plane is shown at first: x, y, width and height, with all circles in it."""
    if not found:
        return 0.0, 0.0, 1.0, 1.0
    left, right = min(one.x - one.radius for one in found), max(one.x + one.radius for one in found)
    top, bottom = min(one.y - one.radius for one in found), max(one.y + one.radius for one in found)
    side = max(right - left, bottom - top, 0.1) * (1 + 2 * _MARGIN)
    return (left + right - side) / 2, (top + bottom - side) / 2, side, side
