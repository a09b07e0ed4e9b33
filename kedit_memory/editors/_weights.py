"""A change of weights: made whole or not at all, taken back bit for bit, saved and loaded.

Every editor that writes weights does it in this way:

    with changing(model, names) as weights:
        weights["transformer.h.3.mlp.c_proj.weight"].add_(update)
        ...
    return weights.change(self.name, asdict(self), outcomes)
"""

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from kedit_memory.editors.base import Fact, Outcome
from kedit_memory.errors import CapabilityError, EditorError, InvalidInputError
from kedit_memory.models.classifier import Editable, editable
from kedit_memory.models.sources import sha256_of

FORMAT = 1
_TENSORS = "change.safetensors"
_RECORD = "change.json"


class WeightChange:
    """Edits in force as other values of some weights: an `Applied`."""

    def __init__(
        self,
        snapshot: "Snapshot",
        after: Mapping[str, torch.Tensor],
        record: Mapping[str, Any],
        outcomes: Sequence[Outcome],
    ) -> None:
        self.model = snapshot.model
        self.before: Mapping[str, torch.Tensor] = snapshot.before
        self.after = after
        self.record = record  # method, options and the model's fingerprint before
        self.outcomes = tuple(outcomes)
        self._undone = False

    @property
    def names(self) -> tuple[str, ...]:
        """The weights that it changed, as `model.get_parameter` knows them."""
        return tuple(self.before)

    @torch.no_grad()
    def undo(self) -> None:
        """Restore the weights bit for bit; a second call changes nothing.

        Raises:
            EditorError: the weights are not what this change left: a later one comes out first.
        """
        if self._undone:
            return
        weights = {name: self.model.model.get_parameter(name) for name in self.names}
        for name, weight in weights.items():
            # A weight that is back already is one of an undo that was interrupted.
            if not _equal(weight, self.after[name]) and not _equal(weight, self.before[name]):
                raise EditorError(
                    f"{name} was changed since this {self.record['method']} edit, which can not be taken out "
                    "alone: undo the later change first"
                )
        for name, weight in weights.items():
            weight.copy_(self.before[name])
        self._undone = True

    def save(self, folder: Path) -> None:
        """Write the new weights and the record of them into a new folder; nothing is left of a save that fails.

        Raises:
            EditorError: the folder holds something already, or cannot be written.
        """
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in self.after.items()}

        def write(place: Path) -> None:
            save_file(tensors, place / _TENSORS)
            checksum = sha256_of(place / _TENSORS)
            outcomes = [asdict(outcome) for outcome in self.outcomes]
            write_record(place / _RECORD, {**self.record, "checksum": checksum, "outcomes": outcomes})

        write_aside(Path(folder), write)


class Snapshot(Mapping[str, torch.nn.Parameter]):
    """Weights by name, to be written in place, with the values that they had."""

    def __init__(self, model: Editable, names: Iterable[str]) -> None:
        self.model = model
        self._weights = _parameters(model, names)
        self.fingerprint = model.fingerprint
        self.before = {name: weight.detach().clone() for name, weight in self._weights.items()}

    def __getitem__(self, name: str) -> torch.nn.Parameter:
        return self._weights[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._weights)

    def __len__(self) -> int:
        return len(self._weights)

    @torch.no_grad()
    def restore(self) -> None:
        """Put the old values back."""
        for name, weight in self._weights.items():
            weight.copy_(self.before[name])

    def check_finite(self) -> None:
        """Refuse weights that are no numbers.

        Raises:
            EditorError: a weight holds NaN or infinity.
        """
        for name, weight in self._weights.items():
            if not bool(torch.isfinite(weight).all()):
                precision = str(weight.dtype).removeprefix("torch.")
                raise EditorError(
                    f"the edit made {name} overflow {precision}, so the model is left as it was: "
                    "take a smaller rate or change, or load the model with dtype='float32'"
                )

    def change(self, method: str, options: Mapping[str, Any], outcomes: Sequence[Outcome]) -> WeightChange:
        """The change from the old values to the present ones, by a method with its options."""
        after = {name: weight.detach().clone() for name, weight in self._weights.items()}
        record = {"method": method, "options": dict(options), "fingerprint": self.fingerprint}
        return WeightChange(self, after, record, outcomes)


@contextmanager
def changing(model: Editable, names: Iterable[str]) -> Iterator[Snapshot]:
    """The named weights, to be changed in the block; a block that fails leaves them as they were.

    Names are those of `model.model.named_parameters()`; of tied weights, one name is enough.

    Raises:
        CapabilityError: the model shows no weights, or not as numbers that can be changed (quantised, offloaded).
        InvalidInputError: there is no such weight.
        EditorError: the block left a value that is no number, as half precision does when it overflows.
    """
    snapshot = Snapshot(editable(model, "a change of weights"), names)
    try:
        yield snapshot
        snapshot.check_finite()
    except BaseException:  # an interrupt, too, must not leave half an edit
        snapshot.restore()
        raise


