"""The passages that users gave to one namespace of a store: in `passages.db` in its folder, beside the edits.

A passage keeps its row number as long as it stays as it is and gets a new one when it changes, so that an index of rows
never holds an old text. Each passage is held by the documents it was read from, and goes with the last of them. A
document is taken in whole or not at all.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kedit_memory.errors import NotFoundError, StoreError
from kedit_memory.records import DEFAULT_NAMESPACE, Passage
from kedit_memory.retrieval.database import Database, written
from kedit_memory.retrieval.documents import Document, read_passages
from kedit_memory.retrieval.splitting import digest
from kedit_memory.text import LONGEST_NAME, clean_line

_LINES = "passages.jsonl"  # what a store of the first format kept its passages in
_SHORT = len("p-") + 12  # characters of a digest in that format
_LOOSE = ""  # the document of passages that came without one
COLUMNS = "id, title, text, source, date"


@dataclass(frozen=True, kw_only=True)
class DocumentChange:
    """What taking in one document did: whether it was known, and was as it is now."""

    known: bool
    changed: bool


class Corpus:
    """Opens what is there, and makes the database at the first passage. Iterates over passages in order of their rows.

    Args:
        folder: of the store.
        namespace: whose passages these are; no other one's are seen or touched.

    Raises:
        StoreError: the database cannot be opened, or is of a newer format.
        InvalidInputError: the passages of an older format are damaged, or the namespace is no name.
    """

    def __init__(self, folder: Path, namespace: str = DEFAULT_NAMESPACE) -> None:
        self.folder = folder
        self.namespace = clean_line(namespace, "namespace", LONGEST_NAME)
        self.database = Database(folder, self._take_over)
        self.database.open_existing()

    def __enter__(self) -> "Corpus":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection."""
        self.database.close()

    def __len__(self) -> int:
        return self.database.number("SELECT count(*) FROM passages WHERE namespace = ?", self.namespace)

    def __iter__(self) -> Iterator[Passage]:
        return (passage for _, passage in self.items())

    @property
    def version(self) -> int:
        """A number that grows with every change of the namespace; 0 while there is nothing."""
        return self.database.number("SELECT value FROM meta WHERE name = ?", f"version {self.namespace}")

    @property
    def last_row(self) -> int:
        """The newest row that a passage ever had, of whatever namespace."""
        return self.database.number("SELECT seq FROM sqlite_sequence WHERE name = 'passages'")

    def items(self, *, after: int = 0) -> Iterator[tuple[int, Passage]]:
        """Rows above `after` with their passages, in order."""
        sql = f"SELECT row, {COLUMNS} FROM passages WHERE namespace = ? AND row > ? ORDER BY row"  # noqa: S608
        return ((row[0], passage_of(row[1:])) for row in self.database.query(sql, self.namespace, after))

    def rows(self) -> Iterator[int]:
        """The rows of all passages, ascending."""
        sql = "SELECT row FROM passages WHERE namespace = ? ORDER BY row"
        return (row[0] for row in self.database.query(sql, self.namespace))

    def get(self, rows: Iterable[int]) -> list[Passage]:
        """The passages of these rows, in the order given.

        Raises:
            NotFoundError: a row is gone, or of another namespace.
        """
        return [self._get(row) for row in rows]

    def count_after(self, row: int) -> int:
        """How many passages have a row above this one."""
        sql = "SELECT count(*) FROM passages WHERE namespace = ? AND row > ?"
        return self.database.number(sql, self.namespace, row)

    def documents(self) -> dict[str, str]:
        """The digest of each document by its name; passages that came without a document have none."""
        sql = "SELECT name, digest FROM documents WHERE namespace = ? AND name <> ?"
        return {name: content for name, content in self.database.query(sql, self.namespace, _LOOSE)}  # noqa: C416

    def add(self, passages: Iterable[Passage]) -> int:
        """Keep passages that come without a document; returns how many were new or changed. All are on disk then."""
        given = list(passages)
        if not given:
            return 0
        before = self.last_row
        with self.database.transaction():
            document = self._document(_LOOSE, "")
            self._hold(document, self._keep_all(given))
            self.count_change()
        return self.count_after(before)

    def take(self, document: Document) -> DocumentChange:
        """Take in a document: its passages replace those that it had. All are on disk when it returns.

        Raises:
            InvalidInputError: it cannot be read; then everything stays as it was.
            StoreError: the database cannot be written; likewise.
        """
        sql = "SELECT digest FROM documents WHERE namespace = ? AND name = ?"
        known = next(self.database.query(sql, self.namespace, document.name), None)
        if known and known[0] == document.digest:
            return DocumentChange(known=True, changed=False)
        with self.database.transaction():
            number = self._document(document.name, document.digest)
            if not known:
                self._adopt(number, document.source)
            before = self._held(number)
            rows = self._keep_all(document.read())
            self._hold(number, rows)
            self._release(number, before - rows)
            self.count_change()
        return DocumentChange(known=bool(known), changed=True)

    def forget(self, names: Iterable[str]) -> None:
        """Let go of documents by name, and of the passages that no other document holds."""
        with self.database.transaction():
            for name in names:
                sql = "SELECT id FROM documents WHERE namespace = ? AND name = ?"
                for (number,) in list(self.database.query(sql, self.namespace, name)):
                    self._release(number, self._held(number))
                    self.database.run("DELETE FROM documents WHERE id = ?", number)
            self.count_change()

    def count_change(self) -> None:
        """Gives the namespace another version, within a transaction."""
        self.database.run(
            "INSERT INTO meta VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1",
            f"version {self.namespace}",
        )

    def _document(self, name: str, content: str) -> int:
        """The number of a document, noted with the digest of what it holds now."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self.database.run(
            "INSERT INTO documents (namespace, name, digest, ingested_at, checksum) "
            "VALUES (?1, ?2, ?3, ?4, checksum_of(?1, ?2, ?3, ?4)) ON CONFLICT (namespace, name) DO UPDATE "
            "SET digest = excluded.digest, ingested_at = excluded.ingested_at, checksum = excluded.checksum",
            *(self.namespace, name, content, now),
        )
        sql = "SELECT id FROM documents WHERE namespace = ? AND name = ?"
        return self.database.number(sql, self.namespace, name)

    def _adopt(self, document: int, source: str) -> None:
        """Passages that came without a document but name this one as their source are its own from now on."""
        self.database.run(
            "UPDATE held SET document = ?1 "
            "WHERE document = (SELECT id FROM documents WHERE namespace = ?2 AND name = ?3) "
            "AND row IN (SELECT row FROM passages WHERE namespace = ?2 AND source = ?4)",
            *(document, self.namespace, _LOOSE, source),
        )

    def _held(self, document: int) -> set[int]:
        return {row[0] for row in self.database.query("SELECT row FROM held WHERE document = ?", document)}

    def _hold(self, document: int, rows: Iterable[int]) -> None:
        given = ((document, row) for row in rows)
        self.database.run_many("INSERT OR IGNORE INTO held (document, row) VALUES (?, ?)", given)

    def _release(self, document: int, rows: Iterable[int]) -> None:
        """Let go of a document's rows; passages that nothing holds any more are deleted."""
        for row in rows:
            self.database.run("DELETE FROM held WHERE document = ? AND row = ?", document, row)
            self.database.run(
                "DELETE FROM passages WHERE row = ?1 AND NOT EXISTS (SELECT 1 FROM held WHERE row = ?1)", row
            )

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
        same = f"SELECT row, {COLUMNS} FROM passages WHERE namespace = ? AND id = ?"  # noqa: S608
        found = self.database.run(same, self.namespace, passage.id).fetchone()
        if found and found[1:] == values:
            return found[0], 0
        if found:
            self.database.run("DELETE FROM passages WHERE row = ?", found[0])
        new = (
            f"INSERT INTO passages (namespace, {COLUMNS}, checksum) "  # noqa: S608
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6, checksum_of(?1, ?2, ?3, ?4, ?5, ?6))"
        )
        row = self.database.run(new, self.namespace, *values).lastrowid or 0
        if found:
            self.database.run("UPDATE held SET row = ? WHERE row = ?", row, found[0])
        return row, found[0] if found else 0

    def _get(self, row: int) -> Passage:
        sql = f"SELECT {COLUMNS} FROM passages WHERE row = ? AND namespace = ?"  # noqa: S608
        for found in self.database.query(sql, row, self.namespace):
            return passage_of(found)
        raise NotFoundError(f"{self.database.file} has no passage in row {row} any more; ask again")

    def _take_over(self) -> None:
        """Bring in the passages of the older format, which knew the default namespace alone."""
        lines = self.folder / _LINES
        if not lines.exists():
            return
        if self.namespace != DEFAULT_NAMESPACE:
            Corpus(self.folder).close()
            return
        self.database.open()
        self.add(_renamed(read_passages(lines)))
        with written(lines):
            lines.replace(lines.with_suffix(".jsonl.old"))


def passage_of(row: Sequence[Any]) -> Passage:
    """The passage of a row with its `COLUMNS`."""
    name, title, text, source, date = row
    if not all(isinstance(value, str) for value in (name, title, text, source or "", date or "")):
        raise StoreError(f"passage {name!r} is damaged; run kedit verify, and restore a backup")
    return Passage(id=name, title=title, text=text, source=source, date=date)


def _renamed(passages: Iterable[Passage]) -> Iterator[Passage]:
    """Passages of the older format, which named a text by a shorter digest."""
    for passage in passages:
        name = digest(passage.text)
        yield replace(passage, id=name) if passage.id == name[:_SHORT] else passage


def has_passages(store: Path, namespace: str = DEFAULT_NAMESPACE) -> bool:
    """Whether anything was ingested into a namespace of a store."""
    with Corpus(store, namespace) as corpus:
        return next(corpus.rows(), None) is not None
