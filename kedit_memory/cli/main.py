"""`kedit`: every command, and the one place that turns an error into a line and an exit status."""

import logging
import os
import sys

import typer

from kedit_memory.cli import ask, check, demo, memory
from kedit_memory.errors import KeditError

app = typer.Typer(
    name="kedit",
    help="Add, change and erase facts that a language model should know, without retraining.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(demo.demo)
app.command()(memory.add)
app.command()(memory.erase)
app.command()(memory.update)
app.command()(memory.retract)
app.command()(memory.undo)
app.command("list")(memory.list_edits)
app.command()(memory.show)
app.command()(memory.history)
app.command()(memory.search)
app.command("import")(memory.import_edits)
app.command()(memory.export)
app.command()(memory.backup)
app.command()(memory.purge)
app.command()(ask.ask)
app.command()(ask.chat)
app.command()(ask.ingest)
app.command()(check.verify)
app.command()(check.rebuild)
app.command()(check.doctor)


def main() -> None:
    """Run one command; exit with 0, with 1 when a check failed, with 2 and one line on bad input."""
    logging.basicConfig(level=logging.WARNING, format="kedit: %(message)s")
    try:
        app()
    except KeditError as error:
        print(f"kedit: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:  # the reader of our output has gone; nothing more can be said to it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)


if __name__ == "__main__":
    main()
