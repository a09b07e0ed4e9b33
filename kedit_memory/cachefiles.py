"""Files that can always be made again, in a folder beside what they are made from: used while they match it.

`manifest.json` names the folder that holds the files, their checksums, and what they were made from. A new cache is
written into another folder and made current by one rename. Only files with names of these forms are ever touched, and
nothing behind a symbolic link.
"""

import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

FILE = "manifest.json"
LOCK = "cache.lock"
_WAIT = 10.0  # seconds for another process to end writing
_OWN = re.compile(r"index-\d+-[0-9a-f]{8}|manifest\.json(\.index-\d+-[0-9a-f]{8})?")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a cache says about itself: its folder, the SHA-256 of each file, and what it was made from."""

    folder: str
    checksums: Mapping[str, str]
    made_from: Mapping[str, Any]


def write_cache(
    cache: Path,
    sequence: int,
    write: Callable[[Path], Mapping[str, Any]],
    publish: Callable[[Callable[[], object]], bool],
) -> None:
    """Has `write` fill a folder aside and say what it was made from; on the disk, `publish` makes it current.

    `publish` is given the last step and says whether it took it; where it did not, or fails, the old cache stays. While
    another process writes the cache, nothing is done.

    Raises:
        OSError: the files cannot be written.
    """
    if cache.is_symlink():
        raise OSError(f"{cache} is a symbolic link, which is not followed")
    cache.mkdir(exist_ok=True)  # never what it is a cache of, which may have been removed
    try:
        with FileLock(cache / LOCK, timeout=0):
            _write(cache, cache / f"index-{sequence}-{uuid.uuid4().hex[:8]}", write, publish)
    except Timeout:
        return


def _write(
    cache: Path,
    folder: Path,
    write: Callable[[Path], Mapping[str, Any]],
    publish: Callable[[Callable[[], object]], bool],
) -> None:
    aside = cache / f"{FILE}.{folder.name}"
    folder.mkdir()
    current = False
    try:
        made_from = dict(write(folder))
        checksums = {}
        for file in sorted(folder.rglob("*")):
            flush(file)
            if file.is_file():
                checksums[file.relative_to(folder).as_posix()] = checksum_of_file(file)
        written = {"folder": folder.name, "checksums": checksums, "made_from": made_from}
        aside.write_text(json.dumps(written, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        flush(aside)
        current = publish(lambda: aside.replace(cache / FILE))
    finally:
        if not current:
            shutil.rmtree(folder, ignore_errors=True)
            aside.unlink(missing_ok=True)
    if current:
        flush(cache)
        _discard(cache, lambda name: name not in (folder.name, FILE))


def read_manifest(cache: Path) -> Manifest | None:
    """The manifest of a cache; None when there is none or it makes no sense."""
    try:
        given: Any = json.loads((cache / FILE).read_text(encoding="utf-8"))
        folder, checksums, made_from = given["folder"], given["checksums"], given["made_from"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):  # absent, no JSON, other fields
        return None
    sound = isinstance(folder, str) and isinstance(checksums, dict) and isinstance(made_from, dict)
    if not sound or not _OWN.fullmatch(folder) or cache.is_symlink():
        return None
    return Manifest(folder=folder, checksums=checksums, made_from=made_from)


def damage(cache: Path, manifest: Manifest) -> str | None:
    """What is wrong with the files that a manifest names; None when nothing is."""
    for name, expected in manifest.checksums.items():
        folder = cache / manifest.folder
        file = folder / name
        try:
            if not file.resolve().is_relative_to(folder.resolve()) or checksum_of_file(file) != expected:
                return f"cache file {file} is damaged"
        except OSError:
            return f"cache file {file} is missing"
    return None


def drop_cache(cache: Path) -> None:
    """Removes all files of a cache, the manifest first: a kill in between leaves files that nobody names.

    Raises:
        OSError: a file cannot be removed.
    """
    if cache.is_symlink() or not cache.is_dir():
        return
    try:
        with FileLock(cache / LOCK, timeout=_WAIT):
            (cache / FILE).unlink(missing_ok=True)
            _discard(cache, lambda _: True)
    except Timeout:
        raise OSError(None, "another process is writing it") from None


def flush(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def put_in_place(aside: Path, folder: Path) -> None:
    """Give a folder that was written aside its name; its files and the name are on the disk when this returns.

    Raises:
        OSError: they cannot be written or renamed.
    """
    for path in (*aside.rglob("*"), aside):
        flush(path)
    aside.replace(folder)
    flush(folder.parent)


def _discard(cache: Path, chosen: Callable[[str], bool]) -> None:
    """Removes those of a cache's own files and folders that are chosen by name."""
    for path in list(cache.iterdir()):
        if not _OWN.fullmatch(path.name) or not chosen(path.name):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def checksum_of_file(file: Path) -> str:
    """The SHA-256 of what a file holds."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
