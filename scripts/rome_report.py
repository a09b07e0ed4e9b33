"""Write the report on what `rome` reaches, with its two pictures, from saved rows: no figure is typed.

python scripts/ablate_rome.py --rows rome.jsonl
python scripts/rome_report.py --rows rome.jsonl --output docs/results/rome.md
"""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ablate_rome import MADE, MOST_TOKENS, ONE_TOKEN, POSITIONS, SAYINGS, SEVERAL, within

from kedit_memory.errors import KeditError
from kedit_memory.evaluation.report.pictures import save_figure
from kedit_memory.evaluation.report.saved import by_figure, origin, rows_of
from kedit_memory.evaluation.report.tables import table_lines, verdict
from kedit_memory.evaluation.report.tables import with_interval as _cell
from kedit_memory.evaluation.tasks.trace.run import KINDS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row: TypeAlias = Mapping[str, Any]
Cell: TypeAlias = tuple[tuple[str, int], Row]  # of a trace: position and layer, and what came back
Figures: TypeAlias = Mapping[tuple[str, str, str], Row]  # by method, metric and kind

# What was promised of single edits, by metric and kind.
TARGETS = {("reliability", "all"): 0.95, ("generalization", "held_out"): 0.90, ("locality", "all"): 0.95}
STRATA = {
    "all": "all",
    "reachable": "reachable",
    "unreachable": "not reachable",
    "said": "said of some fact",
    "never_said": "said of none",
    **{f"tokens_{size}": f"{size} token{'s' if size > 1 else ''}" for size in range(1, MOST_TOKENS)},
    f"tokens_{MOST_TOKENS}_or_more": f"{MOST_TOKENS} tokens or more",
}
SUMMARISED = {
    "reachable": "Of the edits whose target can be reached",
    "said": "Of those whose target the model says of some fact",
    "never_said": "Of those whose target it says of none",
}
LEARNED = (("reliability", "all"), ("generalization", "held_out"))  # of TARGETS, what says that an edit took
COLUMNS = {
    ("reliability", "all"): "reliability",
    ("generalization", "held_out"): "held-out wordings",
    ("generalization", "rephrasing"): "wordings of its training",
    ("locality", "same_relation"): "locality, same relation",
    ("locality", "unrelated"): "locality, unrelated",
}
GROUPS = {ONE_TOKEN: "answers of one token", SEVERAL: "answers of several tokens"}
HEAD = """# What `rome` reaches on the embedded model

Written by `python scripts/rome_report.py` from rows of `scripts/ablate_rome.py`; no figure is typed by hand. Edits are
counterfactual objects of facts of the shipped world, in turn from each tier, that the model does not give before. Each
is made alone, in each layer in turn, with the editor's defaults otherwise, asked by free greedy generation and undone.
Locality is the share of questions about other subjects, of facts of the two best-known tiers, whose answer stays the
same word for word. Intervals are 95%, by drawing the edits again, Wilson's where all are alike.

A target is **reachable** when, in at least one layer, a search without the bounds that keep an edit small (no
divergence, no decay, no clamp, one prompt alone) finds a change of the state at the subject's last token with which
greedy decoding gives the target. What no such change brings about, no editor that writes there can: adding to the
output of a layer's MLP at that token is adding to the state after the layer. The search is by gradient, so that "not
reachable" means that none was found.

A wording that the model was never trained on it does not always understand, even of what it knows. Known facts of the
same relations, asked in the same wordings, say how much of an edit can be expected to be said in them.
"""
REACH = f"""## Which targets can be reached

A target of several tokens is spelled at the prompt's end, each token read from the one state at the subject and from
the tokens before it. A model that has learned a name goes on with it after its beginning; of a name that it has not
learned, the state has to hold every token. "Said of some fact" is a target that the unedited model gives as its answer
to a question of which it is the true one, of up to {SAYINGS} facts. Figures of `rome` are those of the default layer.
"""
PEAKS = ("answers", "n", "clean", "with noise", "restored", "most, at", "layer", "effect")
TRACES = """## Where facts are read from

Causal traces (Meng et al. 2022, section 2) of facts that the model answers rightly: noise on the subject's embeddings,
then one position gets back the state after a layer, or what the MLPs or the attention around it give, of the clean run.
The average indirect effect is what comes back of the answer's probability.
"""


