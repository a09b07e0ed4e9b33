"""Where the indexes of a store's passages lie, and their removal: nothing but what an index itself wrote is touched.

Parts are mapped into memory, so that opening one does not read it; `kedit verify` says whether it is as it was written.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from tokenize import TokenError
from typing import Any

from kedit_memory.cachefiles import checksum_of_file, flush
from kedit_memory.errors import StoreError
from kedit_memory.records import DEFAULT_NAMESPACE

MANIFEST = "manifest.json"
_CHECKSUM = "checksum"  # of the other fields
_SEAL = "checksums.json"  # in a part, of its other files
# What reading damaged files of an index raises, whoever wrote them.
UNREADABLE = (
    OSError, EOFError, ValueError, TypeError, LookupError, AttributeError, RecursionError, RuntimeError, SyntaxError,
    TokenError,
)  # fmt: skip
_FOLDER = "passages"  # in that of a store
_INDEX = re.compile(r"(bm25|dense)(-[0-9a-f]{12})?")
_PART = re.compile(r"(segment|index)-[0-9a-f]{12}")


def index_folder(store: Path, kind: str, namespace: str) -> Path:
    """Where an index of a kind, bm25 or dense, is kept for one namespace."""
    other = "" if namespace == DEFAULT_NAMESPACE else f"-{hashlib.sha256(namespace.encode()).hexdigest()[:12]}"
    return store / _FOLDER / f"{kind}{other}"


def write_manifest(index: Path, fields: Mapping[str, Any]) -> None:
    """Make what an index says of itself current, by one rename; all of it is on the disk before."""
    aside = index / f"{MANIFEST}.part"
    aside.write_text(json.dumps(dict(fields) | {_CHECKSUM: _digest(fields)}) + "\n", encoding="utf-8")
    flush(aside)
    aside.replace(index / MANIFEST)
    flush(index)


def read_manifest(index: Path) -> dict[str, Any]:
    """What an index says of itself.

    Raises:
        FileNotFoundError: there is none.
        OSError, ValueError, AttributeError, RecursionError: it cannot be read, or was altered.
    """
    fields: dict[str, Any] = json.loads((index / MANIFEST).read_text(encoding="utf-8"))
    if fields.pop(_CHECKSUM, None) != _digest(fields):
        raise ValueError(f"{index / MANIFEST} is not as it was written")
    return fields


def seal(part: Path) -> None:
    """Note what the files of a part hold, so that damage can be told later, and wait until they are on the disk."""
    checksums = {file.name: checksum_of_file(file) for file in sorted(part.iterdir())}
    (part / _SEAL).write_text(json.dumps(checksums) + "\n", encoding="utf-8")
    for file in part.iterdir():
        flush(file)
    flush(part)


def index_problems(store: Path) -> Iterator[str]:
    """What is wrong with the indexes of a store's passages; those that nobody uses any more are not looked at."""
    folder = store / _FOLDER
    for index in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not _INDEX.fullmatch(index.name) or index.is_symlink() or not (index / MANIFEST).exists():
            continue
        try:
            used = json.dumps(read_manifest(index))
            parts = [part for part in sorted(index.iterdir()) if _PART.fullmatch(part.name) and part.name in used]
            for file in _altered(parts):
                yield f"{file} is not as it was written; run kedit rebuild"
        except UNREADABLE as error:
            yield f"the index in {index} cannot be read ({error}); run kedit rebuild"


def _altered(parts: Iterable[Path]) -> Iterator[Path]:
    for part in parts:
        checksums = json.loads((part / _SEAL).read_text(encoding="utf-8"))
        yield from (part / name for name, noted in checksums.items() if checksum_of_file(part / name) != noted)


def _digest(fields: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def discard_parts(index: Path, keep: Collection[str] = ()) -> None:
    """Remove the parts of an index that are not kept; what cannot be removed is left to the next time."""
    for part in list(index.iterdir()):
        if _PART.fullmatch(part.name) and part.name not in keep and not part.is_symlink():
            shutil.rmtree(part, ignore_errors=True)


def drop_indexes(store: Path) -> None:
    """Remove the indexes of a store's passages, of every namespace; they are made anew when they are needed.

    Raises:
        StoreError: they cannot be removed.
    """
    folder = store / _FOLDER
    for index in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not _INDEX.fullmatch(index.name) or index.is_symlink() or not index.is_dir():
            continue
        try:
            for name in (MANIFEST, f"{MANIFEST}.part"):
                (index / name).unlink(missing_ok=True)
            discard_parts(index)
            if left := [part.name for part in index.iterdir() if _PART.fullmatch(part.name)]:
                raise StoreError(f"cannot remove {index / left[0]}; remove it by hand")
            if not any(index.iterdir()):
                index.rmdir()
        except OSError as error:
            raise StoreError(f"cannot remove {index}: {error.strerror}; remove it by hand") from error
