"""The picture of a lifelong run: old knowledge kept and past edits answered, against the number of edits."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

from kedit_memory.evaluation.methods import UNEDITED
from kedit_memory.evaluation.report.pictures import save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Flat = Mapping[str, Any]  # a row as its JSON object

# Told apart by those who see colours badly, too (Okabe and Ito, 2008), and each with a mark of its own.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8a6d3b")
_MARKS = "osD^vPX*<>"
_PANELS = (
    ("trr", "kept of the model's original test data (TRR)"),
    ("err", "past edits answered (ERR)"),
)


def save_picture(rows: Sequence[Flat], path: Path) -> None:
    """Draw the rows of one stream into a file; its ending says the format.

    Raises:
        InvalidInputError: see `check_picture`; or the file cannot be written.
        MissingDependencyError: matplotlib is not installed.
    """
    save_figure(lambda: drawn(rows), path)


def curves(rows: Sequence[Flat], metric: str) -> dict[str, dict[int, list[float]]]:
    """For each method but the unedited one, the values of a metric by number of edits, one for each seed."""
    found: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if row["metric"] == metric and row["kind"] == "all" and row["method"] != UNEDITED:
            found[row["method"]][row["edits"]].append(row["value"])
    return {method: dict(sorted(points.items())) for method, points in found.items()}


def drawn(rows: Sequence[Flat]) -> "Figure":
    """The figure of the rows of one run."""
    from matplotlib.figure import Figure

    seeds = len({row["seed"] for row in rows})
    figure = Figure(figsize=(11, 5.4), layout="constrained")
    named = f"{seeds} orders, mean and range" if seeds > 1 else "one order"
    figure.suptitle(f"{rows[0]['dataset']}: one edit after the other, {named}")
    panels = figure.subplots(1, 2)
    for axes, (metric, label) in zip(panels, _PANELS, strict=True):
        _draw(axes, curves(rows, metric), label, from_one=metric == "trr")
    return figure


def _draw(axes: Any, methods: Mapping[str, Mapping[int, Sequence[float]]], label: str, *, from_one: bool) -> None:
    start = {0: [1.0]} if from_one else {}  # before the first edit everything is kept
    for place, (method, measured) in enumerate(methods.items()):
        points = {**start, **measured}
        edits, values = list(points), [mean(p) for p in points.values()]
        colour = _COLOURS[place % len(_COLOURS)]
        # Marks in turn, and the last value in the legend: lines that lie on each other are told apart by both.
        every = min(len(methods), len(points))
        axes.plot(
            edits, values, color=colour, marker=_MARKS[place % len(_MARKS)], markevery=(place % every, every),
            linewidth=1.8, label=f"{method}  {values[-1]:.3f}",
        )  # fmt: skip
        low, high = ([end(p) for p in points.values()] for end in (min, max))
        axes.fill_between(edits, low, high, color=colour, alpha=0.15, linewidth=0)
    axes.set(xlabel="edits so far", ylabel=label, xlim=(0, None), ylim=(-0.02, max(1.05, axes.get_ylim()[1])))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    if methods:
        axes.legend(
            title="after the last edit", loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3, frameon=False
        )
