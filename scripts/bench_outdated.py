"""Measures how long it takes to find the passages that speak against an edit, in a store of 100,000 edits, on one core.

    python scripts/bench_outdated.py --json
    python scripts/bench_outdated.py --edits 10000

Three kinds of sets, each of as many passages as go before a question and each compared once: of subjects without an
edit; with one about a subject of edits that states no replaced value; with one that does. Passages are as long as those
that `kedit ingest` cuts, made of the shipped ones. Half of the edits have superseded the other half, and all names are
invented.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from bench_memory import questions

from kedit_memory.evaluation.report.tables import table
from kedit_memory.evaluation.rows import Row, describe_run, document
from kedit_memory.memory.memory import EditMemory
from kedit_memory.models.encoder import HashingEncoder
from kedit_memory.records import Passage, RetrievedPassage
from kedit_memory.retrieval.splitting import PASSAGE_WORDS
from kedit_memory.routing.contradictions import Contradictions
from kedit_memory.routing.link import GivenNames, Linker, surfaces_of
from kedit_memory.world import background

_BATCH = 5000
_RUNS = 5  # of each set, of which the median counts: others work on the machine
_EACH = 4  # edits of a subject: two relations, each answered twice


def main() -> None:
    """Fill the store, compare, print rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edits", type=int, default=100_000)
    parser.add_argument("--asked", type=int, default=500, help="sets of passages of each kind")
    parser.add_argument("--passages", type=int, default=3, help="in each set")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    run = describe_run("outdated_speed", "templates", config=vars(arguments), model="none")
    subjects = [subject for _, subject in islice(questions(arguments.edits), arguments.edits // _EACH)]
    sets = _sets(subjects, arguments.asked, arguments.passages, random.Random(arguments.seed))
    with (
        tempfile.TemporaryDirectory() as aside,
        EditMemory.open(Path(aside) / "store", HashingEncoder()) as memory,
    ):
        _fill(memory, subjects)
        rows = [
            Row(run=run, method="kedit", metric="seconds", kind=f"p{percent}/{kind}", value=value, n=n, unit="s",
                edits=arguments.edits)
            for kind, chosen in sets.items()
            for percent, value, n in _timed(memory, chosen, outdated=kind == "outdated")
        ]  # fmt: skip
    print(document(rows) if arguments.json else table(rows))


def _fill(memory: EditMemory, subjects: Sequence[str]) -> None:
    """Two relations of each subject, answered anew: what the first round says, the second replaces."""
    for answer in ("old", "new"):
        rows = [
            {"subject": subject, "relation": relation, "target": f"{answer} {relation} {n}"}
            for n, subject in enumerate(subjects)
            for relation in ("chairman", "seat")
        ]
        for start in range(0, len(rows), _BATCH):
            memory.add_many(rows[start : start + _BATCH])
            print(f"stored {start + _BATCH:,} of {len(rows):,}, {answer}", file=sys.stderr, flush=True)


def _sets(
    subjects: Sequence[str], count: int, size: int, random: random.Random
) -> dict[str, list[list[RetrievedPassage]]]:
    """Sets of passages by kind; the first passage of a set is about a subject of edits where its kind says so."""
    shipped = [one.text for one in background().passages]

    def passage(number: int, begins: str) -> RetrievedPassage:
        text = begins
        while len(text.split()) < PASSAGE_WORDS:
            text += " " + random.choice(shipped)
        text = " ".join(text.split()[:PASSAGE_WORDS])
        return RetrievedPassage(passage=Passage(id=f"p{number}", title="", text=text), score=1.0)

    def chosen(begins: str) -> list[list[RetrievedPassage]]:
        places = random.sample(range(len(subjects)), count)
        return [[passage(i, begins.format(s=subjects[n], n=n) if i == 0 else "") for i in range(size)] for n in places]

    return {
        "no_edit": chosen(""),
        "edited": chosen("{s} was founded long ago."),
        "outdated": chosen("{s} was led by old chairman {n} then."),
    }


def _timed(
    memory: EditMemory, chosen: Sequence[Sequence[RetrievedPassage]], *, outdated: bool
) -> Iterator[tuple[int, float, int]]:
    world = background()
    known = GivenNames(surfaces_of(world.aliases))
    spent = np.empty((_RUNS, len(chosen)))
    for run in (0, *range(_RUNS)):  # the first one warms up
        for place, found in enumerate(chosen):
            started = time.perf_counter()
            with memory.reader() as reader:
                told = Contradictions(reader, Linker(known, reader.names), world, found).outdated
            spent[run, place] = time.perf_counter() - started
            if len(told) != int(outdated):
                raise AssertionError(f"{len(told)} passages are found outdated, {int(outdated)} are")
    for percent in (50, 99):
        yield percent, float(np.percentile(np.median(spent, axis=0), percent)), len(chosen)


if __name__ == "__main__":
    main()
