"""Choose the shipped thresholds of scope: `data/models/kedit-scope/calibration.json`.

    python scripts/calibrate_scope_verifier.py --data ../shared/data

The questions are those of the calibration part of every set that has one, asked with all edits of their set in the
store: relations that the verifier was not trained on and that no report uses. A store may hold thresholds of its own
instead (`kedit calibrate scope`).

What the thresholds then do to the project's own wordings that are kept for this is told in the card and changes
nothing: facts of crafts and sciences, put together with any names, four of neighbouring relations to a name, so that a
promise that held for them, too, would be about questions that nobody asks.
"""

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from scope_wordings import worded_set

from kedit_memory.evaluation.negatives import misspelt
from kedit_memory.evaluation.scope.cases import CALIBRATING, ScopeSet
from kedit_memory.evaluation.scope.run import Drawn, ScopePlan, draw, remember
from kedit_memory.evaluation.scope.sets import FACTS
from kedit_memory.memory import EditMemory
from kedit_memory.models.reader import CONFIG, ScopeReader
from kedit_memory.records import DEFAULT_NAMESPACE
from kedit_memory.routing.calibration import Basis, Calibration
from kedit_memory.routing.certify import certify, threshold_at
from kedit_memory.routing.labelled import Outcome, Scored
from kedit_memory.routing.question import Judged
from kedit_memory.routing.router import Router, RouterConfig
from kedit_memory.routing.verify import CALIBRATION, ScopeVerifier
from kedit_memory.shipped import scope_verifier
from kedit_memory.world import background

SLIPPING = frozenset({"rephrasing", "same_subject", "negation", "mention", "prefix"})  # their label survives a slip

CARD = """---
license: apache-2.0
base_model: sentence-transformers/all-MiniLM-L6-v2
---

# kedit-scope

Says whether an edit answers a question. A low-rank adapter of rank {rank} and a head for {base}, which comes from its
own package; {pairs:,} pairs in {minutes:.0f} minutes on one core (`scripts/train_scope_verifier.py`{runs}). The subject
is masked on both sides, and the plain encoder's cosine stands in the sum.

Trained on the training part of CounterFact, ParaRel, LRE, zsRE, UnKE, KnowEdit, mLAKE, MQuAKE, EntityQuestions, the
shipped world and the project's own wordings (`data/wordings`), split by relation and by subject. English; questions and
cloze prompts of one subject and one relation. It has seen few that need two
facts, none in other languages, and no code.

Thresholds, chosen on relations that neither training nor any report uses, with {edits:,} edits stored
(`scripts/calibrate_scope_verifier.py`):

{thresholds}

Under stress, on the project's own wordings that are kept for this (facts of crafts and sciences, put together with any
names, four of neighbouring relations to a name):

{stress}

How it does on the held-out part: `docs/results/scope.md`.
"""


def main() -> None:
    """Judge, certify, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the public sets")
    parser.add_argument("--verifier", type=Path, default=scope_verifier())
    parser.add_argument("--alpha", type=float, default=0.01)
    parser.add_argument("--questions", type=int, default=600, help="the most of one kind from one set")
    parser.add_argument("--edits", type=int, help="of each set in its store; else all")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    model = ScopeReader.load(arguments.verifier)
    cases: list[Scored] = []
    edits = 0
    for name, make in FACTS.items():
        one = make(arguments.data, seed=arguments.seed)
        if not any(case.part == CALIBRATING for case in one.cases):
            continue
        found, stored = judged(_drawn(one, arguments), model)
        cases, edits = cases + found, edits + stored
        print(f"{name}: {len(found)} questions", file=sys.stderr, flush=True)
    stress, _ = judged(_drawn(worded_set(arguments.data, seed=arguments.seed), arguments), model)
    with tempfile.TemporaryDirectory() as aside, EditMemory.open(Path(aside)) as memory:
        encoder = memory.encoder
        basis = Basis(
            encoder=encoder.name,
            encoder_revision=encoder.revision,
            verifier=model.fingerprint,
            namespace=DEFAULT_NAMESPACE,
            edits=edits,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )
    calibration = certify(cases, basis=basis, alpha=arguments.alpha)
    (arguments.verifier / CALIBRATION).write_text(calibration.to_json() + "\n", encoding="utf-8")
    (arguments.verifier / "README.md").write_text(card(arguments.verifier, calibration, stress), encoding="utf-8")
    print("\n".join(_stated(calibration)))


def card(folder: Path, calibration: Calibration, stress: Sequence[Scored]) -> str:
    """The verifier's card, from what its training and its calibration wrote, and the questions of the stress test."""
    config = json.loads((folder / CONFIG).read_text("utf-8"))
    runs = [*config["earlier"], config]
    seeds = ", ".join(str(run["seed"]) for run in runs)
    return CARD.format(
        rank=config["rank"],
        base=config["base"],
        pairs=sum(run["pairs"] for run in runs),
        minutes=sum(run["seconds"] for run in runs) / 60,
        runs=f", {len(runs)} runs with `--start`, seeds {seeds}" if len(runs) > 1 else f", seed {seeds}",
        edits=calibration.basis.edits,
        thresholds="\n".join(f"- {line}" for line in _stated(calibration)),
        stress="\n".join(f"- {line}" for line in _stressed(calibration, stress)),
    )


