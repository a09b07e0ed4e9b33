"""Edits and their keys as rows of tables and as lines of JSON."""

import json
import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kedit_memory.errors import NotFoundError
from kedit_memory.memory.conflicts import prompt_key, slot_of, subject_key
from kedit_memory.records import Edit, KeyKind, Kind, Status
from kedit_memory.sqlite import checksum

_ID = re.compile(r"e[0-9]{1,18}")
COLUMNS = (
    "id", "namespace", "kind", "prompt", "target", "statement", "subject", "relation",
    "paraphrases", "aliases", "metadata", "radius_fixed", "valid_from", "valid_until", "source",
    "status", "superseded_by", "created_at", "slot", "prompt_key", "subject_key", "holds", "part_of", "given_id",
)  # fmt: skip
CHECKED = COLUMNS[1:]  # what an edit's checksum is of: all but its number, which it gets when it is written
# An edit's radius is that of its widest key, so no column repeats it.
SELECT_EDIT = "SELECT e.*, (SELECT max(k.radius) FROM keys k WHERE k.edit_id = e.id AND k.live) AS radius FROM edits e"


@dataclass(frozen=True, kw_only=True)
class Key:
    """One text by which an edit is found, or is not, without its vector."""

    id: int
    kind: KeyKind
    text: str
    radius: float


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """An edit with its keys at one moment, as history keeps it and undo restores it."""

    edit: Edit
    keys: tuple[Key, ...]


def number_of(edit_id: str) -> int:
    """The row of an edit: "e17" is 17.

    Raises:
        NotFoundError: no id at all.
    """
    if not _ID.fullmatch(edit_id):
        raise NotFoundError(f"no edit {edit_id[:40]!r}; ids look like 'e17', see `kedit list`")
    return int(edit_id[1:])


def id_of(number: int) -> str:
    """How the edit of a row is called: 17 is "e17"."""
    return f"e{number}"


def edit_of(row: sqlite3.Row) -> Edit:
    """The edit in a row of `SELECT_EDIT`."""
    superseder, whole = row["superseded_by"], row["part_of"]
    return Edit(
        id=id_of(row["id"]),
        kind=Kind(row["kind"]),
        prompt=row["prompt"],
        target=row["target"],
        statement=row["statement"],
        subject=row["subject"],
        relation=row["relation"],
        paraphrases=_texts(row["paraphrases"]),
        aliases=_texts(row["aliases"]),
        radius=row["radius"],
        radius_fixed=bool(row["radius_fixed"]),
        valid_from=row["valid_from"],
        valid_until=row["valid_until"],
        source=row["source"],
        namespace=row["namespace"],
        metadata={} if row["metadata"] == "{}" else json.loads(row["metadata"]),
        status=Status(row["status"]),
        superseded_by=None if superseder is None else id_of(superseder),
        created_at=row["created_at"],
        holds=bool(row["holds"]),
        part_of=None if whole is None else id_of(whole),
        given_id=row["given_id"],
    )


def row_of(edit: Edit) -> dict[str, Any]:
    """The columns of an edit, with their checksum; its id is None while it has none."""
    row = {
        "id": number_of(edit.id) if edit.id else None,
        "namespace": edit.namespace,
        "kind": str(edit.kind),
        "prompt": edit.prompt,
        "target": edit.target,
        "statement": edit.statement,
        "subject": edit.subject,
        "relation": edit.relation,
        "paraphrases": to_json(edit.paraphrases) if edit.paraphrases else "[]",
        "aliases": to_json(edit.aliases) if edit.aliases else "[]",
        "metadata": to_json(edit.metadata) if edit.metadata else "{}",
        "radius_fixed": int(edit.radius_fixed),
        "valid_from": edit.valid_from,
        "valid_until": edit.valid_until,
        "source": edit.source,
        "status": str(edit.status),
        "superseded_by": number_of(edit.superseded_by) if edit.superseded_by else None,
        "created_at": edit.created_at,
        "slot": slot_of(edit.subject, edit.relation),
        "prompt_key": prompt_key(edit.prompt),
        "subject_key": subject_key(edit.subject),
        "holds": int(edit.holds),
        "part_of": number_of(edit.part_of) if edit.part_of else None,
        "given_id": edit.given_id,
    }
    return row | {"checksum": checksum(*(row[name] for name in CHECKED))}


def edit_fields(edit: Edit) -> dict[str, Any]:
    """An edit as JSON values."""
    return {
        "id": edit.id,
        "kind": str(edit.kind),
        "prompt": edit.prompt,
        "target": edit.target,
        "statement": edit.statement,
        "subject": edit.subject,
        "relation": edit.relation,
        "paraphrases": list(edit.paraphrases),
        "aliases": list(edit.aliases),
        "radius": edit.radius,
        "radius_fixed": edit.radius_fixed,
        "valid_from": edit.valid_from,
        "valid_until": edit.valid_until,
        "source": edit.source,
        "namespace": edit.namespace,
        "metadata": dict(edit.metadata),
        "status": str(edit.status),
        "superseded_by": edit.superseded_by,
        "created_at": edit.created_at,
        "holds": edit.holds,
        "part_of": edit.part_of,
        "given_id": edit.given_id,
    }


def edit_from(fields: Mapping[str, Any]) -> Edit:
    """The edit that `edit_fields` wrote down."""
    given = dict(fields)
    given.update(
        kind=Kind(given["kind"]),
        status=Status(given["status"]),
        paraphrases=tuple(given["paraphrases"]),
        aliases=tuple(given["aliases"]),
    )
    return Edit(**given)


def snapshot_json(snapshot: Snapshot | None) -> str | None:
    """A snapshot as history stores it; floats come back to the last bit."""
    if snapshot is None:
        return None
    keys = [[key.id, key.kind, key.text, key.radius] for key in snapshot.keys]
    return to_json({"edit": edit_fields(snapshot.edit), "keys": keys})


def snapshot_from(text: str | None) -> Snapshot | None:
    """The snapshot that `snapshot_json` wrote."""
    if text is None:
        return None
    given = json.loads(text)
    keys = tuple(Key(id=k[0], kind=KeyKind(k[1]), text=k[2], radius=k[3]) for k in given["keys"])
    return Snapshot(edit=edit_from(given["edit"]), keys=keys)


def to_json(value: object) -> str:
    """Compact JSON with sorted keys, so that equal values give equal text."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _texts(text: str) -> tuple[str, ...]:
    return () if text == "[]" else tuple(json.loads(text))
