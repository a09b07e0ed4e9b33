"""What learning a value needs, whatever the method: the states at the layer, and where descent begins."""

from typing import Literal

import torch

from kedit_memory.editors._codebook_adapter import Adapter
from kedit_memory.editors._codebook_site import Batch
from kedit_memory.models.hooks import capture
from kedit_memory.records import Vectors

ValueStart = Literal["cold", "warm"]


@torch.no_grad()
def states_at_query(adapter: Adapter, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """What goes into the layer at the query tokens, the keys, and what comes out, both of shape (rows, width)."""
    site = adapter.site
    with (
        adapter.forced(batch, None),
        capture(site.module, "input") as inputs,
        capture(site.module) as outputs,
    ):
        site.model(**batch.inputs)
    rows = torch.arange(len(batch.queries), device=inputs[0].device)
    queries = batch.queries.to(inputs[0].device)
    return inputs[0][rows, queries].float(), outputs[0][rows, queries].float()


def as_key(state: torch.Tensor) -> Vectors:
    """A state of shape (width,), or several, as the codebook keeps it."""
    array: Vectors = state.detach().float().cpu().numpy()
    return array


@torch.no_grad()
def decodes(adapter: Adapter, batch: Batch) -> torch.Tensor:
    """Whether the model with the codebook in force says each row's target, token by token, of shape (rows,)."""
    with adapter.query_tokens(batch.queries):
        logits = adapter.site.model(**batch.inputs).logits
    return batch.decoded(batch.judged(logits))
