"""How much of what covers a question each kind of index finds, how quickly, and what it costs to build.

    python scripts/bench_engines.py --keys 100000 --kinds sq8,ivf,pq,hnsw --json

Times are those of the processor, which a busy machine does not change; OMP_NUM_THREADS=1 makes them those of one core.
Keys are drawn: texts of a few thousand topics, as unit vectors whose coordinates fall off as those of a sentence
encoder do. Radii differ, and each question lies at some distance from a key, so that many are covered just so. With
`--vectors` they are grown from vectors of texts: each is one of them, moved by what parts two of its neighbours, and
its radius is one that GRACE's rule gives; half of the questions are moved from a key as one in other words was.
"""

import argparse
import json
import resource
import time
from collections.abc import Iterator, Sequence
from typing import Any

import faiss
import numpy as np

from kedit_memory.evaluation.intervals import wilson
from kedit_memory.memory.index.base import Hits, VectorIndex
from kedit_memory.memory.index.faiss import FaissIndex
from kedit_memory.memory.index.prefiltered import KINDS, PrefilteredIndex
from kedit_memory.memory.radius import DEFAULT_RADIUS
from kedit_memory.records import Floats, Ids, Vectors

_TOPICS = 4000
_SPREAD = 0.75  # of texts around their topic
_RADII = (0.3, 0.5, 0.65, 0.65, 0.65, 0.8)
_DRAWN = 50_000  # keys at once
_NEIGHBOURS = 100  # of a text, two of which say how far and where others lie from it
_RULED = 500  # keys whose radius is found by the rule; others have one of theirs


def main() -> None:
    """Prints a row for each kind."""
    options = _options()
    if options.vectors:
        with np.load(options.vectors, allow_pickle=False) as given:
            real = tuple(given[name] for name in ("keys", "questions", "of"))
        keys, radii, questions = grown(*real, count=options.keys, asked=options.questions)
    else:
        keys, radii, questions = drawn(options.keys, options.dimension, options.questions)
    exact, truth = _measured("flat", keys, radii, questions)
    rows = [exact, *(_measured(kind, keys, radii, questions, truth)[0] for kind in options.kinds.split(","))]
    print(json.dumps(rows, indent=2) if options.json else _table(rows))


def _table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows in Markdown; times also as shares of the exact kind's, which was asked in the same run."""
    lines = [
        "| kind | keys | recall (95% interval) | p50 | p99 | of the exact p50 | built in |",
        "| --- " * 7 + "|",
    ]
    for row in rows:
        low, high = wilson(round(row["recall"] * row["covering"]), row["covering"])
        lines.append(
            f"| {row['kind']} | {row['keys']:,} | {row['recall']:.4f} of {row['covering']:,} ({low:.4f} to {high:.4f}) "
            f"| {row['p50_ms']:.2f} ms | {row['p99_ms']:.2f} ms | {row['p50_ms'] / rows[0]['p50_ms']:.3f} "
            f"| {row['build_s']:.0f} s |"
        )
    return "\n".join(lines)


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


def _measured(
    kind: str, keys: Vectors, radii: Floats, questions: Vectors, truth: Sequence[set[int]] | None = None
) -> tuple[dict[str, Any], Sequence[set[int]]]:
    """A row, and what each question was told; without a truth, that is it."""
    start = time.process_time()
    index = _made(kind, keys, radii)
    built = time.process_time() - start
    hits, taken = zip(*_asked(index, questions), strict=True)
    found = [set(one.ids.tolist()) for one in hits]
    truth = found if truth is None else truth
    held = [len(one & other) for one, other in zip(truth, found, strict=True)]
    row = {
        "kind": kind, "keys": len(keys), "questions": len(questions), "covering": sum(map(len, truth)),
        "recall": sum(held) / sum(map(len, truth)), "p50_ms": float(np.quantile(taken, 0.5)) * 1e3,
        "p99_ms": float(np.quantile(taken, 0.99)) * 1e3, "build_s": built,
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }  # fmt: skip
    return row, found


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
