"""What a run keeps as it measures, so that it can go on where it stopped and be scored again without a model.

A log is one file: its first line is the plan, and each line after it a part, a method in a setting with all its
samples. A line is on the disk before the next part begins; a part without its line has not been measured.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeAlias

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.rows import Run
from kedit_memory.evaluation.task import version_of

FORMAT = 1
DONE, FAILED, SHORTENED = "done", "failed", "shortened"
_SAME = ("dataset", "config", "data", "model")  # what agrees in the parts of one run

Sample: TypeAlias = Mapping[str, Any]  # as the task that took it writes it; see `Task.score`


@dataclass(frozen=True, kw_only=True)
class PartKey:
    """What is measured in one go: a method with the order of a seed; in a mode, with so many edits, where that is told.

    `method` is empty where a task takes one sample for all methods.
    """

    method: str = ""
    mode: str = ""
    planned: int = 0
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Part:
    """How a part went, and what was seen.

    Attributes:
        key: what it is.
        status: `DONE`; `SHORTENED` where time ran out at fewer edits than planned, which then are `edits`; or `FAILED`,
            for the reason in `error`.
        trace: what the method left in the model.
        run: the facts that each row of it tells; None where there is no row.
        facts: what the whole part has in common.
        samples: what each question, text or edit came to.
    """

    key: PartKey
    status: str = DONE
    edits: int = 0
    seconds: float = 0.0
    error: str = ""
    traceback: str = ""
    trace: str = ""
    run: Run | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    samples: Sequence[Sample] = ()

    def told(self) -> dict[str, Any]:
        """How it went, without what was seen."""
        return {name: value for name, value in asdict(self).items() if name not in {"run", "facts", "samples"}}


class Log:
    """The parts of a run of one plan, kept in a file where one is given.

    A part that is recorded again counts in place of the earlier one, as does a later try of one that failed.
    """

    def __init__(self, task: str, plan: Mapping[str, Any], path: Path | None = None) -> None:
        self.task = task
        self.plan: Mapping[str, Any] = json.loads(json.dumps(plan))
        self.path = path
        self._parts: dict[PartKey, Part] = {}

    @classmethod
    def open(cls, path: Path | None, task: str, plan: Mapping[str, Any]) -> "Log":
        """The log in a file, which is made if absent, with what is there of the same plan.

        Raises:
            InvalidInputError: the file is of another plan, task, version or format, is no log, or cannot be written.
        """
        log = cls(task, plan, path)
        if path is None:
            return log
        try:
            if path.exists() and path.stat().st_size:
                there = cls.read(path)
                log._agree(there)
                log._parts = there._parts
            log._rewrite(path)
        except OSError as error:
            raise InvalidInputError(
                f"{path} cannot be used for a log ({error.strerror or error}); name another file"
            ) from error
        return log

    @classmethod
    def read(cls, path: Path) -> "Log":
        """What is in a file, to be scored; a last line that was cut off is left out.

        Raises:
            InvalidInputError: it is no log of this format and of a known version of its task, or cannot be read.
        """
        lines = _objects(path)
        number, head = next(lines, (1, {}))
        if set(head) != {"log", "task", "task_version", "plan"}:
            raise InvalidInputError(f"{path}, line {number}, is not how a log begins; name one that --log wrote")
        for name, have in (("log", FORMAT), ("task_version", version_of(head["task"]))):
            if head[name] != have:
                raise InvalidInputError(
                    f"{path} has {name} {head[name]}, and this version of kedit has {have}: measure anew into another "
                    "file"
                )
        log = cls(head["task"], head["plan"])
        for number, line in lines:
            try:
                part = _part(line)
            except (KeyError, TypeError) as error:
                raise InvalidInputError(f"{path}, line {number}, is no part of a run ({error})") from error
            log._parts[part.key] = part
        return log

    @property
    def version(self) -> int:
        """Of the task."""
        return version_of(self.task)

    @property
    def parts(self) -> tuple[Part, ...]:
        """What was measured, in the order of the first tries."""
        return tuple(self._parts.values())

    def finished(self, key: PartKey) -> bool:
        """Whether a part was measured, and need not be measured again."""
        return key in self._parts and self._parts[key].status != FAILED

    def record(self, part: Part) -> None:
        """Keep a part; it is on the disk when this returns."""
        self._parts[part.key] = part
        if self.path is not None:
            _append(self.path, [_line(part)])

    def check(self, run: Run) -> None:
        """Refuse to add parts of another run to those that are here; what the run does not know is not compared.

        Raises:
            InvalidInputError: they have other data, another configuration or another model.
        """
        for part in self.parts:
            for name in _SAME if part.run else ():
                have, given = getattr(part.run, name), getattr(run, name)
                if given is not None and have != given:
                    raise InvalidInputError(
                        f"{self.path} holds parts with {name} {have}, and this run has {given}: give what it was begun "
                        "with, or another file"
                    )

    def _agree(self, there: "Log") -> None:
        plans = {"task": there.task, **there.plan}, {"task": self.task, **self.plan}
        for name in sorted(set().union(*plans)):
            have, wanted = (plan.get(name) for plan in plans)
            if have != wanted:
                raise InvalidInputError(
                    f"{self.path} holds a run with {name} {have!r}, and now it is {wanted!r}: go on with the same "
                    "plan, or name another file"
                )

    def _rewrite(self, path: Path) -> None:
        """Write all, or nothing; of parts that were recorded again the last one stays."""
        head = {"log": FORMAT, "task": self.task, "task_version": version_of(self.task), "plan": self.plan}
        aside = path.with_name(f"{path.name}.new")
        aside.unlink(missing_ok=True)
        _append(aside, [head, *map(_line, self.parts)])
        aside.replace(path)


def compact(sample: Any) -> dict[str, Any]:
    """A dataclass as an object for a log, without what has its default; its fields are plain values."""
    return {
        one.name: value
        for one in fields(sample)
        if (value := getattr(sample, one.name)) != one.default and value is not None
    }


def _line(part: Part) -> dict[str, Any]:
    shown = {name: value for name, value in compact(part).items() if name not in {"key", "run"}}
    return {"key": compact(part.key), "run": asdict(part.run) if part.run else None, **shown}


def _part(line: Mapping[str, Any]) -> Part:
    return Part(**{**line, "key": PartKey(**line["key"]), "run": Run(**line["run"]) if line["run"] else None})


def _objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a file with the numbers of their lines; a last line that was cut off is left out."""
    try:
        lines = path.read_text("utf-8").split("\n")
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{path} cannot be read ({error}); name a log") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except ValueError:
            if number == len(lines):
                return
            found = None
        if not isinstance(found, dict):
            raise InvalidInputError(f"{path}, line {number}, is no JSON object; name another file")
        yield number, found


def _append(path: Path, found: Sequence[Mapping[str, Any]]) -> None:
    """Write objects behind those of a file; they are on the disk when this returns."""
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in found))
        file.flush()
        os.fsync(file.fileno())
