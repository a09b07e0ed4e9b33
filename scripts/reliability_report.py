"""Write the page on reliability from saved rows: every figure comes from the file, none is typed.

python tests/faults/soak.py --kills 1000 --others 200 --json > build/soak.json
python scripts/reliability_report.py --rows build/soak.json --output docs/results/reliability.md
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

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

`{command}`: {seconds:,.0f} s, {cpu_seconds:,.0f} s of processor time in the parent; commit {commit}, {machine}.
"""
OUTCOMES = ("survived", "told", "lost")

Row = Mapping[str, Any]


def main() -> None:
    """Read the document, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, required=True, help="what tests/faults/soak.py printed with --json")
    parser.add_argument("--output", type=Path, required=True, help="the Markdown file to write")
    arguments = parser.parse_args()
    try:
        given = json.loads(arguments.rows.read_text("utf-8"))
        text = report(given["rows"], given["meta"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"{arguments.rows} is no document of rows ({error!r}); give what soak.py printed") from None
    arguments.output.write_text(text, "utf-8")


def report(rows: Sequence[Row], meta: Mapping[str, Any]) -> str:
    """The page: a line a fault, then what was lost."""
    table = [_cells(fault, {row["kind"]: row for row in mine}) for fault, mine in _by_fault(rows)]
    totals = {name: sum(round(row["value"] * row["n"]) for row in rows if row["kind"] == name) for name in OUTCOMES}
    head = HEAD.format(
        **meta, **totals, tried=sum(totals.values()), commit=rows[0]["commit"], machine=rows[0]["machine"]
    )
    lines = [
        head,
        "| fault | tried | survived | told | lost | lost, 95% interval |",
        "| --- | --- | --- | --- | --- | --- |",
        *(f"| {' | '.join(cells)} |" for cells in table),
        "",
        *(["Lost:", "", *(f"- {one}" for one in meta["lost"]), ""] if meta["lost"] else []),
        *([f"Not tried on this machine: {', '.join(meta['not_tried'])}.", ""] if meta["not_tried"] else []),
    ]
    return "\n".join(lines)


def _by_fault(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    return [(fault, list(mine)) for fault, mine in groupby(rows, key=lambda row: str(row["dataset"]))]


def _cells(fault: str, kinds: Mapping[str, Row]) -> list[str]:
    lost = kinds["lost"]
    counts = [f"{round(kinds[name]['value'] * lost['n']):,}" for name in OUTCOMES]
    return [fault, f"{lost['n']:,}", *counts, f"{lost['low']:.3f} to {lost['high']:.3f}"]


if __name__ == "__main__":
    main()
