"""Choose the shipped thresholds of scope: `data/models/kedit-scope/calibration.json`.

    python scripts/calibrate_scope_verifier.py --data ../shared/data --cases /tmp/cases.jsonl

The questions are those of the calibration part of every set that has one: relations, templates, intents, articles and
dialogues that the verifier was not trained on and that no report uses. Each is asked with the edits of its set in the
store, so that what looks alike is there to be confused; questions that nobody made for the set are asked, too. So many
of each kind of each set are asked, and of each set so many count in a stratum, that none has most of it.

With `--cases` what was judged is kept in a file and read from there the next time, so that only the choice is made
again: another alpha for a stratum (`--wanted meaning=0.01`) costs a second, and none of its promise (see `certify`).
A store may hold thresholds of its own instead (`kedit calibrate scope`).
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from scope_questions import add_drawing, drawn_sets, for_stack, say, stored

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.tasks.scope.run import Drawn
from kedit_memory.memory import EditMemory
from kedit_memory.models.reader import ScopeReader
from kedit_memory.records import DEFAULT_NAMESPACE
from kedit_memory.routing.calibration import Basis, Calibration
from kedit_memory.routing.certify import ALPHAS, certify
from kedit_memory.routing.dialogue import spoken
from kedit_memory.routing.labelled import Outcome, Scored
from kedit_memory.routing.question import Judged
from kedit_memory.routing.stack import Stack
from kedit_memory.routing.strata import DESCRIPTIONS, STRATA
from kedit_memory.routing.verify import CALIBRATION, ScopeVerifier

BEGUN, DONE = "<!-- thresholds -->", "<!-- end of thresholds -->"  # what of the card this script writes
BATCH = 500  # questions judged between two lines of progress


def main() -> None:
    """Judge, certify, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_drawing(parser, questions=200, strangers=300, edits=1000)
    parser.add_argument("--alphas", type=float, nargs="+", default=ALPHAS, help="false-fire rates to certify")
    parser.add_argument("--wanted", nargs="*", default=[], metavar="STRATUM=ALPHA", help="else the smallest certified")
    parser.add_argument("--share", type=float, default=0.25, help="of a stratum that one set may have")
    parser.add_argument("--cases", type=Path, help="a file of judged questions to write, or to read if it is there")
    arguments = parser.parse_args()
    model = ScopeReader.load(arguments.verifier)
    if arguments.cases is None or not arguments.cases.exists():
        cases, edits = judged_sets(arguments, model)
        if arguments.cases:
            write_cases(arguments.cases, cases, edits, model.fingerprint)
    else:
        cases, edits = read_cases(arguments.cases, model.fingerprint)
    kept = balanced(cases, arguments.share, arguments.seed)
    wanted = {name: float(alpha) for name, _, alpha in (one.partition("=") for one in arguments.wanted)}
    basis = _basis(model, edits)
    calibration = certify(kept, basis=basis, alphas=arguments.alphas, wanted=wanted)
    print("\n".join(counted(cases, kept)))
    print("\n".join(stated(calibration)))
    print("\n".join(choices(kept, arguments.alphas, basis)))
    (arguments.verifier / CALIBRATION).write_text(calibration.to_json() + "\n", encoding="utf-8")
    card = arguments.verifier / "README.md"
    card.write_text(with_thresholds(card.read_text("utf-8"), calibration), encoding="utf-8")


def judged_sets(arguments: argparse.Namespace, model: ScopeReader) -> tuple[list[Scored], int]:
    """The judged questions of all sets, and how many edits their stores held together."""
    cases: list[Scored] = []
    edits = 0
    for name, drawn in drawn_sets(arguments):
        started = time.perf_counter()
        of_set = replace(drawn, questions=tuple(one for one in drawn.questions if not for_stack(one.text)))
        found, stored = judged(of_set, model, Stack.of(arguments.verifier), name)
        cases, edits = cases + found, edits + stored
        took = time.perf_counter() - started
        say(f"{name}: {len(found):,} questions of {stored:,} edits in {took:.0f} s; {len(cases):,} so far")
    return cases, edits


def judged(drawn: Drawn, model: ScopeReader, stack: Stack | None, source: str) -> tuple[list[Scored], int]:
    """What firing the best candidate of each question would be, and how many edits were stored."""
    with stored(drawn, source, ScopeVerifier(model, stack=stack)) as (router, wanted):
        asked = [spoken(question.text, question.turns) for question in drawn.questions]
        found: list[Judged] = []
        for start in range(0, len(asked), BATCH):
            found += router.judge_many(asked[start : start + BATCH])
            say(f"{source}: judged {len(found):,} of {len(asked):,} questions")
        return [scored(one, want, source) for one, want in zip(found, wanted, strict=True)], len(router.memory)


def scored(one: Judged, wanted: str | None, source: str) -> Scored:
    """A judged question with its outcome."""
    outcome = Outcome.OUTSIDE if wanted is None else Outcome.RIGHT if one.edit_id == wanted else Outcome.OTHER
    return Scored(score=one.score, stratum=one.stratum if one.edit_id else None, outcome=outcome, source=source)


