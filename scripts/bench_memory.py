"""Measures a memory of 1,000 to 100,000 edits: writing, recall, opening, purging, listing, size.

    python scripts/bench_memory.py --json
    python scripts/bench_memory.py --sizes 1000,10000 --encoder hashing

Each size runs in a process of its own, on one thread where it is not encoding, so that its peak memory is its own.
Questions are made from templates and invented names; each edit has its own subject and the default radius. The figures
`hub_*` and `versions_*` come from stores of as many edits about one subject, a user's own memory, and of as many
versions of one answer. Statements are those of SQLite, without BEGIN, COMMIT and PRAGMA, once a store is warm.
"""

import argparse
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count, islice, product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kedit_memory.evaluation.report.tables import table
from kedit_memory.evaluation.rows import Row, Run, describe_run, document
from kedit_memory.memory import store
from kedit_memory.memory.encoding import load_by_name
from kedit_memory.memory.memory import EditMemory
from kedit_memory.records import Encoder

TEMPLATES = (
    "Who is the head of government of {}?", "What is the capital of {}?", "Where was {} born?",
    "Which language is spoken in {}?", "Who wrote the novel {}?", "What currency is used in {}?",
    "In which year was {} founded?", "Who directed the film {}?", "What instrument does {} play?",
    "Where is the headquarters of {}?", "Which river flows through {}?", "Who is married to {}?",
    "What is the phone number of {}?", "Which team does {} play for?", "What did {} invent?",
    "Who composed the opera {}?", "On which continent is {}?", "What is the population of {}?",
    "What degree does {} hold?", "Who is the chief executive of {}?",
)  # fmt: skip
_FIRST = ("Al", "Be", "Cor", "Da", "El", "Fen", "Gra", "Hol", "Ir", "Jo", "Kal", "Lu", "Mar", "Nor", "Os", "Per")
_MIDDLE = ("ba", "den", "dri", "ga", "li", "lo", "ma", "mi", "na", "no", "ra", "ri", "sa", "so", "ta", "ti", "va", "vi")
_LAST = ("berg", "by", "croft", "dale", "field", "ford", "ham", "land", "mont", "more", "port", "stead", "ton", "wick")
_ADDED = 200  # single edits that are timed
_ASKED = 1000
_CONSULTED = 32  # edits that a router looks at
_ABOUT = 64  # edits about one subject that a router looks at
_REPEATED = 20  # of what takes longer
_PAGE = 100
_BOUND_DRAWS = 1000


class TimedEncoder:
    """An encoder that counts the seconds spent in it."""

    def __init__(self, encoder: Encoder) -> None:
        self.name, self.revision, self.dimension = encoder.name, encoder.revision, encoder.dimension
        self.seconds = 0.0
        self._encoder = encoder

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """What the encoder gives."""
        start = time.perf_counter()
        vectors = self._encoder.encode(texts)
        self.seconds += time.perf_counter() - start
        return vectors


class PreparedEncoder(TimedEncoder):
    """Vectors made beforehand, so that what is timed does without the encoder."""

    def prepare(self, texts: Sequence[str]) -> None:
        """Encodes texts that will be asked for."""
        self._known = dict(zip(texts, self._encoder.encode(texts), strict=True))

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The vectors made beforehand."""
        return np.stack([self._known[text] for text in texts])


REPORT = """# Speed and size of the memory

Written by `python scripts/bench_memory.py --report docs/memory.md`; commit {run.commit}, encoder {run.model},
{run.machine}. Recall, add and open are without the encoder and on one thread; recall is `in_scope` with its rows read,
for the 32 nearest edits. `ratio/bulk_add_of_encoder` compares a bulk add with the bare encoder on the same texts, in
the same run.

