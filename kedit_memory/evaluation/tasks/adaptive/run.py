"""When retrieval pays: accuracy and retrieval calls of every gate policy, over many splits of one set of questions.

Every question is answered once alone and once with passages; policies are then fitted on one half of the questions and
judged on the other, again and again (Mallen et al., ACL 2023). Questions about one subject stay in one half, so no
threshold is chosen on what is reported.
"""

import random
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from kedit_memory.errors import InvalidInputError, UnknownNameError
from kedit_memory.evaluation.rows import Row, describe_run
from kedit_memory.evaluation.run import Progress, quiet
from kedit_memory.evaluation.tasks.adaptive.observed import Labelled, Observed, Observer, judge_for
from kedit_memory.evaluation.tasks.adaptive.rows import ORACLE, Outcomes, Table
from kedit_memory.evaluation.tasks.adaptive.sets import SETS, AdaptiveSet
from kedit_memory.memory.index import load_engine
from kedit_memory.models.encoder import load_encoder
from kedit_memory.models.language import TextModel
from kedit_memory.models.prompts import MAX_NEW_TOKENS
from kedit_memory.records import Mention, RetrievedPassage
from kedit_memory.retrieval.base import Retriever
from kedit_memory.retrieval.bm25 import Bm25Retriever
from kedit_memory.retrieval.dense import ENGINE, DenseRetriever
from kedit_memory.retrieval.fuse import FusedRetriever
from kedit_memory.retrieval.passages import asking_for, sift
from kedit_memory.retrieval.relevance import Relevance
from kedit_memory.routing.gate.policies import POLICIES, GateCase, cases_needed, policy_class, weighs_uncertainty

DEPTH = 5  # passages within which the gold one must come


@dataclass(frozen=True, kw_only=True)
class AdaptivePlan:
    """What is asked and how it is split, checked when it is made.

    Attributes:
        dataset: a name in `adaptive.sets.SETS`.
        questions: the most that are asked.
        passages: how many are put before a question.
        resplits: into a half to fit policies on and a half to judge them on.
        budget: the share of questions that may be searched for.
        even: whether the world's subjects of all tiers are asked about equally often.
        dense: whether the search by meaning is measured too, for which all passages are encoded.
        seed: of the sample and of the splits.
    """

    dataset: str
    questions: int = 1500
    passages: int = 3
    resplits: int = 100
    budget: float = 0.6
    even: bool = False
    dense: bool = True
    seed: int = 1

    def __post_init__(self) -> None:
        if self.dataset not in SETS:
            raise UnknownNameError("dataset", self.dataset, SETS)
        if not 0 < self.budget <= 1:
            raise InvalidInputError(f"budget {self.budget} is no share of calls; give more than 0, 1 at most")
        if self.passages < 1 or self.resplits < 2:
            raise InvalidInputError("passages must be 1 or more, resplits 2 or more")
        if self.even and self.dataset != "world":
            raise InvalidInputError(f"{self.dataset} has no tiers to ask evenly; leave --even out, or ask the world")
        if self.questions < (needed := 2 * cases_needed(self.budget)):
            raise InvalidInputError(
                f"{self.questions} questions are too few to fit the budget {self.budget:g} on one half; ask {needed:,} "
                "or more"
            )


@dataclass(frozen=True, kw_only=True)
class AdaptiveReport:
    """The rows, the questions that they count with what came out, and why policies are missing."""

    rows: tuple[Row, ...]
    observed: tuple[Observed, ...]
    kinds: tuple[str, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)


def run_adaptive(
    plan: AdaptivePlan,
    data: Path | None,
    model: TextModel,
    *,
    encoder: str | None = None,
    progress: Progress = quiet,
) -> AdaptiveReport:
    """Measure a plan; `data` is the folder of the public sets.

    Raises:
        InvalidInputError: the set is malformed, or has too few questions.
        NotFoundError: a set's folder is absent.
        ModelError: the model or the encoder cannot be asked.
    """
    progress(f"reading {plan.dataset}")
    options = {"even": plan.even} if plan.dataset == "world" else {}
    asked = SETS[plan.dataset](data, questions=plan.questions, seed=plan.seed, **options)
    if len(asked.questions) < 2 * cases_needed(plan.budget):
        raise InvalidInputError(f"{plan.dataset} has {len(asked.questions):,} questions, too few for the budget")
    with tempfile.TemporaryDirectory() as aside:
        retrievers: dict[str, Retriever] = {"bm25": Bm25Retriever(asked.passages)}
        if plan.dense:
            retrievers["dense"] = _dense(Path(aside), asked, encoder, progress)
            retrievers["fused"] = FusedRetriever([retrievers["bm25"], retrievers["dense"]])
        run = describe_run(
            "adaptive-retrieval", plan.dataset, config=asdict(plan), data=asked.source, model=model.fingerprint
        )
        relevance = Relevance(load_encoder(encoder))
        observed = _observe(asked, model, retrievers["bm25"], relevance, plan.passages, progress)
        others = {
            name: _observe(asked, model, retriever, relevance, plan.passages, progress)
            for name, retriever in retrievers.items()
            if name == "dense"
        }
        table = Table(
            run=run, questions=asked.questions, observed=observed, seed=plan.seed, judge=judge_for(model).name
        )
        rows = [row for name, found in retrievers.items() for row in table.of_recall(name, _found(asked, found))]
    outcomes, left_out = resplit(observed, plan, progress=progress)
    rows += [*table.of_policies(outcomes), *table.of_popularity(outcomes, others), *table.of_costs(outcomes)]
    return AdaptiveReport(
        rows=tuple(rows),
        observed=tuple(observed),
        kinds=tuple(question.kind for question in asked.questions),
        left_out=left_out,
    )


