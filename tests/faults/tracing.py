"""Runs work in a child process and kills it at a step: a call that changes files, counted and told by the kernel.

A step is a write, a flush, a rename, a removal or the like, on a file below a folder. Half a write is a step of its own
kind: the first half is written, then the process is gone. Needs Linux with ptrace; nothing is installed or compiled.
"""

import ctypes
import json
import os
import platform
import signal
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

# By name: the call's number on x86_64 and on aarch64 (None where there is none), and which arguments name its file.
_CALLS: dict[str, tuple[int | None, int | None, str]] = {
    "write": (1, 64, "file"),
    "pwrite": (18, 68, "file"),
    "writev": (20, 66, "file"),
    "pwritev": (296, 70, "file"),
    "sendfile": (40, 71, "file"),
    "ftruncate": (77, 46, "file"),
    "fsync": (74, 82, "file"),
    "fdatasync": (75, 83, "file"),
    "fallocate": (285, 47, "file"),
    "copy": (326, 285, "third"),
    "rename": (82, None, "path"),
    "renameat": (264, 38, "at"),
    "renameat2": (316, 276, "at"),
    "unlink": (87, None, "path"),
    "unlinkat": (263, 35, "at"),
    "mkdir": (83, None, "path"),
    "mkdirat": (258, 34, "at"),
    "rmdir": (84, None, "path"),
    "open": (2, None, "made"),
    "openat": (257, 56, "made at"),
}
_HALVED = ("write", "pwrite")
_PLACE = {"x86_64": 0, "aarch64": 1}.get(platform.machine())
_BY_NUMBER = {one[_PLACE]: (name, one[2]) for name, one in _CALLS.items()} if _PLACE is not None else {}
_TRACEME, _SYSCALL, _SETOPTIONS, _SYSCALL_INFO = 0, 24, 0x4200, 0x420E
_TELL_SYSCALLS, _KILL_WITH_PARENT = 1, 0x100000
_ENTRY = 1
_LONGEST = 4096


class _Call(ctypes.Structure):
    """What the kernel tells of a call; see ptrace(2), PTRACE_GET_SYSCALL_INFO."""

    _fields_ = (
        ("op", ctypes.c_uint8),
        ("pad", ctypes.c_uint8 * 3),
        ("arch", ctypes.c_uint32),
        ("ip", ctypes.c_uint64),
        ("sp", ctypes.c_uint64),
        ("number", ctypes.c_uint64),
        ("args", ctypes.c_uint64 * 6),
        ("more", ctypes.c_uint64 * 4),
    )


@dataclass(kw_only=True)
class Traced:
    """What became of the work: its steps until the end or the kill, what it acknowledged, and how it failed."""

    steps: list[str] = field(default_factory=list)
    acknowledged: int = 0
    killed: bool = False
    failure: str = ""


Acknowledge = Callable[[], None]
Watch = Callable[[str, Path], object]  # is told of each step, before it is done: the call, and its file


