"""Measures a memory of 1,000 to 100,000 edits: writing, recall, opening, purging, listing, size.

    python scripts/bench_memory.py --json
    python scripts/bench_memory.py --sizes 1000,10000 --encoder hashing
    python scripts/bench_memory.py --sizes 10000,1000000 --encoder given --short --project 10000000 --json

Each size runs in a process of its own, on one thread where it is not encoding, so that its peak memory is its own.
Questions are made from templates and invented names; each edit has its own subject and the default radius. The figures
`hub_*` and `versions_*` come from stores of as many edits about one subject, a user's own memory, and of as many
versions of one answer. Statements are those of SQLite, without BEGIN, COMMIT and PRAGMA, once a store is warm.

Edits are added by 10,000. With the encoder `given` vectors are drawn, in 384 dimensions and in clusters as those of
texts are, so that nothing is encoded; with `--short` what takes a second store, and listing and purging, is left out.
Half of the questions lie near a stored one: `recall/covering` is the share of edits covering a question, by a plain
scan of all keys as float32, that the memory finds too, and `ratio/recall_of_scan` how many times as long that takes.
`ratio/bulk_peak_of_data` is what the process grew by at most during a bulk add, over the bytes of vectors and texts;
`ratio/add_of_smallest` compares single adds with those in the smallest store. With `--project` each figure that grows
is carried on to so many edits by the power of the size that fits the sizes measured best (`exponent/`).
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
from dataclasses import replace
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
_BATCH = 10_000  # edits of one bulk add
_BLOCK = 256  # vectors drawn at once
_NEAR = 0.3  # how far from a stored question half of the questions are
_DATA = (  # bytes of vectors and texts
    "SELECT sum(length(vector)) + sum(length(CAST(text AS BLOB))) FROM keys",
    "SELECT sum(length(CAST(prompt || target || statement AS BLOB))) FROM edits",
)
_SCANNED = 100  # questions for which all keys are compared
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


class GivenEncoder:
    """Vectors that are there already: drawn by the number at the end of a text, near to one of 512 centres."""

    name, revision, dimension = "given", "1", 384

    def __init__(self) -> None:
        self._centres = _unit(np.random.default_rng(0).standard_normal((512, self.dimension), np.float32))

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The vectors of texts, (texts, dimension); texts that follow each other are drawn together."""
        numbers = [int(text.rstrip("?").rsplit(" ", 1)[-1]) for text in texts]
        blocks = {block: self._block(block) for block in {number // _BLOCK for number in numbers}}
        return np.stack([blocks[number // _BLOCK][number % _BLOCK] for number in numbers])

    def _block(self, block: int) -> NDArray[np.float32]:
        rng = np.random.default_rng((1, block))
        drawn = _unit(rng.standard_normal((_BLOCK, self.dimension), np.float32))
        return _unit(drawn + self._centres[rng.integers(0, len(self._centres), _BLOCK)])


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
        print(json.dumps(measure(int(options.single), options.encoder, Path(options.folder), short=options.short)))
        return
    sizes = sorted(int(size) for size in options.sizes.split(","))
    config = {"sizes": sizes, "encoder": options.encoder, "short": options.short}
    run = describe_run("memory", "templates", config=config, model=options.encoder)
    measured = {size: _in_process(size, options.encoder, short=options.short) for size in sizes}
    rows = [row for size in sizes for row in _rows(run, size, measured[size])]
    rows += _growth(rows)
    rows += _projected(rows, options.project) if options.project else []
    if options.report:
        options.report.write_text(REPORT.format(run=run, table=table(rows)), encoding="utf-8")
    print(document(rows, encoder=options.encoder) if options.json else table(rows))


def questions(count: int, *, numbered: bool = False) -> Iterator[tuple[str, str]]:
    """Questions with their subjects, all different, the same in every run; `numbered` puts numbers into the names."""
    names = ("".join(parts) for parts in product(_FIRST, _MIDDLE, _LAST))
    families = sorted(names, key=hash_of)
    for number in range(count):
        given, family = (
            families[number % len(families)],
            families[(number * 7 + number // len(families)) % len(families)],
        )
        name = f"{given} {family} {number}" if numbered else f"{given} {family}"
        yield (f"What is said of {name}?" if numbered else TEMPLATES[number % len(TEMPLATES)].format(name)), name


def hash_of(text: str) -> int:
    """A number that mixes names in the same order everywhere."""
    value = 2166136261
    for character in text.encode():
        value = (value ^ character) * 16777619 % 2**32
    return value


def measure(size: int, encoder_name: str, folder: Path, *, short: bool) -> dict[str, list[float]]:
    """All figures of one size, by name; several values where a figure is a quantile."""
    given = encoder_name == GivenEncoder.name
    asked_for = list(islice(questions(size + _ADDED + _ASKED, numbered=given), size, None))
    added_later = [_row(size + n, one) for n, one in enumerate(asked_for[:_ADDED])]
    encoder = TimedEncoder(GivenEncoder() if given else load_by_name(encoder_name))
    encoder.encode([text for text, _ in asked_for[:64]])  # loads the weights
    encoder.seconds, before, start = 0.0, _resident(), time.perf_counter()
    with EditMemory.open(folder, encoder) as memory:
        stored = enumerate(questions(size, numbered=given))
        while rows := [_row(*one) for one in islice(stored, _BATCH)]:
            memory.add_many(rows)
        bulk = time.perf_counter() - start
        spent, grown = encoder.seconds, _peak() - before
        data = sum(memory._store.query(sql)[0][0] for sql in _DATA)
    prepared = PreparedEncoder(encoder)
    prepared.prepare([text for text, _ in asked_for])
    opened = [timed(partial(_open_and_ask, folder, prepared, asked_for[-1][0])) for _ in range(3)]
    with EditMemory.open(folder, prepared) as memory:
        asked = _asked(memory, prepared.encode([text for text, _ in asked_for[-_ASKED:]]), size)
        memory.in_scope(asked[0])
        recall = [timed(partial(memory.in_scope, query, limit=_CONSULTED)) for query in asked]
        peak = _peak()
        covering, scan = _scanned(memory, asked[:_SCANNED])
        added = [timed(partial(memory.add, **row)) for row in added_later]
        undone = [timed(memory.undo) for _ in range(20)]
        counted = [timed(memory.__len__) for _ in range(_ADDED)]
        more = {} if short else _listed(memory)
    disk = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    shutil.rmtree(folder / "cache")
    cold = timed(partial(_open_and_ask, folder, prepared, asked_for[-1][0]))
    if not short:
        more |= {
            "index_per_key": [_index_bytes(folder, prepared) / size],
            **_hub(size, encoder, folder.with_name("hub")),
            **_versions(size, encoder, folder.with_name("versions")),
        }
    return {
        "bulk": [bulk], "encoding": [spent], "grown": [grown], "data": [float(data)],
        "open_warm": opened, "open_cold": [cold], "recall": recall, "covering": covering, "scan": scan, "add": added,
        "undo": undone, "len": counted, "disk": [float(disk)], "peak": [peak],
    } | more  # fmt: skip


def _row(number: int, asked: tuple[str, str]) -> dict[str, str]:
    return {"prompt": asked[0], "target": f"answer {number}", "subject": asked[1]}


def _asked(memory: EditMemory, fresh: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Questions, every other one near to a key of one of the edits."""
    rng = np.random.default_rng(2)
    edits = [int(number) for number in rng.integers(1, size + 1, len(fresh[::2]))]
    keys = memory._store.recallable(sorted(set(edits))).vectors
    near = keys[rng.integers(0, len(keys), len(edits))]
    asked = fresh.copy()
    asked[::2] = _unit(near + _NEAR * _unit(rng.standard_normal(near.shape, np.float32)))
    return asked


def _scanned(memory: EditMemory, asked: NDArray[np.float32]) -> tuple[list[float], list[float]]:
    """Of each covered question the share of covering edits that the memory finds; the seconds of each plain scan."""
    keys = memory._store.recallable()
    owner = "SELECT 'e' || edit_id FROM keys WHERE id IN (SELECT value FROM json_each(?))"
    bounds = (1 - keys.radii**2 / 2).astype(np.float32)  # of the product of unit vectors that lie within the radius
    found, spent = [], []
    for query in asked:
        start = time.perf_counter()
        inside = np.flatnonzero(keys.vectors @ query >= bounds)
        spent.append(time.perf_counter() - start)
        covering = {row[0] for row in memory._store.query(owner, json.dumps(keys.ids[inside].tolist()))}
        if covering:
            told = {match.edit.id for match in memory.in_scope(query, limit=len(covering))}
            found.append(len(told & covering) / len(covering))
    return found, spent


def _listed(memory: EditMemory) -> dict[str, list[float]]:
    """Pages of lists, and what purging takes."""
    return {
        "list_page": _timed_pages(None, lambda after: memory.list(limit=_PAGE, after=after)[-1].id),
        "history_page": _timed_pages(0, lambda after: memory.history(limit=_PAGE, after=after)[-1].number),
        "purge_one": [timed(partial(memory.purge, f"e{number}")) for number in range(1, _REPEATED + 1)],
    }


def _hub(size: int, encoder: Encoder, folder: Path) -> dict[str, list[float]]:
    """A user's own memory: every edit is about the same subject."""
    texts = list(islice(own_facts(), size + 2 * _REPEATED))
    prepared = PreparedEncoder(encoder)
    prepared.prepare(texts)
    rows = [{"prompt": text, "target": f"{hash_of(text)} of {n}", "subject": "Ann Lee"} for n, text in enumerate(texts)]
    with statements_of() as statements, EditMemory.open(folder, prepared) as memory:
        memory.add_many(rows[:size])
        memory.add(**rows[size])  # loads the index
        added = [timed(partial(memory.add, **row)) for row in rows[size + 1 : size + _REPEATED]]
        asked = [timed(partial(_ask_about, memory, text)) for text in texts[size : size + 2 * _REPEATED]]
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
        asked = [timed(partial(_ask_about, memory, texts[0])) for _ in range(_REPEATED)]
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


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return float(pages * resource.getpagesize())


def _open_and_ask(folder: Path, encoder: Encoder, question: str) -> None:
    with EditMemory.open(folder, encoder) as memory:
        memory.in_scope(question)


def timed(action: Callable[[], object]) -> float:
    """The seconds that something takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _in_process(size: int, encoder: str, *, short: bool) -> dict[str, list[float]]:
    encodes = encoder not in ("hashing", GivenEncoder.name)
    one_core = os.environ if encodes else os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        command = [sys.executable, __file__, "--single", str(size), "--encoder", encoder, "--folder", f"{folder}/store"]
        command += ["--short"] if short else []
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
    yield row("rate", "bulk_add_without_encoder", [size / (bulk - encoding)], 0.5, "edits/s")
    yield row("seconds", "bulk_add_without_encoder", [bulk - encoding], 0.5, "s")
    yield row("ratio", "bulk_add_of_encoder", [encoding / bulk], 0.5, "share")
    yield row("seconds", "add_p50", measured["add"], 0.5, "s")
    yield row("seconds", "recall_p50", measured["recall"], 0.5, "s")
    yield row("seconds", "recall_p99", measured["recall"], 0.99, "s")
    yield row("seconds", "undo_p50", measured["undo"], 0.5, "s")
    yield row("seconds", "open_warm", measured["open_warm"], 0.5, "s")
    yield row("seconds", "open_cold", measured["open_cold"], 0.5, "s")
    yield row("bytes", "peak", measured["peak"], 0.5, "B")
    yield row("bytes", "disk", measured["disk"], 0.5, "B")
    yield row("ratio", "bulk_peak_of_data", [measured["grown"][0] / measured["data"][0]], 0.5, "times data")
    yield row("seconds", "scan_p50", measured["scan"], 0.5, "s")
    faster = float(np.median(measured["scan"]) / np.median(measured["recall"]))
    yield row("ratio", "recall_of_scan", [faster], 0.5, "times")
    if covering := measured["covering"]:
        yield replace(
            row("recall", "covering", covering, 0.5, "share"), value=float(np.mean(covering)), low=None, high=None
        )
    for metric, unit, kinds in _MORE:
        for kind in kinds:
            if kind in measured:
                yield row(metric, kind, measured[kind], 0.5, unit)


_MORE = (
    ("bytes", "B", ("index_per_key",)),
    ("seconds", "s", ("len", "list_page", "history_page", "purge_one", "hub_add", "hub_recall", "versions_recall")),
    ("count", "statements", ("sql_add",)),
)
_GROWS = (
    ("seconds", "bulk_add_without_encoder"), ("seconds", "recall_p50"), ("seconds", "recall_p99"),
    ("seconds", "scan_p50"), ("seconds", "add_p50"), ("seconds", "open_warm"), ("seconds", "open_cold"),
    ("bytes", "peak"), ("bytes", "disk"),
)  # fmt: skip


def _growth(rows: Sequence[Row]) -> Iterator[Row]:
    """A single add over that in the smallest store."""
    first, *larger = [row for row in rows if row.kind == "add_p50"]
    for row in larger:
        value = row.value / first.value
        yield replace(row, metric="ratio", kind="add_of_smallest", value=value, low=None, high=None, unit="times")


def _projected(rows: Sequence[Row], edits: int) -> Iterator[Row]:
    """Each figure that grows, at a size that was not measured: by the power law through those that were."""
    for metric, kind in _GROWS:
        mine = [row for row in rows if (row.metric, row.kind) == (metric, kind)]
        if len(mine) > 1:
            power, factor = np.polyfit(np.log([row.edits for row in mine]), np.log([row.value for row in mine]), 1)
            value = float(np.exp(factor + power * np.log(edits)))
            row = replace(mine[-1], low=None, high=None, n=len(mine), edits=edits)
            yield replace(row, kind=f"projected/{kind}", value=value)
            yield replace(row, metric="count", kind=f"exponent/{kind}", value=float(power), unit="power of edits")


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
    parser.add_argument("--encoder", default="minilm", help="minilm, hashing for a run in seconds, or given")
    parser.add_argument("--short", action="store_true", help="without listing, purging and stores about one subject")
    parser.add_argument("--project", type=int, help="a number of edits, to which what grows is carried on")
    parser.add_argument("--json", action="store_true", help="print one JSON document of rows")
    parser.add_argument("--report", type=Path, help="write a Markdown page from the rows of this run")
    parser.add_argument("--single", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
