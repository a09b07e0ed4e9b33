"""What is measured of a method with edits in force, and how observations become rows.

An observation belongs to a case, so that intervals come from drawing cases again: what is asked about one edit stays
together.
"""

import math
import random
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import cast

import numpy as np
from numpy.typing import NDArray

from kedit_memory.errors import EditorError
from kedit_memory.evaluation.case import (
    ALL,
    GENERALIZATION,
    HARD_NEGATIVE,
    LOCALITY,
    PORTABILITY,
    RELIABILITY,
    Case,
    Question,
)
from kedit_memory.evaluation.intervals import interval, wilson
from kedit_memory.evaluation.judges import SAME, Judge, is_answer, same
from kedit_memory.evaluation.locality import as_known, kept_as, taken_over
from kedit_memory.evaluation.measures import digest, mean_of, ngram_entropy, perplexity_of
from kedit_memory.evaluation.method import Bench, Method, Said
from kedit_memory.evaluation.rows import Row, Run
from kedit_memory.evaluation.tasks.compare.model import WatchedBench, negative_log_likelihoods
from kedit_memory.memory import EditMemory
from kedit_memory.models.language import WhiteBoxModel
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import EditRequest

TEACHER_FORCED, LOGITS, BEFORE = "teacher_forced", "logits", "before"
FLUENCY, PERPLEXITY, SECONDS, RATIO, BYTES = "fluency", "perplexity", "seconds", "ratio", "bytes"
EDIT, FIRST_EDIT, ANSWER, PLAIN_ANSWER, PEAK = "edit", "first_edit", "answer", "unedited_answer", "peak_per_edit"
RATE, TAKEN_OVER, STILL_RIGHT = "rate", "taken_over", "still_right"
OF_MEMORY, ANSWER_TIME = "edit_time_of_memory", "answer_time"

SHARES = (RELIABILITY, GENERALIZATION, LOCALITY, HARD_NEGATIVE, PORTABILITY)
KEPT = frozenset({LOCALITY, HARD_NEGATIVE})  # shares of answers that are the unedited model's
_FORCED = (RELIABILITY, GENERALIZATION)  # measured by teacher forcing as well
_POOLED = (LOCALITY, PORTABILITY)  # whose kinds are also counted together, beside each of them
_UNITS = {FLUENCY: "bits", PERPLEXITY: "perplexity", SECONDS: "s", RATIO: "times", BYTES: "bytes"}
_LONGEST_TEXT = 60  # tokens that are written of a subject
_WRITTEN = 10  # subjects of which the model writes
_TIMED = 10  # questions that are timed one by one
_ADDED = 8  # edits that the memory is timed with, the same ones in another store where there are fewer
_WARMING = EditRequest(prompt="Who was first?", target="Nobody")

