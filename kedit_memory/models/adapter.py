"""Low-rank adapters as peft saves them, put into a model's weights as it is loaded (Hu et al., ICLR 2022).

A folder with `adapter_config.json` and `adapter_model.safetensors` names the model that it is of and holds pairs of
matrices; peft itself is not needed to read it. Nothing of the model's own files is changed.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn
from transformers.pytorch_utils import Conv1D

from kedit_memory.errors import ModelError
from kedit_memory.models.known import model_source
from kedit_memory.models.sources import sha256_of

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
BASE_SHA256 = "base_sha256"  # in the header of the weights: the file of the base's weights, where it is one that ships

PREFIX = "base_model.model."
_PARTS = (".lora_A.weight", ".lora_B.weight")
BASE_WEIGHTS = "model.safetensors"
# Options that would scale single matrices, or all of them by another rule than alpha / rank.
_SCALING = ("use_rslora", "alpha_pattern", "rank_pattern")


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """Changes of a model's matrices: W + scale · B A (equation 3), with A of shape (rank, in) and B of (out, rank).

    Attributes:
        folder: Where it lies.
        base: The model that it is of: what `load_model` takes, endpoints aside.
        scale: alpha / rank.
        pairs: A and B of each matrix, by the name of its module.
        base_sha256: Of the base's weights file; empty where it was not recorded.
    """

    folder: Path
    base: str
    scale: float
    pairs: Mapping[str, tuple[torch.Tensor, torch.Tensor]]
    base_sha256: str = ""

    @property
    def base_source(self) -> str | Path:
        """The folder or Hub name of the model that it is of.

        Raises:
            ModelError: the base ships or is known, and is not there or not the one that the adapter was trained on.
        """
        folder = model_source(self.base)
        if isinstance(folder, Path) and self.base_sha256:
            found = sha256_of(folder / BASE_WEIGHTS)
            if found != self.base_sha256:
                raise ModelError(
                    f"the adapter in {self.folder} was trained on other weights of {self.base} "
                    f"({self.base_sha256[:12]}, here are {found[:12]}): train it anew"
                )
        return folder

    @torch.no_grad()
    def merge(self, model: nn.Module) -> None:
        """Add every change to its matrix, in float32.

        Raises:
            ModelError: the model lacks one of the matrices, or has it in another shape or not in memory.
        """
        for name, (right, left) in self.pairs.items():
            try:
                module = model.get_submodule(name)
            except AttributeError:
                raise self._misfit(f"{self.base} has no {name}") from None
            weight = getattr(module, "weight", None)
            change = self.scale * (left.float() @ right.float())  # (out, in)
            if isinstance(module, Conv1D):
                change = change.T
            if not isinstance(weight, torch.Tensor) or weight.shape != change.shape or weight.is_meta:
                raise self._misfit(f"{name} of {self.base} is no matrix of shape {tuple(change.shape)} in memory")
            weight.copy_(weight.float() + change.to(weight.device))

    def _misfit(self, why: str) -> ModelError:
        return ModelError(f"the adapter in {self.folder} does not fit: {why}; give it with the model it was trained on")


def adapter_in(source: str | Path) -> Adapter | None:
    """The adapter in a folder; None where the source is no folder of one.

    Raises:
        ModelError: the folder holds one that is damaged, names no base or is no plain low-rank adapter.
    """
    folder = Path(source).expanduser()
    if not (folder / CONFIG).is_file() or (folder / "config.json").is_file():  # else a whole model, merged already
        return None
    try:
        config = json.loads((folder / CONFIG).read_text("utf-8"))
        with safe_open(folder / WEIGHTS, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (OSError, ValueError, RecursionError, SafetensorError) as error:
        raise ModelError(f"cannot read the adapter in {folder}: {error}") from error
    return Adapter(
        folder=folder,
        base=_base_of(config, folder),
        scale=_scale_of(config, folder),
        pairs=_pairs_of(tensors, folder),
        base_sha256=header.get(BASE_SHA256, ""),
    )


def _base_of(config: Any, folder: Path) -> str:
    base = config.get("base_model_name_or_path") if isinstance(config, dict) else None
    if not isinstance(base, str) or not base.strip():
        raise ModelError(f"the adapter in {folder} names no model that it is of: give base_model_name_or_path a name")
    return base


def _scale_of(config: Mapping[str, Any], folder: Path) -> float:
    unread = [name for name in _SCALING if config.get(name)]
    if config.get("peft_type") != "LORA" or unread:
        kind = ", ".join(unread) or config.get("peft_type")
        raise ModelError(
            f"the adapter in {folder} is no plain low-rank one ({kind}): merge it by peft's merge_and_unload, "
            "and give the folder of the whole model"
        )
    alpha, rank = config.get("lora_alpha"), config.get("r")
    if not isinstance(alpha, (int, float)) or not isinstance(rank, int) or rank < 1:
        raise ModelError(f"the adapter in {folder} has lora_alpha {alpha!r} and r {rank!r}, which give no scale")
    return alpha / rank


def _pairs_of(tensors: Mapping[str, torch.Tensor], folder: Path) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    modules = {name.removeprefix(PREFIX).removesuffix(part) for part in _PARTS for name in tensors if part in name}
    wanted = {f"{PREFIX}{module}{part}" for module in modules for part in _PARTS}
    if odd := sorted(wanted ^ set(tensors)):
        raise ModelError(
            f"the adapter in {folder} is no set of low-rank pairs, seen at {odd[0]}: merge it by peft's "
            "merge_and_unload, and give the folder of the whole model"
        )
    if not modules:
        raise ModelError(f"the adapter in {folder} holds no weights: save it again")
    right, left = _PARTS
    return {
        module: (tensors[f"{PREFIX}{module}{right}"], tensors[f"{PREFIX}{module}{left}"]) for module in sorted(modules)
    }
