"""How much of what covers a question each kind of index finds, how quickly, and what it costs to build.

    python scripts/bench_engines.py --keys 100000 --kinds flat,sq8,ivf,hnsw --json

Times are those of the processor, which a busy machine does not change; OMP_NUM_THREADS=1 makes them those of one core.
Keys are drawn: texts of a few thousand topics, as unit vectors whose coordinates fall off as those of a sentence
encoder do. Radii differ, and each question lies at some distance from a key, so that many are covered just so.
"""

import argparse
import json
import resource
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from kedit_memory.memory.index.base import Hits, VectorIndex
from kedit_memory.memory.index.faiss import FaissIndex
from kedit_memory.memory.index.prefiltered import KINDS, PrefilteredIndex
from kedit_memory.records import Floats, Vectors

_TOPICS = 4000
_SPREAD = 0.75  # of texts around their topic
_RADII = (0.3, 0.5, 0.65, 0.65, 0.65, 0.8)
_DRAWN = 50_000  # keys at once


def main() -> None:
    """Prints a row for each kind."""
    options = _options()
    keys, radii, questions = drawn(options.keys, options.dimension, options.questions)
    truth = [set(hits.ids.tolist()) for hits, _ in _asked(_made("flat", keys, radii), questions)]
    rows = [_measured(kind, keys, radii, questions, truth) for kind in options.kinds.split(",")]
    print(json.dumps(rows, indent=2) if options.json else "\n".join(map(str, rows)))


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


def _measured(kind: str, keys: Vectors, radii: Floats, questions: Vectors, truth: Sequence[set[int]]) -> dict[str, Any]:
    start = time.process_time()
    index = _made(kind, keys, radii)
    built = time.process_time() - start
    found, taken = zip(*_asked(index, questions), strict=True)
    held = [len(one & set(hits.ids.tolist())) for one, hits in zip(truth, found, strict=True)]
    return {
        "kind": kind, "keys": len(keys), "questions": len(questions), "covering": sum(map(len, truth)),
        "recall": sum(held) / sum(map(len, truth)), "p50_ms": float(np.quantile(taken, 0.5)) * 1e3,
        "p99_ms": float(np.quantile(taken, 0.99)) * 1e3, "build_s": built,
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }  # fmt: skip


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
    parser.add_argument("--kinds", default="flat,sq8,ivf,hnsw", help="flat, or of those of prefiltered.py")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
