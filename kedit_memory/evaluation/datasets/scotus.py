"""SCOTUS as JOS has it: summaries of opinions of the US Supreme Court, with the issue area and the term."""

import random
from dataclasses import dataclass
from pathlib import Path

from kedit_memory.evaluation.case import Case, own_question
from kedit_memory.evaluation.datasets.loaded import Loaded, Row, loaded
from kedit_memory.evaluation.datasets.public import read_rows
from kedit_memory.records import EditRequest

_FILE = "SC_data.json"
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


def cases(folder: Path) -> Loaded[Case]:
    """A case for each summary, its target the area of law; terms in their order."""
    read = opinions(folder)
    return Loaded(found=tuple(map(edit_of, read.found)), skipped=read.skipped, files=(_FILE,))


def edit_of(opinion: Opinion) -> Case:
    """The case that corrects an opinion's label."""
    edit = EditRequest(prompt=opinion.text, target=opinion.label)
    return Case(edit=edit, questions=(own_question(edit, (opinion.label,)),), kind=opinion.label)


def opinions(folder: Path) -> Loaded[Opinion]:
    """The opinions by term; each text counts once.

    Raises:
        InvalidInputError: the file cannot be read.
    """
    rows = sorted(read_rows(folder / _FILE), key=lambda row: (row.get("term", 0), row.get("case_id", 0)))
    return loaded(rows, _opinion, key=lambda case: case.text, files=(_FILE,))


def split_cases(folder: Path) -> Split:
    """The cases of the set, the same for training and for every stream; each text counts once.

    Raises:
        InvalidInputError: the file cannot be read.
    """
    read = opinions(folder)
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
