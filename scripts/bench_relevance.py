"""Measure the floor of relevance: who gets unrelated passages, and who still gets the passage that answers.

    python scripts/bench_relevance.py --data ../shared/data --json > relevance.json

`false_fire/nq_open@10/SET` is the share of NQ questions that get any of ten passages of a set that is about other
things, `@1000` of a thousand of such sets together. `recall/SET@10` is the share of questions whose own passage is
among the three that a search finds in a store of it and nine others, and reaches the floor; `…/found` is the same
without a floor. On none of these sets the floor was fitted (see `scripts/fit_relevance.py`). Of `squad` some articles,
such as that on the Super Bowl, do speak of some questions of NQ.
"""

import argparse
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from relevance_sets import Asked, asked, passages, questions

from kedit_memory.evaluation.intervals import wilson
from kedit_memory.evaluation.report.tables import table
from kedit_memory.evaluation.rows import Row, Run, describe_run, document
from kedit_memory.models.encoder import load_encoder
from kedit_memory.records import Encoder, Passage, RetrievedPassage, Vectors
from kedit_memory.retrieval.base import Retriever, titled
from kedit_memory.retrieval.bm25 import Bm25Retriever
from kedit_memory.retrieval.fuse import FusedRetriever
from kedit_memory.retrieval.passages import sift
from kedit_memory.retrieval.relevance import Relevance

OTHER = ("handbook_policies", "policyqa", "covid_qa_deepset", "squad")  # than what NQ asks about
ANSWERED = ("squad", "wiki_passages", "covid_qa_deepset", "handbook_policies", "policyqa")
SMALL, LARGE, FOUND = 10, 1000, 3
Build = Callable[[Sequence[Passage]], Retriever]


class Remembering:
    """An encoder that encodes each text once."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.name, self.revision, self.dimension = encoder.name, encoder.revision, encoder.dimension
        self._known: dict[str, Vectors] = {}

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of shape (texts, dimension)."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known.update(zip(new, self._encoder.encode(new), strict=True))
        return np.stack([self._known[text] for text in texts])


class Nearest:
    """Ranks passages by the cosine to the question."""

    def __init__(self, passages: Sequence[Passage], encoder: Encoder) -> None:
        self._passages, self._encoder = passages, encoder
        self._vectors = encoder.encode([titled(passage) for passage in passages])  # (passages, dimension)

    def search(self, question: str, k: int = FOUND) -> list[RetrievedPassage]:
        """The k nearest."""
        scores = self._vectors @ self._encoder.encode([question])[0]
        best = np.argsort(-scores)[:k]
        return [RetrievedPassage(passage=self._passages[i], score=float(scores[i])) for i in best]


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder of public sets")
    parser.add_argument("--questions", type=int, default=200, help="of each set")
    parser.add_argument("--encoder", default="minilm", help="of the floor; the searches by meaning always take minilm")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    minilm = Remembering(load_encoder("minilm"))
    relevance = Relevance(minilm if arguments.encoder == "minilm" else load_encoder(arguments.encoder), kept=100_000)
    config = {"questions": arguments.questions, "encoder": arguments.encoder}
    run = describe_run("relevance", "public", config=config, model=arguments.encoder)
    bench = Bench(run, arguments.data, arguments.questions, relevance, _searches(minilm))
    rows = [*bench.unrelated(), *bench.answered()]
    command = (
        f"python scripts/bench_relevance.py --questions {arguments.questions} --encoder {arguments.encoder} --json"
    )
    print(document(rows, command=command) if arguments.json else table(rows))


def _searches(encoder: Encoder) -> Mapping[str, Build]:
    return {
        "bm25": Bm25Retriever,
        "dense": lambda found: Nearest(found, encoder),
        "fused": lambda found: FusedRetriever([Bm25Retriever(found), Nearest(found, encoder)]),
    }


class Bench:
    """Puts questions to stores of ten passages and of a thousand."""

    def __init__(self, run: Run, data: Path, count: int, relevance: Relevance, searches: Mapping[str, Build]) -> None:
        self._run, self._data, self._count, self._relevance, self._searches = run, data, count, relevance, searches
        self._rng = random.Random("relevance:stores")

    def unrelated(self) -> Iterator[Row]:
        """The share of questions that get a passage which is about other things."""
        asking = questions(self._data, "nq_open", self._count)
        several: list[Passage] = []
        for name in OTHER:
            pool = passages(self._data, name, 10 * LARGE)
            several += pool if name != "squad" else []
            stores = [self._rng.sample(pool, SMALL) for _ in asking]
            for search, build in self._searches.items():
                got = [bool(self._kept(build(store), one)[1]) for one, store in zip(asking, stores, strict=True)]
                yield self._row(search, "false_fire", f"nq_open@{SMALL}/{name}", got)
        for search, build in self._searches.items():
            engine = build(several[:LARGE])
            yield self._row(
                search, "false_fire", f"nq_open@{LARGE}", [bool(self._kept(engine, one)[1]) for one in asking]
            )

    def answered(self) -> Iterator[Row]:
        """The share of questions that get the passage which answers them, without and with the floor."""
        samples = {name: asked(self._data, name, self._count) for name in ANSWERED}
        pools = [passages(self._data, name, LARGE // len(ANSWERED)) for name in ANSWERED]
        others = [passage for pool in pools for passage in pool]
        for name, sample in samples.items():
            large = list({one.text: one for one in [*(one.passage for one in sample), *others]}.values())
            small = [self._beside(one, others) for one in sample]
            for search, build in self._searches.items():
                yield from self._recall(search, f"{name}@{SMALL}", sample, [build(store) for store in small])
                yield from self._recall(search, f"{name}@{LARGE}", sample, [build(large)] * len(sample))

    def _beside(self, one: Asked, others: Sequence[Passage]) -> list[Passage]:
        """A small store with the passage that answers."""
        store = [
            one.passage,
            *self._rng.sample([other for other in others if other.text != one.passage.text], SMALL - 1),
        ]
        self._rng.shuffle(store)
        return store

    def _recall(self, search: str, kind: str, sample: Sequence[Asked], engines: Sequence[Retriever]) -> Iterator[Row]:
        results = [self._kept(engine, one.question) for one, engine in zip(sample, engines, strict=True)]
        for suffix, place in (("/found", 0), ("", 1)):
            hits = [one.passage.text in both[place] for one, both in zip(sample, results, strict=True)]
            yield self._row(search, "recall", f"{kind}{suffix}", hits)

    def _kept(self, engine: Retriever, question: str) -> tuple[set[str], set[str]]:
        """The texts of what a search finds, and of what of it may go before the question."""
        found = engine.search(question, FOUND)
        kept = sift(question, (), found, self._relevance).kept
        return {one.passage.text for one in found}, {one.passage.text for one in kept}

    def _row(self, search: str, metric: str, kind: str, hits: Sequence[bool]) -> Row:
        low, high = wilson(sum(hits), len(hits))
        print(f"{search} {metric}/{kind}: {sum(hits)} of {len(hits)}", file=sys.stderr, flush=True)
        figures = {"value": sum(hits) / len(hits), "low": low, "high": high, "n": len(hits)}
        return Row(run=self._run, method=search, metric=metric, kind=kind, unit="share", **figures)


if __name__ == "__main__":
    main()
