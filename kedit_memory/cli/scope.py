"""`kedit evaluate scope`: which questions edits answer, by kind."""

from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kedit_memory.cli import options as o
from kedit_memory.cli.measuring import kept, prepared
from kedit_memory.cli.output import emit_rows, print_notes, print_table
from kedit_memory.cli.progress import say
from kedit_memory.cli.public_sets import public_sets

if TYPE_CHECKING:
    from kedit_memory.evaluation.rows import Row
    from kedit_memory.evaluation.tasks.scope.run import Wrong

_PRINTED_WIDTH = 120  # characters, where the output is no terminal
_TRIVIAL = {"oracle", "unedited", "question_only"}  # ones and zeros, and what has a column of its own


def scope(
    dataset: Annotated[
        str,
        typer.Option(
            "--dataset", help="Such as counterfact, statements, support, contrast, followups; another name lists all."
        ),
    ],
    path: o.PublicSets = None,
    edits: Annotated[
        int | None, typer.Option("--edits", help="How many edits are stored; else all of the set.")
    ] = None,
    questions: Annotated[int, typer.Option("--questions", help="The most questions that are asked of a kind.")] = 600,
    open_questions: Annotated[
        int, typer.Option("--open-questions", help="How many questions of NQ-open and SQuAD are asked.")
    ] = 1000,
    part: Annotated[
        str, typer.Option("--part", help="Whose questions: test, or calibration to choose and look without harm.")
    ] = "test",
    decider: Annotated[
        str, typer.Option("--scope", help="What decides: verified, or radius to leave the verifier out.")
    ] = "verified",
    ablations: Annotated[
        bool, typer.Option("--ablations", help="Also measure the router with one part taken out at a time.")
    ] = False,
    verifier: Annotated[
        Path | None,
        typer.Option("--verifier", parser=o.path_of, metavar="<path>", help="Folder of another verifier to measure."),
    ] = None,
    encoder: o.Encoder = None,
    seed: o.Seed = 1,
    picture: o.Picture = None,
    log: o.LogFile = None,
    worst: o.Worst = 0,
    as_json: o.Json = False,
) -> None:
    """Questions are those of relations, intents and articles that neither training nor thresholds have seen."""
    from kedit_memory.evaluation.datasets.public import OWN
    from kedit_memory.evaluation.report.scope import drawn
    from kedit_memory.evaluation.tasks.scope.run import ScopePlan, run_scope

    plan = ScopePlan(
        dataset=dataset, edits=edits, questions=questions, open_questions=open_questions, part=part, scope=decider,
        ablations=ablations, seed=seed,
    )  # fmt: skip
    record = prepared("scope", plan, picture, log)
    data = public_sets(path, needed=dataset not in OWN)
    note = "no open questions were asked: the public sets were not found" if data is None and open_questions else None
    report = run_scope(plan, data, encoder=encoder, verifier=verifier, progress=say)
    wrong = _by_kind(report.wrong)
    shown = [asdict(one) for found in wrong.values() for one in found[:worst]]
    seen = {"note": note, "worst": shown, **report.seen}
    kept(record, report.rows, picture, lambda rows: drawn(rows, report.seen), **seen)
    for line in _worst(wrong, worst):
        say(line)
    if as_json:
        emit_rows(report.rows, plan=asdict(plan), **seen)
    else:
        _print_tables(report.rows, note)


def _by_kind(wrong: "tuple[Wrong, ...]") -> "dict[str, list[Wrong]]":
    """Wrong cases by kind, those that are furthest off first."""
    by_kind: dict[str, list[Wrong]] = defaultdict(list)
    for one in wrong:
        by_kind[one.kind].append(one)
    return by_kind


def _worst(wrong: "dict[str, list[Wrong]]", count: int) -> list[str]:
    """So many wrong cases of each kind, with how many there are."""
    lines = []
    for kind, found in wrong.items() if count else ():
        lines.append(f"{kind}: {len(found)} wrong, {sum(one.fired for one in found)} of them fired")
        for one in found[:count]:
            lines.append(f"  {one.score:.3f} {one.stratum:<8} {'FIRED' if one.fired else 'silent'}  {one.question!r}")
            note = "  (the right one)" if one.best == one.wanted else "  (a doubtful label)" if one.doubtful else ""
            lines.append(f"      best:   {one.best!r}{note}")
            if one.wanted and one.best != one.wanted:
                lines.append(f"      wanted: {one.wanted!r}")
    return lines


def _print_tables(rows: "tuple[Row, ...]", note: str | None) -> None:
    from kedit_memory.evaluation.tasks.scope.rows import AUC

    own, *others = (name for name in dict.fromkeys(row.method for row in rows) if name not in _TRIVIAL)
    value = {(row.method, row.metric, row.kind): row.value for row in rows}
    cells = []
    for row in rows:
        if row.method == own and row.low is not None and row.high is not None:
            alone = value.get(("question_only", "rate", f"{AUC}/{row.kind}"))
            cells.append([
                f"{row.metric}/{row.kind}",
                str(row.n),
                f"{row.value:.4f}",
                f"{row.low:.3f} to {row.high:.3f}",
                *(f"{value[name, row.metric, row.kind]:.4f}" for name in others),
                "" if alone is None else f"AUC {alone:.2f}",
            ])  # fmt: skip
    print_table(("figure", "n", own, "95% interval", *others, "question only"), cells, width=_PRINTED_WIDTH)
    rest = [
        f"{row.metric}/{row.kind}: {row.value:.4f} {row.unit} (n {row.n:,})"
        for row in rows
        if row.method == own and row.low is None
    ]
    matched = (
        "cosine and bm25 stand at the threshold that gives them as many false fires as the router has in calibration"
    )
    stored = f"{rows[0].edits:,} edits in one store; {matched}{f'; {note}' if note else ''}."
    print_notes(rows, [*rest, stored])
