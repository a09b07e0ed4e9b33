"""What is told of new entities: a page, and a picture of what methods do to spans about them and others."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kedit_memory.evaluation.report.page import Page, Part
from kedit_memory.evaluation.report.pictures import Picture
from kedit_memory.evaluation.report.saved import Measured, Row, by_figure, origin
from kedit_memory.evaluation.report.tables import Table, plain_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Values = Mapping[tuple[str, str, str], Row]

_ABOUT = """\
The two sets are those of Onoe et al. (ACL 2023, "Can LMs Learn New Entities from Descriptions?"): a model is told the
definition of an entity and asked about a sentence in which a span is masked. Entity Inferences offers several spans;
the one with the highest log-probability after the left context is chosen. ECBD has one span, whose perplexity is
measured: e to the mean over probes of the mean loss a token, so that it cannot be compared between models with other
tokenizers. Comparisons are on the same probes; intervals are of 95%, entities drawn again.

- `base` is told nothing; `definition` has it before the probe as text, `definition-as-fact` in the format of the
  router's context path; `random-definition` is another entity's, the control for what any text before the probe does;
  `retrieved-definition` the best of all by BM25.
- `memory:context`: all definitions are edits of one store, and the router says which of them a probe asks for;
  `memory:passage`: all are passages, and the router's gate says when to search.
- Editors put one definition at a time into the weights, and take it out again: they are taught its masked span after
  what stands before it, or with `--teach rest` the rest behind the entity's name.

*Other entities* are ones whose definition was not told; a change there is damage. `kedit-mini` knows next to nothing
of any of these entities, so that its figures show that the pipeline runs, that controls work, and how far a definition
is copied or a taught word reaches another sentence; they show no inference. `explicit` files of Entity Inferences mask
the right option itself. And an edit teaches a target with a final period, which then ends many probes more likely.
"""

_SHOWN: Mapping[str, tuple[str, str]] = {
    "accuracy": ("accuracy", "all"),
    "over base": ("accuracy", "over_base"),
    "over another definition": ("accuracy", "over_random"),
    "perplexity": ("perplexity", "all"),
    "times base": ("ratio", "perplexity_over_base"),
    "times another definition": ("ratio", "perplexity_over_random"),
    "others, times base": ("ratio", "specificity_over_base"),
    "others, same choice": ("locality", "specificity"),
    "learned": ("reliability", "all"),
    "with text before": ("fire", "all"),
}

# What is drawn of each method's perplexity against base: kind, name, colour, and how far beside the method's line.
_RATIOS = (
    ("perplexity_over_base", "entities that were described", "#0b6e4f", 0.12),
    ("specificity_over_base", "other entities", "#c05746", -0.12),
)
_ACCURACY = "#5a7684"
_TICKS = (1, 1.5, 2, 3, 5, 7)  # within each power of ten: near enough for ratios about one, apart enough to be read


def page(runs: Sequence[Measured]) -> Page:
    """The page of some sets."""
    parts: list[Part] = [_ABOUT]
    seen: list[str] = []
    for run in runs:
        values, first = by_figure(run.rows), run.first
        name = first["task"] if first["dataset"] == first["task"] else f"{first['task']}, part {first['dataset']}"
        label = "-".join(dict.fromkeys((first["task"], first["dataset"])))
        seen.append(label)
        again = f"-{seen.count(label)}" if seen.count(label) > 1 else ""
        parts += [f"## {name}{f', {run.name}' if run.name else ''}", f"`{run.command}`; {origin(run.rows)}."]
        parts += [_of_the_set(values), _said(run.rows, values), picture(run, f"{label}{again}")]
        parts += [_table(run.rows, values), f"{run.note}." if run.note else ""]
    return Page(title="New entities from their definitions", parts=parts, runs=runs)


def picture(run: Measured, name: str) -> Picture:
    """The picture of a run, by a name among those of its page."""
    return Picture(
        name=name,
        caption="How surprised the model is by the spans, and which it chooses.",
        draw=lambda: drawn(run.rows),
    )


def _of_the_set(values: Values) -> str:
    """What holds whatever the method: how much can be read, and what guessing gives."""
    told = {
        ("rate", "too_long"): "do not fit the model's window and were not asked",
        ("rate", "not_representable"): "hold what the tokenizer does not know",
    }
    said = [
        f"{100 * values['set', *key]['value']:.1f}% of {values['set', *key]['n']:,} probes {what}"
        for key, what in told.items()
        if ("set", *key) in values
    ]
    if row := values.get(("set", "ratio", "tokens_per_word")):
        said.append(f"a word is {row['value']:.2f} tokens")
    if row := values.get(("set", "accuracy", "chance")):
        said.append(f"guessing gives an accuracy of {row['value']:.3f}")
    return f"{'; '.join(said)}." if said else ""


def _said(rows: Sequence[Row], values: Values) -> str:
    """What the intervals allow to say, one line each."""

    def those(key: tuple[str, str], holds: Callable[[Row], bool]) -> str:
        names = [f"`{name}`" for name in _methods(rows) if (row := values.get((name, *key))) and holds(row)]
        return ", ".join(names) or "none"

    def below(row: Row) -> bool:
        return bool(row["high"] < 1)

    def above(row: Row) -> bool:
        return bool(row["low"] > 1)

    lines = [
        f"- Spans likelier than without a definition: {those(('ratio', 'perplexity_over_base'), below)}; "
        f"less likely: {those(('ratio', 'perplexity_over_base'), above)}.",
        f"- Spans likelier than after another definition: {those(('ratio', 'perplexity_over_random'), below)}.",
    ]
    if any(row["metric"] == "accuracy" and row["kind"] == "over_base" for row in rows):
        better = those(("accuracy", "over_base"), lambda row: bool(row["low"] > 0))
        control = those(("accuracy", "over_random"), lambda row: bool(row["low"] > 0))
        lines.append(f"- More often right than without: {better}; than after another definition: {control}.")
    lines.append(
        f"- Spans about other entities less likely than before: {those(('ratio', 'specificity_over_base'), above)}; "
        f"likelier, which is no less a change: {those(('ratio', 'specificity_over_base'), below)}."
    )
    return "\n".join(lines)


def _methods(rows: Sequence[Row]) -> list[str]:
    return [name for name in dict.fromkeys(row["method"] for row in rows) if name != "set"]


def _table(rows: Sequence[Row], values: Values) -> Table:
    """A row for each method; figures that no method has are left out."""
    methods = [name for name in _methods(rows) if (name, "perplexity", "all") in values]
    kept = {head: key for head, key in _SHOWN.items() if any((name, *key) in values for name in methods)}
    return plain_table(
        ["method", "probes", *kept],
        [
            [
                f"`{name}`",
                f"{values[name, 'perplexity', 'all']['n']:,}",
                *(_figure(values.get((name, *key))) for key in kept.values()),
            ]
            for name in methods
        ],
    )


def _figure(row: Row | None) -> str:
    if row is None:
        return ""
    bounds = "" if row["low"] is None else f" ({_number(row['low'])} to {_number(row['high'])})"
    return f"{_number(row['value'])}{bounds}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


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
