"""The router that the options of a command describe."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kedit_memory.cli.options import one_device
from kedit_memory.cli.settings import api_key
from kedit_memory.memory import EditMemory

if TYPE_CHECKING:
    from kedit_memory.models.language import TextModel
    from kedit_memory.routing.router import Router


@dataclass(frozen=True)
class _Named:
    """A model that is loaded when it is first asked, known by name before: what was calibrated for it goes by that."""

    name: str
    load: "Callable[[], TextModel]"

    def __call__(self) -> "TextModel":
        return self.load()


def load_model(name: str, device: str | None, dtype: str | None) -> "TextModel":
    """The model that options name, loaded now."""
    from kedit_memory.models.named import load_model as load

    return load(name, device=device, dtype=dtype, api_key=api_key())


def make_router(
    memory: EditMemory,
    model: str,
    path: str,
    device: str | None,
    dtype: str | None,
    *,
    related: int = 0,
    rerank: str | None = None,
    passages_from: str = "retrieved",
    max_new_tokens: int | None = None,
) -> "Router":
    """A router over an open store, whose model is loaded when it is first needed."""
    from kedit_memory.models.cross_encoder import load_cross_encoder
    from kedit_memory.routing.router import Router, RouterConfig

    beside = one_device(device)
    config = RouterConfig(
        path=path, related=related, passages_from=passages_from, max_new_tokens=max_new_tokens, device=beside
    )
    return Router(
        memory,
        _Named(model, lambda: load_model(model, device, dtype)),
        reranker=load_cross_encoder(rerank, device=beside) if rerank is not None else None,
        config=config,
    )
