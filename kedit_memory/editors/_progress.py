"""What all editors have in common: their options, and whoever is told how far an edit is, since editors never print."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any, Self, TypeAlias

Progress: TypeAlias = Callable[[str, int, int], None]  # the kind of work, how much of it is done, the most there is
Tell: TypeAlias = Callable[[int, int], None]  # the same of one kind of work


def silent(done: int, total: int) -> None:
    """Tell nobody."""


def in_lines(say: Callable[[str], None], *, every: float = 10.0) -> Progress:
    """Progress as lines of text, the first and then one in so many seconds."""
    last = -float("inf")

    def tell(what: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= every:
            last = time.monotonic()
            say(line_of(what, done, total))

    return tell


def line_of(what: str, done: int, total: int) -> str:
    """How far one kind of work is, in words."""
    return f"{what}: {done:,} of {total:,}"


@dataclass(frozen=True, kw_only=True)
class Options:
    """The fields of an editor, which are its options but for those that equal editors need not share.

    Attributes:
        progress: Told how far an edit is: what is done, how much of it, and the most there is, as it may end before.
    """

    progress: Progress | None = field(default=None, compare=False, repr=False)

    @property
    def options(self) -> dict[str, Any]:
        """The options by name: what a saved change says of how it was made."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.compare}

    def with_progress(self, progress: Progress | None) -> Self:
        """The same editor, which tells `progress` how far it is."""
        return replace(self, progress=progress)

    def following(self, past: Sequence[Any]) -> Self:  # noqa: ARG002 - most methods need not know
        """The same editor; one that must know of edits of earlier calls overrides this."""
        return self

    def telling(self, what: str) -> Tell:
        """What to call with how much of one kind of work is done, and the most there is."""
        return silent if self.progress is None else partial(self.progress, what)
