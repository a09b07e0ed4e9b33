"""A memory as a vector store of LangChain: its documents are the statements of a namespace."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Self

from kedit_memory.adapters.conditions import with_dollars
from kedit_memory.adapters.lookup import active, called, nearest, similarity
from kedit_memory.errors import InvalidInputError, MissingDependencyError
from kedit_memory.memory import EditMemory
from kedit_memory.records import DEFAULT_NAMESPACE, Edit, EditRequest, OnConflict

if TYPE_CHECKING:
    from langchain_core.documents import Document
    from langchain_core.vectorstores import VectorStore


def to_vectorstore(memory: EditMemory, *, namespace: str = DEFAULT_NAMESPACE) -> "VectorStore":
    """What LangChain's chains take as a vector store: the active edits of a namespace as documents.

    Texts that are added become statements, found by their own wording; none supersedes another, and the same text with
    the same metadata is one document. Ids are those given, else the store's. Scores are cosines. A `filter` says what
    the metadata holds: `{"colour": "red", "year": {"$gte": 2020}}`. What is deleted is retracted: its text stays in
    history until it is purged. Vectors are made by the encoder of the memory.

    Raises:
        MissingDependencyError: langchain-core is not installed.
    """
    store: VectorStore = vectorstore_class()(memory, namespace=namespace)
    return store


@cache
def vectorstore_class() -> Any:
    """The class of these stores, for `from_texts` and `from_documents`, which take `memory` and `embedding=None`.

    Raises:
        MissingDependencyError: langchain-core is not installed.
    """
    try:
        from langchain_core.vectorstores import VectorStore
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            "langchain-core is not installed; run: pip install 'kedit-memory[langchain]'"
        ) from error

    class Statements(_Statements, VectorStore):  # type: ignore[misc, unused-ignore]
        __doc__ = _Statements.__doc__

    return Statements


class _Statements:
    """The statements of one namespace of a memory."""

    def __init__(self, memory: EditMemory, *, namespace: str = DEFAULT_NAMESPACE) -> None:
        self._memory = memory
        self._namespace = namespace

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: None = None,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        memory: EditMemory,
        namespace: str = DEFAULT_NAMESPACE,
    ) -> Self:
        """A store over the memory, with some texts added."""
        if embedding is not None:
            raise InvalidInputError(
                "an embedding is given, but the memory's own encoder makes the vectors; give None, and name the "
                "encoder in EditMemory.open"
            )
        store = cls(memory, namespace=namespace)
        store.add_texts(texts, metadatas, ids=ids)
        return store

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: Sequence[Mapping[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
    ) -> list[str]:
        """The ids of texts that are stored, durable when this returns; an id that is known gets the new text."""
        texts = list(texts)
        for name, given in (("metadatas", metadatas), ("ids", ids)):
            if given is not None and len(given) != len(texts):
                raise InvalidInputError(f"{len(texts)} texts, {len(given)} {name}; give one for each text, or none")
        rows = zip(texts, metadatas or [{}] * len(texts), ids or [None] * len(texts), strict=True)
        return _put(self._memory, self._namespace, list(rows))

    def delete(self, ids: Sequence[str] | None = None) -> bool:
        """Retract documents, all of them where no ids are given; those that are not there are passed over."""
        if ids is None:
            ids = [edit.id for edit in self._memory.list(namespace=self._namespace) if _is_document(edit)]
        for edit in self._active(ids):
            self._memory.retract(edit.id)
        return True

    def get_by_ids(self, ids: Sequence[str], /) -> "list[Document]":
        """The documents of these ids that are there."""
        return [_document(edit) for edit in self._active(ids)]

    def similarity_search(
        self,
        query: str,
        k: int = 4,
        *,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - LangChain's name
    ) -> "list[Document]":
        """The documents nearest to a text, nearest first."""
        return [found for found, _ in self.similarity_search_with_score(query, k, filter=filter)]

    def similarity_search_with_score(
        self,
        query: str,
        k: int = 4,
        *,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - LangChain's name
    ) -> "list[tuple[Document, float]]":
        """Likewise with the cosine of each."""
        passes = with_dollars(filter or {})
        matches = nearest(
            self._memory, query, k, namespaces=[self._namespace], passes=lambda edit: passes(edit.metadata)
        )
        return [(_document(one.edit), similarity(one)) for one in matches]

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        """Relevance is the cosine; opposites are as irrelevant as what has nothing in common."""
        return lambda score: max(0.0, score)

    def _active(self, ids: Iterable[str]) -> list[Edit]:
        found = (active(self._memory, one, self._namespace) for one in dict.fromkeys(ids))
        return [edit for edit in found if edit is not None and _is_document(edit)]


def _document(edit: Edit) -> "Document":
    from langchain_core.documents import Document

    return Document(id=called(edit), page_content=edit.statement, metadata=dict(edit.metadata))


def _is_document(edit: Edit) -> bool:
    return edit.target is not None  # an erasure states nothing


def _put(memory: EditMemory, namespace: str, rows: Sequence[tuple[str, Mapping[str, Any], str | None]]) -> list[str]:
    """The ids of texts with their metadata; the new ones are stored in one transaction."""
    last = {id_: place for place, (_, _, id_) in enumerate(rows) if id_ is not None}
    held = {id_: edit for id_ in last if (edit := active(memory, id_, namespace)) is not None}
    ids = [id_ or "" for _, _, id_ in rows]
    fresh = {}
    for place, (text, metadata, id_) in enumerate(rows):
        if id_ is not None and last[id_] != place:
            continue
        if id_ in held:
            memory.update(
                held[id_].id, prompt=text, target=text, statement=text, metadata=metadata,
                on_conflict=OnConflict.KEEP_BOTH,
            )  # fmt: skip
        else:
            fresh[place] = EditRequest(statement=text, metadata=metadata, id=id_, namespace=namespace)
    stored = memory.add_many(fresh.values(), on_conflict=OnConflict.KEEP_BOTH) if fresh else []
    for place, edit in zip(fresh, stored, strict=True):
        ids[place] = called(edit)
    return ids
