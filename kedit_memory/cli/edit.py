"""Edits in a model itself, by one of the editors."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kedit_memory.cli import options as o
from kedit_memory.cli.output import emit
from kedit_memory.cli.progress import step
from kedit_memory.cli.routers import load_model
from kedit_memory.cli.store import open_store
from kedit_memory.editors.base import named_options
from kedit_memory.errors import InvalidInputError
from kedit_memory.records import Edit, EditRequest, Kind

if TYPE_CHECKING:
    from kedit_memory.editors import Applied
    from kedit_memory.models.language import WhiteBoxModel

_STEP_SECONDS = 1.0  # between two words about how far an edit is

Prompt = Annotated[str | None, typer.Argument(help="A question or cloze prompt; without one, all edits of the store.")]
Target = Annotated[str | None, typer.Argument(help="The answer that the model should give.")]


def edit(
    prompt: Prompt = None,
    target: Target = None,
    subject: o.Subject = None,
    paraphrase: o.Paraphrases = None,
    method: Annotated[
        str, typer.Option("--method", help="An editor: rome, memit, ft, lora, grace and others.")
    ] = "rome",
    option: Annotated[
        list[str] | None,
        typer.Option("--option", metavar="NAME=VALUE", help="An option of the editor; may be given several times."),
    ] = None,
    preset: o.Preset = None,
    ask: Annotated[
        list[str] | None,
        typer.Option(
            "--ask", metavar="<str>", help="Another question to ask before and after; several times if need be."
        ),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option("--save", parser=o.path_of, metavar="<path>", help="A new folder for the change alone."),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option("--checkpoint", parser=o.path_of, metavar="<path>", help="A new folder for the edited model."),
    ] = None,
    model: o.Model = o.MODEL,
    device: o.Device = None,
    dtype: o.Dtype = None,
    store: o.ExistingStore = o.STORE,
    namespace: o.Namespace = o.NAMESPACE,
    as_json: o.Json = False,
) -> None:
    """Put edits into a model itself, and show its answers before and after. What is not saved ends with the command."""
    from kedit_memory.editors import load_editor
    from kedit_memory.editors._progress import in_lines
    from kedit_memory.editors.checkpoint import save_checkpoint
    from kedit_memory.editors.presets import preset_of
    from kedit_memory.models.language import white_box

    chosen = preset_of(method, preset, model)
    editor = load_editor(method, **{**chosen.options, **named_options(option or ())})
    wanted = _wanted(prompt, target, subject, paraphrase or (), store, namespace)
    loaded = white_box(load_model(model, device, dtype), f"the editor {method}")
    asked = [*(one.prompt or "" for one in wanted), *(ask or ())]
    before = _answers(loaded, asked)
    applied = editor.with_progress(in_lines(step, every=_STEP_SECONDS)).apply(loaded, wanted)
    after = _answers(loaded, asked)
    if save:
        applied.save(save)
    if checkpoint:
        save_checkpoint(loaded, [applied], checkpoint)
    _tell(applied, [{"question": q, "before": b, "after": a} for q, b, a in zip(asked, before, after, strict=True)],
          as_json=as_json, saved=[str(place) for place in (save, checkpoint) if place], preset=chosen.kind)  # fmt: skip


def _wanted(
    prompt: str | None, target: str | None, subject: str | None, paraphrases: Sequence[str], store: Path, namespace: str
) -> list[EditRequest] | list[Edit]:
    if prompt is not None:
        if target is None:
            raise InvalidInputError("a prompt without a target; give the answer that the model should say after it")
        return [EditRequest(prompt=prompt, target=target, subject=subject, paraphrases=tuple(paraphrases))]
    with open_store(store, create=False) as memory:
        found = [e for e in memory.all(namespace=namespace) if e.kind is not Kind.ERASURE]
    if not found:
        raise InvalidInputError(f"{store} holds no active edit with an answer; give a prompt and a target, or add one")
    return found


def _answers(model: "WhiteBoxModel", questions: Sequence[str]) -> list[str]:
    from kedit_memory.models.prompts import Prompt as Asked

    return model.answer_many([Asked(question=question) for question in questions])


def _tell(
    applied: "Applied", asked: Sequence[dict[str, str]], *, as_json: bool, saved: Sequence[str], preset: str
) -> None:
    lines = [f"{row['question']}\n  before: {row['before']}\n  after:  {row['after']}" for row in asked]
    lines += [f"not learned: {one.fact.prompt!r}: {one.reason}" for one in applied.outcomes if not one.learned]
    lines += [f"saved in {place}" for place in saved]
    outcomes = [
        {"edit": one.fact.edit_id, "prompt": one.fact.prompt, "target": one.fact.target, "learned": one.learned,
         "reason": one.reason, "steps": one.steps, "seconds": one.seconds}
        for one in applied.outcomes
    ]  # fmt: skip
    document = {"outcomes": outcomes, "asked": list(asked), "saved": list(saved), "preset": preset}
    emit(as_json=as_json, document=document, lines=lines)
