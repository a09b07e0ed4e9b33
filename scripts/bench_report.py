"""Write the page on speed from rows that `bench.py` kept: every figure comes from the file, none is typed.

    python scripts/bench_report.py --rows docs/results/rows/speed.jsonl --output docs/results/speed.md

Documents that a bench script printed with --json are read, too. Pictures go beside the page.
"""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from kedit_memory.errors import KeditError
from kedit_memory.evaluation.report import tables
from kedit_memory.evaluation.report.pictures import save_figure
from kedit_memory.evaluation.report.saved import Row, read_saved

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEAD = """# How long it takes, and what a search finds

Written by `python scripts/bench.py` and `bench_report.py`; no figure is typed by hand. Times are of one core of a
machine on which others may work, so that only what stands in one table should be compared; a ratio was taken within one
run. `make bench-check` takes the quick run again and fails where a ratio with a promise is worse by more than a fifth.
All figures are in `rows/speed.jsonl`.
"""


@dataclass(frozen=True, kw_only=True)
class Section:
    """What one script measures; `at_most` and `at_least` are what was promised, by kind, of which method and size.

    A kind that several metrics have is named with its metric.
    """

    title: str
    text: str
    at_most: Mapping[str, float] = field(default_factory=dict)
    at_least: Mapping[str, float] = field(default_factory=dict)
    edits: int | None = None
    method: str | None = None


SECTIONS = {
    "memory": Section(
        title="The memory by itself",
        text="`python scripts/bench_memory.py --encoder given --short --json`: vectors are given, so that nothing is "
        "encoded. `recall/covering` is the share of covering edits, by a plain float32 scan of all keys, that the "
        "memory finds too, `recall_of_scan` how many times as long the scan takes; `bulk_peak_of_data` is what the "
        "process grew by over the bytes of vectors and texts; `open_cold` makes a lost cache anew. `projected/` "
        "carries a figure on to another size by the power law through the measured ones, whose power is `exponent/`.",
        at_most={"open_warm": 3, "open_cold": 120, "add_p50": 0.005, "bulk_peak_of_data": 1.3, "add_of_smallest": 1.1},
        at_least={"rate/bulk_add_without_encoder": 20_000, "covering": 1},
        edits=1_000_000,
    ),
    "engines": Section(
        title="What finds the keys of a million edits",
        text="`python scripts/bench_engines.py --keys 1000000 --questions 400 --kinds pq --json`: seconds of the "
        "processor on one core, for all edits whose radius a question lies in. `scan` is NumPy's product with every "
        "key, which `recall_of_scan` sets beside each; `faiss`, the default, leaves nothing out; `faiss-pq` is what "
        "`--engine auto` takes from a million keys on.",
        at_most={"p50": 0.003, "p99": 0.010},
        at_least={"covering": 0.999, "recall_of_scan": 54 / 3},
        edits=1_000_000,
        method="faiss-pq",
    ),
    "peers": Section(
        title="Beside other stores",
        text="`python scripts/bench_peers.py --json`: the same vectors and texts for each, in a process of its own; "
        "what each does is in `scripts/peers.py`. A ratio is the peer's figure over this project's.",
        at_least={f"ratio/{kind}": 1
                  for kind in ("bulk", "bulk_into_full", "add", "search", "delete", "open", "bytes")},
    ),
    "answers_speed": Section(
        title="A question through the memory",
        text="`python scripts/bench_answers.py --json`: `miss` is the time of an answer that no edit gives over the "
        "plain model's, asked in turn; `batch` how many times as fast questions are answered together.",
        at_most={"ratio/miss": 1.05},
        at_least={"ratio/batch": 5},
    ),
    "cold_speed": Section(
        title="From a cold start to the first token",
        text="`python scripts/bench_cold.py --json`: `kedit ask` in a new process, and its steps in another.",
        at_most={"first_token": 2.5},
    ),
    "reader_speed": Section(
        title="Eight bits in the reader and the encoder",
        text="`python scripts/bench_reader.py --json`: how many times as fast as the exact one, on the same texts in "
        "turn; `same_decision` is the share of questions on which both decide alike.",
        at_least={"ratio/pairs": 2, "ratio/vector": 2, "same_decision": 0.998},
    ),
    "scope_speed": Section(
        title="The decision about scope",
        text="`python scripts/bench_scope.py --json`, and with `--statements 0` (`names_only`): encoder included, one "
        "core. A question may be linked to no edit; to one whose name is spelt like its own (`name_alike`); to one it "
        "asks for in other words; to one of whose subject it asks for something else; or ask for what a statement "
        "says. One edit of five is a statement, so that each question is read with some; none is in `names_only`.",
        at_most={"p99/names_only/nothing_linked/decision": 0.015}
        | {
            f"{percent}/{kind}/decision": most
            for kind in ("nothing_linked", "rephrasing", "same_subject", "statement")
            for percent, most in (("p50", 0.030), ("p99", 0.060))
        },
        edits=100_000,
    ),
    "codebook_speed": Section(
        title="An answer through a full codebook",
        text="`python scripts/bench_codebook.py --json`: the time of an answer over the unedited model's for the same "
        "question, answered in turn with it.",
        at_most={"time_per_answer_miss": 1.05, "time_per_answer_hit": 1.10},
        edits=100_000,
    ),
    "outdated_speed": Section(
        title="Passages that speak against an edit",
        text="`python scripts/bench_outdated.py --json`: the passages of one question, compared with the edits about "
        "their subjects.",
    ),
    "retrieval": Section(
        title="Passages",
        text="`python scripts/bench_retrieval.py --sizes 100000,1000000 --world --squad dev-v1.1.json --json`: a made "
        "corpus with the word frequencies of running text for speed and memory, which counts the mapped files too; "
        "`cpu_` stands before the processor's seconds, which others on the machine do not lengthen. Recall is the "
        "share of questions whose passage is among the first five: of all shipped passages, and of all paragraphs of "
        "SQuAD's development set.",
        at_most={"build": 1800, "p50": 0.020, "peak_build": 3e9, "peak_query": 3e9},
        at_least={"bm25_at_5": 0.97},
    ),
}  # fmt: skip
_MOST = 20  # figures of a section; of one with more, those are shown of which something is promised
MILLION = "zipf_1000000"
MEASURED_ON = {  # the set of which alone something was promised
    "bm25_at_5": "world", "build": MILLION, "p50": MILLION, "peak_build": MILLION, "peak_query": MILLION,
}  # fmt: skip


