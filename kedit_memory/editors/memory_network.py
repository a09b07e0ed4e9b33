"""Memory, a baseline of GRACE's paper (Hartvigsen et al., NeurIPS 2023, section 4): `memory`.

GRACE with its discrete search replaced by a memory network: the layer's output at the query token is read from a
fixed number of stored values by soft attention over as many stored keys. With q the layer's input there:

    a = softmax(K q + b)     output = a^T V

Nothing defers: every input is answered from the memory, edited or not, so that locality is given up. That is the point
of the paper's comparison, and its reported retention shows it. Read from its published settings: 100 slots; keys,
biases and values are all trained, by Adam for 100 steps on each edit as it comes; values begin at random numbers from
0 to 1. Taken here where they leave room: the query token alone is replaced, as in `grace`; the edits of one call are
one batch; the memory says nothing until it learned a first edit.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from kedit_memory.editors._module_adapter import ModuleEditor, Said, StateModule, linear
from kedit_memory.editors._teaching import check_options


class MemoryModule(StateModule):
    """Slots with a key and a value each, read by attention."""

    def __init__(self, width: int, slots: int, generator: torch.Generator) -> None:
        super().__init__()
        self.keys, self.biases = linear(width, slots, generator)
        self.values = nn.Parameter(torch.rand(slots, width, generator=generator))

    def learning(self, keys: torch.Tensor, states: torch.Tensor) -> torch.Tensor:  # noqa: ARG002 - nothing of it is kept
        """What is read; the layer's own state has no part in it."""
        return self._read(keys)

    def said(self, keys: torch.Tensor) -> Said:
        """What is read, for every row."""
        return Said(torch.ones(len(keys), dtype=torch.bool, device=keys.device), self._read(keys))

    def _read(self, keys: torch.Tensor) -> torch.Tensor:
        return torch.softmax(keys @ self.keys.T + self.biases, dim=1) @ self.values


@dataclass(frozen=True, kw_only=True)
class MemoryNetwork(ModuleEditor):
    """Soft attention over stored keys and values.

    Attributes:
        layer: See `ModuleEditor`, as for `stack`, `key_token`, `iterations`, `learning_rate` and `seed`.
        slots: How many keys and values there are.
    """

    name: ClassVar[str] = "memory"

    slots: int = 100

    def __post_init__(self) -> None:
        """Refuse options that mean nothing."""
        super().__post_init__()
        check_options(self.name, slots=(self.slots, 1, float("inf")))

    def module(self, width: int, generator: torch.Generator) -> MemoryModule:
        """Keys and values at random numbers."""
        return MemoryModule(width, self.slots, generator)
