"""Write the report on scope from saved rows: every figure comes from a file, none is typed.

    kedit evaluate scope --dataset counterfact --json > counterfact.jsonl
    python scripts/scope_report.py --rows counterfact.jsonl zsre.jsonl --output docs/results/scope.md

A file holds documents of `kedit evaluate scope --json` or bare rows, one a line. A picture `scope-SET.png` beside the
output, made with `--picture` in the same run, is shown with its set.
"""

import argparse
import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

# What was promised, by metric and kind: a share at least, or at most, as large.
AT_LEAST = {("reliability", "prompt"): 0.995, ("generalization", "rephrasing"): 0.97}
AT_MOST = {
    ("false_fire", "same_relation"): 0.005,
    ("false_fire", "same_subject"): 0.01,
    ("false_fire", "open_question"): 0.001,
    ("false_fire", "similar_name"): 0.02,
    ("false_fire", "swapped"): 0.02,
    ("false_fire", "negation"): 0.02,
    ("false_fire", "mention"): 0.02,
    ("false_fire", "prefix"): 0.02,
    ("false_fire", "in_passing"): 0.02,
}
SIMPLE = ("own_radius", "cosine", "bm25")
ABLATIONS = ("no_cross_encoder", "no_link", "no_verifier", "one_key")
ABLATED = (
    "generalization/rephrasing", "generalization/dialogue", "fire/wrong_edit", "false_fire/same_relation",
    "false_fire/same_subject", "false_fire/similar_name", "false_fire/swapped", "false_fire/negation",
    "false_fire/mention", "false_fire/prefix", "false_fire/in_passing", "false_fire/open_question",
)  # fmt: skip
CONTROLS = ("unedited", "oracle")
ALONE = "question_only"
HEAD = """# Which questions an edit answers

Written by `python scripts/scope_report.py`; no figure is typed by hand. All edits of a set are in one store, and only
questions of held-out relations are asked. A covered question counts when the edit that is labelled for it fires; any
edit that fires for another question counts as a false fire. Intervals are Wilson's, 95%.

Questions of a kind that count as wrong although the edit that fired has the relation asked for, and its subject is in
the question, are listed as `doubtful`: another edit of the set covers them too. They are not taken out of any figure.

A sample with seed 1 was looked at while the labels and the make-up of the questions that thresholds are chosen on were
settled; figures are of samples with another seed, of the same held-out relations.

Left out: questions that another stored edit answers (of the open ones those that name an edit's subject and whose
answer was the edit's own before it was made) or may be read to ask for ("Hamlet, formulated in": a language, or a
country), a second answer to a relation of one subject, prompts that stand for
several relations ("Bob Cousy, the"), and of CounterFact's rephrasings those that do not end with a prompt of their
relation (texts to be continued, such as "One can get to X by navigating").

`cosine` (the nearest key) and `bm25` (the best of all wordings) stand at the threshold that gives them as many false
fires as the router has on questions of the calibration part, all kinds together; `own_radius` is the nearest key within
its own radius. `unedited` has no memory, `oracle` is told the right edit. The
last column of the first table is the AUC of a classifier that sees the question alone and tells rephrasings from that
kind: 0.5 is chance, and where it is near 1 the kind looks different from a rephrasing, so a low false-fire rate there
shows little. Kinds that show in the question itself (a negation, a mention, a question that is dropped for another) are
told from dialogues, which hold the same words before a question that is still asked. `in_passing` is the other half of
these dialogues: the same words before a question about another subject, or about another relation of the subject.

"Without a part" takes one part out at a time: the cross-encoder, so that the plain cosine of the texts without their
subject decides; the link, so that the nearest keys are read instead of the edits about a name; the verifier, so that
the radius decides between the edits that a name brings up; and of `cosine` the key of the statement (`one_key`). Each
stands at the threshold that gives it as many false fires as the router has, but `no_verifier`, which has its own.

"With another threshold" is what stricter and more lenient ones would give: the share of covered questions (own prompts
left out) that their edit answers, when so many of all the others fire. It is for reading only; the thresholds are those
of the [verifier's card](../../data/models/kedit-scope/README.md), which were chosen on other relations. The worst cases
are shown of the shipped world alone: questions of public sets are not repeated here, `--worst` prints them.
"""

FALSE = (0.001, 0.003, 0.01, 0.03)  # shares of questions without an edit that fire, at which coverage is read
SHOWN = 2  # wrong cases of a kind
OWN_DATA = frozenset({"world"})  # sets whose questions are the project's own

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """The rows of one run, with the command that made them."""

    command: str
    rows: Sequence[Row]
    note: str | None = None
    curves: Mapping[str, Sequence[Sequence[float]]] = field(default_factory=dict)
    worst: Sequence[Row] = ()