def _drawn(one: ScopeSet, arguments: argparse.Namespace) -> Drawn:
    """The set's questions for thresholds, with slips."""
    plan = ScopePlan(
        dataset="world",  # which edits and how many questions is all that is drawn by
        edits=arguments.edits,
        questions=arguments.questions,
        part=CALIBRATING,
        seed=arguments.seed,
    )
    return with_slips(draw(one, plan), arguments.seed)


def _stressed(calibration: Calibration, cases: Sequence[Scored]) -> Iterator[str]:
    """What the thresholds do to questions that they were not chosen on."""
    for stratum in calibration.thresholds:
        mine = [case for case in cases if case.stratum == stratum]
        found = threshold_at(mine, calibration.threshold(stratum))
        covered = max(1, found.covered)  # of a small sample there may be none
        yield (
            f"{stratum}: {found.fired / found.outside:.1%} of {found.outside:,} out-of-scope questions fired; of "
            f"{found.covered:,} covered ones {found.answered / covered:.1%} with their edit, "
            f"{found.other_fired / covered:.1%} with another"
        )


def _stated(calibration: Calibration) -> list[str]:
    lines = []
    for stratum in (*calibration.thresholds, *calibration.uncertified):
        value = calibration.threshold(stratum)
        line = f"{stratum}: answers from {value:.4f} on; {calibration.statement(stratum)}"
        if held := calibration.thresholds.get(stratum):
            right, wrong = f"{held.answered:,} fired with their edit", f"{held.other_fired:,} with another"
            line += f"; of {held.covered:,} covered questions {right}, {wrong}"
        lines.append(line)
    return lines


def with_slips(drawn: Drawn, seed: int) -> Drawn:
    """The questions, and those of some kinds again with a slip in the name: what is linked by likeness alone."""
    rng = random.Random(seed)
    again = [
        replace(question, text=slipped)
        for question in drawn.questions
        if question.edit is not None
        and question.kind in SLIPPING
        and (slipped := misspelt(question.text, drawn.edits[question.edit].subject, rng))
    ]
    return replace(drawn, questions=(*drawn.questions, *again))


def judged(drawn: Drawn, model: ScopeReader) -> tuple[list[Scored], int]:
    """What firing the best candidate of each question would be, and how many edits were stored."""
    with tempfile.TemporaryDirectory() as aside, EditMemory.open(Path(aside) / "store") as memory:
        ids = remember(memory, drawn.edits)
        router = Router(
            memory,
            background=background(),
            verifier=ScopeVerifier(model),
            config=RouterConfig(scope="verified"),
        )
        found = router.judge_many([question.text for question in drawn.questions])
        wanted = [ids[q.edit] if q.covered and q.edit is not None else None for q in drawn.questions]
        return [scored(one, want) for one, want in zip(found, wanted, strict=True)], len(memory)


def scored(one: Judged, wanted: str | None) -> Scored:
    """A judged question with its outcome."""
    outcome = Outcome.OUTSIDE if wanted is None else Outcome.RIGHT if one.edit_id == wanted else Outcome.OTHER
    return Scored(score=one.score, stratum=one.stratum if one.edit_id else None, outcome=outcome)


if __name__ == "__main__":
    main()
