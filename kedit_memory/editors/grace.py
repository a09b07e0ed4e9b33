"""GRACE as its paper describes it (Hartvigsen et al., "Aging with GRACE", NeurIPS 2023): `grace`.

A codebook at one layer replaces the layer's output at the query token wherever its input there lies within the radius
of the nearest key. Edits are learned one at a time: Algorithm 1 places the key, and the value of a new entry is found
by gradient descent through the whole model, on the loss of the target. Weights never change.

The authors' code differs from the paper's words, and so from the defaults here: it wraps one projection of an MLP,
whose input is then the key, and puts the value in place of what that gives at every token of the prompt. For that form
take `site="mlp_out"` and `replacement="replace_prompt"`. Neither form was compared with the code's own numbers.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, get_args

import torch

from kedit_memory.editors._codebook_adapter import Adapter, Replacement
from kedit_memory.editors._codebook_applied import CodebookApplied, Lesson
from kedit_memory.editors._codebook_editor import CodebookEditor
from kedit_memory.editors._codebook_learning import ValueStart, as_key, states_at_query
from kedit_memory.editors._codebook_site import Batch, Module, Sample, Site, one_of, site_of
from kedit_memory.editors.base import Outcome
from kedit_memory.editors.codebook import Codebook, Found
from kedit_memory.records import Vectors


@dataclass(frozen=True, kw_only=True)
class Grace(CodebookEditor):
    """The paper's method, with its values as defaults: ε_init and Adam's rate are 1, values begin cold, 100 steps.

    Attributes:
        site: What the codebook sits on: "layer", a layer as a whole, or "mlp_out", the projection out of its MLP.
        layer: See `CodebookEditor`, as for `stack`, `distance`, `key_token` and `iterations`, which are all taken.
        replacement: Which outputs become the value: "replace_last" (the key token's), "replace_prompt", "replace_all".
        value_start: "cold" begins at random numbers from 0 to 1, "warm" at what the layer gives.
        learning_rate: Of Adam.
        initial_radius: The radius of a new entry, ε_init, in the distance chosen.
        seed: Of the random numbers.
    """

    name: ClassVar[str] = "grace"

    site: Module = "layer"
    replacement: Replacement = "replace_last"
    value_start: ValueStart = "cold"
    learning_rate: float = 1.0
    initial_radius: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse options that mean nothing."""
        super().__post_init__()
        one_of("site", self.site, get_args(Module))
        one_of("replacement", self.replacement, get_args(Replacement))
        one_of("value_start", self.value_start, get_args(ValueStart))
        self._positive("learning_rate", "initial_radius")

    def edit_tokens(self, adapter: Adapter, sample: Sample, *, label: str, owner: str) -> int:
        """One round of Algorithm 1; gives the steps of descent taken, which are none where an entry expands."""
        batch = adapter.site.batch([sample])
        codebook = adapter.codebook
        keys, states = states_at_query(adapter, batch)
        key = as_key(keys[0])
        placement = codebook.place(key, label, self.initial_radius)
        steps = 0
        if placement.action == "expand":
            value = codebook.values[placement.entry].copy()
        else:
            value = as_key(self._descend(adapter, batch, self._start(states, len(codebook)))[0])
            steps = self.iterations
        codebook.enter(placement, key, value, label=label, owner=owner, initial_radius=self.initial_radius)
        return steps

    def _site(self, model: Any) -> Site:
        return site_of(model, layer=self.layer, stack=self.stack, key_token=self.key_token, part=self.site)

    def _finder(self, codebook: Codebook) -> Callable[[Vectors], Found]:
        return codebook.find_nearest

    def _replaces(self) -> Replacement:
        return self.replacement

    def _learn(self, applied: CodebookApplied, lessons: Sequence[Lesson]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for lesson in lessons:
            began = time.perf_counter()
            steps = self.edit_tokens(applied.adapter, lesson.samples[0], label=lesson.label, owner=lesson.owner)
            outcomes += applied.checked([lesson], [steps], began=began)
        return outcomes

    def _start(self, states: torch.Tensor, entries: int) -> torch.Tensor:
        if self.value_start == "warm":
            return states.clone()
        generator = torch.Generator().manual_seed(self.seed + entries)
        return torch.rand(states.shape, generator=generator).to(states.device)

    def _descend(self, adapter: Adapter, batch: Batch, start: torch.Tensor) -> torch.Tensor:
        """The value, of shape (1, width), after all steps of Adam on the target's loss."""
        value = start.requires_grad_()
        optimizer = torch.optim.Adam([value], lr=self.learning_rate)
        tell = self.telling("steps towards a value")
        for step in range(self.iterations):
            tell(step, self.iterations)
            with adapter.forced(batch, value):
                logits = adapter.site.model(**batch.inputs).logits
            (value.grad,) = torch.autograd.grad(batch.losses(batch.judged(logits)).sum(), [value])
            optimizer.step()
        return value.detach()