def main() -> None:
    """Read the files, write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, nargs="+", required=True, help="files of rows, one JSON object a line")
    parser.add_argument("--output", type=Path, required=True, help="the Markdown file to write")
    arguments = parser.parse_args()
    pictures = {path.stem.removeprefix("scope-") for path in arguments.output.parent.glob("scope-*.png")}
    text = report((one for path in arguments.rows for one in read(path)), pictures)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(text, "utf-8")


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
    return found + [Measurement(command=_command(rows[0]), rows=rows) for rows in bare.values()]


def report(measurements: Iterable[Measurement], pictures: Collection[str] = ()) -> str:
    """The whole document, a section a measurement; `pictures` names the sets that have one."""
    parts = [HEAD]
    for one in measurements:
        rows = [row for row in one.rows if row["task"] == "scope"]
        if rows:
            parts.append(_section(replace(one, rows=rows), pictures))
    return "\n".join(parts)


def verdict(metric: str, kind: str, value: float) -> tuple[str, str]:
    """What was promised of a figure, and whether it is reached; empty where nothing was."""
    if (least := AT_LEAST.get((metric, kind))) is not None:
        return f"≥ {least:g}", "reached" if value >= least else "**missed**"
    if (most := AT_MOST.get((metric, kind))) is not None:
        return f"≤ {most:g}", "reached" if value <= most else "**missed**"
    return "", ""


def _section(one: Measurement, pictures: Collection[str]) -> str:
    first = one.rows[0]
    own = first["method"]
    value = {(row["method"], row["metric"], row["kind"]): row["value"] for row in one.rows}
    shares = [row for row in one.rows if row["method"] == own and row["low"] is not None]
    others = [name for name in (*SIMPLE, *CONTROLS) if any(row["method"] == name for row in one.rows)]
    lines = [
        f"## {first['dataset']}: {first['edits']:,} edits, method {own}",
        "",
        f"Made by `{one.command}`; commit {first['commit']}, data {first['data']}, configuration {first['config']}, "
        f"model {first['model']}, seed {first['seed']}, {first['machine']}{f'; {one.note}' if one.note else ''}.",
        "",
        *_table(
            ["figure", "target", "value", "95% interval", "n", "", *others, "question alone"],
            [_cells(row, [value.get((name, row["metric"], row["kind"])) for name in others], value) for row in shares],
        ),
    ]
    rest = [row for row in one.rows if row["method"] == own and row["low"] is None]
    if rest:
        lines += ["", *_table(["figure", "value", "n"], [[*_name(r), f"{r['n']:,}"] for r in rest])]
    parts = [name for name in ABLATIONS if any(row["method"] == name for row in one.rows)]
    if parts:
        lines += ["", "Without a part:", "", *_ablated(own, parts, value)]
    if first["dataset"] in pictures:
        lines += ["", f"![Coverage against false fires, and scores against shares](scope-{first['dataset']}.png)"]
    if one.curves:
        lines += ["", "With another threshold:", "", *_read_off(one.curves)]
    if one.worst and first["dataset"] in OWN_DATA:
        lines += ["", "The worst:", "", *_worst(one.worst)]
    return "\n".join([*lines, ""])


def _read_off(curves: Mapping[str, Sequence[Sequence[float]]]) -> list[str]:
    """Coverage at a few false-fire rates: of the last point that has no more of them."""
    rows = []
    for name, points in curves.items():
        most = [max((covered for false, covered in points if false <= rate), default=0.0) for rate in FALSE]
        rows.append([name, *(f"{covered:.4f}" for covered in most)])
    return _table(["method", *(f"false fires ≤ {rate:g}" for rate in FALSE)], rows)


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
    return _table(["kind", "", "score", "question", "best edit"], rows)


def _ablated(own: str, parts: Sequence[str], value: Mapping[tuple[str, ...], float]) -> list[str]:
    rows = []
    for figure in ABLATED:
        found = [value.get((name, *figure.split("/"))) for name in (own, *parts)]
        if found[0] is not None:
            rows.append([figure, *("" if one is None else f"{one:.4f}" for one in found)])
    return _table(["figure", own, *parts], rows)


def _cells(row: Row, others: Sequence[float | None], value: Mapping[tuple[str, str, str], float]) -> list[str]:
    target, outcome = verdict(row["metric"], row["kind"], row["value"])
    alone = value.get((ALONE, "rate", f"question_only_auc/{row['kind']}"))
    return [
        f"{row['metric']}/{row['kind']}",
        target,
        f"{row['value']:.4f}",
        f"{row['low']:.4f} to {row['high']:.4f}",
        f"{row['n']:,}",
        outcome,
        *("" if other is None else f"{other:.4f}" for other in others),
        "" if alone is None else f"{alone:.2f}",
    ]


def _name(row: Row) -> list[str]:
    """A figure without an interval: times in milliseconds."""
    if row["unit"] == "s":
        return [f"{row['metric']}/{row['kind']}", f"{1000 * row['value']:.2f} ms"]
    return [f"{row['metric']}/{row['kind']}", f"{row['value']:.4f} {row['unit']}"]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


def _command(row: Row) -> str:
    """The command that makes such rows, where the file does not say it."""
    return f"kedit evaluate scope --dataset {row['dataset']} --seed {row['seed']} --json"


if __name__ == "__main__":
    main()
