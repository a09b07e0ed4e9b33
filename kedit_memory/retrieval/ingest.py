"""Take documents into a store, each whole or not at all; what did not change is passed over."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from kedit_memory.errors import InvalidInputError, MissingDependencyError, NotFoundError
from kedit_memory.retrieval.base import Progress, silent
from kedit_memory.retrieval.corpus import Corpus
from kedit_memory.retrieval.documents import Document, document_of


@dataclass(kw_only=True)
class Ingested:
    """What became of the documents, and how many passages are new or changed."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    left_out: int = 0  # hidden, or outside the folder
    added: int = 0
    unreadable: list[str] = field(default_factory=list)  # a line each

    def __add__(self, other: "Ingested") -> "Ingested":
        return Ingested(**{name: value + getattr(other, name) for name, value in vars(self).items()})


def ingest_files(corpus: Corpus, files: Iterable[Path], *, progress: Progress = silent) -> Ingested:
    """Take in these files. One that cannot be read is reported; what it gave before stays, and the others go on.

    Raises:
        StoreError: the passages cannot be written; the files before are taken in.
    """
    report, before = Ingested(), corpus.last_row
    for done, file in enumerate(files, 1):
        try:
            _take(corpus, document_of(file), report)
        except (InvalidInputError, MissingDependencyError, NotFoundError) as error:
            report.unreadable.append(str(error))
        progress("files", done)
    report.added = corpus.count_after(before)
    return report


def ingest_documents(corpus: Corpus, documents: Iterable[Document], *, progress: Progress = silent) -> Ingested:
    """Take in documents that are known to be readable, such as fetched pages."""
    report, before = Ingested(), corpus.last_row
    for done, document in enumerate(documents, 1):
        _take(corpus, document, report)
        progress("pages", done)
    report.added = corpus.count_after(before)
    return report


def prune(corpus: Corpus, folder: Path) -> int:
    """Let go of documents that were ingested from below this folder and are not there any more; how many."""
    inside = folder.resolve()
    gone = [name for name in corpus.documents() if Path(name).is_relative_to(inside) and not Path(name).is_file()]
    if gone:
        corpus.forget(gone)
    return len(gone)


def _take(corpus: Corpus, document: Document, report: Ingested) -> None:
    taken = corpus.take(document)
    report.new += not taken.known
    report.changed += taken.known and taken.changed
    report.unchanged += not taken.changed
