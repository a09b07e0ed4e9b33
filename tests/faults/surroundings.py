"""What happens around a store: a full disk, one that cannot be written, a clock that goes back, others at work."""

import os
import random
import resource
import select
import shutil
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from faults.kills import copied, states
from faults.stores import STORE, WORKS, faulty, filled, opened, problems, said, still_works
from faults.tracing import CHANGED, READ_ONLY, in_child, mount, spread, trace, with_own_mounts
from faults.trials import SURVIVED, Trial, lost

from kedit_memory.errors import ConflictError, KeditError, NotFoundError, StoreError

_WRITING = ("add", "add many", "supersede", "purge", "rebuild", "encode again", "backup", "ingest")
_ROOM = 4096  # bytes by which one disk is larger than the one before
_SEATS = 6


def full_disk(folder: Path, most: int, seed: int = 0) -> Iterator[Trial]:
    """The disk is full at some point of a work; when there is room again, it goes on from what was acknowledged."""
    for number in range(most):
        name = _WRITING[(number + seed) % len(_WRITING)]
        room = _ROOM * (1 + (number + seed) // len(_WRITING) % 40)
        yield _trial("full disk", in_child(lambda name=name, room=room: _filling(folder / "trial", name, room)))


def _filling(place: Path, name: str, room: int) -> str:
    """In a process of its own: on a disk of its own where that is allowed, else with a limit on the size of files."""
    place.mkdir(exist_ok=True)
    work = WORKS[name]
    try:
        with_own_mounts()
        mount("tmpfs", place, 0, "size=50m")
        limited = None
    except OSError:
        limited = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    try:
        work.prepare(place / "base")
        said_after = copied(place / "base", place / "trial", lambda trial: states(work, trial))
        shutil.copytree(place / "base", place / "trial")
        _bound(place, room, limited)
        acknowledged, refused = 0, ""
        try:
            for _ in work.steps(place / "trial"):
                acknowledged += 1
        except (KeditError, OSError) as error:
            refused = f"{type(error).__name__}: {error}"
        _bound(place, None, limited)
        if refused and (not refused.startswith("StoreError") or "\n" in refused):
            return f"{name}, {room} bytes: not told in one line: {refused}"
        wrong = _after_room(work, place / "trial", said_after, acknowledged, refused=bool(refused))
        return wrong and f"{name}, {room} bytes, after {refused!r}: {wrong}"
    finally:
        if limited is not None:
            shutil.rmtree(place)


def _after_room(work: Any, place: Path, said_after: list[str], acknowledged: int, *, refused: bool) -> str:
    found = [one for one in problems(place) if "kedit purge" not in one and "made from other rows" not in one]
    if found:
        return f"verify: {found}"
    # A purge that could not be finished has removed the rows already, and says so.
    allowed = {said_after[acknowledged]} | ({said_after[-1]} if refused and work is WORKS["purge"] else set())
    if said(place) not in allowed:
        return "an acknowledged change is missing, or a refused one is there"
    return work.after(place, 0 if refused else acknowledged) or still_works(place)


def _bound(place: Path, room: int | None, limited: int | None) -> None:
    """Leaves so many bytes on the disk; None for enough."""
    if limited is not None:
        largest = max((file.stat().st_size for file in place.rglob("*") if file.is_file()), default=0)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limited if room is None else largest + room, limited))
        return
    disk = os.statvfs(place)
    used = (disk.f_blocks - disk.f_bfree) * disk.f_frsize
    mount("tmpfs", place, CHANGED, "size=50m" if room is None else f"size={used + room}")


def read_only(folder: Path, most: int, seed: int = 0) -> Iterator[Trial]:
    """The disk can be read alone, after a work was killed at some step: what can be told is, and nothing is changed."""
    for number in range(most):
        name = _WRITING[(number + seed) % len(_WRITING)]
        yield _trial("read-only disk", in_child(lambda name=name, n=number: _reading(folder / "trial", name, n)))


def _reading(place: Path, name: str, number: int) -> str:
    place.mkdir(exist_ok=True)
    with_own_mounts()
    mount("tmpfs", place, 0, "size=50m")
    WORKS[name].prepare(place / "base")
    shutil.copytree(place / "base", place / "trial")
    if number % 3:  # else the store was left in order
        _kill_somewhere(place, name, number)
    before = _files(place / "trial")
    mount("tmpfs", place, READ_ONLY, "size=50m")
    try:
        told, refused = _told_read_only(place / "trial"), ""
    except StoreError as error:
        told, refused = "", str(error)
    after = _files(place / "trial")
    mount("tmpfs", place, CHANGED, "size=50m")
    if after != before:
        return f"{name}: files were changed"
    if refused and ("\n" in refused or "writable" not in refused):
        return f"{name}: no advice in {refused!r}"
    wrong = [one for one in problems(place / "trial") if "kedit purge" not in one and "other rows" not in one]
    return told or "; ".join(wrong)


