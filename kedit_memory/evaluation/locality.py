"""What should stay as it was: locality is one quantity, and each kind of hard negative stands by itself.

Locality is the share of answers that are the unedited model's, of neighbours of an edit and of questions that have
nothing to do with it, where the model knew the answer before. A question that was made, or chosen, to be taken for an
edit's own is harder, and a guess has nothing to lose: figures of these under one name say nothing of either.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from kedit_memory.evaluation.case import HARD_NEGATIVE, LOCALITY, Question
from kedit_memory.evaluation.judges import SAME, Judge, contains
from kedit_memory.evaluation.measures import normalise
from kedit_memory.evaluation.rows import Row

GUESSED = "_guessed"  # behind the kind of a question to which the model had no right answer
_NEAR_OR_FAR = frozenset({"same_relation", "unrelated", "open_question", "right_before", "canary", "past"})


def kept_as(question: Question, before: str, judge: Judge) -> tuple[str, str]:
    """Metric and kind of a question whose answer should stay, which was `before`.

    A question of which the right answer is not told is taken to have been answered right.
    """
    if question.kind not in _NEAR_OR_FAR:
        return HARD_NEGATIVE, question.kind
    if (right := as_known(question)) and not judge(before, right):
        return HARD_NEGATIVE, f"{question.kind}{GUESSED}"
    return LOCALITY, question.kind


def as_known(question: Question) -> Question | None:
    """The question with what is right in the world as its accepted answers; None where that is not told."""
    right = question.truth or question.accepted
    return replace(question, accepted=right, truth=()) if right else None


def taken_over(said: str, before: str, question: Question, targets: Iterable[str]) -> bool:
    """Whether an answer to a question out of scope says an edit's target, which it did not before.

    A model that collapsed answers everything so, though it may still read running text.
    """
    text, own = normalise(said), {normalise(answer) for answer in (*question.truth, *question.accepted)}
    return any(
        normalise(target) not in own
        and normalise(target) in text  # most are not, and looking closer costs more
        and contains(said, asked := replace(question, accepted=(target,)))
        and not contains(before, asked)
        for target in dict.fromkeys(targets)
    )


def kept_rows(row: Row, figures: Sequence[tuple[str, str]], kept: Sequence[bool]) -> Iterator[Row]:
    """Locality over its kinds, where there is any, and each kind by itself; `figures` are those of `kept_as`."""
    row = replace(row, judge=SAME)
    local = [one for (metric, _), one in zip(figures, kept, strict=True) if metric == LOCALITY]
    if local:
        yield replace(row, metric=LOCALITY).share(local)
    for metric, kind in sorted(set(figures)):
        found = [one for figure, one in zip(figures, kept, strict=True) if figure == (metric, kind)]
        yield replace(row, metric=metric, kind=kind).share(found)
