"""A codebook as files: arrays as safetensors, texts as gzipped JSON, what it is as JSON.

Hidden entries and all changes are kept. An entry takes two vectors and less than 100 bytes: its edit is named by a
number, and its label is written only where it is not the target of its edit.
"""

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from kedit_memory.editors._codebook_frame import Frame
from kedit_memory.editors._weights import read_record, write_aside, write_record
from kedit_memory.editors.base import Fact, Outcome
from kedit_memory.editors.codebook import Change, Codebook
from kedit_memory.errors import EditorError
from kedit_memory.models.classifier import Editable
from kedit_memory.models.sources import sha256_of

TENSORS = "codebook.safetensors"
TEXTS = "texts.json.gz"
RECORD = "codebook.json"
VERSION = 3
_READ = (2, VERSION)  # before, keys stood in no frame
_OTHERS = "others"  # the questions that a frame is made from

Arrays = dict[str, NDArray[Any]]
Outcomes = Mapping[str, Outcome]  # by the edit's name in the codebook


def save_codebook(
    codebook: Codebook, outcomes: Outcomes, folder: Path, about: Mapping[str, Any], frame: Frame | None = None
) -> None:
    """Write a codebook, the frame of its keys and its edits' outcomes into a new folder, with what is said `about` it.

    Raises:
        EditorError: the folder holds something already, or cannot be written.
    """
    arrays, texts = _packed(codebook, outcomes)
    if frame is not None:
        arrays[_OTHERS] = frame.others

    def write(place: Path) -> None:
        save_file(arrays, place / TENSORS)
        written = json.dumps(texts, ensure_ascii=False, separators=(",", ":")).encode()
        (place / TEXTS).write_bytes(gzip.compress(written, mtime=0))
        what = {
            "version": VERSION,
            "width": codebook.width,
            "distance": codebook.distance,
            "tolerance": codebook.tolerance,
            "count": len(codebook),
            "checksums": {name: sha256_of(place / name) for name in (TENSORS, TEXTS)},
        }
        write_record(place / RECORD, {**about, "codebook": what})

    write_aside(Path(folder), write)


def load_codebook(
    model: Editable, folder: Path, method: str
) -> tuple[Codebook, Frame | None, dict[str, Outcome], dict[str, Any]]:
    """The codebook that `method` saved for this model, with its frame, its edits' outcomes, and what was said about it.

    Raises:
        EditorError: the folder holds none, a damaged one, or one of another method, model or version.
    """
    folder = Path(folder)
    about = read_record(folder / RECORD, method, model)
    try:
        saved = about.pop("codebook")
        if saved["version"] not in _READ:
            raise EditorError(f"{folder} holds a codebook of version {saved['version']}; this one reads {VERSION}")
        if any(sha256_of(folder / name) != checksum for name, checksum in saved["checksums"].items()):
            raise _damaged(folder)
        arrays = load_file(folder / TENSORS)
        width, values = saved["width"], arrays["values"].shape[1]
        codebook = Codebook(width, values=values, distance=saved["distance"], tolerance=saved["tolerance"])
        texts = json.loads(gzip.decompress((folder / TEXTS).read_bytes()))
        frame = Frame(arrays[_OTHERS]) if _OTHERS in arrays else None
        outcomes = _unpack(codebook, arrays, texts)
        if len(codebook) != saved["count"]:
            raise _damaged(folder)
    except (OSError, EOFError, KeyError, ValueError, TypeError, IndexError, AttributeError, SafetensorError) as error:
        raise _damaged(folder) from error
    return codebook, frame, outcomes, about


