"""Edits one after the other, and what becomes of old knowledge and of early edits: GRACE's protocol on our streams.

Every method gets the same edits in the same order, in a model of its own, and is asked the same questions every so
many edits and after the last. Answers are the model's own greedy ones.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from kedit_memory.editors.presets import check_kind
from kedit_memory.errors import InvalidInputError, UnknownNameError
from kedit_memory.evaluation.datasets.public import background_of
from kedit_memory.evaluation.judges import DEFAULT, judge_of
from kedit_memory.evaluation.log import DONE, FAILED, Log, Part, PartKey
from kedit_memory.evaluation.method import Bench, Method
from kedit_memory.evaluation.methods import STREAMED, UNEDITED, method_of, opened
from kedit_memory.evaluation.rows import Row, Run, describe_run
from kedit_memory.evaluation.run import Pace, Progress, guarded, quiet
from kedit_memory.evaluation.score import rows_of
from kedit_memory.evaluation.tasks.lifelong.measures import AT_ONCE, Measures
from kedit_memory.evaluation.tasks.lifelong.streams import STREAMS, Stream, Wanted, load_stream
from kedit_memory.evaluation.tasks.lifelong.timing import EditClock, answer_times, time_row
from kedit_memory.models.classifier import Editable

TASK = "lifelong"
LoadModel = Callable[[], Editable]
_TRIED = 10  # times as many of the newest edits are asked again as are timed


@dataclass(frozen=True, kw_only=True)
class LifelongPlan:
    """What is streamed and measured, checked when it is made.

    Attributes:
        stream: a name in `lifelong.streams.STREAMS`.
        methods: of `methods.STREAMED`, editors with options as in `grace:stack=encoder`; `unedited` is always measured.
        edits: how many are streamed.
        every: after how many edits everything is measured.
        batch: how many edits are handed over at once; one is the protocol of the paper.
        questions: the most questions on original data, of each kind of out-of-scope prompt, and of rephrasings before
            the end.
        phrasings: how many other wordings an edit is given, where the stream has some; they are not asked.
        judge: a name in `judges.JUDGES`, which says what answers count.
        preset: the kind of settings that editors take where they have it, of `editors.presets.KINDS`; else their own.
        timed: how many edits, and answers on hits and on misses, are timed against a peer; 0 for none.
        seeds: of the choice and order of edits, and of all samples.
    """

    stream: str
    methods: tuple[str, ...]
    edits: int = 1000
    every: int = 100
    batch: int = 1
    questions: int = 300
    phrasings: int = 0
    timed: int = 20
    judge: str = DEFAULT
    preset: str | None = None
    seeds: tuple[int, ...] = (1, 2, 3)

    def __post_init__(self) -> None:
        if self.stream not in STREAMS:
            raise UnknownNameError("stream", self.stream, STREAMS)
        for name in self.methods:
            method_of(name, STREAMED)
        judge_of(self.judge)
        check_kind(self.preset)
        object.__setattr__(self, "methods", tuple(dict.fromkeys((UNEDITED, *self.methods))))
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise InvalidInputError(f"seeds are {self.seeds or 'none'}; give one or more, each once")
        least = {"edits": 1, "every": 1, "batch": 1, "questions": 2, "phrasings": 0, "timed": 0}
        for name, smallest in least.items():
            if getattr(self, name) < smallest:
                raise InvalidInputError(f"{name} is {getattr(self, name)}; it must be {smallest} or more")
        if self.every % self.batch:
            raise InvalidInputError(
                f"{self.batch} edits are handed over at once, and every {self.every} are measured: "
                "let the second be a multiple of the first"
            )

    @property
    def kept(self) -> dict[str, Any]:
        """What may not change when a run goes on; methods and seeds may be added to it."""
        return {name: value for name, value in asdict(self).items() if name not in {"methods", "seeds"}}


@dataclass(frozen=True, kw_only=True)
class LifelongReport:
    """All rows, and the methods that did not come to the end of their stream, with why."""

    rows: tuple[Row, ...]
    failures: Mapping[str, str]


def run_lifelong(
    plan: LifelongPlan,
    load: LoadModel,
    data: Path | None = None,
    *,
    encoder: str | None = None,
    log: Path | None = None,
    progress: Progress = quiet,
) -> LifelongReport:
    """Measure a plan; `load` gives a fresh model each time, `log` is a file to go on with where it is there.

    Raises:
        InvalidInputError: the stream has too few edits, the model nothing to lose, or the log is of another run.
        NotFoundError: a public set is absent.
        ModelError: the model cannot be loaded, or does not show its weights.
    """
    kept = Log.open(log, TASK, plan.kept | {"encoder": encoder})
    kept.check(_run(plan, encoder))  # before anything is loaded; all may be there already
    failures: dict[str, str] = {}
    rows: dict[PartKey, list[Row]] = {}  # of what is measured now
    left = {seed: [n for n in plan.methods if not kept.finished(PartKey(method=n, seed=seed))] for seed in plan.seeds}
    told = Pace(progress, plan.edits * sum(name != UNEDITED for names in left.values() for name in names), "edits")
    for seed, names in left.items():
        if not names:
            progress(f"seed {seed}: all is in {log}")
            continue
        told.say(f"seed {seed}: choosing {plan.edits} edits that the model gets wrong")
        one = _Seed.prepared(plan, load, data, encoder=encoder, seed=seed)
        if one.stream.note:
            told.say(f"seed {seed}: {one.stream.note}")
        kept.check(one.measures.row.run)
        for name in names:
            who = f"{name}, seed {seed}"
            key = PartKey(method=name, seed=seed)
            rows[key] = [row for found in guarded(one.streamed(name, told), who, failures) for row in found]
            kept.record(
                Part(
                    key=key,
                    status=FAILED if who in failures else DONE,
                    error=failures.get(who, ""),
                    run=one.measures.row.run,
                    samples=[row.sample() for row in rows[key]],
                )
            )
            told.done += 0 if name == UNEDITED else plan.edits
    found = (row for part in kept.parts for row in (rows[part.key] if part.key in rows else rows_of(part)))
    return LifelongReport(rows=tuple(found), failures=failures)


@dataclass(frozen=True, kw_only=True)
class _Seed:
    """One order of edits, to be given to one method after the other."""

    plan: LifelongPlan
    stream: Stream
    plain: Editable
    bench: Callable[[], Bench]  # with a fresh model
    measures: Measures

    @classmethod
    def prepared(
        cls, plan: LifelongPlan, load: LoadModel, data: Path | None, *, encoder: str | None, seed: int
    ) -> "_Seed":
        plain = load()
        wanted = Wanted(
            edits=plan.edits, questions=plan.questions, phrasings=plan.phrasings, seed=seed, judge=judge_of(plan.judge)
        )
        stream = load_stream(plan.stream)(plain, wanted, data)
        run = _run(plan, encoder, data=stream.data, model=plain.fingerprint)
        measures = Measures(stream, plain, run, wanted, early=plan.every)

        def bench() -> Bench:
            return Bench(
                load(),
                encoder=encoder,
                background=background_of(plan.stream),
                max_new_tokens=stream.max_new_tokens,
                preset=plan.preset,
            )

        return cls(plan=plan, stream=stream, plain=plain, bench=bench, measures=measures)

    def streamed(self, name: str, progress: Pace) -> Iterator[list[Row]]:
        """The rows of one method, measurement after measurement."""
        began = perf_counter()
        edits = self.stream.edits
        clock = EditClock(plain=self.plain, edits=len(edits), timed=self.plan.timed)
        at_once: list[bool] = []
        with opened(name, self.bench()) as method:
            for start in range(0, 0 if name == UNEDITED else len(edits), self.plan.batch):
                batch = edits[start : start + self.plan.batch]
                clock.put(method, [one.edit for one in batch])
                at_once += self.measures.at_once(method, batch)
                progress.tick(f"{name}, seed {self.measures.row.seed}", len(at_once))
                if len(at_once) % self.plan.every == 0 and len(at_once) < len(edits):
                    yield self._measured(method, name, at_once, final=False)
            rows = self._measured(method, name, at_once, final=True)
            progress.say(f"{name}, seed {self.measures.row.seed}: timing answers")
            row = replace(self.measures.row, method=name, edits=len(edits), preset=method.preset)
            rows += [*self._timed(method, row, clock, at_once), *_stored(method, row)]
            spent = perf_counter() - began
            yield [*rows, replace(row, metric="seconds", kind="stream", value=spent, n=len(edits), unit="s")]

    def _measured(self, method: Method, name: str, at_once: list[bool], *, final: bool) -> list[Row]:
        done = len(at_once) or len(self.stream.edits)  # the unedited model is asked about edits that it never got
        rows = self.measures.at(method, name, done, final=final)
        if at_once:
            row = replace(self.measures.row, method=name, edits=done, judge=self.plan.judge, preset=method.preset)
            rows.append(replace(row, metric="reliability", kind=AT_ONCE).share(at_once))
        return rows

    def _timed(self, method: Method, row: Row, clock: EditClock, at_once: list[bool]) -> Iterator[Row]:
        if not at_once:
            return
        yield from clock.rows(row)
        newest = self.stream.edits[: -_TRIED * self.plan.timed - 1 : -1]
        right = self.measures.at_once(method, newest) if newest else []
        hits = [edit.prompt for edit, said in zip(newest, right, strict=True) if said]
        misses = [probe.text for probe in (*self.stream.tests, *self.stream.outside)]
        for kind, questions in (("time_per_answer_hit", hits), ("time_per_answer_miss", misses)):
            ratios = answer_times(
                method, self.plain, questions, timed=self.plan.timed, max_new_tokens=self.stream.max_new_tokens
            )
            yield from time_row(row, kind, ratios)


def _stored(method: Method, row: Row) -> Iterator[Row]:
    """Bytes on disk by entry: by key where there are keys, else by edit; and what of it is no vector."""
    entries = method.keys or row.edits
    if stored := method.stored_bytes():
        row = replace(row, metric="bytes", kind="per_entry", value=stored / entries, n=entries, unit="bytes")
        yield row
        if method.vector_bytes:
            yield replace(row, kind="per_entry_beside_vectors", value=stored / entries - method.vector_bytes)


def _run(plan: LifelongPlan, encoder: str | None, *, data: Path | None = None, model: str | None = None) -> Run:
    """What the rows share."""
    return describe_run(TASK, plan.stream, config=plan.kept | {"encoder": encoder}, data=data, model=model)