def load_change(model: Editable, folder: Path, method: str) -> WeightChange:
    """Put a saved change of `method` back into the model that it was made in.

    Raises:
        EditorError: the folder holds no such change, a damaged one, or one for another model.
    """
    folder = Path(folder)
    record = read_record(folder / _RECORD, method, editable(model, "a change of weights"))
    tensors = _read_tensors(folder / _TENSORS, record)
    try:
        outcomes = [outcome_from(row) for row in record.pop("outcomes")]
        names = {name: model.model.get_parameter(name) for name in tensors}
        options = dict(record["options"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(folder) from error
    if any(tensor.shape != names[name].shape or tensor.dtype != names[name].dtype for name, tensor in tensors.items()):
        raise _damaged(folder)
    with changing(model, tensors) as weights, torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(tensors[name])
    return weights.change(method, options, outcomes)


def write_aside(folder: Path, write: Any) -> None:
    """Let `write(place)` fill a folder beside `folder`, then rename it: `folder` is whole or not there.

    Raises:
        EditorError: the folder holds something already, or cannot be written.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise EditorError(f"{folder} holds something already: save the change into a new or an empty folder")
    place = folder.with_name(f".{folder.name}.{uuid4().hex[:8]}")
    try:
        place.mkdir(parents=True)
        write(place)
        place.replace(folder)
    except (OSError, SafetensorError) as error:
        raise EditorError(f"the change could not be written to {folder}: {error}") from error
    finally:
        shutil.rmtree(place, ignore_errors=True)


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write what a change is, as JSON, onto the disk."""
    with path.open("w", encoding="utf-8") as file:
        json.dump({"format": FORMAT, **record}, file, indent=1, ensure_ascii=False, default=str)
        file.flush()
        os.fsync(file.fileno())


def read_record(path: Path, method: str, model: Editable) -> dict[str, Any]:
    """What a saved change is, known to be of `method` and for `model`.

    Raises:
        EditorError: it is not there, damaged, of another format or method, or for another model.
    """
    if not path.is_file():
        raise EditorError(f"{path.parent} holds no saved change ({path.name} is not there)")
    try:
        record = json.loads(path.read_text("utf-8"))
        written, made_by, fingerprint = record["format"], record["method"], record["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(path.parent) from error
    if written != FORMAT:
        raise EditorError(f"{path.parent} holds a change of format {written}; this version reads format {FORMAT}")
    if made_by != method:
        raise EditorError(f"{path.parent} holds a change by {made_by!r}, not by {method!r}: load it with that editor")
    if fingerprint != (present := model.fingerprint):
        raise EditorError(
            f"{path.parent} holds a change for a model with fingerprint {fingerprint}; {model.name} has {present}: "
            "load it into the unedited model that it was made in, and saved changes in the order they were made"
        )
    found: dict[str, Any] = record
    return found


def outcome_from(row: Mapping[str, Any]) -> Outcome:
    """An outcome as `asdict` gave it."""
    fact = dict(row["fact"])
    fact["paraphrases"] = tuple(fact.get("paraphrases", ()))
    return Outcome(**{**row, "fact": Fact(**fact)})


def _parameters(model: Editable, names: Iterable[str]) -> dict[str, torch.nn.Parameter]:
    found: dict[str, torch.nn.Parameter] = {}
    for name in dict.fromkeys(names):
        try:
            weight = model.model.get_parameter(name)
        except AttributeError as error:
            raise InvalidInputError(f"{model.name} has no weight named {name!r}") from error
        if weight.is_meta or not weight.is_floating_point():
            raise CapabilityError(
                f"{name} of {model.name} is offloaded or quantised and cannot be changed: "
                "load the model whole, in float32, bfloat16 or float16"
            )
        if all(weight is not other for other in found.values()):
            found[name] = weight
    if not found:
        raise InvalidInputError("no weight to change was named")
    return found


def _equal(weight: torch.Tensor, value: torch.Tensor) -> bool:
    if weight.shape != value.shape or weight.dtype != value.dtype:
        return False
    return torch.equal(weight, value.to(weight.device))


def _read_tensors(path: Path, record: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    try:
        if sha256_of(path) != record["checksum"]:
            raise _damaged(path.parent)
        return load_file(path)
    except (OSError, KeyError, SafetensorError) as error:
        raise _damaged(path.parent) from error


def _damaged(folder: Path) -> EditorError:
    return EditorError(f"the change saved in {folder} is damaged: make the edit again, or load another copy")
