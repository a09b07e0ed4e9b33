"""Fine-tuning on the edits: the whole model, its last layer, or one matrix held near what it was."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from kedit_memory.editors._teaching import check_options, learn
from kedit_memory.editors._tuning import Tuning, every_weight
from kedit_memory.editors._weights import Snapshot
from kedit_memory.editors.base import Fact, Outcome
from kedit_memory.models.classifier import Editable
from kedit_memory.models.families import family_of

_LARGE = 1_000_000_000  # numbers
_DEPTH = 2 / 3


@dataclass(frozen=True, kw_only=True)
class FineTuning(Tuning):
    """All weights of a model that is not large, as "FT (full model)" of Onoe et al. (2023); of a large one, one layer.

    Tuning takes four times the room of the weights that it moves: for what they were, gradients and Adam's averages.

    Attributes:
        layers: Whose weights move, 0 the first; None takes all of a model up to a billion numbers, and of a larger one
            the layer two thirds of the way up, where EasyEdit tunes models of 32 layers by default.
    """

    name: ClassVar[str] = "ft"

    layers: tuple[int, ...] | None = None

    def names(self, model: Editable) -> Sequence[str]:
        """Every weight, or those of the layers."""
        if self.layers is None and sum(weight.numel() for weight in model.model.parameters()) <= _LARGE:
            return every_weight(model)
        layers = [round(_DEPTH * (family_of(model.model).count - 1))] if self.layers is None else self.layers
        return [name for layer in layers for name in _weights_of(model, layer)]


@dataclass(frozen=True, kw_only=True)
class LastLayer(Tuning):
    """The weights of the last layer, as "FT (last layer)" of Onoe et al. (2023)."""

    name: ClassVar[str] = "ft-last"

    def names(self, model: Editable) -> Sequence[str]:
        """The last layer's weights; not the final norm or the head."""
        return _weights_of(model, -1)


@dataclass(frozen=True, kw_only=True)
class ConstrainedLayer(Tuning):
    """One layer's MLP output matrix, no weight of it moved by more than `norm`: "FT+L" of Meng et al. (2022).

    After each step the change is projected onto the ball of the L-infinity norm (Zhu et al., 2020).

    Attributes:
        layer: The layer, 0 the first, -1 the last; None takes the one a quarter of the way up.
        norm: The most that a weight may move; in half precision the result is rounded after this.
    """

    name: ClassVar[str] = "ft-l"

    layer: int | None = None
    norm: float = 5e-2
    rate: float = 5e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        check_options(self.name, norm=(self.norm, 1e-12, float("inf")))

    def names(self, model: Editable) -> Sequence[str]:
        """The one matrix."""
        family = family_of(model.model)
        layer = family.count // 4 if self.layer is None else self.layer
        return [family.mlp_out_weight(layer)]

    def tune(self, model: Editable, weights: Snapshot, wanted: Sequence[Fact]) -> list[Outcome]:
        """Step the matrix within the ball around what it was."""

        def constrain(name: str, weight: torch.Tensor) -> None:
            before = weights.before[name].to(weight.dtype)
            weight.clamp_(before - self.norm, before + self.norm)

        return learn(model, weights, wanted, self.descent(constrain=constrain), paraphrases=self.paraphrases)


def _weights_of(model: Editable, layer: int) -> list[str]:
    """The names of one layer's weights."""
    family = family_of(model.model)
    before = family.layer_name(layer)
    return [f"{before}.{name}" for name, _ in family.layer(model.model, layer).named_parameters()]
