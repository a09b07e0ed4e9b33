"""Bits that flip and files that end early: what is damaged is told, with how to mend it, or nothing is."""

import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from faults.stores import STORE, filled, opened, problems, said
from faults.trials import SURVIVED, TOLD, Trial, lost

from kedit_memory.errors import KeditError
from kedit_memory.records import Checkpoint
from kedit_memory.retrieval.indexfiles import drop_indexes
from kedit_memory.retrieval.stored import StoreRetriever

Harm = Callable[[Path], str]  # to a file; what was done

_DATABASES = ("store.db", "passages.db")
_MENDED_BY = ("restore a backup", "put a backup", "kedit rebuild", "kedit purge", "name another folder")


def flipped_bits(name: str, folder: Path, most: int, seed: int = 0) -> Iterator[Trial]:
    """One bit of a file of the store, wherever it is, is another; `name` is that of the file, or "cache"."""
    rng = random.Random(seed)
    base = _base(folder)
    files = [base / STORE / name] if name in _DATABASES else _caches(base)
    for _ in range(most):
        file = rng.choice(files)
        flip = _flip(rng.randrange(8 * file.stat().st_size))
        yield _damaged(f"flipped bit: {name}", base, file, flip, folder / "trial")


def flipped_rows(table: str, folder: Path, most: int, seed: int = 0) -> Iterator[Trial]:
    """One bit of the rows of a table of store.db is another."""
    rng = random.Random(seed)
    base = _base(folder)
    file = base / STORE / "store.db"
    with closing(sqlite3.connect(file)) as connection:
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        leaves = "SELECT pageno, unused FROM dbstat WHERE name = ? AND pagetype = 'leaf'"
        rows = [(size * page - (size - unused), size * page) for page, unused in connection.execute(leaves, (table,))]
    for _ in range(most):
        first, end = rng.choice(rows)  # rows are at the end of their page
        flip = _flip(rng.randrange(8 * first, 8 * end))
        yield _damaged(f"flipped bit: rows of {table}", base, file, flip, folder / "trial")


def _flip(bit: int) -> Harm:
    def flip(file: Path) -> str:
        data = bytearray(file.read_bytes())
        data[bit // 8] ^= 1 << bit % 8
        file.write_bytes(data)
        return f"bit {bit} of {file.name}"

    return flip


def cut_files(name: str, folder: Path, most: int, seed: int = 0) -> Iterator[Trial]:
    """A file of the store ends early, or its end is zeros, as after a crash of the machine."""
    rng = random.Random(seed)
    base = _base(folder)

    def cut(file: Path) -> str:
        data = file.read_bytes()
        kept = rng.randrange(len(data))
        torn = rng.random() < 0.5
        file.write_bytes(data[:kept] + bytes(len(data) - kept) if torn else data[:kept])
        return f"{file.name} {'zeros' if torn else 'cut'} from byte {kept} of {len(data)}"

    files = [base / STORE / name] if name in _DATABASES else _caches(base)
    for _ in range(most):
        yield _damaged(f"cut or torn file: {name}", base, rng.choice(files), cut, folder / "trial")


def _damaged(fault: str, base: Path, file: Path, harm: Harm, place: Path) -> Trial:
    shutil.copytree(base, place)
    try:
        what = harm(place / file.relative_to(base))
        try:
            found = problems(place)
            if not found and file.name in _DATABASES and (changed := _differing(base, place)):
                return lost(fault, f"{what}: verify passes, but {changed} is another")
            if not found:
                _ask(place)
        except KeditError as error:
            found = [str(error)]
        if unclear := [one for one in found if "\n" in one or not any(advice in one for advice in _MENDED_BY)]:
            return lost(fault, f"{what}: no advice in {unclear}")
        if found and file.name not in _DATABASES and (wrong := _rebuilt(base, place)):
            return lost(fault, f"{what}: {wrong}")
        return Trial(fault=fault, outcome=TOLD if found else SURVIVED)
    except Exception as error:  # noqa: BLE001 - a crash is what is looked for
        return lost(fault, f"{what}: {error!r}")
    finally:
        shutil.rmtree(place)


def _rebuilt(base: Path, place: Path) -> str:
    """What is still wrong after the advice was followed."""
    with opened(place) as memory:
        memory.rebuild()
    drop_indexes(place / STORE)
    if found := problems(place):
        return f"not mended by rebuild: {found}"
    return f"{changed} is another" if (changed := _differing(base, place)) else ""


def _ask(place: Path) -> None:
    """Answers come as ever."""
    said(place)
    with opened(place) as memory:
        assert memory.in_scope("question 0?")[0].edit.target == "answer 0"
    retriever = StoreRetriever(place / STORE, small=0)
    found = retriever.search("tower", 9)
    retriever.close()
    assert len(found) == 2


def _differing(base: Path, place: Path) -> list[str]:
    """The tables of a store that hold something else than before."""
    before, after = _content(base), _content(place)
    return [name for name in before if after.get(name) != before[name]]


def _content(place: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for file in _DATABASES:
        with closing(sqlite3.connect(place / STORE / file)) as connection:
            for name, sql in connection.execute("SELECT name, sql FROM sqlite_master").fetchall():
                rows = name not in _GROWING and str(sql).startswith("CREATE TABLE")
                found[f"{file} {name}"] = connection.execute(f"SELECT * FROM {name}").fetchall() if rows else sql  # noqa: S608
    return found


_GROWING = ("sqlite_sequence",)  # a number that is too high is one that is never used


def _base(folder: Path) -> Path:
    base = folder / "base"
    if not base.exists():
        filled(base)
        with opened(base) as memory:
            checkpoint = Checkpoint(fingerprint="f", base="b", method="rome", folder="model")
            memory.consolidate(memory.all()[:2], checkpoint, lambda: None)
            memory.set_note("calibration", "0.5")
            memory.rebuild()
        StoreRetriever(base / STORE, small=0).update_index()
    return base


def _caches(base: Path) -> list[Path]:
    places = (base / STORE / "cache", base / STORE / "passages")
    return sorted(file for place in places for file in place.rglob("*") if file.is_file() and file.suffix != ".lock")
