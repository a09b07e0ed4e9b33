"""What is known of each public set and of its published files: `data/sources.toml`, read and checked."""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from kedit_memory.errors import InvalidInputError
from kedit_memory.shipped import data_folder

_SHA256, _GIT = "sha256", "git"
_FORMS = {_SHA256: 64, _GIT: 40}  # kinds of checksums, and how many digits they have
_CHUNK = 1 << 20


class State(StrEnum):
    """How a file on this machine stands to the published one."""

    PUBLISHED = "as published"
    OTHER = "other"
    ABSENT = "absent"
    UNKNOWN = "no checksum known"


@dataclass(frozen=True, kw_only=True)
class PublishedFile:
    """A file of a set.

    Attributes:
        path: where it lies in the set's folder.
        address: where it is published.
        checksum: `sha256:` with that of its bytes, or `git:` with the name that git gives them; empty if unknown.
    """

    path: str
    address: str
    checksum: str = ""

    def state(self, folder: Path) -> State:
        """How the file in a set's folder stands to the published one."""
        file = folder / self.path
        if not file.is_file():
            return State.ABSENT
        if not self.checksum:
            return State.UNKNOWN
        return State.PUBLISHED if checksum_of(file, self.checksum) == self.checksum else State.OTHER


@dataclass(frozen=True, kw_only=True)
class PublicSet:
    """A set: what it is called, who made it, what it measures and may be used for, and where its files are."""

    name: str
    title: str
    paper: str
    measures: str
    form: str
    licence: str
    folder: str
    files: tuple[PublishedFile, ...] = ()

    def states(self, data: Path) -> dict[str, State]:
        """How each file of the set, in the folder of public sets, stands to the published one."""
        return {file.path: file.state(data / self.folder) for file in self.files}


@cache
def sources() -> Mapping[str, PublicSet]:
    """The sets of `data/sources.toml` by name."""
    return read_sources(data_folder() / "sources.toml")


def read_sources(path: Path) -> dict[str, PublicSet]:
    """The sets of a file of sources.

    Raises:
        InvalidInputError: the file is malformed, or names a file outside its set's folder.
    """
    try:
        read: dict[str, dict[str, Any]] = tomllib.loads(path.read_text("utf-8"))
        return {name: _set(name, told) for name, told in read.items()}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InvalidInputError(f"{path} is no file of sources: {error}") from error


def checksum_of(file: Path, like: str) -> str:
    """A file's checksum of the same kind as another."""
    kind = like.partition(":")[0]
    digest = hashlib.sha256() if kind == _SHA256 else hashlib.sha1(usedforsecurity=False)
    if kind == _GIT:
        digest.update(b"blob %d\0" % file.stat().st_size)
    with file.open("rb") as content:
        while part := content.read(_CHUNK):
            digest.update(part)
    return f"{kind}:{digest.hexdigest()}"


def _set(name: str, told: dict[str, Any]) -> PublicSet:
    texts = {key: value for key, value in told.items() if key != "from"}
    files = [
        PublishedFile(path=path, address=group["base"] + group.get("named", {}).get(path, path), checksum=checksum)
        for group in told.get("from", [])
        for path, checksum in group["files"].items()
    ]
    for file in files:
        _check(file)
    return PublicSet(name=name, **texts, files=tuple(files))


def _check(file: PublishedFile) -> None:
    kind, _, digits = file.checksum.partition(":")
    if file.checksum and _FORMS.get(kind) != len(digits):
        raise InvalidInputError(f"{file.path}: checksum {file.checksum!r} is neither sha256:… nor git:…")
    if not file.address.startswith(("https://", "http://")):
        raise InvalidInputError(f"{file.path}: address {file.address!r} is none of the web; begin it with https://")
    if Path(file.path).is_absolute() or ".." in Path(file.path).parts:
        raise InvalidInputError(f"{file.path} is no path within the folder of its set")
