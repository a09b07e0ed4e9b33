"""Ingests files into a store and builds the indexes of its passages, over one machine or a Ray cluster.

    python scripts/build_corpus.py corpus.jsonl --store index/wiki
    python scripts/build_corpus.py corpus.jsonl --store index/wiki --dense --encoder minilm --ray auto --workers 8

Reading, BM25 and the database stay on this machine; only encoding, which is nearly all of the work, goes to the
cluster: batches of passages to workers that have loaded the encoder once. What is encoded is on disk batch by batch, so
that a run that is interrupted goes on where it stopped. `--ray auto` takes the cluster of this machine, and
`--ray HOST:PORT` another; each node needs this package and the encoder.
"""

import argparse
import json
import os
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kedit_memory.errors import KeditError, MissingDependencyError
from kedit_memory.memory.encoding import load_by_name
from kedit_memory.memory.index import load_engine
from kedit_memory.memory.memory import EditMemory
from kedit_memory.records import Vectors
from kedit_memory.retrieval.corpus import Corpus
from kedit_memory.retrieval.dense import ENGINE, DenseRetriever, Encode
from kedit_memory.retrieval.documents import documents_of
from kedit_memory.retrieval.ingest import ingest_files
from kedit_memory.retrieval.stored import StoreRetriever


def main() -> int:
    """Builds, and says what was done; 0 when all is well, 2 on bad input."""
    options = _options()
    start = time.perf_counter()
    try:
        report = build(options)
    except KeditError as error:
        print(error, file=sys.stderr)
        return 2
    report["seconds"] = round(time.perf_counter() - start, 3)
    if options.json:
        print(json.dumps(report))
    else:
        print("{added} new passages, {passages} in the store, {encoded} encoded, in {seconds} s".format(**report))
    for line in report["unreadable"]:
        print(line, file=sys.stderr)
    return 2 if report["unreadable"] else 0


def build(options: argparse.Namespace) -> dict[str, Any]:
    """Ingest, index, and encode where that is asked for."""
    files = documents_of(options.path).files
    encode = encode_by_ray(options.ray, options.encoder, options.workers) if options.ray else None
    with EditMemory.open(options.store, options.encoder) as memory, Corpus(memory.path) as corpus:
        report = ingest_files(corpus, files, progress=_tell)
        words = StoreRetriever(memory.path, progress=_tell)
        words.update_index()
        words.close()
        encoded = 0
        if options.dense or encode:
            meaning = DenseRetriever(memory.path, memory.encoder, load_engine(ENGINE), progress=_tell)
            encoded = meaning.build(encode)
            meaning.close()
        count = len(corpus)
    return {"added": report.added, "passages": count, "encoded": encoded, "unreadable": report.unreadable}


def encode_by_ray(address: str, encoder: str | None, workers: int) -> Encode:
    """Encodes batches by workers of a Ray cluster, in order, with no more than two for each under way.

    Raises:
        MissingDependencyError: ray is not installed.
        KeditError: no cluster answers at the address.
    """
    try:
        import ray
    except ModuleNotFoundError as error:
        raise MissingDependencyError("ray is not installed; run: pip install ray") from error
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told
    try:
        ray.init(address=address, ignore_reinit_error=True, log_to_driver=False)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise KeditError(f"no Ray cluster answers at {address!r}; start one by `ray start --head`") from error
    worker = ray.remote(_Worker)

    def encode(batches: Iterator[list[str]]) -> Iterator[Vectors]:
        pool = [worker.remote(encoder) for _ in range(workers)]
        under_way: deque[Any] = deque()
        for number, texts in enumerate(batches):
            under_way.append(pool[number % workers].encode.remote(texts))
            if len(under_way) >= 2 * workers:
                yield ray.get(under_way.popleft())
        while under_way:
            yield ray.get(under_way.popleft())

    return encode


class _Worker:
    """An encoder on some node, loaded once."""

    def __init__(self, encoder: str | None) -> None:
        self._encoder = load_by_name(encoder)

    def encode(self, texts: list[str]) -> Vectors:
        """Vectors of one batch."""
        return self._encoder.encode(texts)


def _tell(what: str, done: int) -> None:
    if done % 10_000 < 1000 and what != "files":
        print(f"{done:,} {what}", file=sys.stderr)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="a file, or a folder of files")
    parser.add_argument("--store", default="index/default", help="the folder of the store; made if absent")
    parser.add_argument("--encoder", help="minilm, hashing, a folder or a hub name; the store's own when left out")
    parser.add_argument("--dense", action="store_true", help="also encode all passages, on this machine")
    parser.add_argument("--ray", metavar="ADDRESS", help="encode all passages by a Ray cluster: auto, or HOST:PORT")
    parser.add_argument("--workers", type=int, default=2, help="encoders in the cluster")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
