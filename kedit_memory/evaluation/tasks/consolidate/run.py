"""Write edits of a store into a model for good: choose, measure, write, measure again, keep or roll back.

What is kept is a checkpoint and the note in the store which of the edits its model says, in all wordings that they were
given; the others go on answering from the memory. The checkpoint is written
aside and renamed within the store's transaction, as its last step: a run that is stopped before leaves all as it was,
and one that is stopped between the renaming and the commit is finished by the next run of the same request.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kedit_memory.cachefiles import put_in_place
from kedit_memory.editors import Editor, load_editor
from kedit_memory.editors._moments import read_paragraphs
from kedit_memory.editors._progress import in_lines
from kedit_memory.editors._weights import WeightChange
from kedit_memory.editors.presets import check_kind, preset_of
from kedit_memory.errors import EditorError, InvalidInputError, NotFoundError
from kedit_memory.evaluation.case import Question
from kedit_memory.evaluation.judges import STRICT, judge_of
from kedit_memory.evaluation.methods import informed
from kedit_memory.evaluation.rows import Row, describe_run
from kedit_memory.evaluation.running_text import running_text, spaced
from kedit_memory.evaluation.tasks.consolidate.choice import Choice, Wanted, choose
from kedit_memory.evaluation.tasks.consolidate.folder import (
    Record,
    finish_swap,
    plain,
    read_record,
    record_of,
    restored_aside,
    swap,
    write_aside,
    written,
)
from kedit_memory.evaluation.tasks.consolidate.measures import (
    Examination,
    Limits,
    past_questions,
    read_canary,
    world_questions,
)
from kedit_memory.memory import EditMemory
from kedit_memory.models.language import WhiteBoxModel
from kedit_memory.records import Checkpoint, Consolidation, Edit
from kedit_memory.world import load_world

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is written, how, and what it is measured by.

    Attributes:
        method: The editor's name, with its `options`.
        preset: The kind of settings that the options stand before, of `editors.presets.KINDS`; else the editor's own.
        wanted: Which edits.
        limits: What has to hold.
        batch: How many edits the editor is given at once, one lot after the other; None gives it all.
        questions: How many questions of the shipped world are asked.
        canary: A JSONL file with questions to ask instead.
        text: A file of running text for perplexity, .jsonl with `text` or plain lines; if None, shipped passages to
            which no editor is fitted.
        texts: How many of its texts are read.
        seed: Of the choice of questions.
        judge: A name in `judges.JUDGES`, which says what answers count. A strict one by default, since the memory no
            longer answers what the model was found to say.
    """

    method: str = "rome"
    options: dict[str, Any] = field(default_factory=dict)
    preset: str | None = None
    wanted: Wanted = field(default_factory=Wanted)
    limits: Limits = field(default_factory=Limits)
    batch: int | None = None
    questions: int = 200
    canary: Path | None = None
    text: Path | None = None
    texts: int = 64
    seed: int = 0
    judge: str = STRICT

    def __post_init__(self) -> None:
        for name, value in (("batch", self.batch), ("questions", self.questions), ("texts", self.texts)):
            if value is not None and value < 1:
                raise InvalidInputError(f"{name} is {value}; give 1 or more")
        judge_of(self.judge)
        check_kind(self.preset)


@dataclass(frozen=True, kw_only=True)
class Report:
    """What became of a plan.

    Attributes:
        kept: Whether the checkpoint was saved and the store knows it.
        failed: The limits that do not hold, with figures.
        finished: Whether it was saved by an earlier run, which had been stopped before the store knew.
    """

    kept: bool
    failed: tuple[str, ...]
    choice: Choice
    rows: tuple[dict[str, Any], ...]
    seconds: float
    consolidation: Consolidation | None = None
    finished: bool = False


@dataclass(frozen=True, kw_only=True)
class TakenBack:
    """What `take_back` did: the operation that it undid, if one stood, and the edits that were in the folder."""

    operation: int | None
    edit_ids: tuple[str, ...]


