"""Commands that look after a store."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kedit_memory.cli import options as o
from kedit_memory.cli.output import counted, emit
from kedit_memory.cli.store import open_store
from kedit_memory.memory.shards import spread_over
from kedit_memory.places import without_password

if TYPE_CHECKING:
    from kedit_memory.memory.maintenance import Verification


def verify(store: o.ExistingStore = o.STORE, as_json: o.Json = False) -> None:
    """Check a store; exit status 1 on a fault.

    Looked at: every row in the index and back, checksums, the databases of edits and of passages.
    """
    _tell(_checked(store), {}, [], as_json=as_json)


def rebuild(
    store: o.ExistingStore = o.STORE,
    encoder: o.Encoder = None,
    device: o.EncoderDevice = None,
    ray: o.Ray = None,
    as_json: o.Json = False,
) -> None:
    """Build the index anew from the rows. With --encoder, encode every key again by that encoder.

    The indexes of passages are dropped, and made anew when they are needed.
    """
    from kedit_memory.retrieval.indexfiles import drop_indexes

    if encoder is None:
        o.refuse_without("--encoder", {"--ray": ray, "--device": device})
    where = o.one_device(device)
    with spread_over(ray, device) as spread, open_store(store, create=False, device=where, spread=spread) as memory:
        keys = memory.rebuild(encoder)
        drop_indexes(memory.path)
    emit(as_json=as_json, document={"keys": keys}, lines=[f"index rebuilt from {counted(keys, 'key')}"])


def backup(
    folder: Annotated[Path, typer.Argument(help="A new folder for the copy.")],
    check: Annotated[
        bool, typer.Option("--verify", help="Read the copy, as kedit verify does; exit status 1 on a fault.")
    ] = False,
    store: o.ExistingStore = o.STORE,
    as_json: o.Json = False,
) -> None:
    """Copy the store, passages included, while it stays in use."""
    with open_store(store, create=False) as memory:
        memory.backup(folder)
    document, lines = {"backup": str(folder)}, [f"copied to {folder}"]
    if check:
        _tell(_checked(folder), document, lines, as_json=as_json)
    else:
        emit(as_json=as_json, document=document, lines=lines)


def restore(
    backup: Annotated[
        str, typer.Argument(parser=o.place_of, metavar="FILE", help="What kedit backup has made, or a store.")
    ],
    at: Annotated[
        int | None,
        typer.Option("--at", metavar="<operation>", help="As it was after this operation; kedit history numbers them."),
    ] = None,
    store: o.Store = o.STORE,
    encoder: o.Encoder = None,
    as_json: o.Json = False,
) -> None:
    """Make a store from a backup, in the new place that --store names, and check it; exit status 1 on a fault.

    With --at its edits, history and consolidations are those of that moment. What was purged since stays gone, and
    passages, which have no history, are those of the backup. The backup itself is not changed.
    """
    from kedit_memory.memory import EditMemory

    EditMemory.restore(backup, store, at=at, encoder=encoder)
    moment = "" if at is None else f" as of operation {at}"
    shown = without_password(store)
    document = {"store": shown, "backup": without_password(backup), "at": at}
    _tell(_checked(store), document, [f"restored to {shown}{moment}"], as_json=as_json)


def move(
    store: Annotated[str, typer.Argument(parser=o.place_of, metavar="STORE", help="The store that is read.")],
    to: Annotated[
        str, typer.Argument(parser=o.place_of, metavar="TO", help="A new folder, or postgresql://USER@HOST/DATABASE.")
    ],
    as_json: o.Json = False,
) -> None:
    """Put all of a store into PostgreSQL, or from there into a new folder, and check it; exit status 1 on a fault.

    Ids, history, radii and vectors stay as they are. The old store is not changed; remove it once the new one is in
    use. Passages are not moved: a store in PostgreSQL has none.
    """
    from kedit_memory.memory import EditMemory

    EditMemory.move(store, to)
    shown = {"store": without_password(store), "to": without_password(to)}
    _tell(_checked(to), shown, [f"{shown['to']} holds all edits of {shown['store']}"], as_json=as_json)


def _checked(store: str | Path) -> "Verification":
    """What there is in a store, with its passages, and what is wrong with it."""
    from kedit_memory.retrieval.checking import verify_corpus

    with open_store(store, create=False) as memory:
        report = memory.verify()
        return replace(report, problems=(*report.problems, *verify_corpus(memory.path)))


def _tell(report: "Verification", document: dict[str, Any], lines: list[str], *, as_json: bool) -> None:
    """Print what was done and found, and end with status 1 where there is a fault."""
    sound = f"{counted(report.edits, 'edit')}, {counted(report.keys, 'key')}: sound"
    found = {"ok": report.ok, "edits": report.edits, "keys": report.keys, "problems": list(report.problems)}
    emit(
        as_json=as_json,
        document=document | found,
        lines=[*lines, *([sound] if report.ok else [*report.problems, "FAULTY"])],
    )
    if not report.ok:
        raise typer.Exit(1)
