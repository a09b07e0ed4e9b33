"""Edits in force through one module beside the model's weights: made, added to, kept as files and taken out."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import torch
from torch import nn

from kedit_memory.editors._codebook_site import Site
from kedit_memory.editors._module_files import load_module, save_module
from kedit_memory.editors._progress import Options
from kedit_memory.editors._teaching import judged
from kedit_memory.editors._weights import outcome_from
from kedit_memory.editors.base import Fact, Outcome, Wanted, facts, undone_on_failure
from kedit_memory.errors import EditorError
from kedit_memory.models.classifier import Editable, editable
from kedit_memory.models.prompts import Prompt


class InForce(Protocol):
    """A module that takes part in a model's passes by hooks."""

    module: Any

    def open(self) -> None:
        """Set the hooks; a second call changes nothing."""
        ...

    def close(self) -> None:
        """Remove the hooks; a second call changes nothing."""
        ...


class ModuleChange:
    """Edits in force in a model through one module, which more edits can be taught to: an `Applied`.

    What an edit changed in the module cannot be told from what others did: `undo` takes out all of them.
    """

    def __init__(self, model: Editable, adapter: Any, editor: "ModuleMethod", outcomes: Sequence[Outcome]) -> None:
        self.model = model
        self.adapter = adapter
        self.editor = editor
        self.outcomes: tuple[Outcome, ...] = tuple(outcomes)
        self._fingerprint = model.fingerprint
        self._undone = False
        if not self.outcomes:
            adapter.close()  # one that was taught nothing says nothing

    def add(self, edits: Sequence[Wanted]) -> Sequence[Outcome]:
        """Teach the module these edits, from what it is now; their outcomes.

        Earlier edits may be lost to later ones: outcomes tell what was so right after each call.

        Raises:
            InvalidInputError: an edit has no prompt, no target, a target of no token, or lacks what the method needs.
            PromptTooLongError: prompt and target do not fit the model's window.
            EditorError: the change was undone, or its training ran into numbers that are none.
        """
        if self._undone:
            raise EditorError(f"this {self.editor.name} change was undone: apply the edits anew")
        wanted = facts(edits, subjects=self.editor.needs_subjects)
        before = deepcopy(self.adapter.module)
        started = time.perf_counter()
        try:
            steps = self.editor.learn(self, wanted)
            self.adapter.open()
            outcomes = judged(self.model, wanted, steps, started)
        except BaseException:  # an interrupt, too, must not leave half an edit
            self.adapter.module = before
            (self.adapter.open if self.outcomes else self.adapter.close)()
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
        options = self.editor.placed(self.adapter).options
        outcomes = [asdict(outcome) for outcome in self.outcomes]
        record = {"method": self.editor.name, "fingerprint": self._fingerprint, "options": options}
        save_module(self.adapter.module, folder, {**record, "outcomes": outcomes})


class ModuleApplied(ModuleChange):
    """Edits in force through a module at a site, which looks at the last token of a prompt.

    A pass that reads a target after its prompt, as scoring does, has its query token inside: say where by
    `query_tokens`.
    """

    @contextmanager
    def query_tokens(self, prompts: Sequence[Prompt | str]) -> Iterator[None]:
        """Within the block, rows begin with these prompts, unpadded, and go on with a target."""
        site: Site = self.adapter.site
        last = [0 if site.in_decoder else len(self.model.encode(prompt)) - 1 for prompt in prompts]
        with self.adapter.query_tokens(torch.tensor(last)):
            yield


@dataclass(frozen=True, kw_only=True)
class ModuleMethod(Options, ABC):
    """An editor whose edits are in a module beside the weights."""

    name: ClassVar[str]
    needs_subjects: ClassVar[bool] = False
    change: ClassVar[type[ModuleChange]] = ModuleApplied

    @abstractmethod
    def attach(self, model: Editable) -> InForce:
        """A module that was taught nothing, in the model.

        Raises:
            InvalidInputError: the model has no such layer.
            CapabilityError: it has no place for the module.
        """

    @abstractmethod
    def learn(self, change: ModuleChange, wanted: Sequence[Fact]) -> int:
        """Teach the change's module; the steps that it took. Errors as in `ModuleChange.add`."""

    @abstractmethod
    def placed(self, adapter: Any) -> Self:
        """The same editor, which names the place that was chosen for an adapter."""

    def apply(self, model: Editable, edits: Sequence[Wanted]) -> ModuleChange:
        """Teach the edits; `add` of what comes back teaches the same module more.

        Errors as in `Editor.apply` and `ModuleChange.add`.
        """
        applied = self.open(model)
        with undone_on_failure(applied):
            applied.add(edits)
        return applied

    def open(self, model: Editable) -> ModuleChange:
        """A module in the model that says nothing yet, to be added to; errors as in `attach`.

        Raises:
            CapabilityError: the model does not show its states.
        """
        model = editable(model, self.name)
        return self.change(model, self.attach(model), self, ())

    def load(self, model: Editable, folder: Path) -> ModuleChange:
        """Put a saved module back, under the options that it was made with; errors as in `Editor.load`."""
        model = editable(model, self.name)
        tensors, record = load_module(model, folder, self.name)
        damaged = f"the module saved in {folder} is damaged: make the edits again, or load another copy"
        try:
            editor = replace(self, **record["options"])
            outcomes = [outcome_from(row) for row in record["outcomes"]]
            adapter = editor.attach(model)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise EditorError(damaged) from error
        try:
            editor.fill(adapter.module, tensors)
        except RuntimeError as error:
            adapter.close()
            raise EditorError(damaged) from error
        return self.change(model, adapter, editor, outcomes)

    def fill(self, module: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
        """Give a new module what a saved one held.

        Raises:
            RuntimeError: it does not fit.
        """
        module.load_state_dict(tensors)
