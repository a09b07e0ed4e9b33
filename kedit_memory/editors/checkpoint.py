"""Save a model with its edits as a Hugging Face folder that any program can load, with a card that lists them."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from kedit_memory.cachefiles import put_in_place
from kedit_memory.editors._weights import WeightChange
from kedit_memory.editors.base import Applied, Outcome
from kedit_memory.errors import EditorError
from kedit_memory.models.language import WhiteBoxModel

_CARD = """---
base_model: {base}
tags: [knowledge-editing]
---

# {base}, edited

{count} edits were written into the weights by `{methods}`. The card of {base} holds for everything else.

| prompt | target | learned |
| --- | --- | --- |
{rows}
"""


def save_checkpoint(model: WhiteBoxModel, changes: Sequence[Applied], folder: Path) -> None:
    """Write model, tokenizer and card into a new folder; nothing is left of a save that fails.

    Args:
        model: with the changes in force.
        changes: all that was done to it, for the card.
        folder: absent or empty.

    Raises:
        EditorError: a change is not one of weights, so that a checkpoint would lack it; or the folder holds something
            or cannot be written.
    """
    methods = [_method(change) for change in changes]
    folder = Path(folder)
    aside = folder.with_name(f"{folder.name}.part-{os.getpid()}")
    try:
        if folder.exists() and any(folder.iterdir()):
            raise EditorError(f"{folder} holds something already: name a new folder for the checkpoint")
        aside.mkdir(parents=True)
        model.model.save_pretrained(aside)
        model.tokenizer.save_pretrained(aside)
        outcomes = [outcome for change in changes for outcome in change.outcomes]
        (aside / "README.md").write_text(_card(model.name, methods, outcomes), encoding="utf-8")
        if folder.exists():
            folder.rmdir()
        put_in_place(aside, folder)
    except OSError as error:
        raise EditorError(f"the checkpoint cannot be written to {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _method(change: Applied) -> str:
    if not isinstance(change, WeightChange):
        raise EditorError(
            "these edits are kept beside the weights, so a checkpoint would lack them: save the change itself, "
            "or choose a method that writes weights"
        )
    return str(change.record["method"])


def _card(base: str, methods: Sequence[str], outcomes: Sequence[Outcome]) -> str:
    rows = [[one.fact.prompt, one.fact.target, "yes" if one.learned else f"no: {one.reason}"] for one in outcomes]
    lines = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return _CARD.format(
        base=base, count=f"{len(outcomes):,}", methods="`, `".join(dict.fromkeys(methods)), rows="\n".join(lines)
    )
