"""What ROME, MEMIT and AlphaEdit share: an MLP's output projection as a memory from keys to values.

The key of a fact is what the projection reads at the subject's last token, averaged over random texts before the
prompt; its value is what the layer has to give there so that the model says the target (Meng et al. 2022, section 3.1).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, TypeAlias
from weakref import WeakKeyDictionary

import torch
from torch import nn

from kedit_memory.editors._locate import Site, essence, taught
from kedit_memory.editors._moments import Moments, inner
from kedit_memory.editors._progress import Options
from kedit_memory.editors._teaching import check_options
from kedit_memory.editors._weights import Snapshot, WeightChange, load_change
from kedit_memory.editors.base import Fact
from kedit_memory.errors import InvalidInputError
from kedit_memory.models.batches import pad
from kedit_memory.models.families import Family
from kedit_memory.models.hooks import Side, capture
from kedit_memory.models.language import WhiteBoxModel

ROWS = 32  # texts in one forward pass that keeps no gradient
_OPENINGS = ("The", "In", "It", "A", "When")  # of the texts that a model says of itself
_LIKELIEST = 5  # tokens, from which the next one is drawn


MakeOf: TypeAlias = Callable[[torch.Tensor], torch.Tensor]

# An update of shape (out, in) as a product: (out, rank) times (rank, in), float64.
Update: TypeAlias = tuple[torch.Tensor, torch.Tensor]


class Memory:
    """What was taken from models when it was first asked for, kept for as long as a model lives.

    Edits made since then do not move it: a row of edits stands on the unedited model. It is a cache, and whoever loses
    it takes all anew, from the model as it then is.
    """

    def __init__(self, moments: Moments) -> None:
        self.moments = moments
        self._prefixes: WeakKeyDictionary[nn.Module, dict[tuple[int, int, int], list[str]]] = WeakKeyDictionary()

    def prefixes(self, model: WhiteBoxModel, count: int, length: int, seed: int) -> list[str]:
        """Texts that the model says of itself; see `sample`."""
        known = self._prefixes.setdefault(model.model, {})
        if (count, length, seed) not in known:
            known[count, length, seed] = sample(model, count, length, torch.Generator().manual_seed(seed))
        return known[count, length, seed]


@dataclass(frozen=True, kw_only=True)
class ValueEditor(Options):
    """The options of editors that search for values.

    Attributes:
        rate: Of Adam, at each step of the search for a value.
        steps: The most steps for one value.
        enough: The loss, in nats a token of the target, at which a search ends.
        kl: How much a change of the words after "{subject} is a" counts.
        decay: How much the length of the change counts, over the squared length of the value.
        clamp: The most that a value may move, in its own lengths.
        prefixes: How many texts that the model says of itself stand before the prompt, each in its turn.
        prefix_tokens: How many tokens of each the model says, the last word of which is left out.
        end: Whether the end of an answer is searched for with the target, where the model's form has one. The papers
            take the target alone, which needs a smaller change; a chat may then go on after it.
        seed: Of these texts.
    """

    name: ClassVar[str]

    rate: float = 1.0
    steps: int = 200
    enough: float = 0.02
    kl: float = 0.0625
    decay: float = 0.5
    clamp: float = 10.0
    prefixes: int = 3
    prefix_tokens: int = 6
    end: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse options that mean nothing."""
        most = float("inf")
        check_options(
            self.name,
            rate=(self.rate, 1e-9, most),
            steps=(self.steps, 1, most),
            enough=(self.enough, 0.0, most),
            kl=(self.kl, 0.0, most),
            decay=(self.decay, 0.0, most),
            clamp=(self.clamp, 1e-9, most),
            prefixes=(self.prefixes, 0, most),
            prefix_tokens=(self.prefix_tokens, 1, most),
            seed=(self.seed, 0, most),
        )

    def prefixes_of(self, model: WhiteBoxModel) -> list[str]:
        """The texts that stand before a prompt."""
        return sample(model, self.prefixes, self.prefix_tokens, torch.Generator().manual_seed(self.seed))


