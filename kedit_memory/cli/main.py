"""`kedit`: every command, and the one place that turns an error into a line and an exit status."""

import io
import logging
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from kedit_memory.cli import (
    ask,
    calibrate,
    check,
    compare,
    consolidate,
    demo,
    edit,
    evaluate,
    ingest,
    memory,
    models,
    trace,
    transfer,
)
from kedit_memory.errors import InvalidInputError, KeditError
from kedit_memory.text import visible

# What typer raises at a wrong option: its own copy of click's UsageError, in older releases click's.
_UsageError: Any = typer.BadParameter.__bases__[0]
_BAD_INPUT = 2
_READER_GONE = 141  # as a shell reports a program that a closed pipe has ended

app = typer.Typer(name="kedit", pretty_exceptions_enable=False, rich_markup_mode=None)
app.command()(demo.demo)
app.command()(memory.add)
app.command()(memory.erase)
app.command()(memory.update)
app.command()(memory.retract)
app.command()(memory.confirm)
app.command()(memory.reject)
app.command()(memory.undo)
app.command("list")(memory.list_edits)
app.command()(memory.show)
app.command()(memory.history)
app.command()(memory.search)
app.command("import")(transfer.import_edits)
app.command()(transfer.export)
app.command()(memory.backup)
app.command()(memory.purge)
app.command()(ask.ask)
app.command()(ask.chat)
app.command()(ingest.ingest)
app.add_typer(calibrate.app, name="calibrate")
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(models.app, name="models")
app.command()(edit.edit)
app.command()(consolidate.consolidate)
app.command()(compare.compare)
app.command()(trace.trace)
app.command()(check.verify)
app.command()(check.rebuild)
app.command()(check.doctor)


@app.callback(invoke_without_command=True)
def kedit(
    context: typer.Context,
    tell_version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Add, change and erase facts that a language model should know, without retraining."""
    if tell_version:
        print("kedit", check.installed("kedit-memory") or "dev")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


def main() -> None:
    """Run one command; exit with 0, with 1 when a check failed, with 2 and one line on bad input."""
    logging.basicConfig(level=logging.WARNING, format="kedit: %(message)s")
    logging.getLogger("kedit_memory.models.named").setLevel(logging.INFO)  # what takes long is told
    _set_streams()
    sys.exit(_run(sys.argv[1:]))


def _run(words: Sequence[str]) -> int:
    try:
        _check_words(words)
        status = app(words, prog_name="kedit", standalone_mode=False)
        print(end="", flush=True)
    except _UsageError as error:
        command = error.ctx.command_path if error.ctx else "kedit"
        return _refuse(f"{error.format_message().rstrip('.')}; see `{command} --help`")
    except KeditError as error:
        return _refuse(str(error))
    except OSError as error:  # all that files and models do wrong is a KeditError by now; left is the output
        return _give_up(error)
    except SystemExit as end:  # typer's own, at a closed pipe
        if isinstance(end.__context__, BrokenPipeError):
            return _give_up(end.__context__)
        raise
    return int(status or 0)


def _refuse(message: str) -> int:
    print(f"kedit: {visible(' '.join(message.split()))}", file=sys.stderr)
    return _BAD_INPUT


def _give_up(error: OSError) -> int:
    """End the output, which cannot be written, so that Python does not try again on its way out."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if isinstance(error, BrokenPipeError):  # nobody reads any more
        return _READER_GONE
    return _refuse(f"the output is incomplete: {error.strerror or error}; what was stored is kept, see `kedit history`")


def _set_streams() -> None:
    """What is printed is UTF-8, whatever the locale, as files are; what is read may be anything, and is checked."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")


def _check_words(words: Sequence[str]) -> None:
    for word in words:
        if not word.isprintable() and any("\ud800" <= character <= "\udfff" for character in word):
            raise InvalidInputError(
                f"{word[:60]!a} is not valid UTF-8; every argument must be, so re-encode or rename it"
            )


if __name__ == "__main__":
    main()