def trace(
    work: Callable[[Acknowledge], object],
    below: Path,
    *,
    kill_at: int | None = None,
    torn: bool = False,
    watch: Watch | None = None,
) -> Traced:
    """Runs `work` in a child; kills it before its step `kill_at`, counted from 0, or with `torn` in the middle of it.

    What the work acknowledged until then is counted as it came out of the process.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        _be_traced(work, writer)
    os.close(writer)
    try:
        traced = _follow(child, str(below.resolve()), kill_at, torn=torn, watch=watch)
        with os.fdopen(reader, "rb") as told:
            lines = told.read().splitlines()
    finally:
        _reap(child)
    traced.acknowledged = sum(line == b"done" for line in lines)
    traced.failure = next((json.loads(line)["failed"] for line in lines if line.startswith(b"{")), "")
    return traced


def in_child(work: Callable[[], Any]) -> Any:
    """What `work` gives, from a process of its own, so that mounts, limits and users end with it."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        try:
            told = json.dumps(work())
        except BaseException:  # noqa: BLE001 - told to the parent
            told = json.dumps({"failed": traceback.format_exc()})
        os.write(writer, told.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        found = json.loads(stream.read() or b'{"failed": "no answer"}')
    os.waitpid(child, 0)
    return found


@cache
def can_trace() -> bool:
    """Whether this machine lets a process follow its child's calls."""
    if _PLACE is None or platform.system() != "Linux":
        return False
    try:
        folder = Path("/tmp")  # noqa: S108 - nothing is written
        return trace(lambda acknowledge: acknowledge(), folder).acknowledged == 1
    except OSError:
        return False


@cache
def can_mount() -> bool:
    """Whether this machine lets a process have mounts of its own."""

    def mounted() -> str:
        with_own_mounts()
        return ""

    return in_child(mounted) == ""


def _be_traced(work: Callable[[Acknowledge], object], writer: int) -> None:
    """The child's part: ask to be followed, wait for it, work."""
    try:
        _ptrace(_TRACEME, 0)
        os.kill(os.getpid(), signal.SIGSTOP)
        work(lambda: os.write(writer, b"done\n") and None)
    except BaseException:  # noqa: BLE001 - told to the parent
        os.write(writer, json.dumps({"failed": traceback.format_exc()}).encode() + b"\n")
    os._exit(0)


def _follow(child: int, below: str, kill_at: int | None, *, torn: bool, watch: Watch | None) -> Traced:
    traced = Traced()
    os.waitpid(child, 0)
    _ptrace(_SETOPTIONS, child, _TELL_SYSCALLS | _KILL_WITH_PARENT)
    passed_on = 0
    while True:
        _ptrace(_SYSCALL, child, passed_on)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            return traced
        stop = os.WSTOPSIG(status)
        passed_on = 0 if stop & 0x7F == signal.SIGTRAP else stop
        if stop != signal.SIGTRAP | 0x80 or (step := _step(child, call := _told(child), below)) is None:
            continue
        if len(traced.steps) == kill_at:
            if torn:
                _write_half(child, call)
            os.kill(child, signal.SIGKILL)
            traced.killed = True
            return traced
        name, path = step
        if watch:
            watch(name, path)
        traced.steps.append(f"{name} {path.name}")


def _step(child: int, call: _Call, below: str) -> tuple[str, Path] | None:
    """The name of a call that begins to change a file below a folder, with the file; None for any other."""
    if call.op != _ENTRY or (known := _BY_NUMBER.get(call.number)) is None:
        return None
    name, where = known
    args = call.args
    if where in ("made", "made at"):
        flags = args[1 if where == "made" else 2]
        if not flags & (os.O_CREAT | os.O_TRUNC):
            return None
    if where in ("file", "third"):
        path = _opened(child, args[0 if where == "file" else 2])
    elif where in ("path", "made"):
        path = _text(child, args[0])
    else:
        path = _text(child, args[1])
        if not path.startswith("/"):
            path = f"{_opened(child, args[0])}/{path}"
    return (name, Path(path)) if path.startswith(f"{below}/") or (path == below and "sync" in name) else None


def halved(step: str) -> bool:
    """Whether a step may stop in its middle."""
    return step.split(" ", 1)[0] in _HALVED


def _write_half(child: int, call: _Call) -> None:
    """Does the first half of what a write would have done."""
    name, _ = _BY_NUMBER[call.number]
    number, address, size, offset = (int(value) for value in call.args[:4])
    if name == "write":
        notes = Path(f"/proc/{child}/fdinfo/{number}").read_text("ascii").splitlines()
        offset = int(next(line.split()[1] for line in notes if line.startswith("pos:")))
    with Path(f"/proc/{child}/mem").open("rb", buffering=0) as memory:
        memory.seek(address)
        half = memory.read(size // 2)
    file = os.open(f"/proc/{child}/fd/{number}", os.O_WRONLY)
    try:
        os.pwrite(file, half, offset)
    finally:
        os.close(file)


def _opened(child: int, number: int) -> str:
    try:
        return str(Path(f"/proc/{child}/fd/{ctypes.c_int(number & 0xFFFFFFFF).value}").readlink())
    except OSError:  # a call that will fail
        return ""


def _text(child: int, address: int) -> str:
    with Path(f"/proc/{child}/mem").open("rb", buffering=0) as memory:
        memory.seek(address)
        found = b""
        while b"\0" not in found and len(found) < _LONGEST:
            found += memory.read(min(256, 4096 - (address + len(found)) % 4096))  # never beyond the page
    return found.split(b"\0", 1)[0].decode(errors="replace")


def _told(child: int) -> _Call:
    call = _Call()
    _ptrace(_SYSCALL_INFO, child, ctypes.byref(call), ctypes.sizeof(call))
    return call


def _reap(child: int) -> None:
    try:
        while not os.WIFSIGNALED(status := os.waitpid(child, 0)[1]) and not os.WIFEXITED(status):
            pass
    except ChildProcessError:  # it has ended already
        return


def _ptrace(request: int, child: int, data: Any = None, address: int | None = None) -> None:
    library = _library()
    if library.ptrace(request, child, address, data) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace request {request:#x}")


@cache
def _library() -> Any:
    library = ctypes.CDLL(None, use_errno=True)
    library.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
    library.ptrace.restype = ctypes.c_long
    return library


def mount(kind: str | None, place: Path, flags: int, options: str = "") -> None:
    """Mounts a file system, as mount(2).

    Raises:
        OSError: it is not allowed here.
    """
    given = (kind or "none").encode(), str(place).encode(), kind and kind.encode(), flags, options.encode()
    library = _library()
    library.mount.argtypes = (*[ctypes.c_char_p] * 3, ctypes.c_ulong, ctypes.c_char_p)
    if library.mount(*given) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


_OWN_MOUNTS, _OWN_USERS, _PRIVATE = 0x00020000, 0x10000000, 0x4000 | 0x40000
READ_ONLY = 0x1 | 0x20  # as a change of what is mounted already
CHANGED = 0x20


def with_own_mounts() -> None:
    """Parts this process from the mounts of others, so that what it mounts ends with it.

    Raises:
        OSError: it is not allowed here.
    """
    user, group = os.geteuid(), os.getegid()
    if _library().unshare(_OWN_MOUNTS | (_OWN_USERS if user else 0)) < 0:
        raise OSError(ctypes.get_errno(), "unshare")
    if user:
        Path("/proc/self/setgroups").write_text("deny", "ascii")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1", "ascii")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1", "ascii")
    mount(None, Path("/"), _PRIVATE)


def spread(count: int, most: int, start: int = 0) -> Iterator[int]:
    """Up to `most` numbers below `count`, evenly over all of them; `start` shifts them."""
    if count <= most:
        yield from range(count)
        return
    for number in range(most):
        yield (number * count // most + start) % count
