"""What is done to stores under faults, what a store says, and what is wrong with it afterwards."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

from memory.conftest import WordEncoder

from kedit_memory.cachefiles import put_in_place
from kedit_memory.errors import ConflictError, KeditError, NotFoundError
from kedit_memory.memory.memory import EditMemory
from kedit_memory.records import Checkpoint
from kedit_memory.retrieval.checking import verify_corpus
from kedit_memory.retrieval.corpus import Corpus
from kedit_memory.retrieval.ingest import ingest_files
from kedit_memory.retrieval.stored import StoreRetriever

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
STORE = "store"  # the folder of it, within that of a trial
OLD = Path(__file__).parents[1] / "memory" / "stores"  # what earlier formats left
WORD = "xyzzy"  # of purged edits alone

Steps = Iterator[None]  # each item: what was done so far is acknowledged


@dataclass(frozen=True, kw_only=True)
class Work:
    """Something done to the store in a folder: how it begins, and its steps; `after` tells what else must hold then."""

    prepare: Callable[[Path], object]
    steps: Callable[[Path], Steps]
    after: Callable[[Path, int], str] = lambda *_: ""


def opened(folder: Path, **options: Any) -> EditMemory:
    """The memory in the folder of a trial, at a time that does not pass."""
    options.setdefault("clock", lambda: NOW)
    return EditMemory.open(folder / STORE, WordEncoder(), **options)


def filled(folder: Path, count: int = 12) -> None:
    """A store with edits of every kind and status, in two namespaces, with dates, feedback and passages."""
    with opened(folder) as memory:
        memory.add_many(
            [{"prompt": f"question {n}?", "target": f"answer {n}", "subject": str(n)} for n in range(count)]
        )
        memory.add("Who leads Acme?", "Ann", subject="Acme", paraphrases=["Acme boss?"])
        memory.add("Who leads Acme?", "Bo", subject="Acme", valid_from="2024-01-01")
        memory.add("Who leads Acme?", "Cy", subject="Acme", namespace="other", metadata={"by": "me"})
        memory.erase("Where does Bo live?", subject="Bo")
        memory.confirm("e1", "what of 0 now?")
        memory.reject("e2", "what of 1 then?")
        memory.retract("e3")
        memory.update("e4", target="new")
        memory.undo()
        memory.rebuild()
    documents(folder, "old", 2)
    with Corpus(folder / STORE) as corpus:
        ingest_files(corpus, sorted((folder / "old").iterdir()))


def documents(folder: Path, name: str, count: int) -> Path:
    """A folder of small texts."""
    (folder / name).mkdir()
    for number in range(count):
        (folder / name / f"{number}.txt").write_text(f"The {name} tower {number} stands by the river.\n" * 5, "utf-8")
    return folder / name


def said(folder: Path) -> str:
    """All that a store says of its edits, their history and its passages, as text; equal stores say the same."""
    if not (folder / STORE).is_dir():
        (folder / STORE).mkdir()
    lines = StringIO()
    with opened(folder) as memory:
        memory.export(lines)
        past = [(one.operation, one.verb, one.edit_id, one.at, one.undone) for one in memory.history()]
        models = [(one.operation, one.checkpoint.folder, one.edit_ids, one.undone) for one in memory.consolidations()]
    with Corpus(folder / STORE) as corpus:
        passages = [(one.id, one.text, one.source) for one in corpus]
        names = sorted(corpus.documents())
    return json.dumps([lines.getvalue(), past, models, passages, names])


def problems(folder: Path) -> list[str]:
    """What `kedit verify` says of the store of a trial."""
    with opened(folder) as memory:
        found = memory.verify().problems
    return [*found, *verify_corpus(folder / STORE)]


def unfinished_purge(folder: Path) -> bool:
    """Whether `kedit verify` says that a purge was stopped, which another one is to end."""
    return (folder / STORE / "store.db").is_file() and any("run kedit purge" in one for one in problems(folder))


def still_works(folder: Path) -> str:
    """What does not work that should: a new edit is stored, found and taken back."""
    with opened(folder) as memory:
        count = len(memory)
        edit = memory.add("Is it still in order?", "yes", namespace="later")
        matches = memory.in_scope("Is it still in order?", namespace="later")
        if [(match.edit.id, match.distance) for match in matches[:1]] != [(edit.id, 0.0)]:
            return "a new edit is not found by its own words"
        memory.undo()
        return "" if len(memory) == count else "undo left another number of edits"


def faulty(folder: Path, allowed: set[str]) -> str:
    """What is wrong with a store that may say one of these things; empty when nothing is."""
    try:
        if found := problems(folder):
            return f"verify: {'; '.join(found)}"
        if said(folder) not in allowed:
            return "an acknowledged change is missing, or one that was not made is there"
        return still_works(folder)
    except KeditError as error:
        return f"{type(error).__name__}: {error}"


# What is done.


def _create(folder: Path) -> Steps:
    with opened(folder) as memory:
        memory.add("Who leads Acme?", "Ann", subject="Acme")
        yield
        memory.add("Who owns Acme?", "Bo", subject="Acme")
        yield


def _add(folder: Path) -> Steps:
    with opened(folder) as memory:
        for number in range(2):
            memory.add(f"Who holds seat {number}?", f"person {number}", subject=f"seat {number}")
            yield
        try:
            memory.add("Who leads Acme?", "Eve", subject="Acme", on_conflict="reject")
        except ConflictError:
            yield
        memory.add("Which is the way?", "left")
        yield


def _add_many(folder: Path) -> Steps:
    with opened(folder) as memory:
        memory.add_many([{"prompt": f"many {n % 40}?", "target": f"x{n}", "namespace": "ab"[n % 2]} for n in range(60)])
        yield


def _supersede(folder: Path) -> Steps:
    with opened(folder) as memory:
        memory.add("Who leads Acme?", "Di", subject="Acme", valid_from="2025-01-01", valid_until="2026-01-01")
        yield
        memory.erase("question 5?", subject="5")
        yield
        memory.update("e7", target="other", paraphrases=["of the sixth?"])
        yield
        memory.undo()
        yield
        memory.retract("e8")
        yield


def _secret(folder: Path) -> None:
    filled(folder)
    with opened(folder) as memory:
        memory.add(f"What is {WORD}1's number?", f"{WORD}2", paraphrases=[f"{WORD}3?"], namespace="secret")
        memory.update("e17", target=f"{WORD}4")
        memory.rebuild()


def _purge(folder: Path) -> Steps:
    with opened(folder) as memory:
        memory.purge("e17")
        yield


def _no_secret(folder: Path, acknowledged: int) -> str:
    """A purge that was acknowledged, or is asked for again, leaves no word."""
    if not acknowledged:
        with opened(folder) as memory, suppress(NotFoundError):  # it had come to its end
            memory.purge("e17")
    for file in (folder / STORE).rglob("*"):
        if file.is_file() and WORD.encode() in file.read_bytes():
            return f"{file.name} still holds words of what was purged"
    return ""


def _rebuild(folder: Path) -> Steps:
    with opened(folder) as memory:
        memory.rebuild()
        yield


def _encode_again(folder: Path) -> Steps:
    with opened(folder) as memory:
        memory.rebuild(WordEncoder())
        yield


def _backup(folder: Path) -> Steps:
    with opened(folder) as memory:
        memory.backup(folder / "copy" / STORE)
        yield


def _restore(folder: Path) -> Steps:
    EditMemory.restore(folder / STORE, folder / "copy" / STORE, at=2, encoder=WordEncoder())
    yield


def _restored(folder: Path, acknowledged: int) -> str:
    """Likewise a store that is made from another one, as it was after an operation."""
    if not acknowledged and not (folder / "copy" / STORE).exists():
        for _ in _restore(folder):
            pass
    left = [one.name for one in (folder / "copy").iterdir() if one.name != STORE]
    if left or (wrong := problems(folder / "copy")):
        return f"left behind: {left}" if left else f"the copy: {wrong}"
    with opened(folder / "copy") as memory:
        return "" if memory.history()[-1].operation == 2 else "the copy is of another moment"


def _whole_copy(folder: Path, acknowledged: int) -> str:
    """A backup is there whole or not at all, and one that was stopped leaves nothing once it is made again."""
    if not acknowledged and not (folder / "copy" / STORE).exists():
        for _ in _backup(folder):
            pass
    left = [one.name for one in (folder / "copy").iterdir() if one.name != STORE]
    if left:
        return f"left behind: {left}"
    return "" if said(folder / "copy") == said(folder) else "the copy says something else"


def _consolidate(folder: Path) -> Steps:
    made, aside = folder / "model", folder / "model.part"
    aside.mkdir()
    (aside / "weights").write_bytes(b"w" * 5000)
    with opened(folder) as memory:
        checkpoint = Checkpoint(fingerprint="f", base="b", method="rome", folder="model")
        memory.consolidate(memory.all()[:3], checkpoint, lambda: put_in_place(aside, made))
        yield
        memory.undo_consolidation(memory.consolidations()[-1].operation)
        yield


def _checkpoint_is_there(folder: Path, acknowledged: int) -> str:
    """What the store says a model holds, a whole checkpoint holds."""
    del acknowledged
    with opened(folder) as memory:
        noted = memory.consolidations()
    whole = (folder / "model" / "weights").is_file()
    return "the store knows a checkpoint that is not there" if noted and not whole else ""


def _of_format(version: int) -> Callable[[Path], None]:
    def prepare(folder: Path) -> None:
        (folder / STORE).mkdir(parents=True)
        with closing(sqlite3.connect(folder / STORE / "store.db")) as connection:
            connection.executescript((OLD / f"format_{version}.sql").read_text("utf-8"))

    return prepare


def _migrate(folder: Path) -> Steps:
    with opened(folder):
        yield


def _ingest(folder: Path) -> Steps:
    with Corpus(folder / STORE) as corpus:
        for file in sorted((folder / "new").iterdir()):
            ingest_files(corpus, [file])
            yield
    StoreRetriever(folder / STORE, small=0).update_index()


def _with_documents(folder: Path) -> None:
    filled(folder)
    documents(folder, "new", 3)


def _found(folder: Path, acknowledged: int) -> str:
    """Whatever became of the index in files, the passages that are there are found by it."""
    del acknowledged
    retriever = StoreRetriever(folder / STORE, small=0)
    with Corpus(folder / STORE) as corpus:
        every = {passage.id for passage in corpus}
    missing = every - {hit.passage.id for hit in retriever.search("tower", 99)}
    retriever.close()
    return f"passages that are not found: {sorted(missing)}" if missing else ""


WORKS = {
    "create": Work(prepare=lambda folder: folder.mkdir(), steps=_create),
    "add": Work(prepare=filled, steps=_add),
    "add many": Work(prepare=filled, steps=_add_many),
    "supersede": Work(prepare=filled, steps=_supersede),
    "purge": Work(prepare=_secret, steps=_purge, after=_no_secret),
    "rebuild": Work(prepare=filled, steps=_rebuild),
    "encode again": Work(prepare=filled, steps=_encode_again),
    "backup": Work(prepare=filled, steps=_backup, after=_whole_copy),
    "restore": Work(prepare=filled, steps=_restore, after=_restored),
    "consolidate": Work(prepare=filled, steps=_consolidate, after=_checkpoint_is_there),
    "ingest": Work(prepare=_with_documents, steps=_ingest, after=_found),
    **{f"migrate {n}": Work(prepare=_of_format(n), steps=_migrate) for n in (1, 4, 5, 6)},
}  # fmt: skip
