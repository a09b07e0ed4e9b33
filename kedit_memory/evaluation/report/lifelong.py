"""What is told of streams of edits: a page, and a picture of what is kept and answered, against the number of edits."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from statistics import mean
from typing import TYPE_CHECKING, Any

from kedit_memory.evaluation.methods import UNEDITED
from kedit_memory.evaluation.report.page import Page, Part
from kedit_memory.evaluation.report.pictures import Picture
from kedit_memory.evaluation.report.saved import Measured, Row, origin
from kedit_memory.evaluation.report.tables import Table, plain_table, verdict, with_interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Told apart by those who see colours badly, too (Okabe and Ito, 2008), and each with a mark of its own.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8a6d3b")
_MARKS = "osD^vPX*<>"
# What was promised of 1,000 world edits, by method, metric and kind; a share or a ratio at least or at most as large.
_AT_LEAST = {
    ("router:grace", "err", "all"): 0.99,
    ("router:serac", "err", "all"): 0.97,
    ("router:grace", "generalization", "all"): 0.95,
    ("router:serac", "generalization", "all"): 0.95,
    ("router:grace", "trr", "all"): 0.995,
    ("router:serac", "trr", "all"): 0.995,
    ("grace-fast", "trr", "all"): 0.995,
    ("grace-fast", "ratio", "edits_per_second_of_grace"): 10.0,
}
_AT_MOST = {
    ("grace-fast", "ratio", "time_per_answer_miss"): 1.05,
    ("grace-fast", "ratio", "time_per_answer_hit"): 1.10,
    ("grace-fast", "bytes", "per_entry_beside_vectors"): 100.0,
}
_PROMISED_OF = 1000  # edits
_PROMISED = ("promised of", "figure", "", "mean", "by seed, 95% interval", "n", "")
_COLUMNS: Mapping[tuple[str, str], str] = {
    ("accuracy", "test_data"): "right on test data",
    ("trr", "all"): "TRR",
    ("err", "all"): "ERR",
    ("err", "early"): "ERR, early",
    ("reliability", "at_once"): "right at once",
    ("arr", "all"): "ARR",
    ("generalization", "held_out"): "held-out wording",
    ("generalization", "rephrasing"): "rephrased",
    ("locality", "same_subject"): "same subject",
    ("locality", "same_relation"): "same relation",
    ("locality", "mention"): "mention",
    ("locality", "unrelated"): "unrelated",
    ("locality", "right_before"): "right before",
    ("locality", "trained"): "trained on",
    ("locality", "logits"): "scores, bit for bit",
    ("hard_negative", "same_subject"): "same subject",
    ("hard_negative", "mention"): "mention",
    ("hard_negative", "same_relation_guessed"): "same relation, guessed",
    ("hard_negative", "logits"): "scores of hard negatives",
    ("perplexity", "edits"): "perplexity of edits",
    ("rate", "keys_per_edit"): "keys an edit",
    ("seconds", "per_edit"): "seconds an edit",
    ("ratio", "edits_per_second_of_grace"): "edits/s of grace",
    ("ratio", "time_per_answer_miss"): "miss",
    ("ratio", "time_per_answer_hit"): "hit",
    ("bytes", "per_entry"): "bytes an entry",
}
_ABOUT = """\
Each method gets the same edits in the same order in a model of its own; all is asked after the last edit, by free
greedy generation, or by the label of the best score. Figures are means over the seeds, which choose the edits and
their order; an interval is 95%, by drawing the cases again (Wilson's where all cases are alike).

TRR is the accuracy on questions that the model was taught and that no edit touches, as a share of the unedited model's
(for running text the unedited model's perplexity over the edited one's); ERR the share of all edits that are answered
at the end, "early" of those before the first measurement, "right at once" right after the edit; ARR the perplexity of
sentences that the model wrote word for word before. Rephrased questions count with the new answer; those of the same
subject, of the same relation and mere mentions with the unedited model's answer. Edits a second are over those of the
authors' GRACE, whose edits are timed between the method's own; a miss and a hit are times of an answer over the
unedited model's, in the same minute, for answers of as many tokens. `router:PATH` is our memory and scope before the
unchanged model; nothing is retrieved there.
"""
# What a stream edits, and what must stay there.
_STREAMS = {
    "world": "Edits are counterfactual objects of facts of the shipped world, as many of each tier of frequency; what "
    "must stay are other facts of the tiers that the model was taught well.",
    "zsre": "Edits are questions of zsRE with new answers, rephrased ones beside them; what must stay are, a third "
    "each, facts of the shipped world, Natural Questions and zsRE's training rows, of which each model knows its own.",
    "hallucination": "Edits are true sentences in place of those that the model made up; what must stay are web text "
    "(TRR) and sentences that it wrote word for word (ARR).",
    "scotus": "Edits are labels of opinions of later terms that the classifier gets wrong; what must stay are earlier "
    "opinions that it was not trained on (TRR), and its labels of those that it was trained on and of later ones that "
    "it gets right. ARR needs a model that writes.",
}
_PANELS = (
    ("trr", "kept of the model's original test data (TRR)"),
    ("err", "past edits answered (ERR)"),
)


def page(runs: Sequence[Measured]) -> Page:
    """The page of some streams."""
    parts: list[Part] = [_ABOUT]
    seen: list[str] = []
    for run in runs:
        stream = run.first["dataset"]
        name = f"{stream}-{seen.count(stream)}" if stream in seen else stream
        seen.append(stream)
        edits = max(row["edits"] for row in run.rows)
        parts += [
            f"## {stream}{f' on {run.name}' if run.name else ''}: {edits:,} edits",
            " ".join(filter(None, [_STREAMS.get(stream), f"`{run.command}`; {origin(run.rows)}."])),
            picture(run, name),
            *_tables(run, edits),
            f"{run.note}." if run.note else "",
        ]
    return Page(title="Edits one after the other", parts=parts, runs=runs)


def picture(run: Measured, name: str) -> Picture:
    """The picture of a run, by a name among those of its page."""
    return Picture(
        name=name, caption="What is kept, and what is answered, edit after edit.", draw=lambda: drawn(run.rows)
    )


def _tables(run: Measured, edits: int) -> Iterator[Table]:
    """What each method came to at the end of the stream, and whether that is what was promised."""
    values: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in run.rows:
        if row["edits"] == edits:
            values[row["method"], row["metric"], row["kind"]].append(row)
    methods = dict.fromkeys(method for method, _, _ in values)
    columns = [key for key in _COLUMNS if any((name, *key) in values for name in methods)]
    seeds = {name: len({row["seed"] for key in values if key[0] == name for row in values[key]}) for name in methods}
    yield plain_table(
        ["method", *(_COLUMNS[key] for key in columns), "seeds"],
        [[name, *(_mean(values.get((name, *key), ())) for key in columns), str(seeds[name])] for name in methods],
    )
    if run.first["dataset"] == "world" and edits >= _PROMISED_OF:
        yield plain_table(_PROMISED, [line for key, found in values.items() for line in _promised(key, found)])


def _promised(key: tuple[str, str, str], found: Sequence[Row]) -> Iterator[Sequence[str]]:
    """A line for a figure of which something was promised: its mean over the seeds decides, each is shown."""
    value = mean(row["value"] for row in found)
    bound, outcome = verdict(value, least=_AT_LEAST.get(key), most=_AT_MOST.get(key))
    if bound:
        each = "; ".join(map(with_interval, found))
        yield [key[0], f"{key[1]}/{key[2]}", bound, f"{value:.4f}", each, f"{found[0]['n']:,}", outcome]


def _mean(found: Sequence[Row]) -> str:
    if not found:
        return ""
    value = mean(row["value"] for row in found)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3f}"


def curves(rows: Sequence[Row], metric: str) -> dict[str, dict[int, list[float]]]:
    """For each method but the unedited one, the values of a metric by number of edits, one for each seed."""
    found: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if row["metric"] == metric and row["kind"] == "all" and row["method"] != UNEDITED:
            found[row["method"]][row["edits"]].append(row["value"])
    return {method: dict(sorted(points.items())) for method, points in found.items()}


def drawn(rows: Sequence[Row]) -> "Figure":
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
