"""A retriever of this package as one of LlamaIndex."""

from typing import TYPE_CHECKING

from kedit_memory.errors import MissingDependencyError
from kedit_memory.records import RetrievedPassage
from kedit_memory.retrieval.base import Retriever

if TYPE_CHECKING:
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import NodeWithScore, QueryBundle


def to_llamaindex(retriever: Retriever, k: int = 3) -> "BaseRetriever":
    """What LlamaIndex's query engines take; each node holds the passage's fields as metadata, and its score.

    Raises:
        MissingDependencyError: llama-index-core is not installed.
    """
    try:
        from llama_index.core.retrievers import BaseRetriever
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            "llama-index-core is not installed; run: pip install 'kedit-memory[llamaindex]'"
        ) from error

    class Passages(BaseRetriever):  # type: ignore[misc, unused-ignore]
        """Asks the retriever given."""

        def _retrieve(self, query_bundle: "QueryBundle") -> "list[NodeWithScore]":
            return [_node(found) for found in retriever.search(query_bundle.query_str, k)]

    return Passages()


def _node(found: RetrievedPassage) -> "NodeWithScore":
    from llama_index.core.schema import NodeWithScore, TextNode

    passage = found.passage
    metadata = {"title": passage.title, "source": passage.source, "date": passage.date}
    return NodeWithScore(node=TextNode(id_=passage.id, text=passage.text, metadata=metadata), score=found.score)
