"""Several rankings as one, by reciprocal rank (Cormack, Clarke and Buettcher, SIGIR 2009)."""

from collections.abc import Sequence

from kedit_memory.errors import InvalidInputError
from kedit_memory.records import Passage, RetrievedPassage
from kedit_memory.retrieval.base import Retriever

CONSTANT = 60  # of the paper: how little the first ranks count above the next
DEPTH = 100  # passages that each ranking is asked for


class FusedRetriever:
    """Ranks passages by the sum over retrievers of 1 / (constant + rank); scores themselves do not matter.

    Raises:
        InvalidInputError: there is no retriever, or the constant or the depth is out of range.
    """

    def __init__(self, retrievers: Sequence[Retriever], *, constant: int = CONSTANT, depth: int = DEPTH) -> None:
        if not retrievers or constant < 0 or depth < 1:
            raise InvalidInputError(
                f"cannot fuse {len(retrievers)} rankings with constant {constant} and depth {depth}; "
                "give one or more, a constant of 0 or more and a depth of 1 or more"
            )
        self._retrievers = tuple(retrievers)
        self._constant = constant
        self._depth = depth

    def search(self, question: str, k: int = 3) -> list[RetrievedPassage]:
        """The k best passages, best first; among equals those that an earlier retriever found."""
        scores: dict[Passage, float] = {}
        for retriever in self._retrievers:
            for rank, found in enumerate(retriever.search(question, max(k, self._depth)), 1):
                scores[found.passage] = scores.get(found.passage, 0.0) + 1 / (self._constant + rank)
        best = sorted(scores, key=lambda passage: -scores[passage])[: max(0, k)]
        return [RetrievedPassage(passage=passage, score=scores[passage]) for passage in best]
