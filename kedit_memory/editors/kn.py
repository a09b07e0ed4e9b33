"""`kn`: knowledge neurons, found by integrated gradients, then edited or erased (Dai et al. 2022).

A neuron is one number that an MLP's output projection reads. Those that carry a fact are the ones whose growth from
nothing to their value brings the answer about, in several prompts alike.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch

from kedit_memory.editors._keyvalue import read, sample
from kedit_memory.editors._locate import Site, decoder_family
from kedit_memory.editors._onward import Onward
from kedit_memory.editors._progress import Options
from kedit_memory.editors._teaching import check_options, judged
from kedit_memory.editors._weights import Snapshot, WeightChange, changing, load_change
from kedit_memory.editors.base import Fact, Outcome, Wanted, facts
from kedit_memory.errors import CapabilityError, EditorError
from kedit_memory.models.families import Family, state_width
from kedit_memory.models.language import WhiteBoxModel, white_box
from kedit_memory.models.prompts import Prompt

Neuron = tuple[int, int]  # layer, place in it


@dataclass(frozen=True, kw_only=True)
class KnowledgeNeurons(Options):
    """Finds the neurons of the answer that the model gives now, and moves what they write to the target.

    The first token of the answer stands for it, since it is what the neurons at the prompt's last token bring about.

    The paper adds and takes out embeddings as they are (its section 5), which in BERT are about as long as what a
    neuron writes, and in many other models several times that. So here each is scaled to that length first.

    Attributes:
        steps: Of the Riemann sum that stands for the integral.
        coarse: A neuron counts in a prompt from this share of the prompt's greatest attribution on.
        shared: A neuron counts for the fact from this share of its prompts on.
        most: The most neurons of a fact; those of the greatest mean attribution.
        prompts: How many prompts a fact has at least: its own, its paraphrases, then its own after other texts.
        away: How much of the old answer's embedding is taken out of what a neuron writes, in lengths of that.
        towards: How much of the target's is put in; 8 embeddings in the paper.
        erase: Silence the neurons instead: the edit's target is then what the model should forget.
        seed: Of the texts before the prompt.
    """

    name: ClassVar[str] = "kn"

    steps: int = 20
    coarse: float = 0.2
    shared: float = 0.7
    most: int = 5
    prompts: int = 5
    away: float = 1.0
    towards: float = 4.0
    erase: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        many = float("inf")
        check_options(
            self.name,
            steps=(self.steps, 1, many),
            coarse=(self.coarse, 0.0, 1.0),
            shared=(self.shared, 0.0, 1.0),
            most=(self.most, 1, many),
            prompts=(self.prompts, 1, many),
            away=(self.away, 0.0, many),
            towards=(self.towards, 0.0, many),
            seed=(self.seed, 0, many),
        )

    def apply(self, model: WhiteBoxModel, edits: Sequence[Wanted]) -> WeightChange:
        """Put the edits into the model; see `Editor.apply`.

        Raises:
            InvalidInputError: an edit lacks a prompt or target.
            CapabilityError: the model shows no weights, or is no decoder of a known family.
            EditorError: the model's precision overflows.
        """
        model = white_box(model, self.name)
        wanted = facts(edits)
        family = decoder_family(model, self.name)
        narrow, wide = model.model.get_input_embeddings().weight.shape[1], state_width(model.model)
        if narrow != wide:
            raise CapabilityError(
                f"{self.name} writes token embeddings into the layers, and those of {model.name} have {narrow} numbers "
                f"where its states have {wide}"
            )
        names = [family.mlp_out_weight(layer) for layer in range(family.count)]
        outcomes: list[Outcome] = []
        with changing(model, names) as weights:
            for fact in wanted:
                started = time.perf_counter()
                old = fact.target if self.erase else (model.answer_many([fact.asked])[0] or fact.target)
                neurons = self.neurons(model, family, fact, old)
                self._write(model, family, weights, neurons, fact, old)
                weights.check_finite()
                outcomes.append(self._outcome(model, fact, neurons, started))
        return weights.change(self.name, self.options, outcomes)

    def load(self, model: WhiteBoxModel, folder: Path) -> WeightChange:
        """Put a saved change back; see `Editor.load`."""
        return load_change(model, folder, self.name)

    def neurons(self, model: WhiteBoxModel, family: Family, fact: Fact, answer: str) -> list[Neuron]:
        """The neurons of `answer` that the fact's prompts share, those that count most first."""
        token = _first_token(model, fact.asked, answer)
        counts: Counter[Neuron] = Counter()
        sums: dict[Neuron, float] = defaultdict(float)
        sites = self._sites(model, fact)
        tell = self.telling(f"prompts in which neurons of {answer!r} are found")
        for done, site in enumerate(sites):
            tell(done, len(sites))
            scores = attributions(model, family, site, token, self.steps)  # (layers, inner)
            for layer, place in (scores >= self.coarse * scores.max().clamp_min(1e-12)).nonzero().tolist():
                counts[layer, place] += 1
                sums[layer, place] += float(scores[layer, place])
        shared = [neuron for neuron, count in counts.items() if count >= self.shared * len(sites)]
        return sorted(shared, key=lambda neuron: -sums[neuron])[: self.most]

    def _sites(self, model: WhiteBoxModel, fact: Fact) -> list[Site]:
        """The prompts, each with its last token as the place that is looked at."""
        asked = [fact.asked, *(Prompt(question=text) for text in fact.paraphrases)]
        missing = max(0, self.prompts - len(asked))
        before = sample(model, missing, 6, torch.Generator().manual_seed(self.seed))
        asked += [Prompt(question=f"{text}. {fact.prompt}") for text in before]
        rows = [model.encode(prompt) for prompt in asked if model.fits(prompt)]
        return [Site(ids=tuple(ids), at=len(ids) - 1, target=len(ids)) for ids in rows]

    @torch.no_grad()
    def _write(
        self,
        model: WhiteBoxModel,
        family: Family,
        weights: Snapshot,
        neurons: Sequence[Neuron],
        fact: Fact,
        old: str,
    ) -> None:
        embedding = model.model.get_input_embeddings().weight
        tokens = [_first_token(model, fact.asked, text) for text in (old, fact.target)]
        was, now = torch.nn.functional.normalize(embedding[tokens].float(), dim=1)  # each (width,)
        for layer, place in neurons:
            weight = weights[family.mlp_out_weight(layer)]
            row = weight[place] if family.transposed else weight[:, place]  # what the neuron writes, (width,)
            if self.erase:
                row.zero_()
            else:
                more = (self.towards * now - self.away * was).to(row.device)
                row.add_((more * row.float().norm()).to(row.dtype))

    def _outcome(self, model: WhiteBoxModel, fact: Fact, neurons: Sequence[Neuron], started: float) -> Outcome:
        (said,) = judged(model, [fact], self.steps, started)
        learned = said.learned != self.erase
        if learned:
            reason = ""
        elif self.erase:
            reason = f"with {len(neurons)} neurons silent the model still says {fact.target!r}"
        else:
            reason = f"with {len(neurons)} neurons moved, {said.reason}"
        return Outcome(fact=fact, learned=learned, seconds=said.seconds, steps=said.steps, reason=reason)


