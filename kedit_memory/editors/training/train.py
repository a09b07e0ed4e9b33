"""The one function that trains what an editor needs, by the editor's name."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from kedit_memory.editors.training.clock import Settings, check_output
from kedit_memory.editors.training.rows import Row, divided, read_rows
from kedit_memory.errors import UnknownNameError
from kedit_memory.models.language import WhiteBoxModel

Rows: TypeAlias = tuple[list[Row], list[Row]]  # to train on, and to measure on


def _mend(model: WhiteBoxModel, rows: Rows, output: Path, settings: Settings) -> dict[str, Any]:
    from kedit_memory.editors.training.hypernetworks import MendTraining, train_network

    return train_network(MendTraining, model, rows, output, settings)


def _ke(model: WhiteBoxModel, rows: Rows, output: Path, settings: Settings) -> dict[str, Any]:
    from kedit_memory.editors.training.hypernetworks import KnowledgeEditorTraining, train_network

    return train_network(KnowledgeEditorTraining, model, rows, output, settings)


def _serac(model: WhiteBoxModel, rows: Rows, output: Path, settings: Settings) -> dict[str, Any]:
    from kedit_memory.editors._adapters import peft
    from kedit_memory.editors.training.reader import batches_of, reading, readings, train_reader
    from kedit_memory.editors.training.scope import train_scope

    peft()  # what the reader needs is missed before a classifier is trained
    trained, held = rows
    scope = train_scope(rows, output / SCOPE, settings)
    # An interrupt may have come before there was a reader.
    settings = replace(settings, resume=(output / COUNTERFACTUAL).is_dir())
    asked = [reading(model, row, text) for row in held for text in row.wordings]
    batches = batches_of(readings(model, trained, settings.seed), settings)
    return {"scope": scope, "counterfactual": train_reader(model, batches, asked, output / COUNTERFACTUAL, settings)}


SCOPE, COUNTERFACTUAL = "scope", "counterfactual"  # the folders of what SERAC needs
METHODS: Mapping[str, Callable[[WhiteBoxModel, Rows, Path, Settings], dict[str, Any]]] = {
    "mend": _mend,
    "ke": _ke,
    "serac": _serac,
}


def check(method: str, data: Path, output: Path, settings: Settings) -> Rows:
    """The rows of a file, to train on and to measure on, before anything is loaded.

    Raises:
        UnknownNameError: nothing is trained for the method.
        InvalidInputError: the file is no such file or too small, or the folder is not as `settings.resume` wants it.
    """
    if method not in METHODS:
        raise UnknownNameError("method to train", method, list(METHODS))
    check_output(output, resume=settings.resume)
    return divided(read_rows(data), settings.seed)


def train(method: str, model: WhiteBoxModel, rows: Rows, output: Path, settings: Settings) -> dict[str, Any]:
    """Train what `method` needs to edit `model`, on rows as `check` gives them; a record with figures of held-out ones.

    `mend` and `ke` get a network (their option `network`), `serac` a scope classifier and a reader, the model with an
    adapter (its options `scope` and `counterfactual`). What was trained so far is in the folder when it is interrupted.

    Raises:
        CapabilityError: the model is no decoder of a known family.
        EditorError: what is to be gone on from is of another model, or damaged.
    """
    return METHODS[method](model, rows, output, settings)


def options_of(method: str, output: Path) -> dict[str, Path]:
    """The options by which an editor takes what was trained into a folder."""
    if method == "serac":
        return {SCOPE: output / SCOPE, COUNTERFACTUAL: output / COUNTERFACTUAL}
    return {"network": output}
