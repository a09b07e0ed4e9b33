"""Low-rank adapters of peft, trained on lessons and taken off again: what stays is a pair of matrices a weight."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import torch

from kedit_memory.editors._progress import Options
from kedit_memory.editors._teaching import Descent, Lesson, backpropagate, check_options, descend, judged
from kedit_memory.editors._weights import Snapshot, WeightChange, changing, load_change
from kedit_memory.editors.base import Fact
from kedit_memory.errors import EditorError, InvalidInputError, MissingDependencyError
from kedit_memory.models.families import Family, family_of
from kedit_memory.models.language import WhiteBoxModel
from kedit_memory.models.module_tree import projections

# B of shape (out, rank) and A of shape (rank, in): they stand for the change B A of a weight (out, in).
Pair: TypeAlias = tuple[torch.Tensor, torch.Tensor]

ADAPTER = "edit"  # by which peft knows ours


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Where adapters sit and how large they are (Hu et al., 2022: the change is alpha / rank times B A).

    Attributes:
        rank: The rank of each.
        alpha: Their scale, times the rank.
        targets: "attention" (all its projections), "mlp" (all of its), or "all".
        layers: Which layers, 0 the first; None takes all.
    """

    rank: int
    alpha: float
    targets: str
    layers: tuple[int, ...] | None

    def check(self, method: str) -> None:
        """Refuse values that mean nothing.

        Raises:
            InvalidInputError: the first of them, named.
        """
        check_options(method, rank=(self.rank, 1, float("inf")), alpha=(self.alpha, 1e-12, float("inf")))
        if self.targets not in _TARGETS:
            raise InvalidInputError(f"targets of {method} is {self.targets!r}; it must be one of {', '.join(_TARGETS)}")

    def modules(self, model: WhiteBoxModel) -> list[str]:
        """The names of the modules that get an adapter.

        Raises:
            InvalidInputError: the model has no such layer.
        """
        family = family_of(model.model)
        layers = range(family.count) if self.layers is None else self.layers
        return [name for layer in layers for name in _projections(model, family, layer, self.targets)]


_TARGETS = ("attention", "mlp", "all")


def train_pairs(
    model: WhiteBoxModel,
    shape: Shape,
    lessons: Sequence[Lesson],
    descent: Descent,
    *,
    generator: torch.Generator,
    early: bool = True,
) -> tuple[dict[str, Pair], int]:
    """The trained pair of each weight, by its name, with the scale within B; and the steps taken.

    `early` stops once all lessons are decoded greedily. The model is left as it was.

    Raises:
        MissingDependencyError: peft is not installed.
        EditorError: the model has adapters already, or the loss is no number.
    """
    names = shape.modules(model)
    with adapted(model, shape, names, generator) as layers:
        weights = {
            f"{name}.{side}": getattr(layer, f"lora_{side}")[ADAPTER].weight
            for name, layer in layers.items()
            for side in ("A", "B")
        }

        def backward() -> bool:
            return backpropagate(model, lessons) and early

        taken = descend(model, weights, backward, descent)
        scale = shape.alpha / shape.rank
        pairs = {
            f"{name}.weight": (
                scale * weights[f"{name}.B"].detach().float(),
                weights[f"{name}.A"].detach().float().clone(),
            )
            for name in names
        }
    return pairs, taken


def merge(model: WhiteBoxModel, weights: Snapshot, pairs: Mapping[str, Pair]) -> None:
    """Add each pair's product to its weight."""
    transposed = family_of(model.model).transposed
    for name, (left, right) in pairs.items():
        weights.add(name, *((right.T, left.T) if transposed else (left, right)))


def _projections(model: WhiteBoxModel, family: Family, layer: int, targets: str) -> Iterator[str]:
    if targets != "mlp":
        attention = family.part_name(layer, "attention")
        yield from (f"{attention}.{part.path}" for part in projections(model.model.get_submodule(attention)))
    if targets != "attention":
        yield from family.mlp_names(layer)


