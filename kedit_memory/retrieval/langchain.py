"""A retriever of this package as one of LangChain."""

from typing import TYPE_CHECKING

from kedit_memory.errors import MissingDependencyError
from kedit_memory.records import RetrievedPassage
from kedit_memory.retrieval.base import Retriever

if TYPE_CHECKING:
    from langchain_core.callbacks import CallbackManagerForRetrieverRun
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever


def to_langchain(retriever: Retriever, k: int = 3) -> "BaseRetriever":
    """What LangChain's chains take; each document holds the passage's fields and its score as metadata.

    Raises:
        MissingDependencyError: langchain-core is not installed.
    """
    try:
        from langchain_core.retrievers import BaseRetriever
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            "langchain-core is not installed; run: pip install 'kedit-memory[langchain]'"
        ) from error

    class Passages(BaseRetriever):  # type: ignore[misc, unused-ignore]
        """Asks the retriever given."""

        def _get_relevant_documents(
            self,
            query: str,
            *,
            run_manager: "CallbackManagerForRetrieverRun",  # noqa: ARG002 - LangChain's signature
        ) -> "list[Document]":
            return [_document(found) for found in retriever.search(query, k)]

    return Passages()


def _document(found: RetrievedPassage) -> "Document":
    from langchain_core.documents import Document

    passage = found.passage
    metadata = {"title": passage.title, "source": passage.source, "date": passage.date, "score": found.score}
    return Document(id=passage.id, page_content=passage.text, metadata=metadata)
