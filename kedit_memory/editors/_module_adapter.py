"""A trained module at one layer in place of a codebook: what Defer and the memory network share.

Where they sit, what they read and what they replace is as for GRACE, of whose paper they are baselines, so that what
differs is what is learned: the input of the layer at the query token is read once, in the pass that reads the prompt,
and the layer's output there gives way. Where the module stays silent, tensors go through untouched.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple, Self

import torch
from torch import nn

from kedit_memory.editors._codebook_adapter import Adapter, Pass
from kedit_memory.editors._codebook_applied import sample_of
from kedit_memory.editors._codebook_site import KeyToken, Sample, Site, Stack, one_of, site_of
from kedit_memory.editors._codebook_tail import Tail
from kedit_memory.editors._module_applied import ModuleChange, ModuleMethod
from kedit_memory.editors._teaching import check_options
from kedit_memory.editors.base import Fact
from kedit_memory.editors.codebook import Codebook
from kedit_memory.errors import EditorError
from kedit_memory.models.classifier import Editable


class Said(NamedTuple):
    """Which rows are answered for, of shape (rows,), and the states put in place of the layer's, (rows, width)."""

    rows: torch.Tensor
    states: torch.Tensor


class StateModule(nn.Module, ABC):
    """What gives a layer's output at the query token, from the layer's input there; both of shape (rows, width)."""

    @abstractmethod
    def learning(self, keys: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        """The output while it is trained; `states` is the layer's own."""

    @abstractmethod
    def said(self, keys: torch.Tensor) -> Said:
        """The output when it is used."""


class ModuleAdapter(Adapter):
    """A module in force at a site."""

    def __init__(self, site: Site, module: StateModule) -> None:
        self.module = module
        nothing = Codebook(site.width)  # what an adapter looks into otherwise
        super().__init__(site, nothing, nothing.find_nearest, "replace_last")

    @torch.no_grad()
    def _ask(self, now: Pass, hidden: torch.Tensor) -> None:
        asked = self._asked(now, hidden)
        said = self.module.said(asked.states.float())
        if bool(said.rows.any()):
            now.values = said.states
            now.columns = asked.columns & said.rows[:, None]


@dataclass(frozen=True, kw_only=True)
class ModuleEditor(ModuleMethod):
    """An editor that trains a module at one layer; `Defer` and `MemoryNetwork` say which.

    Attributes:
        layer: Where the module sits; -1 is the last, None about three quarters of the depth.
        stack: Which half of an encoder-decoder the layer is counted in, None for the encoder.
        key_token: Whose state it reads: "last" of the prompt, or "first" (a classifier's [CLS]).
        iterations: Steps of Adam for each call.
        learning_rate: Of Adam.
        seed: Of the numbers that the module begins with.
    """

    name: ClassVar[str]

    layer: int | None = None
    stack: Stack | None = None
    key_token: KeyToken = "last"  # noqa: S105 - a place in the prompt
    iterations: int = 100
    learning_rate: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse options that mean nothing."""
        if self.stack is not None:
            one_of("stack", self.stack, ("decoder", "encoder"))
        one_of("key_token", self.key_token, ("last", "first"))
        check_options(
            self.name,
            iterations=(self.iterations, 1, float("inf")),
            learning_rate=(self.learning_rate, 1e-12, 1e30),
            seed=(self.seed, 0, 2**63 - 1),
        )

    @abstractmethod
    def module(self, width: int, generator: torch.Generator) -> StateModule:
        """The module before it learned anything, for states of that width."""

    def learn(self, change: ModuleChange, wanted: Sequence[Fact]) -> int:
        """Teach the edits, all at once, from what the module is now."""
        self.teach(change.adapter, [sample_of(change.model, fact.asked, fact.target) for fact in wanted])
        return self.iterations

    def placed(self, adapter: ModuleAdapter) -> Self:
        """The same editor, which names the adapter's place."""
        return replace(self, layer=adapter.site.layer, stack=adapter.site.stack)

    def teach(self, adapter: ModuleAdapter, samples: Sequence[Sample]) -> None:
        """All steps of Adam on the mean loss of the samples' targets, in which only the module changes.

        Raises:
            EditorError: the loss is no number, or the module's weights are none any more.
        """
        tail = Tail(adapter, adapter.site.batch(samples))
        weights = list(adapter.module.parameters())
        optimizer = torch.optim.Adam(weights, lr=self.learning_rate)
        tell = self.telling("steps of training")
        for step in range(self.iterations):
            tell(step, self.iterations)
            with torch.enable_grad():
                states = adapter.module.learning(tail.keys, tail.states)
                loss = tail.batch.losses(tail.judged(states)).mean()
            for weight, gradient in zip(weights, torch.autograd.grad(loss, weights), strict=True):
                weight.grad = gradient
            optimizer.step()
        for weight in weights:
            weight.grad = None
        if not all(bool(torch.isfinite(weight).all()) for weight in weights):
            raise EditorError(f"training of {self.name} ran into numbers that are none: take a smaller learning_rate")

    def attach(self, model: Editable) -> ModuleAdapter:
        """A module at random numbers in the model."""
        site = site_of(model.model, layer=self.layer, stack=self.stack, key_token=self.key_token)
        generator = torch.Generator().manual_seed(self.seed)
        return ModuleAdapter(site, self.module(site.width, generator).to(site.device))


def linear(inputs: int, outputs: int, generator: torch.Generator) -> tuple[nn.Parameter, nn.Parameter]:
    """Weight (outputs, inputs) and bias (outputs,) of an affine map, uniform within ± 1 / sqrt(inputs)."""
    bound = inputs**-0.5
    weight = torch.rand(outputs, inputs, generator=generator)
    bias = torch.rand(outputs, generator=generator)
    return nn.Parameter((2 * weight - 1) * bound), nn.Parameter((2 * bias - 1) * bound)
