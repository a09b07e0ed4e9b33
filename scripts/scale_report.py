"""Writes what a very large memory needs, reckoned from measured constants: no figure of the page is typed by hand.

python scripts/bench_scale.py --json > scale.json
python scripts/scale_report.py --rows scale.json --output docs/scale.md
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from kedit_memory.cli.output import counted
from kedit_memory.memory.index.planned import LARGE
from kedit_memory.memory.read import HUB

_SECONDS_OF_A_DAY = 86_400
_FULL = 0.6  # of a machine's memory, and of its cores, that are planned with
_OWN = 10_000  # keys of a tenant
_PATIENCE = 0.010  # seconds that a scan may take

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is wanted, and the machines to be had."""

    edits: int
    questions: int  # a second
    changes: float  # durable ones, a second
    regions: int
    cores: int  # of a machine
    gigabytes: int  # of its memory


def main() -> None:
    """Read the rows, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, required=True, help="what bench_scale.py printed with --json")
    parser.add_argument("--output", type=Path, required=True, help="the Markdown file to write")
    parser.add_argument("--edits", type=int, default=100_000_000)
    parser.add_argument("--questions", type=int, default=10_000, help="a second, of all regions together")
    parser.add_argument("--changes", type=float, default=100.0, help="durable edits a second")
    parser.add_argument("--regions", type=int, default=3)
    parser.add_argument("--cores", type=int, default=32, help="of a machine")
    parser.add_argument("--gigabytes", type=int, default=128, help="of its memory")
    given = vars(parser.parse_args())
    rows, output = given.pop("rows"), given.pop("output")
    output.write_text(page(json.loads(rows.read_text("utf-8"))["rows"], Load(**given)), "utf-8")


def page(rows: Sequence[Row], load: Load) -> str:
    """The page."""
    one = {row["kind"]: row for row in rows}
    value = {kind: float(row["value"]) for kind, row in one.items()}
    constants = "\n".join(
        f"| {meaning} | {_shown(value[kind], one[kind]['unit'])} | {where.format(edits=one[kind]['edits'])} |"
        for kind, (meaning, where) in _CONSTANTS.items()
    )
    return _PAGE.format(
        **vars(load),
        commit=rows[0]["commit"],
        machine=rows[0]["machine"],
        constants=constants,
        rebuild=f"{value['rebuild'] / one['rebuild']['edits'] * load.edits / 60:,.0f}",
        **_reckoned(value, load),
    )


_PAGE = """# A hundred million edits

Written by `python scripts/scale_report.py`; no figure is typed by hand. {edits:,} edits of one key each, {questions:,}
questions a second, {changes:,.0f} durable changes a second, {regions} regions; machines of {cores} cores and
{gigabytes} GB, of which {full} is planned with. Nothing of this size was run: what follows is arithmetic on small runs,
good for orders of magnitude. Keys, and with them memory and scans, grow with each paraphrase.

## Constants

`python scripts/bench_scale.py --json`; commit {commit}, {machine}; seconds of one core's own, one
thread, but for the durable add, which also waits for the disk and for others on the machine.

| what | measured | of |
| --- | --- | --- |
{constants}

The reader needs nothing where no edit is a candidate. The language model is not counted: it costs what it costs without
a memory.

## What it takes

- **Space.** {edits:,} keys of 384 numbers of 4 B = {vectors} GB of vectors alone; by the bytes an edit, {disk} GB on
  disk and {memory} GB in memory, within {full} of {by_memory} of {gigabytes} GB each.
- **Encoding once.** edits ÷ texts a second = {encode_hours} core hours. It is the part that spreads:
  `kedit import FILE --ray HOST:PORT` has a Ray cluster encode, and a shard whose worker dies is done again; on
  {by_questions} of {cores} cores {encode_hours_spread} hours, if the speed of one core holds on all.
