"""`rome`: rank-one model editing (Meng et al. 2022, Locating and Editing Factual Associations in GPT)."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from kedit_memory.editors._keyvalue import KeyValueEditor, Update, factor_of, keys, layer_indices, texts_of, write
from kedit_memory.editors._locate import decoder_family
from kedit_memory.editors._teaching import judged
from kedit_memory.editors._values import find_values
from kedit_memory.editors._weights import WeightChange, changing
from kedit_memory.editors.base import Outcome, Wanted, facts
from kedit_memory.models.language import WhiteBoxModel, white_box

_DEPTH = 0.2  # of the default layer, from the first to the last


@dataclass(frozen=True, kw_only=True)
class Rome(KeyValueEditor):
    """Writes each fact into one layer's MLP by a rank-one update, one fact after the other.

    Attributes:
        layer: The layer, from 0; a fifth of the way up if None. See `KeyValueEditor` for the other options.
    """

    name: ClassVar[str] = "rome"

    layer: int | None = None

    def apply(self, model: WhiteBoxModel, edits: Sequence[Wanted]) -> WeightChange:
        """Put the edits into the model; see `Editor.apply`.

        Raises:
            InvalidInputError: an edit lacks a prompt, target or subject, or the model has no such layer.
            CapabilityError: the model shows no weights, or is no decoder of a known family.
            EditorError: the model's precision overflows.
        """
        model = white_box(model, self.name)
        wanted = facts(edits, subjects=True)
        family = decoder_family(model, self.name)
        chosen = default_layer(family.count) if self.layer is None else self.layer
        (layer,) = layer_indices(family, [chosen])
        texts = texts_of(model, wanted, self)
        moments = self.moments_of(model, family, [layer])
        factor = self.made_of(model, moments, "factor", factor_of)[layer]
        name = family.mlp_out_weight(layer)
        outcomes: list[Outcome] = []
        with changing(model, [name]) as weights:
            for one in texts:
                started = time.perf_counter()
                values = find_values(model, family, layer, [one], self)
                key = keys(model, family, [layer], [one])[layer][0]
                write(weights, name, rank_one(key, values.deltas[0], factor), family)
                weights.check_finite()
                outcomes += judged(model, [one.fact], values.steps[0], started)
        return weights.change(self.name, self.options, outcomes)


def default_layer(count: int) -> int:
    """The layer that is written where none is named, of so many."""
    return round(_DEPTH * (count - 1))


def rank_one(key: torch.Tensor, delta: torch.Tensor, factor: torch.Tensor) -> Update:
    """The update of rank one that moves the output at `key` by `delta`: equation 2 with v* = W k* + delta.

    Among all that do, it changes least what the layer gives for keys of a second moment, of which `factor`, (in, in),
    is made.
    """
    direction = torch.cholesky_solve(key.double()[:, None], factor)[:, 0]  # C⁻¹ k*
    return delta.double()[:, None], direction[None] / (direction @ key.double())
