"""Where the indexes of a store's passages lie, and their removal: nothing but what an index itself wrote is touched."""

import hashlib
import json
import re
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from kedit_memory.errors import StoreError
from kedit_memory.records import DEFAULT_NAMESPACE

MANIFEST = "manifest.json"
_FOLDER = "passages"  # in that of a store
_INDEX = re.compile(r"(bm25|dense)(-[0-9a-f]{12})?")
_PART = re.compile(r"(segment|index)-[0-9a-f]{12}")


def index_folder(store: Path, kind: str, namespace: str) -> Path:
    """Where an index of a kind, bm25 or dense, is kept for one namespace."""
    other = "" if namespace == DEFAULT_NAMESPACE else f"-{hashlib.sha256(namespace.encode()).hexdigest()[:12]}"
    return store / _FOLDER / f"{kind}{other}"


def write_manifest(index: Path, fields: Mapping[str, Any]) -> None:
    """Make what an index says of itself current, by one rename."""
    aside = index / f"{MANIFEST}.part"
    aside.write_text(json.dumps(fields) + "\n", encoding="utf-8")
    aside.replace(index / MANIFEST)


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
