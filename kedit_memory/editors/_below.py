"""The layers below a site, run once for a batch that is run again and again, as nothing in them changes."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from kedit_memory.editors._codebook_site import Site
from kedit_memory.models.hooks import bypass, no_further_than, watch


class Below:
    """What the layers below a site give for some inputs of the model."""

    @torch.no_grad()
    def __init__(self, site: Site, inputs: Mapping[str, torch.Tensor]) -> None:
        self._layers = [site.family.layer(site.model, index) for index in range(site.layer)]
        self._output: Any = None
        if self._layers:
            outputs: list[Any] = []
            here = site.family.layer(site.model, site.layer)
            with watch(self._layers[-1], lambda _: None, outputs.append), no_further_than(here):
                site.model(**inputs)
            (self._output,) = outputs

    @contextmanager
    def known(self) -> Iterator[None]:
        """Within the block these layers do not run: the first above them reads what they gave."""
        with ExitStack() as stack:
            for layer in self._layers:  # nothing reads what those below the last give
                stack.enter_context(bypass(layer, lambda *_, **__: self._output))
            yield
