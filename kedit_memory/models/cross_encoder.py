"""Cross-encoders of sentence-transformers: a question and a passage in, how well one answers the other out.

None ships with the program: those trained to rank passages are on the Hub, or in folders of their users. Naming one
loads no torch.
"""

from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kedit_memory.errors import MissingDependencyError, ModelError
from kedit_memory.models.faults import one_line
from kedit_memory.models.sources import find_source, refuse_misspelt

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder as Loaded

# Short names of published ones, trained on MS MARCO; any other is named as on the Hub.
CROSS_ENCODERS = {
    "minilm-marco": "cross-encoder/ms-marco-MiniLM-L6-v2",
    "tinybert-marco": "cross-encoder/ms-marco-TinyBERT-L2-v2",
}
_FILES = ["*.json", "*.txt", "*.model", "*.safetensors"]  # what is needed of a Hub repository


def load_cross_encoder(name: str, *, device: str | None = None) -> "CrossEncoder":
    """The cross-encoder that `name` stands for; its weights are read at the first score.

    Args:
        name: A short name, a folder or a Hub name. All but a folder are fetched from the Hub unless they are at hand.
        device: Where weights go; None takes an accelerator where there is one.

    Raises:
        MissingDependencyError: sentence-transformers is not installed.
        ModelError: The folder holds no cross-encoder.
        UnknownNameError: The name is all but a short name.
    """
    if name not in CROSS_ENCODERS:
        refuse_misspelt("cross-encoder", name, CROSS_ENCODERS)
    if find_spec("sentence_transformers") is None:
        raise MissingDependencyError(
            f"the cross-encoder {name!r} needs sentence-transformers, which is not installed: pip install kedit-memory"
        )
    return CrossEncoder(CROSS_ENCODERS.get(name, name), device=device)


class CrossEncoder:
    """A cross-encoder with one output, by folder or Hub name; texts longer than it reads count by their beginning."""

    def __init__(self, source: str | Path, *, device: str | None = None, batch_size: int = 32) -> None:
        """Reads nothing yet but the folder's listing.

        Args:
            source: The folder or Hub name.
            device: "cpu", "cuda"…; None takes an accelerator where there is one.
            batch_size: Pairs read at once, sorted by length before.

        Raises:
            ModelError: The folder holds no cross-encoder.
        """
        self._source, self._local = find_source(source, "cross-encoder")
        self._device = device
        self._batch_size = batch_size

    @property
    def name(self) -> str:
        """The folder's name or the Hub name."""
        return Path(self._source).name if self._local else self._source

    def scores(self, question: str, texts: Sequence[str]) -> NDArray[np.float32]:
        """How well each text answers the question, float32 of shape (texts,); the scale is the model's own.

        Raises:
            ModelError: The weights are missing or damaged, or the model has not one output.
        """
        if not texts:
            return np.zeros(0, np.float32)
        pairs = [(question, text) for text in texts]
        model = self._model
        with one_line(f"run the cross-encoder {self._source}"):
            scores = model.predict(pairs, batch_size=self._batch_size, show_progress_bar=False)
        return np.asarray(scores, np.float32)

    @cached_property
    def _folder(self) -> Path:
        if self._local:
            return Path(self._source)
        from huggingface_hub import snapshot_download

        try:
            return Path(snapshot_download(self._source, allow_patterns=_FILES))
        except (OSError, ValueError, RuntimeError) as error:
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise ModelError(
                f"no cross-encoder {self._source!r}: neither a folder nor at hand from the Hub ({reason}); "
                f"short names are {', '.join(CROSS_ENCODERS)}"
            ) from error

    @cached_property
    def _model(self) -> "Loaded":
        from kedit_memory.models.loading import open_cross_encoder  # loads torch

        return open_cross_encoder(self._folder, self._device)
