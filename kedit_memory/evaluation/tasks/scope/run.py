"""Which edit fires: all edits of a set in one store, its questions asked by kind, misses and false fires counted.

A question counts as right only when the edit that is labelled for it fires. No kind is averaged with another, and
every method and control answers the same questions from the same store.
"""

import random
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from kedit_memory.errors import InvalidInputError, UnknownNameError
from kedit_memory.evaluation.datasets.public import background_of, sources_of
from kedit_memory.evaluation.rows import Row, Run, describe_run
from kedit_memory.evaluation.run import Progress, quiet
from kedit_memory.evaluation.tasks.scope import controls
from kedit_memory.evaluation.tasks.scope.cases import CALIBRATING, TEST, OpenQuestion, ScopeCase, ScopeEdit, ScopeSet
from kedit_memory.evaluation.tasks.scope.controls import Point, Verdict
from kedit_memory.evaluation.tasks.scope.reliability import ReliabilityBin, reliability_bins
from kedit_memory.evaluation.tasks.scope.rows import ASKING, OPEN, PROMPT, Question, Table
from kedit_memory.evaluation.tasks.scope.sets import SETS, open_questions, outside
from kedit_memory.memory import EditMemory
from kedit_memory.records import EditRequest, OnConflict, Vectors
from kedit_memory.routing.dialogue import Dialogue, spoken
from kedit_memory.routing.question import EXACT, Judged
from kedit_memory.routing.router import Router, RouterConfig
from kedit_memory.routing.stack import Stack
from kedit_memory.routing.verify import ScopeVerifier

METHOD = "router"
MEASURED = (METHOD, "cosine", "bm25", "own_radius", "cross_encoder", "oracle", "unedited", "question_only")
PARTS = (TEST, CALIBRATING)  # what may be asked; the training part is what the verifier has seen
_FITTING = 60  # questions of a kind that simple methods get their threshold on, at most
_BATCH = 1000  # edits stored, and questions asked, between two lines of progress

ABLE = ("no_verifier",)  # of the methods beside the router, those that have a threshold of their own

Methods = dict[str, list[Verdict]]
Judge = Callable[[Sequence[str | Dialogue]], Sequence[Judged]]


