"""Measures retrieval: speed over a corpus made by this script, recall on the shipped world and on SQuAD.

    python scripts/bench_retrieval.py --sizes 100000,1000000 --json
    python scripts/bench_retrieval.py --sizes "" --world --squad dev-v1.1.json --json
    python scripts/bench_retrieval.py --sizes "" --squad xquad.zh.json --squad jaquad_dev.json --encoder "" --json

The corpus has the word frequencies of running text: ranks follow Zipf's law, the first ranks are the words that BM25
leaves out, and every passage is about a name of its own. Questions take a name and some other words of one passage,
which is the one to be found. Each size is built and asked in processes of their own, so that peak memory is their own;
memory counts the mapped files, too. Beside the seconds that passed stand those of the processor (cpu_…), which others
on the machine do not lengthen.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np

from kedit_memory.evaluation.report.tables import table
from kedit_memory.evaluation.rows import Row, Run, describe_run, document
from kedit_memory.memory.encoding import load_by_name
from kedit_memory.memory.index import load_engine
from kedit_memory.records import Passage
from kedit_memory.retrieval.base import Retriever
from kedit_memory.retrieval.corpus import Corpus
from kedit_memory.retrieval.dense import DenseRetriever
from kedit_memory.retrieval.documents import document_of, read_passages
from kedit_memory.retrieval.fuse import FusedRetriever
from kedit_memory.retrieval.ingest import ingest_files
from kedit_memory.retrieval.stored import StoreRetriever
from kedit_memory.words import STOP, words
from kedit_memory.world import load_world, passages_file

VOCABULARY = 400_000
_ONSETS = ("b", "br", "c", "ch", "d", "dr", "f", "g", "gr", "h", "k", "l", "m", "n", "p", "r", "s", "st", "t", "v")
_VOWELS = ("a", "ai", "e", "ea", "i", "o", "ou", "u")
_CODAS = ("", "l", "n", "nd", "r", "s", "st", "t")
_ASKED = 500
_AT = 5  # the gold passage is looked for among so many
_FACTS = 2000


def main() -> None:
    """Measures what is asked for and prints its rows."""
    options = _options()
    if options.step:
        print(json.dumps(_STEPS[options.step](Path(options.folder), int(options.size))))
        return
    rows = [row for size in options.sizes.split(",") if size for row in _size_rows(int(size), options.folder)]
    if options.world:
        rows += _world_rows(options.encoder)
    for file in options.squad:
        rows += _squad_rows(file, options.encoder)
    print(document(rows) if options.json else table(rows))


def make_passages(count: int, seed: int = 0) -> Iterator[Passage]:
    """Passages with the word frequencies of running text, the same for the same seed."""
    rng = np.random.default_rng(seed)
    known = np.array(list(vocabulary()))
    shares = np.cumsum(1 / (np.arange(len(known)) + 2.7) ** 1.05)  # Zipf's law as Mandelbrot corrected it
    shares /= shares[-1]
    for first in range(0, count, 1000):
        lengths = rng.integers(60, 121, min(1000, count - first))
        drawn = known[np.minimum(np.searchsorted(shares, rng.random(lengths.sum())), len(known) - 1)]
        for number, text in enumerate(np.split(drawn, np.cumsum(lengths)[:-1]), first):
            name = " ".join(known[rng.integers(1000, len(known), 2)]).title()
            yield Passage(id=f"made-{number}", title=name, text=f"{name} is {' '.join(text)}.")


def vocabulary() -> Iterator[str]:
    """Words by rank: those that BM25 leaves out, then invented ones, short ones first."""
    syllables = ["".join(parts) for parts in product(_ONSETS, _VOWELS, _CODAS)]
    random.Random(0).shuffle(syllables)
    yield from sorted(STOP)
    invented = (a + b for a, b in product(syllables, syllables))
    yield from islice(invented, VOCABULARY - len(STOP))


def make_questions(passages: Sequence[Passage], seed: int = 1) -> list[str]:
    """A question about each passage: its name, and three other words of it that BM25 does not leave out."""
    rng = random.Random(seed)
    return [f"What is the {' '.join(rng.sample(words(p.text)[2:], 3))} of {p.title}?" for p in passages]


def build(folder: Path, _: int) -> dict[str, float]:
    """Ingest a file of passages and index them, then a page more."""
    store = folder / "store"
    with Corpus(store) as corpus:
        started, cpu = time.perf_counter(), time.process_time()
        ingest_files(corpus, [folder / "made.jsonl"])
        ingested = time.perf_counter()
        retriever = StoreRetriever(store, small=0, progress=_tell)
        retriever.update_index()
        built, cpu = time.perf_counter(), time.process_time() - cpu
        (folder / "page.txt").write_text("A page more, about a castle.", encoding="utf-8")
        corpus.take(document_of(folder / "page.txt"))
        retriever.update_index()
        added = time.perf_counter()
    return {
        "ingest": ingested - started,
        "build": built - started,
        "cpu_build": cpu,
        "add_page": added - built,
        "peak_build": _peak(),
        "disk": float(sum(f.stat().st_size for f in store.rglob("*") if f.is_file())),
    }


def ask(folder: Path, size: int) -> dict[str, float | list[float]]:
    """Open the index and ask; seconds of each question, and whether it found its passage."""
    rows = random.Random(2).sample(range(1, size + 1), min(size, _ASKED))
    with Corpus(folder / "store") as corpus:
        gold = corpus.get(rows)
    started = time.perf_counter()
    retriever = StoreRetriever(folder / "store", small=0)
    retriever.update_index()
    opened = time.perf_counter() - started
    seconds, processor, hits = [], [], []
    for passage, question in zip(gold, make_questions(gold), strict=True):
        started, cpu = time.perf_counter(), time.process_time()
        found = retriever.search(question, _AT)
        processor.append(time.process_time() - cpu)
        seconds.append(time.perf_counter() - started)
        hits.append(float(passage.id in {hit.passage.id for hit in found}))
    return {"open": opened, "query": seconds, "cpu_query": processor, "recall": hits, "peak_query": _peak()}


_STEPS = {"build": build, "ask": ask}


def _size_rows(size: int, parent: str | None) -> Iterator[Row]:
    run = describe_run("retrieval", f"zipf_{size}", config={"size": size, "vocabulary": VOCABULARY})
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        _write_passages(Path(folder) / "made.jsonl", size)
        made = _in_process("build", size, folder)
        asked = _in_process("ask", size, folder)
    for kind in ("ingest", "build", "cpu_build", "add_page"):
        yield _row(run, "seconds", kind, made[kind], size)
    yield _row(run, "seconds", "open", asked["open"], size)
    for share, kind in ((0.5, "p50"), (0.99, "p99")):
        for prefix in ("", "cpu_"):
            values = asked[f"{prefix}query"]
            yield _row(run, "seconds", prefix + kind, float(np.quantile(values, share)), len(values))
    yield _row(run, "bytes", "peak_build", made["peak_build"], size)
    yield _row(run, "bytes", "peak_query", asked["peak_query"], size)
    yield _row(run, "bytes", "disk", made["disk"], size)
    yield _recall(run, "bm25", asked["recall"])


def _write_passages(file: Path, count: int) -> None:
    with file.open("w", encoding="utf-8") as lines:
        for p in make_passages(count):
            lines.write(json.dumps({"id": p.id, "title": p.title, "text": p.text}) + "\n")


def _world_rows(encoder: str) -> Iterator[Row]:
    """Questions about the world: is the passage of the entity whose row holds the fact among the first?"""
    base = read_passages(passages_file())
    owner = {passage.title: passage.id for passage in base}
    world = load_world()
    rng = random.Random(0)
    facts = rng.sample(world.facts, _FACTS)
    asked = []
    for fact in facts:
        relation = world.relations[fact.relation]
        holder = fact.object if relation.inverse_of else fact.subject
        asked.append((world.fill(rng.choice(relation.questions), fact.subject), owner[holder]))
    run = describe_run("retrieval", "world", config={"facts": _FACTS}, data=passages_file(), model=encoder)
    yield from _recall_rows(run, base, asked, encoder)


def _squad_rows(file: Path, encoder: str) -> Iterator[Row]:
    """Questions of SQuAD, or of a set in its form: is their paragraph among the first of all paragraphs?"""
    pages = json.loads(file.read_text(encoding="utf-8"))["data"]
    paragraphs = [
        (page.get("title", "").replace("_", " "), paragraph) for page in pages for paragraph in page["paragraphs"]
    ]
    base = [Passage(id=str(i), title=title, text=p["context"]) for i, (title, p) in enumerate(paragraphs)]
    asked = [(qa["question"], str(i)) for i, (_, p) in enumerate(paragraphs) for qa in p["qas"]]
    asked = random.Random(0).sample(asked, min(_FACTS, len(asked)))
    run = describe_run("retrieval", file.stem, config={"questions": _FACTS}, data=file, model=encoder or "none")
    yield from _recall_rows(run, base, asked, encoder)


def _recall_rows(run: Run, base: Sequence[Passage], asked: Sequence[tuple[str, str]], encoder: str) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        lexical = StoreRetriever(Path(folder), base)
        retrievers: dict[str, Retriever] = {"bm25": lexical}
        if encoder:
            meaning = DenseRetriever(Path(folder), load_by_name(encoder), load_engine("faiss"), base, progress=_tell)
            meaning.build()
            retrievers |= {"dense": meaning, "fused": FusedRetriever([lexical, meaning])}
        for name, retriever in retrievers.items():
            hits = [gold in {hit.passage.id for hit in retriever.search(text, _AT)} for text, gold in asked]
            yield _recall(run, name, list(map(float, hits)))


def _recall(run: Run, name: str, hits: Sequence[float]) -> Row:
    draws = np.random.default_rng(0).choice(np.array(hits), (1000, len(hits))).mean(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return Row(run=run, method=name, metric="recall", kind=f"{name}_at_{_AT}", value=float(np.mean(hits)),
               low=float(low), high=float(high), n=len(hits), unit="share", seed=0)  # fmt: skip


def _row(run: Run, metric: str, kind: str, value: float, n: int) -> Row:
    unit = "B" if metric == "bytes" else "s"
    return Row(run=run, method="bm25s", metric=metric, kind=kind, value=value, n=n, unit=unit, seed=0)


def _in_process(step: str, size: int, folder: str) -> dict[str, Any]:
    one_core = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--step", step, "--size", str(size), "--folder", folder]
    done = subprocess.run(command, env=one_core, stdout=subprocess.PIPE, check=True, text=True)  # noqa: S603 - own file
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


def _tell(what: str, done: int) -> None:
    if done % 10_000 == 0:
        print(f"{done:,} {what}", file=sys.stderr)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="100000", help="numbers of passages, separated by commas")
    parser.add_argument("--world", action="store_true", help="also the recall of BM25, dense and fused on the world")
    parser.add_argument(
        "--squad",
        type=Path,
        action="append",
        default=[],
        help="a file in the form of SQuAD 1.1: also the recall on all of its paragraphs; may be given several times",
    )
    parser.add_argument(
        "--encoder", default="minilm", help="for dense: minilm, hashing for a run in seconds, or '' for BM25 alone"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document of rows")
    parser.add_argument("--folder", help="where the corpus is made; a temporary folder else")
    parser.add_argument("--step", choices=("build", "ask"), help=argparse.SUPPRESS)
    parser.add_argument("--size", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