def consolidate(memory: EditMemory, model: WhiteBoxModel, plan: Plan, folder: Path | None, say: Say) -> Report:
    """Write the edits that qualify into the model, and save it in `folder` if the limits hold.

    Without a folder nothing is saved: the figures tell what would be. Where nothing is kept, the model is as it was,
    bit for bit, and so is the store; where the result is kept, the model has the edits.

    Raises:
        InvalidInputError: no edit qualifies, or the canary file or text cannot be used.
        EditorError: the folder holds something else, the editor writes no weights, or a checkpoint cannot be saved.
        NotFoundError: the editor has no such preset for the model.
        ConflictError: an edit was changed meanwhile; nothing is kept.
    """
    started = time.perf_counter()
    chosen = preset_of(plan.method, plan.preset, model.name)
    plan = replace(plan, options={**chosen.options, **plan.options})
    editor = load_editor(plan.method, **plan.options).with_progress(in_lines(say))
    base = model.fingerprint
    unfinished = _record_in(memory, folder) if folder else None
    choice = choose(memory, base, editor, plan.wanted)
    if folder and unfinished:
        return _finish(memory, plan, choice, folder, unfinished, base)
    examination = Examination(choice.edits, _questions(plan, choice), _texts(plan), judge_of(plan.judge))
    say(f"measuring {model.name} on {len(examination.questions):,} questions and {len(examination.texts):,} texts")
    before = examination.read(model)
    say(f"writing {len(choice.edits):,} edits by {plan.method}")
    with _writing(model, editor, choice, plan.batch) as act:
        say("measuring again")
        after = examination.read(model)
        row = replace(_row(plan, base, len(choice.edits)), preset=chosen.kind)
        seconds = replace(row, metric="seconds", kind="per_edit", unit="s/edit", value=act.seconds / row.edits)
        rows = [*examination.rows(before, after, row), replace(seconds, n=row.edits)]
        failed = examination.verdict(before, after, plan.limits)
        done = None
        if folder and not failed:
            say(f"saving {folder}")
            known = examination.known(after)
            record = record_of(
                model, base, rows, method=plan.method, options=plain(plan.options), edits=written(choice.edits),
                held=tuple(edit.id for edit in known),
            )  # fmt: skip
            done = _keep(memory, model, act.changes, known, record, folder)
            act.kept = True
    return Report(
        kept=done is not None, failed=tuple(failed), choice=choice, rows=tuple(one.flat() for one in rows),
        seconds=time.perf_counter() - started, consolidation=done,
    )  # fmt: skip


def take_back(memory: EditMemory, folder: Path) -> TakenBack:
    """Let the edits of a folder answer from the memory again, then make its model the one from before them.

    The store comes first: were it stopped in between, the memory would answer for a model that knows the edits, too.

    Raises:
        NotFoundError: the folder holds no consolidation.
        EditorError: it is damaged or was changed since; nothing is undone then.
    """
    finish_swap(folder)
    record = read_record(folder)
    aside = restored_aside(folder)
    # A folder may have been moved, and two may hold the same model: this one's own operation comes before any other.
    standing = sorted(
        (one.checkpoint.folder == _named(folder), one.operation)
        for one in memory.consolidations()
        if not one.undone and one.checkpoint.fingerprint == record.fingerprint
    )
    operation = standing[-1][1] if standing else None
    if operation is not None:
        memory.undo_consolidation(operation)
    swap(aside, folder)
    return TakenBack(operation=operation, edit_ids=tuple(edit.id for edit in record.edits))


@dataclass
class _Act:
    """The changes in force, and whether they are to stay."""

    changes: list[WeightChange] = field(default_factory=list)
    seconds: float = 0.0
    kept: bool = False


@contextmanager
def _writing(model: WhiteBoxModel, editor: Editor, choice: Choice, batch: int | None) -> Iterator[_Act]:
    """The edits in the model within the block, and after it only where they are kept."""
    act = _Act()
    started = time.perf_counter()
    try:
        size = batch or len(choice.edits)
        for first in range(0, len(choice.edits), size):
            told = informed(editor, [*choice.past, *choice.edits[:first]])
            act.changes.append(_weights_of(told, model, choice.edits[first : first + size]))
        act.seconds = time.perf_counter() - started
        yield act
    finally:
        if not act.kept:
            for change in reversed(act.changes):
                change.undo()


