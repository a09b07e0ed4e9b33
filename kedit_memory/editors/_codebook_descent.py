"""Learns many values at once by running only the layers above the codebook; each value is on its own.

Adam works on each coordinate alone, and no row of a batch sees another: a value that is learned among others is the
one that it would be by itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import torch

from kedit_memory.editors._codebook_adapter import Adapter
from kedit_memory.editors._codebook_site import Batch, Sample
from kedit_memory.editors._progress import Tell, silent

_DECAY = (0.9, 0.999)  # of Adam's averages
_TINY = 1e-8
_LAST_STEP = 0.1  # the length of the last step as a share of the first: targets that are overshot settle in the end
_WORTHWHILE = 0.75  # share of values still being learned at which the batch is read anew without the others


class Trunk(Protocol):
    """A batch that is run again and again, each time with other values."""

    batch: Batch
    keys: torch.Tensor  # (rows, width of a key)
    states: torch.Tensor  # (rows, width of a value): what values begin as

    def judged(self, values: torch.Tensor) -> torch.Tensor:
        """The scores that the targets are compared with, when each row has its value of shape (rows, width)."""
        ...


ReadOf: TypeAlias = Callable[[Adapter, Batch], Trunk]


@dataclass(frozen=True, kw_only=True)
class Learned:
    """What was learned for one group of phrasings."""

    keys: torch.Tensor  # (phrasings, width)
    value: torch.Tensor  # (width,)
    steps: int


@dataclass(kw_only=True)
class _Running:
    """The values that are still being learned, with the averages of Adam, all of shape (groups, width)."""

    groups: list[int]
    values: torch.Tensor
    mean: torch.Tensor
    square: torch.Tensor

    def keep(self, places: torch.Tensor) -> "_Running":
        """The groups at these places alone."""
        kept = [self.groups[place] for place in places.tolist()]
        return _Running(groups=kept, values=self.values[places], mean=self.mean[places], square=self.square[places])


@dataclass(frozen=True, kw_only=True)
class Descent:
    """Adam with a step length as a share of the state's size; stops where the target is decoded.

    Attributes:
        iterations: The most steps.
        rate: The step, as a share of the root mean square of what the value begins as.
        confidence: The least probability that each token of the target must reach, beside being the best.
        read: Reads a batch.
        tell: Told the steps taken and the most there are.
    """

    iterations: int
    rate: float
    confidence: float
    read: ReadOf
    tell: Tell = silent

    def learn(self, adapter: Adapter, groups: Sequence[Sequence[Sample]]) -> list[Learned]:
        """A value for each group of phrasings, which makes the model say the target after every one of them."""
        tail, owner = self._read(adapter, groups)
        start = _means(tail.states, owner, len(groups))
        scale = self.rate * start.square().mean(1, keepdim=True).sqrt()
        keys = [tail.keys[owner == group] for group in range(len(groups))]
        final, steps = start.clone(), [0] * len(groups)
        running = _Running(
            groups=list(range(len(groups))),
            values=start,
            mean=torch.zeros_like(start),
            square=torch.zeros_like(start),
        )
        for step in range(self.iterations + 1):
            self.tell(step, self.iterations)
            gradient, done = self._gradient(tail, owner, running)
            left = (~done).nonzero().flatten()
            for place in left.tolist():
                steps[running.groups[place]] = step
            if not len(left) or step == self.iterations:
                break
            if len(left) <= _WORTHWHILE * len(running.groups):
                final[running.groups] = running.values
                running, gradient, done = running.keep(left), gradient[left], done[left]
                tail, owner = self._read(adapter, [groups[group] for group in running.groups])
            rate = scale[running.groups] * _LAST_STEP ** (step / self.iterations)
            _adam(running, gradient, rate * ~done[:, None], step + 1)
        final[running.groups] = running.values
        return [Learned(keys=keys[group], value=final[group], steps=taken) for group, taken in enumerate(steps)]

    def _gradient(self, tail: Trunk, owner: torch.Tensor, running: _Running) -> tuple[torch.Tensor, torch.Tensor]:
        """The gradient of each value, of shape (groups, width), and which groups are done, of shape (groups,)."""
        values = running.values.detach().requires_grad_()
        judged = tail.judged(values[owner])
        (gradient,) = torch.autograd.grad(tail.batch.losses(judged).sum(), [values])
        with torch.no_grad():
            said = tail.batch.decoded(judged) & (tail.batch.least_probability(judged) >= self.confidence)
        missing = owner[~said.to(owner.device)].bincount(minlength=len(values))
        return gradient, missing == 0

    def _read(self, adapter: Adapter, groups: Sequence[Sequence[Sample]]) -> tuple[Trunk, torch.Tensor]:
        """The phrasings of all groups as one batch, and the group of each row."""
        tail = self.read(adapter, adapter.site.batch([sample for group in groups for sample in group]))
        counts = torch.tensor([len(group) for group in groups], device=tail.states.device)
        return tail, torch.arange(len(groups), device=counts.device).repeat_interleave(counts)


def _means(states: torch.Tensor, owner: torch.Tensor, groups: int) -> torch.Tensor:
    sums = torch.zeros(groups, states.shape[1], device=states.device).index_add(0, owner, states)
    return sums / owner.bincount(minlength=groups)[:, None]


def _adam(running: _Running, gradient: torch.Tensor, rate: torch.Tensor, step: int) -> None:
    """One step of Adam (Kingma and Ba, 2015, Algorithm 1)."""
    first, second = _DECAY
    running.mean = first * running.mean + (1 - first) * gradient
    running.square = second * running.square + (1 - second) * gradient.square()
    mean, square = running.mean / (1 - first**step), running.square / (1 - second**step)
    running.values = running.values - rate * mean / (square.sqrt() + _TINY)
