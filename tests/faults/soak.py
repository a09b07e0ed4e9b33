"""Tries faults on stores and prints what became of them as rows; `make soak` is the long setting.

    python tests/faults/soak.py --kills 2000 --others 200 --json > build/soak.json
    python scripts/reliability_report.py --rows build/soak.json --output docs/results/reliability.md

Kills and losses of power are spread over all that may be stopped; each other fault is tried `--others` times.
"""

import argparse
import json
import logging
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # a process with threads cannot be forked
    os.environ[name] = "1"
sys.path[:0] = [str(Path(__file__).parents[level]) for level in (1, 2)]

from faults import surroundings  # noqa: E402
from faults.damage import cut_files, flipped_bits, flipped_rows  # noqa: E402
from faults.kills import kills  # noqa: E402
from faults.power import power_losses  # noqa: E402
from faults.stores import WORKS  # noqa: E402
from faults.tracing import can_mount, can_trace  # noqa: E402
from faults.trials import LOST, OUTCOMES, Trial  # noqa: E402

from kedit_memory.evaluation.intervals import wilson  # noqa: E402
from kedit_memory.evaluation.rows import Row, describe_run, document  # noqa: E402
from kedit_memory.memory.derived import DERIVED_TABLES  # noqa: E402
from kedit_memory.memory.schema import CHECKED_TABLES  # noqa: E402

Try = Callable[[Path, int, int], Iterator[Trial]]  # in a folder, so many times, from a seed

TABLES = {"notes and operations": CHECKED_TABLES, "counts, names and words": tuple(DERIVED_TABLES)}
KILLS: dict[str, Try] = {
    f"{how}: {name}": partial(tried, name)
    for how, tried in (("kill", kills), ("power", power_losses))
    for name in WORKS
}  # fmt: skip
OTHERS: dict[str, Try] = {
    "flipped bit: cache": partial(flipped_bits, "cache"),
    "flipped bit: store.db": partial(flipped_bits, "store.db"),
    "flipped bit: passages.db": partial(flipped_bits, "passages.db"),
    **{f"flipped bit: {name}": partial(flipped_rows, name, tables) for name, tables in TABLES.items()},
    "cut or torn file: cache": partial(cut_files, "cache"),
    "cut or torn file: store.db": partial(cut_files, "store.db"),
    "cut or torn file: passages.db": partial(cut_files, "passages.db"),
    "full disk": surroundings.full_disk,
    "clock that goes back": surroundings.clock_back,
    "folder replaced under an open memory": surroundings.folder_replaced,
}
FOLLOWED: dict[str, Try] = {  # which need to follow another process, as kills do
    "two writers, one killed": surroundings.two_writers,
    "readers during a rebuild that is killed": surroundings.readers_during_rebuild,
}


MOUNTED: dict[str, Try] = {"read-only disk": surroundings.read_only}  # which needs a disk of its own, too


def able() -> dict[str, Try]:
    """The faults beside kills that this machine lets us try."""
    return OTHERS | (FOLLOWED if can_trace() else {}) | (MOUNTED if can_trace() and can_mount() else {})


def main() -> None:
    """Try all faults; exit with 1 where something was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=2000, help="how many kills and losses of power in all")
    parser.add_argument("--others", type=int, default=200, help="how many trials of each other fault")
    parser.add_argument("--only", default="", help="faults whose name holds this")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one document of rows")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)  # that a damaged cache is built anew is what is meant to happen
    began, cpu = time.monotonic(), time.process_time()
    tried = [one for one in tries(arguments.kills, arguments.others) if arguments.only in one[0]]
    found = {name: run(name, attempt, most, arguments.seed) for name, attempt, most in tried}
    meta: dict[str, Any] = {
        "command": shlex.join(["python", *sys.argv]),
        "seconds": round(time.monotonic() - began, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "not_tried": sorted({*({} if can_trace() else KILLS), *FOLLOWED, *MOUNTED} - able().keys()),
        "lost": [f"{one.fault}: {one.why}" for trials in found.values() for one in trials if one.outcome == LOST],
    }
    if arguments.json:
        print(document([row for name, trials in found.items() for row in rows(name, trials)], **meta))  # noqa: T201
    else:
        for name, trials in found.items():
            print(name, {outcome: sum(one.outcome == outcome for one in trials) for outcome in OUTCOMES})  # noqa: T201
        print(json.dumps(meta, indent=1))  # noqa: T201
    sys.exit(1 if meta["lost"] else 0)


def tries(kill: int, others: int) -> list[tuple[str, Try, int]]:
    """Every fault with how it is tried and how often; without following processes there are no kills."""
    share, more = divmod(kill, len(KILLS))
    killed = [(name, attempt, share + (place < more)) for place, (name, attempt) in enumerate(KILLS.items())]
    return [*(killed if can_trace() else []), *((name, attempt, others) for name, attempt in able().items())]


def run(name: str, attempt: Try, most: int, seed: int) -> list[Trial]:
    """The trials of one fault, in memory where there is room: a kill takes nothing from the system's own buffers."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of its own in it
    place = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="faults-", dir=place) as folder:
        try:
            return list(attempt(Path(folder), most, seed))
        except Exception as error:  # noqa: BLE001 - told as any other
            return [Trial(fault=name, outcome=LOST, why=f"the trial itself failed: {error!r}")]


def rows(name: str, trials: list[Trial]) -> list[Row]:
    """The share of each outcome, with its interval."""
    facts = describe_run("reliability", name)
    counts = {outcome: sum(one.outcome == outcome for one in trials) for outcome in OUTCOMES}
    return [
        Row(
            run=facts,
            method="store",
            metric="rate",
            kind=outcome,
            value=count / len(trials),
            low=(bounds := wilson(count, len(trials)))[0],
            high=bounds[1],
            n=len(trials),
            unit="share",
        )
        for outcome, count in counts.items()
        if trials
    ]


if __name__ == "__main__":
    main()