def balanced(cases: Sequence[Scored], share: float, seed: int) -> list[Scored]:
    """The cases of which no set has more than a share of a stratum and class, as far as there are enough sets.

    What counts as a class is whether an edit answers: a set keeps its own rate of wrong edits among those.
    """
    rng = random.Random(seed)
    groups: dict[tuple[str | None, bool], dict[str, list[Scored]]] = defaultdict(lambda: defaultdict(list))
    for case in cases:
        groups[case.stratum, case.outcome is Outcome.OUTSIDE][case.source].append(case)
    kept: list[Scored] = []
    for of_sets in groups.values():
        most = largest_share([len(held) for held in of_sets.values()], share)
        for held in of_sets.values():
            kept += rng.sample(held, min(most, len(held)))
    return kept


def largest_share(sizes: Sequence[int], share: float) -> int:
    """How many of each group are kept at most, so that none is more than a share of what is kept of all.

    Where groups are too few for the share, as many as the second largest has.
    """
    descending = sorted(sizes, reverse=True)
    if len(descending) * share <= 1:
        return descending[min(1, len(descending) - 1)]
    for most in range(descending[0], 0, -1):
        if most <= share * sum(min(most, size) for size in sizes):
            return most
    return descending[-1]


def counted(cases: Iterable[Scored], kept: Iterable[Scored]) -> list[str]:
    """How many questions of each stratum there were, were kept, and are out of scope."""
    all_of, of_kept = Counter(one.stratum for one in cases), list(kept)
    return [
        f"{name}: {all_of[name]:,} questions, {sum(one.stratum == name for one in of_kept):,} kept, "
        f"{sum(one.stratum == name and one.outcome is Outcome.OUTSIDE for one in of_kept):,} of them out of scope"
        for name in (*STRATA, None)
    ]


def stated(calibration: Calibration) -> list[str]:
    """A line for each stratum: its threshold, what is promised, and what that lets through."""
    lines = []
    for stratum in (*calibration.thresholds, *calibration.uncertified):
        value = calibration.threshold(stratum)
        line = f"{stratum}: answers from {value:.4f} on; {calibration.statement(stratum)}"
        if held := calibration.thresholds.get(stratum):
            right, wrong = f"{held.answered:,} fired with their edit", f"{held.other_fired:,} with another"
            line += f"; of {held.covered:,} covered questions {right}, {wrong}"
        lines.append(line)
    return lines


def choices(cases: Sequence[Scored], alphas: Sequence[float], basis: Basis) -> list[str]:
    """For each alpha, were it wanted of every stratum: the share of covered questions that their edit answers."""
    lines = []
    for alpha in sorted(alphas):
        try:
            held = certify(cases, basis=basis, alphas=alphas, wanted=dict.fromkeys(STRATA, alpha)).thresholds
        except InvalidInputError:
            held = {}
        shares = [f"{name} {one.coverage:.3f}" for name, one in held.items() if one.coverage is not None]
        lines.append(f"answered at alpha {alpha:g}: {', '.join(shares) or 'cannot be certified for any stratum'}")
    return lines


def with_thresholds(card: str, calibration: Calibration) -> str:
    """The card with the thresholds between its two marks, which stand at its end where it has none."""
    head, _, rest = card.partition(BEGUN)
    tail = rest.partition(DONE)[2]
    lines = "\n".join(f"- {line}" for line in stated(calibration))
    kinds = "\n".join(f"- {name}: {words}" for name, words in DESCRIPTIONS.items())
    told = (
        f"Thresholds, chosen on {calibration.cases:,} questions of parts that neither training nor any report uses, "
        f"with {calibration.basis.edits:,} edits stored (`scripts/calibrate_scope_verifier.py`):\n\n{lines}\n\n"
        f"The first of these kinds that fits is that of a question:\n\n{kinds}\n"
    )
    return f"{head.rstrip()}\n\n{BEGUN}\n{told}{DONE}{tail or chr(10)}"


def write_cases(path: Path, cases: Sequence[Scored], edits: int, fingerprint: str) -> None:
    """Keep what was judged, by which verifier."""
    rows = [{"edits": edits, "verifier": fingerprint}, *map(asdict, cases)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def read_cases(path: Path, fingerprint: str) -> tuple[list[Scored], int]:
    """What was kept, and how many edits were stored; refused where another verifier judged."""
    head, *rows = map(json.loads, path.read_text("utf-8").splitlines())
    if head["verifier"] != fingerprint:
        sys.exit(
            f"{path} was judged by verifier {head['verifier']}, not {fingerprint}: remove it, or name another file"
        )
    return [Scored(**row | {"outcome": Outcome(row["outcome"])}) for row in rows], head["edits"]


def _basis(model: ScopeReader, edits: int) -> Basis:
    with tempfile.TemporaryDirectory() as aside, EditMemory.open(Path(aside)) as memory:
        encoder = memory.encoder
        return Basis(
            encoder=encoder.name,
            encoder_revision=encoder.revision,
            verifier=model.fingerprint,
            namespace=DEFAULT_NAMESPACE,
            edits=edits,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )


if __name__ == "__main__":
    main()
