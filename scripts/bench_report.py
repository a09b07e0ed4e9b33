r"""Write the report on speed and recall from saved rows: every figure comes from a file, none is typed.

    python scripts/bench_scope.py --json > scope.json
    python scripts/bench_codebook.py --json > codebook.json
    python scripts/bench_outdated.py --json > outdated.json
    python scripts/bench_retrieval.py --sizes 1000000 --world --squad dev-v1.1.json --json > retrieval.json
    python scripts/bench_report.py --output docs/results/speed.md \
        --rows scope.json codebook.json outdated.json retrieval.json

A file holds one document of such a script.
"""

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HEAD = """# How long it takes, and what a search finds

Written by `python scripts/bench_report.py`; no figure is typed by hand. Times are of one core of a machine on which
others work, so that only what stands in one table should be compared; a ratio was taken within one run.
"""

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Section:
    """What one script measures; `at_most` and `at_least` are what was promised, by kind, and of how many edits."""

    title: str
    text: str
    at_most: Mapping[str, float] = field(default_factory=dict)
    at_least: Mapping[str, float] = field(default_factory=dict)
    edits: int | None = None


SECTIONS = {
    "scope_speed": Section(
        title="The decision about scope",
        text="`python scripts/bench_scope.py --json`, and with `--statements 0` (`names_only`): encoder included, one "
        "core. A question may be linked to no edit; to one whose name is spelt like its own (`name_alike`); to one it "
        "asks for in other words; to one of whose subject it asks for something else; or ask for what a statement "
        "says. One edit of five is a statement, so that each question is read with some; none is in `names_only`.",
        at_most={"p99/names_only/nothing_linked/decision": 0.015}
        | {
            f"{percent}/{kind}/decision": most
            for kind in ("nothing_linked", "rephrasing", "same_subject", "statement")
            for percent, most in (("p50", 0.030), ("p99", 0.060))
        },
        edits=100_000,
    ),
    "codebook_speed": Section(
        title="An answer through a full codebook",
        text="`python scripts/bench_codebook.py --json`: the time of an answer over the unedited model's for the same "
        "question, answered in turn with it.",
        at_most={"time_per_answer_miss": 1.05, "time_per_answer_hit": 1.10},
        edits=100_000,
    ),
    "outdated_speed": Section(
        title="Passages that speak against an edit",
        text="`python scripts/bench_outdated.py --json`: the passages of one question, compared with the edits about "
        "their subjects.",
    ),
    "retrieval": Section(
        title="Passages",
        text="`python scripts/bench_retrieval.py --sizes 100000,1000000 --world --squad dev-v1.1.json --json`: a made "
        "corpus with the word frequencies of running text for speed and memory, which counts the mapped files too; "
        "`cpu_` stands before the processor's seconds, which others on the machine do not lengthen. Recall is the "
        "share of questions whose passage is among the first five: of all shipped passages, and of all paragraphs of "
        "SQuAD's development set.",
        at_most={"build": 1800, "p50": 0.020, "peak_build": 3e9, "peak_query": 3e9},
        at_least={"bm25_at_5": 0.97},
    ),
}  # fmt: skip
MILLION = "zipf_1000000"
MEASURED_ON = {  # the set of which alone something was promised
    "bm25_at_5": "world", "build": MILLION, "p50": MILLION, "peak_build": MILLION, "peak_query": MILLION,
}  # fmt: skip


def main() -> None:
    """Read the files, write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, nargs="+", required=True, help="documents of the bench scripts")
    parser.add_argument("--output", type=Path, required=True, help="the Markdown file to write")
    arguments = parser.parse_args()
    text = report([row for path in arguments.rows for row in read(path)])
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(text, "utf-8")


def read(path: Path) -> Sequence[Row]:
    """The rows of a document."""
    try:
        rows: Sequence[Row] = json.loads(path.read_text("utf-8"))["rows"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SystemExit(
            f"{path} is no document of rows ({error}); give what a bench script printed with --json"
        ) from None
    if unknown := {row["task"] for row in rows} - set(SECTIONS):
        raise SystemExit(f"{path} holds rows of {', '.join(sorted(unknown))}; allowed are {', '.join(SECTIONS)}")
    return rows


def report(rows: Sequence[Row]) -> str:
    """The whole document, a section a script."""
    parts = [HEAD]
    for task, section in SECTIONS.items():
        mine = [row for row in rows if row["task"] == task]
        if mine:
            parts.append("\n".join(_section(section, mine)))
    return "\n".join(parts)


def _section(section: Section, rows: Sequence[Row]) -> Iterable[str]:
    first = rows[0]
    commits = ", ".join(sorted({row["commit"] for row in rows}))
    yield from (f"## {section.title}", "", section.text, "")
    yield from (f"Commit {commits}, {first['machine']}.", "")
    yield from (
        "| of | figure | value | 95% interval | n | promised |  |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    )
    for row in rows:
        promised, kept = verdict(section, row)
        interval = (
            "" if row["low"] is None else f"{shown(row['low'], row['unit'])} to {shown(row['high'], row['unit'])}"
        )
        of = f"{row['method']}, {row['edits']:,}" if row["edits"] else row["dataset"]
        cells = [of, f"{row['metric']}/{row['kind']}", shown(row["value"], row["unit"]), interval, f"{row['n']:,}"]
        yield f"| {' | '.join([*cells, promised, kept])} |"
    yield ""


def verdict(section: Section, row: Row) -> tuple[str, str]:
    """What was promised of a figure, and whether it is reached; empty where nothing was."""
    kind, value = row["kind"], row["value"]
    if section.edits not in (None, row["edits"]) or row["dataset"] != MEASURED_ON.get(kind, row["dataset"]):
        return "", ""
    if (most := section.at_most.get(kind)) is not None:
        return f"≤ {shown(most, row['unit'])}", "reached" if value <= most else "**missed**"
    if (least := section.at_least.get(kind)) is not None:
        return f"≥ {shown(least, row['unit'])}", "reached" if value >= least else "**missed**"
    return "", ""


def shown(value: float, unit: str) -> str:
    """A figure in a unit that suits its size."""
    if unit == "s":
        return f"{1000 * value:.2f} ms" if value < 1 else f"{value:,.0f} s"
    if unit == "B":
        return f"{value / 1e6:,.0f} MB"
    return f"{value:.3f} {unit}".replace(" share", "")


if __name__ == "__main__":
    main()
