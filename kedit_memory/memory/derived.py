"""Whether the tables that triggers keep, of counts, names and words, say what the edits do: made anew and compared."""

# ruff: noqa: S608 - what is joined into SQL is constants of this module

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import zip_longest

from kedit_memory.memory.schema import empty_store
from kedit_memory.memory.word_tables import up_to_date

# What each table says, whatever numbers its rows have; a count that has come to nothing says nothing.
_COUNTED_AND_NAMED = {
    "counts": "SELECT namespace, status, edits FROM counts WHERE edits",
    "names": "SELECT namespace, subject, surface, name, words FROM names",
    "named": "SELECT o.edit_id, n.subject, n.surface FROM named o JOIN names n ON n.id = o.name_id",
    "name_words": "SELECT o.namespace, o.word, n.subject, n.surface FROM name_words o JOIN names n ON n.id = o.name_id",
    "name_pairs": "SELECT o.namespace, o.pair, n.subject, n.surface FROM name_pairs o JOIN names n ON n.id = o.name_id",
    "name_spellings": "SELECT namespace, spelling, word FROM name_spellings",
}
_WORDS = {
    "words": "SELECT namespace, word, edits FROM words",
    "word_edits": "SELECT w.namespace, w.word, o.edit_id, o.weight FROM word_edits o JOIN words w ON w.id = o.word_id",
}
_COPIED = {"keys": "kind = 'confirmed'", "edits": "1"}  # in this order: an edit's words are of its keys, too
DERIVED_TABLES = (*_COUNTED_AND_NAMED, *_WORDS)


def altered_tables(store: sqlite3.Connection) -> Iterator[str]:
    """The names of the tables that say something else than the edits; it takes as long as adding these does."""
    with closing(empty_store()) as anew:
        for table, condition in _COPIED.items():
            rows = store.execute(f"SELECT * FROM {table} WHERE {condition}")
            anew.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows.description))})", rows)
        told = _COUNTED_AND_NAMED | (_WORDS if up_to_date(store) else {})
        for table, sql in told.items():
            if any(one != other for one, other in zip_longest(_ordered(store, sql), _ordered(anew, sql))):
                yield table


def _ordered(connection: sqlite3.Connection, sql: str) -> Iterator[tuple[object, ...]]:
    columns = len(connection.execute(f"{sql} LIMIT 0").description)
    return map(tuple, connection.execute(f"{sql} ORDER BY {', '.join(map(str, range(1, columns + 1)))}"))
