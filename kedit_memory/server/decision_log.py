"""The log of decisions: what was asked and how it was decided, in a file of its own beside the store.

Kept only where the settings ask for it, no longer than they say, and written by a thread of its own: where that cannot
keep up, decisions go unlogged and no request waits. What is erased or purged in the memory, by whichever process, goes
from here, too: questions that name its subject, ask its question, hold its value or were answered by it.
"""

import logging
import queue
import re
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kedit_memory.errors import NotFoundError
from kedit_memory.memory import EditMemory
from kedit_memory.memory.conflicts import prompt_key
from kedit_memory.records import Decision, Edit, Message
from kedit_memory.routing.dialogue import readings, window
from kedit_memory.server.beside import Beside
from kedit_memory.text import LONGEST_TEXT, fold, shortened
from kedit_memory.words import words

_LOG = logging.getLogger(__name__)

FILE = "decisions.sqlite"  # in the folder of the store
_OWNER = 0x4B454444  # "KEDD"
_MIGRATIONS = (
    """
    CREATE TABLE decision (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at TEXT NOT NULL,
        namespace TEXT NOT NULL,
        question TEXT NOT NULL,
        alone INTEGER NOT NULL,
        route TEXT NOT NULL,
        edit TEXT,
        score REAL,
        reason TEXT NOT NULL,
        seconds REAL NOT NULL,
        feedback TEXT
    );
    CREATE TABLE followed (operation INTEGER NOT NULL)
    """,
)
_COLUMNS = "id, at, namespace, question, alone, route, edit, score, reason, seconds, feedback"
MISS = "none"  # the route of a question that no edit answers, and that another program's model got as it came
_PENDING = 1000  # decisions that wait to be written
_LOOKS_AFTER = 1.0  # seconds, for what was erased elsewhere


@dataclass(frozen=True, kw_only=True)
class Logged:
    """A question and how it was decided.

    Attributes:
        at: when, ISO 8601.
        alone: whether its words say what it asks: the log keeps no turns before it, nor more than `LONGEST_TEXT`.
        route: one of `Route`, or `none` where no edit answers and the question went on as it came.
        edit: the id of the edit that answers; None where none does.
        seconds: that the decision took.
        feedback: `confirm` or `reject`; None while nobody said so.
    """

    id: int
    at: str
    namespace: str
    question: str
    alone: bool
    route: str
    edit: str | None
    score: float | None
    reason: str
    seconds: float
    feedback: str | None


@dataclass(frozen=True, kw_only=True)
class Common:
    """What the decisions of a list have in common; None leaves it open.

    `feedback` is `confirm`, `reject`, or `open` for those without; `text` stands in the question, in whatever case.
    """

    route: str | None = None
    edit: str | None = None
    feedback: str | None = None
    text: str | None = None


ANY = Common()


@dataclass(frozen=True, kw_only=True)
class _Made:
    at: str
    namespace: str
    turns: Sequence[Message]
    decision: Decision | None
    timings: Mapping[str, float]


