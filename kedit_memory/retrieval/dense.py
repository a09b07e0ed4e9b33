"""Retrieval by meaning: passages as vectors of an encoder, in an index that is handed in.

Vectors are rows of `passages.db`, written batch by batch, so that encoding goes on where it was interrupted; the index
is a cache of them in files beside it.
"""

import logging
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from kedit_memory.errors import EncoderMismatchError, ModelError, NotFoundError, StoreError
from kedit_memory.records import DEFAULT_NAMESPACE, Encoder, Passage, RetrievedPassage, Vectors
from kedit_memory.retrieval.base import Progress, digest_of, silent, titled
from kedit_memory.retrieval.corpus import Corpus
from kedit_memory.retrieval.indexfiles import (
    UNREADABLE,
    discard_parts,
    index_folder,
    read_manifest,
    seal,
    write_manifest,
)

Ints = NDArray[np.int64]
Encode = Callable[[Iterator[list[str]]], Iterable[Vectors]]  # batches of texts to their vectors, in order

_LOG = logging.getLogger(__name__)
ENGINE = "faiss"  # of the memory's index engines, the one for passages
_BATCH = 512  # texts encoded between two commits
_READ = 10_000  # vectors put into the index at once


class VectorEngine(Protocol):
    """The part of a memory's vector index that passages need."""

    def __init__(self, dimension: int) -> None: ...

    def __len__(self) -> int: ...

    def insert(self, ids: Ints, vectors: Vectors, radii: NDArray[np.float64]) -> None:
        """Adds vectors by id; a radius means nothing here."""

    def nearest(self, query: Vectors, count: int) -> tuple[Ints, NDArray[np.float64], NDArray[np.float64]]:
        """Ids, Euclidean distances and radii of the nearest, nearest first."""

    def save(self, folder: Path) -> None:
        """Writes files into an empty folder."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What `save` wrote."""


@dataclass(frozen=True, kw_only=True)
class _Manifest:
    """What an index was made from; another one is of no use."""

    encoder: str
    base: str
    version: int
    count: int
    folder: str = ""


