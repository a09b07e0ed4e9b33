"""What a method's figures of scope are read against: simple methods on the same questions, and what gives a class away.

Nothing here knows of a router: a method is what it says about each question, a `Verdict`.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from rank_bm25 import BM25Okapi

from kedit_memory.memory import EditMemory
from kedit_memory.records import Vectors
from kedit_memory.words import words

Numbers: TypeAlias = npt.NDArray[np.float64]
FOLDS = 5
_FEWEST = 2 * FOLDS  # questions of a class from which on it is told apart
_PENALTY = 1.0  # on the squared weights of standardised coordinates
_ROUNDS = 25
_STEP = 1.02  # of two points of a curve that are kept, the later lets this much more through


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a method says about a question: its best edit, how sure it is of it, and whether that edit fires."""

    edit: str | None
    score: float
    fires: bool

    @property
    def fired(self) -> str | None:
        """The edit that answers; None where the question is left alone."""
        return self.edit if self.fires else None


@dataclass(frozen=True, kw_only=True)
class Point:
    """A threshold's share of false fires, and of covered questions for which the right edit fires."""

    false: float
    coverage: float


def by_cosine(memory: EditMemory, vectors: Vectors, tick: Callable[[int], None] = lambda _: None) -> list[Verdict]:
    """The edit with the nearest key, whatever it is about; fires within that key's own radius.

    The score falls with the distance, from 1 at the key to 0 at its antipode.
    """
    verdicts = []
    for place, vector in enumerate(vectors):
        tick(place)
        near = memory.search(vector, 1)
        if near:
            score = min(1.0, max(0.0, 1 - near[0].distance / 2))
            verdicts.append(Verdict(edit=near[0].edit.id, score=score, fires=near[0].in_scope))
        else:
            verdicts.append(Verdict(edit=None, score=0.0, fires=False))
    return verdicts


def by_bm25(
    wordings: Sequence[str], ids: Sequence[str], questions: Sequence[str], tick: Callable[[int], None] = lambda _: None
) -> list[Verdict]:
    """The edit one of whose wordings scores best by BM25; none fires before a threshold is chosen.

    `ids` are the edits of the wordings, one for each.
    """
    index = _Bm25(wordings)
    verdicts = []
    for place, question in enumerate(questions):
        tick(place)
        best, score = index.best(question)
        verdicts.append(Verdict(edit=None if best is None else ids[best], score=score, fires=False))
    return verdicts


class _Bm25:
    """Okapi's weights as rank-bm25 has them, kept by word, so that a question costs its words' holders only."""

    def __init__(self, prompts: Sequence[str]) -> None:
        texts = [words(prompt) for prompt in prompts]
        self.size = len(texts)
        self.postings: dict[str, tuple[npt.NDArray[np.intp], Numbers]] = {}
        if not any(texts):
            return
        okapi = BM25Okapi(texts)
        held: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for place, counts in enumerate(okapi.doc_freqs):
            length = okapi.k1 * (1 - okapi.b + okapi.b * okapi.doc_len[place] / okapi.avgdl)
            for word, count in counts.items():
                held[word].append((place, okapi.idf[word] * count * (okapi.k1 + 1) / (count + length)))
        for word, found in held.items():
            places, weights = zip(*found, strict=True)
            self.postings[word] = np.array(places, np.intp), np.array(weights, np.float64)

    def best(self, question: str) -> tuple[int | None, float]:
        """The place of the best prompt, the first of equals, with its score; None where no word is shared."""
        scores = np.zeros(self.size)
        for word in words(question):
            if word in self.postings:
                places, weights = self.postings[word]
                scores[places] += weights
        best = int(scores.argmax()) if self.size else 0
        return (best, float(scores[best])) if self.size and scores[best] > 0 else (None, 0.0)


def threshold(verdicts: Sequence[Verdict], outside: Sequence[bool], rate: float) -> float:
    """The lowest score above which at most this share of the questions outside are."""
    false = sorted((v.score for v, out in zip(verdicts, outside, strict=True) if out and v.edit), reverse=True)
    allowed = math.floor(rate * sum(outside) + 1e-9)
    return false[allowed] if allowed < len(false) else -math.inf