{table}
"""


def main() -> None:
    """Runs every size and prints its rows."""
    options = _options()
    if options.single:
        print(json.dumps(measure(int(options.single), options.encoder, Path(options.folder))))
        return
    sizes = [int(size) for size in options.sizes.split(",")]
    run = describe_run(
        "memory", "templates", config={"sizes": sizes, "encoder": options.encoder}, model=options.encoder
    )
    rows = [row for size in sizes for row in _rows(run, size, _in_process(size, options.encoder))]
    if options.report:
        options.report.write_text(REPORT.format(run=run, table=table(rows)), encoding="utf-8")
    print(document(rows, encoder=options.encoder) if options.json else table(rows))


def questions(count: int) -> Iterator[tuple[str, str]]:
    """Questions with their subjects, all different, the same in every run."""
    names = ("".join(parts) for parts in product(_FIRST, _MIDDLE, _LAST))
    families = sorted(names, key=hash_of)
    for number in range(count):
        given, family = (
            families[number % len(families)],
            families[(number * 7 + number // len(families)) % len(families)],
        )
        yield TEMPLATES[number % len(TEMPLATES)].format(f"{given} {family}"), f"{given} {family}"


def hash_of(text: str) -> int:
    """A number that mixes names in the same order everywhere."""
    value = 2166136261
    for character in text.encode():
        value = (value ^ character) * 16777619 % 2**32
    return value


def measure(size: int, encoder_name: str, folder: Path) -> dict[str, list[float]]:
    """All figures of one size, by name; several values where a figure is a quantile."""
    every = list(islice(questions(size + _ADDED + _ASKED), size + _ADDED + _ASKED))
    rows = [{"prompt": text, "target": f"answer {n}", "subject": subject} for n, (text, subject) in enumerate(every)]
    encoder = TimedEncoder(load_by_name(encoder_name))
    encoder.encode([text for text, _ in every[:64]])  # loads the weights
    encoder.seconds, start = 0.0, time.perf_counter()
    with EditMemory.open(folder, encoder) as memory:
        memory.add_many(rows[:size])
        bulk = time.perf_counter() - start
        spent = encoder.seconds
    prepared = PreparedEncoder(encoder)
    prepared.prepare([text for text, _ in every[size:]])
    opened = [_timed(partial(_open_and_ask, folder, prepared, every[-1][0])) for _ in range(3)]
    with EditMemory.open(folder, prepared) as memory:
        asked = prepared.encode([text for text, _ in every[-_ASKED:]])
        memory.in_scope(asked[0])
        recall = [_timed(partial(memory.in_scope, query, limit=_CONSULTED)) for query in asked]
        added = [_timed(partial(memory.add, **row)) for row in rows[size : size + _ADDED]]
        undone = [_timed(memory.undo) for _ in range(20)]
        counted = [_timed(memory.__len__) for _ in range(_ADDED)]
        pages = _timed_pages(None, lambda after: memory.list(limit=_PAGE, after=after)[-1].id)
        history = _timed_pages(0, lambda after: memory.history(limit=_PAGE, after=after)[-1].number)
        purged = [_timed(partial(memory.purge, f"e{number}")) for number in range(1, _REPEATED + 1)]
    shutil.rmtree(folder / "cache")
    cold = _timed(partial(_open_and_ask, folder, prepared, every[-1][0]))
    return {
        "bulk": [bulk], "encoding": [spent], "open_warm": opened, "open_cold": [cold], "recall": recall,
        "add": added, "undo": undone, "peak": [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0],
        "len": counted, "list_page": pages, "history_page": history, "purge_one": purged,
        "index_per_key": [_index_bytes(folder, prepared) / size],
        **_hub(size, encoder, folder.with_name("hub")), **_versions(size, encoder, folder.with_name("versions")),
    }  # fmt: skip


def _hub(size: int, encoder: Encoder, folder: Path) -> dict[str, list[float]]:
    """A user's own memory: every edit is about the same subject."""
    texts = list(islice(own_facts(), size + 2 * _REPEATED))
    prepared = PreparedEncoder(encoder)
    prepared.prepare(texts)
    rows = [{"prompt": text, "target": f"{hash_of(text)} of {n}", "subject": "Ann Lee"} for n, text in enumerate(texts)]
    with statements_of() as statements, EditMemory.open(folder, prepared) as memory:
        memory.add_many(rows[:size])
        memory.add(**rows[size])  # loads the index
        added = [_timed(partial(memory.add, **row)) for row in rows[size + 1 : size + _REPEATED]]
        asked = [_timed(partial(_ask_about, memory, text)) for text in texts[size : size + 2 * _REPEATED]]
        statements.clear()
        memory.add(**rows[-1])
        return {"hub_add": added, "hub_recall": asked, "sql_add": [float(len(statements))]}


def _versions(size: int, encoder: Encoder, folder: Path) -> dict[str, list[float]]:
    """A store of a thousand facts, one of which was changed as often as there are edits, at most 2,000 times."""
    texts = list(islice(own_facts(), 1000))
    prepared = PreparedEncoder(encoder)
    prepared.prepare(texts)
    changed = {"prompt": texts[0], "subject": "Ann Lee", "relation": "mood"}
    with EditMemory.open(folder, prepared) as memory:
        memory.add_many([{"prompt": text, "target": "yes", "subject": "Bo Ray"} for text in texts[1:]])
        memory.add_many([changed | {"target": f"mood {n}"} for n in range(min(size, 2000))])
        asked = [_timed(partial(_ask_about, memory, texts[0])) for _ in range(_REPEATED)]
    return {"versions_recall": asked}


_KINDS = (
    "first", "last", "best", "worst", "oldest", "newest", "cheapest", "dearest", "smallest", "largest", "lucky",
)  # fmt: skip
_THINGS = (
    "bike", "car", "tea", "coffee", "book", "film", "song", "shoe", "hat", "city", "lake", "tree", "bird", "fish",
    "cat", "chair", "lamp", "desk", "pen", "cup", "plate", "soup", "cake", "bread", "game", "sport", "dance", "colour",
    "hotel", "flight", "team", "river", "hill", "bank", "shop", "park", "school", "doctor", "phone",
)  # fmt: skip


