"""Loss of power: of what was written, only what was flushed is sure to be on the disk; all else is there or not.

A disk is kept beside a traced process: what each file held when it was last flushed, and the names that each folder had
then. A file that is flushed has its name on the disk, too, and the folders above it, as ext4, XFS and Btrfs have it.
"""

import os
import random
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from faults.kills import acting, copied, judged, states
from faults.stores import WORKS, Work
from faults.tracing import spread, trace
from faults.trials import Trial

_SECTOR = 512  # bytes that are on the disk together or not at all
_FLUSHES = ("fsync", "fdatasync")


class Disk:
    """What is sure to be there of a folder; what it holds as the disk is made counts as flushed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._held: dict[int, bytes] = {}  # by inode
        self._names: dict[int, dict[str, int]] = {}  # of folders, by inode
        self._open: dict[int, int] = {}  # what is open is not taken for another file once it is removed
        for path in (self._folder, *self._folder.rglob("*")):
            self.note(_FLUSHES[0], path)

    def note(self, call: str, path: Path) -> None:
        """Takes over what a flush has the disk hold; other calls change nothing that is sure to be there."""
        if call not in _FLUSHES or not path.exists():
            return
        number = self._numbered(path)
        if path.is_dir():
            self._names[number] = {one.name: self._numbered(one) for one in path.iterdir()}
            return
        self._held[number] = path.read_bytes()
        while path != self._folder:
            self._names.setdefault(self._numbered(path.parent), {})[path.name] = self._numbered(path)
            path = path.parent

    def lost(self, to: Path) -> None:
        """The folder with nothing but what was flushed."""
        self._write(self._folder.stat().st_ino, to)

    def torn(self, to: Path, rng: random.Random) -> None:
        """The folder with all names, and of what was not flushed some sectors; others are as before, or zeros."""
        for path in (self._folder, *sorted(self._folder.rglob("*"))):
            there = to / path.relative_to(self._folder)
            if path.is_dir():
                there.mkdir()
            else:
                there.write_bytes(_mixed(self._held.get(path.stat().st_ino, b""), path.read_bytes(), rng))

    def close(self) -> None:
        """Lets go of the files."""
        for handle in self._open.values():
            os.close(handle)

    def _numbered(self, path: Path) -> int:
        number = path.stat().st_ino
        if number not in self._open:
            self._open[number] = os.open(path, os.O_RDONLY)
        return number

    def _write(self, folder: int, to: Path) -> None:
        to.mkdir()
        for name, number in self._names.get(folder, {}).items():
            if os.path.isdir(f"/proc/self/fd/{self._open[number]}"):  # noqa: PTH112 - it may have no name any more
                self._write(number, to / name)
            else:
                (to / name).write_bytes(self._held.get(number, b""))


def _mixed(flushed: bytes, written: bytes, rng: random.Random) -> bytes:
    """Sectors of either, chosen at random, of the length of either where something differs."""
    if flushed == written:
        return written
    longest = max(len(flushed), len(written))
    old, new = flushed.ljust(longest, b"\0"), written.ljust(longest, b"\0")
    starts = range(0, longest, _SECTOR)
    mixed = b"".join((new if rng.random() < 0.5 else old)[at : at + _SECTOR] for at in starts)
    return mixed[: rng.choice((len(flushed), len(written)))]


def power_losses(name: str, folder: Path, most: int, seed: int = 0) -> Iterator[Trial]:
    """Up to `most` losses of power during one work, spread over its steps: of nothing but what is sure, and torn."""
    work, base = WORKS[name], folder / "base"
    work.prepare(base)
    said = copied(base, folder / "trial", lambda trial: states(work, trial))
    steps = copied(base, folder / "trial", lambda trial: trace(acting(work, trial), trial)).steps
    rng = random.Random(seed)
    for place in spread(2 * (len(steps) + 1), most, seed):  # the end of the work included
        yield _lost(f"power: {name}", work, folder, said, place // 2, rng if place % 2 else None)


def _lost(
    fault: str, work: Work, folder: Path, said: Sequence[str], stop_at: int, rng: random.Random | None
) -> Trial:  # fmt: skip
    after = folder / "after"

    def run(place: Path) -> Trial:
        disk = Disk(place)
        try:
            traced = trace(acting(work, place), place, kill_at=stop_at, watch=disk.note)
            where = f"step {stop_at}, {'torn' if rng else 'unflushed'}, after {traced.steps[-1:]}"
            disk.torn(after, rng) if rng else disk.lost(after)
            return judged(fault, where, work, after, said, traced)
        finally:
            disk.close()
            shutil.rmtree(after, ignore_errors=True)

    return copied(folder / "base", folder / "trial", run)
