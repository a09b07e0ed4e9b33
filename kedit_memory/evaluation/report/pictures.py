"""Pictures: what a report draws, what is refused before anything is computed, and the one place that writes them."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from kedit_memory.errors import InvalidInputError, MissingDependencyError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = (".png", ".svg", ".pdf")


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What is drawn: its name among those of a page, what it shows, and how; None where rows do not tell enough.

    Of the last, a picture that is there from an earlier report is shown.
    """

    name: str
    caption: str
    draw: "Callable[[], Figure] | None"


def check_picture(path: Path) -> None:
    """Refuse what could not be drawn, before hours are spent on what it would show.

    Raises:
        InvalidInputError: the name ends in no known format, or its folder is absent.
        MissingDependencyError: matplotlib is not installed.
    """
    if path.suffix.lower() not in FORMATS:
        raise InvalidInputError(f"{path} is no picture's name; let it end in one of {', '.join(FORMATS)}")
    if not path.absolute().parent.is_dir():
        raise InvalidInputError(f"no folder {path.parent} for the picture; make it first")
    check_drawing("a picture")


def check_drawing(what: str) -> None:
    """Refuse what could not be drawn at all; `what` is that, in words.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise MissingDependencyError(
            f"{what} needs matplotlib, which is not installed: pip install 'kedit-memory[report]'"
        )


def save_figure(draw: "Callable[[], Figure]", path: Path) -> None:
    """Draw a figure into a file; its ending says the format.

    Raises:
        InvalidInputError: see `check_picture`; or the file cannot be written.
        MissingDependencyError: matplotlib is not installed.
    """
    check_picture(path)
    figure = draw()
    try:
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be written ({error.strerror or error}); choose another name") from error
