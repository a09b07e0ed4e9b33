"""Ingests files into a store and builds the indexes of its passages, over one machine or a Ray cluster.

    python scripts/build_corpus.py corpus.jsonl --store index/wiki
    python scripts/build_corpus.py corpus.jsonl --store index/wiki --encoder minilm --ray auto

Reading, BM25 and the database stay on this machine; only encoding, which is nearly all of the work, goes to the
cluster: batches of passages to workers that have loaded the encoder once. What is encoded is on disk batch by batch, so
that a run that is interrupted goes on where it stopped. `--ray auto` takes the cluster of this machine, and
`--ray HOST:PORT` names its head; each node needs this package and the encoder.
"""

import argparse
import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from kedit_memory.errors import KeditError
from kedit_memory.memory.index import load_engine
from kedit_memory.memory.memory import EditMemory
from kedit_memory.memory.shards import spread_over
from kedit_memory.retrieval.corpus import Corpus
from kedit_memory.retrieval.dense import ENGINE, DenseRetriever
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
    with (
        spread_over(options.ray) as spread,
        EditMemory.open(options.store, options.encoder) as memory,
        Corpus(memory.path) as corpus,
    ):
        report = ingest_files(corpus, files, progress=_tell)
        words = StoreRetriever(memory.path, progress=_tell)
        words.update_index()
        words.close()
        encoded = 0
        if options.dense or options.ray is not None:
            meaning = DenseRetriever(memory.path, memory.encoder, load_engine(ENGINE), progress=_tell)
            encoded = meaning.build(partial(spread, memory.encoder.encode))
            meaning.close()
        count = len(corpus)
    return {"added": report.added, "passages": count, "encoded": encoded, "unreadable": report.unreadable}


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
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