def main() -> None:
    """Read the files, write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, nargs="+", required=True, help="documents of the bench scripts")
    parser.add_argument("--output", type=Path, required=True, help="the Markdown file to write")
    arguments = parser.parse_args()
    write([row for path in arguments.rows for row in read(path)], arguments.output)


def write(rows: Sequence[Row], page: Path) -> None:
    """The page and the pictures beside it."""
    page.parent.mkdir(parents=True, exist_ok=True)
    for name, (_, draw) in PICTURES.items():
        if mine := _drawn(name, rows):
            save_figure(lambda draw=draw, mine=mine: draw(mine), page.with_name(name))
    page.write_text(report(rows), "utf-8")


def read(path: Path) -> Sequence[Row]:
    """The rows of a document, or of a file with a row a line."""
    try:
        rows = read_saved(path).rows
    except KeditError as error:
        raise SystemExit(str(error)) from None
    if unknown := {row["task"] for row in rows} - set(SECTIONS):
        raise SystemExit(f"{path} holds rows of {', '.join(sorted(unknown))}; allowed are {', '.join(SECTIONS)}")
    return rows


def report(rows: Sequence[Row]) -> str:
    """The whole document, a section a script."""
    parts = [HEAD]
    for task, section in SECTIONS.items():
        mine = [row for row in rows if row["task"] == task]
        if mine:
            parts.append("\n".join(_section(section, mine)))
            parts += [
                f"![{text}]({name})\n"
                for name, (text, _) in PICTURES.items()
                if name.startswith(f"speed-{task}") and _drawn(name, rows)
            ]
    return "\n".join(parts)


def _section(section: Section, rows: Sequence[Row]) -> Iterable[str]:
    first = rows[0]
    commits = ", ".join(sorted({row["commit"] for row in rows}))
    yield from (f"## {section.title}", "", section.text, "")
    yield from (f"Commit {commits}, {first['machine']}.", "")
    cells = []
    promises = [row for row in rows if verdict(section, row)[0]]
    left = len(rows) - len(promises) if promises and len(rows) > _MOST else 0
    for row in promises if left else rows:
        promised, kept = verdict(section, row)
        interval = (
            "" if row["low"] is None else f"{shown(row['low'], row['unit'])} to {shown(row['high'], row['unit'])}"
        )
        of = f"{row['method']}, {row['edits']:,}" if row["edits"] else row["dataset"]
        of += f", {row['model']}" if row["task"] == "answers_speed" else ""
        value = shown(row["value"], row["unit"])
        cells.append([of, f"{row['metric']}/{row['kind']}", value, interval, f"{row['n']:,}", promised, kept])
    yield from tables.table_lines(("of", "figure", "value", "95% interval", "n", "promised", ""), cells)
    yield ""
    if left:
        yield from (f"{left} more figures, of which nothing is promised, are in the rows.", "")


def verdict(section: Section, row: Row) -> tuple[str, str]:
    """What was promised of a figure, and whether it is reached; empty where nothing was."""
    if section.method not in (None, row["method"]):
        return "", ""
    if section.edits not in (None, row["edits"]) or row["dataset"] != MEASURED_ON.get(row["kind"], row["dataset"]):
        return "", ""
    most, least = limits_of(section, row)
    return tables.verdict(row["value"], least=least, most=most, shown=partial(shown, unit=row["unit"]))


def limits_of(section: Section, row: Row) -> tuple[float | None, float | None]:
    """What a figure of this kind is to be at most and at least, of whatever size it is."""
    names = (f"{row['metric']}/{row['kind']}", row["kind"])
    most, least = (
        next((given[name] for name in names if name in given), None) for given in (section.at_most, section.at_least)
    )
    return most, least


def shown(value: float, unit: str) -> str:
    """A figure in a unit that suits its size."""
    if unit == "s":
        return f"{1000 * value:.2f} ms" if value < 1 else f"{value:,.0f} s"
    if unit == "B":
        return f"{value / 1e6:,.0f} MB"
    return f"{value:.3f} {unit}".replace(" share", "")


# The pictures


def _drawn(name: str, rows: Sequence[Row]) -> Sequence[Row]:
    """The rows that a picture is drawn of: those of the task in its name."""
    task = name.removeprefix("speed-").removesuffix(".png")
    chosen = {"memory": "seconds", "peers": "ratio", "cold_speed": "seconds"}[task]
    return [row for row in rows if (row["task"], row["metric"]) == (task, chosen)]


def _recall_figure(rows: Sequence[Row]) -> "Figure":
    """Recall and a plain scan against the number of edits; what is projected has no mark."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    for kind, label, colour in (
        ("scan_p50", "plain float32 scan", "#d55e00"), ("recall_p99", "recall, p99", "#56b4e9"),
        ("recall_p50", "recall, median", "#0072b2"),
    ):  # fmt: skip
        found = sorted((row["edits"], 1000 * row["value"]) for row in rows if row["kind"] == kind)
        ahead = sorted((row["edits"], 1000 * row["value"]) for row in rows if row["kind"] == f"projected/{kind}")
        axes.plot(*zip(*found, strict=True), marker="o", color=colour, label=label)
        if ahead:
            axes.plot(*zip(found[-1], *ahead, strict=True), linestyle=":", color=colour)
    axes.set(xscale="log", yscale="log", xlabel="edits", ylabel="milliseconds, one core")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return figure