@contextmanager
def adapted(
    model: WhiteBoxModel, shape: Shape, names: Sequence[str], generator: torch.Generator
) -> Iterator[dict[str, Any]]:
    """The named modules with an adapter each, by name; after the block they are as they were."""
    config_class, tuner_class = peft()
    if getattr(model.model, "peft_config", None) is not None:
        raise EditorError(f"{model.name} has adapters of peft already: merge them into the weights first")
    config = config_class(
        r=shape.rank,
        lora_alpha=shape.alpha,
        target_modules=list(names),
        fan_in_fan_out=family_of(model.model).transposed,
    )
    flags = {name: weight.requires_grad for name, weight in model.model.named_parameters()}
    with torch.random.fork_rng():  # peft draws from the global state, which is not ours to move
        tuner = tuner_class(model.model, config, ADAPTER)
    try:
        layers = {name: model.model.get_submodule(name) for name in names}
        for layer in layers.values():
            _start(layer.lora_A[ADAPTER].weight, generator)
        model.model.eval()
        yield layers
    finally:
        tuner.unload()
        model.model.__dict__.pop("peft_config", None)
        for name, weight in model.model.named_parameters():
            weight.requires_grad_(flags[name])


@torch.no_grad()
def _start(matrix: torch.Tensor, generator: torch.Generator) -> None:
    """Uniform values within 1 / sqrt(in), as peft has them, but from a generator of ours; B starts at zero."""
    bound = matrix.shape[1] ** -0.5
    values = torch.empty(matrix.shape).uniform_(-bound, bound, generator=generator)
    matrix.copy_(values)


def peft() -> tuple[Any, Any]:
    """The classes of a configuration and of adapted layers.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        from peft import LoraConfig, LoraModel  # seconds to import, only for adapters
    except ImportError as error:
        raise MissingDependencyError(
            "adapters need peft, which is not installed: pip install 'kedit-memory[peft]'"
        ) from error
    return LoraConfig, LoraModel


@dataclass(frozen=True, kw_only=True)
class AdapterEditor(Options):
    """What editors that train adapters have in common: their options, and how pairs become a change of weights.

    Attributes:
        rank: The rank of each adapter.
        alpha: The scale of their product, times the rank.
        targets: "attention", "mlp" or "all": the projections that get one.
        layers: Which layers, 0 the first; None takes all.
        rate: Adam's learning rate.
        steps: The most steps of an adapter.
        paraphrases: Whether the edits' own paraphrases are taught too.
        seed: Of the adapters' first values.
    """

    name: ClassVar[str]

    rank: int = 8
    alpha: float = 16.0
    targets: str = "mlp"
    layers: tuple[int, ...] | None = None
    rate: float = 2e-3
    steps: int = 50
    paraphrases: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse options that mean nothing."""
        check_options(self.name, rate=(self.rate, 1e-12, 1.0), steps=(self.steps, 1, float("inf")))
        self.shape.check(self.name)

    @property
    def shape(self) -> Shape:
        """Where the adapters sit and how large they are."""
        return Shape(rank=self.rank, alpha=self.alpha, targets=self.targets, layers=self.layers)

    def load(self, model: WhiteBoxModel, folder: Path) -> WeightChange:
        """Put a saved change back; errors as in `Editor.load`."""
        return load_change(model, folder, self.name)

    def train(
        self, model: WhiteBoxModel, taught: Sequence[Lesson], steps: int, *, early: bool = True
    ) -> tuple[dict[str, Pair], int]:
        """Trained pairs and the steps taken; every adapter of an editor starts from the same values."""
        generator = torch.Generator().manual_seed(self.seed)
        descent = Descent(rate=self.rate, steps=steps, tell=self.telling("steps of training"))
        return train_pairs(model, self.shape, taught, descent, generator=generator, early=early)

    def merged(
        self, model: WhiteBoxModel, wanted: Sequence[Fact], pairs: Mapping[str, Pair], *, steps: int, started: float
    ) -> WeightChange:
        """The pairs added to the weights, with what the model then says."""
        with changing(model, pairs) as weights:
            merge(model, weights, pairs)
            weights.check_finite()
            outcomes = judged(model, wanted, steps, started)
        return weights.change(self.name, self.options, outcomes)
