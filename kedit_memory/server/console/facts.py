"""Forms about facts: what a browser sent as the values that the HTTP API takes, and the other way round."""

import json
from collections.abc import Mapping
from typing import Any

from kedit_memory.records import Edit
from kedit_memory.server.console.visit import Visit
from kedit_memory.server.errors import Refused

TEXTS = ("prompt", "target", "subject", "relation", "statement", "valid_from", "valid_until", "source")
LISTS = ("paraphrases", "aliases")
FIELDS = (*TEXTS, *LISTS, "radius", "metadata")


def read(visit: Visit) -> dict[str, Any]:
    """The values of a form, None or empty where a field is.

    Raises:
        Refused: a number or JSON cannot be read.
    """
    values: dict[str, Any] = {name: visit.said(name) or None for name in TEXTS}
    values |= {name: lines(visit.said(name)) for name in LISTS}
    radius, metadata = visit.said("radius"), visit.said("metadata")
    try:
        values["radius"] = float(radius) if radius else None
    except ValueError as error:
        raise Refused(422, f"radius is {radius[:40]!r}; give a number from 0 to 2", code="invalid") from error
    try:
        values["metadata"] = json.loads(metadata) if metadata else {}
    except (ValueError, RecursionError) as error:
        raise Refused(422, f"metadata is no JSON: {error}", code="invalid") from error
    return values


def filled(visit: Visit) -> dict[str, str]:
    """The fields as they were filled in, to be shown again."""
    return {name: visit.said(name) for name in FIELDS}


def of_edit(edit: Edit) -> dict[str, str]:
    """The fields as an edit fills them."""
    shown = {name: getattr(edit, name) or "" for name in TEXTS}
    shown |= {name: "\n".join(getattr(edit, name)) for name in LISTS}
    shown["radius"] = f"{edit.radius:g}" if edit.radius_fixed else ""
    shown["metadata"] = json.dumps(dict(edit.metadata), ensure_ascii=False) if edit.metadata else ""
    return shown


def changes(edit: Edit, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the values that differ from what an edit has."""
    held = {name: getattr(edit, name) for name in TEXTS} | {name: list(getattr(edit, name)) for name in LISTS}
    held |= {"radius": edit.radius if edit.radius_fixed else None, "metadata": dict(edit.metadata)}
    return {name: value for name, value in values.items() if value != held[name]}


def lines(text: str) -> list[str]:
    """The lines of a text that hold something."""
    return [line.strip() for line in text.splitlines() if line.strip()]
