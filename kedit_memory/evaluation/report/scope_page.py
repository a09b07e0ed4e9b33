"""The page on scope: a line for each set, what was promised of its kinds of questions, the worst of our own."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from kedit_memory.evaluation.report.page import Page, Part
from kedit_memory.evaluation.report.pictures import Picture
from kedit_memory.evaluation.report.saved import Measured, Row, by_figure, origin
from kedit_memory.evaluation.report.scope import curves_figure
from kedit_memory.evaluation.report.tables import MISSED, Table, plain_table, verdict, with_interval
from kedit_memory.evaluation.tasks.scope.rows import AUC, OPEN

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_OTHERS = ("cosine", "own_radius", "bm25", "cross_encoder")
_ABLATIONS = ("no_cross_encoder", "no_verifier", "one_key")
_PLAIN = "plain"  # the kind of question that every invariance is held against
_WITHIN = 0.02  # of it
_SHOWN = 2  # wrong cases of a kind
_OWN_DATA = frozenset({"world", "everyday"})  # sets whose questions are the project's own

# Sets by what is stored in them; a set in no group stands in the last one.
_GROUPS = {
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
_REST = "other"


@dataclass(frozen=True, kw_only=True)
class _Promise:
    """What a figure of a group is to reach: a share at least, or at most, as large; the first that fits counts."""

    groups: tuple[str, ...] = (*_GROUPS, _REST)
    metric: str
    kinds: str = ".*"
    least: float | None = None
    most: float | None = None


_PROMISES = (
    _Promise(metric="reliability", least=1.0),
    _Promise(metric="false_fire", kinds="open_question", most=0.001),
    _Promise(groups=("facts",), metric="generalization", kinds="rephrasing|dialogue", least=0.95),
    _Promise(groups=("facts",), metric="false_fire", kinds="same_relation", most=0.005),
    _Promise(groups=("facts",), metric="false_fire", kinds="same_subject", most=0.01),
    _Promise(groups=("facts",), metric="false_fire", most=0.02),
    _Promise(groups=("statements",), metric="generalization", kinds="question|rewording", least=0.80),
    _Promise(groups=("statements",), metric="false_fire", kinds="unanswerable", most=0.20),
    _Promise(groups=("statements",), metric="false_fire", kinds="same_paragraph|other_article", most=0.03),
    _Promise(groups=("support",), metric="generalization", kinds="(?!all).*", least=0.80),
    _Promise(groups=("one wording",), metric="generalization", kinds="(?!all).*", least=0.60),
    _Promise(groups=("support", "one wording"), metric="false_fire", kinds="unrelated", most=0.005),
    _Promise(groups=("support", "one wording"), metric="false_fire", most=0.05),
    _Promise(groups=("contrast",), metric="generalization", kinds="same_.*", least=0.95),
    _Promise(groups=("contrast",), metric="false_fire", most=0.02),
    _Promise(groups=("dialogue",), metric="generalization", kinds="follow_up", least=0.80),
    _Promise(groups=("dialogue",), metric="false_fire", most=0.02),
)
_ABOUT = """\
All edits of a set are in one store, at the thresholds that are shipped, and the questions are of relations, templates,
intents, articles and dialogues that neither training nor thresholds have seen. A covered question counts when its own
edit fires (`reliability` in the edit's own words, `generalization` in others); any edit that fires for another
question is a false fire. A share stands with Wilson's 95% interval and the number of questions.

A line is a set: how many targets of its kinds of questions are missed, the kind of other wording that is answered
least, the kind of question outside every scope that fires most, and those of NQ-open and SQuAD. `cosine` (the nearest
key) is of the first of these kinds, at the threshold that gives it as many false fires as the router has in
calibration.
"""


def page(runs: Sequence[Measured]) -> Page:
    """The page of some sets; a set that was measured twice has two lines."""
    ordered = sorted(runs, key=lambda run: [*_GROUPS, _REST].index(_group(run)))
    promised = [(run, row, *_verdict(run, row)) for run in ordered for row in _shares(run)]
    promised = [one for one in promised if one[2]]
    missed = sum(outcome == MISSED for *_, outcome in promised)
    lines = [_line(run, [outcome for of, _, _, outcome in promised if of is run]) for run in ordered]
    parts: list[Part] = [
        _ABOUT,
        f"{missed} of {len(promised)} figures miss their target, which of an invariance is the share of plain "
        f"questions less {_WITHIN:g}.",
        plain_table(
            [
                "stored",
                "set",
                "edits",
                "missed",
                "own words",
                "answered least",
                "fires most",
                "open questions",
                "cosine",
            ],
            lines,
        ),
        *_pictures(ordered),
    ]
    return Page(
        title="Which questions an edit answers",
        parts=parts,
        runs=ordered,
        more={"targets": [_targets(promised)], "sets": [_SETS, *(part for run in ordered for part in _of_set(run))]},
    )


def _group(run: Measured) -> str:
    """What kind of thing is stored in a set."""
    return next((name for name, sets in _GROUPS.items() if run.first["dataset"] in sets), _REST)


def _own(run: Measured) -> str:
    """The router's method, which tells what decides in it."""
    return str(run.first["method"])


def _shares(run: Measured) -> list[Row]:
    """The router's figures that have an interval."""
    return [row for row in run.rows if row["method"] == _own(run) and row["low"] is not None]


def _verdict(run: Measured, row: Row) -> tuple[str, str]:
    """What was promised of a figure, and whether it is reached; empty where nothing was."""
    metric, kind, value = row["metric"], row["kind"], row["value"]
    if _group(run) == "invariance" and metric == "generalization" and kind not in (_PLAIN, "all"):
        plain = by_figure(run.rows)[_own(run), metric, _PLAIN]["value"]
        return verdict(value, least=round(plain - _WITHIN, 4))
    for promise in _PROMISES:
        if _group(run) in promise.groups and metric == promise.metric and re.fullmatch(promise.kinds, kind):
            return verdict(value, least=promise.least, most=promise.most)
    return "", ""


def _line(run: Measured, outcomes: Sequence[str]) -> list[str]:
    values, own = by_figure(run.rows), _own(run)
    kinds = [row for row in _shares(run) if row["kind"] not in ("all", _PLAIN)]
    asked = [row for row in kinds if row["metric"] == "generalization"]
    fired = [row for row in kinds if row["metric"] == "false_fire" and row["kind"] != OPEN]
    least = min(asked, key=lambda row: row["value"], default=None)
    most = max(fired, key=lambda row: row["value"], default=None)
    cosine = values.get(("cosine", "generalization", least["kind"])) if least else None
    return [
        _group(run), run.first["dataset"], f"{run.first['edits']:,}", f"{outcomes.count(MISSED)} of {len(outcomes)}",
        _cell(values.get((own, "reliability", "prompt"))), _named(least), _named(most),
        _cell(values.get((own, "false_fire", OPEN))), "" if cosine is None else f"{cosine['value']:.3f}",
    ]  # fmt: skip


def _named(row: Row | None) -> str:
    return f"{row['kind']} {_cell(row)}" if row else ""


def _cell(row: Row | None) -> str:
    return f"{with_interval(row).rstrip(')')}; {row['n']:,})" if row else ""


def _pictures(runs: Iterable[Measured]) -> Iterator[Picture]:
    """A picture of each group: coverage against false fires, router and cosine of each set."""
    groups: dict[str, list[Measured]] = {}
    for run in runs:
        groups.setdefault(_group(run), []).append(run)
    for group, held in groups.items():
        # A set may be asked in its own words alone.
        told = [run for run in held if any(coverage for _, coverage in _curves(run).get("router", ()))]
        yield Picture(
            name=group.replace(" ", "-"),
            caption=f"{group}: coverage against false fires",
            draw=partial(_figure_of, told, group) if told else None,
        )


def _figure_of(runs: Sequence[Measured], group: str) -> "Figure":
    curves = {run.first["dataset"]: (_curves(run)["router"], _curves(run).get("cosine", ())) for run in runs}
    return curves_figure(f"{group}: router (lines), cosine (dots)", curves)


def _curves(run: Measured) -> Mapping[str, Sequence[Sequence[float]]]:
    found: Mapping[str, Sequence[Sequence[float]]] = run.meta.get("curves", {})
    return found


def _targets(promised: Sequence[tuple[Measured, Row, str, str]]) -> Table:
    """All that was promised, with what others reach at as many false fires."""
    lines = []
    for run, row, bound, outcome in promised:
        values = by_figure(run.rows)
        others = (values.get((name, row["metric"], row["kind"])) for name in _OTHERS)
        lines.append([
            _group(run), run.first["dataset"], f"{row['metric']}/{row['kind']}", bound, f"{row['value']:.3f}",
            f"{row['low']:.3f} to {row['high']:.3f}", f"{row['n']:,}", outcome, *map(_value, others),
        ])  # fmt: skip
    return plain_table(
        ["stored", "set", "figure", "target", "value", "95% interval", "n", "", *_OTHERS],
        lines,
        note="`cosine` (the nearest key), `bm25` (the best of all wordings) and `cross_encoder` (the reader over the "
        "nearest keys, without names) stand at the threshold that gives them as many false fires as the router has on "
        "questions of the calibration part, all kinds together. `own_radius` is the nearest key, checked against its "
        "own radius.",
    )


_SETS = (
    "The worst cases are shown of the shipped world and the everyday set alone: questions of public sets are not "
    "repeated here, `--worst` prints them. The last column is the AUC of a classifier that sees the question alone and "
    "tells covered ones from that kind: 0.5 is chance, and near 1 a low false-fire rate shows little."
)


def _of_set(run: Measured) -> Iterator[Part]:
    values, own = by_figure(run.rows), _own(run)
    parts = [name for name in _ABLATIONS if any(row["method"] == name for row in run.rows)]
    yield f"## {run.first['dataset']}: {run.first['edits']:,} edits, method {own}"
    yield f"`{run.command}`; {origin(run.rows)}{f'; {run.note}' if run.note else ''}."
    yield plain_table(
        ["figure", "value", "n", *parts, "question alone"],
        [
            [
                f"{row['metric']}/{row['kind']}", f"{row['value']:.3f}", f"{row['n']:,}",
                *(_value(values.get((name, row["metric"], row["kind"]))) for name in parts),
                _value(values.get(("question_only", "rate", f"{AUC}/{row['kind']}"))),
            ]
            for row in _shares(run)
        ],
    )  # fmt: skip
    rest = [row for row in run.rows if row["method"] == own and row["low"] is None]
    yield "; ".join(f"{_in_full(row)} (n {row['n']:,})" for row in rest)
    if run.first["dataset"] in _OWN_DATA:
        yield _worst(run.meta.get("worst", ()))


def _worst(wrong: Iterable[Row]) -> Table:
    """The first few of each kind: what was asked, and the prompt of the edit that came out best."""
    seen: Counter[str] = Counter()
    rows = []
    for one in wrong:
        seen[one["kind"]] += 1
        if seen[one["kind"]] <= _SHOWN:
            did = "fired" if one["fired"] else "silent"
            best = "the right one" if one["best"] and one["best"] == one["wanted"] else one["best"] or "none"
            rows.append([one["kind"], did, f"{one['score']:.3f}", one["question"], best])
    return plain_table(["kind", "", "score", "question", "best edit"], rows, note="The worst:")


def _value(row: Row | None) -> str:
    return "" if row is None else f"{row['value']:.3f}"


def _in_full(row: Row) -> str:
    """A figure without an interval: times in milliseconds."""
    if row["unit"] == "s":
        return f"{row['metric']}/{row['kind']} {1000 * row['value']:.2f} ms"
    return f"{row['metric']}/{row['kind']} {row['value']:.4f} {row['unit']}"
