"""What commands that measure look at before hours are spent: whether pictures can be drawn and a log be written."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kedit_memory.evaluation.log import Log


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
