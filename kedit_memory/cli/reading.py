"""The verbs that read the memory."""

from typing import Annotated

import typer

from kedit_memory.cli import options as o
from kedit_memory.cli.output import (
    edit_line,
    edit_lines,
    emit,
    match_line,
    revision_line,
)
from kedit_memory.cli.stdin import text_of
from kedit_memory.cli.store import open_store
from kedit_memory.errors import InvalidInputError
from kedit_memory.memory.documents import edit_document, match_document, revision_document
from kedit_memory.records import Status


def list_edits(
    every: Annotated[bool, typer.Option("--all", help="Superseded and retracted edits too.")] = False,
    status: Annotated[
        Status | None, typer.Option("--status", help="Only edits of this status; without it and --all, active ones.")
    ] = None,
    subject: Annotated[str | None, typer.Option("--subject", help="Only edits about this one.")] = None,
    relation: Annotated[str | None, typer.Option("--relation", help="Only edits of this relation.")] = None,
    source: Annotated[str | None, typer.Option("--source", help="Only edits from there.")] = None,
    metadata: o.Metadata = None,
    since: Annotated[str | None, typer.Option("--since", help="Only edits added on this day or later.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Only edits added before this day.")] = None,
    limit: o.Limit = None,
    after: Annotated[str | None, typer.Option("--after", help="Only those behind the edit with this id.")] = None,
    store: o.ExistingStore = o.STORE,
    namespace: o.Namespace = o.NAMESPACE,
    as_json: o.Json = False,
) -> None:
    """List edits, oldest first."""
    if every and status:
        raise InvalidInputError(f"--all and --status {status} ask for different lists; leave one out")
    with open_store(store, create=False) as memory:
        found = memory.list(
            status=None if every else status or Status.ACTIVE, subject=subject, relation=relation, source=source,
            metadata=o.metadata_of(metadata) or None, since=since, until=until, after=after,
            limit=limit and limit + 1, namespace=namespace,
        )  # fmt: skip
    edits, more = found[:limit], limit is not None and len(found) > limit
    emit(
        as_json=as_json,
        document={"edits": [edit_document(e) for e in edits], "more": more},
        lines=[*([edit_line(e) for e in edits] or ["no edits"]), *(_next(edits[-1].id) if more else ())],
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
    limit: o.Limit = None,
    after: Annotated[
        int, typer.Option("--after", min=0, help="Only what follows the change with this number, of --json.")
    ] = 0,
    store: o.ExistingStore = o.STORE,
    namespace: o.Namespace = o.NAMESPACE,
    as_json: o.Json = False,
) -> None:
    """List what was done, oldest first."""
    with open_store(store, create=False) as memory:
        found = memory.history(edit_id, namespace=namespace, limit=limit and limit + 1, after=after)
    revisions, more = found[:limit], limit is not None and len(found) > limit
    emit(
        as_json=as_json,
        document={"history": [revision_document(r) for r in revisions], "more": more},
        lines=[
            *([revision_line(r) for r in revisions] or ["no history"]),
            *(_next(revisions[-1].number) if more else ()),
        ],
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


def _next(last: str | int) -> list[str]:
    return [f"there are more: --after {last}"]
