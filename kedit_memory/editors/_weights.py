"""A change of weights: made whole or not at all, taken back bit for bit, saved and loaded.

Every editor that writes weights does it in this way:

    with changing(model, names) as weights:
        weights.add("transformer.h.3.mlp.c_proj.weight", left, right)   # what is saved then is the two factors
        weights["transformer.h.3.mlp.c_proj.weight"].mul_(2)            # or anything else: what moved is saved
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

from kedit_memory.editors._delta import Delta, Product, digest_of
from kedit_memory.editors.base import Fact, Outcome
from kedit_memory.errors import CapabilityError, EditorError, InvalidInputError
from kedit_memory.models.classifier import Editable, editable
from kedit_memory.models.sources import sha256_of

FORMAT = 1
_WEIGHTS_FORMAT = 2  # of changes of weights, which held whole weights before
_TENSORS = "change.safetensors"
_RECORD = "change.json"


class WeightChange:
    """Edits in force as other values of some weights: an `Applied`.

    It holds the bits by which the values differ, and of each value the digest.
    """

    def __init__(
        self,
        model: Editable,
        deltas: Mapping[str, Delta],
        added: Mapping[str, Sequence[Product]],
        record: Mapping[str, Any],
        outcomes: Sequence[Outcome],
    ) -> None:
        self.model = model
        self.record = record  # method, options and the model's fingerprint before
        self.outcomes = tuple(outcomes)
        self._deltas = deltas
        self._added = added  # of weights to which nothing but products was added, in their order
        self._undone = False

    @property
    def names(self) -> tuple[str, ...]:
        """The weights that it changed, as `model.get_parameter` knows them."""
        return tuple(self._deltas)

    @torch.no_grad()
    def earlier(self, name: str, after: torch.Tensor) -> torch.Tensor:
        """A weight as it was before the change, from what it was right after it.

        Raises:
            EditorError: that is not what the change left.
        """
        delta = self._deltas[name]
        if digest_of(after) != delta.after:
            raise self._changed_since(name)
        before = after.detach().clone()
        delta.flip(before)
        return before

    @property
    def after(self) -> dict[str, torch.Tensor]:
        """The weights of a change that is in force, which was the last of them."""
        return {name: self.model.model.get_parameter(name).detach().clone() for name in self.names}

    @property
    def before(self) -> dict[str, torch.Tensor]:
        """The weights before a change that is in force, which was the last of them; errors as in `earlier`."""
        return {name: self.earlier(name, weight) for name, weight in self.after.items()}

    @torch.no_grad()
    def undo(self) -> None:
        """Restore the weights bit for bit; a second call changes nothing.

        Raises:
            EditorError: the weights are not what this change left: a later one comes out first.
        """
        if self._undone:
            return
        weights = {name: self.model.model.get_parameter(name) for name in self.names}
        left = []
        for name, weight in weights.items():
            present = digest_of(weight)
            if present == self._deltas[name].after:
                left.append(name)
            elif present != self._deltas[name].before:  # as one is that an interrupted undo has put back
                raise self._changed_since(name)
        for name in left:
            self._deltas[name].flip(weights[name])
        self._undone = True

    def save(self, folder: Path) -> None:
        """Write what the change added, or the bits that it moved, into a new folder; nothing of a save that fails.

        Raises:
            EditorError: the folder holds something already, or cannot be written.
        """
        tensors: dict[str, torch.Tensor] = {}
        parts: dict[str, Any] = {}
        for name, delta in self._deltas.items():
            added = self._added.get(name, ())
            if added and sum(one.numbers for one in added) < delta.bits.numel():
                parts[name] = len(added)
                for place, one in enumerate(added):
                    tensors |= {f"{name}:left{place}": one.left, f"{name}:right{place}": one.right}
            else:
                parts[name] = delta.record
                tensors |= delta.tensors(name)
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}

        def write(place: Path) -> None:
            save_file(tensors, place / _TENSORS)
            checksum = sha256_of(place / _TENSORS)
            outcomes = [asdict(outcome) for outcome in self.outcomes]
            about = {**self.record, "checksum": checksum, "parts": parts, "outcomes": outcomes}
            write_record(place / _RECORD, about, written=_WEIGHTS_FORMAT)

        write_aside(Path(folder), write)

    def _changed_since(self, name: str) -> EditorError:
        return EditorError(
            f"{name} was changed since this {self.record['method']} edit, which can not be taken out alone: "
            "undo the later change first"
        )


class Snapshot(Mapping[str, torch.nn.Parameter]):
    """Weights by name, to be written in place, with the values that they had."""

    def __init__(self, model: Editable, names: Iterable[str]) -> None:
        self.model = model
        self._weights = _parameters(model, names)
        self.fingerprint = model.fingerprint
        self.before = {name: weight.detach().clone() for name, weight in self._weights.items()}
        self._added: dict[str, list[Product]] = {}
        self._left: dict[str, str] = {}  # the digest of a weight right after something was added to it

    def __getitem__(self, name: str) -> torch.nn.Parameter:
        return self._weights[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._weights)

    def __len__(self) -> int:
        return len(self._weights)

    def add(self, name: str, left: torch.Tensor, right: torch.Tensor) -> None:
        """Add `left` (rows, rank) times `right` (rank, columns) to a weight as it is stored."""
        weight, product = self._weights[name], Product(left.detach().clone(), right.detach().clone())
        if digest_of(weight) != self._left.setdefault(name, digest_of(self.before[name])):
            self._left[name] = ""  # it was written in some other way, so that products do not tell all
        product.add_to(weight)
        self._added.setdefault(name, []).append(product)
        self._left[name] = self._left[name] and digest_of(weight)

    @torch.no_grad()
    def restore(self) -> None:
        """Put the old values back."""
        for name, weight in self._weights.items():
            weight.copy_(self.before[name])
        self._added.clear()
        self._left.clear()

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
        """The change from the old values to the present ones, by a method with its options; it ends the snapshot."""
        deltas = {name: Delta.between(self.before.pop(name), weight) for name, weight in self._weights.items()}
        added = {name: self._added[name] for name, left in self._left.items() if left == deltas[name].after}
        record = {"method": method, "options": dict(options), "fingerprint": self.fingerprint}
        return WeightChange(self.model, deltas, added, record, outcomes)


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
    model = editable(model, "a change of weights")
    record = read_record(folder / _RECORD, method, model, reads=_WEIGHTS_FORMAT)
    tensors = _read_tensors(folder / _TENSORS, record)
    try:
        outcomes = [outcome_from(row) for row in record.pop("outcomes")]
        options = dict(record["options"])
        parts = {name: _part(name, tensors, about) for name, about in record["parts"].items()}
        for name, part in parts.items():
            _check_part(model, name, part, folder)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(folder) from error
    with changing(model, parts) as weights:
        for name, part in parts.items():
            if isinstance(part, Delta):
                part.flip(weights[name])
            else:
                for one in part:
                    weights.add(name, one.left, one.right)
    return weights.change(method, options, outcomes)


def _part(name: str, tensors: Mapping[str, torch.Tensor], about: Any) -> Delta | list[Product]:
    """What was saved of one weight."""
    if isinstance(about, int):
        return [Product(tensors[f"{name}:left{place}"], tensors[f"{name}:right{place}"]) for place in range(about)]
    return Delta.read(name, tensors, about)


def _check_part(model: Editable, name: str, part: Delta | list[Product], folder: Path) -> None:
    """Refuse what does not fit the weight, or is of another value of it, on which bits would be nonsense."""
    weight = model.model.get_parameter(name)
    if isinstance(part, Delta):
        fits = part.fits(weight)
        if fits and part.before != digest_of(weight):
            raise EditorError(
                f"{folder} holds a change of other values of {name} than those of {model.name}: load it into the "
                "unedited model that it was made in, in the same precision"
            )
    else:
        fits = all((len(one.left), one.right.shape[1]) == tuple(weight.shape) for one in part)
        fits = fits and all(one.left.shape[1] == len(one.right) for one in part)
    if not fits:
        raise _damaged(folder)


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


def write_record(path: Path, record: Mapping[str, Any], *, written: int = FORMAT) -> None:
    """Write what a change is, as JSON, onto the disk, under the number of its format."""
    with path.open("w", encoding="utf-8") as file:
        json.dump({"format": written, **record}, file, indent=1, ensure_ascii=False, default=str)
        file.flush()
        os.fsync(file.fileno())


def read_record(path: Path, method: str, model: Editable, *, reads: int = FORMAT) -> dict[str, Any]:
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
    if written != reads:
        raise EditorError(f"{path.parent} holds a change of format {written}; this version reads format {reads}")
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


def _read_tensors(path: Path, record: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    try:
        if sha256_of(path) != record["checksum"]:
            raise _damaged(path.parent)
        return load_file(path)
    except (OSError, KeyError, SafetensorError) as error:
        raise _damaged(path.parent) from error


def _damaged(folder: Path) -> EditorError:
    return EditorError(f"the change saved in {folder} is damaged: make the edit again, or load another copy")