def own_facts() -> Iterator[str]:
    """Questions about one's own things, all different, the same in every run."""
    for year in count(1000):
        for kind, thing in product(_KINDS, _THINGS):
            yield f"What was my {kind} {thing} of {year}?"


@contextmanager
def statements_of() -> Iterator[list[str]]:
    """The statements of all stores opened within, what only steers a connection left out."""
    found: list[str] = []

    def note(statement: str) -> None:
        of_trigger = found[-1:] == [statement]  # which is told under the name of the statement that it follows
        if statement.split()[0] not in ("BEGIN", "COMMIT", "PRAGMA") and not of_trigger:
            found.append(statement)

    def traced(*args: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*args, **options)
        connection.set_trace_callback(note)
        return connection

    connect, store.connect = store.connect, traced
    try:
        yield found
    finally:
        store.connect = connect


def _ask_about(memory: EditMemory, text: str) -> None:
    memory.about(memory.encode([text])[0], ["Ann Lee"], limit=_ABOUT)


def _timed_pages(after: Any, page: Callable[[Any], Any]) -> list[float]:
    """The seconds of the first pages of a listing, each after the last row of the one before."""
    taken = []
    for _ in range(5):
        start = time.perf_counter()
        after = page(after)
        taken.append(time.perf_counter() - start)
    return taken


def _index_bytes(folder: Path, encoder: Encoder) -> float:
    """What an index takes in memory, as the process has it before and after it is opened from its files."""
    with EditMemory.open(folder, encoder) as memory:
        memory.rebuild()
    with EditMemory.open(folder, encoder) as memory:
        memory.get(memory.list(limit=1)[0].id)
        before = _resident()
        memory.search(np.ones(encoder.dimension, np.float32), 1)
        return _resident() - before


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return float(pages * resource.getpagesize())


def _open_and_ask(folder: Path, encoder: Encoder, question: str) -> None:
    with EditMemory.open(folder, encoder) as memory:
        memory.in_scope(question)


def _timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _in_process(size: int, encoder: str) -> dict[str, list[float]]:
    one_core = (
        os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"} if encoder == "hashing" else os.environ
    )
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        command = [sys.executable, __file__, "--single", str(size), "--encoder", encoder, "--folder", f"{folder}/store"]
        done = subprocess.run(command, env=one_core, stdout=subprocess.PIPE, check=True, text=True)  # noqa: S603 - own file
    measured: dict[str, list[float]] = json.loads(done.stdout)
    return measured


def _rows(run: Run, size: int, measured: dict[str, list[float]]) -> Iterator[Row]:
    def row(metric: str, kind: str, values: list[float], share: float, unit: str) -> Row:
        value, low, high = _quantile(np.array(values), share)
        return Row(run=run, method="faiss", metric=metric, kind=kind, value=value, low=low, high=high,
                   n=len(values), unit=unit, edits=size, seed=0)  # fmt: skip

    bulk, encoding = measured["bulk"][0], measured["encoding"][0]
    yield row("rate", "bulk_add", [size / bulk], 0.5, "edits/s")
    yield row("ratio", "bulk_add_of_encoder", [encoding / bulk], 0.5, "share")
    yield row("seconds", "add_p50", measured["add"], 0.5, "s")
    yield row("seconds", "recall_p50", measured["recall"], 0.5, "s")
    yield row("seconds", "recall_p99", measured["recall"], 0.99, "s")
    yield row("seconds", "undo_p50", measured["undo"], 0.5, "s")
    yield row("seconds", "open_warm", measured["open_warm"], 0.5, "s")
    yield row("seconds", "open_cold", measured["open_cold"], 0.5, "s")
    yield row("bytes", "peak", measured["peak"], 0.5, "B")
    yield row("bytes", "index_per_key", measured["index_per_key"], 0.5, "B")
    for kind in ("len", "list_page", "history_page", "purge_one", "hub_add", "hub_recall", "versions_recall"):
        yield row("seconds", kind, measured[kind], 0.5, "s")
    yield row("count", "sql_add", measured["sql_add"], 0.5, "statements")


def _quantile(values: NDArray[np.float64], share: float) -> tuple[float, float | None, float | None]:
    """A quantile with its bootstrap interval, which a single value has none of."""
    value = float(np.quantile(values, share))
    if len(values) < 2:
        return value, None, None
    draws = np.random.default_rng(0).choice(values, (_BOUND_DRAWS, len(values)))
    low, high = np.quantile(np.quantile(draws, share, axis=1), [0.025, 0.975])
    return value, float(low), float(high)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1000,10000,100000", help="numbers of edits, separated by commas")
    parser.add_argument("--encoder", default="minilm", help="minilm, or hashing for a run in seconds")
    parser.add_argument("--json", action="store_true", help="print one JSON document of rows")
    parser.add_argument("--report", type=Path, help="write a Markdown page from the rows of this run")
    parser.add_argument("--single", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
