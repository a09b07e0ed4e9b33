"""What runs share: a word on how far they are, and one method's crash that costs its own rows alone."""

import logging
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import TypeAlias, TypeVar

Progress: TypeAlias = Callable[[str], None]

_SAID_EVERY = 10.0  # seconds between two lines within a step
_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")


def quiet(line: str) -> None:
    """Nothing is told."""


class Pace:
    """Tells how far a run is, and how long the rest takes where it goes on as it did.

    Args:
        say: is told the lines.
        total: how many parts the whole run has.
        unit: what they are, in words.
    """

    def __init__(self, say: Progress, total: int, unit: str) -> None:
        self.done = 0
        self._say, self._total, self._unit = say, total, unit
        self._began = perf_counter()
        self._said = -_SAID_EVERY

    def say(self, line: str) -> None:
        """Tell a line."""
        self._said = perf_counter()
        self._say(line)

    def tick(self, line: str, within: int = 0) -> None:
        """Tell a line with the time that is left, unless something was told just now; `within` more parts are done."""
        if perf_counter() - self._said >= _SAID_EVERY:
            self.say(f"{line}; {self.left(within)}")

    def left(self, within: int = 0) -> str:
        """How much is done and how long the rest takes, in words."""
        done = self.done + within
        told = f"{done:,} of {self._total:,} {self._unit}"
        if not done:
            return told
        seconds = (perf_counter() - self._began) / done * (self._total - done)
        return f"{told}, about {seconds / 60:.0f} min left" if seconds > 90 else f"{told}, about {seconds:.0f} s left"


def guarded(measured: Iterator[_T], who: str, failures: dict[str, str]) -> Iterator[_T]:
    """What is measured until a method fails; why it did is kept beside the others' rows, not instead of them."""
    try:
        yield from measured
    except Exception as error:  # noqa: BLE001 - whatever goes wrong in one method, the others are measured
        _LOG.debug("%s", who, exc_info=error)
        lines = str(error).splitlines()
        failures[who] = f"{type(error).__name__}: {lines[0] if lines else 'no more is known'}"
