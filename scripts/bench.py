"""Measures how fast everything is, in one run: keeps its rows, and writes the page and the pictures from them.

    python scripts/bench.py                        # quick, what `make bench-check` takes again
    python scripts/bench.py --full --peers PYTHON  # what the page is written from
    python scripts/bench.py --check                # fails where a ratio is worse than in the rows that are kept

Each part is a script of its own, in a process of its own, one after the other; `--only` names some. What is kept of
parts that were not run stays. PYTHON is the interpreter of an environment with the stores to compare, see
`bench_peers.py`; without it that part holds this project alone. How long each part took is in the page.

`--check` takes the quick run and compares each ratio of which something is promised with the same one in the kept rows,
of as many edits, the same model and method; one that is worse by more than a fifth fails.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench_report import SECTIONS, Row, limits_of, read, write

HERE = Path(__file__).parent
RESULTS = HERE.parent / "docs" / "results"
SAME = ("task", "dataset", "method", "metric", "kind", "edits", "model")  # what tells figures apart
TOOK = "part/whole"


@dataclass(frozen=True, kw_only=True)
class Part:
    """One script, with what it is given in each setting; in the full one it measures all of the quick one, too."""

    script: str
    task: str
    quick: str | None  # None: left out
    full: str
    peers: bool = False


PARTS = {
    "memory": Part(
        script="bench_memory.py",
        task="memory",
        quick="--encoder given --short --sizes 10000,100000,300000 --project 10000000",
        full="--encoder given --short --sizes 10000,100000,300000,1000000 --project 10000000",
    ),
    "engines": Part(
        script="bench_engines.py",
        task="engines",
        quick=None,
        full="--keys 1000000 --questions 400 --kinds pq",
    ),
    "peers": Part(script="bench_peers.py", task="peers", quick="--edits 2000", full="--edits 2000 20000", peers=True),
    "answers": Part(
        script="bench_answers.py", task="answers_speed", quick="--asked 15", full="--models kedit-mini smollm2"
    ),
    "codebook": Part(
        script="bench_codebook.py",
        task="codebook_speed",
        quick="--editors grace-fast --entries 10000 --learned 20",
        full="--editors grace-fast --entries 1000 10000 100000",
    ),
    "reader": Part(script="bench_reader.py", task="reader_speed", quick="--questions 60", full=""),
    "cold": Part(script="bench_cold.py", task="cold_speed", quick="--runs 3", full=""),
    "scope": Part(script="bench_scope.py", task="scope_speed", quick=None, full=""),
    "outdated": Part(script="bench_outdated.py", task="outdated_speed", quick=None, full=""),
    "retrieval": Part(script="bench_retrieval.py", task="retrieval", quick=None, full="--sizes 100000,1000000 --world"),
}


def main() -> None:
    """Run the parts, then keep and write what they found, or compare it."""
    options = _options()
    names = options.only.split(",") if options.only else list(PARTS)
    if unknown := [name for name in names if name not in PARTS]:
        raise SystemExit(f"no part {', '.join(unknown)}; known: {', '.join(PARTS)}")
    kept = read(options.rows) if options.rows.is_file() else []
    if options.check and not kept:
        raise SystemExit(f"{options.rows} keeps no rows to compare with; run `make bench` first")
    parts = (list(run(PARTS[name], full=options.full, peers=options.peers)) for name in names)
    if options.check:
        told, worse = compared(kept, [row for part in parts for row in part], options.tolerance)
        print("\n".join(told))
        sys.exit(1 if worse else 0)
    options.rows.parent.mkdir(parents=True, exist_ok=True)
    for part in parts:  # each is kept as it comes: a later one that fails costs its own rows alone
        measured = {row["task"] for row in part}
        kept = [*(row for row in kept if row["task"] not in measured), *part]
        options.rows.write_text("".join(f"{json.dumps(row)}\n" for row in kept), "utf-8")
    write(kept, options.page)


def run(part: Part, *, full: bool, peers: str | None = None) -> Iterator[Row]:
    """The rows of one part, and how long it took."""
    words = part.full if full else part.quick
    if words is None:
        return
    command = [sys.executable, str(HERE / part.script), *words.split(), "--json"]
    command += ["--peers", peers] if part.peers and peers else []
    print(f"{part.script} {words}", file=sys.stderr, flush=True)
    began = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - own files
    if done.returncode:
        raise SystemExit(f"{part.script} failed with {done.returncode}; what it said is above")
    rows = json.loads(done.stdout)["rows"]
    yield from rows
    spent = {"metric": "seconds", "kind": TOOK, "value": time.perf_counter() - began, "unit": "s", "n": 1}
    yield rows[0] | spent | {"low": None, "high": None, "edits": 0}


def compared(kept: Sequence[Row], rows: Sequence[Row], tolerance: float) -> tuple[list[str], int]:
    """A line for each ratio that both runs have and of which something is promised; how many are worse than allowed.

    Nothing to compare counts as one.
    """
    known = {tuple(row[field] for field in SAME): row["value"] for row in kept}
    told, worse = [], 0
    for row in rows:
        before = known.get(tuple(row[field] for field in SAME))
        most, least = limits_of(SECTIONS[row["task"]], row)
        if row["metric"] == "ratio" and before and (most, least) != (None, None):
            lost = (row["value"] / before if least is None else before / row["value"]) - 1
            worse += lost > tolerance
            name = " ".join(str(row[field]) for field in ("task", "method", "model", "kind", "edits") if row[field])
            verdict = "WORSE" if lost > tolerance else "as good"
            told.append(f"{verdict}: {name}: {row['value']:.3f}, was {before:.3f}")
    return (told, worse) if told else (["the kept rows hold none of these ratios; run `make bench` first"], 1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    setting = parser.add_mutually_exclusive_group()
    setting.add_argument("--quick", action="store_true", help="what is taken by default")
    setting.add_argument("--full", action="store_true", help="all sizes, and SmolLM2")
    setting.add_argument("--check", action="store_true", help="compare the quick run with the rows that are kept")
    parser.add_argument("--only", help=f"parts, separated by commas: {', '.join(PARTS)}")
    parser.add_argument("--peers", help="the Python of an environment with other stores")
    parser.add_argument("--tolerance", type=float, default=0.2, help="by how much a ratio may be worse")
    parser.add_argument("--rows", type=Path, default=RESULTS / "rows" / "speed.jsonl", help="where rows are kept")
    parser.add_argument("--page", type=Path, default=RESULTS / "speed.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
