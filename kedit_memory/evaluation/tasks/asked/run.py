"""Edits are put in, questions are asked, and it is noted what was said: by every method the same questions.

The edits of each case are made alone and taken out again, or those of all cases are in force together. After a method
the model has to be bit for bit what it was; else it is taken anew, and the part says so.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from kedit_memory import registry
from kedit_memory.editors.presets import check_kind
from kedit_memory.errors import InvalidInputError, UnknownNameError
from kedit_memory.evaluation.case import Case, Question
from kedit_memory.evaluation.datasets import OWN_FORM
from kedit_memory.evaluation.datasets.public import background_of, sources_of
from kedit_memory.evaluation.judges import DEFAULT, Judge, judge_of
from kedit_memory.evaluation.log import DONE, FAILED, Log, Part, PartKey, compact
from kedit_memory.evaluation.method import Method, Said
from kedit_memory.evaluation.methods import SIDE_BY_SIDE, UNEDITED, Unedited, method_of, opened
from kedit_memory.evaluation.rows import Run, describe_run
from kedit_memory.evaluation.run import Pace, Progress, guarded, quiet
from kedit_memory.evaluation.task import ASKED
from kedit_memory.evaluation.tasks.asked.answers import Answered, counts, score
from kedit_memory.evaluation.tasks.asked.sets import Chosen, Read, public
from kedit_memory.evaluation.tasks.compare.model import WatchedBench
from kedit_memory.models.language import WhiteBoxModel, white_box
from kedit_memory.models.named import load_model

_CONDITION = "the unedited model does not know what they rely on"


@dataclass(frozen=True, kw_only=True)
class AskedPlan:
    """What is asked, checked when it is made.

    Attributes:
        task: a name in `task.ASKED`.
        dataset: one of the task's sets, or a file of one's own cases whose name ends with .jsonl.
        methods: of `methods.SIDE_BY_SIDE`, editors with options; the unedited model is always asked.
        cases: how many are drawn.
        together: whether the edits of all cases are in force at once; else each case's alone.
        seed: of the choice of cases.
        judge: a name in `judges.JUDGES`, which says what answers count.
        preset: the kind of settings that editors take where they have it, of `editors.presets.KINDS`; else their own.
        model: the name of the model.
        encoder: of the memories, None for the default one.
        max_new_tokens: where answers are cut; by default as `Bench` has it.
        device: where the model runs, None for an accelerator where there is one.
        dtype: its precision, None for the default one.
    """

    task: str
    dataset: str
    methods: tuple[str, ...]
    cases: int = 100
    together: bool = False
    seed: int = 1
    judge: str = DEFAULT
    preset: str | None = None
    model: str = "kedit-mini"
    encoder: str | None = None
    max_new_tokens: int | None = None
    device: str | None = None
    dtype: str | None = None

    def __post_init__(self) -> None:
        if not self._own and self.dataset not in self._sets:
            raise UnknownNameError("dataset", self.dataset, self._sets)
        for name in self.methods:
            method_of(name)
        judge_of(self.judge)
        check_kind(self.preset)
        object.__setattr__(self, "methods", tuple(dict.fromkeys((UNEDITED, *self.methods))))
        if self.cases < 1:
            raise InvalidInputError(f"cases is {self.cases}; it must be 1 or more")

    @property
    def _sets(self) -> Mapping[str, Read]:
        found: Mapping[str, Read] = registry.load(
            "task", self.task, {name: one.datasets for name, one in ASKED.items()}
        )
        return found

    @property
    def _own(self) -> bool:
        return self.dataset.endswith(OWN_FORM)

    @property
    def kept(self) -> dict[str, Any]:
        """What may not change when a run goes on; methods may be added to it."""
        return {name: value for name, value in asdict(self).items() if name not in {"methods", "task"}}

    def read(self, data: Path | None, model: WhiteBoxModel) -> Sequence[Case]:
        """The cases.

        Raises:
            NotFoundError: the set is not there.
            InvalidInputError: it holds none that can be asked about.
        """
        read = public(self.dataset) if self._own else self._sets[self.dataset]
        return read(Chosen(cases=self.cases, seed=self.seed, model=model, data=data, together=self.together))

    def sources(self, data: Path | None) -> tuple[Path, ...]:
        """The files whose bytes name the data of a run."""
        return (Path(self.dataset),) if self._own else sources_of(self.dataset, data)


@dataclass(frozen=True, kw_only=True)
class AskedReport:
    """Rows as `Row.flat` gives them, the methods that failed, with why, and what others left in the model."""

    rows: Sequence[Mapping[str, Any]]
    failures: Mapping[str, str]
    traces: Mapping[str, str]


def run_asked(
    plan: AskedPlan,
    data: Path | None = None,
    *,
    log: Path | None = None,
    load: Callable[[], WhiteBoxModel] | None = None,
    progress: Progress = quiet,
) -> AskedReport:
    """Ask by a plan; `log` is a file to go on with where it is there, `load` gives the model in place of its name.

    Raises:
        CapabilityError: the model does not show its weights.
        InvalidInputError: the log is of another run, or the set holds nothing to ask.
        NotFoundError: the public set is absent.
    """
    kept = Log.open(log, plan.task, plan.kept)
    failures: dict[str, str] = {}
    left = [name for name in plan.methods if not kept.finished(PartKey(method=name, seed=plan.seed))]
    if left:
        asking = _Asking.prepared(plan, data, load or partial(_loaded, plan), progress)
        kept.check(asking.run)
        pace = Pace(progress, len(left), "methods")
        for name in left:
            found = next(guarded(asking.part(name, pace), name, failures), None)
            behind = asking.tidied()
            part = found or Part(key=asking.key(name), status=FAILED, error=failures[name], run=asking.run)
            kept.record(replace(part, trace="; ".join(behind)))
            pace.done += 1
            pace.say(f"{name}: {failures.get(name) or f'{len(part.samples):,} answers'}; {pace.left()}")
    traces = {part.key.method: part.trace for part in kept.parts if part.trace}
    return AskedReport(rows=score(kept), failures=failures, traces=traces)


class _Asking:
    """The cases and the model, with what the model said before any edit."""

    def __init__(self, plan: AskedPlan, bench: WatchedBench, cases: Sequence[Case], run: Run) -> None:
        self.plan, self.bench, self.run = plan, bench, run
        self._judge: Judge = judge_of(plan.judge)
        self._cases = [replace(case, questions=case.asked()) for case in cases]
        self._before: dict[str, str] = {}
        asked = [one for case in self._cases for one in case.questions]
        self._plain([*asked, *(given for one in asked for given in one.given)])
        self._left_out = Counter(_CONDITION for one in asked if not self._known(one))

    @classmethod
    def prepared(
        cls, plan: AskedPlan, data: Path | None, load: Callable[[], WhiteBoxModel], progress: Progress
    ) -> "_Asking":
        bench = WatchedBench(
            load, encoder=plan.encoder, background=background_of(plan.dataset), max_new_tokens=plan.max_new_tokens,
            preset=plan.preset,
        )  # fmt: skip
        progress(f"choosing {plan.cases:,} cases of {plan.dataset}")
        cases = plan.read(data, bench.model)
        run = describe_run(
            plan.task, plan.dataset, config=plan.kept, data=plan.sources(data), model=bench.model.fingerprint
        )
        progress("asking the unedited model")
        return cls(plan, bench, cases, run)

    def key(self, name: str) -> PartKey:
        """Of a method's part."""
        return PartKey(method=name, seed=self.plan.seed)

    def part(self, name: str, pace: Pace) -> Iterator[Part]:
        """The part of a method, as the one value of an iterator."""
        began = perf_counter()
        samples: list[Answered] = []
        editing = 0.0
        with opened(name, self.bench, SIDE_BY_SIDE) as method:
            for first, cases in self._steps():
                started = perf_counter()
                if method.learns:
                    if before := [edit for case in cases for edit in case.before]:
                        method.add(before)
                    method.add([edit for case in cases for edit in (case.edit, *case.also)])
                editing += perf_counter() - started
                samples += self._asked(method, first, cases)
                method.clear()
                pace.tick(f"{name}: {first + len(cases):,} of {len(self._cases):,} cases")
        whole = perf_counter() - began
        facts = {
            "judge": self._judge.name, "preset": method.preset, "left_out": dict(self._left_out),
            "edits_seconds": editing, "answers_seconds": whole - editing,
        }  # fmt: skip
        edits = sum(1 + len(case.also) for case in self._cases) if self.plan.together else 1
        yield Part(
            key=self.key(name), status=DONE, edits=edits, seconds=whole, run=self.run, facts=facts,
            samples=[compact(one) for one in samples],
        )  # fmt: skip

    def tidied(self) -> list[str]:
        """What a method left in the model, in words; the model is then taken anew."""
        traces = self.bench.traces()
        if traces:
            self.bench.reload()
        return traces

    def _steps(self) -> Sequence[tuple[int, Sequence[Case]]]:
        """The cases whose edits are in force at one time, each with the place of its first."""
        if self.plan.together:
            return [(0, self._cases)]
        return [(place, [case]) for place, case in enumerate(self._cases)]

    def _asked(self, method: Method, first: int, cases: Sequence[Case]) -> list[Answered]:
        """What the questions of some cases came to."""
        asked = [(first + at, one) for at, case in enumerate(cases) for one in case.questions if self._known(one)]
        questions = [question for _, question in asked]
        if type(method) is Unedited:
            said = [Said(text=text, reading=None) for text in self._plain(questions)]
        else:
            said = method.ask(questions)
        return [self._answered(place, question, one) for (place, question), one in zip(asked, said, strict=True)]

    def _plain(self, questions: Sequence[Question]) -> list[str]:
        """What the unedited model says, which is asked each text once."""
        new = list({one.text: one for one in questions if one.text not in self._before}.values())
        said = Unedited(self.bench).ask(new)
        self._before.update((one.text, answer.text) for one, answer in zip(new, said, strict=True))
        return [self._before[one.text] for one in questions]

    def _answered(self, case: int, question: Question, said: Said) -> Answered:
        before = self._before[question.text]
        return Answered(
            case=case, place=question.place, metric=question.metric, kind=question.kind, group=question.group,
            right=counts(question, said.text, before, self._judge), said=said.text, before=before,
            asked=question.text, accepted=list(question.accepted), rejected=list(question.rejected),
            hops=_found(question, said.prompts),
        )  # fmt: skip

    def _known(self, question: Question) -> bool:
        """Whether the unedited model meets the conditions of a question."""
        return all(self._judge(self._before[given.text], given) for given in question.given)


def _found(question: Question, prompts: frozenset[str] | None) -> float | None:
    """Which share of the facts that a question needs were found."""
    if prompts is None or not question.needs:
        return None
    return sum((one.prompt or "") in prompts for one in question.needs) / len(question.needs)


def _loaded(plan: AskedPlan) -> WhiteBoxModel:
    return white_box(load_model(plan.model, device=plan.device, dtype=plan.dtype), f"the task {plan.task}")
