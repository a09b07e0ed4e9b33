"""Rulings on questions of many requests at once: those that wait are read together, on a thread of their own."""

import asyncio
import queue
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from kedit_memory.errors import InvalidInputError
from kedit_memory.records import Decision, Message
from kedit_memory.routing.router import Router
from kedit_memory.routing.ruling import Ruling
from kedit_memory.server.errors import Refused

# Hears of every decision: the dialogue, its namespace, what was decided, seconds by step.
Note: TypeAlias = Callable[[Sequence[Message], str, Decision | None, Mapping[str, float]], None]

_AT_ONCE = 16  # questions that are read together
_AGAIN_AFTER = "1"  # seconds, where too many wait


@dataclass(frozen=True, kw_only=True)
class _Waiting:
    turns: Sequence[Message]
    namespace: str
    ruling: "asyncio.Future[Ruling]"


class Deciding:
    """Asks the router on behalf of requests; `most` may wait at a time."""

    def __init__(self, router: Router, *, most: int, note: Note) -> None:
        self._router = router
        self._note = note
        self._most = most
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="deciding", daemon=True)
        self._thread.start()

    async def ruling(self, turns: Sequence[Message], namespace: str) -> Ruling:
        """What the memory says to the question that ends a dialogue.

        Raises:
            Refused: too many questions wait.
            KeditError: as `Router.rulings`.
        """
        if self._queue.qsize() >= self._most:
            raise Refused(
                429, "too many questions wait for a decision; ask again in a second", code="too_many_waiting",
                headers={"Retry-After": _AGAIN_AFTER},
            )  # fmt: skip
        future: asyncio.Future[Ruling] = asyncio.get_running_loop().create_future()
        self._queue.put(_Waiting(turns=turns, namespace=namespace, ruling=future))
        return await future

    def close(self) -> None:
        """Answers what waits, and ends."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            waiting = [first]
            while len(waiting) < _AT_ONCE and not self._queue.empty():
                following = self._queue.get()
                if following is None:
                    self._queue.put(None)
                    break
                waiting.append(following)
            waiting = [one for one in waiting if not one.ruling.done()]  # whoever has left, or waited too long
            by_namespace: dict[str, list[_Waiting]] = defaultdict(list)
            for one in waiting:
                by_namespace[one.namespace].append(one)
            for namespace, group in by_namespace.items():
                self._rule(group, namespace)

    def _rule(self, group: Sequence[_Waiting], namespace: str) -> None:
        """The rulings on questions of one namespace; where one cannot be read, each by itself."""
        try:
            rulings = self._router.rulings([one.turns for one in group], namespace=namespace)
        except InvalidInputError as error:
            if len(group) > 1:
                for one in group:
                    self._rule([one], namespace)
                return
            _tell(group[0].ruling, error)
        except Exception as error:  # noqa: BLE001 - whoever asked hears of it, and the thread lives on
            for one in group:
                _tell(one.ruling, error)
        else:
            for one, ruling in zip(group, rulings, strict=True):
                # First the note, which never waits: whoever has a reply finds its decision in the log.
                self._note(one.turns, namespace, ruling.decision, ruling.timings)
                _tell(one.ruling, ruling)


def unnoted(_: Sequence[Message], __: str, ___: Decision | None, ____: Mapping[str, float]) -> None:
    """What hears of decisions where no log is kept."""


def _tell(future: "asyncio.Future[Ruling]", outcome: Ruling | Exception) -> None:
    """Give a request its ruling, in its own loop; one that has left hears nothing."""

    def tell() -> None:
        if future.done():
            return
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)

    loop = future.get_loop()
    if not loop.is_closed():
        loop.call_soon_threadsafe(tell)
