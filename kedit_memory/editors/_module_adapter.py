"""A trained module at one layer in place of a codebook: what Defer and the memory network share.

Where they sit, what they read and what they replace is as for GRACE, of whose paper they are baselines, so that what
differs is what is learned: the input of the layer at the query token is read once, in the pass that reads the prompt,
and the layer's output there gives way. Where the module stays silent, tensors go through untouched.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import ClassVar, NamedTuple

import torch
from torch import nn

from kedit_memory.editors._codebook_adapter import Adapter, _Pass, _present
from kedit_memory.editors._codebook_applied import sample_of
from kedit_memory.editors._codebook_site import KeyToken, Sample, Site, Stack, one_of, site_of
from kedit_memory.editors._codebook_tail import Tail
from kedit_memory.editors._module_files import load_module, save_module
from kedit_memory.editors._progress import Options
from kedit_memory.editors._teaching import check_options, judged
from kedit_memory.editors._weights import outcome_from
from kedit_memory.editors.base import Outcome, Wanted, facts, undone_on_failure
from kedit_memory.editors.codebook import Codebook
from kedit_memory.errors import EditorError
from kedit_memory.models.classifier import Editable, editable
from kedit_memory.models.prompts import Prompt


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

    def _look(self, hidden: torch.Tensor) -> torch.Tensor:
        now: _Pass = self._local.now
        if now.reads_prompt and getattr(self._local, "forced", None) is None:
            self._ask(now, hidden)
            return hidden
        return super()._look(hidden)

    @torch.no_grad()
    def _ask(self, now: _Pass, hidden: torch.Tensor) -> None:
        present = _present(now.mask, hidden)
        queries = getattr(self._local, "queries", None)
        if queries is None:
            queries = self.site.query_columns(present)
        queries = queries.to(hidden.device)
        keys = hidden[torch.arange(len(hidden), device=hidden.device), queries]  # (rows, width)
        said = self.module.said(keys.float())
        if bool(said.rows.any()):
            now.values = said.states
            columns = self._columns(queries, self.site.prompts(present, queries), present)
            now.columns = columns & said.rows[:, None]


class ModuleApplied:
    """Edits in force in a model through one module, which more edits can be taught to: an `Applied`.

    What an edit changed in the module cannot be told from what others did: `undo` takes out all of them.
    """

    def __init__(
        self, model: Editable, adapter: ModuleAdapter, editor: "ModuleEditor", outcomes: Sequence[Outcome]
    ) -> None:
        self.model = model
        self.adapter = adapter
        self.editor = editor
        self.outcomes: tuple[Outcome, ...] = tuple(outcomes)
        self._fingerprint = model.fingerprint
        self._undone = False
        if not self.outcomes:
            adapter.close()  # one that was taught nothing says nothing

    def add(self, edits: Sequence[Wanted]) -> Sequence[Outcome]:
        """Teach the module these edits, all at once, from what it is now; their outcomes.

        Earlier edits may be lost to later ones: outcomes tell what was so right after each call.

        Raises:
            InvalidInputError: an edit has no prompt, no target, or a target of no token.
            PromptTooLongError: prompt and target do not fit the model's window.
            EditorError: the change was undone, or its training ran into numbers that are none.
        """
        if self._undone:
            raise EditorError(f"this {self.editor.name} change was undone: apply the edits anew")
        wanted = facts(edits)
        samples = [sample_of(self.model, fact.asked, fact.target) for fact in wanted]
        before = {name: tensor.clone() for name, tensor in self.adapter.module.state_dict().items()}
        started = time.perf_counter()
        try:
            self.editor.teach(self.adapter, samples)
            self.adapter.open()
            outcomes = judged(self.model, wanted, self.editor.iterations, started)
        except BaseException:  # an interrupt, too, must not leave half an edit
            self.adapter.module.load_state_dict(before)
            if not self.outcomes:
                self.adapter.close()
            raise
        self.outcomes += tuple(outcomes)
        return outcomes

    def undo(self) -> None:
        """Take the module out; the model is bit for bit what it was. A second call changes nothing."""
        self.adapter.close()
        self._undone = True

    def save(self, folder: Path) -> None:
        """Write the module as safetensors and JSON into a new folder.

        Raises:
            EditorError: the folder holds something already, or cannot be written.
        """
        options = replace(self.editor, layer=self.adapter.site.layer, stack=self.adapter.site.stack).options
        outcomes = [asdict(outcome) for outcome in self.outcomes]
        record = {"method": self.editor.name, "fingerprint": self._fingerprint, "options": options}
        save_module(self.adapter.module, folder, {**record, "outcomes": outcomes})

    @contextmanager
    def query_tokens(self, prompts: Sequence[Prompt | str]) -> Iterator[None]:
        """Within the block, rows begin with these prompts, unpadded, and go on with a target."""
        last = [0 if self.adapter.site.in_decoder else len(self.model.encode(prompt)) - 1 for prompt in prompts]
        with self.adapter.query_tokens(torch.tensor(last)):
            yield


@dataclass(frozen=True, kw_only=True)
class ModuleEditor(Options, ABC):
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

    def apply(self, model: Editable, edits: Sequence[Wanted]) -> ModuleApplied:
        """Teach the edits, all at once; `add` of what comes back teaches the same module more.

        Errors as in `Editor.apply` and `ModuleApplied.add`.
        """
        applied = self.open(model)
        with undone_on_failure(applied):
            applied.add(edits)
        return applied

    def open(self, model: Editable) -> ModuleApplied:
        """A module in the model that says nothing yet, to be added to.

        Raises:
            InvalidInputError: the model has no such layer.
            CapabilityError: it does not show its states.
        """
        model = editable(model, self.name)
        return ModuleApplied(model, self._adapter(model), self, ())

    def load(self, model: Editable, folder: Path) -> ModuleApplied:
        """Put a saved module back, under the options that it was made with; errors as in `Editor.load`."""
        tensors, record = load_module(editable(model, self.name), folder, self.name)
        damaged = f"the module saved in {folder} is damaged: make the edits again, or load another copy"
        try:
            editor = replace(self, **record["options"])
            outcomes = [outcome_from(row) for row in record["outcomes"]]
            adapter = editor._adapter(model)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise EditorError(damaged) from error
        try:
            adapter.module.load_state_dict(tensors)
        except RuntimeError as error:
            adapter.close()
            raise EditorError(damaged) from error
        return ModuleApplied(model, adapter, editor, outcomes)

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

    def _adapter(self, model: Editable) -> ModuleAdapter:
        site = site_of(model.model, layer=self.layer, stack=self.stack, key_token=self.key_token)
        generator = torch.Generator().manual_seed(self.seed)
        return ModuleAdapter(site, self.module(site.width, generator).to(site.device))


def linear(inputs: int, outputs: int, generator: torch.Generator) -> tuple[nn.Parameter, nn.Parameter]:
    """Weight (outputs, inputs) and bias (outputs,) of an affine map, uniform within ± 1 / sqrt(inputs)."""
    bound = inputs**-0.5
    weight = torch.rand(outputs, inputs, generator=generator)
    bias = torch.rand(outputs, generator=generator)
    return nn.Parameter((2 * weight - 1) * bound), nn.Parameter((2 * bias - 1) * bound)
