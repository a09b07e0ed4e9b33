"""The memory, a router or a retriever as one of LangChain's retrievers."""

from typing import TYPE_CHECKING

from kedit_memory.adapters.found import Source, find
from kedit_memory.errors import MissingDependencyError
from kedit_memory.records import DEFAULT_NAMESPACE

if TYPE_CHECKING:
    from langchain_core.callbacks import CallbackManagerForRetrieverRun
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever


def to_langchain(source: Source, k: int = 3, *, namespace: str = DEFAULT_NAMESPACE) -> "BaseRetriever":
    """What LangChain's chains take; each document holds its score and where it comes from as metadata.

    Args:
        source: a memory gives its nearest statements, in scope or not; a router the edit that answers, be it an
            erasure, else the passages that it would use, each with route and reason; a retriever its passages.
        k: the most documents that are given.
        namespace: of the edits.

    Raises:
        MissingDependencyError: langchain-core is not installed.
    """
    try:
        from langchain_core.documents import Document
        from langchain_core.retrievers import BaseRetriever
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            "langchain-core is not installed; run: pip install 'kedit-memory[langchain]'"
        ) from error

    class Texts(BaseRetriever):  # type: ignore[misc, unused-ignore]
        """Asks the source given."""

        def _get_relevant_documents(
            self,
            query: str,
            *,
            run_manager: "CallbackManagerForRetrieverRun",  # noqa: ARG002 - LangChain's signature
        ) -> "list[Document]":
            return [
                Document(id=one.id, page_content=one.text, metadata={**one.metadata, "score": one.score})
                for one in find(source, query, k, namespace)
            ]

    return Texts()