def _peers_figure(rows: Sequence[Row]) -> "Figure":
    """Each peer over this project, by kind of work, at the largest size."""
    from matplotlib.figure import Figure

    largest = max(row["edits"] for row in rows)
    mine = [row for row in rows if row["edits"] == largest]
    kinds, names = (list(dict.fromkeys(row[field] for row in mine)) for field in ("kind", "method"))
    figure = Figure(figsize=(8, 4.2), layout="constrained")
    axes = figure.subplots()
    for place, name in enumerate(names):
        bars = {
            kinds.index(row["kind"]) + 0.8 * place / len(names): row["value"] for row in mine if row["method"] == name
        }
        axes.bar(list(bars), list(bars.values()), width=0.8 / len(names), label=name, bottom=0, align="edge")
    axes.axhline(1, color="black", linewidth=1)
    axes.set(yscale="log", ylabel=f"times this project, {largest:,} texts")
    axes.set_xticks([place + 0.4 for place in range(len(kinds))], [kind.replace("_", " ") for kind in kinds])
    axes.legend(fontsize=8)
    return figure


def _cold_figure(rows: Sequence[Row]) -> "Figure":
    """The steps of a cold start, one behind the other."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1.8), layout="constrained")
    axes = figure.subplots()
    begins = 0.0
    for row in rows:
        if row["kind"].startswith("step/"):
            axes.barh(0, row["value"], left=begins, label=row["kind"].removeprefix("step/").replace("_", " "))
            begins += row["value"]
    axes.set(xlabel="seconds", yticks=[])
    axes.legend(fontsize=7, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.5))
    return figure


PICTURES = {
    "speed-memory.png": ("Recall and a plain scan against the number of edits", _recall_figure),
    "speed-peers.png": ("Other stores over this project", _peers_figure),
    "speed-cold_speed.png": ("The steps of a cold start", _cold_figure),
}


if __name__ == "__main__":
    main()
