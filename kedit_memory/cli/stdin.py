"""What is read from standard input, where an argument is `-` or a conversation is held."""

import sys
from collections.abc import Iterator
from contextlib import suppress

from kedit_memory.cli.progress import TELLER
from kedit_memory.errors import InvalidInputError

INPUT = "-"  # stands for what standard input holds
_LEAVE = frozenset({"quit", "exit"})


def text_of(argument: str) -> str:
    """An argument, or for `-` all of standard input.

    Raises:
        InvalidInputError: standard input is closed, or holds no text.
    """
    if argument != INPUT:
        return argument
    if sys.stdin is None:
        raise InvalidInputError("standard input is closed; give the text as an argument")
    from kedit_memory.memory.formats.content import decoded

    return decoded(sys.stdin.buffer.read(), "standard input")


def demand_yes(question: str) -> None:
    """Go on only if somebody at a terminal says yes."""
    answer = ""
    if sys.stdin and sys.stdin.isatty():
        TELLER.clear()
        print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
        answer = sys.stdin.readline()
        if not answer:  # Ctrl-D, which leaves the line open
            print(file=sys.stderr)
    if answer.strip().casefold() not in {"y", "yes"}:
        raise InvalidInputError("not confirmed, so nothing was removed; answer y at the terminal, or give --yes")


def questions_of(argument: str) -> list[str]:
    """The question of an argument, or for `-` each line of standard input that holds something.

    Raises:
        InvalidInputError: as in `text_of`, or there is none.
    """
    if argument != INPUT:
        return [argument]
    lines = [line.strip() for line in text_of(argument).splitlines()]
    if not any(lines):
        raise InvalidInputError("standard input holds no question; write one a line")
    return list(filter(None, lines))


def spoken() -> Iterator[str]:
    """The lines that somebody types, or a file holds, until it ends or says quit or exit; empty ones are passed over.

    In a terminal, arrow keys edit a line and bring back those before, where Python has readline.
    """
    if sys.stdin is None:  # closed before the program began
        return
    at_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if at_terminal:
        _use_readline()
    while True:
        try:
            line = input("? " if at_terminal else "").strip()
        except EOFError:
            if at_terminal:
                print()  # behind the question mark
            return
        if line.casefold() in _LEAVE:
            return
        if line:
            yield line


def _use_readline() -> None:
    """Make `input` a line editor, which importing readline does."""
    with suppress(ImportError):  # not part of every Python; lines are then edited as the terminal does
        import readline  # noqa: F401
