"""How long a method takes, as a ratio to a peer that is timed between its steps: a busy machine slows both alike."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from statistics import mean, median
from time import perf_counter
from typing import Any

import numpy as np

from kedit_memory.editors import load_editor
from kedit_memory.evaluation import intervals
from kedit_memory.evaluation.method import Bench, Method
from kedit_memory.evaluation.methods import Unedited
from kedit_memory.evaluation.rows import Row
from kedit_memory.models.classifier import ClassifierModel, Editable
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import EditRequest

PEER = "grace"  # what edits a second are compared with: the authors' method, one edit at a time
_REPEATS = 5
_TRIED = 10  # times as many questions are tried as are timed, since both answers must be of one length


@dataclass(kw_only=True)
class EditClock:
    """Times the edits of one method, and at some of them the peer on the same edit, in a model without edits.

    Attributes:
        plain: the model without edits; the peer's edit is taken out of it again.
        edits: how many the stream has.
        timed: at how many of them the peer is timed, 0 for none.
        peer: the editor that is timed beside the method.
    """

    plain: Editable
    edits: int
    timed: int
    seconds: list[float] = field(default_factory=list)  # of each call, by edit
    peer_seconds: list[float] = field(default_factory=list)
    peer: Any = field(default_factory=lambda: load_editor(PEER))  # an `Editor`
    _put: int = 0

    def put(self, method: Method, edits: Sequence[EditRequest]) -> None:
        """Give the method the edits, and take the time."""
        self.seconds.append(_timed(lambda: method.add(edits)) / len(edits))
        due = self._due(self._put + len(edits)) > self._due(self._put)
        self._put += len(edits)
        if due:
            self.peer_seconds.append(self._peer_takes(edits[-1]))

    def rows(self, row: Row) -> Iterator[Row]:
        """Mean seconds of an edit, and how many edits are done in the time that the peer takes for one.

        The first call is a warm-up, which loads what is loaded late, unless there is no other.
        """
        counted = self.seconds[1:] or self.seconds
        n = len(counted)
        row = replace(row, metric="seconds", kind="per_edit", unit="s/edit")
        yield row.drawn(np.array(counted)[:, None], "mean")
        if self.peer_seconds:
            low, high = intervals.ratio_of_means(self.peer_seconds, counted)
            value = mean(self.peer_seconds) / mean(counted)
            kind = f"edits_per_second_of_{PEER}"
            yield replace(row, metric="ratio", kind=kind, value=value, low=low, high=high, n=n, unit="times")

    def _due(self, edits: int) -> int:
        """How often the peer should have been timed after so many edits."""
        return edits * min(self.timed, self.edits) // self.edits

    def _peer_takes(self, edit: EditRequest) -> float:
        if not self.peer_seconds:  # a first time, as warm-up
            self.peer.apply(self.plain, [edit]).undo()
        began = perf_counter()
        applied = self.peer.apply(self.plain, [edit])
        spent = perf_counter() - began
        applied.undo()
        return spent


def answer_times(
    method: Method, plain: Editable, questions: Sequence[str], *, timed: int, max_new_tokens: int
) -> list[float]:
    """For each of so many questions, the method's time for an answer over the unedited model's.

    Only questions to which both give as many tokens, since a longer answer takes longer whoever gives it. Medians of
    several runs, each method in turn, after one to warm up.
    """
    unedited = Unedited(Bench(plain, max_new_tokens=max_new_tokens))
    found: list[float] = []
    for question in questions[: _TRIED * timed]:
        if len(found) == timed:
            break
        answers = [one.answers([question])[0] for one in (method, unedited)]
        if len({_steps(plain, question, answer) for answer in answers}) == 1:
            found.append(_compared(method, unedited, question))
    return found


def time_row(row: Row, kind: str, ratios: Sequence[float]) -> Iterator[Row]:
    """The median of these ratios; none where nothing was timed."""
    if ratios:
        row = replace(row, metric="ratio", kind=kind, unit="times unedited")
        yield row.drawn(np.array(ratios)[:, None], "median")


def _steps(plain: Editable, question: str, answer: str) -> int:
    """How many tokens are generated after the question: not those of the answer alone, which is cut otherwise.

    Every label of a classifier is one choice.
    """
    if isinstance(plain, ClassifierModel):
        return 1
    asked = Prompt(question=question)
    return len(plain.log_probability(asked, plain.continuation(asked, answer))) if answer else 0


def _compared(method: Method, unedited: Method, question: str) -> float:
    spent: tuple[list[float], list[float]] = ([], [])
    for _ in range(_REPEATS):
        for one, times in zip((method, unedited), spent, strict=True):
            times.append(_timed(lambda one=one: one.answers([question])))  # type: ignore[misc]
    return median(spent[0]) / median(spent[1])


def _timed(work: Callable[[], object]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began
