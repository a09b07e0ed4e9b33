"""BM25 over many passages, by indexes of bm25s that are built once, saved, and mapped into memory.

bm25s writes into each weight the statistics of the day: weight = idf · r with r = tf / (tf + K) and
K = k1 (1 - b + b · length / mean length). Passages that come or go later move idf and the mean length of the whole
collection, and both can be put right without building anew: dividing by the segment's own idf leaves r, whose odds
r / (1 - r) = tf / K become those under another mean length when they are multiplied by K / K'.

Weights in float32 find the candidates. Their scores are then computed in float64 from tf = K r / (1 - r), in the order
in which rank-bm25 computes them, so that ranks and scores are those of `Bm25Retriever` to the last bit.
"""

import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
from numpy.typing import NDArray

from kedit_memory.records import Vectors
from kedit_memory.retrieval.bm25 import K1, B, inverse_frequency

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_ROUNDING = 1e-5  # how far a float32 score may be off, relative, with room to spare
_ROWS, _LENGTHS = "rows.npy", "lengths.npy"


class Segment:
    """Some passages by row, ascending. `dead` are those of its rows that are no passages any more.

    Raises:
        OSError, EOFError, ValueError, KeyError: its files are missing or damaged.
    """

    def __init__(self, folder: Path, dead: Sequence[int] = ()) -> None:
        self.folder = folder
        self.rows: Ints = np.load(folder / _ROWS, allow_pickle=False)
        self.lengths: Ints = np.load(folder / _LENGTHS, allow_pickle=False)
        self._index = bm25s.BM25.load(folder, mmap=True, show_progress=False)
        self._words: dict[str, int] = self._index.vocab_dict
        self._alive = np.ones(len(self.rows), np.bool_)
        self._alive[np.searchsorted(self.rows, np.array(dead, np.int64))] = False
        self.dead = len(dead)
        self._spread = _spread(self.lengths, self.lengths.mean())  # K of each passage when it was built
        self._drift: Vectors | None = None  # K' / K of each passage, where the mean length has moved
        if len(self._index.scores["indptr"]) != len(self._words) + 1 or len(self.lengths) != len(self.rows):
            raise ValueError(f"the files of {folder} do not belong together")

    @property
    def count(self) -> int:
        """Passages that are alive."""
        return len(self.rows) - self.dead

    @property
    def total_length(self) -> int:
        """Words of all passages that are alive."""
        return int(self.lengths[self._alive].sum() if self.dead else self.lengths.sum())

    def settle(self, mean_length: float) -> None:
        """Take the mean length of the whole collection, which weights are for from now on."""
        self._drift = None
        if mean_length != self.lengths.mean():
            self._drift = (_spread(self.lengths, mean_length) / self._spread).astype(np.float32)

    def frequency(self, word: str) -> int:
        """How many living passages hold a word."""
        places, _ = self._postings(word)
        return int(np.count_nonzero(self._alive[places])) if self.dead else len(places)

    def best(self, query: Sequence[str], idf: dict[str, float], mean_length: float, k: int) -> tuple[Ints, Floats]:
        """Rows and scores of at least the k best passages that share a word with the query, in no order."""
        places = self._candidates(query, idf, k)
        return self.rows[places], self._exact(query, idf, mean_length, places)

    def _candidates(self, query: Sequence[str], idf: dict[str, float], k: int) -> Ints:
        """Places that may be among the k best: none of these is missing."""
        scores = np.zeros(len(self.rows), np.float32)
        held = []
        for word in dict.fromkeys(query):
            places, share = self._postings(word)
            if not len(places):
                continue
            if self._drift is not None:
                share /= share + (1 - share) * self._drift[places]
            scores[places] += np.float32(idf[word] * query.count(word)) * share
            held.append(places)
        if self.dead:
            scores[~self._alive] = 0
        # The k-th best passage of any word is no better than the k-th best of all.
        enough = [places for places in held if len(places) >= k]
        bound = _kth(scores[min(enough, key=len)], k) if enough else np.float32(0)
        found = np.flatnonzero(scores > bound * np.float32(1 - _ROUNDING))
        if len(found) > k:
            found = found[scores[found] >= _kth(scores[found], k) * np.float32(1 - _ROUNDING)]
        return found

    def _exact(self, query: Sequence[str], idf: dict[str, float], mean_length: float, chosen: Ints) -> Floats:
        scores = np.zeros(len(chosen))
        spread = _spread(self.lengths[chosen], mean_length)
        for word in query:
            places, share = self._postings(word)
            if len(places):
                near = np.minimum(np.searchsorted(places, chosen), len(places) - 1)
                odds = share[near].astype(np.float64)
                counts = np.rint(odds / (1 - odds) * self._spread[chosen]) * (places[near] == chosen)
                scores += idf[word] * (counts * (K1 + 1) / (counts + spread))
        return scores

    def _postings(self, word: str) -> tuple[NDArray[np.int32], Vectors]:
        """The places that hold a word, ascending, with r = tf / (tf + K) of each."""
        number = self._words.get(word)
        if number is None:
            return np.empty(0, np.int32), np.empty(0, np.float32)
        held: Any = self._index.scores
        part = slice(int(held["indptr"][number]), int(held["indptr"][number + 1]))
        places = np.asarray(held["indices"][part])
        return places, held["data"][part] / np.float32(inverse_frequency(len(self.rows), len(places)))


def build_segment(folder: Path, texts: Iterable[tuple[int, Sequence[str]]]) -> None:
    """Index rows, ascending, with the words of each into a new folder, flushed to the disk."""
    words: dict[str, int] = {}
    rows: list[int] = []
    numbers: list[list[int]] = []
    for row, text in texts:
        rows.append(row)
        numbers.append([words.setdefault(word, len(words)) for word in text])
    words.setdefault("", len(words))  # bm25s needs a word, and a corpus may have none
    logging.getLogger(bm25s.__name__).setLevel(logging.NOTSET)  # else it tells everybody about everything
    index = bm25s.BM25(k1=K1, b=B, method="lucene", backend="numpy")
    with np.errstate(invalid="ignore"):  # the mean length of nothing but empty texts
        index.index((numbers, words), create_empty_token=False, show_progress=False)
    index.save(folder, show_progress=False)
    np.save(folder / _ROWS, np.array(rows, np.int64), allow_pickle=False)
    np.save(folder / _LENGTHS, np.array(list(map(len, numbers)), np.int64), allow_pickle=False)
    for file in folder.iterdir():
        with file.open("rb") as written:
            os.fsync(written.fileno())


def _spread(lengths: Ints, mean: float) -> Floats:
    """K of passages of these lengths."""
    if not mean:  # nothing but empty texts
        return np.full(len(lengths), K1 * (1 - B))
    return np.asarray(K1 * (1 - B + B * lengths / mean), np.float64)


def _kth(scores: Vectors, k: int) -> np.float32:
    """The k-th largest of at least k scores."""
    value: np.float32 = np.partition(scores, len(scores) - k)[len(scores) - k]
    return value
