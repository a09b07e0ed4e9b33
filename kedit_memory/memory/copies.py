"""Copies of whole stores: backups, and stores that are made from them, as they are or as they once were."""

import fcntl
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kedit_memory.cachefiles import flush
from kedit_memory.errors import NotFoundError, StoreError
from kedit_memory.memory.encoding import Encoding
from kedit_memory.memory.rewind import rewind
from kedit_memory.memory.rows import DATABASE
from kedit_memory.memory.store import Store
from kedit_memory.records import Encoder
from kedit_memory.sqlite import copy_database

_LINES = "passages.jsonl"  # passages of a store that was not opened for long


def backup(store: Path, to: Path) -> Path:
    """A copy of a store in another folder, edits and passages, consistent even while others write.

    The folder appears when all is in it. The cache is left out, since the copy makes its own.

    Raises:
        StoreError: the folder holds something already, or cannot be written.
    """
    return _made(to, lambda aside: _copy(store, aside))


def restore(backup: Path, to: Path, at: int | None, encoder: str | Encoder | None) -> Path:
    """A store made from a backup, with `at` as it was when that operation was done; see `EditMemory.restore`."""
    if not (backup / DATABASE).is_file():
        raise NotFoundError(f"no backup at {backup}; name a folder that kedit backup has made, or a store")

    def fill(aside: Path) -> None:
        _copy(backup, aside)
        if at is not None:
            store = Store.open(aside, create=False)
            try:
                rewind(store, Encoding(store, encoder), at)
            finally:
                store.close()

    return _made(to, fill)


def _copy(store: Path, to: Path) -> None:
    for database in sorted(store.glob("*.db")):
        copy_database(database, to / database.name)
    for older in store.glob(_LINES):
        shutil.copy2(older, to / older.name)


def _made(folder: Path, fill: Callable[[Path], None]) -> Path:
    """A folder that appears, by one rename, once all is in it and on the disk."""
    folder = folder.absolute()
    try:
        if folder.exists() and any(folder.iterdir()):
            raise StoreError(f"{folder} already holds something; name an empty or a new folder")
        with _aside(folder) as aside:
            fill(aside)
            for file in aside.iterdir():
                flush(file)
            flush(aside)
            aside.replace(folder)
            flush(folder.parent)
    except OSError as error:
        raise StoreError(f"{folder} cannot be written ({error}); name another folder") from error
    return folder


@contextmanager
def _aside(folder: Path) -> Iterator[Path]:
    """A new folder beside one, gone at the end unless it was renamed; what killed processes left there goes, too.

    Each holds a lock on its own, which ends with the process.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    own = re.compile(rf"\.{re.escape(folder.name)}\.[0-9a-f]{{8}}")
    for left in [one for one in folder.parent.iterdir() if own.fullmatch(one.name) and not one.is_symlink()]:
        with _locked(left) as alone:
            if alone:  # nobody writes there any more
                shutil.rmtree(left)
    aside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    aside.mkdir()
    try:
        with _locked(aside):
            yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Whether nobody else has locked a folder, which is locked then."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(handle)