def _weights_of(editor: Editor, model: WhiteBoxModel, edits: Sequence[Edit]) -> WeightChange:
    applied = editor.apply(model, edits)
    if not isinstance(applied, WeightChange):
        applied.undo()
        raise EditorError(
            f"{editor.name} keeps edits beside the weights, so a checkpoint would lack them: choose a method that "
            "writes weights, such as rome, memit or lora"
        )
    return applied


def _keep(
    memory: EditMemory,
    model: WhiteBoxModel,
    changes: Sequence[WeightChange],
    edits: Sequence[Edit],
    record: Record,
    folder: Path,
) -> Consolidation:
    """Save the checkpoint and have the store know which edits it holds, both or neither."""
    aside = write_aside(model, changes, record, folder)
    placed = False

    def publish() -> None:
        nonlocal placed
        put_in_place(aside, folder)
        placed = True

    try:
        return memory.consolidate(edits, _checkpoint(record, folder), publish)
    except BaseException as error:  # an interrupt, too, must not leave a checkpoint that the store does not know
        shutil.rmtree(folder if placed else aside, ignore_errors=True)
        if isinstance(error, OSError):
            raise EditorError(f"the checkpoint cannot be put at {folder}: {error}") from error
        raise


def _record_in(memory: EditMemory, folder: Path) -> Record | None:
    """What a run that was stopped has left in a folder for the store to note; None where the folder is free.

    Raises:
        EditorError: the folder holds something else.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    try:
        record = read_record(folder)
    except NotFoundError as error:
        raise EditorError(f"{folder} holds something already: name a new folder for the checkpoint") from error
    if any(one.checkpoint.fingerprint == record.fingerprint for one in memory.consolidations()):
        raise EditorError(f"{folder} holds an earlier consolidation: name a new folder, or take that back by --undo")
    return record


def _finish(memory: EditMemory, plan: Plan, choice: Choice, folder: Path, record: Record, base: str) -> Report:
    """Have the store note what an earlier run of this request has saved.

    Raises:
        EditorError: the folder is of another request.
    """
    if not record.is_of(plan.method, plan.options, base, choice.edits):
        raise EditorError(f"{folder} holds another consolidation: name a new folder, or take that back by --undo")
    held = [edit for edit in choice.edits if edit.id in record.held]
    done = memory.consolidate(held, _checkpoint(record, folder), lambda: None)
    return Report(
        kept=True, failed=(), choice=choice, rows=tuple(dict(row) for row in record.rows), seconds=0.0,
        consolidation=done, finished=True,
    )  # fmt: skip


def _questions(plan: Plan, choice: Choice) -> list[Question]:
    if plan.canary:
        asked = read_canary(plan.canary)
    else:
        asked = world_questions(load_world(), [*choice.edits, *choice.past], plan.questions, plan.seed)
    return [*past_questions(choice.past), *asked]


def _texts(plan: Plan) -> list[str]:
    return read_paragraphs(plan.text)[: plan.texts] if plan.text else spaced(running_text(None)[0], plan.texts)


def _row(plan: Plan, base: str, edits: int) -> Row:
    """What all figures of a run share; value and count are given with each."""
    config = {"method": plan.method, "options": plan.options, "batch": plan.batch, "questions": plan.questions}
    config["judge"] = plan.judge
    run = describe_run("consolidate", "store", config=config, data=plan.canary, model=base)
    return Row(run=run, method=plan.method, metric="ratio", value=0.0, n=0, unit="", edits=edits, seed=plan.seed)


def _checkpoint(record: Record, folder: Path) -> Checkpoint:
    return Checkpoint(fingerprint=record.fingerprint, base=record.base, method=record.method, folder=_named(folder))


def _named(folder: Path) -> str:
    return str(folder.resolve())
