"""BM25 over many passages, by indexes of bm25s that are built once, saved, and mapped into memory.

bm25s writes into each weight the statistics of the day: weight = idf · r with r = tf / (tf + K) and
K = k1 (1 - b + b · length / mean length). Passages that come or go later move idf and the mean length of the whole
collection, and both can be put right without building anew: dividing by the segment's own idf leaves r, whose odds
r / (1 - r) = tf / K become those under another mean length when they are multiplied by K / K'.
"""

import logging
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
from numpy.typing import NDArray

from kedit_memory.retrieval.bm25 import K1, TIE, B, inverse_frequency

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_ROWS, _LENGTHS = "rows.npy", "lengths.npy"


class Segment:
    """Some passages by row, ascending. `dead` are those of its rows that are no passages any more.

    Raises:
        OSError, EOFError, ValueError, LookupError: its files are missing or damaged.
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
        self._drift: Floats | None = None  # K' / K of each passage, where the mean length has moved
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

    def use_mean_length(self, mean_length: float) -> None:
        """Take the mean length of the whole collection, which weights are for from now on."""
        own = self.lengths.mean()
        self._drift = None
        if mean_length != own:
            self._drift = _spread(self.lengths, mean_length) / _spread(self.lengths, own)

    def frequency(self, word: str) -> int:
        """How many living passages hold a word."""
        places, _ = self._postings(word)
        return int(np.count_nonzero(self._alive[places])) if self.dead else len(places)

    def best(self, query: Sequence[str], idf: Mapping[str, float], k: int) -> tuple[Ints, Floats]:
        """Rows and scores of the k best passages that share a word with the query, and of their equals, in no order."""
        scores = np.zeros(len(self.rows))
        for word, times in Counter(query).items():
            places, share = self._postings(word)
            if self._drift is not None:
                share /= share + (1 - share) * self._drift[places]
            scores[places] += (K1 + 1) * idf[word] * times * share
        scores[~self._alive] = 0
        found = np.flatnonzero(scores)
        if len(found) > k:
            worst = np.partition(scores[found], len(found) - k)[len(found) - k]
            found = found[scores[found] > worst - 10 * TIE]
        return self.rows[found], scores[found]

    def _postings(self, word: str) -> tuple[NDArray[np.int32], Floats]:
        """The places that hold a word, ascending, with r = tf / (tf + K) of each."""
        number = self._words.get(word)
        if number is None:
            return np.empty(0, np.int32), np.empty(0)
        held: Any = self._index.scores
        part = slice(int(held["indptr"][number]), int(held["indptr"][number + 1]))
        places = np.asarray(held["indices"][part])
        return places, held["data"][part] / np.float64(inverse_frequency(len(self.rows), len(places)))


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
