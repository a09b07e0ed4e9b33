"""The stream of document classification: opinions of later terms of the US Supreme Court, on an encoder.

As in GRACE (Hartvigsen et al., NeurIPS 2023, section 4): a classifier that was trained on the cases of earlier terms is
corrected on those of later terms that it gets wrong. Their set is larger, of whole opinions, and its labels were
redefined over the years; the one here (JOS, summaries of opinions with the issue area of the Supreme Court Database)
stands in for it, so that what is corrected are mistakes more than shifts of labels.
"""

import random
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

from kedit_memory.errors import CapabilityError
from kedit_memory.evaluation.case import Case, Question, own_question
from kedit_memory.evaluation.datasets.public import folder_of
from kedit_memory.evaluation.datasets.scotus import Opinion, split_cases
from kedit_memory.evaluation.tasks.lifelong.streams import Stream, Wanted, wrong_before
from kedit_memory.models.classifier import ClassifierModel, Editable
from kedit_memory.models.prompts import MAX_NEW_TOKENS, Prompt
from kedit_memory.records import EditRequest


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
    edits = wrong_before(model, (_edit(case) for case in later), wanted, MAX_NEW_TOKENS)
    right = _right(model, reversed(later), wanted.questions)
    outside = [*_drawn(right, "right_before", wanted, rng), *_drawn(split.training, "trained", wanted, rng)]
    return Stream(
        name="scotus",
        edits=edits,
        tests=tuple(_drawn(split.test, "earlier", wanted, rng)),
        outside=tuple(outside),
        data=folder,
        note=split.note,
    )


def _edit(case: Opinion) -> Case:
    edit = EditRequest(prompt=case.text, target=case.label)
    return Case(edit=edit, questions=(own_question(edit, (case.label,)),), kind=case.label)


def _right(model: ClassifierModel, cases: Iterable[Opinion], count: int) -> list[Opinion]:
    """The first `count` cases that the model gets right."""
    found: list[Opinion] = []
    left = iter(cases)
    while len(found) < count and (batch := list(islice(left, count))):
        answers = model.answer_many([Prompt(question=case.text) for case in batch])
        found += [case for case, answer in zip(batch, answers, strict=True) if answer == case.label]
    return found[:count]


def _drawn(cases: Sequence[Opinion], kind: str, wanted: Wanted, rng: random.Random) -> list[Question]:
    chosen = rng.sample(cases, min(wanted.questions, len(cases)))
    return [Question(text=case.text, kind=kind, accepted=(case.label,)) for case in chosen]
