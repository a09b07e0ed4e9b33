"""Write what the floor of relevance keeps and what gates reach on a real model's answers, from saved rows.

python scripts/bench_relevance.py --data ../shared/data --json > relevance.json
kedit evaluate adaptive-retrieval --dataset llama8b --json > llama8b.json
python scripts/gate_report.py --relevance relevance.json --answers llama8b.json --output docs/results/gate.md
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from kedit_memory.errors import KeditError
from kedit_memory.evaluation.report.saved import Measured, Row, by_figure, read_runs
from kedit_memory.evaluation.report.tables import table_lines, verdict, with_interval

HEAD = """# What goes before a question, and when

Written by `python scripts/gate_report.py`; no figure is typed by hand.
"""
FLOOR = """## Passages that speak of the question

A search ranks whatever is there; a floor decides whether the best is good enough. `gets one`: questions of NQ-open that
get any passage of a store that is about other things, ten passages or all (the articles of `squad`, such as that on the
Super Bowl, do speak of some). `kept`: questions whose own passage is among the three found and reaches the floor;
`found`: the same without one. {origin}
"""
ANSWERS = """## When to search: answers of Llama-3.1-8B-Instruct

The answers to 3,000 questions of six sets without and with retrieval are those of Moskvoretskii et al. (ACL 2025,
AdaRAGUE). No model is run, so a gate sees the question alone: its form, its meaning (all-MiniLM-L6-v2), or both. Half
of each set fits a gate, the other half judges it; the cut of each set is placed for a budget of {budget:g} calls.
`chosen` is the gate that cross-validation within the fitted half prefers, `random` searches as often without looking.
The way to the oracle starts at the better of never and always, of which always searches for every question; beside it
stands the way from never. An interval holds 95% of the splits. {origin}
"""
SEARCHES = ("bm25", "dense", "fused")
GOAL = 0.25


def main() -> None:
    """Read the files, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--relevance", type=Path, required=True, help="a document of rows")
    parser.add_argument("--answers", type=Path, required=True, help="a document of rows")
    parser.add_argument("--output", type=Path, required=True, help="the Markdown file to write")
    arguments = parser.parse_args()
    try:
        relevance, answers = (read_runs([str(path)])[0] for path in (arguments.relevance, arguments.answers))
    except KeditError as error:
        raise SystemExit(str(error)) from None
    lines = [HEAD, FLOOR.format(origin=_origin(relevance)), *_floor(relevance.rows), ""]
    lines += [ANSWERS.format(origin=_origin(answers), budget=answers.meta["plan"]["budget"])]
    lines += [*_answers(answers.rows), "", _reached(answers.rows), ""]
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text("\n".join(lines), "utf-8")


def _origin(run: Measured) -> str:
    return f"From `{run.command}`, commit {run.first['commit']}."


def _floor(rows: Sequence[Row]) -> list[str]:
    value = by_figure(rows)
    body = []
    for kind in dict.fromkeys(row["kind"] for row in rows if row["metric"] == "false_fire"):
        found = [value[search, "false_fire", kind] for search in SEARCHES]
        body.append([kind, "gets one", *map(_share, found), str(found[0]["n"])])
    for kind in dict.fromkeys(row["kind"] for row in rows if row["metric"] == "recall"):
        found = [value[search, "recall", kind] for search in SEARCHES]
        name, _, suffix = kind.partition("/")
        body.append([name, suffix or "kept", *map(_share, found), str(found[0]["n"])])
    return table_lines(["questions@store", "share that", *SEARCHES, "n"], body)


def _answers(rows: Sequence[Row]) -> list[str]:
    """Every gate over all questions, then the gates of most interest set by set."""
    value = by_figure(rows)
    kinds = dict.fromkeys(row["kind"] for row in rows if row["metric"] == "calls")
    body = []
    for kind in kinds:
        for method in dict.fromkeys(row["method"] for row in rows):
            if kind == "all" or method in _BY_SET:
                body.append([kind, *_gate(value, method, kind)])
    return table_lines(["set", "gate", "accuracy", "calls", "way to the oracle", "way from never", "budget kept"], body)


def _gate(value: Mapping[tuple[str, str, str], Row], method: str, kind: str) -> list[str]:
    suffix = "" if kind == "all" else f"/{kind}"
    ways = [value.get((method, "ratio", f"{name}{suffix}")) for name in _WAYS]
    kept = value[method, "rate", "budget_kept"]["value"] if kind == "all" else None
    return [
        method,
        f"{value[method, 'accuracy', kind]['value']:.3f}",
        f"{value[method, 'calls', kind]['value']:.2f}",
        *("" if way is None else _share(way) for way in ways),
        "" if kept is None else f"{kept:.2f}",
    ]


_WAYS = ("gain_of_oracle", "gain_of_oracle_over_never")
_BY_SET = ("never", "always", "chosen", "oracle")


def _reached(rows: Sequence[Row]) -> str:
    """What was promised of NQ, and what came out."""
    value = {(row["method"], row["kind"]): row for row in rows if row["metric"] == "ratio"}
    chosen = value["chosen", "gain_of_oracle/nq"]
    bound, outcome = verdict(chosen["value"], least=GOAL)
    return (
        f"Promised of NQ was a way to the oracle {bound}: {outcome}, {_share(chosen)} by `chosen`. "
        "How sure the model was is not published with its answers, and the question alone tells too little of it."
    )


def _share(row: Row) -> str:
    return with_interval(row, 2)


if __name__ == "__main__":
    main()
