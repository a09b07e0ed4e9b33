"""Measures how much longer an answer takes with up to 100,000 entries in a codebook, on one core.

    python scripts/bench_codebook.py --json
    python scripts/bench_codebook.py --entries 10000 --editors grace-fast

A few edits of the shipped world are learned; the other entries are drawn like the states of real questions, with the
radius of the learned ones. Times are over the unedited model's for the same question, answered in turn with it: of the
learned prompts (hits), and of questions about other facts (misses), which must be answered word for word as before.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from kedit_memory.editors import load_editor
from kedit_memory.editors._codebook_adapter import Adapter
from kedit_memory.editors.codebook import Codebook
from kedit_memory.evaluation.method import Bench
from kedit_memory.evaluation.methods import Unedited
from kedit_memory.evaluation.report.tables import table
from kedit_memory.evaluation.rows import Row, describe_run, document
from kedit_memory.evaluation.tasks.lifelong.streams import Wanted, load_stream
from kedit_memory.evaluation.tasks.lifelong.timing import answer_times, time_row
from kedit_memory.models.hooks import capture
from kedit_memory.models.language import WhiteBoxModel, white_box
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import MAX_NEW_TOKENS, Prompt
from kedit_memory.records import Vectors

_SPREAD = 500  # questions whose states say how states lie


def main() -> None:
    """Learn, fill up, ask, print rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--editors", nargs="+", default=["grace", "grace-fast"])
    parser.add_argument("--learned", type=int, default=60, help="edits that are learned, of which hits are asked")
    parser.add_argument("--timed", type=int, default=20, help="questions of each kind")
    parser.add_argument("--model", default="kedit-mini")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    plain, edited = (white_box(load_model(arguments.model), "a codebook") for _ in range(2))
    run = describe_run("codebook_speed", "world", config=vars(arguments), model=plain.fingerprint)
    wanted = Wanted(edits=arguments.learned, questions=_SPREAD, phrasings=0, seed=arguments.seed)
    stream = load_stream("world")(plain, wanted, None)
    others = [probe.text for probe in stream.tests]
    known = dict(zip(others, plain.answer_many([Prompt(question=text) for text in others]), strict=True))
    rows: list[Row] = []
    for name in arguments.editors:
        editor = load_editor(name)
        print(f"{name}: learning {arguments.learned} edits", file=sys.stderr, flush=True)
        method = Unedited(Bench(edited, max_new_tokens=MAX_NEW_TOKENS))  # with the edits that are in it
        applied = editor.apply(edited, [one.edit for one in stream.edits])
        hits = [one.fact.prompt for one in applied.outcomes if one.learned]
        applied.undo()
        states = _states(edited, applied.adapter, others)
        for entries in arguments.entries:
            print(f"{name}: {entries:,} entries", file=sys.stderr, flush=True)
            book = _filled(applied.codebook, states, entries, np.random.default_rng(arguments.seed))
            row = Row(run=run, method=name, metric="ratio", value=0.0, n=0, unit="", edits=entries, seed=arguments.seed)
            adapter = editor.attach(edited.model, book, applied.adapter.frame)
            try:
                for kind, questions in (("hit", hits), ("miss", _untouched(edited, known))):
                    found = answer_times(method, plain, questions, timed=arguments.timed, max_new_tokens=MAX_NEW_TOKENS)
                    rows += time_row(row, f"time_per_answer_{kind}", found)
            finally:
                adapter.close()
    if arguments.json:
        print(document(rows))
    else:
        for name in arguments.editors:
            print(f"{name}\n\n{table([row for row in rows if row.method == name])}\n")


def _states(model: WhiteBoxModel, adapter: Adapter, questions: Sequence[str]) -> Vectors:
    """What the codebook is given of the last token of each question, (questions, width)."""
    found = []
    for text in questions:
        with capture(adapter.site.module, "input") as seen:
            model.logits(Prompt(question=text))
        found.append(adapter.key_of(seen[0][0, -1]))
    return np.stack(found)


def _filled(learned: Codebook, states: Vectors, entries: int, rng: np.random.Generator) -> Codebook:
    """The learned entries, and others up to so many: keys with the mean and the covariance of the states."""
    rows = learned.rows()
    more = entries - len(rows)
    if more < 0:
        raise SystemExit(f"{len(rows)} entries were learned, so {entries} cannot be measured; learn fewer")
    centre = states.mean(0)
    drawn = rng.standard_normal((more, len(states)), np.float32)
    keys = centre + drawn @ (states - centre) / np.sqrt(len(states) - 1)
    book = Codebook(learned.width, distance=learned.distance, tolerance=learned.tolerance)
    book.restore(
        np.concatenate([learned.keys[rows], keys]).astype(np.float32),
        np.concatenate([learned.values[rows], keys[::-1]]).astype(np.float32),
        np.concatenate([learned.radii[rows], np.full(more, np.median(learned.radii[rows]))]),
        [(learned.labels[row], learned.owners[row], None) for row in rows]
        + [(f"{n}", f"f{n}", None) for n in range(more)],
    )
    return book


def _untouched(edited: WhiteBoxModel, known: Mapping[str, str]) -> list[str]:
    """Of questions with the unedited model's answers, those that no entry covers, so that the answer stays."""
    answers = edited.answer_many([Prompt(question=text) for text in known])
    found = [question for question, answer in zip(known, answers, strict=True) if answer == known[question]]
    print(f"{len(known) - len(found)} of {len(known)} other questions are covered", file=sys.stderr, flush=True)
    return found


if __name__ == "__main__":
    main()