@dataclass(frozen=True, kw_only=True)
class ScopePlan:
    """What is stored and asked, checked when it is made.

    Attributes:
        dataset: a name in `scope.sets.SETS`.
        edits: how many are stored, None for all of the set.
        questions: the most that are asked of one kind.
        open_questions: how many are asked that have nothing to do with the set.
        part: whose questions are asked: those that results are reported on, or those for choosing and looking.
        scope: what decides in the router, see `RouterConfig`.
        ablations: whether the router is also measured with one part taken out at a time.
        seed: of every sample.
    """

    dataset: str
    edits: int | None = None
    questions: int = 600
    open_questions: int = 1000
    part: str = TEST
    scope: str = "verified"
    ablations: bool = False
    seed: int = 1

    def __post_init__(self) -> None:
        if self.dataset not in SETS:
            raise UnknownNameError("dataset", self.dataset, SETS)
        if self.part not in PARTS:
            raise InvalidInputError(f"no part {self.part!r} to ask; choose one of {', '.join(PARTS)}")
        if self.edits is not None and self.edits < 2:
            raise InvalidInputError(f"{self.edits} edits make no store to measure; give 2 or more")
        if self.questions < 1 or self.open_questions < 0:
            raise InvalidInputError("questions must be 1 or more, open questions 0 or more")


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What a plan chose from a set.

    `fitting` are questions of the calibration part, on which simple methods get their threshold; none where these are
    what is asked.
    """

    edits: tuple[ScopeEdit, ...]
    questions: tuple[Question, ...]
    fitting: tuple[Question, ...] = ()

    @property
    def outside(self) -> list[bool]:
        """Whether no edit covers a question, in the questions' order."""
        return [not question.covered for question in self.questions]


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A memory that holds what was drawn; `ids` in the order of its edits."""

    memory: EditMemory
    drawn: Drawn
    ids: Sequence[str]

    @property
    def expected(self) -> list[str | None]:
        """The edit that covers each question; None where none does."""
        return [self.ids[q.edit] if q.covered and q.edit is not None else None for q in self.drawn.questions]


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """A question that went wrong: what came out best, whether it fired, and what should have; prompts, not ids.

    `doubtful` where the label may be what is wrong: the edit that fired has the relation that is asked for, and the
    question names its subject.
    """

    kind: str
    question: str
    best: str | None
    fired: bool
    wanted: str | None
    score: float
    stratum: str
    doubtful: bool


@dataclass(frozen=True, kw_only=True)
class ScopeReport:
    """All that was measured; curves leave out own prompts, which would flatter every method.

    `operating` is where the router stands, `top_one` the nearest key checked against its own radius.
    """

    rows: tuple[Row, ...]
    curves: Mapping[str, tuple[Point, ...]]
    operating: Point
    top_one: Point
    bins: tuple[ReliabilityBin, ...]
    wrong: tuple[Wrong, ...]

    @property
    def seen(self) -> dict[str, Any]:
        """What there is to draw beside the rows, as JSON has it."""
        return {
            "operating": asdict(self.operating),
            "top_one": asdict(self.top_one),
            "curves": {name: [[p.false, p.coverage] for p in points] for name, points in self.curves.items()},
            "reliability": [asdict(one) for one in self.bins],
        }


def run_scope(
    plan: ScopePlan,
    data: Path | None,
    *,
    encoder: str | None = None,
    verifier: Path | None = None,
    progress: Progress = quiet,
) -> ScopeReport:
    """Measure a plan in a store that is removed at the end; `data` is the folder of the public sets.

    Without one only the shipped world can be measured, and no open questions are asked. `verifier` is the folder of
    another pair model than the shipped one.

    Raises:
        InvalidInputError: the set has no questions of the plan's part, or is malformed.
        ModelError: there is no verifier, or it cannot be loaded.
        NotFoundError: a set's folder is absent.
    """
    progress(f"reading {plan.dataset}")
    drawn = _read(plan, data)
    with tempfile.TemporaryDirectory() as aside, EditMemory.open(Path(aside) / "store", encoder=encoder) as memory:
        router = Router(
            memory,
            background=background_of(plan.dataset),
            verifier=_verifier(verifier),
            config=RouterConfig(scope=plan.scope),
        )
        config = asdict(plan) | {"encoder": memory.encoder.name, "encoder_revision": memory.encoder.revision}
        # Asked for before anything is stored, so that a verifier that is missing is said at once.
        model = router.scope.verifier.fingerprint if router.scope.verifies else memory.encoder.name
        run = describe_run("scope", plan.dataset, config=config, data=sources_of(plan.dataset, data), model=model)
        stored = Stored(memory=memory, drawn=drawn, ids=remember(memory, drawn.edits, progress))
        more = router.scope.verifies or plan.ablations
        beside = partial(_beside, stored, router, ablations=plan.ablations, progress=progress) if more else None
        return measure(stored, router.judge_many, run=run, plan=plan, beside=beside, progress=progress)


def draw(
    one: ScopeSet,
    plan: ScopePlan,
    strangers: Sequence[OpenQuestion] = (),
    for_fitting: Sequence[OpenQuestion] = (),
) -> Drawn:
    """The edits to store and the questions to ask, with open questions; every other question's edit is stored.

    Of a store smaller than the set, half the edits are of the asked part, where it has so many.

    Raises:
        InvalidInputError: there is nothing to ask.
    """
    rng = random.Random(f"{one.name}:{plan.seed}")  # noqa: S311 - a sample, no secret
    places = {old: new for new, old in enumerate(_kept(one, plan, rng))}
    edits = tuple(one.edits[old] for old in places)
    questions = _sampled(one, plan.part, places, plan, rng)
    if not questions:
        raise InvalidInputError(f"{one.name} has no {plan.part} questions about {len(places)} edits; store more")
    fewer = replace(plan, questions=min(plan.questions, _FITTING))
    fitting = [] if plan.part == CALIBRATING else _sampled(one, CALIBRATING, places, fewer, rng)
    questions += _open(strangers, edits)
    fitting += _open(for_fitting, edits) if fitting else []
    return Drawn(edits=edits, questions=tuple(questions), fitting=tuple(fitting))


def _open(strangers: Sequence[OpenQuestion], edits: Sequence[ScopeEdit]) -> list[Question]:
    """Those of the open questions that no edit covers."""
    return [Question(text=_line(o.text), kind=OPEN, edit=None, covered=False) for o in outside(strangers, edits)]


def _sampled(
    one: ScopeSet, part: str, places: Mapping[int, int], plan: ScopePlan, rng: random.Random
) -> list[Question]:
    """Questions of a part about the edits at `places`, of each kind as many as the plan allows."""
    by_kind: dict[str, dict[tuple[str, ...], ScopeCase]] = defaultdict(
        dict
    )  # each once: CounterFact repeats some often
    for case in one.cases:
        if case.part == part and case.edit in places:
            by_kind[case.kind].setdefault((*case.turns, case.question.casefold()), case)
    return [
        Question(
            text=_line(case.question),
            kind=case.kind,
            edit=places[case.edit],
            covered=case.covered,
            turns=tuple(map(_line, case.turns)),
        )
        for cases in by_kind.values()
        for case in rng.sample(list(cases.values()), min(plan.questions, len(cases)))
    ]


def remember(memory: EditMemory, edits: Sequence[ScopeEdit], progress: Progress = quiet) -> list[str]:
    """The ids of the edits, in their order; two that say the same share one."""
    ids: list[str] = []
    for start in range(0, len(edits), _BATCH):
        requests = [
            EditRequest(
                prompt=one.prompt,
                target=one.target,
                subject=one.subject or None,
                aliases=one.aliases,
                paraphrases=one.paraphrases,
            )
            for one in edits[start : start + _BATCH]
        ]
        ids += [edit.id for edit in memory.add_many(requests, on_conflict=OnConflict.KEEP_BOTH)]
        progress(f"stored {len(ids):,} of {len(edits):,} edits")
    return ids


def measure(
    stored: Stored,
    judge: Judge,
    *,
    run: Run,
    plan: ScopePlan,
    beside: Callable[[Sequence[str], Vectors], Methods] | None = None,
    progress: Progress = quiet,
) -> ScopeReport:
    """Ask every question and count, for the router and for what it is compared with; `beside` makes more of these.

    The others stand at the threshold that lets as many of the questions for fitting through as the router does.
    """
    drawn, expected = stored.drawn, stored.expected
    fitted = len(drawn.fitting)
    texts = [_spoken(question) for question in (*drawn.fitting, *drawn.questions)]
    judged = _asked([spoken(one.text, one.turns) for one in (*drawn.fitting, *drawn.questions)], judge, progress)
    verdicts = [Verdict(edit=one.edit_id, score=one.score, fires=one.fires) for one in judged]
    own, judged = verdicts[fitted:], judged[fitted:]
    vectors = stored.memory.encode(texts)  # (questions for fitting and others, dim)
    simple = _baselines(stored, texts, vectors, progress)
    name = METHOD if plan.scope == "verified" else f"{METHOD}-{plan.scope}"
    fit = slice(fitted or None)  # where there is nothing for fitting, what is asked serves for it
    outside = [not question.covered for question in drawn.fitting or drawn.questions]
    rate = sum(v.fires for v, out in zip(verdicts[fit], outside, strict=True) if out) / max(1, sum(outside))
    methods = {name: own, "own_radius": simple["cosine"][fitted:]} | _controls(expected)
    for method, found in (simple | (beside(texts, vectors) if beside else {})).items():
        bound = controls.threshold(found[fit], outside, rate)
        methods[method] = found[fitted:] if method in ABLE else controls.above(found[fitted:], bound)
    table = Table(run=run, questions=drawn.questions, expected=expected, edits=len(stored.memory), seed=plan.seed)
    rows = [row for method, verdicts in methods.items() for row in table.of_method(method, verdicts)]
    asked = [place for place, question in enumerate(drawn.questions) if question.kind != PROMPT]
    wanted = [expected[place] for place in asked]
    curves = {
        method: tuple(controls.curve([verdicts[place] for place in asked], wanted))
        for method, verdicts in {METHOD: own, **{name: found[fitted:] for name, found in simple.items()}}.items()
    }
    progress("telling the classes apart by the question alone")
    bins = _bins(judged, expected)
    wrong = _wrong(stored, judged)
    rows += [*table.of_doubts(name, [one.kind for one in wrong if one.doubtful]), *table.of_bins(name, bins)]
    rows += [*table.of_speed(name, judged), *table.of_shortcuts(vectors[fitted:])]
    return ScopeReport(
        rows=tuple(rows),
        curves=curves,
        operating=_operating([own[place] for place in asked], wanted),
        top_one=_operating([methods["own_radius"][place] for place in asked], wanted),
        bins=tuple(bins),
        wrong=tuple(wrong),
    )


def _asked(questions: Sequence[str | Dialogue], judge: Judge, progress: Progress) -> list[Judged]:
    judged: list[Judged] = []
    for start in range(0, len(questions), _BATCH):
        judged += judge(questions[start : start + _BATCH])
        progress(f"asked {len(judged):,} of {len(questions):,} questions")
    return judged


def _read(plan: ScopePlan, data: Path | None) -> Drawn:
    one = SETS[plan.dataset](data, seed=plan.seed)
    strangers = open_questions(data, 2 * plan.open_questions, plan.seed) if data and plan.open_questions else []
    return draw(one, plan, strangers[::2], strangers[1::2])


def _verifier(folder: Path | None) -> ScopeVerifier | None:
    if folder is None:
        return None
    from kedit_memory.models.reader import ScopeReader  # loads torch

    return ScopeVerifier(ScopeReader.load(folder), stack=Stack.of(folder))


def _line(text: str) -> str:
    """The text in one line, as the router takes a question."""
    return " ".join(text.split())


def _spoken(question: Question) -> str:
    """The question after the turns before it, for methods that know no dialogue."""
    return " ".join((*question.turns, question.text))


def _kept(one: ScopeSet, plan: ScopePlan, rng: random.Random) -> list[int]:
    """The places of the edits to store, ascending."""
    if plan.edits is None or plan.edits >= len(one.edits):
        return list(range(len(one.edits)))
    asked = [place for place, edit in enumerate(one.edits) if edit.part == plan.part]
    others = [place for place, edit in enumerate(one.edits) if edit.part != plan.part]
    half = min(len(asked), max(plan.edits // 2, plan.edits - len(others)))
    return sorted(rng.sample(asked, half) + rng.sample(others, plan.edits - half))


def _baselines(stored: Stored, texts: Sequence[str], vectors: Vectors, progress: Progress) -> Methods:
    def tick(name: str) -> Callable[[int], None]:
        return lambda place: progress(f"{name}: question {place:,}") if place and place % _BATCH == 0 else None

    worded = [
        (text, name)
        for edit, name in zip(stored.drawn.edits, stored.ids, strict=True)
        for text in (edit.prompt, *edit.paraphrases)
    ]
    wordings, ids = [text for text, _ in worded], [name for _, name in worded]
    return {
        "cosine": controls.by_cosine(stored.memory, vectors, tick("cosine")),
        "bm25": controls.by_bm25(wordings, ids, texts, tick("bm25")),
    }


def _beside(
    stored: Stored, router: Router, texts: Sequence[str], vectors: Vectors, *, ablations: bool, progress: Progress
) -> Methods:
    """The cross-encoder without names, where the router has one; with `ablations` the router without each part."""
    from kedit_memory.evaluation.tasks.scope import ablations as without  # loads torch

    found: Methods = {}
    if router.scope.verifies:
        progress("the cross-encoder without names")
        found["cross_encoder"] = without.without_link(stored.memory, router.scope.verifier, texts, vectors)
    if ablations:
        prompts = [edit.prompt for edit in stored.drawn.edits]
        progress("without the cross-encoder, without the verifier, with one key")
        found |= {
            "no_cross_encoder": without.without_cross_encoder(router, texts),
            "no_verifier": without.without_verifier(router, texts),
            "one_key": without.with_one_key(stored.memory, prompts, stored.ids, vectors),
        }
    return found


def _controls(expected: Sequence[str | None]) -> dict[str, list[Verdict]]:
    """What is told the right edit, and what has no memory at all."""
    return {
        "oracle": [Verdict(edit=want, score=float(want is not None), fires=want is not None) for want in expected],
        "unedited": [Verdict(edit=None, score=0.0, fires=False) for _ in expected],
    }


def _bins(judged: Sequence[Judged], expected: Sequence[str | None]) -> list[ReliabilityBin]:
    """How often the best candidate was right, by the verifier's score, which an own wording does not get."""
    scored = [(one, want) for one, want in zip(judged, expected, strict=True) if one.edit_id and one.stratum != EXACT]
    return reliability_bins([one.score for one, _ in scored], [one.edit_id == want for one, want in scored])


