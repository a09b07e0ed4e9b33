"""Measures how long the decision about scope takes in a store of 100,000 edits, on one core, encoder included.

    python scripts/bench_scope.py --json
    python scripts/bench_scope.py --edits 10000
    python scripts/bench_scope.py --growth --json

Questions of five kinds, each asked alone: nothing in it is linked to an edit; its invented name is spelt so like one of
an edit that edits are weighed; it asks for an edit in other words; about another relation of an edit's subject; or for
what a statement says. Names are invented; each subject has four edits. One edit of five is a statement, which words and
meaning find, so that every question is read with something; with `--statements 0` only names lead to edits.

With `--growth` in stores of 1,000, 10,000 and 100,000 edits instead: a question about a subject that all of them are
about (`hub_question`), an edit and a question in turn (`add_then_ask`: the question's share), a question of 200 words
none of which is a name (`long_question`: the share of linking), and the statements that a question reads by
(`count/sql_question`).
"""

import argparse
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from bench_memory import questions

from kedit_memory.evaluation.report.tables import table
from kedit_memory.evaluation.rows import Row, Run, describe_run, document
from kedit_memory.evaluation.tasks.scope.cases import TEST
from kedit_memory.evaluation.templates import STATES, templates
from kedit_memory.memory.encoding import load_by_name
from kedit_memory.memory.memory import EditMemory
from kedit_memory.memory.store import Rows
from kedit_memory.routing.router import Router, RouterConfig

# Pairs of wordings: what is stored, and what is asked.
STORED = (
    ("Who is the chief executive of {}?", "Who runs {} these days?"),
    ("Where is the headquarters of {}?", "In which town does {} have its main office?"),
    ("In which year was {} founded?", "When did {} begin?"),
    ("What is the phone number of {}?", "Under which number can I call {}?"),
)
OTHER = ("How many people work for {}?", "What does {} sell?", "Which bank does {} use?", "Who is suing {} now?")
STEPS = ("link", "encode", "recall", "verify")  # of the decision
STRANGERS = "nothing_linked"
ALIKE = "name_alike"  # what becomes of a stranger whose name might be a misspelt one
_BATCH = 5000
_ASKED = 50  # questions of each kind of --growth
SIZES = (1_000, 10_000, 100_000)
_WORDS = """
    about after again all also always and any are because been before being both came come could does done down
    each even every first found from gave given good great have here house into just kept know large last left
    like little long look made many might more most much must near never next often once only other over people
    place right said same seen shall should since small some still such take than that their them then there
    these they thing think this those though three through time under until upon very want water well went were
    what when where which while will with work would year your
""".split()


