"""Write the report on scope from saved rows: every figure comes from a file, none is typed.

    kedit evaluate scope --dataset counterfact --worst 12 --json > counterfact.jsonl
    python scripts/scope_report.py --rows counterfact.jsonl zsre.jsonl --output docs/results/scope.md

A file holds documents of `kedit evaluate scope --json` or bare rows, one a line. A picture of each group of sets,
`scope-GROUP.png`, is drawn beside the output from the curves of the documents.
"""

import argparse
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedit_memory.evaluation.report.pictures import save_figure
from kedit_memory.evaluation.report.scope import draw_curve, frame_curves
from kedit_memory.evaluation.report.tables import table_lines

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OWN = "router"
OTHERS = ("cosine", "own_radius", "bm25", "cross_encoder")
ABLATIONS = ("no_cross_encoder", "no_verifier", "one_key")
PLAIN = "plain"  # the kind of question that every invariance is held against
WITHIN = 0.02  # of it

# Sets by what is stored in them; a set in no group stands in the last one.
GROUPS = {
    "facts": ("counterfact", "zsre", "pararel", "lre", "world"),
    "statements": ("statements", "qamr", "policies", "long_answers", "gptcache"),
    "support": ("support", "hwu64", "banking77", "bitext", "dstc9_faq", "dstc11", "covid_q", "quora", "mediqa_rqe",
                "covid_faq"),
    "one wording": ("support_one_wording", "hwu64_one_wording", "banking77_one_wording", "bitext_one_wording",
                    "covid_q_one_wording"),
    "contrast": ("contrast",),
    "invariance": ("invariance",),
    "dialogue": ("followups",),
    "everyday": ("everyday",),
    "languages": ("languages", "covid_faq_de"),
    "mixed": ("mixed",),
}  # fmt: skip
REST = "other"


@dataclass(frozen=True, kw_only=True)
class Promise:
    """What a figure of a group is to reach: a share at least, or at most, as large; the first that fits counts."""

    groups: tuple[str, ...] = (*GROUPS, REST)
    metric: str
    kinds: str = ".*"
    least: float | None = None
    most: float | None = None


PROMISES = (
    Promise(metric="reliability", least=1.0),
    Promise(metric="false_fire", kinds="open_question", most=0.001),
    Promise(groups=("facts",), metric="generalization", kinds="rephrasing|dialogue", least=0.95),
    Promise(groups=("facts",), metric="false_fire", kinds="same_relation", most=0.005),
    Promise(groups=("facts",), metric="false_fire", kinds="same_subject", most=0.01),
    Promise(groups=("facts",), metric="false_fire", most=0.02),
    Promise(groups=("statements",), metric="generalization", kinds="question|rewording", least=0.80),
    Promise(groups=("statements",), metric="false_fire", kinds="unanswerable", most=0.20),
    Promise(groups=("statements",), metric="false_fire", kinds="same_paragraph|other_article", most=0.03),
    Promise(groups=("support",), metric="generalization", kinds="(?!all).*", least=0.80),
    Promise(groups=("one wording",), metric="generalization", kinds="(?!all).*", least=0.60),
    Promise(groups=("support", "one wording"), metric="false_fire", kinds="unrelated", most=0.005),
    Promise(groups=("support", "one wording"), metric="false_fire", most=0.05),
    Promise(groups=("contrast",), metric="generalization", kinds="same_.*", least=0.95),
    Promise(groups=("contrast",), metric="false_fire", most=0.02),
    Promise(groups=("dialogue",), metric="generalization", kinds="follow_up", least=0.80),
    Promise(groups=("dialogue",), metric="false_fire", most=0.02),
)
HEAD = """# Which questions an edit answers

Written by `python scripts/scope_report.py`; no figure is typed by hand. All edits of a set are in one store, at the
thresholds that are shipped, and the questions are of relations, templates, intents, articles and dialogues that neither
training nor thresholds have seen. A covered question counts when its own edit fires (`reliability` in the edit's own
words, `generalization` in others); any edit that fires for another question is a false fire. Intervals are Wilson's,
95%.

`cosine` (the nearest key), `bm25` (the best of all wordings) and `cross_encoder` (the reader over the nearest keys,
without names) stand at the threshold that gives them as many false fires as the router has on questions of the
calibration part, all kinds together. `own_radius` is the nearest key, checked against its own radius.

The target of an invariance is the share of plain questions less {within:g}. {missed} of {promised} figures miss theirs.
"""

