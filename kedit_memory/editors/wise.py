"""`wise`: a side memory for edits beside the main memory of one layer (Wang et al., "WISE", NeurIPS 2024).

The side memory W' is a copy of W, the projection out of one MLP. Edits change W' alone; W answers everything else. With
A(x) what the projection reads at a prompt's last token, the two part on x by

    Δ(x) = |A(x) (W' - W)|                                                                                 (equation 2)

which training keeps large on edits and small on other questions,

    max(0, Δ(x_i) - alpha) + max(0, beta - Δ(x_e)) + max(0, gamma - (Δ(x_e) - Δ(x_i)))                      (equation 3)

beside the loss of the targets (equation 5). A prompt is read by W' where Δ(x) is above ε, the least that an edit has
reached, and else by W (equation 4): then no bit changes. Edits are sharded: each share of them trains a subspace of W'
of its own, a random part rho of its numbers, and the subspaces are merged by Ties (Yadav et al. 2023): of the numbers
that several moved, the sign with more weight wins, and those of that sign are averaged. This is WISE-Merge with a
single side memory; after the last subspace the first takes more edits.

Where the words leave room: Δ is taken once, in the pass that reads the prompt, and what it decides holds for all tokens
of the prompt and the answer. The authors' code averages Δ over all tokens, of which a chat form has many in common to
all prompts, and takes a share of ε, as is done here. The other questions x_i are those that ship. Margins count the
length that W gives for these, so that they mean the same in every model; `absolute` counts as the paper does.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, NamedTuple, Self, get_args

import torch
from torch import nn
from torch.nn.functional import linear, relu

from kedit_memory.editors._below import Below
from kedit_memory.editors._codebook_adapter import Adapter, Pass
from kedit_memory.editors._codebook_applied import sample_of
from kedit_memory.editors._codebook_frame import asked, keys_of
from kedit_memory.editors._codebook_learning import states_at_query
from kedit_memory.editors._codebook_site import Batch, Site, one_of, site_of
from kedit_memory.editors._locate import decoder_family
from kedit_memory.editors._module_applied import ModuleChange, ModuleMethod
from kedit_memory.editors._teaching import check_options
from kedit_memory.editors.base import Fact
from kedit_memory.editors.codebook import Codebook
from kedit_memory.errors import EditorError
from kedit_memory.models.classifier import Editable
from kedit_memory.models.language import white_box
from kedit_memory.models.prompts import Prompt

Optimizer = Literal["adam", "sgd"]


class SideMemory(nn.Module):
    """By how much the side memory differs from the main one, in each subspace and merged; all float32."""

    subspaces: torch.Tensor  # (subspaces, out, in)
    merged: torch.Tensor  # (out, in): W' - W, made anew from the subspaces
    reached: torch.Tensor  # (): the least Δ of an edit
    count: torch.Tensor  # (): edits that were taught

    def __init__(self, subspaces: int, shape: tuple[int, int], density: float) -> None:
        super().__init__()
        self.density = density
        self.register_buffer("subspaces", torch.zeros(subspaces, *shape))
        self.register_buffer("reached", torch.tensor(torch.inf))
        self.register_buffer("count", torch.tensor(0))
        self.register_buffer("merged", torch.zeros(shape), persistent=False)

    def merge(self) -> None:
        """Merge the subspaces as they now are."""
        self.merged = ties(self.subspaces, self.density)


def ties(changes: torch.Tensor, density: float) -> torch.Tensor:
    """Changes of one weight, (changes, out, in), as one: trimmed, a sign elected, and what has this sign averaged.

    Of each change the `density` of its numbers that are largest stays (Yadav et al. 2023, Algorithm 1).
    """
    kept = round(density * changes[0].numel())
    if kept < changes[0].numel():
        sizes = changes.flatten(1).abs()
        least = sizes.topk(max(kept, 1), 1).values[:, -1]
        changes = changes * (sizes >= least[:, None]).view_as(changes)
    agreeing = changes.sign() == changes.sum(0).sign()
    agreeing &= changes != 0
    return (changes * agreeing).sum(0) / agreeing.sum(0).clamp_min(1)


class SideAdapter(Adapter):
    """A side memory in force at the projection out of an MLP, for prompts on which it parts enough from the main one.

    Where values are forced, they are a change of the projection, for all rows.
    """

    def __init__(self, site: Site, module: SideMemory, share: float) -> None:
        self.module = module
        self._share = share  # of the least Δ of an edit, from which on a prompt goes through the side memory
        nothing = Codebook(site.key_width)  # what an adapter looks into otherwise
        super().__init__(site, nothing, nothing.find_nearest, "replace_all")

    @torch.no_grad()
    def _ask(self, now: Pass, hidden: torch.Tensor) -> None:
        found = self._asked(now, hidden)
        parts = linear(found.states.float(), self.module.merged).norm(dim=1)  # Δ, (rows,)
        hit = parts > self._share * self.module.reached
        if bool(hit.any()):
            now.values, now.columns = self.module.merged, found.columns & hit[:, None]

    def _put(self, output: torch.Tensor) -> torch.Tensor:
        now: Pass = self._local.now
        if now.columns is None or now.values is None or now.read is None:
            return output
        more = linear(now.read.float(), now.values).to(output)
        return torch.where(now.columns.to(output.device)[..., None], output + more, output)


class Margins(NamedTuple):
    """The bounds of equation 3."""

    others: float  # alpha
    edits: float  # beta
    between: float  # gamma

    def loss(self, edits: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        """Equation 3, from Δ of some edits and of other questions; the mean of each of its three parts."""
        parts = (
            relu(others - self.others),
            relu(self.edits - edits),
            relu(self.between - (edits[:, None] - others)),
        )
        return torch.stack([part.mean() for part in parts]).sum()


@dataclass(frozen=True, kw_only=True)
class Wise(ModuleMethod):
    """A side memory with a router that reads how far it parts from the main one.

    Attributes:
        layer: Where the side memory is; -1 is the last, None about three quarters of the depth.
        steps: The most steps for each `batch` of edits.
        rate: Of the optimizer.
        optimizer: "adam", or "sgd" as in the paper.
        enough: The loss, in nats a token of the target, at which steps end, if the margins hold as well.
        bound: The most that a number of the side memory may move.
        alpha: The most Δ of other questions.
        beta: The least Δ of edits.
        gamma: The least distance between both.
        absolute: Whether margins are lengths as they are, as in the paper, and not shares of what the layer gives.
        threshold: The share of the least Δ of an edit above which a prompt goes through the side memory.
        questions: How many other questions margins are kept on.
        mask: The share rho of the side memory's numbers that make a subspace.
        subspaces: How many there are, k.
        shard: Edits that train a subspace before the next takes its turn.
        density: The share of each subspace's numbers, by size, that a merge keeps.
        batch: Edits taught together; the paper takes one at a time.
        seed: Of the subspaces.
    """

    name: ClassVar[str] = "wise"

    layer: int | None = None
    steps: int = 70
    rate: float = 5e-3
    optimizer: Optimizer = "adam"
    enough: float = 0.1
    bound: float = 1.0
    alpha: float = 0.1
    beta: float = 0.5
    gamma: float = 0.3
    absolute: bool = False
    threshold: float = 0.88
    questions: int = 100
    mask: float = 0.2
    subspaces: int = 2
    shard: int = 500
    density: float = 0.53
    batch: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse options that mean nothing."""
        most = float("inf")
        one_of("optimizer", self.optimizer, get_args(Optimizer))
        check_options(
            self.name,
            steps=(self.steps, 1, most),
            rate=(self.rate, 1e-12, most),
            enough=(self.enough, 0.0, most),
            bound=(self.bound, 1e-12, most),
            alpha=(self.alpha, 0.0, most),
            beta=(self.beta, 0.0, most),
            gamma=(self.gamma, 0.0, most),
            threshold=(self.threshold, 0.0, 1.0),
            questions=(self.questions, 1, most),
            mask=(self.mask, 1e-6, 1.0),
            subspaces=(self.subspaces, 1, most),
            shard=(self.shard, 1, most),
            density=(self.density, 1e-6, 1.0),
            batch=(self.batch, 1, most),
            seed=(self.seed, 0, 2**63 - 1),
        )

    def attach(self, model: Editable) -> SideAdapter:
        """A side memory that is the main one."""
        decoder_family(white_box(model, self.name), self.name)
        site = site_of(model.model, layer=self.layer, stack=None, key_token="last", part="mlp_out")  # noqa: S106
        module = SideMemory(self.subspaces, (site.width, site.key_width), self.density)
        return SideAdapter(site, module.to(site.device), self.threshold)

    def placed(self, adapter: SideAdapter) -> Self:
        """The same editor, which names the layer."""
        return replace(self, layer=adapter.site.layer)

    def fill(self, module: nn.Module, tensors: Any) -> None:
        """Take over subspaces, and merge them."""
        super().fill(module, tensors)
        assert isinstance(module, SideMemory)  # noqa: S101 - of `attach`
        module.merge()

    def learn(self, change: ModuleChange, wanted: Sequence[Fact]) -> int:
        """Teach the edits in batches, each in the subspace whose turn it is."""
        adapter: SideAdapter = change.adapter
        model, site, side = change.model, adapter.site, adapter.module
        prompts = {fact.prompt for fact in wanted}
        others = [one for one in asked(self.questions + len(prompts)) if one.question not in prompts]
        read = keys_of(model, site, others[: self.questions])
        router = self._router(site, torch.from_numpy(read).to(site.device))
        steps = 0
        adapter.open()
        for batch in self._batches(wanted, int(side.count)):
            samples = [sample_of(model, Prompt(question=fact.prompt), fact.target) for fact in batch]
            steps += self._teach(adapter, site.batch(samples), int(side.count) // self.shard % self.subspaces, router)
            side.count += len(batch)
        return steps

    def _batches(self, wanted: Sequence[Fact], count: int) -> Iterator[Sequence[Fact]]:
        """Edits that are taught together, none of them across the end of a shard; `count` were taught before."""
        first = 0
        while first < len(wanted):
            size = min(self.batch, self.shard - (count + first) % self.shard)
            yield wanted[first : first + size]
            first += size

    def _router(self, site: Site, others: torch.Tensor) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
        """The loss of equation 3, from a change of the projection and the keys of edits, (edits, in)."""
        weight = site.model.get_parameter(site.family.mlp_out_weight(site.layer)).detach().float()
        given = linear(others, weight.T if site.family.transposed else weight).norm(dim=1).mean()
        unit = 1.0 if self.absolute else float(given)
        margins = Margins(self.alpha, self.beta, self.gamma)

        def loss(change: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
            return margins.loss(*(linear(read, change).norm(dim=1) / unit for read in (keys, others)))

        return loss

    def _teach(
        self,
        adapter: SideAdapter,
        batch: Batch,
        place: int,
        router: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    ) -> int:
        """Step one subspace until its edits are said and told apart from other questions; the steps taken."""
        side, site = adapter.module, adapter.site
        mask = self._mask(place, side.merged)
        with adapter.forced(batch, None):
            below = Below(site, batch.inputs)
        with below.known():
            keys, _ = states_at_query(adapter, batch)
        change = side.subspaces[place].clone().requires_grad_()
        kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[self.optimizer]
        optimizer = kind([change], lr=self.rate)
        tell = self.telling("steps of training")
        with torch.enable_grad():
            for step in range(self.steps + 1):
                tell(step, self.steps)
                with adapter.forced(batch, change), below.known():
                    judged = batch.judged(site.model(**batch.inputs).logits)
                losses, apart = batch.losses(judged), router(change, keys)
                learned = bool((losses <= self.enough).all()) and bool(batch.decoded(judged).all())
                if (learned and not float(apart.detach())) or step == self.steps:
                    break
                (gradient,) = torch.autograd.grad(losses.mean() + apart, [change])
                change.grad = gradient * mask
                optimizer.step()
                with torch.no_grad():
                    change.clamp_(-self.bound, self.bound)
        found = change.detach()
        if not bool(torch.isfinite(found).all()):
            raise EditorError("training of wise ran into numbers that are none: take a smaller rate")
        side.subspaces[place] = found
        side.merge()
        side.reached = torch.minimum(side.reached, linear(keys, side.merged).norm(dim=1).min())
        return step

    def _mask(self, place: int, like: torch.Tensor) -> torch.Tensor:
        """The numbers of a subspace, (out, in), always the same."""
        generator = torch.Generator().manual_seed(self.seed + place)
        return (torch.rand(like.shape, generator=generator) < self.mask).to(like)
