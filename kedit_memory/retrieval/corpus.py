"""The passages that users gave to one store: `passages.db` in its folder, beside the edits.

A passage keeps its row number as long as it stays as it is and gets a new one when it changes, so that an index of rows
never holds an old text. Each passage is held by the documents it was read from, and goes with the last of them. A
document is taken in whole or not at all.
"""

import sqlite3
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kedit_memory.errors import NotFoundError, StoreError
from kedit_memory.records import Passage
from kedit_memory.retrieval.documents import Document, read_passages
from kedit_memory.retrieval.schema import open_database, translated
from kedit_memory.retrieval.splitting import digest

DATABASE = "passages.db"
_LINES = "passages.jsonl"  # what a store of the first format kept its passages in
_SHORT = len("p-") + 12  # characters of a digest in that format
_LOOSE = ""  # the document of passages that came without one
_COLUMNS = "id, title, text, source, date"


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What taking in one document did: whether it was known, and was as it is now."""

    known: bool
    changed: bool


class Corpus:
    """Opens what is there, and makes the database at the first passage. Iterates over passages in order of their rows.

    Raises:
        StoreError: the database cannot be opened, or is of a newer format.
        InvalidInputError: the passages of an older format are damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = folder / DATABASE
        self._opened: sqlite3.Connection | None = None
        self._open_existing()

    def __enter__(self) -> "Corpus":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection."""
        if self._opened is not None:
            self._end()
            self._opened = None

    def __len__(self) -> int:
        return self._number("SELECT count(*) FROM passages")

    def __iter__(self) -> Iterator[Passage]:
        return (passage for _, passage in self.items())

    @property
    def version(self) -> int:
        """A number that grows with every change; 0 while there is nothing."""
        return self._number("SELECT value FROM meta WHERE name = 'version'")

    @property
    def last_row(self) -> int:
        """The newest row that a passage ever had."""
        return self._number("SELECT seq FROM sqlite_sequence WHERE name = 'passages'")

    def items(self, *, after: int = 0) -> Iterator[tuple[int, Passage]]:
        """Rows above `after` with their passages, in order."""
        for row in self.query(f"SELECT row, {_COLUMNS} FROM passages WHERE row > ? ORDER BY row", after):  # noqa: S608
            yield row[0], _passage_of(row[1:])

    def rows(self) -> Iterator[int]:
        """The rows of all passages, ascending."""
        return (row[0] for row in self.query("SELECT row FROM passages ORDER BY row"))

    def get(self, rows: Iterable[int]) -> list[Passage]:
        """The passages of these rows, in the order given.

        Raises:
            NotFoundError: a row is gone.
        """
        return [self._get(row) for row in rows]

    def count_after(self, row: int) -> int:
        """How many passages have a row above this one."""
        return self._number("SELECT count(*) FROM passages WHERE row > ?", row)

    def documents(self) -> dict[str, str]:
        """The digest of each document by its name; passages that came without a document have none."""
        return dict(self.query("SELECT name, digest FROM documents WHERE name <> ?", _LOOSE))

    def add(self, passages: Iterable[Passage]) -> int:
        """Keep passages that come without a document; returns how many were new or changed. All are on disk then."""
        given = list(passages)
        if not given:
            return 0
        before = self.last_row
        with self.transaction():
            document = self._document(_LOOSE, "")
            self._hold(document, self._keep_all(given))
        return self.count_after(before)

    def take(self, document: Document) -> Taken:
        """Take in a document: its passages replace those that it had. All are on disk when it returns.

        Raises:
            InvalidInputError: it cannot be read; then everything stays as it was.
            StoreError: the database cannot be written; likewise.
        """
        known = next(self.query("SELECT digest FROM documents WHERE name = ?", document.name), None)
        if known and known[0] == document.digest:
            return Taken(known=True, changed=False)
        with self.transaction():
            number = self._document(document.name, document.digest)
            if not known:
                self._adopt(number, document.source)
            before = self._held(number)
            rows = self._keep_all(document.read())
            self._hold(number, rows)
            self._release(number, before - rows)
        return Taken(known=bool(known), changed=True)

    def forget(self, names: Iterable[str]) -> None:
        """Let go of documents by name, and of the passages that no other document holds."""
        with self.transaction():
            for name in names:
                for (number,) in list(self.query("SELECT id FROM documents WHERE name = ?", name)):
                    self._release(
                        number, [row[0] for row in self.query("SELECT row FROM held WHERE document = ?", number)]
                    )
                    self._run("DELETE FROM documents WHERE id = ?", number)

    @contextmanager
    def transaction(self, *, changes: bool = True) -> Iterator[None]:
        """All or nothing; no other process writes meanwhile. `changes` is false where no passage is touched."""
        if self._opened is None:
            self._make()
        with translated(self._file):
            self._run("BEGIN IMMEDIATE")
            try:
                yield
                if changes:
                    self._run("UPDATE meta SET value = value + 1 WHERE name = 'version'")
                self._run("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._run("ROLLBACK")
                raise

    def query(self, sql: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """The rows of one statement, as they come; none while there is no database."""
        if self._opened is None:
            self._open_existing()  # somebody else may have made it
        if self._opened is None:
            return
        with translated(self._file):
            yield from self._opened.execute(sql, values)

    def copy_to(self, other: sqlite3.Connection) -> None:
        """Copy everything into another, empty database."""
        self._connection.backup(other)

    def run_many(self, sql: str, values: Iterable[Sequence[object]]) -> None:
        """One statement for many values, within a transaction."""
        self._connection.executemany(sql, values)

    def _document(self, name: str, content: str) -> int:
        """The number of a document, noted with the digest of what it holds now."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._run(
            "INSERT INTO documents (name, digest, ingested_at) VALUES (?, ?, ?) "
            "ON CONFLICT (name) DO UPDATE SET digest = excluded.digest, ingested_at = excluded.ingested_at",
            *(name, content, now),
        )
        return self._number("SELECT id FROM documents WHERE name = ?", name)

    def _adopt(self, document: int, source: str) -> None:
        """Passages that came without a document but name this one as their source are its own from now on."""
        self._run(
            "UPDATE held SET document = ? WHERE document = (SELECT id FROM documents WHERE name = ?) "
            "AND row IN (SELECT row FROM passages WHERE source = ?)",
            *(document, _LOOSE, source),
        )

    def _held(self, document: int) -> set[int]:
        return {row[0] for row in self.query("SELECT row FROM held WHERE document = ?", document)}

    def _hold(self, document: int, rows: Iterable[int]) -> None:
        self.run_many("INSERT OR IGNORE INTO held (document, row) VALUES (?, ?)", ((document, row) for row in rows))

    def _release(self, document: int, rows: Iterable[int]) -> None:
        """Let go of a document's rows; passages that nothing holds any more are deleted."""
        for row in rows:
            self._run("DELETE FROM held WHERE document = ? AND row = ?", document, row)
            self._run("DELETE FROM passages WHERE row = ?1 AND NOT EXISTS (SELECT 1 FROM held WHERE row = ?1)", row)

    def _keep_all(self, passages: Iterable[Passage]) -> set[int]:
        """Write what is new or changed; the rows of all of them."""
        rows: set[int] = set()
        for passage in passages:
            row, replaced = self._keep(passage)
            rows.discard(replaced)  # an identifier twice in one document: the last one counts
            rows.add(row)
        return rows

    def _keep(self, passage: Passage) -> tuple[int, int]:
        """The row of a passage, and the row that it replaces or 0."""
        values = (passage.id, passage.title, passage.text, passage.source, passage.date)
        found = self._run(f"SELECT row, {_COLUMNS} FROM passages WHERE id = ?", passage.id).fetchone()  # noqa: S608
        if found and found[1:] == values:
            return found[0], 0
        if found:
            self._run("DELETE FROM passages WHERE row = ?", found[0])
        row = self._run(f"INSERT INTO passages ({_COLUMNS}) VALUES (?, ?, ?, ?, ?)", *values).lastrowid or 0  # noqa: S608
        if found:
            self._run("UPDATE held SET row = ? WHERE row = ?", row, found[0])
        return row, found[0] if found else 0

    def _get(self, row: int) -> Passage:
        for found in self.query(f"SELECT {_COLUMNS} FROM passages WHERE row = ?", row):  # noqa: S608
            return _passage_of(found)
        raise NotFoundError(f"{self._file} has no passage in row {row} any more; ask again")

    def _number(self, sql: str, *values: object) -> int:
        """The first value of the first row; 0 where there is none."""
        return next((int(row[0]) for row in self.query(sql, *values)), 0)

    def _run(self, sql: str, *values: object) -> sqlite3.Cursor:
        return self._connection.execute(sql, values)

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            raise StoreError(f"{self._file} is not open; make it within a transaction")
        return self._opened

    def _open_existing(self) -> None:
        """Open the database if there is one, or passages of the older format to make it from."""
        lines = self.folder / _LINES
        if lines.exists():
            self._make()
            self.add(_renamed(read_passages(lines)))
            with _written(lines):
                lines.replace(lines.with_suffix(".jsonl.old"))
        elif self._file.exists():
            self._make()

    def _make(self) -> None:
        with _written(self._file):
            self.folder.mkdir(parents=True, exist_ok=True)
        self._opened = open_database(self._file)
        self._end = weakref.finalize(self, self._opened.close)


def _passage_of(row: Sequence[Any]) -> Passage:
    name, title, text, source, date = row
    return Passage(id=name, title=title, text=text, source=source, date=date)


def _renamed(passages: Iterable[Passage]) -> Iterator[Passage]:
    """Passages of the older format, which named a text by a shorter digest."""
    for passage in passages:
        name = digest(passage.text)
        yield replace(passage, id=name) if passage.id == name[:_SHORT] else passage


@contextmanager
def _written(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"cannot write {file}: {error.strerror}; nothing was ingested") from error


def has_passages(store: Path) -> bool:
    """Whether anything was ingested into a store."""
    with Corpus(store) as corpus:
        return next(corpus.rows(), None) is not None


def copy_passages(store: Path, to: Path) -> None:
    """Copy the passages that users gave to one store to the folder of another, consistent while others write.

    Raises:
        StoreError: they cannot be read or written.
    """
    with Corpus(store) as corpus:
        if not corpus.version:
            return
        with _written(to / DATABASE), translated(to / DATABASE):
            copy = sqlite3.connect(to / DATABASE)
            try:
                corpus.copy_to(copy)
            finally:
                copy.close()
