"""Fine-tuning on a stream of edits, with all edits so far taught anew every so often (Hartvigsen et al., 2023)."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from kedit_memory.editors._teaching import check_options, judged, lessons, teach
from kedit_memory.editors._tuning import Tuning, every_weight
from kedit_memory.editors._weights import Snapshot
from kedit_memory.editors.base import Fact, Outcome, Wanted, facts
from kedit_memory.models.classifier import Editable


@dataclass(frozen=True, kw_only=True)
class RetrainedTuning(Tuning):
    """All weights, edit after edit; after every `every`-th, all edits so far together: GRACE's "FT+Retrain".

    The edits of one `apply` are a stream, learned one by one in their order. A stream over several calls goes on
    where it was when the editor knows of the edits of earlier calls: by a `Session`, or as `past`.

    Outcomes say what the model answers after the last step of the call, not right after each edit.

    Attributes:
        every: After how many edits all are taught anew; 1 does it after each.
        past: Edits of earlier calls, in their order; they count, and are taught again.
    """

    name: ClassVar[str] = "ft-retrain"

    every: int = 10
    past: tuple[Wanted, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        check_options(self.name, every=(self.every, 1, float("inf")))
        if self.past:
            facts(self.past)

    def following(self, past: Sequence[Wanted]) -> Self:
        """The same editor, with these edits as `past`."""
        return replace(self, past=tuple(past))

    def names(self, model: Editable) -> Sequence[str]:
        """Every weight."""
        return every_weight(model)

    def tune(self, model: Editable, weights: Snapshot, wanted: Sequence[Fact]) -> list[Outcome]:
        """Step the weights on each edit in turn, and on all so far where one is due."""
        started = time.perf_counter()
        past = facts(self.past) if self.past else []
        stream = [*past, *wanted]
        taken = 0
        for count in range(len(past) + 1, len(stream) + 1):
            taken += self._teach(model, weights, stream[count - 1 : count])
            if count % self.every == 0:
                taken += self._teach(model, weights, stream[:count])
        return judged(model, wanted, taken, started)

    def _teach(self, model: Editable, weights: Snapshot, stream: Sequence[Fact]) -> int:
        return teach(model, weights, lessons(model, stream, paraphrases=self.paraphrases), self.descent())
