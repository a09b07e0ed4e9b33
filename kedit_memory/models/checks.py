"""A model's config.json held against its weights, before libraries build what it asks for."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import safe_open

from kedit_memory.errors import ModelError

_FILE = "config.json"
_MOST_LABELS = 100_000
_LAYERS = {
    "num_hidden_layers", "num_layers", "num_decoder_layers", "n_layer", "n_layers", "encoder_layers", "decoder_layers",
}  # fmt: skip


def check_config(folder: Path) -> None:
    """Refuses a configuration that asks for more layers than there are weights, or for labels without end.

    A library would build them, one by one, until memory is full.

    Raises:
        ModelError: it does, or is no JSON object.
    """
    try:
        config = json.loads((folder / _FILE).read_text("utf-8"))
        sizes = list(_counts(config))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"cannot load {folder / _FILE} ({error}): get the model anew") from error
    if not isinstance(config, dict):
        raise ModelError(f"{folder / _FILE} is no JSON object: get the model anew")
    weights = _tensors(folder)
    for name, size in sizes:
        most = _MOST_LABELS if name == "num_labels" else weights
        if not 0 <= size <= most:
            raise ModelError(f"{folder / _FILE} has {name} {size}, its weights allow 0 to {most}: get the model anew")


def _counts(config: Any) -> Iterator[tuple[str, int]]:
    """What a configuration, or one within it, says of how often something is built."""
    for name, value in config.items() if isinstance(config, dict) else ():
        if (name in _LAYERS or name == "num_labels") and isinstance(value, int):
            yield name, value
        yield from _counts(value)


def _tensors(folder: Path) -> int:
    """How many matrices and vectors the folder's weights hold."""
    count = 0
    for file in folder.glob("*.safetensors"):
        with safe_open(file, framework="pt") as weights:
            count += len(weights.keys())
    return count
