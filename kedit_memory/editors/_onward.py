"""Texts that are read once up to a layer, and read on from there again and again, with something added each time.

What is added at a token changes nothing before it, so of the tokens before the site only the attention keys and values
are kept, and each pass runs the site and what follows, from the layer on: through the whole layer where what is added
lies within it, as a norm or a factor may stand between there and what the layer gives.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import nn

from kedit_memory.editors._locate import Site
from kedit_memory.models.batches import pad
from kedit_memory.models.caches import cache_of, fresh, reading_on
from kedit_memory.models.families import Family
from kedit_memory.models.hooks import bypass, has_hooks, replace, watch
from kedit_memory.models.language import WhiteBoxModel


class Onward:
    """Texts with what a layer is given or gives for them, padded on both sides so that their sites share a column.

    What is added is added to what `module` gives: the layer if None, else a part of it. Where something else looks at
    the model or changes it, as a codebook does, nothing is kept: whole texts run anew.
    """

    def __init__(
        self, model: WhiteBoxModel, family: Family, layer: int, sites: Sequence[Site], module: nn.Module | None = None
    ) -> None:
        self._model = model.model
        self._module = family.layer(model.model, layer) if module is None else module
        known = layer + 1 if module is None else layer
        self._known = [family.layer(model.model, below) for below in range(known)]  # layers that need not run again
        self._places = [site.at for site in sites]
        self._after = [len(site.ids) - site.at for site in sites]  # tokens from the site on
        self._ids, self._mask = self._padded(model, sites)
        self._positions = (self._mask.cumsum(1) - 1).clamp_min(0)
        self._first = 0  # the column from which on tokens are run
        self._prefix: Any = None  # the cache of the columns before it
        self._rest: tuple[Any, ...] | None = None  # what the layer gives beside the states
        self._output: torch.Tensor | None = None  # what the last of them gives
        if not has_hooks([self._model]):
            self._read()

    def words(self, rows: Sequence[int], deltas: torch.Tensor, after: Sequence[Sequence[int]]) -> torch.Tensor:
        """How likely words are after some tokens, when the module gives `deltas` more at the sites.

        Args:
            rows: of the texts that are read.
            deltas: what is added for each, (rows, width).
            after: of each row, which of its tokens, from its site on.

        Returns:
            Log-probabilities, (tokens of all rows, vocabulary), float32.
        """
        at = torch.tensor(rows, device=self._ids.device)
        site = max(self._places) - self._first
        columns = slice(self._first, max(self._places) + max(self._after[row] for row in rows))

        def add(states: torch.Tensor) -> torch.Tensor:
            lines = torch.arange(len(rows), device=states.device)
            places = torch.full_like(lines, site)
            return states.index_put((lines, places), deltas.to(states), accumulate=True)

        lines = [line for line, tokens in enumerate(after) for _ in tokens]
        begins = [site - self._places[row] for row in rows]
        tokens = [begin + token for begin, part in zip(begins, after, strict=True) for token in part]
        with ExitStack() as stack:
            stack.enter_context(replace(self._module, add, rows=len(rows)))
            if self._output is not None:
                given = self._given(self._output[at, : columns.stop - columns.start])
                for layer in self._known:  # nothing reads what those below the last give
                    stack.enter_context(bypass(layer, lambda *_, **__: given))
            return self._scores(at, columns, lines, tokens).float().log_softmax(-1)

    def _scores(self, at: torch.Tensor, columns: slice, lines: list[int], tokens: list[int]) -> torch.Tensor:
        """The scores after some tokens, (tokens, vocabulary); the head, wide as it is, is run for no other."""

        def chosen(states: torch.Tensor) -> torch.Tensor:
            return states[torch.tensor(lines, device=states.device), torch.tensor(tokens, device=states.device)][None]

        with replace(self._model.get_output_embeddings(), chosen, "input"):
            scores: torch.Tensor = self._run(self._model, at, columns).logits[0]
        return scores

    def _padded(self, model: WhiteBoxModel, sites: Sequence[Site]) -> tuple[torch.Tensor, torch.Tensor]:
        """Ids and attention mask, (rows, columns)."""
        token = int(model.tokenizer.pad_token_id)
        before = pad([site.ids[: site.at] for site in sites], token, left=True, device=model.device)
        after = pad([site.ids[site.at :] for site in sites], token, device=model.device)
        return torch.cat([before[0], after[0]], 1), torch.cat([before[1], after[1]], 1)

    @torch.no_grad()
    def _read(self) -> None:
        rows = torch.arange(len(self._places), device=self._ids.device)
        before = max(self._places)
        if before:
            self._prefix = cache_of(self._run(self._model.base_model, rows, slice(0, before), keep=True))
            self._first = before
        if not self._known:
            return
        outputs: list[Any] = []
        with watch(self._known[-1], lambda _: None, outputs.append):
            self._run(self._model.base_model, rows, slice(self._first, None))
        if isinstance(outputs[0], tuple):
            self._output, *rest = outputs[0]
            self._rest = tuple(rest)
        else:
            self._output = outputs[0]

    def _run(self, module: nn.Module, rows: torch.Tensor, columns: slice, *, keep: bool = False) -> Any:
        """What the model, or all of it below its head, gives for some rows in some columns, after those kept."""
        inputs: dict[str, Any] = {"use_cache": keep}
        if self._prefix is not None:
            cache = fresh(self._prefix)
            cache.batch_select_indices(rows)
            inputs = {"use_cache": True, **reading_on(module, cache)}
        return module(
            input_ids=self._ids[rows, columns],
            attention_mask=self._mask[rows, : columns.stop],
            position_ids=self._positions[rows, columns],
            **inputs,
        )

    def _given(self, states: torch.Tensor) -> Any:
        """The states in the form in which the layer gives them."""
        return states if self._rest is None else (states, *self._rest)
