"""The vector index as files beside the rows: used when it matches them, made anew when it does not.

`cache/manifest.json` names the folder that holds the files, their checksums, and the last operation
that they know of. A new cache is written into another folder and made current by one rename.
"""

import hashlib
import json
import logging
import os
import shutil
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kedit_memory.memory.index import VectorIndex

_LOG = logging.getLogger(__name__)
FILE = "manifest.json"
_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a cache says about itself."""

    engine: str
    encoder: str
    encoder_revision: str
    dimension: int
    sequence: int
    count: int
    folder: str = ""
    checksums: dict[str, str] | None = None  # SHA-256 of each file
    version: int = _VERSION
    metric: str = "euclidean"

    def fits(self, wanted: "Manifest") -> bool:
        """Whether a store that wants `wanted` can use this cache; it may lag behind, not lead."""
        return self._made_of() == wanted._made_of() and self.sequence <= wanted.sequence

    def _made_of(self) -> tuple[object, ...]:
        identity = (self.engine, self.encoder, self.encoder_revision, self.dimension)
        return (*identity, self.version, self.metric)


def save_cache(cache: Path, index: VectorIndex, manifest: Manifest) -> None:
    """Writes the index aside, flushes it to the disk, then makes it the current cache."""
    folder = cache / f"index-{manifest.sequence}-{uuid.uuid4().hex[:8]}"
    folder.mkdir(parents=True)
    index.save(folder)
    checksums = {}
    for file in sorted(folder.iterdir()):
        _flush(file)
        checksums[file.name] = _checksum(file)
    written = asdict(manifest) | {"folder": folder.name, "checksums": checksums}
    aside = cache / f"{FILE}.{folder.name}"
    aside.write_text(json.dumps(written, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    _flush(aside)
    aside.replace(cache / FILE)
    _flush(cache)
    for other in cache.iterdir():
        if other.name not in (folder.name, FILE):
            _discard(other)


def load_cache(cache: Path, engine: type[VectorIndex], wanted: Manifest) -> tuple[VectorIndex, int] | None:
    """The cached index and the last operation it knows of; None when it cannot be used."""
    manifest = read_manifest(cache)
    if manifest is None or not manifest.fits(wanted):
        return None
    if problem := damage(cache, manifest):
        _LOG.warning("%s; the index is rebuilt from the rows", problem)
        return None
    try:
        index = engine.load(cache / manifest.folder)
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError is what FAISS raises
        _LOG.warning("cache %s cannot be read (%s); it is rebuilt", cache, error)
        return None
    return (index, manifest.sequence) if len(index) == manifest.count else None


def read_manifest(cache: Path) -> Manifest | None:
    """The manifest of a cache; None when there is none or it makes no sense."""
    try:
        given: Any = json.loads((cache / FILE).read_text(encoding="utf-8"))
        manifest = Manifest(**given)
    except (OSError, ValueError, TypeError):  # absent, no JSON, other fields
        return None
    sound = isinstance(given["sequence"], int) and isinstance(given["checksums"], dict)
    inside = isinstance(given["folder"], str) and given["folder"] == Path(given["folder"]).name
    return manifest if sound and inside else None


def damage(cache: Path, manifest: Manifest) -> str | None:
    """What is wrong with the files that a manifest names; None when nothing is."""
    for name, expected in (manifest.checksums or {}).items():
        file = cache / manifest.folder / Path(name).name
        try:
            if _checksum(file) != expected:
                return f"cache file {file} is damaged"
        except OSError:
            return f"cache file {file} is missing"
    return None


def drop_cache(cache: Path) -> None:
    """Removes all files of a cache, the manifest first: a kill in between leaves files that nobody names."""
    _discard(cache / FILE)
    for other in cache.iterdir():
        _discard(other)


def _discard(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _checksum(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
