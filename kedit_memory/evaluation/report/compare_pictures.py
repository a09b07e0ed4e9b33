"""The pictures of a comparison: figures against the number of edits, a radar of each method, and the collapse curve."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kedit_memory.evaluation.case import ALL, GENERALIZATION, LOCALITY, PORTABILITY, RELIABILITY
from kedit_memory.evaluation.methods import CONTROLS
from kedit_memory.evaluation.report.compare_tables import Setup, setups
from kedit_memory.evaluation.report.pictures import Picture
from kedit_memory.evaluation.report.saved import Measured
from kedit_memory.evaluation.tasks.compare.attempt import SEQUENTIAL
from kedit_memory.evaluation.tasks.compare.measures import PERPLEXITY, RATIO
from kedit_memory.evaluation.tasks.compare.outcomes import Figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawn

_SHOWN: Mapping[str, Figure] = {
    "reliability": (RELIABILITY, ALL),
    "generalization": (GENERALIZATION, ALL),
    "locality": (LOCALITY, ALL),
    "portability": (PORTABILITY, ALL),
}
_KEPT = "perplexity kept"
_COLOURS = (
    "#0b6e4f",
    "#c05746",
    "#2f5d8a",
    "#b8860b",
    "#7b4b94",
    "#3a9ba8",
    "#8a5a44",
    "#d0709f",
    "#6b8e23",
    "#444444",
)
_STYLES = ("-", "--", ":", "-.")
_MARKS = "os^Dv*XP<>"
_GREY = "#9a9a9a"
_RADARS = 6  # in a row
# Where ticks stand within a decade, by the most that an axis may span, in times: more would run into each other.
_TICKS = {10.0: (1.0, 1.2, 1.5, 2.0, 3.0, 5.0), 1000.0: (1.0, 2.0, 5.0), math.inf: (1.0,)}
_WIDE = 28  # letters that stand above a radar without reaching into the next


def pictures(measured: Measured) -> list[Picture]:
    """What can be drawn of a run."""
    everything = setups(measured.rows)
    found = [one for one in everything if one.enough] or everything
    sequences = [one for one in found if one.mode == SEQUENTIAL]
    most = _largest(sequences or found)
    drawn = []
    if len(most) > 1:
        drawn.append(
            Picture(
                name="radar",
                caption="Each method with the most edits that it made, where these are enough; portability is that of "
                "all kinds, where it was measured.",
                draw=lambda: _radars(most),
            )
        )
    if len({one.edits for one in sequences}) > 1:  # of one number a line would be a point
        drawn += [
            Picture(
                name="edits",
                caption="Measured after the last edit, over all edits so far. Controls are grey; portability is of all "
                "kinds.",
                draw=lambda: _against_edits(sequences),
            ),
            Picture(
                name="collapse",
                caption="Perplexity of running text; above the dotted line a model reads running text 10% worse.",
                draw=lambda: _collapse(sequences),
            ),
        ]
    return drawn


def _largest(found: Sequence[Setup]) -> list[Setup]:
    """Of each method what it did with the most edits, in one mode."""
    best: dict[str, Setup] = {}
    for one in found:
        if one.mode == found[0].mode and one.edits >= best.get(one.method, one).edits:
            best[one.method] = one
    return list(best.values())


def _lines(found: Sequence[Setup]) -> dict[str, list[Setup]]:
    lines: dict[str, list[Setup]] = {}
    for one in sorted(found, key=lambda setup: setup.edits):
        lines.setdefault(one.method, []).append(one)
    order = list(dict.fromkeys(one.method for one in found))
    return {method: lines[method] for method in order}


def _look(method: str, methods: Sequence[str]) -> dict[str, Any]:
    """How the line of a method is drawn: controls in grey, the others each in its own way."""
    if method in CONTROLS:
        place = list(CONTROLS).index(method)
        return {"color": _GREY, "linestyle": _STYLES[place % len(_STYLES)], "linewidth": 1.2, "marker": "."}
    place = [name for name in methods if name not in CONTROLS].index(method)
    turn = place // len(_COLOURS)
    return {
        "color": _COLOURS[place % len(_COLOURS)], "linestyle": _STYLES[turn % len(_STYLES)], "linewidth": 1.6,
        "marker": _MARKS[(place + turn) % len(_MARKS)], "markersize": 4.5,
    }  # fmt: skip


def _against_edits(found: Sequence[Setup]) -> "Drawn":
    from matplotlib.figure import Figure as Drawn

    figure = Drawn(figsize=(13, 8), layout="constrained")
    lines = _lines(found)
    for axes, (title, name) in zip(figure.subplots(2, 2).flat, _SHOWN.items(), strict=True):
        for method, held in lines.items():
            points = [(one.edits, one.figures[name]) for one in held if name in one.figures]
            axes.plot([x for x, _ in points], [y.value for _, y in points], label=method, **_look(method, list(lines)))
        axes.set(title=title, xscale="log", ylim=(-0.03, 1.03), xlabel="edits, one after the other")
        _count_axis(axes, found)
        axes.grid(alpha=0.25)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", fontsize=8, frameon=False)
    figure.suptitle(_title(found, "what is left of the edits after the last one"))
    return figure


def _collapse(found: Sequence[Setup]) -> "Drawn":
    from matplotlib.figure import Figure as Drawn
    from matplotlib.ticker import FuncFormatter, LogLocator

    figure = Drawn(figsize=(10, 5.6), layout="constrained")
    axes = figure.subplots()
    lines = _lines(found)
    for method, held in lines.items():
        points = [
            (one.edits, one.figures[RATIO, PERPLEXITY].value) for one in held if (RATIO, PERPLEXITY) in one.figures
        ]
        axes.plot([x for x, _ in points], [y for _, y in points], label=method, **_look(method, list(lines)))
    axes.axhline(1.1, color="#000000", linewidth=0.8, linestyle=":")
    axes.annotate("10% worse", (1, 1.1), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=8)
    axes.set(
        xscale="log", yscale="log", xlabel="edits, one after the other",
        ylabel="perplexity of running text / the unedited model's",
    )  # fmt: skip
    _count_axis(axes, found)
    low, high = min(0.9, axes.get_ylim()[0]), max(1.25, axes.get_ylim()[1])
    axes.set_ylim(low, high)
    subs = next(subs for most, subs in _TICKS.items() if high / low <= most)
    axes.yaxis.set_major_locator(LogLocator(subs=subs))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.grid(alpha=0.25)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=8, frameon=False)
    figure.suptitle(_title(found, "collapse"))
    return figure


def _radars(found: Sequence[Setup]) -> "Drawn":
    from matplotlib.figure import Figure as Drawn

    columns = min(_RADARS, len(found))
    rows = math.ceil(len(found) / columns)
    figure = Drawn(figsize=(2.7 * columns, 2.9 * rows + 0.5), layout="constrained")
    grid = figure.subplots(rows, columns, subplot_kw={"projection": "polar"}, squeeze=False)
    shown = [title for title, name in _SHOWN.items() if any(name in one.figures for one in found)]  # else not measured
    angles = [2 * math.pi * place / (len(shown) + 1) for place in range(len(shown) + 1)]
    for place, axes in enumerate(grid.flat):
        if place >= len(found):
            axes.set_visible(False)
            continue
        one = found[place]
        values = _radar_values(one, shown)
        colour = _look(one.method, [setup.method for setup in found])["color"]
        axes.plot([*angles, angles[0]], [*values, values[0]], color=colour, linewidth=1.6)
        axes.fill(angles, values, color=colour, alpha=0.2)
        axes.set_theta_offset(math.pi / 2)
        axes.set_theta_direction(-1)
        axes.set(ylim=(0, 1), xticks=angles, yticks=(0.5, 1.0))
        axes.set_xticklabels([name.replace(" ", "\n") for name in (*shown, _KEPT)], fontsize=7)
        axes.set_yticklabels([])
        axes.tick_params(axis="x", pad=12)
        title = f"{one.method} ({one.edits:,})"
        axes.set_title(title if len(title) <= _WIDE else title.replace(":", "\n:"), fontsize=10)
    figure.suptitle(_title(found, "each method with its most edits"))
    return figure


def _radar_values(one: Setup, shown: Sequence[str]) -> list[float]:
    """Shares, and how much of the unedited perplexity is kept: the inverse of its growth, 1 where it did not grow."""
    values = [found.value if (found := one.figures.get(_SHOWN[title])) else 0.0 for title in shown]
    growth = one.figures.get((RATIO, PERPLEXITY))
    return [*values, min(1.0, 1 / growth.value) if growth else 0.0]


def _count_axis(axes: Any, found: Sequence[Setup]) -> None:
    """Ticks at the numbers of edits that were planned."""
    sizes = sorted({one.planned for one in found})
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()


def _title(found: Sequence[Setup], what: str) -> str:
    return f"{found[0].mode} edits: {what}"
