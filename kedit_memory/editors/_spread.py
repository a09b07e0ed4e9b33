"""What MEMIT and AlphaEdit share: all facts at once, each of several layers taking its share of what is left to do.

Facts that are written together disturb each other's prompts, in which the words around the subjects are much the same.
So these words may be kept, beside what second moments stand for; see `prompt_weight`. With more than one round, those
whose target is not said afterwards are searched for anew, in the model as it then is, and written again; the keys of
the others stand among the facts with nothing left to do, so that what was written for them is kept. The papers write
once.
"""

import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import nn

from kedit_memory.editors._keyvalue import (
    ROWS,
    FactTexts,
    KeyValueEditor,
    Update,
    beside,
    keys,
    layer_indices,
    projection,
    read,
    texts_of,
    write,
)
from kedit_memory.editors._locate import Site, decoder_family
from kedit_memory.editors._teaching import check_options, judged
from kedit_memory.editors._values import Values, find_values
from kedit_memory.editors._weights import WeightChange, changing
from kedit_memory.editors.base import Outcome, Wanted, facts
from kedit_memory.models.families import Family
from kedit_memory.models.hooks import replace
from kedit_memory.models.language import WhiteBoxModel, white_box

_DEPTH = 0.3
_SMALL_LAST = 3
_MOST_LAYERS = 5
_MOST_MADE_UP = 10.0  # times a share

# From a layer, its keys (facts, in), what its output lacks there (facts, out), and the sum of k kᵀ (in, in) over keys
# for which nothing is to change, to its update.
UpdateOf: TypeAlias = Callable[[int, torch.Tensor, torch.Tensor, torch.Tensor], Update]


@dataclass(frozen=True, kw_only=True)
class SpreadingEditor(KeyValueEditor):
    """Finds the state that each subject needs after the last of its layers, and lets all its layers bring it about.

    Attributes:
        layers: The layers, from 0; if None, five that end three tenths of the way up, of small models the first four.
        rounds: How many times facts that are not said yet are written, once as in the papers by default. More of them
            are then said, and more of all else is moved.
        prompt_weight: How much each other token of the facts' prompts and targets counts, as a key for which nothing
            is to change, where a fact's own key counts 1. The papers leave these to the second moments alone, as 0
            does. See `KeyValueEditor` for the other options.
    """

    layers: tuple[int, ...] | None = None
    rounds: int = 1
    prompt_weight: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        most = float("inf")
        check_options(self.name, rounds=(self.rounds, 1, most), prompt_weight=(self.prompt_weight, 0.0, most))

    @abstractmethod
    def update(self, model: WhiteBoxModel, family: Family, layers: Sequence[int]) -> UpdateOf:
        """How this method changes a layer, with all that it takes from the unedited model."""

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
        default = _default_layers(family.count)
        layers = layer_indices(family, default if self.layers is None else self.layers)
        texts = texts_of(model, wanted, self)
        started = time.perf_counter()
        update = self.update(model, family, layers)
        with changing(model, [family.mlp_out_weight(layer) for layer in layers]) as weights:
            last = family.layer(model.model, layers[-1])
            left, steps = list(range(len(texts))), 0
            outcomes: list[Outcome] = []
            for _ in range(self.rounds):
                values = find_values(model, family, layers[-1], [texts[i] for i in left], self, whole=True)
                steps += max(values.steps)
                for place, layer in enumerate(layers):
                    # Each takes an equal part of what is left for it and those after it.
                    share = _left_over(model, last, texts, left, values) / (len(layers) - place)
                    share = _before_the_sum(model, family, layer, [one.taught[0] for one in texts], share)
                    found = keys(model, family, [layer], texts)[layer]
                    change = update(layer, found, share.to(found.device), self._kept(model, family, layer, texts))
                    write(weights, family.mlp_out_weight(layer), change, family)
                weights.check_finite()
                outcomes = judged(model, wanted, steps, started)
                left = [i for i, outcome in enumerate(outcomes) if not outcome.learned]
                if not left:
                    break
        return weights.change(self.name, self.options, outcomes)

    def _kept(self, model: WhiteBoxModel, family: Family, layer: int, texts: Sequence[FactTexts]) -> torch.Tensor:
        """The sum of k kᵀ, (in, in), over the other tokens of the facts' own texts, weighed."""
        # Of no text, so with no pass, where the other tokens do not count.
        sites = [one.taught[0] for one in texts] if self.prompt_weight else []
        return self.prompt_weight * beside(model, family, layer, sites)


def _default_layers(count: int) -> range:
    """Early to middle layers, as in the papers; a small model needs its first four.

    What the last layer of all adds at a subject is read by no later word, so it is never among them.
    """
    last = max(0, min(count - 2, max(_SMALL_LAST, round(_DEPTH * (count - 1)))))
    return range(max(0, last - _MOST_LAYERS + 1), last + 1)


def _before_the_sum(
    model: WhiteBoxModel, family: Family, layer: int, sites: Sequence[Site], share: torch.Tensor
) -> torch.Tensor:
    """What the MLP's projection must give more for the state after its layer to move by `share`, (facts, width).

    The papers' models add what it gives to the state as it is, so the two are the same. Others put a factor (Granite)
    or a norm (Gemma 2, OLMo 2) between: what arrives of the share is measured, and its length along the share is made
    up for, which is exact for a factor and a first step for a norm.
    """
    state = {0: family.layer(model.model, layer)}
    projected = projection(model, family, layer)
    arrived = torch.zeros_like(share)
    for first in range(0, len(sites), ROWS):
        part, given = sites[first : first + ROWS], share[first : first + ROWS]
        places = (torch.arange(len(part)), torch.tensor([site.at for site in part]))

        def add(states: torch.Tensor, places: Any = places, given: torch.Tensor = given) -> torch.Tensor:
            return states.index_put(places, given.to(states), accumulate=True)

        before = read(model, state, part, "output")[0]
        with replace(projected, add, rows=len(part)):
            arrived[first : first + ROWS] = (read(model, state, part, "output")[0] - before).to(share)
    along = (arrived * share).sum(1, keepdim=True) / share.square().sum(1, keepdim=True)
    # Of a share of nothing nothing arrives; and where little does, much more would only be cut by the norm.
    return share / along.nan_to_num(1.0).clamp(1 / _MOST_MADE_UP, _MOST_MADE_UP)


def _left_over(
    model: WhiteBoxModel, last: nn.Module, texts: Sequence[FactTexts], left: Sequence[int], values: Values
) -> torch.Tensor:
    """What the state after the last layer still lacks of the `values` of the facts that are left, (facts, width).

    The others lack nothing.
    """
    present = read(model, {0: last}, [texts[i].taught[0] for i in left], "output")[0]
    lacking = present.new_zeros(len(texts), present.shape[1])
    lacking[list(left)] = values.unedited + values.deltas - present
    return lacking
