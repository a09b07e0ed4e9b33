"""The gate on answers of a real model: Llama-3.1-8B-Instruct without and with retrieval, from AdaRAGUE.

Moskvoretskii et al., "Adaptive Retrieval without Self-Knowledge? Bringing Uncertainty Back Home" (ACL 2025), published
the answers to 500 questions of each of six sets. What the model's distributions were is not among them, so a gate can
go by the question alone: its form, its meaning (the vector of a sentence encoder), or both. Nothing is chosen on
questions that are judged: the kind of model is chosen, and the cut placed, by cross-validation within the fitted half.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.datasets.public import folder_of, read_json_lines
from kedit_memory.evaluation.measures import normalise
from kedit_memory.evaluation.rows import Row, describe_run
from kedit_memory.evaluation.run import Progress, quiet
from kedit_memory.evaluation.tasks.adaptive.rows import ALWAYS, NEVER, ORACLE, Flags, Numbers, Outcomes, Table
from kedit_memory.evaluation.tasks.adaptive.sets import AdaptiveQuestion
from kedit_memory.records import Encoder
from kedit_memory.routing.gate.form import form_of

NAME = "adaptive_llama8b"
MODEL = "Llama-3.1-8B-Instruct"
RANDOM, CHOSEN = "random", "chosen"
_FOLDS = 5
_Z = 1.644854  # of the normal distribution, one-sided 95%


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A question of a set, and whether the model was right alone and with retrieval."""

    dataset: str
    question: str
    answers: tuple[str, ...]
    alone: bool
    read: bool


def read_answers(data: Path | None) -> list[Answered]:
    """All questions; an answer counts where it holds an accepted one, after normalisation, as whole words.

    Raises:
        NotFoundError: the set is absent.
        InvalidInputError: it holds nothing, or a row is malformed.
    """
    folder = folder_of(data, NAME)
    found = []
    for file in sorted(folder.glob("dev_*.jsonl")):
        for row in read_json_lines(file):
            try:
                answers = tuple(row["answers"])
                alone, read = _holds(row["none"], answers), _holds(row["one"], answers)
                name = file.stem.rsplit("_", 1)[-1]
                found.append(Answered(dataset=name, question=row["question"], answers=answers, alone=alone, read=read))
            except (KeyError, TypeError) as error:
                raise InvalidInputError(f"{file} has a row without {error}; fetch the set anew") from None
    if not found:
        raise InvalidInputError(f"{folder} holds no dev_*.jsonl; fetch the set anew")
    return found


@dataclass(frozen=True, kw_only=True)
class AnswersPlan:
    """How the answers are split, and the share of questions that may be searched for."""

    resplits: int = 100
    budget: float = 0.6
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.budget <= 1 or self.resplits < 2:
            raise InvalidInputError("budget must be more than 0, 1 at most; resplits 2 or more")


def run_answers(
    plan: AnswersPlan, data: Path | None, encoder: Encoder, *, progress: Progress = quiet
) -> tuple[Row, ...]:
    """Accuracy, calls and share of the oracle's gain of each gate, for all questions and for each set."""
    asked = read_answers(data)
    progress(f"encoding {len(asked):,} questions")
    features = _features([one.question for one in asked], encoder)
    splits = []
    for number in range(plan.resplits):
        splits.append(_split(asked, features, plan, np.random.default_rng([plan.seed, number])))
        if (number + 1) % 10 == 0:
            progress(f"fitted and judged on {number + 1} of {plan.resplits} splits")
    run = describe_run("adaptive-retrieval", "llama8b", config=asdict(plan), data=folder_of(data, NAME), model=MODEL)
    questions = [
        AdaptiveQuestion(text=one.question, answers=one.answers, kind=one.dataset, group=one.question) for one in asked
    ]
    table = Table(run=run, questions=questions, observed=(), seed=plan.seed)
    return (*table.of_policies(splits), *_kept(run_row(table), splits, plan.budget))


def run_row(table: Table) -> Row:
    """A row of the table's run, to be filled in."""
    return Row(run=table.run, method="", metric="rate", value=0.0, n=0, unit="share", seed=table.seed)


def _features(questions: Sequence[str], encoder: Encoder) -> Mapping[str, Numbers]:
    """By kind, each of shape (questions, features)."""
    form = np.array([form_of(question) for question in questions])
    meaning = np.asarray(encoder.encode(list(questions)), dtype=np.float64)
    return {"form": form, "meaning": meaning, "form_and_meaning": np.hstack([form, meaning])}