def resplit(
    observed: Sequence[Observed], plan: AdaptivePlan, *, progress: Progress = quiet
) -> tuple[list[Outcomes], dict[str, str]]:
    """What every policy does with questions that it was not fitted on, split by split; and why some were left out.

    Args:
        observed: questions with their groups.
        plan: how many splits, for what budget.
        progress: is told how far the splits have come.
    """
    cases = [GateCase(signals=one.signals, alone=one.alone_right, read=one.read_right) for one in observed]
    groups = sorted({one.group for one in observed})
    rng = random.Random(f"splits:{plan.seed}")  # noqa: S311 - a sample, no secret
    left_out = _left_out(cases)
    splits = []
    for number in range(plan.resplits):
        fitting = set(rng.sample(groups, len(groups) // 2))
        fitted = [case for case, one in zip(cases, observed, strict=True) if one.group in fitting]
        judged = np.array([one.group not in fitting for one in observed])  # (questions,)
        splits.append(_judge(cases, fitted, judged, plan.budget, left_out))
        if (number + 1) % 10 == 0:
            progress(f"fitted and judged on {number + 1} of {plan.resplits} splits")
    return splits, left_out


def _judge(
    cases: Sequence[GateCase],
    fitted: Sequence[GateCase],
    judged: np.ndarray,
    budget: float,
    left_out: Mapping[str, str],
) -> Outcomes:
    """The outcomes of one split; right and called are of shape (questions,), false where a question is not judged."""
    asked = [(place, case) for place, case in enumerate(cases) if judged[place]]
    right, called = {}, {}
    for name in POLICIES:
        if name in left_out:
            continue
        kind = policy_class(name)
        policy = kind.fit(fitted, budget=1.0 if _searches(name) else budget)
        right[name], called[name] = np.zeros(len(cases), bool), np.zeros(len(cases), bool)
        for place, case in asked:
            called[name][place] = policy.decide(case.signals.before_search()).retrieve
            used = called[name][place] and policy.decide(case.signals).retrieve
            right[name][place] = case.read if used else case.alone
    right[ORACLE] = judged & np.array([case.alone or case.read for case in cases])
    called[ORACLE] = judged & np.array([case.read and not case.alone for case in cases])
    return Outcomes(judged=judged, right=right, called=called)


def _searches(name: str) -> bool:
    """Whether a policy searches for every question, so that no budget binds it."""
    return name in ("always", "score")


def _left_out(cases: Sequence[GateCase]) -> dict[str, str]:
    """Policies that lack a signal altogether, with why."""
    reasons = {}
    if all(case.signals.popularity is None for case in cases):
        reasons["popularity"] = "no question's popularity is known"
    if any(case.signals.log_probability is None for case in cases):
        for name in POLICIES:
            if weighs_uncertainty(policy_class(name)):
                reasons[name] = "the model does not tell how sure it is of its answer"
    return reasons


def _observe(
    asked: AdaptiveSet,
    model: TextModel,
    retriever: Retriever,
    relevance: Relevance,
    passages: int,
    progress: Progress,
) -> list[Observed]:
    def search(question: str, mentions: Sequence[Mention]) -> Sequence[RetrievedPassage]:
        return sift(question, mentions, retriever.search(asking_for(question, mentions), passages), relevance).kept

    observer = Observer(
        model=model,
        link=asked.linker.link,
        search=search,
        sources=asked.sources,
        max_new_tokens=MAX_NEW_TOKENS,
        judge=judge_for(model),
    )
    labelled = [Labelled(text=one.text, answers=one.answers, group=one.group) for one in asked.questions]
    return observer.observe(labelled, progress)


def _dense(folder: Path, asked: AdaptiveSet, encoder: str | None, progress: Progress) -> DenseRetriever:
    """The search by meaning over a set's passages, which are encoded now."""
    retriever = DenseRetriever(
        folder,
        load_encoder(encoder),
        load_engine(ENGINE),
        asked.passages,
        progress=lambda what, done: progress(f"{what}: {done:,}"),
    )
    retriever.build()
    return retriever


def _found(asked: AdaptiveSet, retriever: Retriever) -> list[frozenset[str]]:
    """The titles of each question's best passages."""
    queries = [asking_for(one.text, asked.linker.link(one.text)) for one in asked.questions]
    return [frozenset(found.passage.title for found in retriever.search(query, DEPTH)) for query in queries]
