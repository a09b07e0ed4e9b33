"""The verbs that read the memory."""

from typing import Annotated

import typer

from kedit_memory.cli import options as o
from kedit_memory.cli.output import (
    edit_document,
    edit_line,
    edit_lines,
    emit,
    match_document,
    match_line,
    revision_document,
    revision_line,
)
from kedit_memory.cli.stdin import text_of
from kedit_memory.cli.store import open_store
from kedit_memory.records import Status


def list_edits(
    every: Annotated[bool, typer.Option("--all", help="Superseded and retracted edits too.")] = False,
    store: o.ExistingStore = o.STORE,
    namespace: o.Namespace = o.NAMESPACE,
    as_json: o.Json = False,
) -> None:
    """List edits, oldest first."""
    with open_store(store, create=False) as memory:
        edits = memory.all(status=None if every else Status.ACTIVE, namespace=namespace)
    emit(
        as_json=as_json,
        document={"edits": [edit_document(e) for e in edits]},
        lines=[edit_line(e) for e in edits] or ["no edits"],
    )


def show(
    edit_id: o.EditId, store: o.ExistingStore = o.STORE, namespace: o.Namespace = o.NAMESPACE, as_json: o.Json = False
) -> None:
    """Show every field of one edit."""
    with open_store(store, create=False) as memory:
        edit = memory.get(edit_id, namespace=namespace)
    emit(as_json=as_json, document=edit_document(edit), lines=edit_lines(edit))


def history(
    edit_id: Annotated[str | None, typer.Argument(help="One edit; all of them when left out.")] = None,
    store: o.ExistingStore = o.STORE,
    namespace: o.Namespace = o.NAMESPACE,
    as_json: o.Json = False,
) -> None:
    """List what was done, oldest first."""
    with open_store(store, create=False) as memory:
        revisions = memory.history(edit_id, namespace=namespace)
    emit(
        as_json=as_json,
        document={"history": [revision_document(r) for r in revisions]},
        lines=[revision_line(r) for r in revisions] or ["no history"],
    )


def search(
    text: Annotated[str, typer.Argument(help="A question or any text; - reads it from standard input.")],
    count: Annotated[int, typer.Option("--count", "-k", min=1, max=1000, help="How many edits to list.")] = 10,
    store: o.ExistingStore = o.STORE,
    namespace: o.Namespace = o.NAMESPACE,
    as_json: o.Json = False,
) -> None:
    """List the edits nearest in meaning to a text, in scope or not."""
    text = text_of(text)
    with open_store(store, create=False) as memory:
        matches = memory.search(text, count, namespace=namespace)
    emit(
        as_json=as_json,
        document={"matches": [match_document(m) for m in matches]},
        lines=[match_line(m) for m in matches] or ["no edits"],
    )
