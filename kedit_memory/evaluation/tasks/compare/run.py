"""Every method side by side: the same edits, one model, the same questions after the last edit.

In the mode `single` each edit is made alone and taken out again; in `sequential` one comes after the other, and what
was edited first is asked again at the end; in `batch` all come at once, in `batches` some at a time. After each
measurement the model has to be bit for bit what it was; a method that leaves a trace is reported, and the model is
taken anew.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kedit_memory.editors.presets import check_kind
from kedit_memory.errors import InvalidInputError, UnknownNameError
from kedit_memory.evaluation.case import Case, Question
from kedit_memory.evaluation.datasets import wikitext
from kedit_memory.evaluation.datasets.public import background_of, sources_of
from kedit_memory.evaluation.judges import DEFAULT, judge_of
from kedit_memory.evaluation.log import FAILED, Log, Part, PartKey
from kedit_memory.evaluation.methods import method_of
from kedit_memory.evaluation.rows import describe_run
from kedit_memory.evaluation.run import Pace, Progress, quiet
from kedit_memory.evaluation.running_text import running_text, spaced
from kedit_memory.evaluation.tasks.compare import measures
from kedit_memory.evaluation.tasks.compare.against import REFERENCES
from kedit_memory.evaluation.tasks.compare.attempt import BATCH, BATCHES, SEQUENTIAL, SINGLE, Attempt, Setting
from kedit_memory.evaluation.tasks.compare.cases import draw_cases
from kedit_memory.evaluation.tasks.compare.model import WatchedBench
from kedit_memory.evaluation.tasks.compare.score import scored
from kedit_memory.evaluation.tasks.scope.sets import FACTS
from kedit_memory.models.language import WhiteBoxModel, white_box
from kedit_memory.models.named import load_model
from kedit_memory.models.sources import EMBEDDED

TASK = "compare"
LOG = "log.jsonl"  # within the folder of a comparison
MODES = (SINGLE, SEQUENTIAL, BATCH, BATCHES)
_TEXTS = 32  # whose perplexity is taken


@dataclass(frozen=True, kw_only=True)
class ComparePlan:
    """What is compared, checked when it is made.

    Attributes:
        methods: names, see `methods.methods`.
        dataset: a name in `scope.sets.FACTS`.
        edits: how many edits are in force when a sequence or a batch is measured.
        singles: how many edits are made alone, one after another; None takes as many as the most of `edits`.
        modes: of `MODES`.
        batch: how many edits come at once in the mode `batches`.
        seeds: each draws other edits, in another order.
        questions: the most that are asked of one kind in a measurement; every edit's own prompt is asked.
        limit: the most seconds that the edits of a measurement may take, without what is asked about them; a slow
            method then makes fewer of them, but one at least. None sets no limit.
        judge: a name in `judges.JUDGES`, which says what answers count.
        preset: the kind of settings that editors take where they have it, of `editors.presets.KINDS`; else their own.
        against: the methods that others are tested against; None takes those of `against.REFERENCES` that are measured.
        model: the name of the model.
        encoder: of the memories, None for the default one.
        device: where the model runs, None for an accelerator where there is one.
        dtype: its precision, None for the default one.
    """

    methods: tuple[str, ...]
    dataset: str = "world"
    edits: tuple[int, ...] = (1, 10, 100)
    singles: int | None = None
    modes: tuple[str, ...] = (SINGLE, SEQUENTIAL, BATCH)
    batch: int = 10
    seeds: tuple[int, ...] = (1,)
    questions: int = 100
    limit: float | None = None
    judge: str = DEFAULT
    preset: str | None = None
    against: tuple[str, ...] | None = None
    model: str = "kedit-mini"
    encoder: str | None = None
    device: str | None = None
    dtype: str | None = None

    def __post_init__(self) -> None:
        if not (self.methods and self.edits and self.modes and self.seeds):
            raise InvalidInputError("nothing to compare: give methods, numbers of edits, modes and seeds")
        for name in self.methods:
            method_of(name)
        judge_of(self.judge)
        check_kind(self.preset)
        for what, given, known in (("dataset", (self.dataset,), FACTS), ("mode", self.modes, MODES)):
            for name in given:
                if name not in known:
                    raise UnknownNameError(what, name, known)
        if min(*self.edits, self.alone, self.batch, self.questions) < 1:
            raise InvalidInputError("edits, single edits, edits of a batch and questions must be 1 or more")
        if self.limit is not None and not self.limit > 0:
            raise InvalidInputError(f"a limit of {self.limit:g} seconds leaves no time; give more, or none at all")
        for name in self.against or ():
            if name not in self.methods:
                raise InvalidInputError(
                    f"nothing can be tested against {name!r}, which is not compared; take of {', '.join(self.methods)}"
                )

    @property
    def alone(self) -> int:
        """How many edits are made alone."""
        return max(self.edits) if self.singles is None else self.singles

    @property
    def most(self) -> int:
        """How many edits are drawn."""
        return max(*self.edits, self.alone)

    @property
    def references(self) -> tuple[str, ...]:
        """The methods that others are tested against."""
        return tuple(name for name in REFERENCES if name in self.methods) if self.against is None else self.against

    @property
    def kept(self) -> dict[str, Any]:
        """What may not change when a run goes on; methods may be added to it, and any be tested against."""
        return {name: value for name, value in asdict(self).items() if name not in {"methods", "against"}}

    def parts(self) -> list[PartKey]:
        """All measurements, a method after the other."""
        return [
            PartKey(method=method, mode=mode, planned=size, seed=seed)
            for method in self.methods
            for seed in self.seeds
            for mode in self.modes
            for size in ([self.alone] if mode == SINGLE else sorted(set(self.edits)))
        ]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Rows as `Row.flat` gives them, with `mode` and `planned`, and how each measurement went.

    `rows` are of one measurement each; `compared` set them against each other, see `against.compared_rows`.
    """

    plan: ComparePlan
    rows: tuple[Mapping[str, Any], ...]
    compared: tuple[Mapping[str, Any], ...]
    parts: tuple[Part, ...]

    @property
    def told(self) -> dict[str, Any]:
        """The plan, and how each measurement went, as JSON has it."""
        return {"plan": asdict(self.plan), "parts": [part.told() for part in self.parts]}

    @property
    def failed(self) -> tuple[Part, ...]:
        """The measurements that gave no rows."""
        return tuple(part for part in self.parts if part.status == FAILED)

    @property
    def traced(self) -> tuple[Part, ...]:
        """The measurements of methods that did not leave the model as it was."""
        return tuple(part for part in self.parts if part.trace)


