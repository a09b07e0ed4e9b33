"""The search for the value that makes a model say a target (Meng et al. 2022, section 3.1 and equation 4)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from kedit_memory.editors._keyvalue import FactTexts, KeyValueEditor, padded, read
from kedit_memory.editors._locate import Site
from kedit_memory.errors import EditorError
from kedit_memory.models.hooks import replace
from kedit_memory.models.language import WhiteBoxModel


@dataclass(frozen=True, kw_only=True)
class Values:
    """What values have to change by, and how the search for them went."""

    unedited: torch.Tensor  # (facts, width), float32: what the module gives after the prompt alone
    deltas: torch.Tensor  # (facts, width), float32
    steps: tuple[int, ...]
    losses: tuple[float, ...]  # nats a target token, where the search ended


def find_values(
    model: WhiteBoxModel, module: nn.Module, texts: Sequence[FactTexts], editor: KeyValueEditor, *, together: int = 8
) -> Values:
    """What must be added to the output of `module` at each subject, found by Adam, `together` facts at a time.

    The loss of a fact is that of Meng et al. 2022, equation 4, with its weight decay: the mean over texts of the
    target's loss, plus `kl` times KL(edited ‖ unedited) of the words after the essence prompt, plus `decay` times
    |delta| / |value|². After each step a delta is cut to `clamp` times its value's length.

    Raises:
        EditorError: the model's scores are no numbers.
    """
    parts = [_Search(model, module, texts[i : i + together], editor).run() for i in range(0, len(texts), together)]
    return Values(
        unedited=torch.cat([part.unedited for part in parts]),
        deltas=torch.cat([part.deltas for part in parts]),
        steps=tuple(steps for part in parts for steps in part.steps),
        losses=tuple(loss for part in parts for loss in part.losses),
    )


class _Search:
    """The search for the deltas of some facts at once; a fact that is done drops out of the passes."""

    def __init__(
        self, model: WhiteBoxModel, module: nn.Module, texts: Sequence[FactTexts], editor: KeyValueEditor
    ) -> None:
        self.model = model
        self.module = module
        self.texts = texts
        self.editor = editor
        self.unedited, self.words = self._before()  # (facts, width); (facts, vocabulary), logarithms
        self.deltas = torch.zeros_like(self.unedited)
        self.steps = [0] * len(texts)
        self.losses = [float("inf")] * len(texts)

    def run(self) -> "_Search":
        """Step until every fact is learned, or the steps are used up."""
        delta = torch.zeros_like(self.unedited, requires_grad=True)
        optimiser = torch.optim.Adam([delta], lr=self.editor.rate)
        left = list(range(len(self.texts)))
        with torch.enable_grad():
            for step in range(self.editor.steps + 1):
                loss, nats = self._loss(delta, left)
                self._note(delta, left, nats, step)
                left = [i for i in left if self.losses[i] > self.editor.enough]
                if not left or step == self.editor.steps:
                    break
                (delta.grad,) = torch.autograd.grad(loss, delta)
                optimiser.step()
                self._clamp(delta)
        return self

    def _note(self, delta: torch.Tensor, left: Sequence[int], nats: torch.Tensor, step: int) -> None:
        if not bool(torch.isfinite(nats).all()):
            raise EditorError(
                f"the search for a value left the numbers that {self.model.name} can hold, so the model is left as it "
                "was: take a smaller rate, or load the model with dtype='float32'"
            )
        for i, loss in zip(left, nats.tolist(), strict=True):
            self.deltas[i] = delta[i].detach()
            self.steps[i], self.losses[i] = step, loss

    @torch.no_grad()
    def _clamp(self, delta: torch.Tensor) -> None:
        longest = self.editor.clamp * self.unedited.norm(dim=1, keepdim=True)
        length = delta.norm(dim=1, keepdim=True)
        delta.copy_(torch.where(length > longest, delta * (longest / length.clamp_min(1e-12)), delta))

    def _loss(self, delta: torch.Tensor, left: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """The sum over the facts that are left, and each one's loss on its target."""
        sites = [site for i in left for site in self.texts[i].taught]
        owners = torch.tensor([i for i in left for _ in self.texts[i].taught], device=delta.device)
        essences = [self.texts[i].essence for i in left]
        mine = torch.tensor(left, device=delta.device)
        scores = self._scores([*sites, *essences], delta[torch.cat([owners, mine])])
        nats = _target_loss(scores[: len(sites)], sites)  # (sites,)
        mean = torch.zeros(len(self.texts), device=delta.device).index_add(0, owners, nats)[mine]
        mean = mean / owners.bincount(minlength=len(self.texts))[mine]
        after = _last_words(scores[len(sites) :], essences)
        divergence = (after.exp() * (after - self.words[mine])).sum(-1)
        # A norm has no gradient at 0, where every search begins.
        size = (delta[mine].square().sum(1) + 1e-12).sqrt() / self.unedited[mine].square().sum(1)
        total = mean + self.editor.kl * divergence + self.editor.decay * size
        return total.sum(), mean.detach()

    @torch.no_grad()
    def _before(self) -> tuple[torch.Tensor, torch.Tensor]:
        values = read(self.model, {0: self.module}, [one.taught[0] for one in self.texts], "output")[0]
        essences = [one.essence for one in self.texts]
        return values, _last_words(self._scores(essences, torch.zeros_like(values)), essences)

    def _scores(self, sites: Sequence[Site], deltas: torch.Tensor) -> torch.Tensor:
        return scores_with(self.model, self.module, sites, deltas)


def scores_with(model: WhiteBoxModel, module: nn.Module, sites: Sequence[Site], deltas: torch.Tensor) -> torch.Tensor:
    """The model's scores, (sites, tokens, vocabulary), with each row's delta added at its subject."""
    ids, mask = padded(model, sites)
    rows = torch.arange(len(sites), device=deltas.device)
    places = torch.tensor([site.at for site in sites], device=deltas.device)

    def add(states: torch.Tensor) -> torch.Tensor:
        return states.index_put((rows, places), deltas.to(states.dtype), accumulate=True)

    with replace(module, add):
        scores: torch.Tensor = model.model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    return scores


def _target_loss(scores: torch.Tensor, sites: Sequence[Site]) -> torch.Tensor:
    """The mean loss of each site's target tokens, in nats: (sites,)."""
    spans = [range(site.target, len(site.ids)) for site in sites]
    rows = torch.tensor([row for row, span in enumerate(spans) for _ in span], device=scores.device)
    places = torch.tensor([place for span in spans for place in span], device=scores.device)
    ids = torch.tensor([site.ids[p] for site, span in zip(sites, spans, strict=True) for p in span])
    words = scores[rows, places - 1].float().log_softmax(-1)  # (target tokens of all, vocabulary)
    nats = -words.gather(1, ids.to(words.device)[:, None])[:, 0]
    total = torch.zeros(len(sites), device=nats.device).index_add(0, rows, nats)
    return total / rows.bincount(minlength=len(sites))


def _last_words(scores: torch.Tensor, sites: Sequence[Site]) -> torch.Tensor:
    """The log-probabilities of the word after each text: (sites, vocabulary)."""
    rows = torch.arange(len(sites), device=scores.device)
    last = torch.tensor([len(site.ids) - 1 for site in sites], device=scores.device)
    return scores[rows, last].float().log_softmax(-1)
