"""What commands that measure share: what is looked at before hours are spent, and what is kept after them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kedit_memory.evaluation.log import Log
    from kedit_memory.evaluation.rows import Row


def prepared(task: str, plan: Any, picture: Path | None, log: Path | None) -> "Log":
    """The log of a run of this plan; what could not be drawn or written is refused.

    Raises:
        InvalidInputError: see `check_picture` and `new_log`.
        MissingDependencyError: matplotlib is not installed.
    """
    from kedit_memory.evaluation.report.pictures import check_picture
    from kedit_memory.evaluation.score import new_log

    if picture:
        check_picture(picture)
    return new_log(log, task, asdict(plan))


def kept(
    log: "Log",
    rows: "Sequence[Row]",
    picture: Path | None,
    draw: "Callable[[Sequence[Mapping[str, Any]]], Figure]",
    **seen: Any,
) -> None:
    """Keep what a run found, and draw it where a picture is wanted; `seen` is what else there is to tell."""
    from kedit_memory.evaluation.report.pictures import save_figure
    from kedit_memory.evaluation.score import keep

    keep(log, rows, **seen)
    if picture:
        save_figure(lambda: draw([row.flat() for row in rows]), picture)