def run_compare(
    plan: ComparePlan,
    data: Path | None = None,
    *,
    output: Path | None = None,
    load: Callable[[], WhiteBoxModel] | None = None,
    progress: Progress = quiet,
) -> Comparison:
    """Measure a plan, going on where a run in the folder `output` has stopped.

    Args:
        plan: what is compared.
        data: the folder of the public sets; the shipped world needs none.
        output: where rows are kept as they come; None keeps them in memory alone.
        load: gives the model; None loads the plan's.
        progress: told a line after each step.

    Raises:
        CapabilityError: the model does not show its weights.
        InvalidInputError: the set has not so many edits, or `output` is of another plan.
        NotFoundError: the set's folder is absent.
    """
    log = Log.open(None if output is None else _place(output), TASK, plan.kept)
    left = [key for key in plan.parts() if not log.finished(key)]
    if left:
        if load is None:
            load = partial(_loaded, plan)
        cache = None if output is None else output / "statistics"
        with TemporaryDirectory() as aside:
            text = _real_text(plan, data, cache or Path(aside))
            bench = WatchedBench(
                load, encoder=plan.encoder, cache=cache, text=text, background=background_of(plan.dataset),
                preset=plan.preset,
            )  # fmt: skip
            _Runner(plan, bench, log, data, progress).run(left)
    found, asked = scored(log, plan.methods, plan.references), set(plan.parts())
    parts = tuple(part for part in log.parts if part.key in asked)
    return Comparison(plan=plan, rows=found.rows, compared=found.compared, parts=parts)


