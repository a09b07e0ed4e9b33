"""The model that methods are tried on in turn: whether it is still what it was, and what it said before any edit."""

import ctypes
import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from kedit_memory.evaluation.measures import digest
from kedit_memory.evaluation.method import Bench
from kedit_memory.models.language import WhiteBoxModel
from kedit_memory.models.prompts import Prompt

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_RESET_PEAK = "5"  # what Linux takes for "forget the peak"


class WatchedBench(Bench):
    """One model for all methods, which has to be what it was after each.

    Args:
        load: gives the model, anew when a method has left a trace in it.
        shared: as of `Bench`.
    """

    def __init__(self, load: Callable[[], WhiteBoxModel], **shared: Any) -> None:
        super().__init__(load(), **shared)
        self.model: WhiteBoxModel
        self._load = load
        self._paces: dict[str, list[float]] = {}
        self._answers: dict[str, str] = {}
        self._digests: dict[str, str] = {}
        self._weights = _weights(self.model)
        self._shape = _shape(self.model)

    def pace(self, method: str) -> list[float]:
        """The seconds of a method's edits on this model, to be added to; the first takes what is needed once."""
        return self._paces.setdefault(method, [])

    def answers(self, questions: Sequence[str]) -> list[str]:
        """What the unedited model says; each question is asked once, while no edit is in force."""
        new = [text for text in dict.fromkeys(questions) if text not in self._answers]
        said = self.model.answer_many([Prompt(question=text) for text in new], max_new_tokens=self.max_new_tokens)
        self._answers.update(zip(new, said, strict=True))
        return [self._answers[text] for text in questions]

    def digests(self, questions: Sequence[str]) -> list[str]:
        """The digests of the unedited model's logits for questions, as `answers`."""
        for text in questions:
            if text not in self._digests:
                self._digests[text] = digest(self.model.logits(Prompt(question=text)))
        return [self._digests[text] for text in questions]

    def traces(self) -> list[str]:
        """What differs from the unedited model, in words; nothing where it is the same bit for bit."""
        found = []
        present = self.model.model.state_dict()
        changed = [
            name
            for name in present.keys() | self._weights.keys()
            if name not in present
            or name not in self._weights
            or not torch.equal(present[name].cpu(), self._weights[name])
        ]
        if changed:
            found.append(f"{len(changed)} of {len(self._weights)} tensors differ, such as {min(changed)}")
        if _shape(self.model) != self._shape:
            found.append("hooks, modules, gradients or the training mode differ")
        if self.model.context is not None:
            found.append("something is still put before every question")
        return found

    @torch.no_grad()
    def restore(self) -> None:
        """Put the kept weights back in place."""
        for name, tensor in self.model.model.state_dict().items():
            tensor.copy_(self._weights[name])

    def reload(self) -> None:
        """Take the model anew; editors that kept something of the old one start afresh."""
        self._editors.clear()
        self._paces.clear()
        self.model = self._load()


def _weights(model: WhiteBoxModel) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in model.model.state_dict().items()}


def _shape(model: WhiteBoxModel) -> tuple[Any, ...]:
    """All but the numbers that an edit may leave behind: modules, hooks, modes, what asks for a gradient."""
    modules = tuple(
        (name, type(module).__name__, module.training, sum(len(getattr(module, kind)) for kind in _HOOKS))
        for name, module in model.model.named_modules()
    )
    return modules, tuple((name, w.requires_grad, w.grad is None) for name, w in model.model.named_parameters())


@dataclass(kw_only=True)
class Peak:
    """The most memory taken within a block beyond what was taken before it; None where the system does not tell."""

    bytes: int | None = None


@contextmanager
def peak_memory(device: torch.device) -> Iterator[Peak]:
    """Measures a block: an accelerator's memory where the model is on one, else what is resident (Linux)."""
    peak = Peak()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        yield peak
        peak.bytes = torch.cuda.max_memory_allocated(device) - before
        return
    known = _reset_peak()
    yield peak
    if known is not None and (highest := _resident("VmHWM")) is not None:
        peak.bytes = max(0, highest - known)


def _reset_peak() -> int | None:
    """Gives freed memory back and forgets the peak; what is resident now, in bytes."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
        trim(0)
        _CLEAR.write_text(_RESET_PEAK)
    except (AttributeError, OSError):  # another C library, another system, or a container that forbids it
        return None
    return _resident("VmRSS")


def _resident(field: str) -> int | None:
    found = re.search(rf"^{field}:\s+(\d+) kB", _STATUS.read_text("ascii"), re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def negative_log_likelihoods(model: WhiteBoxModel, texts: Sequence[str]) -> list[tuple[float, int]]:
    """For each text the summed negative log-probability of what follows its first word, in nats, and the tokens."""
    parted = [text.partition(" ") for text in texts]
    rows = model.log_probabilities([(first, gap + rest) for first, gap, rest in parted])
    return [(-math.fsum(row), len(row)) for row in rows]
