"""One method in one mode: its edits are made, it is asked, and the model is looked at afterwards."""

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from time import perf_counter

from kedit_memory.evaluation.case import Case, Question
from kedit_memory.evaluation.judges import Judge
from kedit_memory.evaluation.log import DONE, FAILED, SHORTENED, Log, Part, PartKey, compact
from kedit_memory.evaluation.method import Method
from kedit_memory.evaluation.methods import method_of
from kedit_memory.evaluation.rows import Run
from kedit_memory.evaluation.run import Pace, Progress, quiet
from kedit_memory.evaluation.tasks.compare import measures
from kedit_memory.evaluation.tasks.compare.measures import Observation, regrouped
from kedit_memory.evaluation.tasks.compare.model import WatchedBench, peak_memory

SINGLE, SEQUENTIAL, BATCH, BATCHES = "single", "sequential", "batch", "batches"

_SPARED = 4  # of so many texts one is read after an edit that is alone in force: readings add up over the edits


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What all measurements of a run share.

    Attributes:
        run: the facts that each row tells.
        limit: the most seconds that the edits of a measurement may take, None for any.
        batch: how many edits come at once where batches follow each other.
        questions: the most that are asked of one kind.
        texts: running text, whose perplexity is taken.
        before: what the unedited model makes of it.
        judge: says which answers count.
        memory_seconds: how long a memory takes for an edit.
    """

    run: Run
    limit: float | None
    batch: int
    questions: int
    texts: Sequence[str]
    before: Sequence[Observation]
    judge: Judge
    memory_seconds: float


class Attempt:
    """One method in one mode, with parts that differ in the number of edits alone."""

    def __init__(
        self, setting: Setting, bench: WatchedBench, log: Log, keys: Sequence[PartKey], cases: Sequence[Case]
    ) -> None:
        self._setting = setting
        self._bench = bench
        self._log = log
        self._waiting = list(keys)  # fewest edits first
        self._cases = cases
        self._name = f"{keys[0].method}, {keys[0].mode}"
        self._way = _WAYS[keys[0].mode]
        self._method: Method = method_of(keys[0].method)(bench)
        self._done: list[Part] = []
        self._first: list[Observation] = []  # of the edit before all others, which are told with the first part
        self._pace = bench.pace(keys[0].method)
        self._spent = 0.0  # seconds, on edits alone
        self._tick: Progress = quiet
        self._started = perf_counter()

    def run(self, pace: Pace) -> list[Part]:
        """Measure the parts; what a method does wrong costs those that it has not come to."""
        self._tick = pace.tick
        try:
            self._warm_up()
            self._way(self)
        except Exception as error:  # noqa: BLE001 - a method may fail in any way: it is reported, and others go on
            self._fail(error)
        self._tidy(pace.say)
        return self._done

    def single(self) -> None:
        """Each edit alone, taken out before the next."""
        found: list[Observation] = []
        made = 0
        planned = self._cases[: self._waiting[0].planned]
        chosen = self._chosen(planned)
        for place, case in enumerate(planned):
            if made and self._late():
                break
            alone = measures.timed_unedited(self._bench, [case])
            self._method.prepare()
            alone += self._edit([case])
            own = [one for one in chosen if one.edit is case.edit]
            alone += self._asked([case], own, self._setting.texts[::_SPARED])
            self._method.clear()
            found += regrouped(alone, place)
            made += 1
        before = [one for one in self._setting.before if one.case % _SPARED == 0]
        self._record(found, before, made, in_force=1)

    def sequential(self) -> None:
        """One edit after the other; measured where a part ends, and where time runs out."""
        self._in_turn(1)

    def batches(self) -> None:
        """One batch after the other; the last one before a measurement may be smaller."""
        self._in_turn(self._setting.batch)

    def _in_turn(self, size: int) -> None:
        """So many edits at a time, on top of those in force."""
        plain = measures.timed_unedited(self._bench, self._cases[: self._waiting[-1].planned])
        self._method.prepare()
        edits: list[Observation] = []
        count = 0
        while self._waiting:
            first, count = count, min(count + size, self._waiting[0].planned)
            edits += regrouped(self._edit(self._cases[first:count]), count)
            late = self._late()
            if late or count == self._waiting[0].planned:
                cases = self._cases[:count]
                asked = self._asked(cases, self._chosen(cases), self._setting.texts)
                self._record([*plain[:count], *edits, *asked], self._setting.before, count, in_force=count)
            if late:
                break
        while self._waiting:
            self._keep(Part(key=self._waiting.pop(0), status=SHORTENED))  # no more edits than before
        self._method.clear()

    def batch(self) -> None:
        """All edits at once, as many as a slow method has time for."""
        before = 0
        while self._waiting:
            count = self._affordable(self._waiting[0].planned)
            if count == before:
                self._keep(Part(key=self._waiting.pop(0), status=SHORTENED))  # no more edits than before
                continue
            before = count
            cases = self._cases[:count]
            found = measures.timed_unedited(self._bench, cases)
            self._method.prepare()
            found += self._edit(cases)
            found += self._asked(cases, self._chosen(cases), self._setting.texts)
            self._method.clear()
            self._record(found, self._setting.before, count, in_force=count)

    def _warm_up(self) -> None:
        """Make a method's first edit and take it out, so that what it needs once is not counted to every edit."""
        if self._method.learns:
            if not self._pace:
                self._try()
            self._first = [Observation(metric=measures.SECONDS, kind=measures.FIRST_EDIT, case=0, total=self._pace[0])]
        self._started = perf_counter()

    def _try(self) -> None:
        """Time one edit, which is taken out again."""
        self._method.prepare()
        started = perf_counter()
        self._method.add([self._cases[0].edit])
        self._pace.append(perf_counter() - started)
        self._method.clear()

    def _affordable(self, planned: int) -> int:
        """How many edits a batch may have, by the time that one takes."""
        if self._setting.limit is None or planned == 1 or not self._method.learns:
            return planned
        if len(self._pace) == 1:
            self._try()  # a second edit: the first one took what is needed once
        return min(planned, max(1, int(self._setting.limit / median(self._pace[1:]))))

    def _late(self) -> bool:
        return self._setting.limit is not None and self._spent > self._setting.limit

    def _edit(self, cases: Sequence[Case]) -> list[Observation]:
        """Put edits in; how long that took, and how much memory, for each of them."""
        with peak_memory(self._bench.model.device) as peak:
            started = perf_counter()
            self._method.add([case.edit for case in cases])
            taken = perf_counter() - started
        self._spent += taken
        seconds = taken / len(cases)
        if not self._method.learns:
            return []
        if len(cases) == 1:
            self._pace.append(seconds)
        self._tick(f"{self._name}: {seconds:.2f} s an edit")
        found = [Observation(metric=measures.SECONDS, kind=measures.EDIT, case=0, total=seconds)]
        if peak.bytes is not None:
            share = peak.bytes / len(cases)
            found.append(Observation(metric=measures.BYTES, kind=measures.PEAK, case=0, total=share))
        return found

    def _chosen(self, cases: Sequence[Case]) -> list[Question]:
        """The questions about these cases, in one measurement."""
        return measures.chosen_questions(cases, self._setting.questions, self._waiting[0].seed)

    def _asked(self, cases: Sequence[Case], questions: Sequence[Question], texts: Sequence[str]) -> list[Observation]:
        """All that is measured with the edits of these cases in force."""
        found = measures.observe(self._method, cases, questions, texts, self._setting.judge)
        return found + measures.timed_answers(self._method, cases)

    def _record(self, found: Sequence[Observation], before: Sequence[Observation], made: int, *, in_force: int) -> None:
        """Keep the part that waits first; `before` is what the unedited model makes of the same texts."""
        key = self._waiting.pop(0)
        status = DONE if made == key.planned else SHORTENED
        seen = [*self._first, *found, *before]
        self._first = []
        self._keep(
            Part(
                key=key,
                status=status,
                edits=made,
                seconds=round(perf_counter() - self._started, 2),
                run=self._setting.run,
                facts={
                    "in_force": in_force,
                    "memory_seconds": self._setting.memory_seconds,
                    "judge": self._setting.judge.name,
                    "preset": self._method.preset,
                },
                samples=[compact(one) for one in seen],
            )
        )

    def _keep(self, part: Part) -> None:
        self._done.append(part)
        self._log.record(part)

    def _fail(self, error: Exception) -> None:
        """All parts that wait have failed."""
        line = " ".join(f"{type(error).__name__}: {error}".split())
        told = "".join(traceback.format_exception(error))
        while self._waiting:
            self._keep(Part(key=self._waiting.pop(0), status=FAILED, error=line, traceback=told))

    def _tidy(self, say: Progress) -> None:
        """Take the edits out if they are still in, and look whether the model is what it was; else take it anew."""
        left = []
        try:
            self._method.clear()
            self._method.close()
        except Exception as error:  # noqa: BLE001 - as above; what it leaves is found next
            left.append(f"could not be taken out ({type(error).__name__}: {error})")
        left += self._bench.traces()
        if left:
            self._bench.reload()
            trace = f"left a trace in the model, which was taken anew: {'; '.join(left)}"
            self._done = [replace(part, trace=trace) for part in self._done]
            for part in self._done:
                self._log.record(part)
            say(f"{self._name}: {trace}")


_WAYS: Mapping[str, Callable[[Attempt], None]] = {
    SINGLE: Attempt.single,
    SEQUENTIAL: Attempt.sequential,
    BATCH: Attempt.batch,
    BATCHES: Attempt.batches,
}
