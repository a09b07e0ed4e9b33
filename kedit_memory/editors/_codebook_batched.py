"""What editors share that learn many values of a codebook at once; `GraceFast` and `Melo` say what these are."""

import logging
import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from kedit_memory.editors._codebook_adapter import Adapter
from kedit_memory.editors._codebook_applied import CodebookApplied, Lesson
from kedit_memory.editors._codebook_descent import Descent, ReadOf
from kedit_memory.editors._codebook_editor import CodebookEditor
from kedit_memory.editors._codebook_frame import Frame, frame_of
from kedit_memory.editors._codebook_learning import as_key
from kedit_memory.editors._codebook_site import Sample
from kedit_memory.editors._teaching import check_options
from kedit_memory.editors.base import Outcome
from kedit_memory.editors.codebook import Codebook, Found
from kedit_memory.errors import InvalidInputError
from kedit_memory.models.classifier import Editable
from kedit_memory.records import Vectors

_LOG = logging.getLogger(__name__)
_FEW = 10  # questions, fewer of which say nothing of all others


@dataclass(frozen=True, kw_only=True)
class BatchedCodebookEditor(CodebookEditor):
    """An editor that learns many values at once, several phrasings of each, and enters them within exact radii.

    Attributes:
        layer: See `CodebookEditor`, as for `stack`, `distance`, `key_token` and `iterations`.
        learning_rate: A step of Adam, as a share of the root mean square of what a value begins as.
        confidence: The probability that each token of the target must reach before learning stops.
        false_fires: The share of questions of no particular matter that lie within a new entry's radius.
        questions: How many such questions are read, once for each model; 0 compares keys as they are, and needs
            `radius`.
        radius: Of a new entry instead: in cosine distance as it is, in Euclidean distance as a share of the key's
            length.
        batch_size: Edits learned together; halved where memory runs out.
    """

    learns_paraphrases: ClassVar[bool] = True

    learning_rate: float = 0.3
    confidence: float = 0.5
    false_fires: float = 0.01
    questions: int = 100
    radius: float | None = None
    batch_size: int = 64

    def __post_init__(self) -> None:
        """Refuse options that mean nothing."""
        super().__post_init__()
        self._positive("learning_rate", "batch_size", *(["radius"] if self.radius is not None else []))
        check_options(self.name, questions=(self.questions, 0, float("inf")), false_fires=(self.false_fires, 0.0, 0.5))
        if self.questions < _FEW and (self.questions or self.radius is None):
            raise InvalidInputError(
                f"questions of {self.name} is {self.questions}; give {_FEW} or more, or 0 and a radius"
            )
        if not 0 <= self.confidence < 1:
            raise InvalidInputError(f"confidence is {self.confidence}: it must be from 0 to below 1")

    def edit_tokens(
        self, adapter: Adapter, groups: Sequence[Sequence[Sample]], *, labels: Sequence[str], owners: Sequence[str]
    ) -> list[int]:
        """Learns a value for each group of phrasings and enters it under each of them; gives the steps taken.

        Raises:
            torch.OutOfMemoryError: not even one edit fits.
        """
        descent = Descent(
            iterations=self.iterations,
            rate=self.learning_rate,
            confidence=self.confidence,
            tell=self.telling("steps towards values"),
            read=self._reads(),
        )
        try:
            learned = descent.learn(adapter, groups)
        except torch.OutOfMemoryError:
            half = len(groups) // 2
            if not half:
                raise
            _LOG.warning("no memory for %d edits at once; trying %d", len(groups), half)
            return [
                steps
                for part in (slice(None, half), slice(half, None))
                for steps in self.edit_tokens(adapter, groups[part], labels=labels[part], owners=owners[part])
            ]
        for found, label, owner in zip(learned, labels, owners, strict=True):
            for key in adapter.key_of(found.keys):
                radius = self._radius(adapter, key)
                adapter.codebook.enter_apart(key, as_key(found.value), label=label, owner=owner, initial_radius=radius)
        return [found.steps for found in learned]

    def _radius(self, adapter: Adapter, key: Vectors) -> float:
        if self.radius is not None:
            return self.radius * (float(np.linalg.norm(key)) if self.distance == "euclidean" else 1.0)
        if adapter.frame is None:
            raise InvalidInputError(f"{self.name} was given a model without its texts: give radius=")
        return adapter.frame.radius(key, self.false_fires, adapter.codebook)

    def _frame(self, model: Editable) -> Frame | None:
        if not self.questions:
            return None
        return frame_of(model, self._site(model.model), self.questions)

    def _finder(self, codebook: Codebook) -> Callable[[Vectors], Found]:
        return codebook.find_covering

    @abstractmethod
    def _reads(self) -> ReadOf:
        """What runs a batch again and again with other values."""

    def _learn(self, applied: CodebookApplied, lessons: Sequence[Lesson]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for first in range(0, len(lessons), self.batch_size):
            began = time.perf_counter()
            batch = lessons[first : first + self.batch_size]
            steps = self.edit_tokens(
                applied.adapter,
                [lesson.samples for lesson in batch],
                labels=[lesson.label for lesson in batch],
                owners=[lesson.owner for lesson in batch],
            )
            outcomes += applied.checked(batch, steps, began=began)
        return outcomes
