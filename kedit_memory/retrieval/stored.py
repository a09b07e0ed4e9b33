"""The default search of a store: BM25 over the passages that users gave, as many as they are, and others at hand."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kedit_memory.records import DEFAULT_NAMESPACE, Passage, RetrievedPassage
from kedit_memory.retrieval.base import Progress, silent
from kedit_memory.retrieval.bm25 import Bm25Retriever
from kedit_memory.retrieval.corpus import Corpus
from kedit_memory.retrieval.indexfiles import index_folder
from kedit_memory.words import words_asked

if TYPE_CHECKING:
    from kedit_memory.retrieval.collection import Collection

SMALL = 20_000  # passages up to which an index in memory is made in a second


class StoreRetriever:
    """Ranks the passages of one store. What is ingested while it is in use is found by the next search.

    Args:
        folder: of the store.
        base: passages beside those of the store, before them where scores are equal.
        namespace: whose passages are searched.
        small: up to how many passages the index is kept in memory; more are indexed in files beside the store.
        progress: is told how far building those files has come.
    """

    def __init__(
        self,
        folder: Path,
        base: Sequence[Passage] = (),
        *,
        namespace: str = DEFAULT_NAMESPACE,
        small: int = SMALL,
        progress: Progress = silent,
    ) -> None:
        self._base = tuple(base)
        self._small = small
        self._progress = progress
        self._corpus = Corpus(folder, namespace)
        self._engine: Bm25Retriever | Collection | None = None
        self._version = -1

    def search(self, question: str, k: int = 3) -> list[RetrievedPassage]:
        """The k best passages that share a word with the question, best first, ties in the order of ingestion.

        Raises:
            StoreError: the passages cannot be read, or their index not written.
        """
        engine = self.ready()
        if isinstance(engine, Bm25Retriever):
            return engine.search(question, k)
        found = engine.search(words_asked(question), k)
        return [RetrievedPassage(passage=self._passage(row), score=score) for row, score in found]

    def ready(self) -> "Bm25Retriever | Collection":
        """The index, up to date with the store."""
        version = self._corpus.version
        if self._engine is None or version != self._version:
            if len(self._base) + len(self._corpus) <= self._small:
                self._engine = Bm25Retriever([*self._base, *self._corpus])
            else:
                from kedit_memory.retrieval.collection import open_collection  # bm25s takes most of a second

                folder = index_folder(self._corpus.folder, "bm25", self._corpus.namespace)
                self._engine = open_collection(folder, self._corpus, self._base, progress=self._progress)
            self._version = version
        return self._engine

    def update_index(self) -> None:
        """Bring the index in files up to date, where there are so many passages that there is one."""
        if len(self._base) + len(self._corpus) > self._small:
            self.ready()

    def close(self) -> None:
        """Ends the connection to the store."""
        self._corpus.close()

    def _passage(self, row: int) -> Passage:
        return self._corpus.get([row])[0] if row > 0 else self._base[row + len(self._base)]
