"""What MEND and KE share: a trained network turns the gradient of the edits into an update of some matrices."""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

import torch

from kedit_memory.editors._hyper_gradients import Changes, Gradients, gradients_of, total, write
from kedit_memory.editors._hyper_network import HyperNetwork
from kedit_memory.editors._locate import decoder_family
from kedit_memory.editors._teaching import check_options, judged, lessons
from kedit_memory.editors._weights import Snapshot, WeightChange, changing, load_change
from kedit_memory.editors.base import Fact, Wanted, facts
from kedit_memory.errors import InvalidInputError
from kedit_memory.models.language import WhiteBoxModel, white_box
from kedit_memory.shipped import hypernetwork

_ROWS = 32  # edits of one backward pass; more are split, and their updates added

NetworkT = TypeVar("NetworkT", bound=HyperNetwork)


@dataclass(frozen=True, kw_only=True)
class HyperEditor(ABC, Generic[NetworkT]):
    """Adds what a trained network predicts from the gradients of the edits; several at once add up.

    Attributes:
        network: The folder of the network; None takes the one that is shipped for kedit-mini.
        steps: How often at most the update is predicted anew, from the edited model, for those edits whose target
            greedy decoding does not give: the "loop" of the tables of De Cao et al. (2021). 1 is the single update of
            both papers. Updates of several edits add up and overshoot: from the second on, one that does not lower
            their mean loss is taken back, and is the last.
    """

    name: ClassVar[str]
    kind: ClassVar[type[HyperNetwork]]

    network: str | Path | None = None
    steps: int = 5

    def __post_init__(self) -> None:
        check_options(self.name, steps=(self.steps, 1, float("inf")))
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
        return weights.change(self.name, asdict(self), outcomes)

    @torch.no_grad()
    def _looped(
        self, model: WhiteBoxModel, network: NetworkT, wanted: Sequence[Fact], weights: Snapshot, *, transposed: bool
    ) -> int:
        """How many updates were written; of several edits each but the first lowers the mean loss."""
        updates, least = self._updates(model, network, wanted)
        for taken in range(self.steps):
            if not updates:
                return taken
            before = {name: weight.clone() for name, weight in weights.items()}
            write(model, updates, transposed=transposed)
            weights.check_finite()
            updates, loss = self._updates(model, network, wanted)
            if taken and len(wanted) > 1 and not loss < least:
                for name, weight in weights.items():
                    weight.copy_(before[name])
                return taken
            least = loss
        return self.steps

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
