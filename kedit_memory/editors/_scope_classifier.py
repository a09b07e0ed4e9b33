"""SERAC's scope classifier: how likely it is that an edit covers a question (Mitchell et al., ICML 2022, section 4).

Two forms. The embedding form compares the encodings of question and edit, so that an edit is encoded once, when it
is added; the cross form reads the two together, and so anew for each pair. Both are trained by
`kedit train serac`. Of an edit the prompt is encoded; its target, which a question does not hold, only blurs the
comparison, and two answers to one prompt then have the same place. The cross form reads the target as well.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from kedit_memory.editors.base import Fact
from kedit_memory.errors import InvalidInputError, ModelError
from kedit_memory.models.encoder import load_encoder
from kedit_memory.models.sources import refuse_misspelt
from kedit_memory.records import Encoder, Vectors
from kedit_memory.shipped import serac_scope

Similarity = Literal["distance", "dot"]
Probabilities = NDArray[np.float32]

SHIPPED = ("embedding",)  # the names of the classifiers that ship
CONFIG = "config.json"
WEIGHTS = "embedding.safetensors"


class ScopeClassifier(Protocol):
    """What gives g(edit, question)."""

    @property
    def fingerprint(self) -> str:
        """A short text that differs whenever a probability may."""
        ...

    @property
    def width(self) -> int:
        """The coordinates that are kept of an edit; 0 where nothing of it can be computed before the question."""
        ...

    def encode_edits(self, edits: Sequence[Fact]) -> Vectors:
        """What is kept of each edit, of shape (edits, width)."""
        ...

    def probabilities(self, questions: Sequence[str], edits: Sequence[Fact], vectors: Vectors) -> Probabilities:
        """How likely each edit covers each question, of shape (questions, edits), from 0 to 1."""
        ...


@dataclass(frozen=True, kw_only=True)
class EmbeddingScope:
    """The embedding form: z = W encode(text), of an edit's prompt as of a question.

    Attributes:
        encoder: Gives unit vectors; it is not trained.
        projection: W, of shape (width, dimension).
        similarity: "distance" for g = exp(-s |z_q - z_e|^2), the paper's; "dot" for g = sigmoid(s z_q . z_e + b).
        scale: s, above 0.
        bias: b; 0 for "distance", which takes none.
    """

    encoder: Encoder
    projection: NDArray[np.float32]
    similarity: Similarity
    scale: float
    bias: float = 0.0

    def __post_init__(self) -> None:
        if self.similarity not in get_args(Similarity):
            raise InvalidInputError(f"similarity is {self.similarity!r}: it must be one of distance, dot")
        if self.projection.ndim != 2 or self.projection.shape[1] != self.encoder.dimension or not self.scale > 0:
            raise InvalidInputError(
                f"a projection of shape {self.projection.shape} with scale {self.scale:g} does not go with "
                f"{self.encoder.name}: it must have {self.encoder.dimension} columns, and the scale be above 0"
            )

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits over encoder and weights."""
        text = f"{self.encoder.name} {self.encoder.revision} {self.similarity} {self.scale!r} {self.bias!r}"
        return hashlib.sha256(text.encode() + self.projection.tobytes()).hexdigest()[:16]

    @property
    def width(self) -> int:
        """The coordinates of an encoding."""
        return int(self.projection.shape[0])

    def encode_edits(self, edits: Sequence[Fact]) -> Vectors:
        """The encodings of the edits' prompts, of shape (edits, width)."""
        return self._encoded([edit.prompt for edit in edits])

    def probabilities(self, questions: Sequence[str], edits: Sequence[Fact], vectors: Vectors) -> Probabilities:
        """Probabilities of shape (questions, edits), from the edits' encodings alone."""
        del edits
        asked = self._encoded(questions)  # (questions, width)
        products = asked @ vectors.T
        if self.similarity == "dot":
            return _sigmoid(self.scale * products + self.bias)
        squares = (asked**2).sum(1)[:, None] + (vectors**2).sum(1) - 2 * products
        # Rounding may take the square of no distance below 0.
        return np.asarray(np.exp(-self.scale * squares.clip(0)), np.float32)

    def save(self, folder: Path, about: dict[str, Any] | None = None) -> None:
        """Write it into a folder, with what else there is to say about it."""
        folder.mkdir(parents=True, exist_ok=True)
        save_file({"projection": np.ascontiguousarray(self.projection)}, folder / WEIGHTS)
        config = {
            "form": "embedding",
            "encoder": self.encoder.name,
            "revision": self.encoder.revision,
            "similarity": self.similarity,
            "scale": self.scale,
            "bias": self.bias,
            **(about or {}),
        }
        (folder / CONFIG).write_text(json.dumps(config, indent=1) + "\n", "utf-8")

    def _encoded(self, texts: Sequence[str]) -> Vectors:
        return np.asarray(self.encoder.encode(texts) @ self.projection.T, np.float32)


