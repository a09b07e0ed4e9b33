"""The search for the value that makes a model say a target (Meng et al. 2022, section 3.1 and equation 4)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from kedit_memory.editors._keyvalue import FactTexts, ValueEditor, projection, read
from kedit_memory.editors._locate import Site
from kedit_memory.editors._onward import Onward
from kedit_memory.errors import EditorError
from kedit_memory.models.families import Family
from kedit_memory.models.language import WhiteBoxModel

_TOGETHER = 8  # facts in one search


@dataclass(frozen=True, kw_only=True)
class Values:
    """What values have to change by, and how the search for them went."""

    unedited: torch.Tensor  # (facts, width), float32: what the module gives after the prompt alone
    deltas: torch.Tensor  # (facts, width), float32
    steps: tuple[int, ...]
    losses: tuple[float, ...]  # nats a target token, where the search ended


def find_values(
    model: WhiteBoxModel,
    family: Family,
    layer: int,
    texts: Sequence[FactTexts],
    editor: ValueEditor,
    *,
    whole: bool = False,
) -> Values:
    """What must be added at each subject to what a layer gives, found by Adam, a few facts at a time.

    The loss of a fact is that of Meng et al. 2022, equation 4, with its weight decay: the mean over texts of the
    target's loss, plus `kl` times KL(edited ‖ unedited) of the words after the essence prompt, plus `decay` times
    |delta| / |value|². After each step a delta is cut to `clamp` times its value's length. The value is what the MLP's
    projection gives, or the state after the layer where `whole`.

    Raises:
        EditorError: the model's scores are no numbers.
    """
    part = None if whole else projection(model, family, layer)
    module = family.layer(model.model, layer) if part is None else part
    unedited = read(model, {0: module}, [one.taught[0] for one in texts], "output")[0]
    parts = [
        _Search(
            Onward(model, family, layer, _sites(texts[i : i + _TOGETHER]), part),
            model,
            texts[i : i + _TOGETHER],
            unedited[i : i + _TOGETHER],
            editor,
        ).run()
        for i in range(0, len(texts), _TOGETHER)
    ]
    return Values(
        unedited=unedited,
        deltas=torch.cat([part.deltas for part in parts]),
        steps=tuple(steps for part in parts for steps in part.steps),
        losses=tuple(loss for part in parts for loss in part.losses),
    )


class _Search:
    """The search for the deltas of some facts at once; a fact that is done drops out of the passes."""

    def __init__(
        self,
        onward: Onward,
        model: WhiteBoxModel,
        texts: Sequence[FactTexts],
        unedited: torch.Tensor,
        editor: ValueEditor,
    ) -> None:
        self.model = model
        self.editor = editor
        self.unedited = unedited  # (facts, width)
        self._sites = _sites(texts)
        self._rows = _runs([len(one.taught) + 1 for one in texts])
        self._onward = onward
        self._words = self._before()  # (facts, vocabulary), logarithms, after the essence prompts
        self.deltas = torch.zeros_like(unedited)
        self.steps = [0] * len(texts)
        self.losses = [float("inf")] * len(texts)

    def run(self) -> "_Search":
        """Step until every fact is learned, or the steps are used up."""
        tell = self.editor.telling("steps of the search for a value")
        delta = torch.zeros_like(self.unedited, requires_grad=True)
        optimiser = torch.optim.Adam([delta], lr=self.editor.rate)
        left = list(range(len(self._rows)))
        with torch.enable_grad():
            for step in range(self.editor.steps + 1):
                tell(step, self.editor.steps)
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
        taught = [row for i in left for row in self._rows[i][:-1]]
        essences = [self._rows[i][-1] for i in left]
        owners = torch.tensor([place for place, i in enumerate(left) for _ in self._rows[i][:-1]], device=delta.device)
        mine = torch.tensor(left, device=delta.device)
        spans = [range(self._sites[row].target, len(self._sites[row].ids)) for row in taught]
        before = [[place - 1 for place in span] for span in spans]
        words = self._onward.words(
            [*taught, *essences], delta[torch.cat([mine[owners], mine])], [*before, *map(self._end, essences)]
        )
        said = [self._sites[row].ids[place] for row, span in zip(taught, spans, strict=True) for place in span]
        each = -words[: len(said)].gather(1, torch.tensor(said, device=words.device)[:, None])[:, 0]
        nats = _means(_means(each, [len(span) for span in spans]), [len(self._rows[i]) - 1 for i in left])
        after = words[len(said) :]
        divergence = (after.exp() * (after - self._words[mine])).sum(-1)
        # A norm has no gradient at 0, where every search begins.
        size = (delta[mine].square().sum(1) + 1e-12).sqrt() / self.unedited[mine].square().sum(1)
        total = nats + self.editor.kl * divergence + self.editor.decay * size
        return total.sum(), nats.detach()

    @torch.no_grad()
    def _before(self) -> torch.Tensor:
        essences = [rows[-1] for rows in self._rows]
        return self._onward.words(essences, torch.zeros_like(self.unedited), [*map(self._end, essences)])

    def _end(self, row: int) -> list[int]:
        return [len(self._sites[row].ids) - 1]


def _sites(texts: Sequence[FactTexts]) -> list[Site]:
    """Of each fact, the essence prompt last."""
    return [site for one in texts for site in (*one.taught, one.essence)]


def _runs(lengths: Sequence[int]) -> list[range]:
    """Ranges of these lengths, one after the other."""
    ends = [sum(lengths[: i + 1]) for i in range(len(lengths))]
    return [range(end - length, end) for end, length in zip(ends, lengths, strict=True)]


def _means(values: torch.Tensor, lengths: Sequence[int]) -> torch.Tensor:
    """The mean of each run of values, (runs,)."""
    return torch.stack([part.mean() for part in torch.split(values, list(lengths))])
