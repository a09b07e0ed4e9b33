"""What is measured of a method along a stream: old knowledge kept, past edits answered, and what else they touch.

TRR, ERR and ARR are those of Hartvigsen et al. (NeurIPS 2023): accuracy on the model's original test data, here as a
share of the unedited model's; accuracy on all edits so far; perplexity on generations that were right before. Where
the original test data are running texts, TRR is the unedited model's perplexity on them over the edited one's.
"""

import math
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.case import ALL, GENERALIZATION, Case, Question
from kedit_memory.evaluation.judges import same
from kedit_memory.evaluation.locality import kept_as, kept_rows
from kedit_memory.evaluation.measures import digest
from kedit_memory.evaluation.method import Bench, Method, Text
from kedit_memory.evaluation.methods import Unedited
from kedit_memory.evaluation.rows import Row, Run
from kedit_memory.evaluation.tasks.lifelong.streams import Stream, Wanted
from kedit_memory.models.classifier import Editable

EARLY = "early"  # the edits before the first measurement, tested again at each later one
AT_ONCE = "at_once"  # right after the edit, before any later one
LOGITS = "logits"

_Loss = tuple[float, int]  # of one text: the sum of negative log-probabilities, and of how many tokens


class Measures:
    """Asks one method after the other the same questions; the unedited model's answers are asked once."""

    def __init__(self, stream: Stream, plain: Editable, run: Run, wanted: Wanted, *, early: int) -> None:
        self.stream = stream
        self._judge = wanted.judge
        self.row = Row(run=run, method="", metric="rate", value=0.0, n=0, unit="share", seed=wanted.seed)
        self._questions = wanted.questions
        self._early = early
        unedited = Unedited(Bench(plain, max_new_tokens=stream.max_new_tokens))
        self._known = self._right(unedited, stream.tests)
        if stream.tests and not any(self._known):
            raise InvalidInputError(
                f"{plain.name} answers none of the {len(stream.tests)} questions on what it was trained on, so that "
                "nothing could be lost; give another --model or more --questions"
            )
        self._answers = self._said(unedited, stream.outside)
        self._figures = [
            kept_as(probe, said, self._judge) for said, probe in zip(self._answers, stream.outside, strict=True)
        ]
        self._digests = [_digest(unedited, probe.text) for probe in stream.outside]
        self._losses = self._read(unedited, stream.texts)

    def at(self, method: Method, name: str, done: int, *, final: bool) -> list[Row]:
        """The rows of a method that has been given the first `done` edits; `final` where there are no more."""
        past = self.stream.edits[:done]
        row = replace(self.row, method=name, edits=done, preset=method.preset)
        judged = replace(row, judge=self._judge.name)
        return [
            *self._retention(method, judged),
            *self._edits(method, judged, past, final=final),
            *self._rephrasings(method, judged, past, final=final),
            *self._locality(method, row, final=final),
            *self._texts(method, row, past),
            *_keys(method, row),
        ]

    def at_once(self, method: Method, edits: Sequence[Case]) -> list[bool]:
        """Whether each edit's own question gives its answer now."""
        return self._right(method, [edit.own for edit in edits])

    def _retention(self, method: Method, row: Row) -> Iterator[Row]:
        """TRR over the same questions, paired by question."""
        if not self.stream.tests:
            return
        right = self._right(method, self.stream.tests)
        yield replace(row, metric="accuracy", kind="test_data").share(right)
        pairs = np.array([right, self._known], float).T  # (questions, 2)
        yield replace(row, metric="trr", unit="share of unedited").drawn(pairs, "ratio")

    def _edits(self, method: Method, row: Row, past: Sequence[Case], *, final: bool) -> Iterator[Row]:
        """ERR over all edits so far, over the earliest, and at the end by kind."""
        right = self._right(method, [edit.own for edit in past])
        row = replace(row, metric="err")
        yield row.share(right)
        if len(past) > self._early:
            yield replace(row, kind=EARLY).share(right[: self._early])
        if final:
            yield from _by_kind(row, [edit.kind for edit in past], right)

    def _rephrasings(self, method: Method, row: Row, past: Sequence[Case], *, final: bool) -> Iterator[Row]:
        """Answers to other wordings of past edits: all of them at the end, a sample before."""
        probes = [probe for edit in past for probe in edit.of(GENERALIZATION)]
        if not final and len(probes) > self._questions:
            rng = random.Random(f"{row.seed}:{len(past)}")  # noqa: S311 - a sample, no secret
            probes = rng.sample(probes, self._questions)
        if probes:
            right = self._right(method, probes)
            row = replace(row, metric="generalization")
            yield row.share(right)
            yield from _by_kind(row, [probe.kind for probe in probes], right)

    def _locality(self, method: Method, row: Row, *, final: bool) -> Iterator[Row]:
        """Answers that are the unedited model's, hard negatives by kind; at the end its scores too, bit for bit."""
        if not self.stream.outside:
            return
        given = self._said(method, self.stream.outside)
        kept = [same(have, before) for have, before in zip(given, self._answers, strict=True)]
        yield from kept_rows(row, self._figures, kept)
        digests = [_digest(method, probe.text) for probe in self.stream.outside] if final else [None]
        if None not in digests:
            exact = [have == before for have, before in zip(digests, self._digests, strict=True)]
            for metric in dict.fromkeys(metric for metric, _ in self._figures):
                alike = [one for (of, _), one in zip(self._figures, exact, strict=True) if of == metric]
                yield replace(row, metric=metric, kind=LOGITS).share(alike)

    def _texts(self, method: Method, row: Row, past: Sequence[Case]) -> Iterator[Row]:
        """Perplexities, where the stream is judged by running text."""
        if not self.stream.texts:
            return
        row = replace(row, metric="perplexity", unit="perplexity")
        losses = self._read(method, self.stream.texts)
        right = self._read(method, self.stream.right)
        own = self._read(method, [(edit.prompt, edit.target) for edit in past])
        if losses is None or right is None or own is None or self._losses is None:
            return
        yield replace(row, kind="test_data").drawn(losses, "perplexity")
        yield replace(row, kind="edits").drawn(own, "perplexity")
        if right:
            yield replace(row, metric="arr").drawn(right, "perplexity")
        pairs = np.array([[before, have, n] for (before, n), (have, _) in zip(self._losses, losses, strict=True)])
        kind = "texts" if self.stream.tests else ALL  # beside that of questions, where there are such
        yield replace(row, metric="trr", kind=kind, unit="ratio of perplexities").drawn(pairs, "perplexity_kept")

    def _said(self, method: Method, probes: Sequence[Question]) -> list[str]:
        return method.answers([probe.text for probe in probes]) if probes else []

    def _right(self, method: Method, probes: Sequence[Question]) -> list[bool]:
        said = self._said(method, probes)
        return [self._judge(text, probe) for text, probe in zip(said, probes, strict=True)]

    def _read(self, method: Method, texts: Sequence[Text]) -> list[_Loss] | None:
        found = []
        for text in texts:
            scores = method.score(text)
            if scores is None:
                return None
            found.append((-math.fsum(scores), len(scores)))
        return found


def _by_kind(row: Row, kinds: Sequence[str], right: Sequence[bool]) -> Iterator[Row]:
    """A row for each kind, where there is more than one."""
    grouped: dict[str, list[bool]] = defaultdict(list)
    for kind, one in zip(kinds, right, strict=True):
        grouped[kind].append(one)
    if len(grouped) > 1:
        for kind, found in sorted(grouped.items()):
            yield replace(row, kind=kind).share(found)


def _digest(method: Method, question: str) -> str | None:
    """What differs as soon as one bit of the scores of the question does."""
    logits = method.logits(question)
    return None if logits is None else digest(logits)


def _keys(method: Method, row: Row) -> Iterator[Row]:
    if method.keys is not None and row.edits:
        value = method.keys / row.edits
        yield replace(row, metric="rate", kind="keys_per_edit", value=value, n=row.edits, unit="keys/edit")
