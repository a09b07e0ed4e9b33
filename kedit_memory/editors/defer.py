"""Defer, a baseline of GRACE's paper (Hartvigsen et al., NeurIPS 2023, section 4): `defer`.

After SERAC, but with the model left to be edited by what is learned from the edits alone: a small module at one layer
decides for each input whether the layer's own state goes on or one that the module predicts. With q the layer's input
at the query token, h its output there:

    p = sigmoid(w . q + b)     v = V q + c
    learning:  p v + (1 - p) h         in use:  v where p >= 0.5, else h

The paper tells no more than the idea. Read from its published settings: the module is affine in both parts, Adam
trains it for 100 steps on each edit as it comes, going on from where the edit before it left the weights, and no
example outside of the edits holds the decision back. Taken here where they leave room: the query token alone is
replaced, as in `grace`; the edits of one call are one batch; the module says nothing until it learned a first edit.
The rate of those settings, 0.1, drives the decision to 0 in a small model before the predicted state is of use, after
which nothing is learned any more; the default is one at which single edits of the embedded model succeed.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch

from kedit_memory.editors._module_adapter import ModuleEditor, Said, StateModule, linear
from kedit_memory.editors._teaching import check_options


class DeferModule(StateModule):
    """Decides whether to answer for a state, and predicts the one that goes on."""

    def __init__(self, width: int, threshold: float, generator: torch.Generator) -> None:
        super().__init__()
        self.threshold = threshold
        self.decision_weight, self.decision_bias = linear(width, 1, generator)
        self.value_weight, self.value_bias = linear(width, width, generator)

    def learning(self, keys: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        """Both states mixed by the decision, which has a gradient only so."""
        share = self._share(keys)[:, None]
        return share * self._values(keys) + (1 - share) * states

    def said(self, keys: torch.Tensor) -> Said:
        """The predicted state where the decision reaches the threshold."""
        return Said(self._share(keys) >= self.threshold, self._values(keys))

    def _share(self, keys: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(keys @ self.decision_weight[0] + self.decision_bias[0])

    def _values(self, keys: torch.Tensor) -> torch.Tensor:
        return keys @ self.value_weight.T + self.value_bias


@dataclass(frozen=True, kw_only=True)
class Defer(ModuleEditor):
    """A learned decision with a learned state.

    Attributes:
        layer: See `ModuleEditor`, as for `stack`, `key_token`, `iterations`, `learning_rate` and `seed`.
        threshold: The decision from which on the learned state is used.
    """

    name: ClassVar[str] = "defer"

    learning_rate: float = 5e-4
    threshold: float = 0.5

    def __post_init__(self) -> None:
        """Refuse options that mean nothing."""
        super().__post_init__()
        check_options(self.name, threshold=(self.threshold, 0.0, 1.0))

    def module(self, width: int, generator: torch.Generator) -> DeferModule:
        """Both parts at random numbers."""
        return DeferModule(width, self.threshold, generator)
