"""Low-rank adaptation (Hu et al., 2022): an adapter of peft, trained on the edits and merged into the weights."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

import torch

from kedit_memory.editors._adapters import Shape, merge, train_pairs
from kedit_memory.editors._teaching import Descent, check_options, judged, lessons
from kedit_memory.editors._weights import WeightChange, changing, load_change, white_box
from kedit_memory.editors.base import Wanted, facts
from kedit_memory.models.language import WhiteBoxModel


@dataclass(frozen=True, kw_only=True)
class Lora:
    """An adapter trained until greedy decoding gives every target, then merged; `undo` unmerges it exactly.

    Attributes:
        rank: The rank of each adapter.
        alpha: The scale of their product, times the rank.
        targets: "attention", "mlp" or "all": the projections that get one.
        layers: Which layers, 0 the first; None takes all.
        rate: Adam's learning rate.
        steps: The most steps for one `apply`.
        paraphrases: Whether the edits' own paraphrases are taught too.
        seed: Of the adapters' first values.
    """

    name: ClassVar[str] = "lora"

    rank: int = 8
    alpha: float = 16.0
    targets: str = "mlp"
    layers: tuple[int, ...] | None = None
    rate: float = 2e-3
    steps: int = 50
    paraphrases: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        check_options(self.name, rate=(self.rate, 1e-12, 1.0), steps=(self.steps, 1, float("inf")))
        self.shape.check(self.name)

    @property
    def shape(self) -> Shape:
        """Where the adapters sit and how large they are."""
        return Shape(rank=self.rank, alpha=self.alpha, targets=self.targets, layers=self.layers)

    def apply(self, model: WhiteBoxModel, edits: Sequence[Wanted]) -> WeightChange:
        """Train adapters on all edits at once and merge them; errors as in `Editor.apply`.

        Raises:
            MissingDependencyError: peft is not installed.
        """
        started = time.perf_counter()
        wanted = facts(edits)
        model = white_box(model, self.name)
        pairs, steps = train_pairs(
            model,
            self.shape,
            lessons(model, wanted, paraphrases=self.paraphrases),
            Descent(rate=self.rate, steps=self.steps),
            generator=torch.Generator().manual_seed(self.seed),
        )
        with changing(model, pairs) as weights:
            merge(model, weights, pairs)
            weights.check_finite()
            outcomes = judged(model, wanted, steps, started)
        return weights.change(self.name, asdict(self), outcomes)

    def load(self, model: WhiteBoxModel, folder: Path) -> WeightChange:
        """Put a saved change back; errors as in `Editor.load`."""
        return load_change(model, folder, self.name)
