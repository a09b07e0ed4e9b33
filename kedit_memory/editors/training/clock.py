"""The loop of all training: so many minutes, a rate that rises and falls, saves on the way and at an interrupt."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch

from kedit_memory.editors._progress import Tell, silent
from kedit_memory.errors import InvalidInputError, UnknownNameError

FORMS = ("embedding", "cross")
_SAVE = 150.0  # seconds between saves
_WARM_UP = 50  # steps until the whole rate
_LEAST_RATE = 0.01  # of it, at the end
_STEADY = 0.98  # of a figure's running mean that one step leaves


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to train.

    Attributes:
        minutes: How long.
        seed: Of every choice.
        batch: Edits a step.
        layers: `mend` and `ke`: the last so many are edited.
        form: `serac`: "embedding" or "cross", of its classifier.
        resume: Whether to go on from what the output folder holds.
        tell: Told the seconds that are over, and those that there are.
    """

    minutes: float = 20.0
    seed: int = 0
    batch: int = 8
    layers: int = 3
    form: str = "embedding"
    resume: bool = False
    tell: Tell = silent

    def __post_init__(self) -> None:
        if not 0 < self.minutes < float("inf"):
            raise InvalidInputError(f"minutes is {self.minutes!r}; give a number above 0")
        if self.batch < 1:
            raise InvalidInputError(f"batch is {self.batch!r}; give 1 or more")
        if self.form not in FORMS:
            raise UnknownNameError("form of a scope classifier", self.form, FORMS)

    @property
    def record(self) -> dict[str, Any]:
        """What is kept of them beside what was trained."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name != "tell"}


def check_output(folder: Path, *, resume: bool) -> None:
    """Refuse a folder that something would be lost in, or that there is nothing to go on from.

    Raises:
        InvalidInputError: it holds something and is not to be gone on from, or the other way round.
    """
    filled = folder.is_dir() and any(folder.iterdir())
    if folder.exists() and not folder.is_dir():
        raise InvalidInputError(f"{folder} is a file; name a new folder")
    if filled and not resume:
        raise InvalidInputError(f"{folder} holds something already; name a new folder, or go on from it with --resume")
    if resume and not filled:
        raise InvalidInputError(f"{folder} holds nothing to go on from; leave --resume out")


def run(
    groups: list[dict[str, Any]],
    step: Callable[[], Mapping[str, float]],
    save: Callable[[Mapping[str, Any]], None],
    settings: Settings,
    folder: Path,
) -> dict[str, Any]:
    """Adam's steps on groups of weights, each with its `rate`, for as long as the settings say; a record of them.

    `step` leaves the gradients of one batch and gives what it showed. `save` is given the record every few minutes, at
    the end, and where somebody interrupts; the interrupt then says so.
    """
    optimizer = torch.optim.Adam([{**one, "lr": 0.0} for one in groups], betas=(0.9, 0.99))
    weights = [weight for one in groups for weight in one["params"]]
    started = saved = time.monotonic()
    record: dict[str, Any] = {**settings.record, "steps": 0, "seconds": 0}
    try:
        for number, over in _steps(started, settings):
            for group in optimizer.param_groups:
                group["lr"] = group["rate"] * _schedule(number, over)
            shown = step()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            now = time.monotonic()
            record |= {name: _moved(record.get(name, value), value) for name, value in shown.items()}
            record |= {"steps": number + 1, "seconds": round(now - started)}
            if now - saved > _SAVE:
                save(_rounded(record))
                saved = now
        save(_rounded(record))
    except KeyboardInterrupt as stopped:
        if record["steps"]:
            save(_rounded(record))
            stopped.add_note(f"what {record['steps']:,} steps taught is in {folder}: --resume goes on from it")
        raise
    return _rounded(record)


def _steps(started: float, settings: Settings) -> Iterator[tuple[int, float]]:
    """The number of each step, and the share of the time that is over; one step at least."""
    seconds, number = 60 * settings.minutes, 0
    while (over := (time.monotonic() - started) / seconds) < 1 or not number:
        settings.tell(round(over * seconds), max(1, round(seconds)))
        yield number, min(1.0, over)
        number += 1


def _schedule(number: int, over: float) -> float:
    return min(1.0, (number + 1) / _WARM_UP) * (0.5 * (1 + math.cos(math.pi * over)) + _LEAST_RATE)


def _moved(mean: float, value: float) -> float:
    return value + _STEADY * (mean - value)


def _rounded(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in record.items()}
