"""`kedit passages`: what `kedit ingest` has brought, listed, shown and removed."""

import dataclasses
from typing import Annotated, Any

import typer

from kedit_memory.cli import options as o
from kedit_memory.cli.output import counted, emit
from kedit_memory.cli.stdin import demand_yes
from kedit_memory.cli.store import open_store
from kedit_memory.errors import InvalidInputError
from kedit_memory.records import Passage
from kedit_memory.text import shortened

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    help="""Passages of documents: those that `kedit ingest` brought, of one namespace.

    Passages and edits are apart. `kedit erase` has questions about a fact refused or answered without it, but leaves
    the passages in which it is told; `kedit purge` removes edits for good, and no passage. `kedit passages remove`
    removes passages for good: afterwards their text is in no file of the store. The files that they came from stay as
    they are, and are not read again until they change. Backups made before keep what they hold.
    """,
)
_WIDTH = 100  # characters of a text in a line of the list
Id = Annotated[str, typer.Argument(help="The id of a passage, as `kedit passages list` shows it.")]
From = Annotated[
    str | None,
    typer.Option("--source", help="Only what is from this file, folder or address, as the passages name it."),
]


@app.command("list")
def list_(
    source: From = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many at most.")] = 100,
    after: Annotated[str | None, typer.Option("--after", help="Only those behind the passage with this id.")] = None,
    store: o.ExistingStore = o.STORE,
    namespace: o.Namespace = o.NAMESPACE,
    as_json: o.Json = False,
) -> None:
    """List passages in the order in which they came."""
    from kedit_memory.retrieval.contents import list_passages
    from kedit_memory.retrieval.corpus import Corpus

    with open_store(store, create=False) as memory, Corpus(memory.passages, namespace) as corpus:
        found = list_passages(corpus, limit=limit + 1, after=after, source=source)
    shown, more = found[:limit], len(found) > limit
    lines = [_line(passage) for passage in shown] or ["no passages"]
    if more:
        lines.append(f"there are more: --after {shown[-1].id}")
    emit(as_json=as_json, document={"passages": list(map(_document, shown)), "more": more}, lines=lines)


@app.command()
def show(
    passage: Id, store: o.ExistingStore = o.STORE, namespace: o.Namespace = o.NAMESPACE, as_json: o.Json = False
) -> None:
    """Show every field of one passage."""
    from kedit_memory.retrieval.contents import show_passage
    from kedit_memory.retrieval.corpus import Corpus

    with open_store(store, create=False) as memory, Corpus(memory.passages, namespace) as corpus:
        document = _document(show_passage(corpus, passage))
    lines = [f"{name + ':':<9}{value}" for name, value in document.items() if value]
    emit(as_json=as_json, document=document, lines=lines)


@app.command()
def remove(
    passages: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Passages by id.")] = None,
    source: From = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: it cannot be undone.")] = False,
    store: o.ExistingStore = o.STORE,
    namespace: o.Namespace = o.NAMESPACE,
    as_json: o.Json = False,
) -> None:
    """Remove passages for good, by id or all from a source; no file of the store holds their text afterwards.

    The indexes are made anew at the next question. A file that they came from is not read again until it changes.
    """
    from kedit_memory.retrieval.contents import remove_passages
    from kedit_memory.retrieval.corpus import Corpus

    if not passages and source is None:
        raise InvalidInputError("nothing to remove; give the ids of passages, or --source")
    if not yes:
        what = [*(passages or ()), *([] if source is None else [f"all from {source}"])]
        demand_yes(f"Remove {', '.join(what)} for good?")
    with open_store(store, create=False) as memory, Corpus(memory.passages, namespace) as corpus:
        count = remove_passages(corpus, passages or (), source)
    emit(as_json=as_json, document={"removed": count}, lines=[f"{counted(count, 'passage')} removed"])


def _document(passage: Passage) -> dict[str, Any]:
    return dataclasses.asdict(passage)


def _line(passage: Passage) -> str:
    title = f"{shortened(passage.title, _WIDTH // 2)}: " if passage.title else ""
    origin = f"  ({passage.source})" if passage.source else ""
    return f"{passage.id}  {title}{shortened(passage.text, _WIDTH)}{origin}"
