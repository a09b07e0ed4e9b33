"""Transformer layers whose matrix products are of whole numbers: several times faster where the processor has them.

Weights are rounded by their rows when the layer is made, states at every call. A few channels of the states are ten
times as wide as the others, which would have no steps left beside them: those are multiplied unrounded (LLM.int8():
Dettmers et al. 2022). They are found once, in states that the layer is shown.
"""

import math
import warnings
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

_WIDE = 8  # channels of the states that are not rounded
_LARGEST = 127
_MARGIN = 1.25  # by which states may be wider than those that were shown; what is wider still is cut


def able() -> bool:
    """Whether this processor, and this release of torch, multiply whole numbers of eight bits and lose no sum."""
    told: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # not in older releases
    quick = bool(told.get("avx512_vnni") or told.get("avx_vnni"))
    return quick and "x86" in torch.backends.quantized.supported_engines and hasattr(torch, "quantize_per_channel")


def layers(of: Iterable[nn.Module]) -> nn.ModuleList:
    """The same layers of BERT in a form that can be rounded."""
    return nn.ModuleList(EightBitLayer(layer) for layer in of)


def passed(layers: Iterable[nn.Module], states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """States, shape (texts, tokens, width), after some `EightBitLayer`s; zeros where `mask` has no token."""
    layout = _Layout(mask)
    tokens = layout.together(states)
    for layer in layers:
        tokens = layer(tokens, layout)
    return layout.apart(tokens)


class _Layout:
    """Where the tokens of texts stand, side by side; what is padding is not multiplied."""

    def __init__(self, mask: torch.Tensor) -> None:
        self._shape = mask.shape
        self._places = None if bool(mask.all()) else mask.flatten().nonzero().squeeze(1)
        self.bias = torch.zeros(mask.shape).masked_fill_(~mask, -torch.inf)[:, None, None]  # of attention's scores

    def together(self, states: torch.Tensor) -> torch.Tensor:
        """The tokens one after another, from shape (texts, longest, width) to (tokens, width)."""
        flat = states.flatten(0, 1)
        return flat if self._places is None else flat.index_select(0, self._places)

    def apart(self, tokens: torch.Tensor) -> torch.Tensor:
        """The tokens text by text again, with zeros as padding."""
        if self._places is None:
            return tokens.view(*self._shape, -1)
        flat = tokens.new_zeros(self._shape.numel(), tokens.shape[1])
        return flat.index_copy_(0, self._places, tokens).view(*self._shape, -1)


class _Product:
    """A linear map: exact, and remembering between what its states lay, until it is rounded."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor) -> None:
        self._weight, self._bias = weight.detach(), bias.detach()
        self._lows, self._highs = torch.zeros(weight.shape[1]), torch.zeros(weight.shape[1])
        self._packed: Any = None

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """Shape (tokens, channels) to (tokens, products)."""
        if self._packed is None:
            self._lows = torch.minimum(self._lows, states.amin(0))
            self._highs = torch.maximum(self._highs, states.amax(0))
            return functional.linear(states, self._weight, self._bias)
        rows = states.new_empty(len(states) + 1, states.shape[1])
        torch.clamp(states, self._low, self._high, out=rows[:-1])  # the widest have no weight among the rounded ones
        rows[-1] = self._ends
        product: torch.Tensor = torch.ops.quantized.linear_dynamic(rows, self._packed, reduce_range=False)
        return product[:-1].addmm_(states.index_select(1, self._wide), self._exact)

    def round(self) -> None:
        """From now on the product is of whole numbers, but for the widest channels."""
        widths = torch.maximum(-self._lows, self._highs)
        self._wide = widths.topk(_WIDE).indices
        self._exact = self._weight[:, self._wide].T.contiguous()
        self._low = _MARGIN * float(self._lows.index_fill(0, self._wide, 0.0).min())
        self._high = _MARGIN * float(self._highs.index_fill(0, self._wide, 0.0).max())
        # A row that holds both ends, so that the steps are the same whatever else is in a batch.
        self._ends = torch.zeros(len(widths))
        self._ends[widths.argsort()[:2]] = torch.tensor([self._low, self._high])
        self._packed = _packed(self._weight.index_fill(1, self._wide, 0.0), self._bias)
        del self._weight, self._lows, self._highs


def _packed(weight: torch.Tensor, bias: torch.Tensor) -> Any:
    """A linear map as whole numbers, each product with steps of its own."""
    steps = weight.abs().amax(1).clamp(min=torch.finfo(torch.float32).tiny) / _LARGEST
    with warnings.catch_warnings():  # of tensors of whole numbers, which some release will no longer make: see `able`
        warnings.simplefilter("ignore", UserWarning)
        rounded = torch.quantize_per_channel(weight, steps, torch.zeros(len(weight), dtype=torch.long), 0, torch.qint8)
    return torch.ops.quantized.linear_prepack(rounded, bias)


class EightBitLayer(nn.Module):
    """A layer of BERT, from its own weights; exact until `round`, which follows some states that it was shown."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        own, out = layer.attention.self, layer.attention.output
        self._heads = own.num_attention_heads
        scale = 1 / math.sqrt(own.attention_head_size)
        parts = ((own.query, scale), (own.key, 1.0), (own.value, 1.0))
        self._mixed = _Product(
            torch.cat([part.weight * by for part, by in parts]), torch.cat([part.bias * by for part, by in parts])
        )
        self._joined = _Product(out.dense.weight, out.dense.bias)
        self._up = _Product(layer.intermediate.dense.weight, layer.intermediate.dense.bias)
        self._down = _Product(layer.output.dense.weight, layer.output.dense.bias)
        self._after_attention, self._after = out.LayerNorm, layer.output.LayerNorm

    def forward(self, states: torch.Tensor, layout: "_Layout") -> torch.Tensor:
        """States of the tokens of some texts, shape (tokens, width)."""
        mixed = layout.apart(self._mixed(states))
        query, key, value = mixed.view(*mixed.shape[:2], 3, self._heads, -1).permute(2, 0, 3, 1, 4)
        weights = (query @ key.transpose(-1, -2) + layout.bias).softmax(-1)
        heard = layout.together((weights @ value).transpose(1, 2).flatten(2))
        states = self._after_attention(states + self._joined(heard))
        after: torch.Tensor = self._after(states + self._down(functional.gelu(self._up(states))))
        return after

    def round(self) -> None:
        """From now on its matrix products are of whole numbers."""
        for product in (self._mixed, self._joined, self._up, self._down):
            product.round()
