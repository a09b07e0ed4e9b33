"""Kills at every step of what is done to a store: what was acknowledged is there, and what was not is there or not."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from faults.stores import WORKS, Work, faulty, said, unfinished_purge
from faults.tracing import Acknowledge, Traced, halved, spread, trace
from faults.trials import SURVIVED, TOLD, Trial, lost

from kedit_memory.errors import KeditError


def kills(name: str, folder: Path, most: int, seed: int = 0) -> Iterator[Trial]:
    """Up to `most` kills of one work: before steps and in the middle of writes, spread over all of them."""
    work, base = WORKS[name], folder / "base"
    work.prepare(base)
    said_after = copied(base, folder / "trial", lambda trial: states(work, trial))
    steps = copied(base, folder / "trial", lambda trial: trace(acting(work, trial), trial)).steps
    for kill_at, torn in chosen(steps, most, seed):
        yield _killed(f"kill: {name}", work, folder, said_after, kill_at, torn=torn)


def chosen(steps: Sequence[str], most: int, seed: int) -> list[tuple[int, bool]]:
    """Which steps are killed, and how: the first and last of each run of like steps before the others."""
    runs = [list(places) for _, places in groupby(range(len(steps)), key=lambda place: steps[place])]
    ends = sorted({place for run in runs for place in (run[0], run[-1])})
    points = [(place, torn) for place in ends for torn in ([False, True] if halved(steps[place]) else [False])]
    if len(points) >= most:
        return [points[place] for place in spread(len(points), most, seed)]
    rest = [
        (p, torn) for p in range(len(steps)) if p not in set(ends) for torn in (False, True) if torn <= halved(steps[p])
    ]
    return [*points, *(rest[place] for place in spread(len(rest), most - len(points), seed))]


def _killed(fault: str, work: Work, folder: Path, states: Sequence[str], kill_at: int, *, torn: bool) -> Trial:
    trial = folder / "trial"

    def run(place: Path) -> Trial:
        traced = trace(acting(work, place), place, kill_at=kill_at, torn=torn)
        where = f"step {kill_at}, {'in' if torn else 'before'} the call after {traced.steps[-1:]}"
        return judged(fault, where, work, place, states, traced)

    return copied(folder / "base", trial, run)


def judged(fault: str, where: str, work: Work, place: Path, states: Sequence[str], traced: Traced) -> Trial:
    """What became of a store whose work was stopped; `states` are what it says after each step."""
    if traced.failure:
        return lost(fault, f"{where}: {traced.failure}")
    allowed = set(states[traced.acknowledged : traced.acknowledged + 2])
    try:
        unfinished = unfinished_purge(place)
        wrong = work.after(place, 0 if unfinished else traced.acknowledged) or faulty(place, allowed)
    except KeditError as error:
        return lost(fault, f"{where}: {error}")
    if wrong:
        return lost(fault, f"{where}: {wrong}")
    return Trial(fault=fault, outcome=TOLD if unfinished else SURVIVED)


def states(work: Work, place: Path) -> list[str]:
    """What the store says at the beginning, and once each step is acknowledged."""
    return [said(place), *(said(place) for _ in work.steps(place))]


def acting(work: Work, place: Path) -> Callable[[Acknowledge], None]:
    """The steps of a work, each acknowledged once it is done."""

    def act(acknowledge: Acknowledge) -> None:
        for _ in work.steps(place):
            acknowledge()

    return act


def copied(base: Path, place: Path, use: Callable[[Path], Any]) -> Any:
    """What `use` makes of a copy, which is gone afterwards."""
    shutil.copytree(base, place)
    try:
        return use(place)
    finally:
        shutil.rmtree(place)
