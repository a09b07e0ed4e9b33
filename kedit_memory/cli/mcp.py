"""`kedit mcp`: the memory as tools of other programs' models."""

import signal
import sys
from enum import StrEnum
from typing import Annotated

import typer

from kedit_memory.cli import options as o
from kedit_memory.cli.app import installed
from kedit_memory.cli.progress import say
from kedit_memory.cli.routers import make_router
from kedit_memory.cli.store import open_store
from kedit_memory.errors import InvalidInputError

_HOST, _PORT = "127.0.0.1", 8001


class Transport(StrEnum):
    """How clients reach the server."""

    STDIO = "stdio"
    HTTP = "http"


def mcp(
    transport: Annotated[
        Transport, typer.Option("--transport", help="stdio, for a client that starts this command, or http.")
    ] = Transport.STDIO,
    host: Annotated[
        str | None, typer.Option("--host", help=f"For http: 127.0.0.1, ::1 or localhost; else {_HOST}.")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help=f"For http: else {_PORT}; 0 takes a free one.")
    ] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Leave out the tools that write.")] = False,
    model: o.Model = o.MODEL,
    store: o.Store = o.STORE,
    namespace: o.Namespace = o.NAMESPACE,
) -> None:
    """Serve the memory to MCP clients: tools to add, search, ask, explain, update, retract, undo and more.

    All tools work on one namespace. On stdio, standard output carries the protocol alone, and notes go to standard
    error. Over http, only programs of this machine are answered.
    """
    if transport is Transport.STDIO and (host is not None or port is not None):
        raise InvalidInputError("--host and --port are given without --transport http; add it, or leave them out")
    if transport is Transport.STDIO and (sys.stdin is None or sys.stdout is None):
        raise InvalidInputError("standard input or output is closed; let an MCP client start this command")
    from kedit_memory.server.listening import url_of
    from kedit_memory.server.mcp.serving import PATH, listen_here, make_server, serve_http, serve_stdio

    with open_store(store, create=not read_only) as memory:
        server = make_server(
            memory,
            make_router(memory, model, "auto", None, None),
            namespace=namespace,
            read_only=read_only,
            open_world=model.startswith("openai:"),
            version=installed("kedit-memory") or "dev",
        )
        if transport is Transport.STDIO:
            if sys.stdin.isatty():
                say("waiting for an MCP client on standard input; Ctrl-D ends this")
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a thread that waits for input would outlast an interrupt
            serve_stdio(server)
            return
        with listen_here(host or _HOST, _PORT if port is None else port) as listening:
            say(f"MCP tools at {url_of(host or _HOST, listening, PATH)}; Ctrl-C ends this")
            serve_http(server, host or _HOST, listening)
