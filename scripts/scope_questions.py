"""Questions of the calibration parts, drawn from every set that has some, and asked of a store with the set's edits.

Relations, templates, intents, articles and dialogues of these parts were not trained on, and no report uses them. A
quarter of the questions fits the stack (`fit_scope_stack.py`), the others choose thresholds
(`calibrate_scope_verifier.py`).
"""

import argparse
import hashlib
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from kedit_memory.evaluation.datasets.public import background_of
from kedit_memory.evaluation.negatives import misspelt
from kedit_memory.evaluation.tasks.scope.cases import CALIBRATING, ScopeSet
from kedit_memory.evaluation.tasks.scope.run import Drawn, ScopePlan, Stored, draw, remember
from kedit_memory.evaluation.tasks.scope.sets import SETS, open_questions
from kedit_memory.memory import EditMemory
from kedit_memory.routing.router import Router, RouterConfig
from kedit_memory.routing.verify import ScopeVerifier
from kedit_memory.shipped import scope_verifier

SLIPPING = frozenset({"rephrasing", "same_subject", "negation", "mention", "prefix"})  # their label survives a slip
IN_DIALOGUE = 0.1  # of the questions that stand alone are asked in a dialogue, too
FOR_STACK = 0.25  # of the questions


def add_drawing(parser: argparse.ArgumentParser, *, questions: int, strangers: int, edits: int) -> None:
    """The options that say what is drawn, with their defaults."""
    parser.add_argument("--data", type=Path, required=True, help="folder of the public sets")
    parser.add_argument("--verifier", type=Path, default=scope_verifier())
    parser.add_argument("--sets", nargs="+", choices=[*SETS], default=[*SETS], metavar="SET")
    parser.add_argument("--questions", type=int, default=questions, help="the most of one kind from one set")
    parser.add_argument(
        "--open", type=int, default=strangers, help="questions that nobody made for a set, asked of each"
    )
    parser.add_argument("--edits", type=int, default=edits, help="the most of a set in its store")
    parser.add_argument("--seed", type=int, default=1)


def for_stack(question: str) -> bool:
    """Whether a question is one of those that fit the stack, by its text."""
    return hashlib.sha256(question.encode()).digest()[0] / 256 < FOR_STACK


def drawn_sets(arguments: argparse.Namespace) -> Iterator[tuple[str, Drawn]]:
    """What is drawn of each set, with slips, with dialogues before some questions, and strangers of its own."""
    dialogues = dialogues_of(arguments.data, arguments.seed)
    for name in arguments.sets:
        one = SETS[name](arguments.data, seed=arguments.seed)
        if any(case.part == CALIBRATING for case in one.cases):
            yield name, _drawn(one, name, dialogues, arguments)


@contextmanager
def stored(drawn: Drawn, source: str, verifier: ScopeVerifier) -> Iterator[tuple[Router, list[str | None]]]:
    """A router over a store of the edits, and for each question the id of the edit that covers it, if one does."""
    with tempfile.TemporaryDirectory() as aside, EditMemory.open(Path(aside) / "store") as memory:
        ids = remember(memory, drawn.edits, say)
        config = RouterConfig(scope="verified")
        router = Router(memory, background=background_of(source), verifier=verifier, config=config)
        yield router, Stored(memory=memory, drawn=drawn, ids=ids).expected


def with_slips(drawn: Drawn, seed: int) -> Drawn:
    """The questions, and those of some kinds again with a slip in the name: what is linked by likeness alone."""
    rng = random.Random(seed)
    again = [
        replace(question, text=slipped)
        for question in drawn.questions
        if question.edit is not None
        and question.kind in SLIPPING
        and (subject := drawn.edits[question.edit].subject)
        and (slipped := misspelt(question.text, subject, rng))
    ]
    return replace(drawn, questions=(*drawn.questions, *again))


def in_dialogues(drawn: Drawn, dialogues: Sequence[tuple[str, ...]], seed: int) -> Drawn:
    """The questions, and some of those that stand alone again after the turns of a dialogue about something else."""
    rng = random.Random(seed)
    alone = [question for question in drawn.questions if not question.turns]
    again = rng.sample(alone, round(IN_DIALOGUE * len(alone))) if dialogues else []
    return replace(
        drawn,
        questions=(*drawn.questions, *(replace(question, turns=rng.choice(dialogues)) for question in again)),
    )


def dialogues_of(data: Path, seed: int) -> list[tuple[str, ...]]:
    """What was said before the follow-ups of the calibration part."""
    cases = SETS["followups"](data, seed=seed).cases
    return [case.turns for case in cases if case.part == CALIBRATING and case.turns]


def _drawn(one: ScopeSet, name: str, dialogues: Sequence[tuple[str, ...]], arguments: argparse.Namespace) -> Drawn:
    plan = ScopePlan(
        dataset=name, edits=arguments.edits, questions=arguments.questions, part=CALIBRATING, seed=arguments.seed
    )
    seed = 1000 * arguments.seed + [*SETS].index(name)
    strangers = open_questions(arguments.data, arguments.open, seed)
    return in_dialogues(with_slips(draw(one, plan, strangers), arguments.seed), dialogues, seed)


def say(line: str) -> None:
    """Tell how far it is."""
    print(line, file=sys.stderr, flush=True)