- **Writing once.** edits ÷ edits a second = {add_days} days through one writer, {add_hours} hours into {shards} side by
  side. The rate falls as a store grows ([measured to 100,000](memory.md)): this is the least.
- **A lost index.** {rebuild} core minutes for all, from the rows; nothing is encoded again.
- **Changes.** One store has one writer: 1 ÷ seconds = {changes_most} durable adds a second at most, so that
  {changes:,.0f} a second need {writers}.
- **Questions.** Encoding {encode_cores} cores + reading {read_cores} cores, where every question has four candidates =
  {answering} cores, {core_milliseconds} ms of a core a question, {core_hours} core hours a day: {by_questions},
  {per_region} in each region.
- **Recall decides.** A question that names a stored subject is led to that subject's edits by the database, and a
  namespace of {hub} keys or fewer is compared as it is: neither is scanned for. Any other question scans its store. Of
  everything in one that takes `faiss-pq`, to which a store changes at {large} keys, {short_one} s of a core, and the
  exact `faiss` {scan_one}; for every question {short_all} and {scan_all} cores. The exact one stays within 10 ms up to
  {reach} keys, `faiss-pq` up to {short_reach}; of {own} keys a scan takes {scan_own} ms, {own_cores} cores for all
  questions.

## Which engine, which shards

- **Many tenants**, none large: a store for each, or for groups of them, on the machine that a hash of the tenant names,
  with the index `faiss`. Larger namespaces of one store share its index, so that tenants that should be quick whatever
  others store need stores of their own. No question is put to two shards, and an edit supersedes another only in its
  own store.
- **One tenant with everything:** a store for a part of the subjects serves questions that name one; any other has to
  be put to all shards, which costs the scan above, {short_cores_machines} for it alone. `faiss-pq` compares its
  candidates exactly again, and what it finds was measured with a million keys
  ([decision 26](decisions/0026-engines.md)), not with more. Lists that are searched in part (`faiss-ivf`) cost less and
  leave something out: a covering edit that is not found is not used. A scan costs no more than encoding and reading do
  while it takes {budget_milliseconds} ms.
- **Regions:** each answers from copies of its own, {copies} GB of indexes in all {regions}; changes go to the region
  that has the store's writer. `kedit backup` copies a store in use, `kedit restore` makes one of the copy. Copying
  is yours to schedule; no region is kept up to date by the program, and until a copy arrives it answers by the older.

## What breaks first

1. The scan, where a question names no stored subject: from {short_reach} keys in a store on it takes more than 10 ms.
2. Writing: {add_days} days through one writer, and {changes_most} durable changes a second.
3. Cores for the reader: {read_cores} of {answering}. A graphics card is used where there is one (`--device`); none was
   at hand, so that no figure is given.
4. Memory of a machine, at {most_edits} million edits of one key.
5. The driver of a Ray run: it holds all texts and vectors of an operation, {vectors} GB here, and the head of the
   cluster must live. Import in files of a million edits, each an operation; the same file again stores nothing.

