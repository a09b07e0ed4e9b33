"""The picture of a run: what each method does to the spans about its entities, and to those about others."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedit_memory.evaluation.report.pictures import save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = Mapping[str, Any]
Values = Mapping[tuple[str, str, str], Row]

# What is drawn of each method's perplexity against base: kind, name, colour, and how far beside the method's line.
_RATIOS = (
    ("perplexity_over_base", "entities that were described", "#0b6e4f", 0.12),
    ("specificity_over_base", "other entities", "#c05746", -0.12),
)
_ACCURACY = "#5a7684"
_TICKS = (1, 1.5, 2, 3, 5, 7)  # within each power of ten: near enough for ratios about one, apart enough to be read


def save_picture(rows: Sequence[Row], path: Path) -> None:
    """Draw the rows of one run into a file; its ending says the format.

    Raises:
        InvalidInputError: see `check_picture`; or the file cannot be written.
        MissingDependencyError: matplotlib is not installed.
    """
    save_figure(lambda: drawn(rows), path)


def drawn(rows: Sequence[Row]) -> "Figure":
    """The figure of the rows of one run."""
    from matplotlib.figure import Figure

    values = {(row["method"], row["metric"], row["kind"]): row for row in rows}
    methods = list(dict.fromkeys(row["method"] for row in rows if row["metric"] == "perplexity"))
    chosen = any(row["metric"] == "accuracy" for row in rows)
    figure = Figure(figsize=(11 if chosen else 7, 1.2 + 0.38 * len(methods)), layout="constrained")
    figure.suptitle(str(rows[0]["task"]))
    panels = figure.subplots(1, 2 if chosen else 1, sharey=True, squeeze=False)[0]
    _ratios(panels[0], values, methods)
    if chosen:
        _accuracy(panels[1], values, methods)
    panels[0].set_yticks(range(len(methods)), methods)
    panels[0].set_ylim(len(methods) - 0.5, -0.5)  # in the order of the table
    return figure


def _ratios(axes: Any, values: Values, methods: Sequence[str]) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    for kind, name, colour, beside in _RATIOS:
        found = [(place, values.get((method, "ratio", kind))) for place, method in enumerate(methods)]
        points = [(place - beside, row) for place, row in found if row]
        _intervals(axes, points, colour, name)
    axes.axvline(1, color="#999999", linewidth=1)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=_TICKS))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("perplexity of the span, times that without a definition")
    _legend(axes)


def _accuracy(axes: Any, values: Values, methods: Sequence[str]) -> None:
    found = [(place, values.get((method, "accuracy", "all"))) for place, method in enumerate(methods)]
    _intervals(axes, [(place, row) for place, row in found if row], _ACCURACY, "right option")
    if chance := values.get(("set", "accuracy", "chance")):
        axes.axvline(chance["value"], color="#999999", linewidth=1, linestyle="--", label="guessing")
    axes.set_xlim(0, 1)
    axes.set_xlabel("accuracy")
    _legend(axes)


def _legend(axes: Any) -> None:
    """Above the panel, where no interval lies."""
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)


def _intervals(axes: Any, points: Sequence[tuple[float, Row]], colour: str, name: str) -> None:
    """Values with their intervals, each at its height."""
    if not points:
        return
    heights, rows = zip(*points, strict=True)
    values = [row["value"] for row in rows]
    below = [max(0.0, row["value"] - row["low"]) for row in rows]
    above = [max(0.0, row["high"] - row["value"]) for row in rows]
    axes.errorbar(values, heights, xerr=[below, above], fmt="o", color=colour, capsize=3, label=name)