@dataclass(frozen=True, kw_only=True)
class KeyValueEditor(ValueEditor):
    """The options that editors of weights share: how a value is found, and what the moments are taken from.

    Attributes:
        text: What moments are taken from, a .jsonl file with `text` or plain lines; if None, sample
            text that ships and questions with their answers, half and half.
        tokens: How many tokens of it are read; twenty for each number that the projection reads if None.
        cache: The folder that keeps moments; they are kept in memory alone if None.
        memory: What was taken from unedited models; `dataclasses.replace` hands it on.
            See `ValueEditor` for the other options.
    """

    text: str | Path | None = None
    tokens: int | None = None
    cache: str | Path | None = None
    memory: Memory | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_options(self.name, tokens=(1 if self.tokens is None else self.tokens, 1, float("inf")))
        for name, path in (("text", self.text), ("cache", self.cache)):
            if not isinstance(path, str | Path | None):
                raise InvalidInputError(f"{name} of {self.name} is {path!r}; it takes a path")
        moments = Moments(self.cache, text=self.text, tokens=self.tokens)
        if self.memory is None or not self.memory.moments.is_like(moments):
            object.__setattr__(self, "memory", Memory(moments))

    def load(self, model: WhiteBoxModel, folder: Path) -> WeightChange:
        """Put a saved change back; see `Editor.load`."""
        return load_change(model, folder, self.name)

    def moments_of(self, model: WhiteBoxModel, family: Family, layers: Sequence[int]) -> Mapping[int, torch.Tensor]:
        """The second moment of each layer, (inner, inner); errors as in `Moments.of`."""
        return self._memory.moments.of(model, family, layers, self.telling("tokens read for second moments"))

    def made_of(
        self, model: WhiteBoxModel, moments: Mapping[int, torch.Tensor], name: str, make: MakeOf
    ) -> Mapping[int, torch.Tensor]:
        """What is made of each layer's moment, kept as moments are; see `Moments.made`."""
        return self._memory.moments.made(model, moments, name, make)

    def prefixes_of(self, model: WhiteBoxModel) -> list[str]:
        """The texts that stand before a prompt, as the model said them when they were first asked for."""
        return self._memory.prefixes(model, self.prefixes, self.prefix_tokens, self.seed)

    @property
    def _memory(self) -> Memory:
        if self.memory is None:
            raise AttributeError("memory is set when the editor is made")
        return self.memory


@dataclass(frozen=True, kw_only=True)
class FactTexts:
    """A fact in the texts that it is learned from: alone, after each prefix, and the essence prompt."""

    fact: Fact
    taught: tuple[Site, ...]
    essence: Site


def layer_indices(family: Family, layers: Sequence[int]) -> tuple[int, ...]:
    """The layers counted from 0, in order.

    Raises:
        InvalidInputError: none is given, or the model has no such layer.
    """
    if not layers:
        raise InvalidInputError("no layer to edit was given; give at least one, or none at all for the default")
    names = {family.layer_name(layer): layer for layer in layers}
    return tuple(sorted(layer % family.count for layer in names.values()))


def texts_of(model: WhiteBoxModel, facts: Sequence[Fact], editor: ValueEditor) -> list[FactTexts]:
    """The texts from which each fact is learned; all share their prefixes.

    Raises:
        InvalidInputError: a prompt does not name its subject.
        PromptTooLongError: a prompt does not fit the model's window.
    """
    prefixes = editor.prefixes_of(model)
    return [
        FactTexts(
            fact=f, taught=tuple(taught(model, f, prefixes, end=editor.end)), essence=essence(model, f.subject or "")
        )
        for f in facts
    ]


def sample(model: WhiteBoxModel, count: int, length: int, generator: torch.Generator) -> list[str]:
    """So many texts that the model says of itself, each in one line: an opening word and `length` tokens after it.

    They are drawn as Meng et al. 2022 draw theirs, from the few likeliest tokens, and lose their last word where it
    may have been cut off. A word opens them, since not every model was trained to begin after its first special token.
    """
    texts = [_continued(model, _OPENINGS[i % len(_OPENINGS)], length, generator) for i in range(count)]
    return [text for text in texts if text]


@torch.no_grad()
def _continued(model: WhiteBoxModel, opening: str, length: int, generator: torch.Generator) -> str:
    """The opening with what the model says after it, in whole words."""
    ids = torch.tensor([model.encode(opening)], device=model.device)  # (1, tokens)
    for _ in range(length):
        output = model.model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False)
        scores = output.logits[0, -1].float().cpu()
        scores[int(model.tokenizer.eos_token_id)] = -torch.inf
        best = scores.topk(min(_LIKELIEST, len(scores)))
        chosen = best.indices[torch.multinomial(best.values.softmax(-1), 1, generator=generator)]
        ids = torch.cat([ids, chosen[None].to(ids.device)], dim=1)
    words = model.tokenizer.decode(ids[0], skip_special_tokens=True).split()
    return " ".join(words[:-1] or words)


