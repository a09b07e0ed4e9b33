"""Edits, matches and changes as JSON objects, the same for the terminal and for the server."""

from typing import Any

from kedit_memory.memory.rows import edit_fields
from kedit_memory.records import Edit, Match, Revision


def edit_document(edit: Edit) -> dict[str, Any]:
    """An edit."""
    return edit_fields(edit)


def match_document(match: Match) -> dict[str, Any]:
    """An edit near a text, with its distance."""
    return {
        "edit": edit_document(match.edit),
        "key": match.key,
        "key_kind": match.key_kind,
        "distance": match.distance,
        "radius": match.radius,
        "in_scope": match.in_scope,
        "rejected": match.rejected,
        "score": match.score,
    }


def revision_document(revision: Revision) -> dict[str, Any]:
    """A change to an edit, before and after."""
    sides = {"before": revision.before, "after": revision.after}
    return vars(revision) | {name: edit and edit_document(edit) for name, edit in sides.items()}
