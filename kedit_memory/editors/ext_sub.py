"""Deficiency unlearning by operations on adapters: "Ext-Sub" of Hu et al. (2024), arXiv 2308.08090.

An expert adapter learns the edits' targets, an anti-expert what the model answers now. Both also learn what any
training teaches; taking the anti-expert off whole would take that off too. So what it has in common with the
expert is extracted first, and only the rest, the deficiency, is subtracted.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from kedit_memory.editors._adapters import AdapterEditor, Pair
from kedit_memory.editors._teaching import Lesson, check_options, lesson, lessons
from kedit_memory.editors._weights import WeightChange
from kedit_memory.editors.base import Fact, Wanted, facts
from kedit_memory.models.formats import clean
from kedit_memory.models.language import WhiteBoxModel, white_box


@dataclass(frozen=True, kw_only=True)
class ExtSub(AdapterEditor):
    """Expert adapter, less `subtract` times the deficiency of the anti-expert, merged into the weights.

    The expert trains until greedy decoding gives every target. The anti-expert then takes as many steps, so that both
    have gone as far, to learn the model's own greedy answers where they are not the targets; where none is wrong,
    the expert stands alone.

    Attributes:
        subtract: The lambda of the paper; 0 leaves the expert.
        extraction: Whether the common part is kept; False subtracts the anti-expert whole.

    The other options are those of `AdapterEditor`; the result has twice the rank of an adapter.
    """

    name: ClassVar[str] = "ext-sub"

    subtract: float = 1.0
    extraction: bool = True

    def __post_init__(self) -> None:
        """Refuse options that mean nothing."""
        check_options(self.name, subtract=(self.subtract, 0.0, float("inf")))
        super().__post_init__()

    def apply(self, model: WhiteBoxModel, edits: Sequence[Wanted]) -> WeightChange:
        """Train both adapters, operate on them and merge the result; errors as in `Editor.apply`.

        Raises:
            MissingDependencyError: peft is not installed.
        """
        started = time.perf_counter()
        wanted = facts(edits)
        model = white_box(model, self.name)
        wrong = _wrong(model, wanted)
        pairs, steps = self.train(model, lessons(model, wanted, paraphrases=self.paraphrases), self.steps)
        if wrong and steps:
            against, more = self.train(model, wrong, steps, early=False)
            pairs = {name: self._operate(pairs[name], against[name]) for name in pairs}
            steps += more
        return self.merged(model, wanted, pairs, steps=steps, started=started)

    def _operate(self, expert: Pair, against: Pair) -> Pair:
        operate = extract_and_subtract if self.extraction else subtract
        return operate(expert, against, self.subtract)


def extract_and_subtract(expert: Pair, against: Pair, weight: float) -> Pair:
    """The pair of expert - weight x Ext(against), of rank at most the sum of both ranks.

    With w+ and w- the same row (output) of the two products B A, and u+ and u- of unit length along them, the
    general direction is g = (u+ + u-) / |u+ + u-|, and Ext(w-) = w- - (w- . g) g. As (w- . g) g equals
    |w-| / 2 (u+ + u-), Ext(w-) = (w- - |w-| u+) / 2: the result's rows combine those of the two products, so that no
    product is ever formed. Where one of the rows is zero, there is nothing in common to extract.
    """
    (expert_left, expert_right), (left, right) = expert, against
    lengths, expert_lengths = _row_lengths(against), _row_lengths(expert)  # (out,)
    common = (lengths > 0) & (expert_lengths > 0)
    kept = torch.where(common, lengths / expert_lengths.where(common, torch.ones_like(lengths)), 0.0)
    taken = torch.where(common, 0.5, 1.0)
    return (
        torch.cat([(1 + 0.5 * weight * kept)[:, None] * expert_left, (-weight * taken)[:, None] * left], 1),
        torch.cat([expert_right, right], 0),
    )


def subtract(expert: Pair, against: Pair, weight: float) -> Pair:
    """The pair of expert - weight x against, of rank at most the sum of both ranks."""
    (expert_left, expert_right), (left, right) = expert, against
    return torch.cat([expert_left, -weight * left], 1), torch.cat([expert_right, right], 0)


def _row_lengths(pair: Pair) -> torch.Tensor:
    """The Euclidean length of each row of B A, by the Gram matrix of A; shape (out,)."""
    left, right = (matrix.double() for matrix in pair)
    squares = ((left @ (right @ right.T)) * left).sum(1)
    return squares.clamp(min=0).sqrt().to(pair[0].dtype)


def _wrong(model: WhiteBoxModel, wanted: Sequence[Fact]) -> list[Lesson]:
    """What teaches the model's present answers, where they are not what is wanted."""
    answers = model.answer_many([fact.asked for fact in wanted])
    return [
        lesson(model, fact.asked, answer)
        for fact, answer in zip(wanted, answers, strict=True)
        if answer and answer != clean(fact.target, fact.asked.cloze)
    ]