class DenseRetriever:
    """Ranks the passages of one store that were encoded, by the cosine to the question.

    Args:
        folder: of the store.
        encoder: that encodes questions, and by `build` passages.
        engine: the class of the index.
        base: passages beside those of the store.
        namespace: whose passages are searched.
        progress: is told how far encoding has come.
    """

    def __init__(
        self,
        folder: Path,
        encoder: Encoder,
        engine: type[VectorEngine],
        base: Sequence[Passage] = (),
        *,
        namespace: str = DEFAULT_NAMESPACE,
        progress: Progress = silent,
    ) -> None:
        self._corpus = Corpus(folder, namespace)
        self._folder = index_folder(folder, "dense", self._corpus.namespace)
        self._encoder = encoder
        self._engine = engine
        self._base = tuple(base)
        self._base_digest = digest_of(self._base)
        self._progress = progress
        self._loaded: tuple[_Manifest, VectorEngine] | None = None

    def search(self, question: str, k: int = 3) -> list[RetrievedPassage]:
        """The k passages nearest in meaning, best first; the score is the cosine.

        Raises:
            NotFoundError: no passage is encoded yet.
            EncoderMismatchError: they were encoded by another encoder.
        """
        index = self._index()
        if k < 1:
            return []
        rows, distances, _ = index.nearest(self._encoder.encode([question])[0], k)
        return [
            RetrievedPassage(passage=self._passage(int(row)), score=1 - float(distance) ** 2 / 2)
            for row, distance in zip(rows, distances, strict=True)
        ]

    def build(self, encode: Encode | None = None) -> int:
        """Encode every passage that is not; returns how many were. What another encoder made is replaced.

        Args:
            encode: where batches are encoded, if not by the encoder one after the other.

        Raises:
            ModelError: the encoder fails, or gives vectors of another shape than it promises.
            StoreError: the vectors cannot be written.
        """
        self._begin()
        self._loaded = None
        missing = np.setdiff1d(self._alive(), self._encoded(), assume_unique=True).tolist()
        parts = [missing[start : start + _BATCH] for start in range(0, len(missing), _BATCH)]
        texts = ([titled(self._passage(row)) for row in part] for part in parts)
        done = 0
        for part, vectors in zip(parts, (encode or self._encode)(texts), strict=True):
            if vectors.shape != (len(part), self._encoder.dimension) or not np.isfinite(vectors).all():
                raise ModelError(
                    f"encoder {self._encoder.name} gave an array {vectors.shape} or NaN for {len(part)} texts; it must "
                    f"give finite vectors of {self._encoder.dimension} coordinates"
                )
            rows = ((row, vector.astype("<f4").tobytes()) for row, vector in zip(part, vectors, strict=True))
            with self._corpus.database.transaction():
                self._corpus.database.run_many("INSERT OR REPLACE INTO vectors VALUES (?1, ?2, checksum_of(?2))", rows)
            done += len(part)
            self._progress("passages encoded", done)
        self._index()
        return done

    def close(self) -> None:
        """Ends the connection to the store."""
        self._corpus.close()

    def _encode(self, batches: Iterator[list[str]]) -> Iterator[Vectors]:
        return (self._encoder.encode(texts) for texts in batches)

    @property
    def _name(self) -> str:
        return f"{self._encoder.name}@{self._encoder.revision}"

    def _note(self, name: str) -> str | None:
        found = self._corpus.database.query("SELECT value FROM meta WHERE name = ?", name)
        return next((str(row[0]) for row in found), None)

    def _begin(self) -> None:
        """Drop vectors that are of another encoder or of passages that are gone."""
        with self._corpus.database.transaction():
            if self._note("encoder") != self._name:
                self._corpus.database.run_many("DELETE FROM vectors", [()])
            if self._note("base") != self._base_digest:
                self._corpus.database.run_many("DELETE FROM vectors WHERE row < 1", [()])
            gone = "DELETE FROM vectors WHERE row > 0 AND row NOT IN (SELECT row FROM passages)"
            self._corpus.database.run_many(gone, [()])
            notes = [("encoder", self._name), ("base", self._base_digest)]
            self._corpus.database.run_many("INSERT OR REPLACE INTO meta VALUES (?, ?)", notes)

    def _alive(self) -> Ints:
        return np.fromiter((*range(-len(self._base), 0), *self._corpus.rows()), np.int64)

    def _encoded(self) -> Ints:
        found = self._corpus.database.query("SELECT row FROM vectors ORDER BY row")
        return np.fromiter((row[0] for row in found), np.int64)

    def _passage(self, row: int) -> Passage:
        return self._corpus.get([row])[0] if row > 0 else self._base[row + len(self._base)]

    def _index(self) -> VectorEngine:
        """The index of all vectors whose passages are there, loaded or made anew."""
        version = self._corpus.version
        if self._loaded is None or self._loaded[0].version != version:
            usable = np.intersect1d(self._alive(), self._usable(), assume_unique=True)
            wanted = _Manifest(encoder=self._name, base=self._base_digest, version=version, count=len(usable))
            self._loaded = wanted, self._load(wanted) or self._make(wanted, usable)
        return self._loaded[1]

    def _usable(self) -> Ints:
        encoded = self._encoded()
        if not len(encoded):
            raise NotFoundError(
                f"no passage of {self._folder.parent.parent} is encoded; run: kedit ingest PATH --dense"
            )
        if (made_by := self._note("encoder")) != self._name:
            raise EncoderMismatchError(
                f"the passages are encoded by {made_by}, not by {self._name}; encode them again by: "
                "kedit ingest PATH --dense"
            )
        return encoded if self._note("base") == self._base_digest else encoded[encoded > 0]

    def _load(self, wanted: _Manifest) -> VectorEngine | None:
        try:
            found = _Manifest(**read_manifest(self._folder))
            if (found.encoder, found.base, found.version, found.count) != (
                *(wanted.encoder, wanted.base, wanted.version, wanted.count),
            ):
                return None
            index = self._engine.load(self._folder / Path(found.folder).name)
        except FileNotFoundError:
            return None
        except UNREADABLE as error:
            _LOG.warning("the index in %s cannot be read (%s); it is made anew", self._folder, error)
            return None
        return index if len(index) == wanted.count else None

    def _make(self, wanted: _Manifest, usable: Ints) -> VectorEngine:
        index, kept = self._engine(self._encoder.dimension), set(usable.tolist())
        rows: list[int] = []
        blobs: list[bytes] = []
        for row, blob in self._corpus.database.query("SELECT row, vector FROM vectors ORDER BY row"):
            if row in kept:
                rows.append(row)
                blobs.append(blob)
            if len(rows) == _READ:
                self._insert(index, rows, blobs)
                rows, blobs = [], []
        self._insert(index, rows, blobs)
        try:
            self._save(index, wanted)
        except OSError as error:
            raise StoreError(
                f"cannot write {self._folder}: {error.strerror}; free some space, or make it writable"
            ) from error
        return index

    def _insert(self, index: VectorEngine, rows: Sequence[int], blobs: Sequence[bytes]) -> None:
        if any(len(blob) != 4 * self._encoder.dimension for blob in blobs):
            raise StoreError(f"{self._corpus.database.file} holds a vector of another length; run kedit verify")
        if rows:
            vectors = np.frombuffer(b"".join(blobs), "<f4").reshape(len(rows), -1)  # (rows, dimension)
            index.insert(np.array(rows, np.int64), vectors, np.zeros(len(rows)))

    def _save(self, index: VectorEngine, wanted: _Manifest) -> None:
        name = f"index-{uuid.uuid4().hex[:12]}"
        (self._folder / name).mkdir(parents=True)
        index.save(self._folder / name)
        seal(self._folder / name)
        write_manifest(self._folder, asdict(wanted) | {"folder": name})
        discard_parts(self._folder, keep=[name])


def has_vectors(folder: Path, namespace: str = DEFAULT_NAMESPACE) -> bool:
    """Whether passages of this namespace of a store, or any beside it, were ever encoded."""
    sql = "SELECT 1 FROM vectors LEFT JOIN passages USING (row) WHERE row < 1 OR namespace = ? LIMIT 1"
    with Corpus(folder, namespace) as corpus:
        return any(True for _ in corpus.database.query(sql, corpus.namespace))
