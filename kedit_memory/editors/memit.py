"""`memit`: many facts at once, spread over several layers (Meng et al. 2023, Mass-Editing Memory in a Transformer)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from kedit_memory.editors._keyvalue import Update, solve
from kedit_memory.editors._spread import SpreadingEditor, UpdateOf
from kedit_memory.editors._teaching import check_options
from kedit_memory.models.families import Family
from kedit_memory.models.language import WhiteBoxModel


@dataclass(frozen=True, kw_only=True)
class Memit(SpreadingEditor):
    """Writes all facts by the least squares of what the layers did before and of what they should do now.

    Attributes:
        weight: λ, how much what the layers do for other keys counts, in tokens.
        prompt_weight: See `SpreadingEditor`, also for the other options. With the default the words of the facts' own
            prompts are among the keys C stands for; 0 is the paper's method.
    """

    name: ClassVar[str] = "memit"

    weight: float = 150.0
    prompt_weight: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_options(self.name, weight=(self.weight, 1e-9, float("inf")))

    def update(self, model: WhiteBoxModel, family: Family, layers: Sequence[int]) -> UpdateOf:
        """Least squares against each layer's moments."""
        moments = self.moments_of(model, family, layers)
        return lambda layer, keys, residuals, kept: least_squares(
            keys, residuals, self.weight * moments[layer].double() + kept
        )


def least_squares(keys: torch.Tensor, residuals: torch.Tensor, kept: torch.Tensor) -> Update:
    """The update R Kᵀ (λ C + K Kᵀ)⁻¹ as R times the rest, of rank facts: equation 14 of the paper.

    Args:
        keys: Kᵀ, (facts, in).
        residuals: Rᵀ, (facts, out).
        kept: λ C, (in, in): the second moment of the keys for which nothing is to change, weighed.
    """
    wide = keys.double()
    return residuals.double().T, solve(kept.double() + wide.T @ wide, wide.T).T
