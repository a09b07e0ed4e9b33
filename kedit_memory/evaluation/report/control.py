"""The positive control of a comparison: what has to hold before its methods are ranked.

A model that is told the right edit has to say it. Where it does not, its prompts, the cutting of its answers or the
judge hide what methods do, and their order is one of chance. For sets and models that are known the share was recorded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kedit_memory.evaluation.case import ALL, RELIABILITY
from kedit_memory.evaluation.methods import UNEDITED
from kedit_memory.evaluation.report.saved import Row
from kedit_memory.evaluation.report.tables import over_seeds

CONTROL = "oracle-edit"
_TOLERANCE = 0.1  # more than other samples of a hundred edits differ by


@dataclass(frozen=True, kw_only=True)
class Control:
    """What became of a control: whether it held, in words."""

    holds: bool
    told: str


# The share of edits that the model says when it is told them, by set and by the beginning of the model's fingerprint:
# `kedit compare --model MODEL --dataset SET --methods unedited,oracle-edit --singles 100 --mode single`.
RECORDED: Mapping[tuple[str, str], float] = {("world", "700c181e"): 1.0}  # kedit-mini


def control_of(rows: Sequence[Row]) -> Control:
    """What became of the control in the rows of a comparison."""
    told, plain = (
        [row for row in rows if row["method"] == method and (row["metric"], row["kind"]) == (RELIABILITY, ALL)]
        for method in (CONTROL, UNEDITED)
    )
    if not told or not plain:
        return Control(holds=False, told=f"`{CONTROL}`, which shows whether the model can say an edit, was not run")
    share, before = over_seeds(told).value, over_seeds(plain).value
    said = f"the model says {share:.3f} of the edits that it is told (`{CONTROL}`)"
    if min(row["low"] for row in told) <= max(row["high"] for row in plain):
        return Control(holds=False, told=f"{said}, not surely more than the {before:.3f} that it says unedited")
    recorded = next((value for place, value in RECORDED.items() if _is_of(rows[0], *place)), None)
    if recorded is None:
        return Control(holds=True, told=f"{said}, {before:.3f} of them unedited; nothing is recorded for this model")
    holds = abs(share - recorded) <= _TOLERANCE
    return Control(holds=holds, told=f"{said}; recorded are {recorded:.3f}, and {_TOLERANCE} either way is allowed")


def _is_of(row: Row, dataset: str, model: str) -> bool:
    return row["dataset"] == dataset and str(row["model"]).startswith(model)
