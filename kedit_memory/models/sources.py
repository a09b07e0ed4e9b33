"""Which models ship, and whether another name is a folder, which is checked, or a Hub name; loads no torch."""

import hashlib
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from kedit_memory import registry
from kedit_memory.errors import ModelError, UnknownNameError

# Models that the project ships: a name here stands for a function that gives the model's folder.
EMBEDDED = {
    "kedit-mini": "kedit_memory.shipped:embedded_model",
    "kedit-mini-counterfactual": "kedit_memory.shipped:counterfactual_model",
}
COUNTERFACTUAL = "kedit-mini-counterfactual"  # trained to read an edit and to answer from it, as SERAC wants it

PAIR_WEIGHTS = "adapter.safetensors"  # of a pair model, beside its configuration
PAIR_STACK = "stack.json"  # what weighs its scores with distances, where it has that

_FINGERPRINT_DIGITS = 12
_LOOKS_ALIKE = 0.8  # of difflib's ratio, 1 for equal names


def embedded_folder(name: str) -> Path:
    """The folder of a model that ships.

    Raises:
        UnknownNameError: none has this name.
    """
    return Path(registry.load("embedded model", name, EMBEDDED)())


def find_source(source: str | Path, kind: str) -> tuple[str, bool]:
    """What to load from, and whether it is a folder of this machine (else a Hub name).

    Args:
        source: A folder or a Hub name.
        kind: What it is to hold, "model" or "encoder", for the message.

    Raises:
        ModelError: There is no such folder, or it lacks a configuration or safetensors weights.
    """
    if not str(source).strip():
        raise ModelError(f"no {kind} is named: give a folder or a Hub name")
    path = Path(source).expanduser()
    if path.is_dir():
        _check_folder(path, kind)
        return str(path), True
    if path.exists():
        raise ModelError(f"{path} is a file: give the folder that holds the {kind}")
    if isinstance(source, Path) or _is_path(source):
        raise ModelError(f"no folder {path}: give the folder of an existing {kind}, or a Hub name")
    return source, False


def refuse_misspelt(kind: str, name: str, known: Iterable[str]) -> None:
    """Refuses a name that is all but a known one, before a network is asked for it.

    Raises:
        UnknownNameError: `name` is no folder, and nearly a known name.
    """
    names = list(known)
    if get_close_matches(name, names, n=1, cutoff=_LOOKS_ALIKE) and not Path(name).exists():
        raise UnknownNameError(kind, name, names)


def _is_path(text: str) -> bool:
    # A Hub name is "model" or "owner/model"; all else can only be meant as a path.
    return text.startswith((".", "/", "~")) or text.endswith("/") or text.count("/") > 1 or "\\" in text


def _check_folder(path: Path, kind: str) -> None:
    if not (path / "config.json").is_file():
        raise ModelError(f"{path} holds no {kind}: there is no config.json in it")
    if next(path.glob("*.safetensors"), None) is None:
        raise ModelError(
            f"{path} holds no weights: there is no *.safetensors in it "
            "(pickled .bin and .pt files are not read; convert them with save_pretrained)"
        )


def pair_fingerprint(folder: Path) -> str:
    """What changes whenever the pair model in a folder may score otherwise; read from its files, without loading it.

    Raises:
        ModelError: the folder holds none.
    """
    try:
        digest = sha256_of(folder / PAIR_WEIGHTS)
        if (stack := folder / PAIR_STACK).is_file():
            digest = hashlib.sha256((digest + sha256_of(stack)).encode()).hexdigest()
        return digest[:_FINGERPRINT_DIGITS]
    except OSError as error:
        raise ModelError(f"no scope verifier in {folder} ({error}); name its folder, or train one") from error


def sha256_of(file: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal digits."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
