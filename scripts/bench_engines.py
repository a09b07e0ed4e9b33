"""How much of what covers a question each kind of index finds, how quickly, and what it costs to build.

    python scripts/bench_engines.py --keys 100000 --kinds sq8,ivf,pq,hnsw --json

Times are those of the processor, which a busy machine does not change; OMP_NUM_THREADS=1 makes them those of one core.
Keys are drawn: texts of a few thousand topics, as unit vectors whose coordinates fall off as those of a sentence
encoder do. Radii differ, and each question lies at some distance from a key, so that many are covered just so. With
`--vectors` they are grown from vectors of texts: each is one of them, moved by what parts two of its neighbours, and
its radius is one that GRACE's rule gives; half of the questions are moved from a key as one in other words was.
"""

import argparse
import resource
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import faiss
import numpy as np

from kedit_memory.evaluation.intervals import wilson
from kedit_memory.evaluation.report.tables import table
from kedit_memory.evaluation.rows import Row, describe_run, document
from kedit_memory.memory.index.base import Hits, VectorIndex
from kedit_memory.memory.index.faiss import FaissIndex
from kedit_memory.memory.index.prefiltered import KINDS, PrefilteredIndex
from kedit_memory.memory.radius import DEFAULT_RADIUS
from kedit_memory.records import Floats, Ids, Vectors

