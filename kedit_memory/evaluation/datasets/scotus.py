"""SCOTUS as JOS has it: summaries of opinions of the US Supreme Court, with the issue area and the term."""

import random
from dataclasses import dataclass
from pathlib import Path

from kedit_memory.evaluation.datasets.loaded import Row, loaded
from kedit_memory.evaluation.datasets.public import read_json

_LAST_EARLIER_TERM = 2010  # about three fifths of the cases; the others are the stream's
_TESTED = 5  # one earlier case of so many is no training data, but the original test data


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """The summary of an opinion, and the area of law of its issue."""

    text: str
    label: str
    term: int


@dataclass(frozen=True, kw_only=True)
class Split:
    """Cases of earlier terms, to train on and to test on, and of later ones, each in random order.

    `note` says which rows of the file were left out.
    """

    training: tuple[Opinion, ...]
    test: tuple[Opinion, ...]
    later: tuple[Opinion, ...]
    note: str = ""


def split_cases(folder: Path) -> Split:
    """The cases of the set, the same for training and for every stream; each text counts once.

    Raises:
        InvalidInputError: the file cannot be read.
    """
    rows = sorted(read_json(folder / "SC_data.json"), key=lambda row: (row["term"], row["case_id"]))
    read = loaded(rows, _opinion, key=lambda case: case.text)
    rng = random.Random("scotus")  # noqa: S311 - a sample, no secret
    mixed = rng.sample(read.found, len(read.found))
    earlier = [case for case in mixed if case.term <= _LAST_EARLIER_TERM]
    tested = len(earlier) // _TESTED
    return Split(
        training=tuple(earlier[tested:]),
        test=tuple(earlier[:tested]),
        later=tuple(case for case in mixed if case.term > _LAST_EARLIER_TERM),
        note=read.told,
    )


def _opinion(row: Row) -> Opinion:
    return Opinion(text=" ".join(row["opinion_summary"].split()), label=row["issue"], term=int(row["term"]))