def main() -> None:
    """Fill the store, ask, print rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edits", type=int, default=100_000)
    parser.add_argument("--statements", type=float, default=0.2, help="share of the edits that have no subject")
    parser.add_argument("--asked", type=int, default=500, help="questions of each kind")
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--growth", action="store_true", help="how the cost of a question grows with the store")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="edits of the stores of --growth")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    run = describe_run("scope_speed", "templates", config=vars(arguments), model=arguments.encoder)
    rows = list(_growth(run, arguments) if arguments.growth else _steps(run, arguments))
    print(document(rows, encoder=arguments.encoder) if arguments.json else table(rows))


def _steps(run: Run, arguments: argparse.Namespace) -> Iterator[Row]:
    """The steps of the decision about questions of each kind, in one store."""
    statements = dict(stated(round(arguments.statements * arguments.edits)))
    facts = (arguments.edits - len(statements)) // len(STORED)
    names = [subject for _, subject in questions(facts + arguments.asked)]
    stored, strangers = names[:facts], names[facts:]
    some = stored[:: max(1, facts // arguments.asked)][: arguments.asked]
    asked = dict(_questions(some, strangers)) | {"statement": list(statements.values())[: arguments.asked]}
    with tempfile.TemporaryDirectory() as aside, _opened(aside, arguments.encoder) as memory:
        _fill(memory, stored)
        add_many(memory, ({"statement": text} for text in statements), len(memory) + len(statements))
        for asked_as, texts in asked.items():
            for kind, step, percent, value, n in _timed(memory, asked_as, texts):
                place = kind if statements else f"names_only/{kind}"
                yield _seconds(run, f"p{percent}/{place}/{step}", value, n, len(memory))


def stated(count: int) -> Iterator[tuple[str, str]]:
    """Statements of templates, about invented things, each with a question that it answers."""
    rng = random.Random(1)
    stating = [one for one in templates(TEST) if any(text.startswith(STATES) for text in one.wordings)]
    told: set[str] = set()
    while len(told) < count:
        filled = rng.choice(stating).fill(rng, TEST)
        text = filled.statements[0][0]
        if text not in told:
            told.add(text)
            yield text, filled.questions[0][0]


def _growth(run: Run, arguments: argparse.Namespace) -> Iterator[Row]:
    """What one question costs as the store grows."""
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as aside, _opened(aside, arguments.encoder) as memory:
            add_many(memory, ({"prompt": f"What is item {n} of mine?", "target": f"value {n}", "subject": "me"}
                          for n in range(size)), size)  # fmt: skip
            texts = [f"Tell me, what was item {n * size // _ASKED}, the one of mine?" for n in range(_ASKED)]
            yield from _of_each(run, "hub_question", (_decision(memory, text) for text in texts), size)
        with tempfile.TemporaryDirectory() as aside, _opened(aside, arguments.encoder) as memory:
            names = [name for _, name in islice(questions(size + _ASKED), size + _ASKED)]
            add_many(
                memory, ({"prompt": f"Who runs {name}?", "target": "x", "subject": name} for name in names[:size]), size
            )
            yield from _of_each(run, "add_then_ask", _in_turn(memory, names[size:]), size)
            yield from _of_each(run, "long_question", (_linking(memory, text) for text in _long_questions()), size)
            counts = [_statements(memory, f"Who is it that runs {name} now?") for name in names[:_ASKED]]
            yield Row(
                run=run, method="kedit", metric="count", kind="sql_question", value=float(max(counts)),
                unit="statements", n=len(counts), edits=size,
            )  # fmt: skip


def _opened(folder: str, encoder: str) -> EditMemory:
    return EditMemory.open(Path(folder) / "store", load_by_name(encoder))


def _of_each(run: Run, kind: str, seconds: Iterable[float], size: int) -> Iterator[Row]:
    spent = list(seconds)
    for percent in (50, 99):
        yield _seconds(run, f"{kind}/p{percent}", float(np.percentile(spent, percent)), len(spent), size)


def _seconds(run: Run, kind: str, value: float, n: int, edits: int) -> Row:
    return Row(run=run, method="kedit", metric="seconds", kind=kind, value=value, n=n, unit="s", edits=edits)


def _decision(memory: EditMemory, text: str) -> float:
    """Seconds of one decision without the encoder and the pair model, whose time does not depend on the store."""
    started = time.perf_counter()
    (judged,) = _router(memory).judge_many([text])
    return time.perf_counter() - started - judged.timings.get("encode", 0.0) - judged.timings.get("verify", 0.0)


def _linking(memory: EditMemory, text: str) -> float:
    (judged,) = _router(memory).judge_many([text])
    return judged.timings["link"]


def _in_turn(memory: EditMemory, names: Sequence[str]) -> Iterator[float]:
    for name in names:
        memory.add(f"Who runs {name}?", "y", subject=name)
        yield _linking(memory, f"Who is it that runs {name} now?")


def _long_questions() -> Iterator[str]:
    """Questions of 200 small words, of which none is an invented name."""
    for seed in range(_ASKED):
        yield " ".join(random.Random(seed).choices(_WORDS, k=200))


def _statements(memory: EditMemory, text: str) -> int:
    """The statements by which the rows of one question are read."""
    asked: list[str] = []
    query = Rows.query

    def counted(rows: Rows, sql: str, *values: object) -> list[sqlite3.Row]:
        asked.append(sql)
        return query(rows, sql, *values)

    with patch.object(Rows, "query", counted):
        _router(memory).judge_many([text])
    return sum(not sql.startswith(("BEGIN", "PRAGMA")) for sql in asked)


@lru_cache(1)
def _router(memory: EditMemory) -> Router:
    router = Router(memory, config=RouterConfig(scope="verified"))
    router.judge_many(["Is anybody here?"])  # names are looked up and weights loaded at the first question
    return router


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
    add_many(memory, rows, len(rows))


def add_many(memory: EditMemory, rows: Iterable[dict[str, str]], count: int) -> None:
    """Store rows, some thousands at a time."""
    waiting = iter(rows)
    while batch := list(islice(waiting, _BATCH)):
        memory.add_many(batch)
        print(f"stored {len(memory):,} of {count:,}", file=sys.stderr, flush=True)


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
        spent.setdefault((kind, "decision"), []).append(whole)
    for (kind, step), seconds in spent.items():
        for percent in (50, 99):
            yield kind, step, percent, float(np.percentile(seconds, percent)), len(seconds)


if __name__ == "__main__":
    main()
