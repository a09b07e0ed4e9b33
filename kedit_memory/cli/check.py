"""Commands that look after a store."""

from pathlib import Path
from typing import Annotated

import typer

from kedit_memory.cli import options as o
from kedit_memory.cli.output import counted, emit
from kedit_memory.cli.store import open_store


def verify(store: o.ExistingStore = o.STORE, as_json: o.Json = False) -> None:
    """Check a store; exit status 1 on a fault.

    Looked at: every row in the index and back, checksums, the databases of edits and of passages.
    """
    from kedit_memory.retrieval.checking import verify_corpus

    with open_store(store, create=False) as memory:
        report = memory.verify()
        problems = [*report.problems, *verify_corpus(memory.path)]
    sound = f"{counted(report.edits, 'edit')}, {counted(report.keys, 'key')}: sound"
    emit(
        as_json=as_json,
        document={"ok": not problems, "edits": report.edits, "keys": report.keys, "problems": problems},
        lines=[*problems, "FAULTY"] if problems else [sound],
    )
    if problems:
        raise typer.Exit(1)


def rebuild(store: o.ExistingStore = o.STORE, encoder: o.Encoder = None, as_json: o.Json = False) -> None:
    """Build the index anew from the rows. With --encoder, encode every key again by that encoder.

    The indexes of passages are dropped, and made anew when they are needed.
    """
    from kedit_memory.retrieval.indexfiles import drop_indexes

    with open_store(store, create=False) as memory:
        keys = memory.rebuild(encoder)
        drop_indexes(memory.path)
    emit(as_json=as_json, document={"keys": keys}, lines=[f"index rebuilt from {counted(keys, 'key')}"])


def backup(
    folder: Annotated[Path, typer.Argument(help="A new folder for the copy.")],
    store: o.ExistingStore = o.STORE,
    as_json: o.Json = False,
) -> None:
    """Copy the store, passages included, while it stays in use."""
    with open_store(store, create=False) as memory:
        memory.backup(folder)
    emit(as_json=as_json, document={"backup": str(folder)}, lines=[f"copied to {folder}"])
