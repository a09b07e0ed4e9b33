"""`melo`: a low-rank adapter for each cluster of questions (Yu et al., "MELO", AAAI 2024).

A vector database holds clusters, each a key, the state of a prompt at one layer, with a radius around it. A prompt that
lies within a cluster switches on its block of low-rank adapters, which add to each projection that they sit on

    h = W x + B_c A_c x

with B_c and A_c those of the block alone, so that blocks of different edits do not disturb each other; a prompt that
lies in no cluster switches on none, and keeps every bit. W never changes.

The database is the codebook of `grace-fast`, with its keys, radii and clusters that never overlap where answers differ;
its values are blocks. What differs from the paper: a block is that of one edit, where the authors' code puts a few into
one; it sits on the projections out of the MLPs from the key's layer on, so that one pass both asks and answers; and
radii come from a rate of false fires. A block is switched on for the whole prompt and the answer.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property, partial
from typing import ClassVar

import torch
from torch import nn

from kedit_memory.editors._below import Below
from kedit_memory.editors._codebook_adapter import Adapter, Pass, Replacement
from kedit_memory.editors._codebook_batched import BatchedCodebookEditor
from kedit_memory.editors._codebook_descent import ReadOf
from kedit_memory.editors._codebook_frame import Frame
from kedit_memory.editors._codebook_learning import states_at_query
from kedit_memory.editors._codebook_site import Batch, Site
from kedit_memory.editors._teaching import check_options
from kedit_memory.editors.codebook import Codebook
from kedit_memory.models.hooks import revise


@dataclass(frozen=True, kw_only=True)
class Form:
    """The form of a block: a pair of matrices for each projection, one after the other in a row of numbers."""

    site: Site
    layers: Sequence[int]
    rank: int

    @cached_property
    def modules(self) -> list[nn.Module]:
        """The projections."""
        return [self.site.family.part(self.site.model, layer, "mlp_out") for layer in self.layers]

    @cached_property
    def shapes(self) -> list[tuple[int, int]]:
        """What each projection gives and reads, (out, in)."""
        weights = [self.site.model.get_parameter(self.site.family.mlp_out_weight(layer)) for layer in self.layers]
        shapes = [(int(weight.shape[0]), int(weight.shape[1])) for weight in weights]
        return [(second, first) if self.site.family.transposed else (first, second) for first, second in shapes]

    @property
    def sizes(self) -> list[int]:
        """How many numbers each pair has."""
        return [self.rank * (out + into) for out, into in self.shapes]

    def pair(self, blocks: torch.Tensor, place: int) -> tuple[torch.Tensor, torch.Tensor]:
        """B, (rows, out, rank), and A, (rows, rank, in), of one projection, from blocks (rows, numbers)."""
        out, into = self.shapes[place]
        held = torch.split(blocks, self.sizes, 1)[place]
        left, right = torch.split(held, [self.rank * out, self.rank * into], 1)
        return left.reshape(-1, out, self.rank), right.reshape(-1, self.rank, into)

    def start(self, seed: int) -> torch.Tensor:
        """A block that changes nothing yet: B is 0, and A uniform within 1 / sqrt(in)."""
        generator = torch.Generator().manual_seed(seed)
        parts = []
        for out, into in self.shapes:
            right = (2 * torch.rand(self.rank * into, generator=generator) - 1) * into**-0.5
            parts += [torch.zeros(self.rank * out), right]
        return torch.cat(parts).to(self.site.device)


class BlockAdapter(Adapter):
    """Clusters in force at a site, whose values are blocks that the projections above it add to what they give."""

    def __init__(self, codebook: Codebook, form: Form, frame: Frame | None) -> None:
        self.form = form
        super().__init__(form.site, codebook, codebook.find_covering, "replace_all", frame)

    def _hook(self, hooks: ExitStack) -> None:
        super()._hook(hooks)
        for place, module in enumerate(self.form.modules):
            hooks.enter_context(revise(module, partial(self._add, place)))

    def _put(self, output: torch.Tensor) -> torch.Tensor:
        return output

    def _add(self, place: int, read: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
        now: Pass = self._local.now
        if now.columns is None or now.values is None:
            return output
        left, right = self.form.pair(now.values.to(read.device), place)
        rows = read.reshape(len(now.columns), -1, read.shape[-1]).float()  # an MLP may have all tokens in one row
        more = (rows @ right.mT @ left.mT).reshape(output.shape).to(output)
        columns = now.columns.to(output.device).reshape(*output.shape[:-1], 1)
        return torch.where(columns, output + more, output)


class Switched:
    """A batch that is run again and again above the site, each time with other blocks switched on."""

    def __init__(self, adapter: Adapter, batch: Batch, seed: int) -> None:
        assert isinstance(adapter, BlockAdapter)  # noqa: S101 - of the editor below
        self.batch = batch
        self._adapter = adapter
        with adapter.forced(batch, None):
            self._below = Below(adapter.site, batch.inputs)
        with self._below.known():
            self.keys, _ = states_at_query(adapter, batch)
        self.states = adapter.form.start(seed).expand(len(self.keys), -1)

    def judged(self, values: torch.Tensor) -> torch.Tensor:
        """The scores that the targets are compared with, when each row has its block of shape (rows, numbers)."""
        with self._adapter.forced(self.batch, values), self._below.known():
            return self.batch.judged(self._adapter.site.model(**self.batch.inputs).logits)


@dataclass(frozen=True, kw_only=True)
class Melo(BatchedCodebookEditor):
    """A block of low-rank adapters for each edit, which prompts near its key switch on.

    Attributes:
        rank: Of each adapter.
        span: How many layers have adapters, from the key's on.
        seed: Of the numbers that a block begins with. See `BatchedCodebookEditor` for the other options.
    """

    name: ClassVar[str] = "melo"

    rank: int = 2
    span: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse options that mean nothing."""
        super().__post_init__()
        most = float("inf")
        check_options(self.name, rank=(self.rank, 1, most), span=(self.span, 1, most), seed=(self.seed, 0, 2**63 - 1))

    def _form(self, site: Site) -> Form:
        layers = range(site.layer, min(site.layer + self.span, site.family.count))
        return Form(site=site, layers=layers, rank=self.rank)

    def _value_width(self, site: Site) -> int:
        return sum(self._form(site).sizes)

    def _adapter(self, site: Site, codebook: Codebook, frame: Frame | None) -> Adapter:
        return BlockAdapter(codebook, self._form(site), frame)

    def _replaces(self) -> Replacement:
        return "replace_all"

    def _reads(self) -> ReadOf:
        return partial(Switched, seed=self.seed)
