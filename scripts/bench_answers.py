"""Measures what a question costs through the memory: a miss beside the plain model, a batch beside one by one.

    python scripts/bench_answers.py --json
    python scripts/bench_answers.py --models kedit-mini smollm2 --edits 10000

The store holds edits about invented names; questions are about real places, so that no edit answers and no text is
changed. `ratio/miss` is the time of an answer through the router over the plain model's for the same question, asked in
turn and word for word the same; `ratio/batch` how many times as fast questions are answered together, each by an edit.
No question is asked twice, since the memory remembers what it made of one.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from bench_memory import questions, timed

from kedit_memory.evaluation.report.tables import table
from kedit_memory.evaluation.rows import Row, describe_run, document
from kedit_memory.memory import EditMemory
from kedit_memory.models.language import TextModel
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import Prompt
from kedit_memory.routing.router import Router

PLACES = (
    "Paris", "Rome", "Madrid", "Lisbon", "Vienna", "Prague", "Warsaw", "Athens", "Dublin", "Oslo", "Cairo", "Nairobi",
    "Lima", "Quito", "Bogota", "Havana", "Tokyo", "Seoul", "Hanoi", "Manila", "Sydney", "Toronto", "Boston", "Chicago",
)  # fmt: skip
ASKED = ("In which country is {}?", "Which language do people speak in {}?", "What is the weather like in {}?")
WARM = 3  # questions before those that count


def main() -> None:
    """Fill a store, ask both ways, print rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["kedit-mini"])
    parser.add_argument("--edits", type=int, default=1_000)
    parser.add_argument("--asked", type=int, default=60, help="questions that no edit answers, at most 69")
    parser.add_argument("--together", type=int, default=32, help="questions of a batch")
    parser.add_argument("--batches", type=int, default=5, help="after one to warm up")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.edits < 2 * arguments.together * (1 + arguments.batches):
        parser.error("too few edits for so many batches, since no question is asked twice; give more --edits")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as aside, EditMemory.open(Path(aside) / "store") as memory:
        stored = list(islice(questions(arguments.edits), arguments.edits))
        memory.add_many(
            [{"prompt": text, "target": f"answer {n}", "subject": of} for n, (text, of) in enumerate(stored)]
        )
        rows = [
            row for name in arguments.models for row in measured(memory, name, [one for one, _ in stored], arguments)
        ]
    print(document(rows) if arguments.json else table(rows))


def measured(memory: EditMemory, name: str, stored: Sequence[str], arguments: argparse.Namespace) -> Iterator[Row]:
    """The figures of one model."""
    print(f"{name}: asking", file=sys.stderr, flush=True)
    model = load_model(name)
    router = Router(memory, model)
    run = describe_run("answers_speed", "templates", config=vars(arguments), model=name)
    row = Row(run=run, method="kedit", metric="ratio", value=0.0, n=0, unit="times", edits=len(stored))
    asked = [form.format(place) for form in ASKED for place in PLACES][: WARM + arguments.asked]
    misses = [_both_ways(router, model, text) for text in asked][WARM:]
    yield _median(replace(row, kind="miss"), [through / straight for through, straight in misses])
    for kind, values in zip(("miss", "miss_plain"), zip(*misses, strict=True), strict=True):
        yield _median(replace(row, metric="seconds", kind=kind, unit="s"), values)
    size = arguments.together
    sets = [stored[start : start + size] for start in range(0, 2 * size * (1 + arguments.batches), size)]
    spent = [
        (
            timed(lambda one=one: [router.query(text) for text in one]),
            timed(lambda other=other: router.query_many(other)),
        )
        for one, other in zip(sets[::2], sets[1::2], strict=True)
    ][1:]
    yield _median(replace(row, kind="batch"), [alone / together for alone, together in spent])


def _both_ways(router: Router, model: TextModel, text: str) -> tuple[float, float]:
    """The seconds of a question that no edit answers: through the router, which has not met it, and to the model."""
    said: list[str] = []
    through = timed(lambda: said.append(router.query(text).text))
    straight = timed(lambda: said.append(model.reply_many([Prompt(question=text)])[0].text))
    if said[0] != said[1]:
        raise SystemExit(f"{text!r} is answered by the memory; a miss was meant")
    return through, straight


def _median(row: Row, values: Sequence[float]) -> Row:
    return row.drawn(np.array(values)[:, None], "median")


if __name__ == "__main__":
    main()
