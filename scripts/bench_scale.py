"""Measures the few constants from which `scripts/scale_report.py` reckons what a very large memory needs.

    python scripts/bench_scale.py --json > scale.json

About two minutes of one core. Seconds are the processor's own, of one thread, so that others on the machine lengthen
none but the durable add, which waits for the disk.
"""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy and torch read it

import numpy as np
from bench_memory import PreparedEncoder, questions

from kedit_memory.evaluation.report.tables import table
from kedit_memory.evaluation.rows import Row, describe_run, document
from kedit_memory.memory.encoding import load_by_name
from kedit_memory.memory.index import load_engine
from kedit_memory.memory.memory import EditMemory
from kedit_memory.memory.radius import DEFAULT_RADIUS
from kedit_memory.models.encoder import minilm
from kedit_memory.models.reader import Pair, ScopeReader
from kedit_memory.shipped import scope_verifier

_REPEATED = 30
_READ = 4  # edits that are read for a question
_ENCODED = 256


def main() -> None:
    """Measure, print rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edits", type=int, default=20_000, help="of the store")
    parser.add_argument("--vectors", type=int, default=200_000, help="of the index alone")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    told = partial(Row, run=describe_run("scale", "templates", config=vars(arguments)), seed=0, n=1)
    rows = [*_store(told, arguments.edits), *_scan(told, arguments.vectors), *_models(told)]
    print(document(rows) if arguments.json else table(rows))


def _store(told: Callable[..., Row], edits: int) -> Iterator[Row]:
    """Writing, size and recall of a store with vectors that are given."""
    asked = list(islice(questions(edits + 2 * _REPEATED), edits + 2 * _REPEATED))
    encoder = PreparedEncoder(load_by_name("hashing"))
    encoder.prepare([text for text, _ in asked])
    rows = [{"prompt": text, "target": f"answer {n}", "subject": name} for n, (text, name) in enumerate(asked)]
    told = partial(told, method="faiss", edits=edits)
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        with EditMemory.open(folder, encoder) as memory:
            spent = _spent(lambda: memory.add_many(rows[:edits]))
            yield told(metric="rate", kind="add", value=edits / spent, unit="edits/s")
            added = [_wall(partial(memory.add, **row)) for row in rows[edits : edits + _REPEATED]]
            yield told(metric="seconds", kind="durable_add", value=median(added), unit="s")
        stored = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
        yield told(metric="bytes", kind="disk_per_edit", value=stored / edits, unit="B")
        with EditMemory.open(folder, encoder) as memory:
            vectors = memory.encode([text for text, _ in asked[-_REPEATED:]])
            memory.in_scope(vectors[0])
            recall = [_spent(partial(memory.in_scope, vector, limit=32)) for vector in vectors]
            yield told(metric="seconds", kind="recall", value=median(recall), unit="s")
            yield told(metric="seconds", kind="rebuild", value=_spent(memory.rebuild), unit="s")


def _scan(told: Callable[..., Row], count: int) -> Iterator[Row]:
    """What the indexes cost where no stored vector is near a question, as for most questions."""
    drawn = np.random.default_rng(0).standard_normal((count + _REPEATED, 384), np.float32)
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    stored, asked = drawn[:count], drawn[count:]
    kept = []  # what is freed would be taken again, and not be seen to grow
    for engine in ("faiss", "exact", "faiss-pq"):
        load_engine(engine)(384).insert(np.arange(9), stored[:9], np.full(9, DEFAULT_RADIUS))  # loads what it needs
        index, before = load_engine(engine)(384), _resident()
        kept.append(index)
        index.insert(np.arange(count), stored, np.full(count, DEFAULT_RADIUS))
        spent = median(_spent(partial(index.in_scope, question)) for question in asked)
        told_of = partial(told, method=engine, edits=count)
        yield told_of(metric="bytes", kind=f"{engine}_per_key", value=(_resident() - before) / count, unit="B")
        yield told_of(metric="seconds", kind=f"{engine}_per_million", value=spent * 1e6 / count, unit="s")


def _models(told: Callable[..., Row]) -> Iterator[Row]:
    """The encoder at many texts, the reader at one question."""
    asked = [text for text, _ in islice(questions(_ENCODED + 1), _ENCODED)]
    encoder, reader = minilm(device="cpu"), ScopeReader.load(scope_verifier(), device="cpu")
    encoder.encode(asked[:8])
    spent = _spent(lambda: encoder.encode(asked))
    yield told(method="minilm", metric="rate", kind="encode", value=len(asked) / spent, unit="texts/s")
    taken = [
        _spent(lambda at=at: reader.scores([Pair(asked[at], told_as) for told_as in asked[at + 1 : at + 1 + _READ]]))
        for at in range(0, _REPEATED * (_READ + 1), _READ + 1)
    ]
    yield told(method="reader", metric="seconds", kind="read_question", value=median(taken), unit="s")


def _spent(action: Callable[[], object]) -> float:
    start = time.process_time()
    action()
    return time.process_time() - start


def _wall(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return float(pages * resource.getpagesize())


if __name__ == "__main__":
    main()
