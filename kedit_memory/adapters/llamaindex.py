"""The memory, a router or a retriever as one of LlamaIndex's retrievers."""

from typing import TYPE_CHECKING

from kedit_memory.adapters.found import Found, Source, find
from kedit_memory.errors import MissingDependencyError
from kedit_memory.records import DEFAULT_NAMESPACE

if TYPE_CHECKING:
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import NodeWithScore, QueryBundle

_READ = {"title", "source", "date"}  # what a model is told of a node beside its text


def to_llamaindex(source: Source, k: int = 3, *, namespace: str = DEFAULT_NAMESPACE) -> "BaseRetriever":
    """What LlamaIndex's query engines take; each node holds where it comes from as metadata, and its score.

    Args:
        source: as in `to_langchain`.
        k: the most nodes that are given.
        namespace: of the edits.

    Raises:
        MissingDependencyError: llama-index-core is not installed.
    """
    try:
        from llama_index.core.retrievers import BaseRetriever
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            "llama-index-core is not installed; run: pip install 'kedit-memory[llamaindex]'"
        ) from error

    class Texts(BaseRetriever):  # type: ignore[misc, unused-ignore]
        """Asks the source given."""

        def _retrieve(self, query_bundle: "QueryBundle") -> "list[NodeWithScore]":
            return [_node(one) for one in find(source, query_bundle.query_str, k, namespace)]

    return Texts()


def _node(found: Found) -> "NodeWithScore":
    from llama_index.core.schema import NodeWithScore, TextNode

    unread = [name for name in found.metadata if name not in _READ]
    node = TextNode(
        id_=found.id,
        text=found.text,
        metadata=dict(found.metadata),
        excluded_llm_metadata_keys=unread,
        excluded_embed_metadata_keys=unread,
    )
    return NodeWithScore(node=node, score=found.score)
