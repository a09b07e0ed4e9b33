"""A codebook as files: its arrays as safetensors, what it is as JSON. Hidden entries and all changes are kept."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from kedit_memory.editors._weights import read_record, write_aside, write_record
from kedit_memory.editors.codebook import Change, Codebook
from kedit_memory.errors import EditorError
from kedit_memory.models.language import WhiteBoxModel

TENSORS = "codebook.safetensors"
RECORD = "codebook.json"
VERSION = 1

Arrays = dict[str, NDArray[Any]]


def save_codebook(codebook: Codebook, folder: Path, about: Mapping[str, Any]) -> None:
    """Write the codebook into a new folder, with what else there is to say `about` it (method, fingerprint, layer).

    Raises:
        EditorError: the folder holds something already, or cannot be written.
    """
    arrays, listed = _packed(codebook)
    what: dict[str, Any] = {
        "version": VERSION,
        "width": codebook.width,
        "distance": codebook.distance,
        "count": len(codebook),
    }

    def write(place: Path) -> None:
        save_file(arrays, place / TENSORS)
        what["checksum"] = _checksum(place / TENSORS)
        write_record(place / RECORD, {**about, "codebook": {**what, "tolerance": codebook.tolerance, **listed}})

    write_aside(Path(folder), write)


def load_codebook(model: WhiteBoxModel, folder: Path, method: str) -> tuple[Codebook, dict[str, Any]]:
    """The codebook that `method` saved for this model, and what was said about it.

    Raises:
        EditorError: the folder holds none, a damaged one, or one of another method or model.
    """
    folder = Path(folder)
    about = read_record(folder / RECORD, method, model)
    try:
        saved = about.pop("codebook")
        if saved["version"] != VERSION:
            raise EditorError(f"{folder} holds a codebook of version {saved['version']}; this one reads {VERSION}")
        if saved["checksum"] != _checksum(folder / TENSORS):
            raise _damaged(folder)
        arrays = load_file(folder / TENSORS)
        codebook = Codebook(saved["width"], distance=saved["distance"], tolerance=saved["tolerance"])
        _unpack(codebook, arrays, saved)
        if len(codebook) != saved["count"]:
            raise _damaged(folder)
    except (OSError, KeyError, ValueError, TypeError, IndexError, SafetensorError) as error:
        raise _damaged(folder) from error
    return codebook, about


def _packed(codebook: Codebook) -> tuple[Arrays, dict[str, Any]]:
    """Arrays and lists of live rows, which are numbered anew."""
    rows = codebook.rows()
    number = {entry: place for place, entry in enumerate(rows)}
    changes = [(number[entry], change) for entry in sorted(codebook.changes) for change in codebook.changes[entry]]
    keys = [change.key for _, change in changes if change.key is not None]
    arrays: Arrays = {
        "keys": codebook.keys[rows],
        "values": codebook.values[rows],
        "initial_radii": codebook.initial[rows],
        "changed": np.array([entry for entry, _ in changes], np.int64),
        "amounts": np.array([change.amount for _, change in changes], np.float64),
        "change_keys": np.array(keys, np.float32).reshape(len(keys), codebook.width),
    }
    return arrays, {
        "labels": [codebook.labels[entry] for entry in rows],
        "owners": [codebook.owners[entry] for entry in rows],
        "causes": {str(number[entry]): cause for entry, cause in codebook.causes.items()},
        "changes": [[change.owner, change.effect, change.cause] for _, change in changes],
    }


def _unpack(codebook: Codebook, arrays: Arrays, saved: Mapping[str, Any]) -> None:
    causes = {int(entry): cause for entry, cause in saved["causes"].items()}
    named = zip(saved["labels"], saved["owners"], strict=True)
    names = [(label, owner, causes.get(entry)) for entry, (label, owner) in enumerate(named)]
    if len(names) != len(arrays["keys"]):
        raise ValueError("as many names as keys are needed")  # becomes the error of a damaged folder
    codebook.restore(arrays["keys"], arrays["values"], arrays["initial_radii"], names)
    keys = iter(arrays["change_keys"])
    changes: dict[int, list[Change]] = {}
    rows = zip(arrays["changed"].tolist(), arrays["amounts"].tolist(), saved["changes"], strict=True)
    for entry, amount, (owner, effect, cause) in rows:
        key = next(keys) if effect == "grow" else None
        change = Change(owner=owner, effect=effect, amount=amount, key=key, cause=cause)
        changes.setdefault(entry, []).append(change)
    codebook.restore_changes(changes)


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _damaged(folder: Path) -> EditorError:
    return EditorError(f"the codebook saved in {folder} is damaged: make the edits again, or load another copy")
