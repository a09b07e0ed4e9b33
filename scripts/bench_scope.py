"""Measures how long the decision about scope takes in a store of 100,000 edits, on one core and without the encoder.

    python scripts/bench_scope.py --json
    python scripts/bench_scope.py --edits 10000

Questions of four kinds, each asked alone: nothing in it is linked to an edit; its invented name is spelt so like one of
an edit that edits are weighed; it asks for an edit in other words; or about another relation of an edit's subject.
Names are invented; each subject has four edits.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from bench_memory import PreparedEncoder, questions

from kedit_memory.evaluation.report import table
from kedit_memory.evaluation.rows import Row, describe_run, document
from kedit_memory.memory.encoding import load_by_name
from kedit_memory.memory.memory import EditMemory
from kedit_memory.routing.router import Router, RouterConfig

# Pairs of wordings: what is stored, and what is asked.
STORED = (
    ("Who is the chief executive of {}?", "Who runs {} these days?"),
    ("Where is the headquarters of {}?", "In which town does {} have its main office?"),
    ("In which year was {} founded?", "When did {} begin?"),
    ("What is the phone number of {}?", "Under which number can I call {}?"),
)
OTHER = ("How many people work for {}?", "What does {} sell?", "Which bank does {} use?", "Who is suing {} now?")
STEPS = ("link", "recall", "verify")  # of the decision; the encoder's time is its own affair
STRANGERS = "nothing_linked"
ALIKE = "name_alike"  # what becomes of a stranger whose name might be a misspelt one
_BATCH = 5000


def main() -> None:
    """Fill the store, ask, print rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edits", type=int, default=100_000)
    parser.add_argument("--asked", type=int, default=500, help="questions of each kind")
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    run = describe_run("scope_speed", "templates", config=vars(arguments), model=arguments.encoder)
    names = [
        subject for _, subject in islice(questions(arguments.edits), arguments.edits // len(STORED) + arguments.asked)
    ]
    stored, strangers = names[: -arguments.asked], names[-arguments.asked :]
    asked = dict(_questions(stored[:: max(1, len(stored) // arguments.asked)][: arguments.asked], strangers))
    encoder = PreparedEncoder(load_by_name(arguments.encoder))
    encoder.prepare([text for texts in asked.values() for text in texts])
    with tempfile.TemporaryDirectory() as aside:
        with EditMemory.open(Path(aside) / "store", load_by_name(arguments.encoder)) as memory:
            _fill(memory, stored)
        with EditMemory.open(Path(aside) / "store", encoder) as memory:
            rows = [
                Row(run=run, method="kedit", metric="seconds", kind=f"p{percent}/{kind}/{step}", value=value, n=n,
                    unit="s", edits=len(memory))
                for asked_as, texts in asked.items()
                for kind, step, percent, value, n in _timed(memory, asked_as, texts)
            ]  # fmt: skip
    print(document(rows, encoder=arguments.encoder) if arguments.json else table(rows))


def _questions(stored: Sequence[str], strangers: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    yield STRANGERS, [STORED[n % len(STORED)][1].format(name) for n, name in enumerate(strangers)]
    yield "rephrasing", [STORED[n % len(STORED)][1].format(name) for n, name in enumerate(stored)]
    yield "same_subject", [OTHER[n % len(OTHER)].format(name) for n, name in enumerate(stored)]


def _fill(memory: EditMemory, subjects: Sequence[str]) -> None:
    rows = [
        {"prompt": prompt.format(subject), "target": f"answer {n}", "subject": subject}
        for n, subject in enumerate(subjects)
        for prompt, _ in STORED
    ]
    for start in range(0, len(rows), _BATCH):
        memory.add_many(rows[start : start + _BATCH])
        print(f"stored {len(memory):,} of {len(rows):,}", file=sys.stderr, flush=True)


def _timed(memory: EditMemory, asked_as: str, texts: Sequence[str]) -> Iterator[tuple[str, str, int, float, int]]:
    """Kind, step, percentile, seconds and number of questions: by what was linked, not by what was meant to be."""
    router = Router(memory, config=RouterConfig(scope="verified"))
    for text in texts[:20]:  # a warm-up: names are learnt and weights loaded at the first question
        router.judge_many([text])
    spent: dict[tuple[str, str], list[float]] = {}
    for text in texts:
        started = time.perf_counter()
        (judged,) = router.judge_many([text])
        whole = time.perf_counter() - started
        kind = ALIKE if asked_as == STRANGERS and judged.edit_id else asked_as
        for step in STEPS:
            spent.setdefault((kind, step), []).append(judged.timings.get(step, 0.0))
        spent.setdefault((kind, "decision"), []).append(whole - judged.timings.get("encode", 0.0))
    for (kind, step), seconds in spent.items():
        for percent in (50, 99):
            yield kind, step, percent, float(np.percentile(seconds, percent)), len(seconds)


if __name__ == "__main__":
    main()
