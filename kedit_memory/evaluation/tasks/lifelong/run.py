"""Edits one after the other, and what becomes of old knowledge and of early edits: GRACE's protocol on our streams.

Every method gets the same edits in the same order, in a model of its own, and is asked the same questions every so
many edits and after the last. Answers are the model's own greedy ones.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter

from kedit_memory.editors.presets import check_kind
from kedit_memory.errors import InvalidInputError, UnknownNameError
from kedit_memory.evaluation.datasets.public import background_of
from kedit_memory.evaluation.judges import DEFAULT, judge_of
from kedit_memory.evaluation.log import RowLog
from kedit_memory.evaluation.method import Method
from kedit_memory.evaluation.methods import UNEDITED
from kedit_memory.evaluation.rows import Row, Run, describe_run
from kedit_memory.evaluation.run import Pace, Progress, guarded, quiet
from kedit_memory.evaluation.tasks.lifelong.measures import AT_ONCE, Measures
from kedit_memory.evaluation.tasks.lifelong.methods import LoadModel, Setting, check_method, opened
from kedit_memory.evaluation.tasks.lifelong.streams import STREAMS, Stream, Wanted, load_stream
from kedit_memory.evaluation.tasks.lifelong.timing import EditClock, answer_times, time_row
from kedit_memory.models.classifier import Editable

LAST = ("seconds", "stream")  # metric and kind of the row that closes the rows of a method and seed
_TRIED = 10  # times as many of the newest edits are asked again as are timed


@dataclass(frozen=True, kw_only=True)
class LifelongPlan:
    """What is streamed and measured, checked when it is made.

    Attributes:
        stream: a name in `lifelong.streams.STREAMS`.
        methods: editors by name, with options as in `grace:stack=encoder`; `router:PATH` for a path of the router;
            `unedited`, which is always measured.
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
            check_method(name)
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
    resume: Path | None = None,
    progress: Progress = quiet,
) -> LifelongReport:
    """Measure a plan; `load` gives a fresh model each time, `resume` is a file of rows to go on with.

    Raises:
        InvalidInputError: the stream has too few edits, the model nothing to lose, or the file other rows.
        NotFoundError: a public set is absent.
        ModelError: the model cannot be loaded, or does not show its weights.
    """
    log = RowLog(resume, LAST)
    log.check(_run(plan, encoder))  # before anything is loaded; all may be there already
    failures: dict[str, str] = {}
    left = {seed: [name for name in plan.methods if not log.finished(name, seed)] for seed in plan.seeds}
    told = Pace(progress, plan.edits * sum(name != UNEDITED for names in left.values() for name in names), "edits")
    for seed, names in left.items():
        if not names:
            progress(f"seed {seed}: all rows are in {resume}")
            continue
        told.say(f"seed {seed}: choosing {plan.edits} edits that the model gets wrong")
        one = _Seed.prepared(plan, load, data, encoder=encoder, seed=seed)
        if one.stream.note:
            told.say(f"seed {seed}: {one.stream.note}")
        log.check(one.measures.row.run)
        for name in names:
            for rows in guarded(one.streamed(name, told), f"{name}, seed {seed}", failures):
                log.add(rows)
            told.done += 0 if name == UNEDITED else plan.edits
    return LifelongReport(rows=tuple(log.rows), failures=failures)


@dataclass(frozen=True, kw_only=True)
class _Seed:
    """One order of edits, to be given to one method after the other."""

    plan: LifelongPlan
    stream: Stream
    plain: Editable
    setting: Setting
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
        setting = Setting(
            load=load,
            encoder=encoder,
            max_new_tokens=stream.max_new_tokens,
            background=background_of(plan.stream),
            preset=plan.preset,
        )
        return cls(plan=plan, stream=stream, plain=plain, setting=setting, measures=measures)

    def streamed(self, name: str, progress: Pace) -> Iterator[list[Row]]:
        """The rows of one method, measurement after measurement."""
        began = perf_counter()
        edits = self.stream.edits
        clock = EditClock(plain=self.plain, edits=len(edits), timed=self.plan.timed)
        at_once: list[bool] = []
        with opened(name, self.setting) as method:
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
            yield [*rows, replace(row, metric=LAST[0], kind=LAST[1], value=spent, n=len(edits), unit="s")]

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
    """What the rows share. Which methods and seeds are in the plan is no part of it: a file may get more of them."""
    config = {name: value for name, value in asdict(plan).items() if name not in {"methods", "seeds"}}
    return describe_run("lifelong", plan.stream, config=config | {"encoder": encoder}, data=data, model=model)
