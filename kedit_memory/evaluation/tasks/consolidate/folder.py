"""A checkpoint with consolidated edits, and beside it what takes them out again: the weights as they were before.

    FOLDER/                              a Hugging Face folder, with a card that lists edits and figures
    FOLDER/consolidation/record.json     which edits, by which editor, into which model, with which figures
    FOLDER/consolidation/before.safetensors    each changed weight as it was

Folders are written aside and renamed, so that FOLDER is whole or not there.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from kedit_memory.cachefiles import put_in_place
from kedit_memory.editors._weights import WeightChange
from kedit_memory.editors.checkpoint import save_checkpoint
from kedit_memory.errors import EditorError, NotFoundError
from kedit_memory.evaluation.rows import Row
from kedit_memory.models.huggingface import HuggingFaceModel
from kedit_memory.models.language import WhiteBoxModel
from kedit_memory.models.loading import DTYPES
from kedit_memory.models.sources import sha256_of
from kedit_memory.records import Edit

FORMAT = 1
_PART = "consolidation"
_RECORD = "record.json"
_BEFORE = "before.safetensors"
_RESTORED_CARD = """---
base_model: {base}
---

# {base}

Edits were written into these weights by `{method}` and taken back again: they are {base}'s, bit for bit.
"""


@dataclass(frozen=True, kw_only=True)
class Written:
    """An edit as it went into the weights."""

    id: str
    prompt: str
    target: str


@dataclass(frozen=True, kw_only=True)
class Record:
    """What a folder says of its edits."""

    method: str
    options: Mapping[str, Any]  # of the editor, those that were given, as JSON gives them back
    base_name: str
    base: str  # fingerprint of the model before
    fingerprint: str  # and after
    dtype: str
    edits: tuple[Written, ...]
    held: tuple[str, ...]  # the ids of those that the model was found to say
    rows: tuple[Mapping[str, Any], ...]
    checksum: str = ""  # SHA-256 of the weights before, hexadecimal; known once they are written

    def is_of(self, method: str, options: Mapping[str, Any], base: str, edits: Sequence[Edit]) -> bool:
        """Whether it is what the same request on the same model would have made."""
        asked = (method, plain(options), base, written(edits))
        return (self.method, self.options, self.base, self.edits) == asked


def written(edits: Sequence[Edit]) -> tuple[Written, ...]:
    """The edits as they are recorded."""
    return tuple(Written(id=edit.id, prompt=edit.prompt, target=edit.target or "") for edit in edits)


def aside_of(folder: Path) -> Path:
    """Where a folder is written before it is put in its place; always the same, so that a rest is found again."""
    return folder.with_name(f".{folder.name}.new")


def clear_rests(folder: Path) -> None:
    """Remove what a run that was stopped has left aside."""
    for rest in folder.parent.glob(f"{aside_of(folder).name}*"):
        shutil.rmtree(rest, ignore_errors=True)


def write_aside(model: WhiteBoxModel, changes: Sequence[WeightChange], record: Record, folder: Path) -> Path:
    """Write all of it aside of `folder`, and read it again: the place, to be renamed.

    Args:
        model: with the changes in force.
        changes: in the order in which they were made.
        record: of them; its checksum is set here.
        folder: where it will be.

    Raises:
        EditorError: it cannot be written, or does not read back as the model that was measured.
    """
    clear_rests(folder)
    aside = aside_of(folder)
    save_checkpoint(model, changes, aside)
    try:
        (aside / _PART).mkdir()
        save_file(_weights_before(changes), aside / _PART / _BEFORE)
        fields = asdict(record) | {"checksum": sha256_of(aside / _PART / _BEFORE)}
        text = json.dumps({"format": FORMAT, **fields}, indent=1, ensure_ascii=False, default=str)
        (aside / _PART / _RECORD).write_text(text, encoding="utf-8")
        with (aside / "README.md").open("a", encoding="utf-8") as card:
            card.write(_figures(record.rows))
    except (OSError, SafetensorError) as error:
        raise EditorError(f"the checkpoint cannot be written beside {folder}: {error}") from error
    if _load(aside, record.dtype).fingerprint != record.fingerprint:
        raise EditorError(
            f"what was saved beside {folder} does not read back as the model that was measured, so nothing is kept: "
            "load the model whole, in float32, bfloat16 or float16"
        )
    return aside


def record_of(model: WhiteBoxModel, base: str, rows: Sequence[Row], **fields: Any) -> Record:
    """The record of edits in force in a model; `base` is its fingerprint before, `fields` what they were made of.

    Raises:
        EditorError: the model is in a precision in which no checkpoint is loaded.
    """
    dtype = str(model.model.dtype).removeprefix("torch.")
    if dtype not in DTYPES:
        raise EditorError(f"{model.name} is in {dtype}; load it in one of {', '.join(DTYPES)} to save a checkpoint")
    figures = tuple(row.flat() for row in rows)
    return Record(base_name=model.name, base=base, fingerprint=model.fingerprint, dtype=dtype, rows=figures, **fields)


def read_record(folder: Path) -> Record:
    """What the folder says of its edits.

    Raises:
        NotFoundError: it holds no consolidation.
        EditorError: the record is damaged or of another format.
    """
    path = folder / _PART / _RECORD
    try:
        fields = json.loads(path.read_text("utf-8"))
        if (found := fields.pop("format")) != FORMAT:
            raise EditorError(f"{folder} holds a consolidation of format {found}; this version reads format {FORMAT}")
        edits = tuple(Written(**edit) for edit in fields["edits"])
        return Record(**fields | {"edits": edits, "held": tuple(fields["held"]), "rows": tuple(fields["rows"])})
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFoundError(f"{folder} holds no consolidation ({path} is not there); name the folder of one") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(folder) from error


def restored_aside(folder: Path) -> Path:
    """The model of a folder as it was before its edits, bit for bit, written aside: to be put in by `swap`.

    Raises:
        NotFoundError: the folder holds no consolidation.
        EditorError: it is damaged, was changed since, or the place beside it cannot be written.
    """
    record = read_record(folder)
    before = _read_before(folder, record)
    model = _load(folder, record.dtype)
    if model.fingerprint != record.fingerprint:
        raise EditorError(f"the model in {folder} was changed since its consolidation, which cannot be taken out of it")
    _put_back(model, before, folder)
    if model.fingerprint != record.base:
        raise _damaged(folder)
    clear_rests(folder)
    aside = aside_of(folder)
    save_checkpoint(model, [], aside)
    card = _RESTORED_CARD.format(base=record.base_name, method=record.method)
    try:
        (aside / "README.md").write_text(card, encoding="utf-8")
    except OSError as error:
        raise EditorError(f"{aside} cannot be written: {error}") from error
    return aside


def swap(aside: Path, folder: Path) -> None:
    """Put one folder in the place of another; a stop between the steps is made good by `finish_swap`.

    Raises:
        EditorError: they cannot be renamed.
    """
    old = _old_of(folder)
    shutil.rmtree(old, ignore_errors=True)
    try:
        folder.replace(old)
        put_in_place(aside, folder)
    except OSError as error:
        finish_swap(folder)
        raise EditorError(f"{folder} cannot be replaced: {error}") from error
    shutil.rmtree(old, ignore_errors=True)


def finish_swap(folder: Path) -> None:
    """Put a folder back that `swap` had moved away when it was stopped, and remove what one that was done has left."""
    old = _old_of(folder)
    if not folder.exists() and old.is_dir():
        old.replace(folder)
    shutil.rmtree(old, ignore_errors=True)


@torch.no_grad()
def _put_back(model: HuggingFaceModel, before: Mapping[str, torch.Tensor], folder: Path) -> None:
    try:
        weights = {name: model.model.get_parameter(name) for name in before}
    except AttributeError as error:
        raise _damaged(folder) from error
    if any(weights[name].shape != old.shape or weights[name].dtype != old.dtype for name, old in before.items()):
        raise _damaged(folder)
    for name, old in before.items():
        weights[name].copy_(old)


def _weights_before(changes: Sequence[WeightChange]) -> dict[str, torch.Tensor]:
    """Each changed weight as it was before the first of the changes, which are all in force."""
    before: dict[str, torch.Tensor] = {}
    for change in reversed(changes):
        for name in change.names:
            later = before[name] if name in before else change.model.model.get_parameter(name)
            before[name] = change.earlier(name, later)
    return {name: weight.cpu().contiguous() for name, weight in before.items()}


def _read_before(folder: Path, record: Record) -> dict[str, torch.Tensor]:
    path = folder / _PART / _BEFORE
    try:
        if sha256_of(path) != record.checksum:
            raise _damaged(folder)
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise _damaged(folder) from error


def _old_of(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")


def _load(folder: Path, dtype: str) -> HuggingFaceModel:
    return HuggingFaceModel.load(folder, device="cpu", dtype=dtype)


def _figures(rows: Sequence[Mapping[str, Any]]) -> str:
    """The figures as a table: one line a measure, before and after the edits."""
    lines: dict[tuple[str, str], dict[bool, Mapping[str, Any]]] = {}
    for row in rows:
        lines.setdefault((row["metric"], row["kind"]), {})[row["edits"] > 0] = row
    cells = [
        f"| {metric} | {kind} | {_cell(found.get(False))} | {_cell(found.get(True))} |"
        for (metric, kind), found in lines.items()
    ]
    head = ["", "## Measured", "", "| measure | kind | before | after |", "| --- | --- | --- | --- |"]
    return "\n".join([*head, *cells, ""])


def _cell(row: Mapping[str, Any] | None) -> str:
    return "" if row is None else f"{row['value']:.3f} (n = {row['n']:,})"


def plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as JSON gives them back: tuples as lists."""
    found: dict[str, Any] = json.loads(json.dumps(options, default=str))
    return found


def _damaged(folder: Path) -> EditorError:
    return EditorError(f"the consolidation in {folder} is damaged: make it again, or put a copy in its place")
