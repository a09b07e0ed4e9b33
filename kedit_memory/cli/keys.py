"""`kedit keys`: who may ask the server, and for which namespaces."""

from contextlib import closing
from typing import Annotated, Any

import typer

from kedit_memory.cli import options as o
from kedit_memory.cli.output import emit
from kedit_memory.cli.store import open_store

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    help="Keys of `kedit serve`: each opens some namespaces for some rights, until it expires or is revoked.",
)
Name = Annotated[str, typer.Argument(help="A name of your own, by which the key is listed and revoked.")]


@app.command("add")
def add(
    name: Name,
    opens: Annotated[
        list[str] | None,
        typer.Option("--opens", metavar="<str>", help="A namespace, or * for all; may be given several times."),
    ] = None,
    right: Annotated[
        str, typer.Option("--right", help="read: ask and look; write: change edits, too; admin: see metrics, too.")
    ] = "read",
    days: Annotated[int | None, typer.Option("--days", help="How many days it opens anything; else for good.")] = None,
    rate: Annotated[
        int | None, typer.Option("--rate", help="Requests a minute; else as many as the server's settings say.")
    ] = None,
    burst: Annotated[int | None, typer.Option("--burst", help="Requests at once; likewise.")] = None,
    store: o.Store = o.STORE,
    namespace: o.Namespace = o.NAMESPACE,
    as_json: o.Json = False,
) -> None:
    """Make a key. It is shown now and never again: what is stored is its hash."""
    from kedit_memory.server.keys import KeyRing

    with open_store(store) as memory, closing(KeyRing(memory.path)) as ring:
        secret = ring.make(name, namespaces=opens or [namespace], rights=[right], days=days, rate=rate, burst=burst)
    emit(as_json=as_json, document={"name": name, "key": secret}, lines=[secret])


@app.command("list")
def list_(store: o.ExistingStore = o.STORE, as_json: o.Json = False) -> None:
    """List keys, oldest first, without their secrets."""
    from kedit_memory.server.keys import KeyRing

    with open_store(store, create=False) as memory, closing(KeyRing(memory.path)) as ring:
        keys = ring.all()
    documents: list[dict[str, Any]] = [
        vars(key) | {"rights": sorted(key.rights), "namespaces": list(key.namespaces)} for key in keys
    ]
    lines = [
        f"{one['name']}  {', '.join(one['rights'])}  in {', '.join(one['namespaces'])}  since {one['created']}"
        + (f"  {one['rate']} a minute" if one["rate"] else "")
        + (f"  until {one['expires']}" if one["expires"] else "")
        + (f"  revoked {one['revoked']}" if one["revoked"] else "")
        for one in documents
    ]
    emit(as_json=as_json, document={"keys": documents}, lines=lines or ["no keys"])


@app.command("revoke")
def revoke(name: Name, store: o.ExistingStore = o.STORE, as_json: o.Json = False) -> None:
    """Take a key's rights away, from the next request on."""
    from kedit_memory.server.keys import KeyRing

    with open_store(store, create=False) as memory, closing(KeyRing(memory.path)) as ring:
        ring.revoke(name)
    emit(as_json=as_json, document={"revoked": name}, lines=[f"{name} opens nothing any more"])
