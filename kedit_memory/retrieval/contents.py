"""What is in a namespace's passages: listed page by page, shown by id, and removed for good."""

from collections.abc import Iterable
from pathlib import Path

from kedit_memory.errors import InvalidInputError, NotFoundError, StoreError
from kedit_memory.records import Passage
from kedit_memory.retrieval.corpus import COLUMNS, Corpus, passage_of
from kedit_memory.retrieval.indexfiles import drop_indexes

# Of a source: itself, a page of it, or what lies in it as in a folder.
_FROM = "(source = ?2 OR substr(source, 1, length(?2) + 1) IN (?2 || '#', ?2 || '/'))"
_COPIES = ("passages.jsonl.old", "passages/fetched.db", "passages/fetched.db-wal", "passages/fetched.db-journal")


def list_passages(
    corpus: Corpus, *, limit: int | None = None, after: str | None = None, source: str | None = None
) -> list[Passage]:
    """Passages in the order in which they came, at most `limit`, those behind the one with the id `after`.

    `source` chooses those from a file, a folder or an address, as their own `source` tells it.

    Raises:
        NotFoundError: no passage has the id `after`.
        InvalidInputError: the limit is below one.
    """
    if limit is not None and limit < 1:
        raise InvalidInputError(f"limit is {limit}; give 1 or more")
    start = 0 if after is None else _row_of(corpus, after)
    found = corpus.database.query(
        f"SELECT {COLUMNS} FROM passages WHERE namespace = ?1 AND (?2 IS NULL OR {_FROM}) AND row > ?3 "  # noqa: S608
        "ORDER BY row LIMIT ?4",
        *(corpus.namespace, source, start, -1 if limit is None else limit),
    )
    return list(map(passage_of, found))


def show_passage(corpus: Corpus, name: str) -> Passage:
    """The passage with this id.

    Raises:
        NotFoundError: there is none.
    """
    return corpus.get([_row_of(corpus, name)])[0]


def remove_passages(corpus: Corpus, names: Iterable[str] = (), source: str | None = None) -> int:
    """Remove passages by id, and all from a source (see `list_passages`); returns how many.

    Afterwards neither their text nor their vectors are in any file of the store: the indexes are dropped, and made anew
    when they are needed. A file that they came from is not read again before it changes.

    Raises:
        NotFoundError: no passage has an id, or none is from the source; then nothing is removed.
        StoreError: it cannot be written, or another process keeps the old state open.
    """
    gone = [(row,) for row in dict.fromkeys([*(_row_of(corpus, name) for name in names), *_rows_from(corpus, source)])]
    if not gone:
        return 0
    with corpus.database.transaction():
        for table in ("passages", "held", "vectors"):
            corpus.database.run_many(f"DELETE FROM {table} WHERE row = ?", gone)  # noqa: S608
        corpus.count_change()
    _forget_copies(corpus.folder)
    corpus.database.forget_log()
    return len(gone)


def _rows_from(corpus: Corpus, source: str | None) -> list[int]:
    if source is None:
        return []
    sql = f"SELECT row FROM passages WHERE namespace = ?1 AND {_FROM}"  # noqa: S608
    rows = [row[0] for row in corpus.database.query(sql, corpus.namespace, source)]
    if not rows:
        raise NotFoundError(f"no passage in namespace {corpus.namespace!r} is from {source!r}")
    return rows


def _row_of(corpus: Corpus, name: str) -> int:
    sql = "SELECT row FROM passages WHERE namespace = ? AND id = ?"
    row = corpus.database.number(sql, corpus.namespace, name)
    if not row:
        raise NotFoundError(
            f"no passage {name!r} in namespace {corpus.namespace!r}; kedit passages list shows those there are"
        )
    return row


def _forget_copies(folder: Path) -> None:
    """Removes what else holds texts of passages: indexes, pages as they were fetched, what an older format left."""
    drop_indexes(folder)
    for name in _COPIES:
        try:
            (folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"cannot remove {folder / name}: {error.strerror}; remove it by hand") from error
