"""The encoder behind a store: loaded late, checked against what made the stored keys."""

from collections.abc import Sequence

import numpy as np

from kedit_memory.errors import EncoderMismatchError, ModelError
from kedit_memory.memory.store import Store
from kedit_memory.records import Encoder, Vectors
from kedit_memory.registry import load

_LOADERS = {"load_encoder": "kedit_memory.models.encoder:load_encoder"}
_BATCH = 8192  # texts handed over at once; the encoder sorts them by length


class Encoding:
    """Texts to vectors for one store; the same words always give the vector that is stored.

    An encoder's last bits depend on the batch, so a text that is already a key takes its stored
    vector: a radius of zero still finds its own prompt, and nothing is encoded twice.
    """

    def __init__(self, store: Store, encoder: str | Encoder | None) -> None:
        self._store = store
        self._given = encoder
        self._loaded: Encoder | None = None
        if encoder is not None and store.meta("encoder") is not None:
            self._check(self.encoder)

    @property
    def encoder(self) -> Encoder:
        """The encoder, loaded at the first use."""
        if self._loaded is None:
            given = self._given if self._given is not None else self._store.meta("encoder_source")
            fetch = self._given is not None  # what only the store names is opened from this machine
            encoder = load_by_name(given, fetch=fetch) if given is None or isinstance(given, str) else given
            self._check(encoder)
            self._loaded = encoder
        return self._loaded

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of shape (texts, dimension), from the stored keys where the words are the same."""
        if not texts:
            return np.empty((0, self.encoder.dimension), np.float32)
        known = self._store.stored_vectors(texts)
        unknown = [text for text in dict.fromkeys(texts) if text not in known]
        if unknown:
            known.update(zip(unknown, encode_all(self.encoder, unknown), strict=True))
        return np.stack([known[text] for text in texts])

    def record(self) -> None:
        """Writes into the store, within a transaction, which encoder its first keys come from."""
        if self._store.meta("encoder") is None:
            source = self._given if isinstance(self._given, str) else None
            write_encoder(self._store, self.encoder, source)
        else:
            self.check()

    def check(self) -> None:
        """Raises `EncoderMismatchError` when another process has re-encoded the store meanwhile."""
        if self._loaded is not None:
            self._check(self._loaded)

    def loaded(self, encoder: str | Encoder) -> Encoder:
        """Another encoder, whatever the store's keys come from."""
        return load_by_name(encoder) if isinstance(encoder, str) else encoder

    def replace(self, encoder: Encoder) -> None:
        """Takes another encoder, by which the caller has encoded all keys again."""
        self._given = self._loaded = encoder

    def _check(self, encoder: Encoder) -> None:
        store = self._store
        stored = store.meta("encoder"), store.meta("encoder_revision"), store.meta("dimension")
        given = encoder.name, encoder.revision, str(encoder.dimension)
        if stored[0] is None or stored == given:
            return
        command = self._given if isinstance(self._given, str) else encoder.name
        raise EncoderMismatchError(
            f"{store.path} holds keys of the encoder {stored[0]} (revision {stored[1]}), not of "
            f"{given[0]} (revision {given[1]}); open it without naming an encoder, or re-encode "
            f"it with: kedit rebuild --encoder {command}"
        )


def load_by_name(name: str | None, *, fetch: bool = True) -> Encoder:
    """The encoder that a name stands for, None for the default one; `fetch` lets a Hub name be asked of the Hub."""
    encoder: Encoder = load("loader", "load_encoder", _LOADERS)(name, fetch=fetch)
    return encoder


def write_encoder(store: Store, encoder: Encoder, source: str | None) -> None:
    """Records in a store which encoder its keys come from, and the name that loads it again."""
    store.set_meta("encoder", encoder.name)
    store.set_meta("encoder_revision", encoder.revision)
    store.set_meta("dimension", str(encoder.dimension))
    store.set_meta("encoder_source", source)


def encode_all(encoder: Encoder, texts: Sequence[str]) -> Vectors:
    """Vectors of all texts, in large batches.

    Raises:
        ModelError: the encoder gave another shape than it promises, or NaN.
    """
    result = np.empty((len(texts), encoder.dimension), np.float32)
    for start in range(0, len(texts), _BATCH):
        batch = texts[start : start + _BATCH]
        vectors = np.asarray(encoder.encode(batch), np.float32)
        if vectors.shape != (len(batch), encoder.dimension) or not np.isfinite(vectors).all():
            raise ModelError(
                f"encoder {encoder.name} gave an array {vectors.shape} or NaN for {len(batch)} "
                f"texts; it must give finite vectors of {encoder.dimension} coordinates"
            )
        result[start : start + len(batch)] = vectors
    return result
