"""What all commands share: options before them or behind them, settings, and being imported when they are called."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from kedit_memory import registry
from kedit_memory.cli import options as o
from kedit_memory.cli.commands import COMMANDS, meant
from kedit_memory.cli.progress import interrupted
from kedit_memory.cli.settings import Setting, read_settings
from kedit_memory.errors import InvalidInputError

# What typer raises at a wrong option: its own copy of click's UsageError, in older releases click's.
_UsageError: Any = typer.BadParameter.__bases__[0]
_OPTIONS = {
    "store": "--store", "namespace": "--namespace", "model": "--model", "engine": "--engine", "as_json": "--json",
}  # fmt: skip
# What these show or measure does not depend on where they run: no setting counts.
_ALIKE_EVERYWHERE = {"demo", "evaluate", "compare", "score", "report", "compare-reports"}


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What a command is given beside its own words: options that stood before it, by the names of parameters."""

    given: Mapping[str, Any]
    settings: Mapping[str, Setting]

    @property
    def defaults(self) -> dict[str, Any]:
        """The settings that somebody has made; a command knows its own."""
        return {name: one.value for name, one in self.settings.items() if one.origin}


class Command(TyperCommand):
    """A command that takes --quiet and --verbose, too, and what was given before it for its other options.

    One that opens a store takes --engine.
    """

    def __init__(self, *args: Any, **fields: Any) -> None:
        super().__init__(*args, **fields)
        if any(param.name == "store" for param in self.params):
            self.params += _params(_with_engine)
        self.params += _params(_presented)

    def make_context(self, info_name: Any, args: Any, parent: Any = None, **extra: Any) -> Any:
        """The context, in which settings and what was given before the command are the defaults."""
        path = [*parent.command_path.split()[1:], info_name]
        shared: Shared = parent.find_root().obj or Shared(given={}, settings={})  # nothing is given to a completion
        taken = {param.name for param in self.params}
        if refused := [_OPTIONS[name] for name in shared.given if name not in taken]:
            raise InvalidInputError(f"`kedit {' '.join(path)}` takes no {refused[0]}; leave it out")
        defaults = {} if path[0] in _ALIKE_EVERYWHERE else shared.defaults
        return super().make_context(info_name, args, parent, default_map={**defaults, **shared.given}, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Run it; typer would take an interrupt for an end without a word."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise typer.Exit(interrupted(*getattr(error, "__notes__", ()))) from None


class Commands(TyperGroup):
    """The commands of the table, each imported when it is called."""

    def __init__(self, *args: Any, **fields: Any) -> None:
        super().__init__(*args, **fields)
        self.params += _params(_presented)

    def list_commands(self, ctx: Any) -> list[str]:
        """All names, in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name; None where there is none."""
        del ctx
        if cmd_name not in self.commands and cmd_name in COMMANDS:
            self.commands[cmd_name] = _loaded(cmd_name)
        return self.commands.get(cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the words begin with.

        Raises:
            InvalidInputError: there is none; the message names the one that is meant, by its spelling or its sense.
        """
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            raise InvalidInputError(f"no command {args[0]!r}{meant(args[0])} (`kedit --help` lists them)")
        return super().resolve_command(ctx, args)


def _presented(quiet: o.Quiet = False, verbose: o.Verbose = False) -> None: ...


def _with_engine(engine: o.Engine = o.ENGINE) -> None: ...


def _params(of: Callable[..., None]) -> list[Any]:
    """Options that act as they are read, as a function declares them."""
    stub = typer.Typer(add_completion=False)
    stub.command()(of)
    return list(typer.main.get_command(stub).params)


def _loaded(name: str) -> Any:
    """A command of the table, or a group of them, imported now."""
    found = registry.load("command", name, COMMANDS)
    if not isinstance(found, typer.Typer):
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command(name)(found)
        found = alone
    for one in found.registered_commands:
        one.cls = Command
    return typer.main.get_command(found)


app = typer.Typer(
    name="kedit",
    cls=Commands,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def kedit(
    context: typer.Context,
    store: Annotated[str | None, o.STORE_OPTION] = None,
    namespace: Annotated[str | None, o.NAMESPACE_OPTION] = None,
    model: Annotated[str | None, o.MODEL_OPTION] = None,
    engine: o.EngineBefore = None,
    as_json: o.Json = False,
    tell_version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Add, change and erase facts that a language model should know, without retraining.

    --store, --namespace, --model, --engine, --json, --quiet and --verbose may stand before the command or after it.
    Their defaults are KEDIT_STORE, KEDIT_NAMESPACE, KEDIT_MODEL and KEDIT_ENGINE, then what the nearest kedit.toml in
    this folder or above it says; `kedit doctor` shows them.
    """
    if tell_version:
        print("kedit", installed("kedit-memory") or "dev")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())
        return
    given = {
        "store": store, "namespace": namespace, "model": model, "engine": engine, "as_json": as_json or None,
    }  # fmt: skip
    context.obj = Shared(
        given={name: value for name, value in given.items() if value is not None},
        settings=read_settings(Path.cwd(), os.environ),
    )


def run(words: Sequence[str]) -> int:
    """The exit status of one command.

    Raises:
        InvalidInputError: the words are no command, or not what it takes.
    """
    try:
        return int(app(words, prog_name="kedit", standalone_mode=False) or 0)
    except _UsageError as error:
        command = error.ctx.command_path if error.ctx else "kedit"
        raise InvalidInputError(f"{error.format_message().rstrip('.')}; see `{command} --help`") from None


def installed(name: str) -> str | None:
    """The version of an installed package; None where it is missing."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
