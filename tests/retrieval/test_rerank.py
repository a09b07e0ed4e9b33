"""Reranking: the scorer orders what a search found, and nothing else."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedit_memory.errors import InvalidInputError, ModelError
from kedit_memory.records import Passage, RetrievedPassage
from kedit_memory.retrieval.base import Retriever
from kedit_memory.retrieval.rerank import PairScorer, RerankedRetriever

TEXTS = [f"text {number}" for number in range(12)]


class Found:
    """A search that finds the first texts, whatever is asked."""

    def __init__(self, texts: Sequence[str] = TEXTS, title: str = "") -> None:
        self._found = [
            RetrievedPassage(passage=Passage(id=text, title=title, text=text), score=-place)
            for place, text in enumerate(texts)
        ]
        self.asked: list[tuple[str, int]] = []

    def search(self, question: str, k: int = 3) -> list[RetrievedPassage]:
        self.asked.append((question, k))
        return self._found[:k]


class Scores:
    """A scorer by a table, which keeps what it read."""

    name = "table"

    def __init__(self, scores: Any) -> None:
        self._scores = scores
        self.read: list[tuple[str, list[str]]] = []

    def scores(self, question: str, texts: Sequence[str]) -> Any:
        self.read.append((question, list(texts)))
        return self._scores(texts) if callable(self._scores) else self._scores


def ids(found: Sequence[RetrievedPassage]) -> list[str]:
    return [one.passage.id for one in found]


def test_the_scorer_decides_among_the_best() -> None:
    search, scorer = Found(), Scores([1.0, 4.0, 2.0, 4.0, 3.0])
    reranked = RerankedRetriever(search, scorer, depth=5)
    found = reranked.search("Who?", 3)
    assert ids(found) == ["text 1", "text 3", "text 4"]  # equals in the order of the search
    assert [one.score for one in found] == [4.0, 4.0, 3.0]
    assert search.asked == [("Who?", 5)]
    assert scorer.read == [("Who?", TEXTS[:5])]
    assert isinstance(reranked, Retriever)
    assert isinstance(scorer, PairScorer)
    assert reranked.kind == "RerankedRetriever(table)"


def test_more_are_read_where_more_are_asked_for() -> None:
    search = Found()
    assert len(RerankedRetriever(search, Scores(lambda texts: np.zeros(len(texts))), depth=2).search("Who?", 9)) == 9
    assert search.asked == [("Who?", 9)]


def test_a_title_is_read_with_its_text() -> None:
    scorer = Scores([0.5])
    RerankedRetriever(Found(["A town."], title="Gisors"), scorer).search("Where?")
    assert scorer.read == [("Where?", ["Gisors. A town."])]


def test_nothing_found_or_asked_for_is_not_scored() -> None:
    scorer = Scores(None)
    assert RerankedRetriever(Found([]), scorer).search("Who?") == []
    assert RerankedRetriever(Found(), scorer).search("Who?", 0) == []
    assert scorer.read == []


@pytest.mark.parametrize("scores", [[1.0], [[1.0, 2.0], [3.0, 4.0]], [1.0, float("nan")], 2.0, [1.0, float("inf")]])
def test_scores_that_are_none_are_refused(scores: Any) -> None:
    with pytest.raises(ModelError, match=r"table gave scores.*for 2 passages; name a cross-encoder with one output"):
        RerankedRetriever(Found(TEXTS[:2]), Scores(scores)).search("Who?")


def test_a_depth_below_one_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="depth is 0; give"):
        RerankedRetriever(Found(), Scores([]), depth=0)


@given(st.lists(st.floats(-5, 5), min_size=12, max_size=12), st.integers(1, 12), st.integers(1, 12))
def test_the_result_is_a_sorted_part_of_what_was_found(scores: list[float], depth: int, k: int) -> None:
    scorer = Scores(lambda texts: np.array(scores[: len(texts)]))
    found = RerankedRetriever(Found(), scorer, depth=depth).search("Who?", k)
    read = max(depth, k)
    assert len(found) == min(k, 12)
    assert set(ids(found)) <= set(TEXTS[:read])
    assert [one.score for one in found] == sorted(scores[:read], reverse=True)[:k]
