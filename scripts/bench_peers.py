"""Measures stores of vectors and texts beside each other, on the same vectors: each in a process of its own.

    python scripts/bench_peers.py --peers PYTHON --json

PYTHON is the interpreter of an environment with the stores to compare: pip install chromadb lancedb mem0ai txtai. One
that is missing there is skipped with a line. What each does is in `peers.py`. `ratio/NAME` is how many times as long
the peer takes as this project, or as many bytes as it needs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from peers import PEERS

from kedit_memory.evaluation.report.tables import table
from kedit_memory.evaluation.rows import Row, describe_run, document

OURS = "kedit"
Measured = Mapping[str, Sequence[float]]


def main() -> None:
    """Put each through, print rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", help="the Python of an environment with the peers; without it, there are none")
    parser.add_argument("--edits", type=int, nargs="+", default=[2_000])
    parser.add_argument("--single", type=int, default=50, help="added, searched for and deleted one by one")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = [row for edits in arguments.edits for row in compared(edits, arguments.single, arguments.peers)]
    print(document(rows) if arguments.json else table(rows))


def compared(edits: int, single: int, python: str | None) -> Iterator[Row]:
    """The figures of each store at one size, and those of the peers over ours."""
    config = {"edits": edits, "single": single}
    row = Row(run=describe_run("peers", "drawn", config=config, model="given"), method=OURS, metric="seconds",
              value=0.0, n=1, unit="s", edits=edits)  # fmt: skip
    ours = _put_through(sys.executable, OURS, edits, single)
    for name in PEERS:
        mine = ours if name == OURS else _put_through(python, name, edits, single) if python else None
        for kind, values in (mine or {}).items():
            one = replace(row, method=name, kind=kind, value=float(np.median(values)), n=len(values))
            if kind == "found":
                yield replace(one, metric="recall", unit="share")
                continue
            yield replace(one, metric="bytes", unit="B") if kind == "bytes" else one
            if name != OURS:
                yield replace(one, metric="ratio", unit="times kedit", value=one.value / float(np.median(ours[kind])))


def _put_through(python: str, name: str, edits: int, single: int) -> Measured:
    """What a store took; nothing where it is missing or fails, which is told."""
    print(f"{name}: {edits:,} edits", file=sys.stderr, flush=True)
    one_core = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    with tempfile.TemporaryDirectory() as folder:
        command = [
            python,
            str(Path(__file__).with_name("peers.py")),
            name,
            "--edits",
            str(edits),
            "--single",
            str(single),
        ]
        done = subprocess.run(  # noqa: S603 - own file
            [*command, "--folder", f"{folder}/store"], env=one_core, capture_output=True, text=True, check=False
        )
    if done.returncode and name == OURS:
        raise SystemExit(done.stderr)
    found: dict[str, Sequence[float]] = {} if done.returncode else json.loads(done.stdout)
    if done.returncode or "missing" in found:
        why = found.get("missing") or (done.stderr.strip().splitlines() or ["no word"])[-1]
        print(f"{name} is skipped: {why}", file=sys.stderr, flush=True)
        return {}
    return found


if __name__ == "__main__":
    main()
