"""Low-rank adaptation (Hu et al., 2022): an adapter of peft, trained on the edits and merged into the weights."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from kedit_memory.editors._adapters import AdapterEditor
from kedit_memory.editors._teaching import lessons
from kedit_memory.editors._weights import WeightChange
from kedit_memory.editors.base import Wanted, facts
from kedit_memory.models.language import WhiteBoxModel, white_box


@dataclass(frozen=True, kw_only=True)
class Lora(AdapterEditor):
    """An adapter trained until greedy decoding gives every target, then merged; `undo` unmerges it exactly."""

    name: ClassVar[str] = "lora"

    def apply(self, model: WhiteBoxModel, edits: Sequence[Wanted]) -> WeightChange:
        """Train adapters on all edits at once and merge them; errors as in `Editor.apply`.

        Raises:
            MissingDependencyError: peft is not installed.
        """
        started = time.perf_counter()
        wanted = facts(edits)
        model = white_box(model, self.name)
        pairs, steps = self.train(model, lessons(model, wanted, paraphrases=self.paraphrases), self.steps)
        return self.merged(model, wanted, pairs, steps=steps, started=started)
