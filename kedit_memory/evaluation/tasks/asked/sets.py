"""What the reader of a task's set is given, and how public sets are read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.case import Case
from kedit_memory.evaluation.datasets import load_cases
from kedit_memory.models.language import WhiteBoxModel


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What the reader of a set is given.

    Attributes:
        cases: how many are wanted; fewer may be there.
        seed: of their choice.
        model: the unedited model, for sets that ask what it knows.
        data: the folder of the public sets, None where there is none.
    """

    cases: int
    seed: int
    model: WhiteBoxModel
    data: Path | None = None

    def of(self, found: Sequence[Case]) -> list[Case]:
        """So many of the cases, drawn by the seed."""
        order = np.random.default_rng(self.seed).permutation(len(found))
        return [found[place] for place in order[: self.cases]]


Read: TypeAlias = Callable[[Chosen], Sequence[Case]]


def public(name: str, change: Callable[[Case], Case | None] = lambda case: case) -> Read:
    """What reads a public set of the table of data sets, each case as `change` leaves it, without those it drops."""
    return partial(_public, name, change)


def _public(name: str, change: Callable[[Case], Case | None], chosen: Chosen) -> list[Case]:
    changed = (change(case) for case in load_cases(name, chosen.data).found)
    found = [case for case in changed if case is not None]
    if not found:
        raise InvalidInputError(f"{name} holds no case that this task can ask about; choose another set")
    return chosen.of(found)
