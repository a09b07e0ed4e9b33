"""Copies of whole stores: backups, and stores that are made from them, as they are or as they once were."""

import fcntl
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

from kedit_memory.cachefiles import flush
from kedit_memory.errors import InvalidInputError, NotFoundError, StoreError
from kedit_memory.memory.encoding import Encoding
from kedit_memory.memory.folder import DATABASE, Folder
from kedit_memory.memory.moving import copy_rows
from kedit_memory.memory.rewind import rewind
from kedit_memory.memory.rows import Rows
from kedit_memory.memory.store import Store
from kedit_memory.places import without_password
from kedit_memory.records import Encoder
from kedit_memory.sqlite import copy_database

Place: TypeAlias = str | Path  # the address of a store, or its folder

_LINES = "passages.jsonl"  # passages of a store that was not opened for long


def backup(store: Store, to: Path) -> Path:
    """A copy of a store in another folder, edits and passages, consistent even while others write.

    The folder appears when all is in it. The cache is left out, since the copy makes its own. Of a store in PostgreSQL
    it is a store in a folder, with the same rows.

    Raises:
        StoreError: the folder holds something already, or cannot be written.
    """
    if isinstance(store.database, Folder):
        return _made(to, lambda aside: _copy(store.folder, aside))
    return _made(to, lambda aside: _write_out(store, aside))


def restore(backup: Place, to: Place, at: int | None, encoder: str | Encoder | None) -> Place:
    """A store made from a backup, with `at` as it was when that operation was done; see `EditMemory.restore`."""
    if isinstance(backup, Path) and not (backup / DATABASE).is_file():
        raise NotFoundError(f"no backup at {backup}; name a folder that kedit backup has made, or a store")

    def fill(aside: Path) -> None:
        if isinstance(backup, Path):
            _copy(backup, aside)
        else:
            with closing(Store.open(backup, create=False)) as store:
                _write_out(store, aside)
        if at is not None:
            with closing(Store.open(aside, create=False)) as store:
                rewind(store, Encoding(store, encoder), at)

    if isinstance(to, Path):
        return _made(to, fill)
    with TemporaryDirectory(prefix="kedit-") as folder:
        fill(Path(folder))
        with closing(Store.open(Path(folder), create=False)) as store, closing(Store.open(to)) as made:
            copy_rows(store, made)
    return to


def folder_of_passages(store: Store) -> Path:
    """The folder in which passages of a store are; see `EditMemory.passages`."""
    if isinstance(store.database, Folder):
        return store.folder
    raise InvalidInputError(
        f"{store.name} takes no passages; keep them in a store in a folder, see kedit ingest --store"
    )


def move(store: Place, to: Place) -> Place:
    """All of a store in a new one of another kind, or in another database; see `EditMemory.move`."""
    if isinstance(store, Path) and isinstance(to, Path):
        raise InvalidInputError(f"{store} and {to} are folders both; copy the store by kedit backup")
    if store == to:
        raise InvalidInputError(f"{without_password(to)} is one and the same store; name another place")
    with closing(Store.open(store, create=False)) as source, _unchanging(source) as rows:
        if isinstance(to, Path):
            return _made(to, lambda aside: _fill_new(rows, aside))
        _fill_new(rows, to)
    return to


@contextmanager
def _unchanging(store: Store) -> Iterator[Rows]:
    """The rows of a store, to which nobody writes meanwhile; of one that cannot be written, a snapshot."""
    if not store.database.writable:
        with store.reading() as rows:
            yield rows
        return
    with store.transaction(keep=False):
        yield store


def _write_out(store: Store, to: Path) -> None:
    with store.reading() as rows:
        _fill_new(rows, to)


def _fill_new(rows: Rows, to: Place) -> None:
    with closing(Store.open(to)) as made:
        copy_rows(rows, made)


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
