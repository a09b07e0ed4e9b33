"""A second look at the best passages: question and passage read together (Nogueira and Cho, 2019, arXiv:1901.04085).

A search compares what was computed of each passage alone; a cross-encoder reads both texts at once, which is far slower
and so is done for the few best only.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from kedit_memory.errors import InvalidInputError, ModelError
from kedit_memory.records import RetrievedPassage
from kedit_memory.retrieval.base import Retriever, titled

DEPTH = 30  # passages read for one question: on a processor some tenths of a second with a small cross-encoder


@runtime_checkable
class PairScorer(Protocol):
    """What reads a question together with texts."""

    @property
    def name(self) -> str:
        """What it is called, wherever its files lie: scores of one cannot be compared with those of another."""
        ...

    def scores(self, question: str, texts: Sequence[str]) -> NDArray[Any]:
        """How well each text answers the question, shape (texts,); higher is better."""
        ...


class RerankedRetriever:
    """Ranks what another search found first by a scorer of pairs; each passage's score is the scorer's.

    Args:
        retriever: that finds the passages.
        scorer: that orders them.
        depth: how many are read for a question, at least as many as are asked for.

    Raises:
        InvalidInputError: the depth is below one.
    """

    def __init__(self, retriever: Retriever, scorer: PairScorer, *, depth: int = DEPTH) -> None:
        if depth < 1:
            raise InvalidInputError(f"depth is {depth}; give the number of passages to read, 1 or more")
        self._retriever = retriever
        self._scorer = scorer
        self._depth = depth

    @property
    def kind(self) -> str:
        """What the search goes by, for which its scores can be compared."""
        return f"{type(self).__name__}({self._scorer.name})"

    def search(self, question: str, k: int = 3) -> list[RetrievedPassage]:
        """The k best passages, best first; equals in the order of the search.

        Raises:
            ModelError: the scorer gives something else than one finite number for each passage.
        """
        found = self._retriever.search(question, max(k, self._depth)) if k > 0 else []
        if not found:
            return []
        scores = np.asarray(self._scorer.scores(question, [titled(one.passage) for one in found]))  # (found,)
        if scores.shape != (len(found),) or not np.isfinite(scores).all():
            raise ModelError(
                f"{self._scorer.name} gave scores of shape {scores.shape} or NaN for {len(found)} passages; "
                "name a cross-encoder with one output, trained to rank passages"
            )
        order = np.argsort(-scores, kind="stable")[:k]
        return [replace(found[i], score=float(scores[i])) for i in order]
