"""A trained module as files: its weights as safetensors, what it is as JSON."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from kedit_memory.editors._weights import read_record, write_aside, write_record
from kedit_memory.errors import EditorError
from kedit_memory.models.classifier import Editable
from kedit_memory.models.sources import sha256_of

TENSORS = "module.safetensors"
RECORD = "module.json"


def save_module(module: torch.nn.Module, folder: Path, about: Mapping[str, Any]) -> None:
    """Write the module into a new folder, with what else there is to say `about` it (method, fingerprint, options).

    Raises:
        EditorError: the folder holds something already, or cannot be written.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}

    def write(place: Path) -> None:
        save_file(tensors, place / TENSORS)
        write_record(place / RECORD, {**about, "checksum": sha256_of(place / TENSORS)})

    write_aside(Path(folder), write)


def load_module(model: Editable, folder: Path, method: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The weights of the module that `method` saved for this model, and what was said about it.

    Raises:
        EditorError: the folder holds none, a damaged one, or one of another method or model.
    """
    folder = Path(folder)
    record = read_record(folder / RECORD, method, model)
    try:
        if record["checksum"] == sha256_of(folder / TENSORS):
            return load_file(folder / TENSORS), record
    except (OSError, KeyError, SafetensorError) as error:
        raise _damaged(folder) from error
    raise _damaged(folder)


def _damaged(folder: Path) -> EditorError:
    return EditorError(f"the module saved in {folder} is damaged: make the edits again, or load another copy")
