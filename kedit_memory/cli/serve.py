"""`kedit serve`: the memory in front of a model."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from kedit_memory.cli import options as o
from kedit_memory.cli.progress import TELLER, say
from kedit_memory.cli.settings import CHOSEN
from kedit_memory.errors import MissingDependencyError
from kedit_memory.places import is_address

_NEEDED = ("fastapi", "uvicorn", "prometheus_client", "opentelemetry", "jinja2", "python_multipart")


def serve(
    upstream: Annotated[
        str | None,
        typer.Option("--upstream", metavar="<url>", help="The base URL of an OpenAI-compatible endpoint."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", metavar="<str>", help="A model of this machine, such as smollm2; may be given several times."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", parser=o.path_of, metavar="<path>", help="A TOML file with all settings; see README."),
    ] = None,
    answer: Annotated[
        str | None,
        typer.Option("--answer", metavar="<str>", help="How an edit in scope answers: auto, context or direct."),
    ] = None,
    related: Annotated[
        int | None,
        typer.Option(
            "--related",
            metavar="<int>",
            help="How many edits that speak of a question and do not answer it the model reads; 0 by default.",
        ),
    ] = None,
    host: Annotated[
        str | None, typer.Option("--host", metavar="<str>", help="Where to listen; 127.0.0.1 by default.")
    ] = None,
    port: Annotated[int | None, typer.Option("--port", help="The port; 8321 by default, 0 for a free one.")] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Processes that serve; each loads encoder and models of its own.")
    ] = None,
    log_format: Annotated[
        str | None,
        typer.Option("--log-format", metavar="<str>", help="text, or json: a line for each request, without texts."),
    ] = None,
    log_decisions: Annotated[
        int | None,
        typer.Option(
            "--log-decisions", metavar="<int>", help="How many of the newest decisions are kept, with their questions."
        ),
    ] = None,
    store: o.Store = o.STORE,
) -> None:
    """Stand in front of an endpoint, or of models of this machine, and make stored edits true in their answers.

    Whoever asks changes the base URL and nothing else. What no edit answers goes through byte for byte, unless edits
    that speak of it are to be read.
    """
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise MissingDependencyError(
            f"kedit serve needs {missing[0]}, which is not installed: pip install 'kedit-memory[server]'"
        )
    from kedit_memory.server.logs import JSON, write_logs
    from kedit_memory.server.run import run
    from kedit_memory.server.settings import Settings, Upstream, read_file

    place = store if is_address(store) else Path(store)
    told: dict[str, Any] = {"store": place, "engine": CHOSEN.engine} | (read_file(config) if config else {})
    given: dict[str, Any] = {
        "answer": answer,
        "related": related,
        "host": host,
        "port": port,
        "workers": workers,
        "log_format": log_format,
        "log_decisions": log_decisions,
        "models": tuple(model) if model else None,
        "upstreams": (Upstream(url=upstream),) if upstream else None,
    }
    settings = Settings(**(told | {name: value for name, value in given.items() if value is not None}))
    if settings.log_format == JSON:
        TELLER.end()
        write_logs(JSON)
    run(settings, say)