class DecisionLog:
    """The newest `most` decisions on questions to a memory.

    Threads may share it, and processes may share its file. What another process had not written yet when something was
    erased is dropped by that process, within a second.
    """

    def __init__(
        self, memory: EditMemory, most: int, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._memory, self._most, self._clock = memory, most, clock
        self._file = _beside(memory.path)
        self._pending: queue.Queue[_Made | threading.Event | None] = queue.Queue(_PENDING)
        with self._file.open() as connection:
            insert = "INSERT INTO followed SELECT ? WHERE NOT EXISTS (SELECT 1 FROM followed)"
            connection.execute(insert, (memory.last_operation,))
            self._followed = int(connection.execute("SELECT min(operation) FROM followed").fetchone()[0])
        self._thread = threading.Thread(target=self._work, name="decisions", daemon=True)
        self._thread.start()

    def note(
        self,
        turns: Sequence[Message],
        namespace: str,
        decision: Decision | None,
        timings: Mapping[str, float],
    ) -> None:
        """Have a decision on the question that ends a dialogue written soon; None for a miss. Never waits."""
        at = self._clock().isoformat(timespec="milliseconds")
        made = _Made(at=at, namespace=namespace, turns=turns, decision=decision, timings=timings)
        try:
            self._pending.put_nowait(made)
        except queue.Full:
            _LOG.warning("a decision is not logged: %d wait to be written", _PENDING)

    def settle(self) -> None:
        """Waits until all that was noted is written, and what was erased in the memory is gone."""
        done = threading.Event()
        self._pending.put(done)
        done.wait()

    def page(self, namespace: str, common: Common = ANY, *, limit: int, before: int | None = None) -> list[Logged]:
        """Decisions of a namespace, newest first; `before` is the last id of the page before."""
        self.settle()
        return self._select(
            "namespace = ?1 AND (?2 IS NULL OR id < ?2) AND (?3 IS NULL OR route = ?3) AND (?4 IS NULL OR edit = ?4) "
            "AND (?5 IS NULL OR coalesce(feedback, 'open') = ?5) "
            "AND (?6 IS NULL OR instr(lower(question), lower(?6)) > 0) ORDER BY id DESC LIMIT ?7",
            namespace, before, common.route, common.edit, common.feedback, common.text, limit,
        )  # fmt: skip

    def get(self, number: int, namespace: str) -> Logged:
        """One decision.

        Raises:
            NotFoundError: the log of the namespace has it not, or no more.
        """
        self.settle()
        found = self._select("id = ? AND namespace = ?", number, namespace)
        if not found:
            raise NotFoundError(f"no decision {number} in the log of namespace {namespace!r}; GET /decisions lists it")
        return found[0]

    def mark(self, number: int, feedback: str) -> None:
        """Note what was said of a decision."""
        with self._file.open() as connection:
            connection.execute("UPDATE decision SET feedback = ? WHERE id = ?", (feedback, number))

    def empty(self, namespace: str) -> int:
        """Forget all decisions of a namespace; their number."""
        self.settle()
        with self._file.open() as connection:
            gone = connection.execute("DELETE FROM decision WHERE namespace = ?", (namespace,)).rowcount
            _wipe(connection)
            return gone

    def close(self) -> None:
        """Writes what waits, and ends."""
        self._pending.put(None)
        self._thread.join()
        self._file.close()

    def _select(self, where: str, *values: object) -> list[Logged]:
        with self._file.open() as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM decision WHERE {where}", values).fetchall()  # noqa: S608
        return [Logged(**{**dict(row), "alone": bool(row["alone"])}) for row in rows]

    def _work(self) -> None:
        going = True
        while going:
            made: list[_Made] = []
            settled: list[threading.Event] = []
            for one in self._taken():
                if one is None:
                    going = False
                elif isinstance(one, threading.Event):
                    settled.append(one)
                else:
                    made.append(one)
            try:
                self._write(made)
                self._follow()
            except Exception:  # noqa: BLE001 - the thread lives on, and whoever settles goes on
                _LOG.exception("the log of decisions falls behind")
            finally:
                for event in settled:
                    event.set()

    def _taken(self) -> Iterable[_Made | threading.Event | None]:
        """What waits; nothing where nothing comes for a while."""
        try:
            yield self._pending.get(timeout=_LOOKS_AFTER)
            while True:
                yield self._pending.get_nowait()
        except queue.Empty:
            return

    def _write(self, made: Sequence[_Made]) -> None:
        if not made:
            return
        rows = [_row(one) for one in made]
        with self._file.open() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "INSERT INTO decision (at, namespace, question, alone, route, edit, score, reason, seconds) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
            oldest = "SELECT id FROM decision ORDER BY id DESC LIMIT 1 OFFSET ?"
            connection.execute(f"DELETE FROM decision WHERE id <= ({oldest})", (self._most,))  # noqa: S608 - constants

    def _follow(self) -> None:
        """Drops what was erased or purged in the memory since the last look."""
        newest = self._memory.last_operation
        if newest == self._followed:
            return
        erased = self._memory.erased_since(self._followed)
        logged = self._select("1") if erased else []
        gone = {one.id for one in logged for erasure, answers in erased if _is_about(one, erasure, answers)}
        with self._file.open() as connection:
            edits = connection.execute("SELECT DISTINCT edit FROM decision WHERE edit IS NOT NULL").fetchall()
            missing = [(edit,) for (edit,) in edits if not self._is_there(edit)]
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany("DELETE FROM decision WHERE id = ?", [(number,) for number in sorted(gone)])
                connection.executemany("DELETE FROM decision WHERE edit = ?", missing)
                connection.execute("DELETE FROM followed")
                connection.execute("INSERT INTO followed VALUES (?)", (newest,))
            if erased or missing:  # what the bound dropped may still stand in SQLite's own log
                _wipe(connection)
        self._followed = newest

    def _is_there(self, edit_id: str) -> bool:
        try:
            self._memory.get(edit_id)
        except NotFoundError:
            return False
        return True


def forget_all(store: Path) -> None:
    """Takes the log away, whose erasures nobody would follow while it is off."""
    _beside(store).remove()


def _beside(store: Path) -> Beside:
    return Beside(store / FILE, _OWNER, _MIGRATIONS)


def _wipe(connection: sqlite3.Connection) -> None:
    """Empty SQLite's log of writes, in which deleted rows stand until then."""
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _row(made: _Made) -> tuple[object, ...]:
    decision, question = made.decision, made.turns[-1].content
    read = readings(question, window(made.turns[:-1])) if made.turns[:-1] else []
    alone = {text for text, before in read if not before}
    whole = len(question) <= LONGEST_TEXT and all(text in alone for text, _ in read)
    best = decision.edits[0] if decision and decision.edits else None
    return (
        made.at,
        made.namespace,
        question if len(question) <= LONGEST_TEXT else shortened(question, LONGEST_TEXT),
        whole,
        decision.route.value if decision else MISS,
        best.edit.id if best else None,
        best.score if best else None,
        decision.reason if decision else "no edit answers it",
        sum(made.timings.values()),
    )


def _is_about(logged: Logged, erasure: Edit, answers: Sequence[Edit]) -> bool:
    """Whether a logged question names what was erased, asks for it, holds it, or was answered with it."""
    every = (erasure, *answers)
    if logged.namespace != erasure.namespace:
        return False
    if logged.edit in {one.id for one in every}:
        return True
    text = fold(f"{logged.question} {logged.reason}")
    held = {fold(one) for edit in every for one in (*edit.names, edit.target or "")} - {""}
    if any(re.search(rf"(?<!\w){re.escape(one)}(?!\w)", text) for one in held):
        return True
    asked = {one for edit in every for one in (edit.prompt, *edit.paraphrases)}
    said = set(words(logged.question))
    return any(prompt_key(one) == prompt_key(logged.question) or set(words(one)) <= said for one in asked)
