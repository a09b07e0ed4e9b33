"""The pictures of a measured gate, after Mallen et al. (ACL 2023): accuracy by popularity, and by retrieval calls."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedit_memory.evaluation.report.pictures import save_figure
from kedit_memory.evaluation.tasks.adaptive.run import AdaptiveReport

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS = {"model": "#5a7684", "bm25": "#c05746", "dense": "#d9a441", "adaptive": "#0b6e4f"}
_NAMES = {"model": "model alone", "bm25": "with BM25", "dense": "with dense", "adaptive": "learned gate"}


def save_picture(report: AdaptiveReport, path: Path) -> None:
    """Draw the report into a file; its ending says the format.

    Raises:
        InvalidInputError: see `check_picture`; or the file cannot be written.
        MissingDependencyError: matplotlib is not installed.
    """
    save_figure(lambda: _figure(report), path)


def _figure(report: AdaptiveReport) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.6), layout="constrained")
    figure.suptitle(f"{report.rows[0].run.dataset}, {len(report.observed):,} questions")
    left, right = figure.subplots(1, 2)
    _popularity(left, report)
    _policies(right, report)
    return figure


def _popularity(axes: Any, report: AdaptiveReport) -> None:
    for name, colour in _COLOURS.items():
        points = [
            (float(row.kind.removeprefix("popularity_")), row.value, row.low, row.high)
            for row in report.rows
            if row.method == name and row.kind.startswith("popularity_")
        ]
        if points:
            x, y, low, high = zip(*points, strict=True)
            axes.fill_between(x, low, high, color=colour, alpha=0.12, linewidth=0)
            axes.plot(x, y, marker="o", color=colour, label=_NAMES[name])
    tiers = report.rows[0].run.dataset == "world"
    axes.set_xlabel("minus the tier of the subject" if tiers else "log10 of 1 + monthly page views of the subject")
    axes.set_ylabel("accuracy")
    axes.set_ylim(0, 1)
    if axes.lines:
        axes.legend(frameon=False)
    else:
        axes.text(0.5, 0.5, "no popularity is known", ha="center", transform=axes.transAxes)


def _policies(axes: Any, report: AdaptiveReport) -> None:
    """Each policy by its calls and its accuracy, with both intervals."""
    rows = {(row.method, row.metric): row for row in report.rows if row.kind == "all"}
    for (name, metric), accuracy in rows.items():
        calls = rows.get((name, "calls"))
        if metric != "accuracy" or calls is None or accuracy.low is None or accuracy.high is None:
            continue
        around = [[accuracy.value - accuracy.low], [accuracy.high - accuracy.value]]
        axes.errorbar([calls.value], [accuracy.value], yerr=around, fmt="o", capsize=3)
        axes.annotate(name, (calls.value, accuracy.value), xytext=(6, 4), textcoords="offset points")
    axes.set_xlabel("share of questions that were searched for")
    axes.set_ylabel("accuracy")
    axes.set_xlim(-0.05, 1.15)
