"""BM25 over passages (Robertson and Zaragoza, 2009), by rank-bm25's Okapi variant with weights that stay positive.

It is fast for some thousand passages; `segments` ranks millions in the same order.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from rank_bm25 import BM25Okapi

from kedit_memory.records import Passage, RetrievedPassage
from kedit_memory.words import words_asked, words_of

K1, B = 1.5, 0.75
TIE = 1e-4  # of scores; a word more or less in a passage makes ten times as much


class _Okapi(BM25Okapi):  # type: ignore[misc]
    def _calc_idf(self, nd: Mapping[str, int]) -> None:
        self.idf = {word: inverse_frequency(self.corpus_size, count) for word, count in nd.items()}


def inverse_frequency(passages: int, holders: int) -> float:
    """Lucene's weight of a word that so many of the passages hold.

    The usual one is zero or less for a word of half of the passages: a store of one or two would never find any.
    """
    return math.log(1 + (passages - holders + 0.5) / (holders + 0.5))


def best_first(scores: NDArray[np.float64], rows: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """The places of the k best scores, best first; those as good as equal, as sums in another order are, by row."""
    order = np.argsort(-scores)
    groups = np.cumsum(np.diff(scores[order], prepend=scores[order[:1]]) < -TIE)
    return order[np.lexsort((rows[order], groups))][:k]


class Bm25Retriever:
    """Ranks passages for a question. Building reads every passage once; a search scores those that share a word."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self.passages = tuple(passages)
        texts = [words_of(passage) for passage in self.passages]
        self._index = _Okapi(texts, k1=K1, b=B) if any(texts) else None
        self._holders: dict[str, list[int]] = {}  # word → the passages that hold it, ascending
        for place, text in enumerate(texts):
            for word in dict.fromkeys(text):
                self._holders.setdefault(word, []).append(place)

    def search(self, question: str, k: int = 3) -> list[RetrievedPassage]:
        """The k best passages that share a word with the question, best first, ties in corpus order."""
        query = words_asked(question)
        places = sorted({place for word in query for place in self._holders.get(word, ())})
        if self._index is None or not places or k < 1:
            return []
        scores = np.array(self._index.get_batch_scores(query, places))  # (places,)
        best = best_first(scores, np.array(places), k)
        return [RetrievedPassage(passage=self.passages[places[i]], score=float(scores[i])) for i in best]
