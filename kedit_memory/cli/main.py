"""`kedit`: runs one command, and is the one place that turns what went wrong into a line and an exit status."""

import io
import os
import sys
from collections.abc import Sequence

from kedit_memory.cli.progress import TELLER, complain, interrupted
from kedit_memory.errors import InvalidInputError, KeditError

_BAD_INPUT = 2
_READER_GONE = 141  # as a shell reports a program that a closed pipe has ended


def main() -> None:
    """Run one command; exit with 0, with 1 when a check failed, with 2 and one line on bad input."""
    _set_streams()
    _silence_bars()
    TELLER.begin()
    try:
        status = _run(sys.argv[1:])
    except KeyboardInterrupt:
        status = interrupted()
    finally:
        TELLER.end()
    sys.exit(status)


def _run(words: Sequence[str]) -> int:
    from kedit_memory.cli.app import run  # takes a tenth of a second, in which Ctrl-C may come

    try:
        _check_words(words)
        status = run(words)
        print(end="", flush=True)
    except KeditError as error:
        return _refuse(str(error))
    except OSError as error:  # all that files and models do wrong is a KeditError by now; left is the output
        return _give_up(error)
    except SystemExit as end:  # typer's own, at a closed pipe
        if isinstance(end.__context__, BrokenPipeError):
            return _give_up(end.__context__)
        raise
    return status


def _refuse(message: str) -> int:
    complain(" ".join(message.split()))
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


def _silence_bars() -> None:
    """No library draws a bar of its own; these are read as the libraries are imported."""
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


def _check_words(words: Sequence[str]) -> None:
    for word in words:
        if not word.isprintable() and any("\ud800" <= character <= "\udfff" for character in word):
            raise InvalidInputError(
                f"{word[:60]!a} is not valid UTF-8; every argument must be, so re-encode or rename it"
            )


if __name__ == "__main__":
    main()