The cost is the price of {all_machines} and {disk_copies} GB of disk, and the model's own.
"""

_CONSTANTS = {
    "add": ("written by `add_many`, vectors given", "into an empty store, {edits:,} at once"),
    "durable_add": ("one durable `add`, vector given", "median in a store of {edits:,}"),
    "disk_per_edit": ("on disk: row, words, names, vector, index", "of {edits:,} edits with one key each"),
    "faiss_per_key": ("in memory: the index `faiss`", "with {edits:,} keys of 384 numbers"),
    "faiss-pq_per_key": ("in memory: the index `faiss-pq`", "with {edits:,} keys of 384 numbers"),
    "recall": ("covering edits of a question, rows read", "median in a store of {edits:,}"),
    "faiss_per_million": ("a scan by the index `faiss`", "of a million keys, reckoned from {edits:,}"),
    "exact_per_million": ("the same by the index `exact`", "of a million keys, reckoned from {edits:,}"),
    "faiss-pq_per_million": ("the same by the index `faiss-pq`", "of a million keys, reckoned from {edits:,}"),
    "rebuild": ("a lost index made anew from the rows", "of {edits:,} edits"),
    "encode": ("short questions encoded, all-MiniLM-L6-v2", "in batches of 64"),
    "read_question": ("four candidates read by the reader", "median of new questions"),
}


def _reckoned(value: Mapping[str, float], load: Load) -> dict[str, Any]:
    """What the page reckons from the constants, by the names in its text."""
    memory, disk = load.edits * value["faiss_per_key"] / 1e9, load.edits * value["disk_per_edit"] / 1e9  # GB
    by_memory, writers = ceil(memory / (_FULL * load.gigabytes)), ceil(load.changes * value["durable_add"] / _FULL)
    shards = max(by_memory, writers)
    scan, short = value["faiss_per_million"] / 1e6, value["faiss-pq_per_million"] / 1e6  # seconds a key
    encode, read = load.questions / value["encode"], load.questions * value["read_question"]  # cores
    machines = ceil((encode + read) / (_FULL * load.cores))
    milliseconds = 1000 * (encode + read) / load.questions
    return {
        "full": f"{_FULL:.0%}",
        "vectors": f"{load.edits * 384 * 4 / 1e9:,.0f}",
        "disk": f"{disk:,.0f}",
        "memory": f"{memory:,.0f}",
        "by_memory": counted(by_memory, "machine"),
        "encode_hours": f"{load.edits / value['encode'] / 3600:,.0f}",
        "encode_hours_spread": f"{load.edits / value['encode'] / (load.cores * machines) / 3600:,.1f}",
        "add_days": f"{load.edits / value['add'] / _SECONDS_OF_A_DAY:,.1f}",
        "add_hours": f"{load.edits / shards / value['add'] / 3600:,.1f}",
        "shards": counted(shards, "store"),
        "changes_most": f"{1 / value['durable_add']:,.0f}",
        "writers": counted(writers, "store"),
        "scan_one": f"{load.edits * scan:,.1f}",
        "scan_all": f"{load.questions * load.edits * scan:,.0f}",
        "short_one": f"{load.edits * short:,.1f}",
        "short_all": f"{load.questions * load.edits * short:,.0f}",
        "short_reach": f"{_PATIENCE / short:,.0f}",
        "short_cores_machines": counted(ceil(load.questions * load.edits * short / (_FULL * load.cores)), "machine"),
        "large": f"{LARGE:,}",
        "scan_own": f"{1000 * _OWN * scan:,.2f}",
        "own": f"{_OWN:,}",
        "own_cores": f"{load.questions * _OWN * scan:,.0f}",
        "hub": f"{HUB:,}",
        "reach": f"{_PATIENCE / scan:,.0f}",
        "encode_cores": f"{encode:,.0f}",
        "read_cores": f"{read:,.0f}",
        "answering": f"{encode + read:,.0f}",
        "by_questions": counted(machines, "machine"),
        "per_region": ceil(machines / load.regions),
        "all_machines": counted(load.regions * max(ceil(machines / load.regions), by_memory), "machine"),
        "copies": f"{load.regions * memory:,.0f}",
        "disk_copies": f"{load.regions * disk:,.0f}",
        "core_milliseconds": f"{milliseconds:,.1f}",
        "budget_milliseconds": f"{milliseconds:,.0f}",
        "core_hours": f"{(encode + read) * 24:,.0f}",
        "most_edits": f"{_FULL * load.gigabytes * 1e3 / value['faiss_per_key']:,.0f}",
    }


def _shown(value: float, unit: str) -> str:
    if unit == "s":
        return f"{1000 * value:,.2f} ms" if value < 1 else f"{value:,.1f} s"
    return f"{value:,.0f} {unit}"


if __name__ == "__main__":
    main()
