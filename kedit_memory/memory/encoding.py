"""The encoder behind a store: loaded late, checked against what made the stored keys."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from kedit_memory.errors import EncoderMismatchError, ModelError, StoreError
from kedit_memory.memory.rows import Made, Rows
from kedit_memory.memory.shards import Spread, here
from kedit_memory.memory.store import Store
from kedit_memory.records import Encoder, Vectors
from kedit_memory.registry import load

Encode: TypeAlias = Callable[[Sequence[str]], Vectors]

_LOG = logging.getLogger(__name__)

_LOADERS = {"load_encoder": "kedit_memory.models.encoder:load_encoder"}
_BATCH = 2048  # texts handed over at once; the encoder sorts them by length


class Encoded(NamedTuple):
    """The vector of each text, and what made the stored ones when they were read."""

    vectors: Mapping[str, Vectors]
    made_by: Made


class Encoding:
    """Texts to vectors for one store; the same words always give the vector that is stored.

    An encoder's last bits depend on the batch, so a text that is already a key takes its stored
    vector: a radius of zero still finds its own prompt, and nothing is encoded twice.
    """

    def __init__(
        self, store: Store, encoder: str | Encoder | None, *, device: str | None = None, spread: Spread = here
    ) -> None:
        self._store = store
        self._given = encoder
        self._device = device
        self._spread = spread
        self._loaded: Encoder | None = None
        self._makes: Made = ()  # what vectors of the loaded one are stored as
        self._lock = threading.RLock()  # encoders are used by one thread at a time
        if encoder is not None:
            with store.reading() as rows:
                if rows.meta("encoder") is not None:
                    self._load(rows)

    @property
    def encoder(self) -> Encoder:
        """The encoder, loaded at the first use."""
        if self._loaded is not None:
            return self._loaded
        with self._store.reading() as rows:
            return self._load(rows)

    def encode(self, texts: Sequence[str], by: Encode | None = None) -> Encoded:
        """The vectors of texts, from the stored keys where the words are the same; nobody waits for it but encoders."""
        with self._store.reading() as rows:
            made_by = rows.encoder()
            known = rows.stored_vectors(texts)
            unknown = [text for text in dict.fromkeys(texts) if text not in known]
            encoder = self._load(rows) if unknown and by is None else None
        if by is not None and unknown:  # which waits for no encoder that is busy with many texts
            known.update(zip(unknown, by(unknown), strict=True))
        elif encoder is not None:
            with self._lock:
                known.update(zip(unknown, encode_all(encoder, unknown, self._spread), strict=True))
        return Encoded(known, made_by)

    def array(self, texts: Sequence[str], by: Encode | None = None) -> Vectors:
        """Vectors of shape (texts, dimension); what is no key is encoded `by` something else than the encoder."""
        if not texts:
            return np.empty((0, self.encoder.dimension), np.float32)
        vectors = self.encode(texts, by).vectors
        return np.stack([vectors[text] for text in texts])

    def record(self, made_by: Made) -> None:
        """Writes into the store, within a transaction, which encoder its first keys come from.

        Raises:
            StoreError: another process has encoded the store anew since the vectors were made.
        """
        if self._store.meta("encoder") is None:
            source = self._given if isinstance(self._given, str) else None
            write_encoder(self._store, self._load(self._store), source)
        elif made_by[0] is not None and made_by != self._store.encoder():
            raise StoreError(f"{self._store.name} was encoded anew meanwhile, nothing was changed; try again")
        self.check(self._store)

    def check(self, rows: Rows) -> None:
        """Raises `EncoderMismatchError` when another process has re-encoded the store meanwhile."""
        stored = rows.encoder()
        if self._loaded is None or stored[0] is None or stored == self._makes:
            return
        command = self._given if isinstance(self._given, str) else self._loaded.name
        raise EncoderMismatchError(
            f"{rows.name} holds keys of the encoder {stored[0]} (revision {stored[1]}), not of "
            f"{self._makes[0]} (revision {self._makes[1]}); open it without naming an encoder, or re-encode "
            f"it with: kedit rebuild --encoder {command}"
        )

    def encode_again(self, encoder: str | Encoder, at: str) -> None:
        """Gives all keys vectors of another encoder.

        Raises:
            StoreError: another process wrote while the keys were being encoded.
        """
        other, store = load_by_name(encoder, device=self._device) if isinstance(encoder, str) else encoder, self._store
        with store.reading() as rows:
            newest = rows.last_sequence()
            keys = rows.query("SELECT id, text FROM keys ORDER BY id")
        texts = list(dict.fromkeys(key["text"] for key in keys))
        vectors = dict(zip(texts, encode_all(other, texts, self._spread), strict=True))
        with store.transaction():
            if store.last_sequence() != newest:
                raise StoreError(f"{store.name} was written to meanwhile; rebuild it again")
            store.set_vectors((key["id"], vectors[key["text"]]) for key in keys)
            write_encoder(store, other, encoder if isinstance(encoder, str) else None)
            store.begin_operation("rebuild", None, at)
            self._given = self._loaded = other
            self._makes = store.encoder()

    def _load(self, rows: Rows) -> Encoder:
        with self._lock:
            if self._loaded is None:
                given = self._given if self._given is not None else rows.meta("encoder_source")
                fetch = self._given is not None  # what only the store names is opened from this machine
                if given is None or isinstance(given, str):
                    encoder = load_by_name(given, device=self._device, fetch=fetch)
                else:
                    encoder = given
                self._loaded, self._makes = encoder, (encoder.name, encoder.revision, str(encoder.dimension))
                try:
                    self.check(rows)
                except EncoderMismatchError:
                    self._loaded = None
                    raise
            return self._loaded


def load_by_name(name: str | None, *, device: str | None = None, fetch: bool = True) -> Encoder:
    """The encoder that a name stands for, None for the default one; `fetch` lets a Hub name be asked of the Hub."""
    encoder: Encoder = load("loader", "load_encoder", _LOADERS)(name, device=device, fetch=fetch)
    return encoder


def write_encoder(store: Store, encoder: Encoder, source: str | None) -> None:
    """Records in a store which encoder its keys come from, and the name that loads it again."""
    store.set_meta("encoder", encoder.name)
    store.set_meta("encoder_revision", encoder.revision)
    store.set_meta("dimension", str(encoder.dimension))
    store.set_meta("encoder_source", source)


def encode_all(encoder: Encoder, texts: Sequence[str], spread: Spread = here) -> Vectors:
    """Vectors of all texts, in large batches, the same ones wherever they are encoded.

    Raises:
        ModelError: the encoder gave another shape than it promises, or NaN.
    """
    result = np.empty((len(texts), encoder.dimension), np.float32)
    starts = range(0, len(texts), _BATCH)
    encoded = spread(encoder.encode, (texts[start : start + _BATCH] for start in starts))
    for start in starts:
        _LOG.info("encoding texts, %s of %s done", f"{start:,}", f"{len(texts):,}")
        vectors, place = np.asarray(next(encoded), np.float32), result[start : start + _BATCH]
        if vectors.shape != place.shape or not np.isfinite(vectors).all():
            raise ModelError(
                f"encoder {encoder.name} gave an array {vectors.shape} or NaN for {len(place)} "
                f"texts; it must give finite vectors of {encoder.dimension} coordinates"
            )
        place[:] = vectors
    return result
