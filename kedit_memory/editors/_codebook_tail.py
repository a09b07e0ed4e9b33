"""The part of a model above a layer, run again and again on states below it that are computed once.

In a causal model the tokens before the query token change in no layer either, so their attention keys and values are
kept as well, and only the query token and the target are run.
"""

from contextlib import ExitStack
from typing import Any

import torch

from kedit_memory.editors._codebook_adapter import Adapter
from kedit_memory.editors._codebook_site import Batch
from kedit_memory.models.caches import cache_of, fresh, reading_on
from kedit_memory.models.hooks import bypass, capture, watch


class Tail:
    """A batch, read once up to the output of the codebook's layer.

    `batch` is what was read; `keys` and `states` are what goes into the layer at the query tokens and what comes out,
    of shape (rows, width).
    """

    def __init__(self, adapter: Adapter, batch: Batch) -> None:
        self._adapter = adapter
        self.batch = batch
        self._site = adapter.site
        self._prefix: Any = None
        self._inputs = dict(batch.inputs)
        self._queries, self._skipped = batch.queries, 0
        with torch.no_grad(), adapter.forced(batch, None):
            if self._site.is_causal and self._site.key_token == "last" and batch.first:  # noqa: S105
                self._read_prefix(batch.first)
            self.keys, self.states = self._read_rest()

    def judged(self, values: torch.Tensor) -> torch.Tensor:
        """The scores that the targets are compared with, when each row has its value of shape (rows, width)."""
        if isinstance(self._output, tuple):
            output: Any = (self._replaced(self._output[0], values), *self._output[1:])
        else:
            output = self._replaced(self._output, values)
        with self._adapter.forced(self.batch, None), ExitStack() as below:
            # Nothing reads what the layers below give, if only it has the form that their stack expects.
            for layer in self._layers:
                below.enter_context(bypass(layer, lambda *_, **__: output))
            if self._site.in_decoder:
                below.enter_context(bypass(self._site.model.get_encoder(), lambda *_, **__: self._encoded))
            logits = self._site.model(**self._fresh_inputs()).logits
        return self.batch.judged(logits, skipped=self._skipped)

    def _read_prefix(self, length: int) -> None:
        """The cache of all tokens before the query token."""
        before = {name: tensor[:, :length] for name, tensor in self._inputs.items()}
        self._prefix = cache_of(self._site.model.base_model(**before, use_cache=True))
        for name in ("input_ids", "position_ids"):
            self._inputs[name] = self._inputs[name][:, length:]
        self._queries, self._skipped = torch.zeros_like(self._queries), length

    def _read_rest(self) -> tuple[torch.Tensor, torch.Tensor]:
        outputs: list[Any] = []
        encoded: list[Any] = []
        with ExitStack() as seeing:
            inputs = seeing.enter_context(capture(self._site.module, "input"))
            seeing.enter_context(watch(self._site.module, lambda _: None, outputs.append))
            if self._site.in_decoder:
                encoder = self._site.model.get_encoder()
                seeing.enter_context(watch(encoder, lambda _: None, encoded.append))
            self._site.model(**self._fresh_inputs())
        (self._output,) = outputs
        self._encoded = encoded[0] if encoded else None
        state = self._output[0] if isinstance(self._output, tuple) else self._output
        self._queries = self._queries.to(state.device)
        rows = torch.arange(len(state), device=state.device)
        return inputs[0][rows, self._queries].float(), state[rows, self._queries].float()

    @property
    def _layers(self) -> list[torch.nn.Module]:
        site = self._site
        last = site.layer % site.family.count
        return [site.family.layer(site.model, index) for index in range(last + 1)]

    def _replaced(self, state: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        columns = torch.arange(state.shape[1], device=state.device) == self._queries[:, None]
        return torch.where(columns[..., None], values.to(state)[:, None], state)

    def _fresh_inputs(self) -> dict[str, Any]:
        if self._prefix is None:
            return self._inputs
        return {**self._inputs, **reading_on(self._site.model, fresh(self._prefix)), "use_cache": True}
