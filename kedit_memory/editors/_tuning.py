"""What the kinds of fine-tuning share: choose weights, step them until the edits are said, keep the change."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from kedit_memory.editors._progress import Options
from kedit_memory.editors._teaching import Constrain, Descent, Pull, check_options, learn
from kedit_memory.editors._weights import Snapshot, WeightChange, changing, load_change
from kedit_memory.editors.base import Fact, Outcome, Wanted, facts
from kedit_memory.models.classifier import Editable, editable


@dataclass(frozen=True, kw_only=True)
class Tuning(Options, ABC):
    """Adam on the mean loss of all edits, until greedy decoding gives every target or the steps are spent.

    Attributes:
        rate: Adam's learning rate.
        steps: The most steps for one `apply`.
        paraphrases: Whether the edits' own paraphrases are taught too; the baselines teach the prompt alone.
    """

    name: ClassVar[str]

    rate: float = 5e-4
    steps: int = 50
    paraphrases: bool = False

    def __post_init__(self) -> None:
        check_options(self.name, rate=(self.rate, 1e-12, 1.0), steps=(self.steps, 1, float("inf")))

    @abstractmethod
    def names(self, model: Editable) -> Sequence[str]:
        """The weights that it changes.

        Raises:
            InvalidInputError: the model has no such layer.
        """

    def apply(self, model: Editable, edits: Sequence[Wanted]) -> WeightChange:
        """Tune the model on all edits at once; errors as in `Editor.apply`."""
        wanted = facts(edits)
        model = editable(model, self.name)
        with changing(model, self.names(model)) as weights:
            outcomes = self.tune(model, weights, wanted)
        return weights.change(self.name, self.options, outcomes)

    def load(self, model: Editable, folder: Path) -> WeightChange:
        """Put a saved change back; errors as in `Editor.load`."""
        return load_change(model, folder, self.name)

    def tune(self, model: Editable, weights: Snapshot, wanted: Sequence[Fact]) -> list[Outcome]:
        """Step the weights; the way in which kinds of fine-tuning differ."""
        return learn(model, weights, wanted, self.descent(), paraphrases=self.paraphrases)

    def descent(self, *, pull: Pull | None = None, constrain: Constrain | None = None) -> Descent:
        """How this editor steps."""
        return Descent(
            rate=self.rate, steps=self.steps, pull=pull, constrain=constrain, tell=self.telling("steps of training")
        )


def every_weight(model: Editable) -> list[str]:
    """The names of all weights; of tied ones, the first."""
    return [name for name, _ in model.model.named_parameters()]
