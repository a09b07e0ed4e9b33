"""The stream of document classification: opinions of later terms of the US Supreme Court, on an encoder.

As in GRACE (Hartvigsen et al., NeurIPS 2023, section 4): a classifier that was trained on the cases of earlier terms is
corrected on those of later terms that it gets wrong. Their set is larger, of whole opinions, and its labels were
redefined over the years; the one here (JOS, summaries of opinions with the issue area of the Supreme Court Database)
stands in for it, so that what is corrected are mistakes more than shifts of labels.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from kedit_memory.errors import CapabilityError
from kedit_memory.evaluation.lifelong.streams import Probe, Stream, StreamEdit, Wanted, wrong_before
from kedit_memory.evaluation.public import folder_of, read_json
from kedit_memory.models.classifier import ClassifierModel, Editable
from kedit_memory.models.prompts import MAX_NEW_TOKENS, Prompt
from kedit_memory.records import EditRequest

_LAST_EARLIER_TERM = 2010  # about three fifths of the cases; the others are the stream's
_TESTED = 5  # one earlier case of so many is no training data, but the original test data


@dataclass(frozen=True, kw_only=True)
class Case:
    """The summary of an opinion, and the area of law of its issue."""

    text: str
    label: str
    term: int


@dataclass(frozen=True, kw_only=True)
class Split:
    """Cases of earlier terms, to train on and to test on, and of later ones, each in random order."""

    training: tuple[Case, ...]
    test: tuple[Case, ...]
    later: tuple[Case, ...]


def scotus_stream(model: Editable, wanted: Wanted, data: Path | None) -> Stream:
    """Later cases that the model gets wrong; what must stay are earlier ones, and later ones that it gets right.

    Raises:
        CapabilityError: the model is no classifier.
        InvalidInputError: it has not the labels of the set, or gets too few later cases wrong.
        NotFoundError: the set is absent.
    """
    if not isinstance(model, ClassifierModel):
        raise CapabilityError(
            f"the stream scotus needs a classifier, and {model.name} is none: make one with "
            "scripts/train_stream_model.py --stream scotus, and give its folder as --model"
        )
    folder = folder_of(data, "scotus_jos")
    split = split_cases(folder)
    for label in dict.fromkeys(case.label for case in split.later):
        model.class_of(label)
    rng = random.Random(f"scotus:{wanted.seed}")  # noqa: S311 - a sample, no secret
    later = rng.sample(split.later, len(split.later))
    edits = wrong_before(model, (_edit(case) for case in later), wanted.edits, MAX_NEW_TOKENS)
    right = _right(model, reversed(later), wanted.questions)
    outside = [*_drawn(right, "right_before", wanted, rng), *_drawn(split.training, "trained", wanted, rng)]
    return Stream(
        name="scotus",
        edits=edits,
        tests=tuple(_drawn(split.test, "earlier", wanted, rng)),
        outside=tuple(outside),
        data=folder,
    )


def split_cases(folder: Path) -> Split:
    """The cases of the set, the same for training and for every stream; each text counts once.

    Raises:
        InvalidInputError: the file cannot be read.
    """
    cases: dict[str, Case] = {}
    for row in sorted(read_json(folder / "SC_data.json"), key=lambda row: (row["term"], row["case_id"])):
        text = " ".join(row["opinion_summary"].split())
        cases.setdefault(text, Case(text=text, label=row["issue"], term=int(row["term"])))
    rng = random.Random("scotus")  # noqa: S311 - a sample, no secret
    mixed = rng.sample(list(cases.values()), len(cases))
    earlier = [case for case in mixed if case.term <= _LAST_EARLIER_TERM]
    tested = len(earlier) // _TESTED
    return Split(
        training=tuple(earlier[tested:]),
        test=tuple(earlier[:tested]),
        later=tuple(case for case in mixed if case.term > _LAST_EARLIER_TERM),
    )


def _edit(case: Case) -> StreamEdit:
    return StreamEdit(
        request=EditRequest(prompt=case.text, target=case.label),
        accepted=(case.label,),
        kind=case.label,
    )


def _right(model: ClassifierModel, cases: Iterable[Case], count: int) -> list[Case]:
    """The first `count` cases that the model gets right."""
    found: list[Case] = []
    left = iter(cases)
    while len(found) < count and (batch := list(islice(left, count))):
        answers = model.answer_many([Prompt(question=case.text) for case in batch])
        found += [case for case, answer in zip(batch, answers, strict=True) if answer == case.label]
    return found[:count]


def _drawn(cases: Sequence[Case], kind: str, wanted: Wanted, rng: random.Random) -> list[Probe]:
    chosen = rng.sample(cases, min(wanted.questions, len(cases)))
    return [Probe(question=case.text, kind=kind, accepted=(case.label,)) for case in chosen]
