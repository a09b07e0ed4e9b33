"""Edits from files and into files."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from kedit_memory.cli import options as o
from kedit_memory.cli.memory import open_store
from kedit_memory.cli.output import edit_document, emit, say
from kedit_memory.errors import InvalidInputError
from kedit_memory.memory.formats import FORMATS
from kedit_memory.records import Imported, OnConflict
from kedit_memory.text import visible

_NAMED = 10  # refused rows that are named one by one


def import_edits(
    file: Annotated[
        Path,
        typer.Argument(help="JSONL (an export, or conversations), JSON, CSV; a FAQ as HTML or Markdown."),
    ],
    form: Annotated[
        str | None,
        typer.Option("--format", metavar="<str>", help=f"{', '.join(FORMATS)}; without it, told by name or content."),
    ] = None,
    on_conflict: o.Conflict = OnConflict.SUPERSEDE,
    strict: Annotated[bool, typer.Option("--strict", help="Import nothing where a row cannot be stored.")] = False,
    store: o.Store = o.STORE,
    namespace: o.Namespace = o.NAMESPACE,
    encoder: o.Encoder = None,
    as_json: o.Json = False,
) -> None:
    """Import edits from a file. Rows that cannot be stored are named, and the others are stored.

    Doing it twice changes nothing. Exit status 2 says that a row was refused.
    """
    with open_store(store, encoder) as memory:
        taken = memory.import_file(file, form=form, on_conflict=on_conflict, strict=strict, namespace=namespace)
    emit(
        as_json=as_json,
        document={
            "imported": [edit.id for edit in taken.stored],
            "known": [edit.id for edit in taken.known],
            "refused": [{"where": one.where, "reason": one.refusal} for one in taken.refused],
        },
        lines=[f"imported: {len(taken.stored)} new, {len(taken.known)} there already, {len(taken.refused)} refused"],
    )
    _tell_refused(taken)


def _tell_refused(taken: Imported) -> None:
    """Name what was refused, which is bad input though the rest is stored."""
    if not taken.refused:
        return
    for one in taken.refused[:_NAMED]:
        say(visible(f"kedit: {one.where}: {one.refusal}"))
    more = len(taken.refused) - _NAMED
    rest = f"; {more} more are in the output of --json" if more > 0 else ""
    raise InvalidInputError(f"{len(taken.refused)} of {len(taken.outcomes)} rows were refused (see above){rest}")


def export(
    file: Annotated[Path | None, typer.Argument(help="Where to write; standard output for - or when left out.")] = None,
    store: o.ExistingStore = o.STORE,
    namespace: o.Namespace = o.NAMESPACE,
    as_json: o.Json = False,
) -> None:
    """Export edits as JSONL; the same edits give the same bytes."""
    if file == Path("-"):
        file = None
    with open_store(store, create=False) as memory:
        if file is None and as_json:
            edits = [edit_document(edit) for edit in memory.all(namespace=namespace)]
            emit(as_json=True, document={"edits": edits}, lines=())
            return
        count = memory.export(sys.stdout if file is None else file, namespace=namespace)
    if file is not None:
        emit(as_json=as_json, document={"edits": count, "file": str(file)}, lines=[f"{count} edits in {file}"])
