"""Texts that are read once up to a layer, and read on from there again and again, with something added each time."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import torch

from kedit_memory.editors._keyvalue import padded
from kedit_memory.editors._locate import Site
from kedit_memory.models.families import Family
from kedit_memory.models.hooks import bypass, has_hooks, replace, watch
from kedit_memory.models.language import WhiteBoxModel


class Onward:
    """Texts with what a layer gives for them.

    Where something else looks at the layers or changes them, as a codebook does, nothing is kept: the layers run anew.
    """

    def __init__(self, model: WhiteBoxModel, family: Family, layer: int, sites: Sequence[Site]) -> None:
        self._model = model.model
        self._layers = [family.layer(model.model, below) for below in range(layer + 1)]
        self._ids, self._mask = padded(model, sites)
        self._places = torch.tensor([site.at for site in sites], device=self._ids.device)
        self._lengths = [len(site.ids) for site in sites]
        self._rest: tuple[Any, ...] | None = None  # what the layer gives beside the states
        self._output = None if has_hooks(self._layers) else self._read()

    def words(self, rows: Sequence[int], deltas: torch.Tensor, after: Sequence[Sequence[int]]) -> torch.Tensor:
        """How likely words are after some tokens, when the layer gives `deltas` more at the subjects.

        Args:
            rows: of the texts that are read.
            deltas: what is added for each, (rows, width).
            after: of each row, the columns of the tokens.

        Returns:
            Log-probabilities, (tokens of all rows, vocabulary), float32.
        """
        at = torch.tensor(rows, device=self._ids.device)
        longest = max(self._lengths[row] for row in rows)
        lines = torch.arange(len(rows), device=deltas.device)
        places = self._places[at].to(deltas.device)

        def add(states: torch.Tensor) -> torch.Tensor:
            return states.index_put((lines, places), deltas.to(states.dtype), accumulate=True)

        with ExitStack() as stack:
            if self._output is None:
                stack.enter_context(replace(self._layers[-1], add))
            else:
                given = add(self._output[at, :longest])
                for layer in self._layers:  # nothing reads what those below the last give
                    stack.enter_context(bypass(layer, lambda *_, **__: self._given(given)))
            states = self._model.base_model(
                input_ids=self._ids[at, :longest], attention_mask=self._mask[at, :longest], use_cache=False
            ).last_hidden_state
        asked = torch.tensor([i for i, columns in enumerate(after) for _ in columns], device=states.device)
        columns = torch.tensor([column for part in after for column in part], device=states.device)
        scores: torch.Tensor = self._model.get_output_embeddings()(states[asked, columns])
        return scores.float().log_softmax(-1)

    @torch.no_grad()
    def _read(self) -> torch.Tensor:
        outputs: list[Any] = []
        with watch(self._layers[-1], lambda _: None, outputs.append):
            self._model.base_model(input_ids=self._ids, attention_mask=self._mask, use_cache=False)
        states: torch.Tensor
        if isinstance(outputs[0], tuple):
            states, *rest = outputs[0]
            self._rest = tuple(rest)
        else:
            states = outputs[0]
        return states

    def _given(self, states: torch.Tensor) -> Any:
        """The states in the form in which the layer gives them."""
        return states if self._rest is None else (states, *self._rest)
