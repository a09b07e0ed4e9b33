"""BM25 over passages (Robertson and Zaragoza, 2009), by rank-bm25's Okapi variant."""

import re
from collections.abc import Sequence

import numpy as np
from rank_bm25 import BM25Okapi

from kedit_memory.records import Passage, RetrievedPassage

_WORD = re.compile(r"\w+")
# Words that say how something is asked, not what about.
_STOP = frozenset(
    "a an and are as at be by did do does for from had has have how in into is it its name of on or that the their "
    "there this to was were what when where which who whom whose why with tell me".split()
)


class Bm25Retriever:
    """Ranks passages for a question. Building reads every passage once; a search touches those that share a word."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self.passages = tuple(passages)
        texts = [words(f"{p.title} {p.text}") for p in self.passages]
        self._index = BM25Okapi(texts) if any(texts) else None

    def search(self, question: str, k: int = 3) -> list[RetrievedPassage]:
        """The k best passages with a positive score, best first, ties in corpus order."""
        query = words(question)
        if self._index is None or not query or k < 1:
            return []
        scores = self._index.get_scores(query)  # (passages,)
        best = np.argsort(-scores, kind="stable")[:k]
        return [RetrievedPassage(passage=self.passages[i], score=float(scores[i])) for i in best if scores[i] > 0]


def words(text: str) -> list[str]:
    """Lower-case words without the ones that carry no content."""
    return [word for word in _WORD.findall(text.casefold()) if word not in _STOP]
