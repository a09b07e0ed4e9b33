"""The segments of a store's passages: which there are, what is missing in them, and a search over all."""

import logging
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from kedit_memory.errors import StoreError
from kedit_memory.records import Passage
from kedit_memory.retrieval.base import Progress, digest_of, silent
from kedit_memory.retrieval.bm25 import best_first, inverse_frequency
from kedit_memory.retrieval.corpus import Corpus
from kedit_memory.retrieval.indexfiles import UNREADABLE, discard_parts, read_manifest, seal, write_manifest
from kedit_memory.retrieval.segments import Ints, Segment, build_segment
from kedit_memory.words import RULES, words_of

_LOG = logging.getLogger(__name__)
_FORMAT = 3
_TOO_DEAD = 0.2  # share of a segment's passages that are gone, from which it is built anew
SEGMENT = 200_000  # passages at most: building one takes some hundred megabytes


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What the segments say about themselves: the passages beside the store's in them, the corpus version they know."""

    base: str
    version: int
    segments: dict[str, list[int]]  # folder → rows in it that are no passages any more
    words: str = RULES  # weights of other words are useless
    format: int = _FORMAT


class Collection:
    """A search over segments, with the statistics of all of them together."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._segments = segments
        self._count = sum(segment.count for segment in segments)
        total = sum(segment.total_length for segment in segments)
        for segment in segments:
            segment.use_mean_length(total / max(1, self._count))

    def search(self, query: Sequence[str], k: int) -> list[tuple[int, float]]:
        """Rows and scores of the k best passages that share a word with the query, best first, ties by row."""
        counts = {word: sum(segment.frequency(word) for segment in self._segments) for word in query}
        known = [word for word in query if counts[word]]
        if not known or k < 1:
            return []
        idf = {word: inverse_frequency(self._count, counts[word]) for word in known}
        parts = [segment.best(known, idf, k) for segment in self._segments]
        rows, scores = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return [(int(rows[i]), float(scores[i])) for i in best_first(scores, rows, k)]


def open_collection(
    folder: Path, corpus: Corpus, base: Sequence[Passage], *, progress: Progress = silent
) -> Collection:
    """The segments in `folder`, brought up to date with the corpus and the passages beside it.

    Passage i of `base` has the row i - len(base), which is below every row of the corpus.

    Raises:
        StoreError: the segments cannot be written.
    """
    digest = digest_of(base)
    loaded = _load(folder, digest)
    if loaded is None or loaded[0].version != corpus.version:
        try:
            with corpus.database.transaction():  # one process builds, the others wait
                _update(folder, corpus, base, progress)
        except OSError as error:
            raise StoreError(
                f"cannot write {folder}: {error.strerror}; free some space, or make it writable"
            ) from error
        loaded = _load(folder, digest)
        if loaded is None:
            raise StoreError(f"{folder} cannot be read after it was written; check the disk")
    return Collection(loaded[1])


def _load(folder: Path, base: str) -> tuple[Manifest, list[Segment]] | None:
    """Manifest and segments; None where there are none for these passages beside it, or they are damaged."""
    try:
        manifest = Manifest(**read_manifest(folder))
        if (manifest.format, manifest.words, manifest.base) != (_FORMAT, RULES, base):
            return None
        return manifest, [Segment(folder / Path(name).name, dead) for name, dead in manifest.segments.items()]
    except FileNotFoundError:
        return None
    except UNREADABLE as error:
        _LOG.warning("the index of passages in %s cannot be read (%s); it is built anew", folder, error)
        return None


def _update(folder: Path, corpus: Corpus, base: Sequence[Passage], progress: Progress) -> None:
    """Index what is missing, part by part: what is interrupted goes on where it stopped."""
    digest = digest_of(base)
    loaded = _load(folder, digest)
    segments = loaded[1] if loaded else []
    alive = np.fromiter((*range(-len(base), 0), *corpus.rows()), np.int64)
    kept, missing = _plan(segments, alive)
    names = {segment.folder.name: np.setdiff1d(segment.rows, alive, assume_unique=True).tolist() for segment in kept}
    done = len(alive) - len(missing)
    for start in range(0, len(missing), SEGMENT):
        part = missing[start : start + SEGMENT]
        name = f"segment-{uuid.uuid4().hex[:12]}"
        build_segment(folder / name, _texts(part, corpus, base, progress, done + start))
        seal(folder / name)
        names[name] = []
        write_manifest(folder, asdict(Manifest(base=digest, version=-1, segments=names)))
    write_manifest(folder, asdict(Manifest(base=digest, version=corpus.version, segments=names)))
    discard_parts(folder, keep=names)


def _plan(segments: Sequence[Segment], alive: Ints) -> tuple[list[Segment], Ints]:
    """The segments that stay, and the rows to index: small segments are taken into the new ones, so that few remain."""
    kept = [s for s in segments if _gone(s, alive) <= _TOO_DEAD * len(s.rows)]
    while True:
        indexed = np.concatenate([np.empty(0, np.int64), *(segment.rows for segment in kept)])
        missing = np.setdiff1d(alive, indexed, assume_unique=True)
        smallest = min(kept, key=lambda segment: len(segment.rows), default=None)
        if smallest is None or not len(missing) or len(smallest.rows) > min(2 * len(missing), SEGMENT - len(missing)):
            return kept, missing
        kept.remove(smallest)


def _gone(segment: Segment, alive: Ints) -> int:
    return len(segment.rows) - int(np.isin(segment.rows, alive, assume_unique=True).sum())


def _texts(
    rows: Ints, corpus: Corpus, base: Sequence[Passage], progress: Progress, done: int
) -> Iterator[tuple[int, list[str]]]:
    for number, row in enumerate(rows.tolist(), done + 1):
        (passage,) = corpus.get([row]) if row > 0 else (base[row + len(base)],)
        yield row, words_of(passage)
        if number % 1000 == 0:
            progress("passages indexed", number)
