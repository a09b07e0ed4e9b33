"""What is told of measured gates: a page, and pictures by popularity and by calls, after Mallen et al. (ACL 2023)."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from kedit_memory.evaluation.report.page import Page, Part
from kedit_memory.evaluation.report.pictures import Picture
from kedit_memory.evaluation.report.saved import Measured, Row, by_figure, origin
from kedit_memory.evaluation.report.tables import Table, plain_table, verdict, with_interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# What was promised of the world: by method, metric and kind a value at least, or at most, as large.
_AT_LEAST = {
    ("learned", "accuracy", "over_better_fixed"): 0.03,
    ("learned", "ratio", "gain_of_oracle"): 0.6,
    ("bm25", "recall", "bm25_at_5"): 0.97,
}
_AT_MOST = {("learned", "calls", "all"): 0.6, ("step", "seconds", "deciding"): 0.002}
_ABOUT = """\
Every question is answered once by the model alone and once with passages before it. Policies are fitted on half of the
subjects and judged on the other half, over many splits; a figure is the mean over splits, its interval holds 95% of
them. An answer counts when it equals the object or one of its aliases after normalisation. `oracle` is told which of
the two answers is right; `score` and `always` search for every question.

Of the world, as many questions are asked of each kind: `direct` in a phrasing that the model was trained on,
`held_out` in one that it was not, `alias` by another name of the subject, `reversed` by an inverse relation, `two_hop`
with a subject that another fact names. Unless a command says `--even`, subjects of tier n are asked about 1/n as often
as those of tier 1. Where the two answers of a kind are right alike, no gate can gain there.

On public sets the embedded model, which knows nothing outside its world, shows only that the pipeline runs whole.
"""
_COLUMNS = {
    "accuracy": ("accuracy", "all"),
    "over the better of never and always": ("accuracy", "over_better_fixed"),
    "calls": ("calls", "all"),
    "way to the oracle": ("ratio", "gain_of_oracle"),
}
_COLOURS = {"model": "#5a7684", "bm25": "#c05746", "dense": "#d9a441", "adaptive": "#0b6e4f"}
_NAMES = {"model": "model alone", "bm25": "with BM25", "dense": "with dense", "adaptive": "learned gate"}


def page(runs: Sequence[Measured]) -> Page:
    """The page of some sets."""
    parts: list[Part] = [_ABOUT]
    for run in runs:
        dataset = run.first["dataset"]
        parts += [f"## {dataset}", f"`{run.command}`; {origin(run.rows)}."]
        parts += [picture(run, dataset), *_tables(run), f"{run.note}." if run.note else ""]
    return Page(title="When retrieval pays", parts=parts, runs=runs)


def picture(run: Measured, name: str) -> Picture:
    """The picture of a run, by a name among those of its page."""
    return Picture(
        name=name, caption="Accuracy by popularity, and by how often is searched.", draw=lambda: drawn(run.rows)
    )


def _tables(run: Measured) -> Iterator[Table]:
    """Each policy, and of the world whether it is what was promised."""
    value = by_figure(run.rows)
    policies = dict.fromkeys(row["method"] for row in run.rows if row["metric"] == "calls")
    yield plain_table(
        ["policy", *_COLUMNS, "ms a question"],
        [
            [
                name,
                *(with_interval(value.get((name, *figure))) for figure in _COLUMNS.values()),
                _milliseconds(value.get((name, "seconds", "per_question")), 1),
            ]
            for name in policies
        ],
    )
    if run.first["dataset"] == "world":
        promised = [key for key in (*_AT_LEAST, *_AT_MOST) if key in value]
        yield plain_table(["promised", "bound", "measured", ""], [_promised(key, value[key]) for key in promised])


def _promised(key: tuple[str, str, str], row: Row) -> list[str]:
    bound, outcome = verdict(row["value"], least=_AT_LEAST.get(key), most=_AT_MOST.get(key))
    measured = f"{_milliseconds(row, 2)} ms" if row["unit"] == "s" else with_interval(row)
    return ["/".join(key), bound, measured, outcome]


def _milliseconds(row: Row | None, digits: int) -> str:
    return "" if row is None else f"{1000 * row['value']:.{digits}f}"


def drawn(rows: Sequence[Row]) -> "Figure":
    """The figure of the rows of one run."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.6), layout="constrained")
    figure.suptitle(f"{rows[0]['dataset']}, {max(row['n'] for row in rows if row['metric'] == 'accuracy'):,} questions")
    left, right = figure.subplots(1, 2)
    _popularity(left, rows)
    _policies(right, rows)
    return figure


def _popularity(axes: Any, rows: Sequence[Row]) -> None:
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


def _policies(axes: Any, rows: Sequence[Row]) -> None:
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
