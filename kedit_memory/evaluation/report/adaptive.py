"""The pictures of a measured gate, after Mallen et al. (ACL 2023): accuracy by popularity, and by retrieval calls."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedit_memory.evaluation.report.pictures import save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Flat = Mapping[str, Any]  # a row as its JSON object

_COLOURS = {"model": "#5a7684", "bm25": "#c05746", "dense": "#d9a441", "adaptive": "#0b6e4f"}
_NAMES = {"model": "model alone", "bm25": "with BM25", "dense": "with dense", "adaptive": "learned gate"}


def save_picture(rows: Sequence[Flat], path: Path) -> None:
    """Draw the rows of one run into a file; its ending says the format.

    Raises:
        InvalidInputError: see `check_picture`; or the file cannot be written.
        MissingDependencyError: matplotlib is not installed.
    """
    save_figure(lambda: drawn(rows), path)


def drawn(rows: Sequence[Flat]) -> "Figure":
    """The figure of the rows of one run."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.6), layout="constrained")
    figure.suptitle(f"{rows[0]['dataset']}, {max(row['n'] for row in rows if row['metric'] == 'accuracy'):,} questions")
    left, right = figure.subplots(1, 2)
    _popularity(left, rows)
    _policies(right, rows)
    return figure


def _popularity(axes: Any, rows: Sequence[Flat]) -> None:
    for name, colour in _COLOURS.items():
        points = [
            (float(row["kind"].removeprefix("popularity_")), row["value"], row["low"], row["high"])
            for row in rows
            if row["method"] == name and row["kind"].startswith("popularity_")
        ]
        if points:
            x, y, low, high = zip(*points, strict=True)
            axes.fill_between(x, low, high, color=colour, alpha=0.12, linewidth=0)
            axes.plot(x, y, marker="o", color=colour, label=_NAMES[name])
    tiers = rows[0]["dataset"] == "world"
    axes.set_xlabel("minus the tier of the subject" if tiers else "log10 of 1 + monthly page views of the subject")
    axes.set_ylabel("accuracy")
    axes.set_ylim(0, 1)
    if axes.lines:
        axes.legend(frameon=False)
    else:
        axes.text(0.5, 0.5, "no popularity is known", ha="center", transform=axes.transAxes)


def _policies(axes: Any, rows: Sequence[Flat]) -> None:
    """Each policy by its calls and its accuracy, with both intervals."""
    found = {(row["method"], row["metric"]): row for row in rows if row["kind"] == "all"}
    for (name, metric), accuracy in found.items():
        calls = found.get((name, "calls"))
        if metric != "accuracy" or calls is None or accuracy["low"] is None or accuracy["high"] is None:
            continue
        value = accuracy["value"]
        around = [[value - accuracy["low"]], [accuracy["high"] - value]]
        axes.errorbar([calls["value"]], [value], yerr=around, fmt="o", capsize=3)
        axes.annotate(name, (calls["value"], value), xytext=(6, 4), textcoords="offset points")
    axes.set_xlabel("share of questions that were searched for")
    axes.set_ylabel("accuracy")
    axes.set_xlim(-0.05, 1.15)
