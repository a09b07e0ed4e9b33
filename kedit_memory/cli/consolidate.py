"""`kedit consolidate`: edits of the store into a model for good, if it stays within limits; and back again."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kedit_memory.cli import options as o
from kedit_memory.cli.output import command_line, edit_line, emit
from kedit_memory.cli.progress import say
from kedit_memory.cli.routers import load_model
from kedit_memory.cli.store import open_store
from kedit_memory.editors.base import named_options
from kedit_memory.errors import InvalidInputError

if TYPE_CHECKING:
    from kedit_memory.evaluation.tasks.consolidate.run import Plan, Report

_LIMIT_BROKEN = 1  # exit status where a stated limit does not hold, so that nothing was kept


def consolidate(
    method: Annotated[
        str, typer.Option("--method", help="An editor that writes weights: rome, memit, lora …")
    ] = "rome",
    option: Annotated[
        list[str] | None,
        typer.Option("--option", metavar="NAME=VALUE", help="An option of the editor; may be given several times."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", parser=o.path_of, metavar="<path>", help="A new folder for the checkpoint."),
    ] = None,
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="AGE", help="Only edits added so long ago: 12h, 30d, 2w.")
    ] = None,
    source: Annotated[str | None, typer.Option("--source", help="Only edits from this source.")] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where", metavar="NAME=VALUE",
            help="Only edits whose subject, relation, kind, target or metadata key NAME has this value; several times.",
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", help="The most edits, oldest first.")] = None,
    batch: Annotated[
        int | None, typer.Option("--batch", help="How many edits the editor takes at once; all of them when left out.")
    ] = None,
    min_reliability: Annotated[
        float, typer.Option("--min-reliability", help="The least share of edits that the model must say.")
    ] = 0.9,
    min_locality: Annotated[
        float, typer.Option("--min-locality", help="The least share of other questions answered as before.")
    ] = 0.95,
    max_perplexity_ratio: Annotated[
        float, typer.Option("--max-perplexity-ratio", help="The most by which perplexity on text may be multiplied.")
    ] = 1.1,
    judge: o.Judge = None,
    preset: o.Preset = None,
    questions: Annotated[
        int, typer.Option("--questions", help="How many questions of the shipped world are asked.")
    ] = 200,
    canary: Annotated[
        Path | None,
        typer.Option(
            "--canary", parser=o.path_of, metavar="<path>",
            help='Ask these instead: JSONL with "question" and, where known, "answer".',
        ),
    ] = None,
    text: Annotated[
        Path | None,
        typer.Option("--text", parser=o.path_of, metavar="<path>", help="Text for perplexity; else shipped passages."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the choice of questions.")] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write, measure and roll back; save nothing.")
    ] = False,
    undo: Annotated[
        Path | None,
        typer.Option(
            "--undo", parser=o.path_of, metavar="<path>",
            help="Take the consolidation in this folder back: the edits in the store, the weights in the folder.",
        ),
    ] = None,
    model: o.Model = o.MODEL,
    device: o.Device = None,
    dtype: o.Dtype = None,
    store: o.ExistingStore = o.STORE,
    namespace: o.Namespace = o.NAMESPACE,
    as_json: o.Json = False,
) -> None:  # fmt: skip
    """Write edits of the store into a model for good, if measures before and after keep within limits.

    Saved is a checkpoint with what takes it back. Routers on it leave these edits to the model; all others still answer
    from the memory. The folder holds the text of the edits, and no purge of the store reaches it. Exit status 1 where a
    limit does not hold: then nothing is kept.
    """
    if undo:
        _take_back(undo, store, as_json=as_json)
        return
    if (output is None) != dry_run:
        raise InvalidInputError("give --output with a new folder for the checkpoint, or --dry-run to save nothing")
    from kedit_memory.evaluation.judges import STRICT
    from kedit_memory.evaluation.tasks.consolidate.choice import Wanted, age_of
    from kedit_memory.evaluation.tasks.consolidate.measures import Limits
    from kedit_memory.evaluation.tasks.consolidate.run import Plan
    from kedit_memory.evaluation.tasks.consolidate.run import consolidate as write
    from kedit_memory.models.language import white_box

    plan = Plan(
        method=method,
        options=named_options(option or ()),
        wanted=Wanted(
            older_than=age_of(older_than) if older_than is not None else None, source=source, where=_where(where or []),
            limit=limit, namespace=namespace,
        ),
        limits=Limits(reliability=min_reliability, locality=min_locality, perplexity_ratio=max_perplexity_ratio),
        judge=judge or STRICT, preset=preset, batch=batch, questions=questions, canary=canary, text=text, seed=seed,
    )  # fmt: skip
    with open_store(store, create=False) as memory:
        loaded = white_box(load_model(model, device, dtype), "consolidation")
        report = write(memory, loaded, plan, output, say)
    _tell(report, plan, output, as_json=as_json)
    if report.failed:
        raise typer.Exit(_LIMIT_BROKEN)


def _take_back(folder: Path, store: Path, *, as_json: bool) -> None:
    from kedit_memory.evaluation.tasks.consolidate.run import take_back

    with open_store(store, create=False) as memory:
        done = take_back(memory, folder)
    ids = ", ".join(done.edit_ids)
    known = f"operation {done.operation} is undone" if done.operation is not None else "the store had it undone already"
    emit(
        as_json=as_json,
        document={"undone": done.operation, "edits": list(done.edit_ids), "folder": str(folder)},
        lines=[f"{ids} answer from the memory again ({known}); {folder} holds the model from before them"],
    )


def _where(given: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in given:
        name, sign, value = word.partition("=")
        if not sign or not name:
            raise InvalidInputError(f"--where {word!r} is no NAME=VALUE; write, for instance, --where relation=capital")
        found[name] = value
    return found


def _tell(report: "Report", plan: "Plan", output: Path | None, *, as_json: bool) -> None:
    done = report.consolidation
    meta: dict[str, Any] = {
        "command": command_line(),
        "kept": report.kept,
        "failed": list(report.failed),
        "edits": [edit.id for edit in report.choice.edits],
        "held": list(done.edit_ids) if done else [],
        "passed_over": [{"edit": edit.id, "reason": why} for edit, why in report.choice.passed_over],
        "folder": str(output) if report.kept else None,
        "operation": done.operation if done else None,
        "fingerprint": done.checkpoint.fingerprint if done else None,
        "finished": report.finished,
        "seconds": round(report.seconds, 3),
    }
    lines = [edit_line(edit) for edit in report.choice.edits]
    lines += [f"passed over: {edit.id} {why}" for edit, why in report.choice.passed_over]
    lines += [_figure(row) for row in report.rows]
    lines += [f"not said in every wording, stays in the memory: {name}" for name in _left(report)]
    lines += [f"limit broken: {why}" for why in report.failed]
    lines.append(_end(report, plan, output))
    emit(as_json=as_json, document={"rows": list(report.rows), "meta": meta}, lines=lines)


def _left(report: "Report") -> list[str]:
    """The edits that were written and that the model does not say."""
    done = report.consolidation
    return [edit.id for edit in report.choice.edits if edit.id not in done.edit_ids] if done else []


def _figure(row: dict[str, Any]) -> str:
    when = "after" if row["edits"] else "before"
    return f"{row['metric']:<15} {row['kind']:<14} {when:<7} {row['value']:>9.3f}  (n = {row['n']:,})"


def _end(report: "Report", plan: "Plan", output: Path | None) -> str:
    if report.kept:
        found = "an earlier run had saved it; the store now knows it" if report.finished else "the store knows it"
        held = len(report.consolidation.edit_ids) if report.consolidation else 0
        return f"{held:,} of {len(report.choice.edits):,} edits by {plan.method} held by {output}: {found}"
    return "nothing was kept: the limits hold, as a dry run shows" if not report.failed else "nothing was kept"
