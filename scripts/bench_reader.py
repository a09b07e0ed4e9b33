"""Measures what eight bits save and cost the reader of scope: seconds beside the exact one, and decisions that differ.

    python scripts/bench_reader.py --json

Everyday matters of the test part: each question with four edits, its own (or the one that it nearly asks for) among
them, as a question is read in a large store. Both readers read the same pairs in turn, on one core.
"""

import argparse
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from kedit_memory.evaluation.report.tables import table
from kedit_memory.evaluation.rows import Row, Run, describe_run, document
from kedit_memory.evaluation.tasks.scope.cases import TEST, ScopeSet
from kedit_memory.evaluation.tasks.scope.everyday import everyday_set
from kedit_memory.models import eight_bits
from kedit_memory.models.encoder import minilm
from kedit_memory.models.reader import Pair, ScopeReader
from kedit_memory.shipped import scope_verifier

READ = 4  # edits of a question
THRESHOLD = 0.5
WARM = 5  # questions before those that count


def main() -> None:
    """Read everything with both, print rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if not eight_bits.able():
        parser.error("this processor, or this torch, has no products of eight bits; there is nothing to compare")
    run = describe_run("reader_speed", "everyday", config=vars(arguments), model="kedit-scope")
    rows = list(measured(run, arguments.questions, arguments.seed))
    print(document(rows, encoder="minilm") if arguments.json else table(rows))


def measured(run: Run, questions: int, seed: int) -> Iterator[Row]:
    """Times as ratios and in seconds, and how often one reader decides as the other does."""
    quick = ScopeReader.load(scope_verifier())
    with patch.object(eight_bits, "able", lambda: False):
        exact = ScopeReader.load(scope_verifier())
    asked = _asked(everyday_set(Path(), seed=seed), questions, random.Random(seed))
    told = partial(Row, run=run, seed=seed)
    scores, spent = _in_turn(quick.scores, exact.scores, [one.pairs for one in asked])
    yield from _times(told, "pairs", spent)
    fresh = ScopeReader.load(scope_verifier())  # one that remembers none of the questions
    vectors, spent = _in_turn(fresh.vectors, minilm().encode, [[one.question] for one in asked])
    yield from _times(told, "vector", spent)
    cosines = [float(one[0] @ other[0]) for one, other in vectors]
    yield told(
        method="eight_bits", metric="ratio", kind="cosine_least", value=min(cosines), n=len(asked), unit="cosine"
    )
    fires = [[float(one.max()) >= THRESHOLD for one in both] for both in scores]
    for kind in (True, False):
        chosen = [decided for one, decided in zip(asked, fires, strict=True) if one.covered == kind]
        for method, decided in zip(("eight_bits", "exact"), zip(*chosen, strict=True), strict=True):
            share = sum(decided) / len(chosen)
            name = "covered" if kind else "not_covered"
            yield told(method=method, metric="fire", kind=name, value=share, n=len(chosen), unit="share")
    same = sum(one == other for one, other in fires) / len(asked)
    yield told(method="eight_bits", metric="rate", kind="same_decision", value=same, n=len(asked), unit="share")


def _times(told: Callable[..., Row], kind: str, spent: Sequence[tuple[float, float]]) -> Iterator[Row]:
    quick, exact = (float(np.median(one)) for one in zip(*spent, strict=True))
    yield told(method="eight_bits", metric="ratio", kind=kind, value=exact / quick, n=len(spent), unit="times")
    for method, seconds in (("eight_bits", quick), ("exact", exact)):
        yield told(method=method, metric="seconds", kind=kind, value=seconds, n=len(spent), unit="s")


def _in_turn(
    quick: Callable[[Any], Any], exact: Callable[[Any], Any], given: Sequence[Any]
) -> tuple[list[tuple[Any, Any]], list[tuple[float, float]]]:
    """What both make of each thing, and the seconds; some things first that warm them up."""
    found, spent = [], []
    for one in (*given[:WARM], *given):
        started = time.perf_counter()
        first = quick(one)
        between = time.perf_counter()
        second = exact(one)
        found.append((first, second))
        spent.append((between - started, time.perf_counter() - between))
    return found[WARM:], spent[WARM:]


@dataclass(frozen=True)
class _Asked:
    """A question with the pairs that are read of it."""

    question: str
    pairs: list[Pair]
    covered: bool


def _asked(one: ScopeSet, count: int, rng: random.Random) -> list[_Asked]:
    cases = [case for case in one.cases if case.part == TEST and case.kind != "prompt"]
    stored = [edit for edit in one.edits if edit.part == TEST]
    result = []
    for case in rng.sample(cases, min(count, len(cases))):
        edits = [one.edits[case.edit], *rng.sample(stored, READ - 1)]
        pairs = [
            Pair(case.question, edit.prompt, "" if edit.target == edit.prompt else edit.target, turns=case.turns)
            for edit in edits
        ]
        result.append(_Asked(case.question, pairs, case.covered))
    return result


if __name__ == "__main__":
    main()