def above(verdicts: Sequence[Verdict], bound: float) -> list[Verdict]:
    """The same, of which those fire whose score is above a bound."""
    return [replace(v, fires=v.edit is not None and v.score > bound) for v in verdicts]


def curve(verdicts: Sequence[Verdict], expected: Sequence[str | None]) -> list[Point]:
    """Coverage against false fires, strictest threshold first; `expected` None is a question that no edit covers.

    Of thresholds with the same false fires the one with the most coverage stays, and of points that lie close
    together one.
    """
    scores = np.array([v.score if v.edit else -1.0 for v in verdicts])  # below every score: never fires
    outside = np.array([want is None for want in expected])
    right = np.array([want is not None and v.edit == want for v, want in zip(verdicts, expected, strict=True)])
    order = np.argsort(-scores, kind="stable")
    false, covered = np.cumsum(outside[order]), np.cumsum(right[order])
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)  # a threshold takes equals together
    ends = ends[scores[order][ends] >= 0]
    most: dict[int, int] = {0: 0}
    for end in ends.tolist():
        most[int(false[end])] = int(covered[end])
    points: list[Point] = []
    kept = -1.0
    for count, found in most.items():
        if count >= kept * _STEP or count == max(most):
            points.append(Point(false=count / max(1, outside.sum()), coverage=found / max(1, (~outside).sum())))
            kept = float(count) if count else kept
    return points


def told_apart(
    vectors: Vectors, covered: Sequence[bool], groups: Sequence[int], seed: int = 0
) -> tuple[float, float, float] | None:
    """How well a logistic regression that sees the question alone tells the classes apart: its AUC and 95% interval.

    Five folds, a group within one of them, so that no edit is trained and tested on. 0.5 is chance; where the AUC is
    far from it, the classes differ in form, and a low false-fire rate shows less than it seems to. The interval is
    that of Hanley and McNeil (1982). None where a class has too few questions.
    """
    labels = np.asarray(covered, np.float64)
    if min(labels.sum(), (1 - labels).sum()) < _FEWEST:
        return None
    names = np.unique(np.asarray(groups))
    fold_of = dict(zip(names.tolist(), np.random.default_rng(seed).permutation(len(names)) % FOLDS, strict=True))
    folds = np.array([fold_of[group] for group in groups])
    scores = np.zeros(len(labels))
    for fold in range(FOLDS):
        test = folds == fold
        if test.any() and 0 < labels[~test].sum() < (~test).sum():
            # Only the order within a fold counts: each fold's model has an offset of its own.
            logits = _logits(np.asarray(vectors, np.float64), labels, test)
            scores[test] = logits - logits.mean()
    return _auc(scores, labels)


def _logits(features: Numbers, labels: Numbers, test: npt.NDArray[np.bool_]) -> Numbers:
    """Logits of the rows in `test` by a ridge logistic regression of the others, fitted by Newton's method."""
    centre, spread = features[~test].mean(0), features[~test].std(0) + 1e-6
    scaled = np.column_stack([(features - centre) / spread, np.ones(len(features))])  # (questions, dim + 1)
    train, truth = scaled[~test], labels[~test]
    penalty = np.full(scaled.shape[1], _PENALTY)
    penalty[-1] = 1e-6  # the offset is free
    weights = np.zeros(scaled.shape[1])
    for _ in range(_ROUNDS):
        share = 1 / (1 + np.exp(-np.clip(train @ weights, -30, 30)))
        gradient = train.T @ (share - truth) + penalty * weights
        curvature = (train * (share * (1 - share))[:, None]).T @ train + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        weights -= step
        if float(np.abs(step).max()) < 1e-5:
            break
    logits: Numbers = scaled[test] @ weights
    return logits


def _auc(scores: Numbers, labels: Numbers) -> tuple[float, float, float]:
    """The area under the ROC curve, equals counted half, with its 95% interval."""
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    ones, zeros = float(labels.sum()), float((1 - labels).sum())
    area = float((ranks[labels == 1].sum() - ones * (ones + 1) / 2) / (ones * zeros))
    first, second = area / (2 - area), 2 * area * area / (1 + area)
    variance = area * (1 - area) + (ones - 1) * (first - area * area) + (zeros - 1) * (second - area * area)
    half = 1.959964 * math.sqrt(max(0.0, variance) / (ones * zeros))
    return area, max(0.0, area - half), min(1.0, area + half)