Drawn = NDArray[np.float64]  # (draws, cases, 2): totals and counts


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What one case added to a figure: a total over so many values.

    `question` is the place of the question among those of its case, None where the figure is no answer's. Of an answer
    that was judged it also holds what was asked and `said`, and what counted, so that it can be judged otherwise.
    """

    metric: str
    kind: str
    case: int
    total: float
    count: float = 1.0
    question: int | None = None
    asked: str = ""
    accepted: Sequence[str] = ()
    said: str | None = None


def chosen_questions(cases: Sequence[Case], most: int, seed: int) -> list[Question]:
    """Every edit's own prompt, and of each other kind at most so many questions.

    Each question draws a number of its own and the lowest are kept. Of the first edits of a longer sequence no other
    questions are kept than of these edits alone, so that a method that had no time for all edits is asked what others
    are asked about the edits that it made.
    """
    groups: dict[tuple[str, str], list[tuple[float, Question]]] = defaultdict(list)
    for number, case in enumerate(cases):
        for one in case.asked():
            drawn = random.Random(f"{one.metric}:{one.kind}:{seed}:{number}:{one.place}").random()  # noqa: S311 - a sample
            groups[one.metric, one.kind].append((drawn, one))
    found = []
    for (metric, _), questions in groups.items():
        highest = sorted(drawn for drawn, _ in questions)[: len(questions) if metric == RELIABILITY else most][-1]
        found += [question for drawn, question in questions if drawn <= highest]
    return found


def remember_unedited(bench: WatchedBench, questions: Iterable[Question]) -> None:
    """Take what locality is measured against, while no edit is in force."""
    texts = [one.text for one in questions if one.metric == LOCALITY]
    bench.answers(texts)
    bench.digests(texts)


def observe(
    method: Method, cases: Sequence[Case], questions: Sequence[Question], texts: Sequence[str], judge: Judge
) -> list[Observation]:
    """All that is asked of a method with edits in force; `texts` are those whose perplexity is taken."""
    place = {id(case.edit): number for number, case in enumerate(cases)}
    targets = tuple(dict.fromkeys(case.target for case in cases))
    found = []
    for question, said in zip(questions, method.ask(questions), strict=True):
        before = ""
        if question.metric == LOCALITY:
            before = cast(WatchedBench, method.bench).answers([question.text])[0]
            total = float(taken_over(said.text, before, question, targets))
            found.append(Observation(metric=RATE, kind=TAKEN_OVER, case=place[id(question.edit)], total=total))
        for number, (metric, kind, total) in enumerate(_judged(method, question, said, judge)):
            case = place[id(question.edit)]
            one = Observation(metric=metric, kind=kind, case=case, total=total, question=question.place)
            if not number:  # the answer itself; what else is seen of it comes after
                counted = [before] if question.metric == LOCALITY else question.accepted
                one = replace(one, asked=question.text, accepted=counted, said=said.text)
            found.append(one)
    written = method.bench.model.generate(
        [case.edit.subject or case.prompt for case in cases[-_WRITTEN:]], max_new_tokens=_LONGEST_TEXT
    )
    found += [
        Observation(metric=FLUENCY, kind=ALL, case=number, total=ngram_entropy(text))
        for number, text in enumerate(written)
    ]
    return found + list(perplexities(method.bench.model, texts, ALL))


def _judged(method: Method, question: Question, said: Said, judge: Judge) -> Iterator[tuple[str, str, float]]:
    """The figures that an answer counts to: (metric, kind, value)."""
    bench = cast(WatchedBench, method.bench)
    if question.metric == LOCALITY:
        before = bench.answers([question.text])[0]
        metric, kind = kept_as(question, before, judge)
        yield metric, kind, float(same(said.text, before))
        yield metric, f"{LOGITS}/{kind}", float(_same_logits(bench, question, said))
        if metric == LOCALITY and (known := as_known(question)):  # a chat model's other wording is no other answer
            yield RATE, STILL_RIGHT, float(judge(said.text, known))
        return
    yield question.metric, question.kind, float(judge(said.text, question))
    if question.metric in _FORCED and question.kind == ALL:
        right = tokens_right(method, question, said)
        if right is not None:
            yield question.metric, TEACHER_FORCED, right


def _same_logits(bench: WatchedBench, question: Question, said: Said) -> bool:
    """Whether the model reads the same and gives the same scores, bit for bit; a stored answer is another answer."""
    if not isinstance(said.reading, Prompt):
        return False
    return digest(bench.model.logits(said.reading)) == bench.digests([question.text])[0]


def tokens_right(method: Method, question: Question, said: Said) -> float | None:
    """The share of the target's tokens that come first when those before them are given; None where none can be read.

    A stored answer is right or wrong as a whole.
    """
    if said.reading is None:
        return None
    if isinstance(said.reading, str):
        return float(is_answer(said.reading, question.accepted))
    model = method.bench.model
    continuation = model.continuation(said.reading, question.edit.target or "")
    wanted = model.join(said.reading, continuation)[1]
    if not wanted:
        return None
    with method.scoring(said.reading):
        scores = model.logits(said.reading, continuation)
    best = scores[-len(wanted) - 1 : -1].argmax(-1).tolist()
    right: int = sum(a == b for a, b in zip(best, wanted, strict=True))
    return right / len(wanted)


def perplexities(model: WhiteBoxModel, texts: Sequence[str], kind: str) -> Iterator[Observation]:
    """What each text adds to the perplexity of all.

    Raises:
        EditorError: the model's scores are no numbers.
    """
    for number, (total, tokens) in enumerate(negative_log_likelihoods(model, texts)):
        if not math.isfinite(total):
            raise EditorError(f"the scores of {model.name} are no numbers any more")
        yield Observation(metric=PERPLEXITY, kind=kind, case=number, total=total, count=tokens)


def timed_answers(method: Method, cases: Sequence[Case]) -> list[Observation]:
    """Seconds for the answer to each of some own prompts, asked alone, after one that is not counted."""
    asked = [case.asked()[0] for case in cases[:_TIMED]]
    method.ask(asked[:1])
    return [_timed(ANSWER, number, partial(method.ask, [one])) for number, one in enumerate(asked)]


def timed_unedited(bench: Bench, cases: Sequence[Case]) -> list[Observation]:
    """The same of the unedited model, while no edit is in force."""
    prompts = [Prompt(question=case.prompt) for case in cases[:_TIMED]]
    bench.model.answer_many(prompts[:1])
    return [
        _timed(PLAIN_ANSWER, number, partial(bench.model.answer_many, [prompt]))
        for number, prompt in enumerate(prompts)
    ]


def _timed(kind: str, case: int, act: Callable[[], object]) -> Observation:
    started = perf_counter()
    act()
    return Observation(metric=SECONDS, kind=kind, case=case, total=perf_counter() - started)


def memory_edit_seconds(bench: Bench, cases: Sequence[Case]) -> float:
    """The median time in which a memory takes in an edit, after one that is not counted."""
    seconds: list[float] = []
    while len(seconds) < _ADDED:
        with (
            tempfile.TemporaryDirectory() as folder,
            EditMemory.open(Path(folder) / "store", encoder=bench.encoder) as memory,
        ):
            memory.add_many([_WARMING])
            for case in cases[:_ADDED]:
                started = perf_counter()
                memory.add_many([case.edit])
                seconds.append(perf_counter() - started)
    return statistics.median(seconds)


def regrouped(observations: Iterable[Observation], case: int) -> list[Observation]:
    """What was observed while one edit was alone in force, as what its case added."""
    return [replace(one, case=case) for one in observations]


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Makes the rows of one cell."""

    run: Run
    method: str
    edits: int
    seed: int
    memory_seconds: float
    judge: str
    preset: str | None = None

    def rows(self, observations: Sequence[Observation]) -> list[Row]:
        """A row for each figure, and the ratios of those that stand beside each other."""
        groups: dict[tuple[str, str], list[Observation]] = defaultdict(list)
        for one in observations:
            groups[one.metric, one.kind].append(one)
            if one.metric in _POOLED and "/" not in one.kind:
                groups[one.metric, ALL].append(one)
            elif one.metric in _POOLED:
                groups[one.metric, LOGITS].append(one)
        for metric in _FORCED:
            if len(groups.get((metric, TEACHER_FORCED), ())) < len(groups.get((metric, ALL), ())):
                # What could be read are the answers that the model gave without an edit: a share of misses alone.
                groups.pop((metric, TEACHER_FORCED), None)
        rows = [self._row(metric, kind, found) for (metric, kind), found in groups.items()]
        return rows + self._ratios({(row.metric, row.kind): row for row in rows})

    def _row(self, metric: str, kind: str, found: Sequence[Observation]) -> Row:
        cases: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for one in found:
            cases[one.case][0] += one.total
            cases[one.case][1] += one.count
        figure = _FIGURES.get(metric, mean_of)
        table = np.asarray(list(cases.values()))
        value = float(figure(table[None])[0])
        if metric in SHARES and {one.total for one in found} in ({0.0}, {1.0}):  # drawn again they would be the same
            low, high = wilson(round(sum(one.total for one in found)), len(found))
        else:
            low, high = interval(table, figure)
        return self._figure(metric, kind, value, len(found), low=_finite(low), high=_finite(high))

    def _ratios(self, rows: Mapping[tuple[str, str], Row]) -> list[Row]:
        found = []
        for kind, above, below in (
            (PERPLEXITY, (PERPLEXITY, ALL), (PERPLEXITY, BEFORE)),
            (ANSWER_TIME, (SECONDS, ANSWER), (SECONDS, PLAIN_ANSWER)),
        ):
            if above in rows and below in rows and rows[below].value > 0:
                value = rows[above].value / rows[below].value
                found.append(self._figure(RATIO, kind, value, rows[above].n))
        if edit := rows.get((SECONDS, EDIT)):
            found.append(self._figure(RATIO, OF_MEMORY, edit.value / self.memory_seconds, edit.n))
        return found

    def _figure(
        self, metric: str, kind: str, value: float, n: int, *, low: float | None = None, high: float | None = None
    ) -> Row:
        return Row(
            run=self.run, method=self.method, metric=metric, kind=kind, value=value, low=low, high=high, n=n,
            unit=_UNITS.get(metric, "share"), edits=self.edits, seed=self.seed,
            judge=self._judge(metric, kind), preset=self.preset,
        )  # fmt: skip

    def _judge(self, metric: str, kind: str) -> str | None:
        """By what answers counted; scores are compared bit for bit, and tokens one by one."""
        if (metric, kind) == (RATE, STILL_RIGHT):
            return self.judge
        if metric not in SHARES or kind == TEACHER_FORCED or kind.split("/")[0] == LOGITS:
            return None
        return SAME if metric in KEPT else self.judge


def _median(drawn: Drawn) -> Drawn:
    found: Drawn = np.median(drawn[..., 0] / drawn[..., 1], axis=-1)
    return found


_FIGURES: Mapping[str, Callable[[Drawn], Drawn]] = {PERPLEXITY: perplexity_of, SECONDS: _median, BYTES: _median}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