class CrossScope:
    """The cross form: an encoder reads question and edit together.

    What it reads together (see `_pair_network.py`) is corrected by the plain cosine of the two texts.
    """

    width = 0

    def __init__(self, folder: Path) -> None:
        from kedit_memory.editors._pair_network import PairModel

        self._model = PairModel.load(folder)
        self.fingerprint = self._model.fingerprint

    def encode_edits(self, edits: Sequence[Fact]) -> Vectors:
        """Nothing: of shape (edits, 0)."""
        return np.empty((len(edits), 0), np.float32)

    def probabilities(self, questions: Sequence[str], edits: Sequence[Fact], vectors: Vectors) -> Probabilities:
        """Probabilities of shape (questions, edits); costs a pass of the encoder for each pair."""
        from kedit_memory.editors._pair_network import as_pair

        del vectors
        pairs = [as_pair(question, edit.prompt, edit.target) for question in questions for edit in edits]
        return self._model.scores(pairs).reshape(len(questions), len(edits))


@lru_cache(maxsize=4)
def load_scope(name: str) -> ScopeClassifier:
    """The classifier of a name: "embedding", which ships, or a folder; kept once read.

    Raises:
        ModelError: the folder holds no classifier, a damaged one, or one of another encoder.
        MissingDependencyError: its encoder's package is not installed.
        UnknownNameError: the name is all but that of one that ships.
    """
    if name in SHIPPED:
        folder = serac_scope() / name
    else:
        refuse_misspelt("scope classifier", name, SHIPPED)
        folder = Path(name)
    try:
        config = json.loads((folder / CONFIG).read_text("utf-8"))
        form = config["form"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"no scope classifier of serac in {folder}: name {', '.join(SHIPPED)}, "
            "or a folder that `kedit train serac` wrote"
        ) from error
    return CrossScope(folder) if form == "cross" else _embedding(folder, config)


def _embedding(folder: Path, config: dict[str, Any]) -> EmbeddingScope:
    named = config.get("encoder")
    encoder = load_encoder("minilm" if named == "all-MiniLM-L6-v2" else named, fetch=False)
    if encoder.revision != config.get("revision"):
        raise ModelError(
            f"the scope classifier in {folder} was trained on {config.get('encoder')} {config.get('revision')}, "
            f"here is {encoder.revision}: train it again with `kedit train serac`"
        )
    try:
        return EmbeddingScope(
            encoder=encoder,
            projection=np.asarray(load_file(folder / WEIGHTS)["projection"], np.float32),
            similarity=config["similarity"],
            scale=float(config["scale"]),
            bias=float(config["bias"]),
        )
    except (OSError, KeyError, ValueError, TypeError, SafetensorError) as error:
        raise ModelError(f"the scope classifier in {folder} is damaged ({error}): train it again") from error


def _sigmoid(logits: NDArray[np.float32]) -> Probabilities:
    # By the half angle, which overflows at neither end.
    return np.asarray(0.5 * (1 + np.tanh(0.5 * logits)), np.float32)