_EXACT = "flat"
_SCANNED = 50  # questions that a plain scan is timed with
_TOPICS = 4000
_SPREAD = 0.75  # of texts around their topic
_RADII = (0.3, 0.5, 0.65, 0.65, 0.65, 0.8)
_DRAWN = 50_000  # keys at once
_NEIGHBOURS = 100  # of a text, two of which say how far and where others lie from it
_RULED = 500  # keys whose radius is found by the rule; others have one of theirs


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What an index found of the keys that cover the questions, and the seconds and bytes that it took."""

    held: int
    covering: int
    taken: Sequence[float]
    built: float
    peak: int

    def rows(self, base: Row, scan: float) -> list[Row]:
        """As rows; `scan` are the seconds of a plain scan."""
        low, high = wilson(self.held, self.covering)
        middle, most = (float(np.quantile(self.taken, part)) for part in (0.5, 0.99))
        share = replace(base, metric="recall", unit="share", low=low, high=high)
        of_times = replace(base, n=len(self.taken))
        return [
            replace(share, kind="covering", value=self.held / self.covering, n=self.covering),
            replace(of_times, kind="p50", value=middle),
            replace(of_times, kind="p99", value=most),
            replace(base, kind="build", value=self.built, n=1),
            replace(of_times, metric="ratio", kind="recall_of_scan", value=scan / middle, unit="times"),
            replace(base, metric="bytes", kind="peak_rss", value=float(self.peak), n=1, unit="B"),
        ]


def main() -> None:
    """Prints rows of a plain scan, of the exact index and of each kind."""
    options = _options()
    if options.vectors:
        with np.load(options.vectors, allow_pickle=False) as given:
            real = tuple(given[name] for name in ("keys", "questions", "of"))
        keys, radii, questions = grown(*real, count=options.keys, asked=options.questions)
    else:
        keys, radii, questions = drawn(options.keys, options.dimension, options.questions)
    run = describe_run("engines", "vectors" if options.vectors else "drawn", config=vars(options), model="none")
    base = Row(run=run, method="scan", metric="seconds", value=0.0, n=0, unit="s", edits=len(keys))
    scan = _scanned(keys, questions)
    rows = [replace(base, kind="p50", value=scan, n=min(_SCANNED, len(questions)))]
    exact, truth = _measured(_EXACT, keys, radii, questions)
    rows += exact.rows(replace(base, method="faiss"), scan)
    for kind in options.kinds.split(","):
        found, _ = _measured(kind, keys, radii, questions, truth)
        rows += found.rows(replace(base, method=f"faiss-{kind}"), scan)
    print(document(rows) if options.json else table(rows))


def drawn(count: int, dimension: int, asked: int) -> tuple[Vectors, Floats, Vectors]:
    """Keys, their radii, and questions near some of them; the same in every run."""
    chance = np.random.default_rng(0)
    weights = (np.arange(1, dimension + 1) ** -0.35).astype(np.float32)
    topics = _unit(chance.standard_normal((_TOPICS, dimension), np.float32) * weights)
    keys = np.empty((count, dimension), np.float32)
    for start in range(0, count, _DRAWN):
        part = keys[start : start + _DRAWN]
        own = _unit(chance.standard_normal(part.shape, np.float32) * weights)
        part[:] = _unit(topics[chance.integers(_TOPICS, size=len(part))] + np.float32(_SPREAD) * own)
    radii = chance.choice(_RADII, count)
    near = chance.choice(count, asked)
    noise = _unit(chance.standard_normal((asked, dimension), np.float32) * weights)
    reach = (chance.uniform(0.1, 1.0, asked) * radii[near]).astype(np.float32)
    return keys, radii, _unit(keys[near] + reach[:, None] * noise)


def grown(
    texts: Vectors, others: Vectors, of: Ids, *, count: int, asked: int
) -> tuple[Vectors, Floats, Vectors]:  # fmt: skip
    """Keys, radii and questions that lie as vectors of texts do; `others` are those of texts `of` in other words."""
    chance = np.random.default_rng(0)
    _, near = _knn(texts, texts, _NEIGHBOURS)
    source = chance.permutation(np.resize(np.arange(len(texts)), count))
    keys = np.empty((count, texts.shape[1]), np.float32)
    for start in range(0, count, _DRAWN):
        part = source[start : start + _DRAWN]
        place = chance.integers(_NEIGHBOURS, size=len(part))
        one, other = near[part, place], near[part, place - chance.integers(1, _NEIGHBOURS, size=len(part))]
        keys[start : start + _DRAWN] = _unit(texts[part] + texts[one] - texts[other])
    some = chance.choice(count, min(count, _RULED), replace=False)
    gaps, _ = _knn(keys, keys[some], 2)
    radii = chance.choice(np.minimum(DEFAULT_RADIUS, np.sqrt(gaps[:, 1].astype(np.float64)) / 2), count)
    right = chance.choice(count, asked)
    noise = _unit(chance.permuted(texts[chance.choice(len(texts), asked)], axis=1))
    moved = (chance.uniform(0.1, 1.0, asked) * radii[right]).astype(np.float32)[:, None] * noise
    which = chance.choice(len(of), asked // 2)
    moved[: asked // 2] = others[which] - texts[of[which]]
    return keys, radii, _unit(keys[right] + moved)


def _knn(keys: Vectors, asked: Vectors, count: int) -> tuple[Vectors, Ids]:
    """Squared distances and rows of the nearest keys."""
    nearest: tuple[Vectors, Ids] = faiss.knn(asked, keys, count)
    return nearest


def _scanned(keys: Vectors, questions: Vectors) -> float:
    """The median time in which NumPy multiplies all keys with a question."""
    taken = []
    for question in questions[:_SCANNED]:
        start = time.process_time()
        keys @ question
        taken.append(time.process_time() - start)
    return float(np.median(taken))


def _measured(
    kind: str, keys: Vectors, radii: Floats, questions: Vectors, truth: Sequence[set[int]] | None = None
) -> tuple[Measured, Sequence[set[int]]]:
    """What was measured of a kind, and what each question was told; without a truth, that is it."""
    start = time.process_time()
    index = _made(kind, keys, radii)
    built = time.process_time() - start
    hits, taken = zip(*_asked(index, questions), strict=True)
    found = [set(one.ids.tolist()) for one in hits]
    truth = found if truth is None else truth
    held = sum(len(one & other) for one, other in zip(truth, found, strict=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Measured(held=held, covering=sum(map(len, truth)), taken=taken, built=built, peak=peak), truth


def _made(kind: str, keys: Vectors, radii: Floats) -> VectorIndex:
    """An index with all keys; `flat` is the one that gives what NumPy gives, to the last bit."""
    index: VectorIndex = PrefilteredIndex(keys.shape[1], kind) if kind in KINDS else FaissIndex(keys.shape[1])
    index.insert(np.arange(len(keys)), keys, radii)
    return index


def _asked(index: VectorIndex, questions: Vectors) -> Iterator[tuple[Hits, float]]:
    index.in_scope(questions[0])
    for question in questions:
        start = time.process_time()
        yield index.in_scope(question), time.process_time() - start


def _unit(rows: Vectors) -> Vectors:
    short: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return short


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=100_000, help="how many keys")
    parser.add_argument("--dimension", type=int, default=384, help="coordinates of each")
    parser.add_argument("--questions", type=int, default=1000, help="how many questions")
    parser.add_argument("--vectors", help="an .npz file of vectors: keys, questions, and of which key each is (of)")
    parser.add_argument("--kinds", default="sq8,ivf,pq,hnsw", help="those of prefiltered.py, beside the exact one")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
