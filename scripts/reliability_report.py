"""Write the page on reliability from saved rows: every figure comes from the file, none is typed.

python tests/faults/soak.py --kills 1000 --others 200 --json > build/soak.json
python scripts/reliability_report.py --rows build/soak.json --output docs/results/reliability.md
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kedit_memory.evaluation.report.tables import table_lines

HEAD = """# What a store survives

Written by `python scripts/reliability_report.py`; no figure is typed by hand. {tried:,} faults were tried, {survived:,}
of them survived without a word, {told:,} were told by `kedit verify`, or at opening, in a line that says how to mend
them, and {lost:,} lost something: an acknowledged change was missing, a refused one was there, or damage was not told.

A kill is SIGKILL before a call that changes a file (a write, a flush, a rename, a removal), or in the middle of a
write; the calls are counted by the kernel, so that each is met. Kills take the process, not the machine: what was
written but not flushed stays, as it does when a process dies. After each, `verify` passes, all that was acknowledged is
there, nothing that was refused is, and the store takes a new edit. A flipped bit, or a file that is cut or ends in
zeros, is told unless the tables are what they were; what is told of a cache was mended by a rebuild. A full disk and a
read-only one are file systems of their own where that is allowed, else a limit on the size of files.
"""
_HEAD = ("fault", "tried", "survived", "told", "lost", "lost, 95% interval")
OUTCOMES = ("survived", "told", "lost")

Row = Mapping[str, Any]
Document = Mapping[str, Any]  # rows, and what was run


def main() -> None:
    """Read the document, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, nargs="+", required=True, help="what tests/faults/soak.py printed")
    parser.add_argument("--output", type=Path, required=True, help="the Markdown file to write")
    arguments = parser.parse_args()
    text = report([read(path) for path in arguments.rows])
    arguments.output.write_text(text, "utf-8")


def read(path: Path) -> Document:
    """What one run printed."""
    try:
        given: Document = json.loads(path.read_text("utf-8"))
        if given["rows"] and given["meta"]["command"]:
            return given
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"{path} is no document of rows ({error!r}); give what soak.py printed with --json") from None
    raise SystemExit(f"{path} holds no row; give what soak.py printed with --json")


def report(runs: Sequence[Document]) -> str:
    """The page: a line a fault, then what was lost; a fault of several runs counts as in the last of them."""
    last = {row["dataset"]: run for run in runs for row in run["rows"]}
    rows = {fault: [row for row in run["rows"] if row["dataset"] == fault] for fault, run in last.items()}
    kinds = {fault: {row["kind"]: row for row in mine} for fault, mine in rows.items()}
    totals = {name: sum(_count(one[name]) for one in kinds.values()) for name in OUTCOMES}
    lost = [one for fault, run in last.items() for one in run["meta"]["lost"] if one.startswith(f"{fault}: ")]
    lines = [
        HEAD.format(**totals, tried=sum(totals.values())),
        *map(_made_by, runs),
        *table_lines(_HEAD, [_cells(fault, one) for fault, one in kinds.items()]),
        "",
        *(["Lost:", "", *(f"- {' '.join(one.split())}" for one in lost), ""] if lost else []),
    ]
    if missing := runs[-1]["meta"]["not_tried"]:
        lines += [f"Not tried on this machine: {', '.join(missing)}.", ""]
    return "\n".join(lines)


def _made_by(run: Document) -> str:
    meta, row = run["meta"], run["rows"][0]
    return f"`{meta['command']}`: {meta['seconds']:,.0f} s; commit {row['commit']}, {row['machine']}.\n"


def _count(row: Row) -> int:
    return round(row["value"] * row["n"])


def _cells(fault: str, kinds: Mapping[str, Row]) -> list[str]:
    lost = kinds["lost"]
    counts = [f"{_count(kinds[name]):,}" for name in OUTCOMES]
    return [fault, f"{lost['n']:,}", *counts, f"{lost['low']:.3f} to {lost['high']:.3f}"]


if __name__ == "__main__":
    main()
