"""Passages."""

import os
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kedit_memory.cli import options as o
from kedit_memory.cli.app import installed
from kedit_memory.cli.output import counted, emit
from kedit_memory.cli.progress import complain, step
from kedit_memory.cli.store import folder_of, open_store
from kedit_memory.errors import InvalidInputError
from kedit_memory.memory import EditMemory
from kedit_memory.memory.shards import Spread, spread_over

if TYPE_CHECKING:
    from kedit_memory.retrieval.documents import Document
    from kedit_memory.retrieval.ingest import Ingested

_YOUNG = timedelta(days=1)  # a page fetched so recently is not asked for again


def ingest(
    path: Annotated[
        Path | None,
        typer.Argument(parser=o.path_of, help="A .txt, .md, .jsonl, .html or .pdf file, or a folder of them."),
    ] = None,
    wikipedia: Annotated[
        list[str] | None,
        typer.Option(
            "--wikipedia",
            metavar="<str>",
            help="The title of a Wikipedia page; may be given several times. Uses the network.",
        ),
    ] = None,
    language: Annotated[str, typer.Option("--language", help="The Wikipedia to ask: en, de, simple …")] = "en",
    every: Annotated[
        bool, typer.Option("--all", help="Also hidden files of a folder, and what links in it lead to outside of it.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Also drop what came from files of the folder PATH that are gone.")
    ] = False,
    dense: Annotated[
        bool, typer.Option("--dense", help="Also encode all passages, for retrieval by meaning. Takes long for many.")
    ] = False,
    store: o.Store = o.STORE,
    namespace: o.Namespace = o.NAMESPACE,
    encoder: o.Encoder = None,
    device: o.EncoderDevice = None,
    ray: o.Ray = None,
    as_json: o.Json = False,
) -> None:
    """Add passages that retrieval can put before a question. Doing it twice changes nothing.

    A file that has changed replaces its old passages. Wikipedia asks for a contact: an address in the environment
    variable KEDIT_CONTACT.
    """
    from kedit_memory.retrieval.corpus import Corpus
    from kedit_memory.retrieval.documents import Chosen, documents_of
    from kedit_memory.retrieval.ingest import ingest_documents, ingest_files
    from kedit_memory.retrieval.ingest import prune as drop_gone

    if path is None and not wikipedia:
        raise InvalidInputError("nothing to ingest; give a PATH, or --wikipedia TITLE, or both")
    if prune and not (path and path.is_dir()):
        raise InvalidInputError("--prune needs a PATH that is a folder; give one, or leave --prune out")
    if not dense:
        o.refuse_without("--dense", {"--ray": ray, "--device": device})
    folder = folder_of(store)
    chosen = documents_of(path, every=every) if path else Chosen(files=())
    pages = _wikipedia(wikipedia, language, folder) if wikipedia else []
    with (
        spread_over(ray, device) as spread,
        open_store(store, encoder, device=o.one_device(device)) as memory,
        Corpus(memory.passages, namespace) as corpus,
    ):
        report = ingest_files(corpus, chosen.files, progress=_progress)
        report += ingest_documents(corpus, pages, progress=_progress)
        report.removed = drop_gone(corpus, path) if path and prune else 0
        report.left_out = chosen.left_out
        encoded = _index(memory, namespace, spread if dense else None)
        count = len(corpus)
    if path and path.is_file() and report.unreadable:
        raise InvalidInputError(report.unreadable[0])
    _tell(report, count, encoded, as_json=as_json)


def _index(memory: EditMemory, namespace: str, spread: Spread | None) -> int:
    """Bring the indexes of passages up to date, now rather than at the first question; how many were encoded."""
    from kedit_memory.retrieval.stored import StoreRetriever

    retriever = StoreRetriever(memory.path, namespace=namespace, progress=_progress)
    retriever.update_index()
    retriever.close()
    if spread is None:
        return 0
    from kedit_memory.memory.index import load_engine
    from kedit_memory.retrieval.dense import ENGINE, DenseRetriever

    engine = load_engine(ENGINE)
    by_meaning = DenseRetriever(memory.path, memory.encoder, engine, namespace=namespace, progress=_progress)
    encoded = by_meaning.build(partial(spread, memory.encoder.encode))
    by_meaning.close()
    return encoded


def _tell(report: "Ingested", count: int, encoded: int, *, as_json: bool) -> None:
    """Print what was done; what could not be read is bad input, though the rest is in."""
    for line in report.unreadable:
        complain(line)
    emit(
        as_json=as_json,
        document={
            "added": report.added,
            "passages": count,
            "encoded": encoded,
            "documents": {
                "new": report.new,
                "changed": report.changed,
                "unchanged": report.unchanged,
                "removed": report.removed,
            },
            "unreadable": report.unreadable,
            "left_out": report.left_out,
        },
        lines=[
            f"{counted(report.added, 'new passage')}, {count:,} in the namespace",
            f"documents: {report.new} new, {report.changed} changed, {report.unchanged} unchanged, "
            f"{report.removed} removed",
            *([f"{counted(encoded, 'passage')} encoded"] if encoded else []),
            *([f"left out: {report.left_out} hidden or outside the folder (--all)"] if report.left_out else []),
        ],
    )
    if report.unreadable:
        files = counted(len(report.unreadable), "file")
        raise InvalidInputError(f"{files} could not be read (see above); the others are ingested")


def _wikipedia(titles: Sequence[str], language: str, store: Path) -> "list[Document]":
    """These pages, asked for under the name of this program and its user's contact."""
    from kedit_memory.retrieval.fetched import Fetched
    from kedit_memory.retrieval.wikipedia import fetch

    contact = os.environ.get("KEDIT_CONTACT", "").strip()
    if not contact:
        raise InvalidInputError(
            "Wikipedia asks every program for a contact; set KEDIT_CONTACT to an e-mail address or a web page of yours"
        )
    version = installed("kedit-memory") or "dev"  # run from a checkout that is not installed
    agent = f"kedit-memory/{version} (https://pypi.org/project/kedit-memory; {contact})"
    kept = Fetched(store / "passages" / "fetched.db", max_age=_YOUNG)
    return [page.document() for page in fetch(titles, language=language, user_agent=agent, kept=kept)]


def _progress(what: str, done: int) -> None:
    step(f"{what}: {done:,}")