def _place(folder: Path) -> Path:
    """The log in a folder, which is made if absent.

    Raises:
        InvalidInputError: the folder holds something else, or cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        strangers = sorted({path.name for path in folder.iterdir()} - {f"{LOG}.new"})  # of a run that was stopped
    except OSError as error:
        raise InvalidInputError(f"{folder} cannot be used for --output ({error.strerror or error})") from error
    if strangers and LOG not in strangers:
        raise InvalidInputError(
            f"{folder} holds {strangers[0]!r} and no {LOG}: it is no folder of a comparison; take a new one"
        )
    return folder / LOG


def _real_text(plan: ComparePlan, data: Path | None, folder: Path) -> Path | None:
    """Text for second moments of a model that did not learn our world's; None leaves editors the text that ships."""
    if plan.model in EMBEDDED or data is None or not wikitext.file_of(data, wikitext.TRAINING):
        return None
    return wikitext.training_file(data, folder / "wikitext.jsonl")


def _loaded(plan: ComparePlan) -> WhiteBoxModel:
    return white_box(load_model(plan.model, device=plan.device, dtype=plan.dtype), "a comparison of editors")


class _Runner:
    """Goes through the parts of a plan."""

    def __init__(self, plan: ComparePlan, bench: WatchedBench, log: Log, data: Path | None, progress: Progress) -> None:
        self.plan = plan
        self.bench = bench
        self.log = log
        self.progress = progress
        self._data = data

    def run(self, left: Sequence[PartKey]) -> None:
        """Measure the parts that are left, those of a method in one mode and order together."""
        cases = {seed: self._cases(seed) for seed in dict.fromkeys(key.seed for key in left)}
        setting = self._setting(cases[left[0].seed])
        groups: dict[tuple[str, int, str], list[PartKey]] = {}
        for key in left:
            groups.setdefault((key.method, key.seed, key.mode), []).append(key)
        pace = Pace(self.progress, len(left), "measurements")
        for (name, seed, mode), keys in groups.items():
            attempt = Attempt(setting, self.bench, self.log, keys, cases[seed])
            parts = attempt.run(pace)
            pace.done += len(keys)
            pace.say(f"{name}, {mode}: {', '.join(map(_told, parts))}; {pace.left()}")

    def _cases(self, seed: int) -> list[Case]:
        """The edits of a seed; the unedited model is asked all that answers will be compared with."""
        plan = self.plan
        self.progress(f"choosing {plan.most:,} edits of {plan.dataset}, seed {seed}")
        cases = draw_cases(plan.dataset, self.bench.model, self._data, plan.most, seed, beside=plan.questions)
        self.progress("asking the unedited model")
        measures.remember_unedited(self.bench, self._may_be_asked(cases, seed))
        return cases

    def _may_be_asked(self, cases: Sequence[Case], seed: int) -> list[Question]:
        """The questions of all measurements; where time may run out, any, as fewer edits are asked about then."""
        plan = self.plan
        if plan.limit is not None:
            return [one for case in cases for one in case.questions]
        sizes = {key.planned for key in plan.parts() if key.seed == seed}
        return [one for size in sizes for one in measures.chosen_questions(cases[:size], plan.questions, seed)]

    def _setting(self, cases: Sequence[Case]) -> Setting:
        """What all measurements share."""
        texts, file = running_text(self._data)
        texts = spaced([text for text in texts if self.bench.model.fits(text)], _TEXTS)
        return Setting(
            run=describe_run(
                TASK,
                self.plan.dataset,
                config=self.plan.kept,
                data=[*sources_of(self.plan.dataset, self._data), file],
                model=self.bench.model.fingerprint,
            ),
            limit=self.plan.limit,
            batch=self.plan.batch,
            questions=self.plan.questions,
            texts=texts,
            before=tuple(measures.perplexities(self.bench.model, texts, measures.BEFORE)),
            judge=judge_of(self.plan.judge),
            memory_seconds=measures.memory_edit_seconds(self.bench, cases),
        )


def _told(part: Part) -> str:
    if part.status == FAILED:
        return f"failed ({part.error})"
    if not part.edits:
        return f"no time for {part.key.planned:,} edits"
    return f"{part.edits:,} edits{f' of {part.key.planned:,}' if part.edits < part.key.planned else ''}"