def _operating(own: Sequence[Verdict], wanted: Sequence[str | None]) -> Point:
    """Where a method stands in the picture."""
    outside = [v.fires for v, want in zip(own, wanted, strict=True) if want is None]
    inside = [v.fired == want for v, want in zip(own, wanted, strict=True) if want is not None]
    return Point(false=sum(outside) / max(1, len(outside)), coverage=sum(inside) / max(1, len(inside)))


def _wrong(stored: Stored, judged: Sequence[Judged]) -> list[Wrong]:
    """What went wrong, by kind: fires first, the surest first; then silences, the nearest to firing first."""
    edits = dict(zip(stored.ids, stored.drawn.edits, strict=True))
    found = []
    for question, want, one in zip(stored.drawn.questions, stored.expected, judged, strict=True):
        if (one.edit_id if one.fires else None) == want:
            continue
        best = edits[one.edit_id] if one.edit_id else None
        made_from = None if question.edit is None else stored.drawn.edits[question.edit]
        found.append(
            Wrong(
                kind=question.kind,
                question=question.text,
                best=best.prompt if best else None,
                fired=one.fires,
                wanted=edits[want].prompt if want else None,
                score=one.score,
                stratum=one.stratum,
                doubtful=one.fires and question.kind in ASKING and _asks_for(question.text, best, made_from),
            )
        )
    return sorted(found, key=lambda one: (one.kind, not one.fired, -one.score))


def _asks_for(question: str, best: ScopeEdit | None, made_from: ScopeEdit | None) -> bool:
    if best is None or made_from is None or not best.relation:
        return False
    return best.relation == made_from.relation and best.subject.casefold() in question.casefold()
