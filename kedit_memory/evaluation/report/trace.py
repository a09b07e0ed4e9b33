"""The picture of a causal trace: three heat maps, tokens against layers."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedit_memory.evaluation.report.pictures import save_figure
from kedit_memory.evaluation.tasks.trace.run import KINDS, Trace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS = {"state": "Purples", "mlp": "Greens", "attention": "Reds"}


def save_trace(trace: Trace, path: Path) -> None:
    """Draw the trace into a file; its ending says the format.

    Raises:
        InvalidInputError: the name ends in no known format, its folder is absent, or it cannot be written.
        MissingDependencyError: matplotlib is not installed.
    """
    save_figure(lambda: _figure(trace), path)


def _figure(trace: Trace) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 1.6 + 0.24 * len(trace.tokens)), layout="constrained")
    figure.suptitle(
        _plain(
            f"{trace.model}: p({trace.answer!r}) is {trace.clean:.2f}, and {trace.noised:.2f} "
            f"with noise on {trace.subject!r}"
        )
    )
    for place, (axes, kind) in enumerate(zip(figure.subplots(1, len(KINDS), sharey=True), KINDS, strict=True)):
        _draw(figure, axes, trace, kind, named=place == 0)
    return figure


def _draw(figure: "Figure", axes: Any, trace: Trace, kind: str, *, named: bool) -> None:
    image = axes.imshow(
        trace.scores[kind], aspect="auto", cmap=_COLOURS[kind], interpolation="nearest",
        vmin=min(trace.noised, trace.clean), vmax=max(trace.noised, trace.clean),
    )  # fmt: skip
    around = "" if kind == "state" else f", {trace.window} layer{'s' if trace.window > 1 else ''} at a time"
    axes.set(title=f"{kind} restored{around}", xlabel="layer", xticks=range(trace.scores[kind].shape[1]))
    axes.tick_params(axis="x", labelsize=7)
    if named:
        marks = ["*" if place in trace.subject_at else "" for place in range(len(trace.tokens))]
        labels = [_plain(repr(text)[1:-1] + mark) for text, mark in zip(trace.tokens, marks, strict=True)]
        axes.set_yticks(range(len(labels)), labels)
    figure.colorbar(image, ax=axes, label="probability of the answer" if kind == KINDS[-1] else None)


def _plain(text: str) -> str:
    """Text in which matplotlib sees no formula."""
    return text.replace("$", r"\$")