def attributions(model: WhiteBoxModel, family: Family, site: Site, token: int, steps: int) -> torch.Tensor:
    """How much each neuron brings `token` about after the text: (layers, inner), float32.

    A layer's neurons at the text's last token grow together from 0 to their values, in `steps` equal steps; each
    neuron's value times the mean gradient of the token's probability along this way is its attribution.

    Raises:
        EditorError: the model's scores are no numbers.
    """
    modules = {layer: family.part(model.model, layer, "mlp_out") for layer in range(family.count)}
    values = read(model, modules, [site], "input")  # each (1, inner)
    shares = torch.arange(1, steps + 1, device=model.device)[:, None] / steps
    rows = []
    for layer, module in modules.items():
        value = values[layer]
        grown = (shares.to(value.device) * value).requires_grad_()  # (steps, inner)
        onward = Onward(model, family, layer, [site], module)
        with torch.enable_grad():
            # The projection is linear: what it reads grows by as much as what it writes.
            more = (grown - value) @ _outward(module.weight, family)
            likely = onward.words([0] * steps, more, [[site.at]] * steps)[:, token].exp().sum()
            (slope,) = torch.autograd.grad(likely, grown)
        rows.append((value[0] * slope.mean(0)).cpu())
    found = torch.stack(rows)
    if not bool(torch.isfinite(found).all()):
        raise EditorError(f"the scores of {model.name} are no numbers; load it with dtype='float32'")
    return found


def _outward(weight: Any, family: Family) -> torch.Tensor:
    """An output matrix as (inner, width), float32."""
    stored: torch.Tensor = weight.detach().float()
    return stored if family.transposed else stored.T


def _first_token(model: WhiteBoxModel, prompt: Prompt, answer: str) -> int:
    return model.join(prompt, model.continuation(prompt, answer))[1][0]
