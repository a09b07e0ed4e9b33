"""Gradients of weight matrices as sums of outer products, and changes of matrices in the same form.

For a batch of edits, the gradient of a matrix with inputs u and a loss L is the sum over tokens of u δᵀ, δ = ∂L/∂(uW)
(Mitchell et al. 2022, section 3). A change in this form can be tried without a copy of the matrix for each edit.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import nn

from kedit_memory.editors._locate import decoder_family
from kedit_memory.editors._teaching import Lesson, gradients, losses
from kedit_memory.errors import EditorError, InvalidInputError
from kedit_memory.models.language import WhiteBoxModel


@dataclass(frozen=True, kw_only=True)
class Site:
    """A matrix that is edited: the module that holds it, and what it maps from and to."""

    module: str
    inputs: int
    outputs: int

    @property
    def weight(self) -> str:
        """The full name of the matrix."""
        return f"{self.module}.weight"


class Factors(NamedTuple):
    """For each edit the sum over its tokens of left ⊗ right, (in, out); float32."""

    left: torch.Tensor  # (edits, tokens, in)
    right: torch.Tensor  # (edits, tokens, out)


Changes: TypeAlias = Mapping[str, Factors]  # by the name of the module


@dataclass(frozen=True, kw_only=True)
class Gradients:
    """Of each edit's own loss: inputs and deltas of each matrix by its module, and whether it is decoded already."""

    factors: Changes
    losses: torch.Tensor  # (edits,), mean negative log-probability of the target's tokens, in nats
    decoded: torch.Tensor  # (edits,), whether greedy decoding gives the target


def last_sites(model: WhiteBoxModel, method: str, layers: int) -> tuple[Site, ...]:
    """The MLP matrices of the last `layers` layers, as both papers' successors edit them on decoders.

    Raises:
        CapabilityError: the model is no decoder of a known family.
        InvalidInputError: the model has fewer layers.
    """
    family = decoder_family(model, method)
    count = family.count
    if not 1 <= layers <= count:
        raise InvalidInputError(f"{layers} layers to edit: {family.name} here has {count}; give 1 to {count}")
    modules = [name for layer in range(count - layers, count) for name in family.mlp_names(layer)]
    sites = []
    for name in modules:
        shape = tuple(model.model.get_parameter(f"{name}.weight").shape)
        inputs, outputs = shape if family.transposed else shape[::-1]
        sites.append(Site(module=name, inputs=inputs, outputs=outputs))
    return tuple(sites)


def gradients_of(model: WhiteBoxModel, sites: Sequence[Site], taught: Sequence[Lesson]) -> Gradients:
    """The gradient of each lesson's mean negative log-probability, as factors; the model is left as it was.

    Raises:
        EditorError: the loss is no number, as half precision gives when it overflows.
    """
    entered: dict[str, torch.Tensor] = {}
    left: dict[str, torch.Tensor] = {}

    def keep(name: str) -> Any:
        def hook(_: nn.Module, args: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
            # What lies below the first of the matrices needs no gradient.
            output = output if output.requires_grad else output.detach().requires_grad_()
            entered[name], left[name] = args[0].detach(), output
            return output

        return hook

    with gradients(model, ()), ExitStack() as hooks:
        for site in sites:
            module = model.model.get_submodule(site.module)
            hooks.callback(module.register_forward_hook(keep(site.module)).remove)
        loss, decoded = losses(model, taught)
        if not bool(torch.isfinite(loss).all()):
            precision = str(model.model.dtype).removeprefix("torch.")
            raise EditorError(f"the loss is no number in {precision}: load the model with dtype='float32'")
        found = torch.autograd.grad(loss.sum(), [left[site.module] for site in sites])
    factors = {
        site.module: Factors(*(_read(tensor, model, len(taught)) for tensor in (entered[site.module], delta)))
        for site, delta in zip(sites, found, strict=True)
    }
    return Gradients(factors=factors, losses=loss.detach(), decoded=decoded)


def _read(tensor: torch.Tensor, model: WhiteBoxModel, rows: int) -> torch.Tensor:
    """As networks read it, (rows, tokens, dim): layers may be spread over devices, and have all tokens in one row."""
    return tensor.to(model.device, torch.float32).reshape(rows, -1, tensor.shape[-1])


@contextmanager
def changed(model: WhiteBoxModel, changes: Changes) -> Iterator[None]:
    """Within the block, each edit's rows of a batch see the model with that edit's own change, with gradients.

    A batch has the rows of the first edit, then as many of the second, and so on.
    """

    def add(change: Factors) -> Any:
        def hook(_: nn.Module, args: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
            given = args[0].reshape(len(change.left), -1, args[0].shape[-1])  # (edits, rows * tokens, in)
            moved = (given @ change.left.to(given.dtype).transpose(1, 2)) @ change.right.to(given.dtype)
            return output + moved.reshape(output.shape)

        return hook

    with ExitStack() as hooks:
        for name, change in changes.items():
            hooks.callback(model.model.get_submodule(name).register_forward_hook(add(change)).remove)
        yield


def total(change: Factors, of: torch.Tensor) -> torch.Tensor:
    """The change of some edits together, as a matrix (in, out); `of` tells them by truth values, (edits,)."""
    return change.left[of].flatten(0, 1).T @ change.right[of].flatten(0, 1)


@torch.no_grad()
def write(model: WhiteBoxModel, updates: Mapping[str, torch.Tensor], *, transposed: bool) -> None:
    """Add updates (in, out) by module to the weights; `transposed` where matrices are stored (in, out)."""
    for name, update in updates.items():
        weight = model.model.get_parameter(f"{name}.weight")
        weight.add_((update if transposed else update.T).to(weight))
