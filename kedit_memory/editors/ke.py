"""`ke`: KnowledgeEditor (De Cao, Aziz and Titov 2021, Editing Factual Knowledge in Language Models)."""

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

_RATE = 1.0  # twice the gradient step that an untrained network takes
_OFFSET = 0.05  # what one unit of an offset output stands for


class KnowledgeEditorNetwork(HyperNetwork):
    """Reads an edit with a bidirectional LSTM and predicts how the gradient of each matrix is gated and shifted.

    For a matrix of m inputs and n outputs (section 3, with W as m x n):

        dW = sigmoid(eta) ((gamma softmax(alpha)ᵀ) * gradient + delta softmax(beta)ᵀ)

    with `alpha` and `beta` of n, `gamma` and `delta` of m numbers, and the number `eta`. The paper leaves open how
    these start: here `delta` starts at zero and all of `gamma` at -n, so that an untrained network takes a gradient
    step. The softmax is over the outputs, so that it chooses neurons that write. The LSTM reads the model's own token
    embeddings, unchanged.
    """

    method = "ke"
    embedding: torch.Tensor

    def __init__(
        self,
        model: WhiteBoxModel,
        sites: tuple[Site, ...],
        *,
        state: int = 96,
        condition: int = 128,
        hidden: int = 48,
    ) -> None:
        super().__init__(model, sites)
        self._widths = {"state": state, "condition": condition, "hidden": hidden}
        embedding = model.model.get_input_embeddings().weight.detach().float()
        self.register_buffer("embedding", embedding, persistent=False)
        self.lstm = nn.LSTM(embedding.shape[1], state, bidirectional=True, batch_first=True)
        self.encode = nn.Sequential(nn.Linear(2 * state, condition), nn.Tanh())
        self.heads = nn.ModuleList([_Head(site, condition, hidden) for site in sites])
        _draw(self)

    @property
    def sizes(self) -> dict[str, int]:
        """Widths of the LSTM's state, of the condition that it gives, and of each matrix's hidden layer."""
        return dict(self._widths)

    def forward(self, gradients: Gradients, conditions: Sequence[Sequence[int]]) -> Changes:
        """What is added to each matrix for each edit; `conditions` holds the token ids of each."""
        condition = self.encode(self._read(conditions))  # (edits, condition)
        return {
            site.module: head(condition, gradients.factors[site.module])
            for site, head in zip(self.sites, self.heads, strict=True)
        }

    def _read(self, conditions: Sequence[Sequence[int]]) -> torch.Tensor:
        """The last states of both directions, (edits, 2 * state)."""
        texts = [self.embedding[torch.tensor(list(ids), device=self.embedding.device)] for ids in conditions]
        packed = nn.utils.rnn.pack_sequence(texts, enforce_sorted=False)
        states: torch.Tensor = self.lstm(packed)[1][0]  # (directions, edits, state)
        return states.transpose(0, 1).flatten(1)


class _Head(nn.Module):
    """One hidden layer with tanh, and the five outputs of one matrix."""

    def __init__(self, site: Site, condition: int, hidden: int) -> None:
        super().__init__()
        self.site = site
        self.hidden = nn.Linear(condition, hidden)
        self.output = nn.Linear(hidden, 2 * (site.inputs + site.outputs) + 1)

    def forward(self, condition: torch.Tensor, factors: Factors) -> Factors:
        """The change: inputs gated by `gamma`, deltas by softmax(`alpha`), and one more pair for the offset."""
        site = self.site
        alpha, beta, gamma, delta, eta = self.output(torch.tanh(self.hidden(condition))).split(
            [site.outputs, site.outputs, site.inputs, site.inputs, 1], -1
        )
        # Softmax gives about 1/n; n · softmax is of the order of one, and trains at the rate of all else.
        gate, place = (site.outputs * each.softmax(-1).unsqueeze(1) for each in (alpha, beta))
        gamma, delta = _RATE * (gamma - 1).unsqueeze(1), _OFFSET * delta.unsqueeze(1)
        left = torch.cat([factors.left * gamma, delta], 1)
        right = torch.cat([factors.right * gate, place], 1)
        return Factors(left, eta.sigmoid().unsqueeze(-1) * right)


@torch.no_grad()
def _draw(network: KnowledgeEditorNetwork) -> None:
    """The same start each time; the outputs of each head at zero."""
    generator = torch.Generator().manual_seed(0)
    for name, weight in network.named_parameters():
        if ".output." in name or weight.dim() == 1:
            weight.zero_()
        else:
            nn.init.xavier_uniform_(weight, generator=generator)


def condition(model: WhiteBoxModel, fact: Fact, answer: str) -> tuple[int, ...]:
    """The ids that the LSTM reads: prompt; the model's answer; the target, with an end of text between them."""
    asked, end = fact.asked, int(model.tokenizer.eos_token_id)
    before, after = (model.encode_text(model.continuation(asked, text)) for text in (answer, fact.target))
    return (*model.encode(asked), end, *before, end, *after)


@dataclass(frozen=True, kw_only=True)
class KnowledgeEditor(HyperEditor[KnowledgeEditorNetwork]):
    """Edits the MLP matrices of the last layers by gradients that a trained network gates and shifts.

    See `HyperEditor` for the options. `kedit train ke` trains a network for any decoder. The paper
    edits every matrix of its models; here they are those that MEND edits.
    """

    name: ClassVar[str] = "ke"
    kind: ClassVar[type[HyperNetwork]] = KnowledgeEditorNetwork

    def predict(
        self, model: WhiteBoxModel, network: KnowledgeEditorNetwork, wanted: Sequence[Fact], gradients: Gradients
    ) -> Changes:
        """The network's output for the gradients and what the model answers now."""
        answers = model.answer_many([fact.asked for fact in wanted])
        conditions = [condition(model, fact, answer) for fact, answer in zip(wanted, answers, strict=True)]
        changes: Changes = network(gradients, conditions)
        return changes
