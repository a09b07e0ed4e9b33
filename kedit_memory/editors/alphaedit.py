"""`alphaedit`: MEMIT within the null space of what the model already uses (Fang et al. 2025, AlphaEdit)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self
from weakref import WeakKeyDictionary

import torch

from kedit_memory.editors._keyvalue import Update, keys, texts_of
from kedit_memory.editors._spread import SpreadingEditor, UpdateOf
from kedit_memory.editors._teaching import check_options
from kedit_memory.editors.base import Fact, Wanted, facts
from kedit_memory.errors import EditorError
from kedit_memory.models.families import Family
from kedit_memory.models.language import WhiteBoxModel


class Known:
    """What was once taken from models; a cache, taken anew whenever it is lost."""

    def __init__(self) -> None:
        self._keys: WeakKeyDictionary[torch.nn.Module, dict[tuple[int, Fact], torch.Tensor]] = WeakKeyDictionary()
        self._free: dict[tuple[int, float, bool], tuple[torch.Tensor, torch.Tensor]] = {}

    def free(
        self, moments: Mapping[int, torch.Tensor], threshold: float, *, absolute: bool = False
    ) -> Mapping[int, torch.Tensor]:
        """By layer, the directions that are free by its moments; see `free_directions`."""
        for layer, moment in moments.items():
            kept = self._free.get((layer, threshold, absolute))
            if kept is None or kept[0] is not moment:
                free = free_directions(moment, threshold, absolute=absolute)
                self._free[layer, threshold, absolute] = moment, free
        return {layer: self._free[layer, threshold, absolute][1] for layer in moments}

    def keys(
        self, model: WhiteBoxModel, family: Family, layers: Sequence[int], wanted: Sequence[Fact], editor: "AlphaEdit"
    ) -> Mapping[int, torch.Tensor]:
        """By layer, the facts' keys as they were when first asked for, (facts, in), float32."""
        known = self._keys.setdefault(model.model, {})
        new = [fact for fact in wanted if any((layer, fact) not in known for layer in layers)]
        if new:
            for layer, found in keys(model, family, layers, texts_of(model, new, editor)).items():
                known.update({(layer, fact): key for fact, key in zip(new, found, strict=True)})
        return {layer: torch.stack([known[layer, fact] for fact in wanted]) for layer in layers}


@dataclass(frozen=True, kw_only=True)
class AlphaEdit(SpreadingEditor):
    """Writes all facts where neither the model's own keys nor those of earlier edits reach.

    What the edits of earlier calls wrote is kept where the editor knows of them: by a `Session`, or as `past`.

    Attributes:
        threshold: A direction is free where keys' second moment along it is below so many means over all directions.
        ridge: How much the size of an update counts, in mean squared lengths of a key. More of it moves the model
            less, and fewer of the edits are then learned.
        absolute: Whether both are plain numbers, as in the paper, whose models leave most directions next to unused.
        past: Edits of earlier calls that are in force in the model. See `SpreadingEditor` for the other options.
        known: Free directions and the keys of past edits; `dataclasses.replace` hands it on.
    """

    name: ClassVar[str] = "alphaedit"

    threshold: float = 0.2
    ridge: float = 0.05
    absolute: bool = False
    past: tuple[Wanted, ...] = ()
    known: Known = field(default_factory=Known, compare=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        most = float("inf")
        check_options(self.name, threshold=(self.threshold, 1e-9, most), ridge=(self.ridge, 1e-9, most))
        if self.past:
            facts(self.past, subjects=True)

    def following(self, past: Sequence[Wanted]) -> Self:
        """The same editor, with these edits as `past`."""
        return replace(self, past=tuple(past))

    @property
    def options(self) -> dict[str, Any]:
        """What a saved change says of how it was made: the number of past edits, not each of them."""
        return {**super().options, "past": len(self.past)}

    def update(self, model: WhiteBoxModel, family: Family, layers: Sequence[int]) -> UpdateOf:
        """The projected least squares, against the keys of past edits alone."""
        moments = self.moments_of(model, family, layers)
        free = self.known.free(moments, self.threshold, absolute=self.absolute)
        ridges = {
            layer: self.ridge * (1.0 if self.absolute else float(moment.diagonal().sum()))
            for layer, moment in moments.items()
        }
        past = self.known.keys(model, family, layers, facts(self.past, subjects=True), self) if self.past else {}
        return lambda layer, keys, residuals, kept: projected(
            keys, residuals, free[layer], past=past.get(layer, keys[:0]), kept=kept, ridge=ridges[layer]
        )


def free_directions(moment: torch.Tensor, threshold: float, *, absolute: bool = False) -> torch.Tensor:
    """Q, (in, free), float64: an orthonormal basis of the null space, P = Q Qᵀ in the paper.

    The threshold is one of means of the moment, or a plain number where it is `absolute`.

    Raises:
        EditorError: no direction is free.
    """
    sizes, directions = torch.linalg.eigh(moment.double())
    free: torch.Tensor = directions[:, sizes < (threshold if absolute else threshold * sizes.mean())]
    if not free.shape[1]:
        unit = "" if absolute else " means"
        raise EditorError(f"no direction is free below a threshold of {threshold:g}{unit}; take a higher one")
    return free


def projected(
    keys: torch.Tensor,
    residuals: torch.Tensor,
    free: torch.Tensor,
    *,
    past: torch.Tensor,
    kept: torch.Tensor,
    ridge: float,
) -> Update:
    """The update R Kᵀ P (Kp Kpᵀ P + K Kᵀ P + ridge I)⁻¹ of the paper as R times the rest, of rank facts.

    It is taken within the free directions, where it reads R Kᵀ Q (Qᵀ (Kp Kpᵀ + K Kᵀ) Q + ridge I)⁻¹ Qᵀ.

    Args:
        keys: Kᵀ, (facts, in).
        residuals: Rᵀ, (facts, out).
        free: Q, (in, free), from `free_directions`.
        past: Kpᵀ, (past facts, in).
        kept: The sum of k kᵀ, (in, in), over further keys for which nothing is to change.
        ridge: The weight of the update's own size; 1 in the paper's equation.
    """
    now, before = keys.double() @ free, past.double() @ free
    gram = now.T @ now + before.T @ before + free.T @ kept.to(free) @ free
    gram = gram + ridge * torch.eye(free.shape[1], dtype=free.dtype, device=free.device)
    rest: torch.Tensor = free @ torch.linalg.solve(gram, now.T)  # (in, facts)
    return residuals.double().T, rest.T