SHOWN = 2  # wrong cases of a kind
OWN_DATA = frozenset({"world", "everyday"})  # sets whose questions are the project's own

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """The rows of one run, with the command that made them."""

    command: str
    rows: Sequence[Row]
    note: str | None = None
    curves: Mapping[str, Sequence[Sequence[float]]] = field(default_factory=dict)
    worst: Sequence[Row] = ()

    @property
    def dataset(self) -> str:
        """The set that was stored and asked."""
        return str(self.rows[0]["dataset"])

    @property
    def group(self) -> str:
        """What kind of thing is stored in it."""
        return next((name for name, sets in GROUPS.items() if self.dataset in sets), REST)

    @cached_property
    def values(self) -> dict[tuple[str, str, str], float]:
        """Every figure, by method, metric and kind."""
        return {(row["method"], row["metric"], row["kind"]): row["value"] for row in self.rows}

    @property
    def shares(self) -> list[Row]:
        """The router's figures that have an interval."""
        return [row for row in self.rows if row["method"] == self.own and row["low"] is not None]

    @property
    def own(self) -> str:
        """The router's method, which tells what decides in it."""
        return str(self.rows[0]["method"])


def main() -> None:
    """Read the files, write the report and its pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, nargs="+", required=True, help="files of rows, one JSON object a line")
    parser.add_argument("--output", type=Path, required=True, help="the Markdown file to write")
    arguments = parser.parse_args()
    found = [one for path in arguments.rows for one in read(path)]
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    pictures = draw(found, arguments.output.parent)
    arguments.output.write_text(report(found, pictures), "utf-8")


def read(path: Path) -> list[Measurement]:
    """The measurements of a file; bare rows of one run belong together."""
    found: list[Measurement] = []
    bare: dict[tuple[Any, ...], list[Row]] = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            given = json.loads(line)
        except ValueError as error:
            raise SystemExit(f"{path}, line {number}: no JSON ({error}); give rows, one a line") from None
        if "rows" in given:
            meta = given.get("meta", {})
            said = {name: meta[name] for name in ("note", "curves", "worst") if name in meta}
            found.append(Measurement(command=meta.get("command", ""), rows=given["rows"], **said))
        else:
            key = tuple(given.get(name) for name in ("task", "dataset", "commit", "config", "seed", "machine"))
            bare.setdefault(key, []).append(given)
    found += [Measurement(command=_command(rows[0]), rows=rows) for rows in bare.values()]
    scoped = [replace(one, rows=[row for row in one.rows if row["task"] == "scope"]) for one in found]
    return [one for one in scoped if one.rows]


def report(measurements: Sequence[Measurement], pictures: Mapping[str, Path]) -> str:
    """The whole document: one table, a picture a group, and in an appendix how each set was measured."""
    ordered = sorted(measurements, key=lambda one: [*GROUPS, REST].index(one.group))
    promised = [(one, row, *verdict(one, row)) for one in ordered for row in one.shares]
    promised = [each for each in promised if each[2]]
    lines = [
        HEAD.format(within=WITHIN, missed=sum(not reached for *_, reached in promised), promised=len(promised)),
        *table_lines(
            ["stored", "set", "figure", "target", "value", "95% interval", "n", "", *OTHERS],
            [_cells(one, row, target, reached=reached) for one, row, target, reached in promised],
        ),
        "",
        *(f"![{group}: coverage against false fires]({path.name})\n" for group, path in pictures.items()),
        "## Appendix: each set",
        "",
        "The worst cases are shown of the shipped world alone: questions of public sets are not repeated here,",
        "`--worst` prints them. The last column is the AUC of a classifier that sees the question alone and tells",
        "covered ones from that kind: 0.5 is chance, and near 1 a low false-fire rate shows little.",
        "",
        *(line for one in ordered for line in _section(one)),
    ]
    return "\n".join(lines).rstrip() + "\n"


def verdict(one: Measurement, row: Row) -> tuple[str, bool]:
    """What was promised of a figure, empty where nothing was, and whether it is reached."""
    metric, kind, value = row["metric"], row["kind"], row["value"]
    if one.group == "invariance" and metric == "generalization" and kind not in (PLAIN, "all"):
        least: float | None = round(one.values[one.own, metric, PLAIN] - WITHIN, 4)
        return f"≥ {least:g}", value >= least
    for promise in PROMISES:
        if one.group in promise.groups and metric == promise.metric and re.fullmatch(promise.kinds, kind):
            if promise.least is not None:
                return f"≥ {promise.least:g}", value >= promise.least
            return f"≤ {promise.most:g}", value <= (promise.most or 0.0)
    return "", True


def draw(measurements: Iterable[Measurement], folder: Path) -> dict[str, Path]:
    """A picture of each group whose runs hold curves: coverage against false fires, router and cosine of each set."""
    groups: dict[str, list[Measurement]] = {}
    for one in measurements:
        if any(coverage for _, coverage in one.curves.get(OWN, ())):  # a set may be asked in its own words alone
            groups.setdefault(one.group, []).append(one)
    drawn = {}
    for group in sorted(groups, key=[*GROUPS, REST].index):
        path = folder / f"scope-{group.replace(' ', '-')}.png"
        save_figure(partial(_figure_of, groups[group], group), path)
        drawn[group] = path
    return drawn


def _figure_of(sets: Sequence[Measurement], group: str) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for place, one in enumerate(sets):
        for method, style in ((OWN, "-"), ("cosine", ":")):
            if points := one.curves.get(method):
                draw_curve(
                    axes, points, color=f"C{place}", linestyle=style, label=one.dataset if method == OWN else None
                )
    frame_curves(axes)
    axes.set_title(f"{group}: router (lines), cosine (dots)")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return figure


def _section(one: Measurement) -> list[str]:
    first, values = one.rows[0], one.values
    parts = [name for name in ABLATIONS if any(row["method"] == name for row in one.rows)]
    alone = {
        row["kind"]: values.get(("question_only", "rate", f"question_only_auc/{row['kind']}")) for row in one.shares
    }
    rest = [row for row in one.rows if row["method"] == one.own and row["low"] is None]
    lines = [
        f"### {one.dataset}: {first['edits']:,} edits, method {one.own}",
        "",
        f"`{one.command}`; commit {first['commit']}, data {first['data']}, configuration {first['config']}, "
        f"model {first['model']}, seed {first['seed']}, {first['machine']}{f'; {one.note}' if one.note else ''}.",
        "",
        *table_lines(
            ["figure", "value", "n", *parts, "question alone"],
            [
                [
                    f"{row['metric']}/{row['kind']}",
                    f"{row['value']:.3f}",
                    f"{row['n']:,}",
                    *(_figure(values.get((name, row["metric"], row["kind"]))) for name in parts),
                    _figure(alone[row["kind"]]),
                ]
                for row in one.shares
            ],
        ),
        "",
        "; ".join(f"{_name(row)} (n {row['n']:,})" for row in rest),
        "",
    ]
    if one.worst and one.dataset in OWN_DATA:
        lines += ["The worst:", "", *_worst(one.worst), ""]
    return lines


def _worst(wrong: Sequence[Row]) -> list[str]:
    """The first few of each kind: what was asked, and the prompt of the edit that came out best."""
    seen: Counter[str] = Counter()
    rows = []
    for one in wrong:
        seen[one["kind"]] += 1
        if seen[one["kind"]] <= SHOWN:
            did = "fired" if one["fired"] else "silent"
            best = "the right one" if one["best"] and one["best"] == one["wanted"] else one["best"] or "none"
            rows.append([one["kind"], did, f"{one['score']:.3f}", one["question"].replace("|", "\\|"), best])
    return table_lines(["kind", "", "score", "question", "best edit"], rows)


def _cells(one: Measurement, row: Row, target: str, *, reached: bool) -> list[str]:
    return [
        one.group,
        one.dataset,
        f"{row['metric']}/{row['kind']}",
        target,
        f"{row['value']:.3f}",
        f"{row['low']:.3f} to {row['high']:.3f}",
        f"{row['n']:,}",
        "reached" if reached else "**missed**",
        *(_figure(one.values.get((name, row["metric"], row["kind"]))) for name in OTHERS),
    ]


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _name(row: Row) -> str:
    """A figure without an interval: times in milliseconds."""
    if row["unit"] == "s":
        return f"{row['metric']}/{row['kind']} {1000 * row['value']:.2f} ms"
    return f"{row['metric']}/{row['kind']} {row['value']:.4f} {row['unit']}"


def _command(row: Row) -> str:
    """The command that makes such rows, where the file does not say it."""
    return f"kedit evaluate scope --dataset {row['dataset']} --seed {row['seed']} --json"


if __name__ == "__main__":
    main()