def _models() -> Mapping[str, tuple[str, Callable[[], Any]]]:
    """By gate, the features that it sees and what estimates the gain of a search from them."""
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def linear() -> Any:
        return make_pipeline(StandardScaler(), Ridge(alpha=3000.0))

    def boosted() -> Any:
        return HistGradientBoostingRegressor(max_iter=40, learning_rate=0.05, max_leaf_nodes=6, min_samples_leaf=30)

    return {
        "form": ("form", linear),
        "form_boosted": ("form", boosted),
        "meaning": ("meaning", linear),
        "form_and_meaning": ("form_and_meaning", linear),
    }


def _split(
    asked: Sequence[Answered], features: Mapping[str, Numbers], plan: AnswersPlan, rng: np.random.Generator
) -> Outcomes:
    """What every gate does with one half of each set, fitted on the other halves."""
    alone, read = (np.array([getattr(one, name) for one in asked]) for name in ("alone", "read"))
    sets = np.array([one.dataset for one in asked])
    fits = np.zeros(len(asked), bool)
    for name in np.unique(sets):
        members = rng.permutation(np.flatnonzero(sets == name))
        fits[members[: len(members) // 2]] = True
    gains = _Gains(features, read.astype(float) - alone.astype(float), fits, sets, plan.budget, rng)
    called = {NEVER: np.zeros(len(asked), bool), ALWAYS: ~fits, RANDOM: gains.random()}
    called |= {name: gains.calls(name) for name in _models()}
    called |= {CHOSEN: called[gains.best()], ORACLE: read & ~alone}
    right = {name: np.where(calls, read, alone) & ~fits for name, calls in called.items()}
    return Outcomes(judged=~fits, right=right, called={name: calls & ~fits for name, calls in called.items()})


class _Gains:
    """Estimates of what a search gains: out of fold for the fitted half, by all of it for the judged one."""

    def __init__(
        self,
        features: Mapping[str, Numbers],
        gain: Numbers,
        fits: Flags,
        sets: np.ndarray,
        budget: float,
        rng: np.random.Generator,
    ) -> None:
        self._gain, self._fits, self._sets, self._budget, self._rng = gain, fits, sets, budget, rng
        self._folds = rng.integers(0, _FOLDS, len(gain))
        self._estimates = {name: self._estimate(features[of], make) for name, (of, make) in _models().items()}

    def calls(self, name: str) -> Flags:
        """Where a gate searches: where it expects a gain, the most promising first, within the budget of each set."""
        estimate = self._estimates[name]
        called = np.zeros(len(estimate), bool)
        for one in np.unique(self._sets):
            members = self._sets == one
            known = estimate[members & self._fits]
            cut = np.quantile(known, 1 - self._allowed(len(known), int((members & ~self._fits).sum())))
            called |= members & (estimate > max(cut, 0.0))
        return called

    def random(self) -> Flags:
        """As many calls, at random: what a gate gains without knowing anything."""
        half = int(self._fits.sum() / max(1, len(np.unique(self._sets))))
        found: Flags = self._rng.random(len(self._gain)) < self._allowed(half, half)
        return found

    def best(self) -> str:
        """The gate that gains most on the fitted half, each question estimated without itself."""
        return max(self._estimates, key=lambda name: float(self._gain[self._fits & self.calls(name)].sum()))

    def _allowed(self, fitted: int, judged: int) -> float:
        """The share of calls that the fitted half may have for the judged one to keep the budget, with 95%."""
        spread = np.sqrt(self._budget * (1 - self._budget) * (1 / max(1, fitted) + 1 / max(1, judged)))
        return float(max(0.0, self._budget - _Z * spread)) if self._budget < 1 else 1.0

    def _estimate(self, known: Numbers, make: Callable[[], Any]) -> Numbers:
        estimate = make().fit(known[self._fits], self._gain[self._fits]).predict(known)
        for fold in range(_FOLDS):
            held = self._fits & (self._folds == fold)
            rest = self._fits & ~held
            if held.any():
                estimate[held] = make().fit(known[rest], self._gain[rest]).predict(known[held])
        found: Numbers = estimate
        return found


def _kept(row: Row, splits: Sequence[Outcomes], budget: float) -> Iterator[Row]:
    """The share of splits in which a gate keeps the budget, over all questions."""
    for name in splits[0].called:
        kept = [one.called[name].sum() <= budget * one.judged.sum() for one in splits]
        yield replace(row, method=name, metric="rate", kind="budget_kept").counted(list(map(bool, kept)))


def _holds(text: str, answers: Sequence[str]) -> bool:
    said = f" {normalise(text)} "
    return any(f" {wanted} " in said for wanted in map(normalise, answers) if wanted)
