"""What trained networks that turn gradients into updates share: their matrices, their files, the model they are for."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from kedit_memory.editors._hyper_gradients import Site, last_sites
from kedit_memory.errors import EditorError
from kedit_memory.models.language import WhiteBoxModel
from kedit_memory.models.sources import sha256_of

CONFIG = "config.json"
WEIGHTS = "network.safetensors"
FORMAT = 1
_SAMPLED = 256  # values of the token embedding by which a model is known again
_ALIKE = 0.9  # the least correlation of these values; another model's is near 0, an edited one's near 1
_LIKENESS = "likeness"


class HyperNetwork(nn.Module, ABC):
    """A network trained for the matrices of one model.

    Attributes:
        method: The editor that it belongs to.
        sites: The matrices that it changes.
        likeness: Values of the model's token embedding, shape (256,): what it was trained for.
    """

    method: ClassVar[str]
    likeness: torch.Tensor

    def __init__(self, model: WhiteBoxModel, sites: tuple[Site, ...]) -> None:
        super().__init__()
        self.sites = sites
        self.register_buffer(_LIKENESS, _likeness(model))

    @classmethod
    def start(cls, model: WhiteBoxModel, *, layers: int = 3, **sizes: int) -> Self:
        """An untrained network for the MLP matrices of the last layers, whose update is a scaled gradient step.

        Raises:
            CapabilityError: the model is no decoder of a known family.
            InvalidInputError: the model has fewer layers.
        """
        return cls(model, last_sites(model, cls.method, layers), **sizes)

    @property
    @abstractmethod
    def sizes(self) -> dict[str, int]:
        """What the constructor takes beside model and matrices."""

    def save(self, folder: Path, record: Mapping[str, Any] | None = None) -> None:
        """Write weights and configuration, the latter with a record of the training; each file whole or not at all.

        Weights are kept in half precision, statistics of one value a dimension in float32.
        """
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {
            name: tensor.detach().cpu().to(torch.float16 if name in dict(self.named_parameters()) else torch.float32)
            for name, tensor in self.state_dict().items()
        }
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / f"{WEIGHTS}.part")
        (folder / f"{WEIGHTS}.part").replace(folder / WEIGHTS)
        config = {
            "format": FORMAT,
            "method": self.method,
            "sizes": self.sizes,
            "sites": [asdict(site) for site in self.sites],
            "sha256": sha256_of(folder / WEIGHTS),
            "training": dict(record or {}),
        }
        (folder / f"{CONFIG}.part").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
        (folder / f"{CONFIG}.part").replace(folder / CONFIG)

    @classmethod
    def load(cls, model: WhiteBoxModel, folder: Path) -> Self:
        """The network in a folder, for `model`, which may have been edited since.

        Raises:
            EditorError: the folder holds no such network, a damaged one, or one for another model.
        """
        folder = Path(folder)
        config = _read_config(folder, cls.method, model.name)
        try:
            sites = tuple(Site(**site) for site in config["sites"])
            intact = sha256_of(folder / WEIGHTS) == config["sha256"]
            tensors = load_file(folder / WEIGHTS) if intact else {}
            likeness = tensors[_LIKENESS]
        except (OSError, KeyError, TypeError, SafetensorError) as error:
            raise _damaged(folder) from error
        if not _fits(model, sites) or not _alike(likeness, _likeness(model)):
            last_sites(model, cls.method, 1)  # says so where no network can be trained for the model
            raise EditorError(
                f"{cls.method} has no network for {model.name}: the one in {folder} was trained for another model; "
                f"{_train(cls.method, model.name)}"
            )
        try:
            network = cls(model, sites, **config["sizes"])
            network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
        except (KeyError, TypeError, RuntimeError) as error:
            raise _damaged(folder) from error
        return network.to(model.device).eval()


def _read_config(folder: Path, method: str, model: str) -> dict[str, Any]:
    if not (folder / CONFIG).is_file():
        raise EditorError(
            f"{folder} holds no network of {method} ({CONFIG} is not there): name another folder; or, "
            f"{_train(method, model)}"
        )
    try:
        config: dict[str, Any] = json.loads((folder / CONFIG).read_text("utf-8"))
        written, made_for = config["format"], config["method"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(folder) from error
    if written != FORMAT:
        raise EditorError(f"{folder} holds a network of format {written}; this version reads format {FORMAT}")
    if made_for != method:
        raise EditorError(f"{folder} holds a network of {made_for!r}, not of {method!r}: name the folder of one")
    return config


def _train(method: str, model: str) -> str:
    """What to do where there is no network."""
    command = f"kedit train {method} --data FILE --model {model} --output FOLDER"
    return f"train one by {command!r}, then give the option network=FOLDER"


def _fits(model: WhiteBoxModel, sites: tuple[Site, ...]) -> bool:
    shapes = {name: tuple(weight.shape) for name, weight in model.model.named_parameters()}
    return all(shapes.get(s.weight) in {(s.inputs, s.outputs), (s.outputs, s.inputs)} for s in sites)


def _alike(first: torch.Tensor, second: torch.Tensor) -> bool:
    return first.shape == second.shape and float(torch.corrcoef(torch.stack([first, second]))[0, 1]) >= _ALIKE


def _likeness(model: WhiteBoxModel) -> torch.Tensor:
    weight: torch.Tensor = model.model.get_input_embeddings().weight.detach().reshape(-1)
    places = torch.linspace(0, len(weight) - 1, _SAMPLED, dtype=torch.float64).long()
    return weight[places.to(weight.device)].float().cpu()


def _damaged(folder: Path) -> EditorError:
    return EditorError(f"the network in {folder} is damaged: restore its files, or train it anew")