def main() -> None:
    """Read, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, required=True, help="as scripts/ablate_rome.py keeps them")
    parser.add_argument("--output", type=Path, required=True, help="the Markdown file to write; pictures go beside it")
    arguments = parser.parse_args()
    rows = read(arguments.rows)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    pictures = {name: arguments.output.with_name(f"{arguments.output.stem}-{name}.png") for name in ("layers", "trace")}
    figures = by_figure(rows)
    try:
        save_figure(lambda: layers_figure(figures), pictures["layers"])
        save_figure(lambda: trace_figure(figures), pictures["trace"])
    except KeditError as error:
        raise SystemExit(str(error)) from None
    arguments.output.write_text(page(rows, {name: path.name for name, path in pictures.items()}), "utf-8")


def read(path: Path) -> list[Row]:
    """The rows of a whole run.

    Raises:
        SystemExit: the file holds something else, rows of several runs, or of one that was stopped.
    """
    try:
        rows = rows_of(path, "ablation")
    except KeditError as error:
        raise SystemExit(f"{error}: give what scripts/ablate_rome.py wrote") from None
    methods = {row["method"] for row in rows}
    chosen = [f"rome:{int(row['value'])}" for row in rows if row["kind"] == "default_layer"]
    missing = {"search", "rome", "unedited", "trace", *chosen} - methods
    if missing:
        raise SystemExit(
            f"{path} has no rows of {', '.join(sorted(missing))}: let scripts/ablate_rome.py finish its run"
        )
    if len({(row["config"], row["data"], row["model"], row["seed"]) for row in rows}) > 1:
        raise SystemExit(f"{path} holds rows of several runs; give those of one")
    return rows


def page(rows: Sequence[Row], pictures: Mapping[str, str]) -> str:
    """The whole text."""
    figures = by_figure(rows)
    chosen = default(figures)
    return "\n".join([
        HEAD,
        _origin(rows),
        "",
        *(f"- {line}" for line in summary(figures, chosen)),
        "",
        f"## The targets, in layer {chosen}, the default",
        "",
        *table_lines(["edits", "metric", "figure", "95% interval", "n", "promised", ""], promised(figures, chosen)),
        "",
        "## By layer",
        "",
        f"![reliability, generalization and locality by layer]({pictures['layers']})",
        "",
        *table_lines(["layer", "edits", "reached by a free search", *COLUMNS.values()], by_layer(figures)),
        "",
        REACH,
        *table_lines(["target", "n", "reachable", *(_named(key) for key in LEARNED)], by_target(figures, chosen)),
        "",
        TRACES,
        f"![average indirect effect by position and layer]({pictures['trace']})",
        "",
        *table_lines(PEAKS, peaks(figures)),
        "",
    ])  # fmt: skip


def summary(figures: Figures, chosen: int) -> Iterable[str]:
    """What the tables come to, in sentences."""
    ceiling, least = figures["search", "reliability", "all"], TARGETS["reliability", "all"]
    yield (
        f"A free search reaches {_cell(ceiling)} of the targets in some layer: so much reliability, and no more, was "
        f"found to be possible by a change of the state at the subject. It is "
        f"{'less than' if ceiling['value'] < least else 'enough for'} the {least:.2f} promised."
    )
    for kind in ("reachable", "said", "never_said"):
        made, worded = (figures.get((f"rome:{chosen}", *_of(key, kind))) for key in LEARNED)
        if made and worded:
            yield (
                f"{SUMMARISED[kind]}, `rome` makes {_cell(made)} in layer {chosen}, and gives {_cell(worded)} of their "
                "answers in held-out wordings."
            )
    known = {kind: figures.get(("unedited", "generalization", kind)) for kind in ("held_out", "rephrasing")}
    made = {kind: figures.get((f"rome:{chosen}", "generalization", within(kind, MADE))) for kind in known}
    if all(known.values()) and all(made.values()):
        yield (
            "Of facts of the edits' relations that the unedited model gives in the wording that edits are made in, it "
            f"gives {_cell(known['held_out'])} in the held-out wordings (n {known['held_out']['n']}) and "
            f"{_cell(known['rephrasing'])} in one of its training. Of the edits that `rome` makes, it then gives "
            f"{_cell(made['held_out'])} (n {made['held_out']['n']}) and {_cell(made['rephrasing'])}."
        )
    for group, label in GROUPS.items():
        if found := effects(figures, "state", group):
            (place, layer), row = _most(_before_last(found))
            (_, reading), read_by = _most(_at_last(effects(figures, "attention", group)))
            yield (
                f"Of {label}, the state that brings back most before the prompt's last token is that of the position "
                f"“{_words(place)}” after layer {layer}: {_cell(row)} of a probability of "
                f"{_cell(figures['trace', 'rate', f'clean/{group}'])}. The prompt's last token reads it most by the "
                f"attention of layer {reading}: {_cell(read_by)}."
            )


def _before_last(found: Mapping[tuple[str, int], Row]) -> list[Cell]:
    return [cell for cell in found.items() if cell[0][0] != POSITIONS[-1]]


def _at_last(found: Mapping[tuple[str, int], Row]) -> list[Cell]:
    return [cell for cell in found.items() if cell[0][0] == POSITIONS[-1]]


def _most(cells: Iterable[Cell]) -> Cell:
    return max(cells, key=lambda cell: cell[1]["value"])


def default(figures: Figures) -> int:
    """The layer that the editor writes where none is named."""
    return int(figures["rome", "rate", "default_layer"]["value"])


def layers(figures: Figures, method: str = "rome") -> list[int]:
    """The layers that a method was measured in, in order."""
    named = (name.split(":") for name, metric, _ in figures if metric == "seconds" and ":" in name)
    return sorted(int(layer) for own, layer in named if own == method)


def promised(figures: Figures, layer: int) -> Iterable[Sequence[str]]:
    """What was promised against what is, for all edits and for those whose target can be reached, or is known."""
    for kind in ("all", "reachable", "said"):
        for key, least in TARGETS.items():
            if row := figures.get((f"rome:{layer}", *_of(key, kind))):
                interval = f"{row['low']:.3f} to {row['high']:.3f}"
                told = verdict(row["value"], least=least, shown="{:.2f}".format)
                yield [STRATA[kind], key[0], f"{row['value']:.3f}", interval, str(row["n"]), *told]


def by_layer(figures: Figures) -> Iterable[Sequence[str]]:
    """A line for each layer, of all edits, and one of those that can be reached; blank where no edit was made."""
    for layer in layers(figures, "search"):
        for kind in ("all", "reachable"):
            cells = [_cell(figures.get((f"rome:{layer}", *_of(key, kind)))) for key in COLUMNS]
            searched = _cell(figures[f"search:{layer}", "reliability", "all"]) if kind == "all" else ""
            yield [str(layer), kind, searched, *cells]


def by_target(figures: Figures, layer: int) -> Iterable[Sequence[str]]:
    """A line for each stratum of targets."""
    for kind, label in STRATA.items():
        row = figures.get((f"rome:{layer}", "reliability", kind))
        if row:
            made = [_cell(figures.get((f"rome:{layer}", *_of(key, kind)))) for key in LEARNED]
            yield [label, str(row["n"]), _cell(figures.get(("search", "reliability", kind))), *made]


def peaks(figures: Figures) -> Iterable[Sequence[str]]:
    """Where most comes back, before the prompt's last token, and at that token."""
    for group, label in GROUPS.items():
        clean, noised = (figures.get(("trace", "rate", f"{name}/{group}")) for name in ("clean", "noised"))
        if not clean or not noised:
            continue
        for kind in KINDS:
            found = effects(figures, kind, group)
            for cells in (_before_last(found), _at_last(found)):
                (place, layer), row = _most(cells)
                yield [
                    label,
                    str(row["n"]),
                    _cell(clean),
                    _cell(noised),
                    kind,
                    _words(place),
                    str(layer),
                    _cell(row),
                ]