def _packed(codebook: Codebook, outcomes: Outcomes) -> tuple[Arrays, dict[str, Any]]:
    """Arrays and texts of live rows, which are numbered anew, as are edits: those with an outcome come first."""
    rows = codebook.rows()
    row = {entry: place for place, entry in enumerate(rows)}
    changes = [(row[entry], change) for entry in sorted(codebook.changes) for change in codebook.changes[entry]]
    keys = [change.key for _, change in changes if change.key is not None]
    arrays: Arrays = {
        "keys": codebook.keys[rows],
        "values": codebook.values[rows],
        "initial_radii": codebook.initial[rows],
        "changed": np.array([entry for entry, _ in changes], np.int64),
        "amounts": np.array([change.amount for _, change in changes], np.float64),
        "change_keys": np.array(keys, np.float32).reshape(len(keys), codebook.width),
    }
    others = [*codebook.owners.values(), *codebook.causes.values()]
    others += [name for _, change in changes for name in (change.owner, change.cause) if name is not None]
    edits = list(dict.fromkeys([*outcomes, *others]))
    number: dict[str | None, int | None] = {name: place for place, name in enumerate(edits)}
    number[None] = None
    return arrays, {
        "edits": edits,
        "owners": [number[codebook.owners[entry]] for entry in rows],
        "labels": {
            row[entry]: label for entry, label in codebook.labels.items() if label != _said(codebook, outcomes, entry)
        },
        "causes": {row[entry]: number[cause] for entry, cause in codebook.causes.items()},
        "changes": [[number[change.owner], change.effect, number[change.cause]] for _, change in changes],
        "outcomes": [_row(name, outcome) for name, outcome in outcomes.items()],
    }


def _said(codebook: Codebook, outcomes: Outcomes, entry: int) -> str | None:
    """The target of the edit that made the entry, which is its label but for rare ones."""
    outcome = outcomes.get(codebook.owners[entry])
    return outcome.fact.target if outcome else None


def _row(name: str, outcome: Outcome) -> list[Any]:
    fact = outcome.fact
    ids = None if fact.edit_id == name else [fact.edit_id]
    how = (outcome.learned, outcome.seconds, outcome.steps, outcome.reason)
    return [fact.prompt, fact.target, fact.subject, fact.paraphrases, ids, *how]


def _outcome(name: str, row: Sequence[Any]) -> Outcome:
    prompt, target, subject, paraphrases, ids, learned, seconds, steps, reason = row
    edit_id = name if ids is None else ids[0]
    fact = Fact(prompt=prompt, target=target, subject=subject, paraphrases=tuple(paraphrases), edit_id=edit_id)
    return Outcome(fact=fact, learned=learned, seconds=seconds, steps=steps, reason=reason)


def _unpack(codebook: Codebook, arrays: Arrays, texts: Mapping[str, Any]) -> dict[str, Outcome]:
    edits = texts["edits"]
    outcomes = {name: _outcome(name, row) for name, row in zip(edits, texts["outcomes"], strict=False)}
    owners = [edits[number] for number in texts["owners"]]
    causes = {int(entry): edits[number] for entry, number in texts["causes"].items()}
    labels = {int(entry): label for entry, label in texts["labels"].items()}
    names = [
        (labels[entry] if entry in labels else outcomes[owner].fact.target, owner, causes.get(entry))
        for entry, owner in enumerate(owners)
    ]
    if len(names) != len(arrays["keys"]):
        raise ValueError("as many names as keys are needed")  # becomes the error of a damaged folder
    codebook.restore(arrays["keys"], arrays["values"], arrays["initial_radii"], names)
    keys = iter(arrays["change_keys"])
    changes: dict[int, list[Change]] = {}
    rows = zip(arrays["changed"].tolist(), arrays["amounts"].tolist(), texts["changes"], strict=True)
    names_of: dict[int | None, str | None] = {None: None, **dict(enumerate(edits))}
    for entry, amount, (owner, effect, cause) in rows:
        key = next(keys) if effect == "grow" else None
        change = Change(owner=edits[owner], effect=effect, amount=amount, key=key, cause=names_of[cause])
        changes.setdefault(entry, []).append(change)
    codebook.restore_changes(changes)
    return outcomes


def _damaged(folder: Path) -> EditorError:
    return EditorError(f"the codebook saved in {folder} is damaged: make the edits again, or load another copy")
