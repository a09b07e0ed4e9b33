"""Write the report on adaptive retrieval from saved rows: every figure comes from a file, none is typed.

    kedit evaluate adaptive-retrieval --dataset world --picture docs/results/adaptive_world.png --json > world.json
    python scripts/adaptive_report.py --rows world.json --output docs/results/adaptive.md

A file holds one document of `kedit evaluate adaptive-retrieval --json`. A picture `adaptive_SET.png` beside the output,
made with `--picture` in the same run, is shown with its set.
"""

import argparse
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from kedit_memory.errors import KeditError
from kedit_memory.evaluation.report.saved import Row, by_figure, origin, read_document
from kedit_memory.evaluation.report.tables import table_lines

# What was promised of the world: by method, metric and kind a value at least, or at most, as large.
AT_LEAST = {
    ("learned", "accuracy", "over_better_fixed"): 0.03,
    ("learned", "ratio", "gain_of_oracle"): 0.6,
    ("bm25", "recall", "bm25_at_5"): 0.97,
}
AT_MOST = {("learned", "calls", "all"): 0.6, ("step", "seconds", "deciding"): 0.002}
HEAD = """# When retrieval pays

Written by `python scripts/adaptive_report.py`; no figure is typed by hand. Every question is answered once by the model
alone and once with passages before it. Policies are fitted on half of the subjects and judged on the other half, over
many splits; a figure is the mean over splits, its interval holds 95% of them. An answer counts when it equals the
object or one of its aliases after normalisation. `oracle` is told which of the two answers is right; `score` and
`always` search for every question.

Of the world, as many questions are asked of each kind: `direct` in a phrasing that the model was trained on, `held_out`
in one that it was not, `alias` by another name of the subject, `reversed` by an inverse relation, `two_hop` with a
subject that another fact names. Unless a command says `--even`, subjects of tier n are asked about 1/n as often as
those of tier 1. Where the two answers of a kind are right alike, no gate can gain there.

On public sets the embedded model, which knows nothing outside its world, shows only that the pipeline runs whole.
"""


def main() -> None:
    """Read the files, write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, nargs="+", required=True, help="documents of rows")
    parser.add_argument("--output", type=Path, required=True, help="the Markdown file to write")
    arguments = parser.parse_args()
    pictures = {path.stem.removeprefix("adaptive_") for path in arguments.output.parent.glob("adaptive_*.png")}
    try:
        sections = [section(read_document(path, "adaptive-retrieval"), pictures) for path in arguments.rows]
    except KeditError as error:
        raise SystemExit(str(error)) from None
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text("\n".join([HEAD, *sections]), "utf-8")


def section(document: Mapping[str, Any], pictures: Collection[str] = ()) -> str:
    """What one run found; `pictures` names the sets that have one."""
    rows, meta = document["rows"], document["meta"]
    value = by_figure(rows)
    first = rows[0]
    text = [f"## {first['dataset']}", "", f"`{meta.get('command', '')}`, {origin(rows)}.", ""]
    text += _policies(rows, value)
    if first["dataset"] in pictures:
        text += ["", f"![Accuracy by popularity and by calls](adaptive_{first['dataset']}.png)"]
    text += ["", *_kinds(rows, value), "", *_rest(rows)]
    if first["dataset"] == "world":
        text += ["", *_promised(value)]
    text += [f"\n`{name}` was left out: {why}." for name, why in meta.get("left_out", {}).items()]
    return "\n".join([*text, ""])


def _policies(rows: Sequence[Row], value: Mapping[tuple[str, str, str], Row]) -> list[str]:
    columns = (("accuracy", "all"), ("accuracy", "over_better_fixed"), ("calls", "all"), ("ratio", "gain_of_oracle"))
    head = ["policy", "accuracy", "over the better of never and always", "calls", "way to the oracle", "ms a question"]
    body = []
    for method in _methods(rows):
        cells = [_interval(value.get((method, *column))) for column in columns]
        cost = value[method, "seconds", "per_question"]["value"]
        body.append([method, *cells, f"{1000 * cost:.1f}"])
    return table_lines(head, body)


def _kinds(rows: Sequence[Row], value: Mapping[tuple[str, str, str], Row]) -> list[str]:
    """Accuracy of each kind and tier by policy."""
    methods = _methods(rows)
    kinds = dict.fromkeys(row["kind"] for row in rows if row["metric"] == "calls" and row["kind"] != "all")
    body = []
    for kind in kinds:
        found = [value.get((method, "accuracy", kind)) for method in methods]
        calls = value.get(("learned", "calls", kind))
        body.append(
            [kind, *(f"{one['value']:.3f}" if one else "" for one in found), f"{calls['value']:.2f}" if calls else ""]
        )
    return table_lines(["accuracy of", *methods, "calls of learned"], body)


def _rest(rows: Sequence[Row]) -> list[str]:
    body = [
        [f"{row['metric']}/{row['kind']}", _figure(row), f"{row['n']:,}"]
        for row in rows
        if row["metric"] == "recall" or row["method"] == "step"
    ]
    return table_lines(["figure", "value", "n"], body)


def _promised(value: Mapping[tuple[str, str, str], Row]) -> list[str]:
    body = []
    for bounds, sign in ((AT_LEAST, "≥"), (AT_MOST, "≤")):
        for key, bound in bounds.items():
            row = value.get(key)
            if row is None:
                continue
            kept = row["value"] >= bound if sign == "≥" else row["value"] <= bound
            body.append(["/".join(key), f"{sign} {bound:g}", _figure(row), "reached" if kept else "**missed**"])
    return table_lines(["promised", "bound", "measured", ""], body)


def _methods(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row["method"] for row in rows if row["metric"] == "calls"))


def _figure(row: Row) -> str:
    return f"{1000 * row['value']:.2f} ms" if row["unit"] == "s" else _interval(row)


def _interval(row: Row | None) -> str:
    return "" if row is None else f"{row['value']:.3f} ({row['low']:.3f} to {row['high']:.3f})"


if __name__ == "__main__":
    main()
