"""Write the report on streams of edits from saved rows, with a picture of each stream: no figure is typed.

    kedit evaluate lifelong --stream world --editors grace,grace-fast,router:grace --log world.jsonl
    kedit evaluate lifelong --stream scotus --model /tmp/scotus --editors grace,grace-fast --log scotus.jsonl
    python scripts/lifelong_report.py --output docs/results/lifelong.md \
        --rows world.jsonl "a BERT classifier=scotus.jsonl"

A file is a log that --log wrote, a document of --json, or rows, one a line; what stands before a "=" names the
model in the heading, since rows know it by its fingerprint alone. Pictures go beside the report.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from kedit_memory.errors import KeditError
from kedit_memory.evaluation.report.lifelong import save_picture
from kedit_memory.evaluation.report.saved import Row, origin, read_saved
from kedit_memory.evaluation.report.tables import table_lines

Key = tuple[str, str]  # metric and kind
RunKey = tuple[Any, ...]  # stream, configuration, data and model

# What was promised of 1,000 world edits, by method, metric and kind; a share or a ratio at least or at most as large.
AT_LEAST = {
    ("router:grace", "err", "all"): 0.99,
    ("router:serac", "err", "all"): 0.97,
    ("router:grace", "generalization", "all"): 0.95,
    ("router:serac", "generalization", "all"): 0.95,
    ("router:grace", "trr", "all"): 0.995,
    ("router:serac", "trr", "all"): 0.995,
    ("grace-fast", "trr", "all"): 0.995,
    ("grace-fast", "ratio", "edits_per_second_of_grace"): 10.0,
}
AT_MOST = {
    ("grace-fast", "ratio", "time_per_answer_miss"): 1.05,
    ("grace-fast", "ratio", "time_per_answer_hit"): 1.10,
    ("grace-fast", "bytes", "per_entry_beside_vectors"): 100.0,
}
PROMISED = ("promised of", "figure", "", "mean", "by seed, 95% interval", "n", "")
COLUMNS: dict[Key, str] = {
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
HEAD = """# Edits one after the other

Written by `python scripts/lifelong_report.py`; no figure is typed by hand. Each method gets the same edits in the same
order in a model of its own; all is asked after the last edit, by free greedy generation, or by the label of the best
score. Figures are means over the seeds, which choose the edits and their order; an interval is 95%, by drawing the
cases again (Wilson's where all cases are alike).

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
STREAMS = {
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


def main() -> None:
    """Read the files, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", required=True, help="files of rows, each as PATH or MODEL=PATH")
    parser.add_argument("--output", type=Path, required=True, help="the Markdown file to write")
    arguments = parser.parse_args()
    found: list[Row] = []
    titles: dict[RunKey, str] = {}
    for given in arguments.rows:
        title, _, path = given.rpartition("=")
        rows = read(Path(path))
        found += rows
        titles |= {run_key(row): title.strip() for row in rows if title.strip()}
    runs = by_run(found)
    if not runs:
        raise SystemExit("no row of a stream of edits in these files; measure with `kedit evaluate lifelong --log`")
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    parts = [HEAD]
    seen: list[str] = []
    for rows in runs:
        stream = rows[0]["dataset"]
        again = f"-{seen.count(stream)}" if stream in seen else ""
        seen.append(stream)
        name = f"{arguments.output.stem}-{stream}{again}.png"
        try:
            save_picture(rows, arguments.output.parent / name)
        except KeditError as error:
            raise SystemExit(str(error)) from None
        parts.append(section(rows, name, titles.get(run_key(rows[0]), "")))
    arguments.output.write_text("\n".join(parts), "utf-8")


def read(path: Path) -> list[Row]:
    """The rows of a file that are of streams."""
    return [row for row in read_saved(path).rows if row["task"] == "lifelong"]


def run_key(row: Row) -> RunKey:
    """What rows that belong together share."""
    return tuple(row[name] for name in ("dataset", "config", "data", "model"))


def by_run(rows: Iterable[Row]) -> list[list[Row]]:
    """Rows that belong together: one stream, configuration, data and model."""
    runs: dict[RunKey, list[Row]] = defaultdict(list)
    for row in rows:
        runs[run_key(row)].append(row)
    return list(runs.values())


def section(rows: Sequence[Row], picture: str, title: str = "") -> str:
    """The tables of one run, on a model of that name."""
    edits = max(row["edits"] for row in rows)
    last = [row for row in rows if row["edits"] == edits]
    values: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in last:
        values[row["method"], row["metric"], row["kind"]].append(row)
    methods = list(dict.fromkeys(row["method"] for row in last))
    columns = [key for key in COLUMNS if any((name, *key) in values for name in methods)]
    seeds = {name: len({row["seed"] for row in last if row["method"] == name}) for name in methods}
    table = [[name, *(_mean(values.get((name, *key), ())) for key in columns), str(seeds[name])] for name in methods]
    stream = rows[0]["dataset"]
    due = stream == "world" and edits >= 1000
    promises = [line for key, found in values.items() if due for line in _promised(key, found)]
    return "\n".join([
        f"## {stream}{f' on {title}' if title else ''}: {edits:,} edits",
        "",
        *([STREAMS[stream], ""] if stream in STREAMS else []),
        f"{_origin(rows)} ![TRR and ERR against edits]({picture})",
        "",
        *table_lines(["method", *(COLUMNS[key] for key in columns), "seeds"], table),
        *(["", *table_lines(PROMISED, promises)] if promises else []),
        "",
    ])  # fmt: skip


def _promised(key: tuple[str, str, str], found: Sequence[Row]) -> Iterable[Sequence[str]]:
    """A line for a figure of which something was promised: its mean over the seeds decides, each is shown."""
    least, most = AT_LEAST.get(key), AT_MOST.get(key)
    if least is None and most is None:
        return
    value = mean(row["value"] for row in found)
    kept = (least is None or value >= least) and (most is None or value <= most)
    each = "; ".join(_with_interval(row) for row in found)
    bound = f"≥ {least:g}" if least is not None else f"≤ {most:g}"
    outcome = "reached" if kept else "**missed**"
    yield [key[0], f"{key[1]}/{key[2]}", bound, f"{value:.4f}", each, f"{found[0]['n']:,}", outcome]


def _with_interval(row: Row) -> str:
    interval = "" if row["low"] is None else f" ({row['low']:.3f} to {row['high']:.3f})"
    return f"{row['value']:.3f}{interval}"


def _origin(rows: Sequence[Row]) -> str:
    seeds = ", ".join(str(seed) for seed in sorted({row["seed"] for row in rows}))
    return f"Seeds {seeds}; {origin(rows)}, {rows[0]['machine']}."


def _mean(found: Sequence[Row]) -> str:
    if not found:
        return ""
    value = mean(row["value"] for row in found)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3f}"


if __name__ == "__main__":
    main()
