"""`mend`: model editor networks with gradient decomposition (Mitchell et al. 2022, Fast Model Editing at Scale)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from kedit_memory.editors._hyper_editor import HyperEditor
from kedit_memory.editors._hyper_gradients import Changes, Factors, Gradients, Site
from kedit_memory.editors._hyper_network import HyperNetwork
from kedit_memory.editors.base import Fact
from kedit_memory.models.language import WhiteBoxModel

_RATE = 5e-4  # of every matrix before training
_LEAST = 1e-7  # added to standard deviations, for dimensions that never move


class MendNetwork(HyperNetwork):
    """Maps inputs u and deltas δ of each token to others, whose outer products are the update.

    Matrices of the same shape share one network and have a scale and an offset of their own (section 3). Where the
    paper leaves a choice: means and deviations are those of each matrix, measured once before training over tokens
    whose δ is not zero, and tokens with zero δ stay out of the sum; the last layer is linear, as in the authors'
    experiments, where the paper prints a second non-linearity; edit rates are learned as logarithms.
    """

    method = "mend"

    def __init__(self, model: WhiteBoxModel, sites: tuple[Site, ...], *, rank: int = 96) -> None:
        super().__init__(model, sites)
        self.rank = rank
        groups: dict[tuple[int, int], list[Site]] = {}
        for site in sites:
            groups.setdefault((site.inputs, site.outputs), []).append(site)
        self._place = {s.module: (_key(s), i) for group in groups.values() for i, s in enumerate(group)}
        self.editors = nn.ModuleDict({
            _key(group[0]): _Residual(inputs + outputs, rank, len(group)) for (inputs, outputs), group in groups.items()
        })  # fmt: skip
        self.log_rates = nn.Parameter(torch.full((len(sites),), _RATE).log())
        for index, site in enumerate(sites):
            self.register_buffer(f"mean_{index}", torch.zeros(site.inputs + site.outputs))
            self.register_buffer(f"deviation_{index}", torch.ones(site.inputs + site.outputs))

    @property
    def sizes(self) -> dict[str, int]:
        """The rank of the shared layers."""
        return {"rank": self.rank}

    @torch.no_grad()
    def measure(self, gradients: Sequence[Gradients]) -> None:
        """Take means and deviations from the gradients of many edits: what norm() in equation 3 divides by."""
        for index, site in enumerate(self.sites):
            tokens = torch.cat([_tokens(one.factors[site.module])[0] for one in gradients])  # (tokens, in + out)
            self.get_buffer(f"mean_{index}").copy_(tokens.mean(0))
            self.get_buffer(f"deviation_{index}").copy_(tokens.std(0))

    def forward(self, gradients: Gradients) -> Changes:
        """What is added to each matrix: minus its edit rate times the sum over tokens of ũ ⊗ δ̃ (section 3)."""
        return {site.module: self._change(index, site, gradients) for index, site in enumerate(self.sites)}

    def _change(self, index: int, site: Site, gradients: Gradients) -> Factors:
        factors = gradients.factors[site.module]
        tokens, moved = _tokens(factors)
        mean, deviation = self.get_buffer(f"mean_{index}"), self.get_buffer(f"deviation_{index}")
        key, place = self._place[site.module]
        edited = self.editors[key]((tokens - mean) / (deviation + _LEAST), place)
        shape = factors.left.shape[:2]
        inputs, deltas = (
            part.new_zeros(*shape, part.shape[-1]).masked_scatter(moved.unsqueeze(-1), part)
            for part in edited.split([site.inputs, site.outputs], -1)
        )
        return Factors(inputs, -self.log_rates[index].exp() * deltas)


class _Residual(nn.Module):
    """h = z + ReLU(s₁ ⊙ (U₁V₁z + b₁) + o₁), g(z) = h + s₂ ⊙ (U₂V₂h + b₂) + o₂: equation 3.

    V is Xavier's and U zero, so that it starts as the identity.
    """

    def __init__(self, width: int, rank: int, matrices: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        for layer in (1, 2):
            down = torch.empty(rank, width)
            nn.init.xavier_uniform_(down, generator=generator)
            self.register_parameter(f"v{layer}", nn.Parameter(down))
            self.register_parameter(f"u{layer}", nn.Parameter(torch.zeros(width, rank)))
            self.register_parameter(f"b{layer}", nn.Parameter(torch.zeros(width)))
            self.register_parameter(f"s{layer}", nn.Parameter(torch.ones(matrices, width)))
            self.register_parameter(f"o{layer}", nn.Parameter(torch.zeros(matrices, width)))

    def forward(self, tokens: torch.Tensor, matrix: int) -> torch.Tensor:
        """Edited tokens of one matrix, both of shape (tokens, in + out)."""
        hidden = tokens + torch.relu(self._layer(1, tokens, matrix))
        return hidden + self._layer(2, hidden, matrix)

    def _layer(self, layer: int, tokens: torch.Tensor, matrix: int) -> torch.Tensor:
        u, v, b, s, o = (self.get_parameter(f"{name}{layer}") for name in "uvbso")
        return s[matrix] * (tokens @ v.T @ u.T + b) + o[matrix]


def _tokens(factors: Factors) -> tuple[torch.Tensor, torch.Tensor]:
    """The tokens that the loss depends on, (tokens, in + out), and where they are, (edits, tokens of an edit)."""
    moved = (factors.right != 0).any(-1)
    return torch.cat([factors.left[moved], factors.right[moved]], -1), moved


def _key(site: Site) -> str:
    return f"{site.inputs}x{site.outputs}"


@dataclass(frozen=True, kw_only=True)
class Mend(HyperEditor[MendNetwork]):
    """Edits the MLP matrices of the last layers by what a trained network makes of the edits' gradients.

    See `HyperEditor` for the options. `kedit train mend` trains a network for any decoder.
    """

    name: ClassVar[str] = "mend"
    kind: ClassVar[type[HyperNetwork]] = MendNetwork

    def predict(
        self,
        model: WhiteBoxModel,  # noqa: ARG002 - MEND reads gradients alone
        network: MendNetwork,
        wanted: Sequence[Fact],  # noqa: ARG002
        gradients: Gradients,
    ) -> Changes:
        """The network's output for the gradients."""
        changes: Changes = network(gradients)
        return changes