def effects(figures: Figures, kind: str, group: str) -> dict[tuple[str, int], Row]:
    """The average indirect effects of a kind, by position and layer."""
    found = {}
    for (method, _, name), row in figures.items():
        parts = name.split("/")
        if method == "trace" and parts[:2] == [kind, group]:
            found[parts[2], int(parts[3])] = row
    return found


def _words(position: str) -> str:
    return position.replace("_", " ")


def _of(key: tuple[str, str], kind: str) -> tuple[str, str]:
    """The metric and kind of a row of one stratum of edits."""
    return key[0], within(key[1], kind)


def _named(key: tuple[str, str]) -> str:
    return key[0] if key[1] == "all" else f"{key[0]}, {key[1].replace('_', '-')} wordings"


def _origin(rows: Sequence[Row]) -> str:
    edits = sum(row["method"] == "search:0" and row["kind"].startswith("edit_") for row in rows)
    return f"{edits} edits; {origin(rows)}."


# The pictures


def layers_figure(figures: Figures) -> "Figure":
    """Each metric against the layer: of all edits, and of those that can be reached."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4.2), layout="constrained")
    panels = figure.subplots(1, len(TARGETS), sharex=True, sharey=True)
    for axes, (key, least) in zip(panels, TARGETS.items(), strict=True):
        for shift, (kind, colour, mark) in enumerate((("all", "#0072b2", "o"), ("said", "#009e73", "D"))):
            _curve(axes, figures, _of(key, kind), ("rome", f"edits: {STRATA[kind]}", colour, mark), 0.12 * shift)
        if key[0] == "reliability":
            _curve(axes, figures, key, ("search", "free search, all edits", "#d55e00", "s"), -0.12)
        axes.axhline(least, color="black", linestyle=":", linewidth=1, label="promised")
        axes.axvline(default(figures), color="grey", linestyle="--", linewidth=1, label="default layer")
        axes.set(title=_named(key), xlabel="layer", ylim=(-0.02, 1.02), xticks=layers(figures, "search"))
        axes.grid(alpha=0.3)
        axes.legend(loc="lower left", fontsize=8)
    return figure


def _curve(axes: Any, figures: Figures, name: tuple[str, str], look: tuple[str, str, str, str], shift: float) -> None:
    method, label, colour, mark = look
    points = [(layer, row) for layer in layers(figures, method) if (row := figures.get((f"{method}:{layer}", *name)))]
    if not points:
        return
    values = [row["value"] for _, row in points]
    errors = [
        [max(0.0, row["value"] - row["low"]) for _, row in points],
        [max(0.0, row["high"] - row["value"]) for _, row in points],
    ]
    axes.errorbar(
        [layer + shift for layer, _ in points], values, yerr=errors, color=colour, marker=mark, capsize=3,
        linewidth=1.6, elinewidth=0.8, label=label,
    )  # fmt: skip


def trace_figure(figures: Figures) -> "Figure":
    """The average indirect effect: positions against layers, each kind, by how long answers are."""
    from matplotlib.figure import Figure

    groups = [group for group in GROUPS if ("trace", "rate", f"clean/{group}") in figures]
    figure = Figure(figsize=(13, 0.6 + 3.2 * len(groups)), layout="constrained")
    panels = figure.subplots(len(groups), len(KINDS), sharey=True, squeeze=False)
    for line, group in zip(panels, groups, strict=True):
        clean, noised = (figures["trace", "rate", f"{name}/{group}"] for name in ("clean", "noised"))
        most = max(row["value"] for kind in KINDS for row in effects(figures, kind, group).values())
        for axes, kind, colours in zip(line, KINDS, ("Purples", "Greens", "Reds"), strict=True):
            _heat(figure, axes, effects(figures, kind, group), colours, most)
            axes.set_title(f"{kind} restored", fontsize=10)
        line[0].set_ylabel(
            f"{GROUPS[group]}, n {clean['n']}\nclean {clean['value']:.2f}, with noise {noised['value']:.2f}", fontsize=9
        )
    for axes in panels[-1]:
        axes.set_xlabel("layer")
    return figure


def _heat(figure: "Figure", axes: Any, found: Mapping[tuple[str, int], Row], colours: str, most: float) -> None:
    places = [place for place in POSITIONS if (place, 0) in found]
    count = 1 + max(layer for _, layer in found)
    table = [[found[place, layer]["value"] for layer in range(count)] for place in places]
    image = axes.imshow(table, aspect="auto", cmap=colours, interpolation="nearest", vmin=0.0, vmax=most)
    axes.set_xticks(range(count))
    axes.set_yticks(range(len(places)), [_words(place) for place in places])
    figure.colorbar(image, ax=axes, label="average indirect effect")


if __name__ == "__main__":
    main()
