"""What MEND and KE share: a trained network turns the gradient of the edits into an update of some matrices."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

import torch

from kedit_memory.editors._hyper_gradients import Changes, Gradients, gradients_of, total, write
from kedit_memory.editors._hyper_network import HyperNetwork
from kedit_memory.editors._locate import decoder_family
from kedit_memory.editors._progress import Options
from kedit_memory.editors._teaching import check_options, judged, lessons, losses
from kedit_memory.editors._weights import Snapshot, WeightChange, changing, load_change
from kedit_memory.editors.base import Fact, Wanted, facts
from kedit_memory.errors import InvalidInputError
from kedit_memory.models.language import WhiteBoxModel, white_box
from kedit_memory.shipped import hypernetwork

_ROWS = 32  # edits of one backward pass; more are split, and their updates added

NetworkT = TypeVar("NetworkT", bound=HyperNetwork)


@dataclass(frozen=True, kw_only=True)
class HyperEditor(Options, ABC, Generic[NetworkT]):
    """Adds what a trained network predicts from the gradients of the edits; several at once add up.

    Attributes:
        network: The folder of the network; None takes the one that is shipped for kedit-mini.
        steps: How often at most the update is predicted anew, from the edited model, for those edits whose target
            greedy decoding does not give: the "loop" of the tables of De Cao et al. (2021). 1 is the single update of
            both papers. Updates of several edits add up and overshoot: from the second on, one that does not lower
            their mean loss is taken back, and is the last.
        halvings: How many bisections look for the least share of the last update with which greedy decoding gives all
            targets; the rest of it is left out. More locality, less generalization; 0, as in the papers, takes it all.
    """

    name: ClassVar[str]
    kind: ClassVar[type[HyperNetwork]]

    network: str | Path | None = None
    steps: int = 5
    halvings: int = 0

    def __post_init__(self) -> None:
        most = float("inf")
        check_options(self.name, steps=(self.steps, 1, most), halvings=(self.halvings, 0, most))
        if self.network is not None and not isinstance(self.network, str | Path):
            raise InvalidInputError(f"network of {self.name} is {self.network!r}; it must be the path of a folder")

    @property
    def folder(self) -> Path:
        """Where the network lies."""
        return hypernetwork(self.name) if self.network is None else Path(self.network)

    @abstractmethod
    def predict(self, model: WhiteBoxModel, network: NetworkT, wanted: Sequence[Fact], gradients: Gradients) -> Changes:
        """What the network adds to each of its matrices, for each edit."""

    def apply(self, model: WhiteBoxModel, edits: Sequence[Wanted]) -> WeightChange:
        """Put the edits into the model; see `Editor.apply`.

        Raises:
            CapabilityError: the model shows no weights, or is no decoder of a known family.
            EditorError: the network is not there, is damaged or was trained for another model; or the model's
                precision overflows.
        """
        wanted = facts(edits)
        model = white_box(model, self.name)
        transposed = decoder_family(model, self.name).transposed
        started = time.perf_counter()
        network: NetworkT = self.kind.load(model, self.folder)  # type: ignore[assignment]
        with changing(model, [site.weight for site in network.sites]) as weights:
            taken = self._looped(model, network, wanted, weights, transposed=transposed)
            outcomes = judged(model, wanted, taken, started)
        return weights.change(self.name, self.options, outcomes)

    @torch.no_grad()
    def _looped(
        self, model: WhiteBoxModel, network: NetworkT, wanted: Sequence[Fact], weights: Snapshot, *, transposed: bool
    ) -> int:
        """How many updates were written; of several edits each but the first lowers the mean loss."""
        tell = self.telling("updates predicted")
        tell(0, self.steps)
        updates, least = self._updates(model, network, wanted)
        taken = 0
        while updates and taken < self.steps:
            tell(taken + 1, self.steps)
            before = {name: weight.clone() for name, weight in weights.items()}
            put = partial(_put, model, weights, before, updates, transposed)
            put(1.0)
            updates, loss = self._updates(model, network, wanted)
            if taken and updates and len(wanted) > 1 and not loss < least:
                put(0.0)
                break
            if self.halvings and not updates:
                self._trim(model, wanted, put)
            taken, least = taken + 1, loss
        return taken

    def _trim(self, model: WhiteBoxModel, wanted: Sequence[Fact], put: Callable[[float], None]) -> None:
        """Leave out what the edits can do without of an update with which all of them are said."""
        low, high = 0.0, 1.0
        for _ in range(self.halvings):
            middle = (low + high) / 2
            put(middle)
            low, high = (low, middle) if _decoded(model, wanted) else (middle, high)
        put(high)

    def _updates(
        self, model: WhiteBoxModel, network: NetworkT, wanted: Sequence[Fact]
    ) -> tuple[dict[str, torch.Tensor], float]:
        """What edits that are not decoded yet add together to each matrix (in, out), and the mean loss of all edits."""
        updates: dict[str, torch.Tensor] = {}
        loss = 0.0
        for first in range(0, len(wanted), _ROWS):
            part = wanted[first : first + _ROWS]
            gradients = gradients_of(model, network.sites, lessons(model, part))
            loss += float(gradients.losses.sum()) / len(wanted)
            if bool(gradients.decoded.all()):
                continue
            for name, change in self.predict(model, network, part, gradients).items():
                update = total(change, ~gradients.decoded)
                updates[name] = updates[name] + update if name in updates else update
        return updates, loss

    def load(self, model: WhiteBoxModel, folder: Path) -> WeightChange:
        """Put a saved change back; errors as in `Editor.load`."""
        return load_change(model, folder, self.name)


def _put(
    model: WhiteBoxModel,
    weights: Snapshot,
    before: Mapping[str, torch.Tensor],
    updates: Mapping[str, torch.Tensor],
    transposed: bool,  # noqa: FBT001 - always the same, and bound once
    share: float,
) -> None:
    """Write a share of updates to weights as they were before."""
    for name, weight in weights.items():
        weight.copy_(before[name])
    write(model, {name: share * update for name, update in updates.items()}, transposed=transposed)
    weights.check_finite()


def _decoded(model: WhiteBoxModel, wanted: Sequence[Fact]) -> bool:
    """Whether greedy decoding gives every target."""
    parts = (wanted[first : first + _ROWS] for first in range(0, len(wanted), _ROWS))
    return all(bool(losses(model, lessons(model, part))[1].all()) for part in parts)
