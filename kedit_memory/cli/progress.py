"""What people are told while a command works: notes, log lines and, in a terminal, the step that takes long."""

import logging
import os
import shutil
import sys
import threading
import time

from kedit_memory.text import shortened, visible

_INTERRUPTED = 130  # as a shell reports a program that Ctrl-C has ended
_PATIENCE = 2.0  # seconds without a word after which a terminal shows the step at work
_REFRESH = 0.5  # seconds
_CLEAR = "\r\033[K"
_TIME_WIDTH = 12  # characters behind a step: an ellipsis and the seconds

_NOTES = logging.getLogger("kedit")  # what the command line itself says
_LIBRARY = logging.getLogger("kedit_memory")
_CACHES = logging.getLogger("kedit_memory.memory.index")  # that a cache is made anew asks nothing of anybody


def say(line: str) -> None:
    """Tell people something beside the result, unless they want it quiet."""
    _NOTES.warning("%s", line)


def complain(line: str) -> None:
    """Tell people what is wrong, quiet or not."""
    _NOTES.error("kedit: %s", line)


def step(what: str) -> None:
    """Name the work that begins, or how far it is; it is seen where it takes long, or with --verbose."""
    _NOTES.info("%s", what)


def interrupted(*done: str) -> int:
    """Say that somebody pressed Ctrl-C, and what was done before; the exit status of a program that it ends."""
    TELLER.clear()
    if sys.stderr is not None and sys.stderr.isatty():
        print(file=sys.stderr)  # behind the ^C that a terminal shows
    complain("; ".join(["interrupted", *done]))
    return _INTERRUPTED


class Teller(logging.Handler):
    """Prints log records from a level on, and shows a lower one, as the step at work, in a terminal's last line."""

    def __init__(self) -> None:
        super().__init__()
        self.shown = logging.WARNING
        self._guard = threading.RLock()
        self._step: str | None = None
        self._began = self._silent_since = time.monotonic()
        self._drawn = False
        self._over = threading.Event()
        self._levels: dict[logging.Logger, int] = {}  # of loggers, as they were before the command

    def begin(self) -> None:
        """Take over what is logged, as a command begins."""
        logging.getLogger().addHandler(self)
        self._levels = self._levels or {logger: logger.level for logger in (_NOTES, _LIBRARY, _CACHES)}
        for logger in (_NOTES, _LIBRARY):
            logger.setLevel(logging.DEBUG)
        self._began = time.monotonic()
        self.show_from(logging.WARNING)
        self.clear()
        if sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
            self._over.clear()
            threading.Thread(target=self._watch, daemon=True).start()

    def show_from(self, level: int) -> None:
        """Print what is logged from this level on: WARNING as a rule, ERROR if quiet, DEBUG if verbose."""
        self.shown = level
        _CACHES.setLevel(logging.ERROR if level >= logging.WARNING else logging.DEBUG)

    @property
    def quiet(self) -> bool:
        """Whether only results and errors are wanted."""
        return self.shown > logging.WARNING

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record, or take it for the step at work."""
        text = visible(record.getMessage())
        if record.levelno < self.shown:
            self._step = text
            return
        own = record.name == _NOTES.name and record.levelno >= logging.WARNING
        since = f"{time.monotonic() - self._began:.2f} s: " if record.levelno < logging.WARNING else ""
        self.clear()
        print(text if own else f"kedit: {since}{text}", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Give the terminal back to what is to be printed; nothing is shown until the next step."""
        with self._guard:
            self._step = None
            self._silent_since = time.monotonic()
            if self._drawn:
                print(_CLEAR, file=sys.stderr, end="", flush=True)
                self._drawn = False

    def end(self) -> None:
        """Clear the terminal's last line for good; with --verbose say how long the command took. Logs are as before."""
        _NOTES.debug("done")
        self._over.set()
        self.clear()
        logging.getLogger().removeHandler(self)
        for logger, level in self._levels.items():
            logger.setLevel(level)
        self._levels = {}

    def _watch(self) -> None:
        while not self._over.wait(_REFRESH):
            with self._guard:
                waited = time.monotonic() - self._silent_since
                if self._step and waited >= _PATIENCE and not self.quiet:
                    width = shutil.get_terminal_size().columns - _TIME_WIDTH  # a second line could not be cleared
                    line = f"{_CLEAR}{shortened(self._step, width)} … {waited:.0f} s"
                    print(line, file=sys.stderr, end="", flush=True)
                    self._drawn = True


TELLER = Teller()  # a process has one terminal
