"""Pictures of which questions edits answer: coverage against false fires, and how far a score can be believed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kedit_memory.evaluation.report.pictures import Picture
from kedit_memory.evaluation.report.saved import Measured, Row
from kedit_memory.evaluation.tasks.scope.run import METHOD

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS = {METHOD: "#0b6e4f", "cosine": "#c05746", "bm25": "#5a7684"}
_LEFT = 1e-4  # where no false fire is drawn on an axis that has no zero


def pictures(measured: Measured) -> list[Picture]:
    """What can be drawn of a run: nothing of one that tells no curves."""
    if "top_one" not in measured.meta:
        return []
    return [
        Picture(
            name="curves", caption="Coverage against false fires, and how far a score can be believed.",
            draw=lambda: drawn(measured.rows, measured.meta),
        )
    ]  # fmt: skip


def drawn(rows: Sequence[Row], seen: Mapping[str, Any]) -> "Figure":
    """The figure of a run."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.6), layout="constrained")
    figure.suptitle(f"{rows[0]['dataset']}, {rows[0]['edits']:,} edits in one store")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _draw_curves(left, seen)
    _draw_bins(right, seen["reliability"])
    return figure


def curves_figure(
    title: str, curves: Mapping[str, tuple[Iterable[Sequence[float]], Iterable[Sequence[float]]]]
) -> "Figure":
    """Coverage against false fires of several sets: of each a line of the router and a dotted one of another method."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for place, (dataset, (own, other)) in enumerate(curves.items()):
        _draw_curve(axes, own, color=f"C{place}", linestyle="-", label=dataset)
        if other:
            _draw_curve(axes, other, color=f"C{place}", linestyle=":")
    _frame_curves(axes)
    axes.set_title(title)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return figure


def _draw_curve(axes: Any, points: Iterable[Sequence[float]], **style: Any) -> None:
    """A line through the points of a curve, each a share of false fires and a coverage, in matplotlib's style."""
    shares, coverages = zip(*((max(false, _LEFT), coverage) for false, coverage in points), strict=True)
    axes.plot(shares, coverages, drawstyle="steps-post", **style)


def _frame_curves(axes: Any) -> None:
    """The axes of coverage against false fires."""
    axes.set(
        xscale="log",
        xlim=(_LEFT, 1),
        ylim=(0, 1.02),
        xlabel=f"questions outside every scope for which an edit fires (none: {_LEFT:g})",
        ylabel="covered questions for which the right edit fires",
    )
    axes.grid(alpha=0.3)


def _draw_curves(axes: Any, seen: Mapping[str, Any]) -> None:
    for name, points in seen["curves"].items():
        _draw_curve(axes, points, color=_COLOURS.get(name), label=name)
    at, top = seen["operating"], seen["top_one"]
    axes.plot([max(at["false"], _LEFT)], [at["coverage"]], "o", color=_COLOURS[METHOD], label=f"{METHOD}, as it is set")
    axes.plot(
        [max(top["false"], _LEFT)], [top["coverage"]], "s", color=_COLOURS["cosine"], label="nearest key, own radius"
    )
    axes.plot([_LEFT], [1.0], "*", color="#333333", markersize=11, label="oracle", clip_on=False)
    _frame_curves(axes)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3, frameon=False)  # a curve may lie anywhere


def _draw_bins(axes: Any, bins: Sequence[Mapping[str, Any]]) -> None:
    most = max((one["n"] for one in bins), default=1)
    scores, shares = [one["score"] for one in bins], [one["share"] for one in bins]
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=1)
    axes.plot(scores, shares, color=_COLOURS[METHOD])
    axes.scatter(scores, shares, s=[20 + 160 * one["n"] / most for one in bins], color=_COLOURS[METHOD])
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel="score of the best candidate", ylabel="share that is right")
    axes.grid(alpha=0.3)