def _kill_somewhere(place: Path, name: str, number: int) -> None:
    def act(acknowledge: Callable[[], None]) -> None:
        for _ in WORKS[name].steps(place / "trial"):
            acknowledge()

    steps = len(trace(act, place / "trial").steps)
    shutil.rmtree(place / "trial")
    shutil.copytree(place / "base", place / "trial")
    trace(act, place / "trial", kill_at=number * steps // 7 % steps)


def _files(place: Path) -> dict[str, bytes]:
    """All files of the store; the shared memory of SQLite is not kept."""
    files = [file for file in (place / STORE).rglob("*") if file.is_file() and not file.name.endswith("-shm")]
    return {str(file): file.read_bytes() for file in files}


def _told_read_only(place: Path) -> str:
    """What is wrong with the answers of a store that cannot be written."""
    with opened(place) as memory:
        if memory.in_scope("question 0?")[0].edit.target != "answer 0":
            return "another answer"
        changes = (lambda: memory.add("Who?", "x"), memory.undo, lambda: memory.retract("e1"), memory.purge)
        return "" if all(map(_refused, changes)) else "a change was not refused"


def _refused(change: Callable[[], object]) -> bool:
    try:
        change()
    except StoreError as error:
        return "cannot be changed here; make the folder writable" in str(error)
    return False


def clock_back(folder: Path, most: int, seed: int = 0) -> Iterator[Trial]:
    """The clock stands, jumps back or forth: all is as with one that runs, but for the moments that are noted."""
    filled(folder / "base")
    for number in range(most):
        rng = random.Random(seed + number)
        told, plan = [], _plan(random.Random(seed + number))
        for name, jumps in (("running", False), ("jumping", True)):
            place = folder / name
            shutil.copytree(folder / "base", place)
            told.append(_under(place, plan, _clock(rng, jumps=jumps)))
            wrong = "; ".join(problems(place)) or still_works(place)
            shutil.rmtree(place)
            if wrong:
                break
        wrong = wrong or ("" if told[0] == told[-1] else "edits differ")
        yield _trial("clock that goes back", wrong)


def _plan(rng: random.Random) -> list[tuple[str, int, str | None, str | None]]:
    days = (None, "2024-01-01", "2026-06-01", "2026-06-02")
    return [
        (rng.choice(["add", "erase", "update", "retract", "undo", "reject"]), rng.randrange(4), *rng.choices(days, k=2))
        for _ in range(10)
    ]


def _under(place: Path, plan: list[Any], clock: Callable[[], datetime]) -> list[Any]:
    """What the edits are after a plan was carried out by a clock, without moments."""
    with opened(place, clock=clock) as memory:
        for verb, number, start, end in plan:
            dates = {"valid_from": start, "valid_until": end} if start and end and start < end else {}
            edits = memory.all()
            chosen = edits[number * 3 % len(edits)].id if edits else "e1"
            try:
                if verb == "add":
                    memory.add(f"Who leads unit {number}?", f"person {start} {end}", **dates)
                elif verb == "erase":
                    memory.erase(f"Who leads unit {number}?", **dates)
                elif verb == "update":
                    memory.update(chosen, target=f"new {start}")
                elif verb == "retract":
                    memory.retract(chosen)
                elif verb == "reject":
                    memory.reject(chosen, f"what of {number} then?")
                else:
                    memory.undo()
            except (ConflictError, NotFoundError, KeditError) as error:
                if isinstance(error, StoreError):
                    raise
        found = memory.all(status=None, namespace=None)
        days = [memory.worded([f"Who leads unit {n}?"], as_of="2026-06-01") for n in range(4)]
    return [
        [(one.id, one.target, one.status, one.holds, one.valid_from, one.valid_until, one.radius) for one in found],
        [[match.edit.target for match in day] for day in days],
    ]


def _clock(rng: random.Random, *, jumps: bool) -> Callable[[], datetime]:
    moment = [datetime(2026, 6, 1, 12, tzinfo=UTC)]

    def tell() -> datetime:
        moment[0] += timedelta(seconds=rng.choice([0, -1, -86_400, -(10**8), 60, 10**7]) if jumps else 1)
        return moment[0]

    return tell


def two_writers(folder: Path, most: int, seed: int = 0) -> Iterator[Trial]:
    """Two processes write to one store, and one of them is killed at some step: the other goes on."""
    filled(folder / "base")
    steps = 0
    for number in range(most):
        place = folder / "trial"
        shutil.copytree(folder / "base", place)
        other, told = _started(lambda say, place=place: _seats(place, "b", say))
        kill_at = None if not number else list(spread(max(steps, 1), most, seed))[number % max(steps, 1)]
        mine = trace(
            lambda acknowledge, place=place: _seats(place, "a", lambda _: acknowledge()), place, kill_at=kill_at
        )
        steps = steps or len(mine.steps)
        theirs = _ended(other, told)
        wrong = mine.failure or ("" if len(theirs) == _SEATS else f"the other process stopped: {theirs}")
        with opened(place) as memory:
            there = {edit.prompt for edit in memory.all(namespace="seats")}
        missing = [n for n in range(mine.acknowledged) if f"Who holds a {n}?" not in there]
        missing += [n for n in range(_SEATS) if f"Who holds b {n}?" not in there]
        wrong = wrong or (f"acknowledged, but missing: {missing}" if missing else "")
        wrong = wrong or "; ".join(problems(place)) or still_works(place)
        shutil.rmtree(place)
        yield _trial("two writers, one killed", wrong)


def _seats(place: Path, name: str, say: Callable[[str], object]) -> None:
    with opened(place) as memory:
        for number in range(_SEATS):
            memory.add(f"Who holds {name} {number}?", "x", subject=f"{name} {number}", namespace="seats")
            say(f"{number}")


def readers_during_rebuild(folder: Path, most: int, seed: int = 0) -> Iterator[Trial]:
    """A process asks while another rebuilds the index, and is killed at some step of it."""
    filled(folder / "base")
    work, steps = WORKS["rebuild"], 0
    for number in range(most):
        place = folder / "trial"
        shutil.copytree(folder / "base", place)
        allowed = {said(place)}
        reader, told = _started(lambda say, place=place: _asking(place, say))

        def act(acknowledge: Callable[[], None], place: Path = place) -> None:
            for _ in work.steps(place):
                acknowledge()

        kill_at = None if not number else list(spread(max(steps, 1), most, seed))[number % max(steps, 1)]
        done = trace(act, place, kill_at=kill_at)
        steps = steps or len(done.steps)
        answers = _ended(reader, told, end=True)
        wrong = done.failure or ("" if set(answers) == {"answer 0"} else f"the reader was told {set(answers)}")
        wrong = wrong or faulty(place, allowed)
        shutil.rmtree(place)
        yield _trial("readers during a rebuild that is killed", wrong)


def _asking(place: Path, say: Callable[[str], object]) -> None:
    with opened(place) as memory:
        while True:
            say(str(memory.in_scope("question 0?")[0].edit.target))
            memory._index.forget()  # the next answer comes from the files again


def folder_replaced(folder: Path, most: int, seed: int = 0) -> Iterator[Trial]:
    """The folder of an open memory becomes another store, between its verbs: nothing goes into the wrong one."""
    filled(folder / "base")
    for number in range(most):
        place, how = folder / "trial", (number + seed) % 4
        shutil.copytree(folder / "base", place)
        wrong = _replaced(place, how, number % 3)
        shutil.rmtree(place)
        yield _trial("folder replaced under an open memory", wrong)


def _replaced(place: Path, how: int, before: int) -> str:
    store, away = place / STORE, place / "away"
    memory = opened(place)
    for number in range(before):
        memory.add(f"Who was first {number}?", "x")
    mine = said(place)
    memory.backup(place / "copy")
    if how < 2:
        store.rename(away)
    else:
        shutil.copytree(store, away)  # as it is: the log, too
        shutil.rmtree(store)
    if how % 2:
        (place / "copy").rename(store)
    for verb in (lambda: memory.add("Who is next?", "x"), memory.all, memory.undo, memory.rebuild, memory.verify):
        try:
            verb()
        except StoreError as error:
            if "deleted or replaced while it was open; open the store again" not in str(error):
                return f"no advice in {error}"
        else:
            return "a verb went on in a store that is not there"
    memory.close()
    kept = place / "kept"
    kept.mkdir()
    away.rename(kept / STORE)
    wrong = faulty(kept, {mine})
    return wrong or (faulty(place, {mine}) if how % 2 else "" if not store.exists() else "a folder was made")


def _started(work: Callable[[Callable[[str], object]], None]) -> tuple[int, int]:
    """A process that works and says lines; it has said one when this returns."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            work(lambda line: os.write(writer, f"{line}\n".encode()))
            status = 0
        except BaseException as error:  # noqa: BLE001 - told to the parent
            os.write(writer, f"{error!r}\n".encode())
            status = 1
        os._exit(status)
    os.close(writer)
    select.select([reader], [], [])
    return child, reader


def _ended(child: int, reader: int, *, end: bool = False) -> list[str]:
    """The lines that a process has said, at its end or when it is to `end`."""
    if end:
        os.kill(child, signal.SIGKILL)
    with os.fdopen(reader, "rb") as stream:
        lines = stream.read().decode().split("\n")
    os.waitpid(child, 0)
    return lines[:-1]


def _trial(fault: str, wrong: object) -> Trial:
    told = wrong["failed"] if isinstance(wrong, dict) else str(wrong)
    return lost(fault, told) if told else Trial(fault=fault, outcome=SURVIVED)