def read(
    model: WhiteBoxModel, modules: Mapping[int, nn.Module], sites: Sequence[Site], side: Side
) -> dict[int, torch.Tensor]:
    """What stands at one side of each module at each site: (sites, dim), float32."""
    found: dict[int, list[torch.Tensor]] = {name: [] for name in modules}
    for seen, own, _ in _passes(model, modules, sites, side):
        for name, states in seen.items():
            found[name].append(states[own.to(states.device)].float())
    return {name: torch.cat(parts) for name, parts in found.items()}


def beside(model: WhiteBoxModel, family: Family, layer: int, sites: Sequence[Site]) -> torch.Tensor:
    """The sum of k kᵀ over what a layer's projection reads at all tokens but the sites: (inner, inner), float64."""
    width = inner(model, family, layer)
    total = torch.zeros(width, width, dtype=torch.float64, device=model.device)
    for seen, own, mask in _passes(model, {0: projection(model, family, layer)}, sites, "input"):
        states = seen[0][(mask & ~own).to(seen[0].device)].double()  # (tokens, inner)
        total = total.to(states.device) + states.T @ states
    return total


@torch.no_grad()
def _passes(
    model: WhiteBoxModel, modules: Mapping[int, nn.Module], sites: Sequence[Site], side: Side
) -> Iterator[tuple[dict[int, torch.Tensor], torch.Tensor, torch.Tensor]]:
    """By passes over some texts: states by module, (texts, tokens, dim), where the sites are, and where tokens are."""
    for first in range(0, len(sites), ROWS):
        batch = sites[first : first + ROWS]
        ids, mask = padded(model, batch)
        with ExitStack() as hooks:
            seen = {
                name: hooks.enter_context(capture(module, side, rows=len(batch))) for name, module in modules.items()
            }
            model.model(input_ids=ids, attention_mask=mask, use_cache=False)
        own = torch.zeros_like(mask, dtype=torch.bool)
        own[range(len(batch)), [site.at for site in batch]] = True
        yield {name: states[0] for name, states in seen.items()}, own, mask.bool()


def keys(
    model: WhiteBoxModel, family: Family, layers: Sequence[int], texts: Sequence[FactTexts]
) -> dict[int, torch.Tensor]:
    """Each fact's key in each layer, the mean over its texts: (facts, inner), float32."""
    sites = [site for one in texts for site in one.taught]
    owners = torch.tensor([place for place, one in enumerate(texts) for _ in one.taught])
    read_at = read(model, {layer: projection(model, family, layer) for layer in layers}, sites, "input")
    means = {}
    for layer, states in read_at.items():
        at = owners.to(states.device)
        total = torch.zeros(len(texts), states.shape[1], device=states.device).index_add_(0, at, states)
        means[layer] = total / at.bincount(minlength=len(texts))[:, None]
    return means


def projection(model: WhiteBoxModel, family: Family, layer: int) -> nn.Module:
    """The MLP's output projection of one layer."""
    return family.part(model.model, layer, "mlp_out")


def solve(moment: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """`moment`⁻¹ `right` in float64; see `factor_of`."""
    return torch.cholesky_solve(right.double(), factor_of(moment))


def factor_of(moment: torch.Tensor, ridge: float = 1e-6) -> torch.Tensor:
    """The lower triangle whose product with its transpose is a moment, in float64, by which systems of it are solved.

    `ridge`, in mean eigenvalues, keeps directions that never occur finite. Moments were summed in float32, whose
    rounding may turn an eigenvalue of nothing negative, by less than the norm of the moment times float32's step
    (Weyl's inequality): the ridge is never below that.
    """
    wide = moment.double()
    rounding = torch.finfo(torch.float32).eps * wide.norm()
    shift = torch.maximum(ridge * wide.diagonal().mean(), rounding).clamp_min(torch.finfo(torch.float64).tiny)
    wide = wide + shift * torch.eye(len(wide), dtype=wide.dtype, device=wide.device)
    lower: torch.Tensor = torch.linalg.cholesky(wide)
    return lower


def write(weights: Snapshot, name: str, update: Update, family: Family) -> None:
    """Add an update to a weight as it is stored, which may lie the other way round."""
    left, right = update
    weights.add(name, *((right.T, left.T) if family.transposed else (left, right)))


def padded(model: WhiteBoxModel, sites: Sequence[Site]) -> tuple[torch.Tensor, torch.Tensor]:
    return pad([site.ids for site in sites], int(model.tokenizer.pad_token_id), device=model.device)
