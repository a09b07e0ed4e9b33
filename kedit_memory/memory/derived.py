"""Whether the tables that triggers keep, of counts, names and words, say what the edits do: made anew and compared."""

# ruff: noqa: S608 - what is joined into SQL is constants of this module

from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import zip_longest
from typing import Any

from kedit_memory.memory.database import Connection, insertion
from kedit_memory.memory.schema import empty_store
from kedit_memory.memory.word_tables import up_to_date

# What each table says, whatever numbers its rows have; a count that has come to nothing says nothing. What stands in
# cut(...) is a name or word as an index takes it; of a word that it does not take whole there is no row.
_COUNTED_AND_NAMED = {
    "counts": "SELECT namespace, status, edits FROM counts WHERE edits <> 0",
    "names": "SELECT namespace, subject, surface, cut(name), cut(words) FROM names",
    "named": "SELECT o.edit_id, n.subject, n.surface FROM named o JOIN names n ON n.id = o.name_id",
    "name_words": "SELECT DISTINCT o.namespace, cut(o.word), n.subject, n.surface FROM name_words o "
    "JOIN names n ON n.id = o.name_id",
    "name_pairs": "SELECT o.namespace, o.pair, n.subject, n.surface FROM name_pairs o JOIN names n ON n.id = o.name_id",
    "name_spellings": "SELECT DISTINCT namespace, spelling, cut(word) FROM name_spellings",
}
_WORDS = {
    "words": "SELECT namespace, word, edits FROM words WHERE word = cut(word)",
    "word_edits": "SELECT w.namespace, w.word, o.edit_id, o.weight FROM word_edits o JOIN words w ON w.id = o.word_id "
    "WHERE w.word = cut(w.word)",
}
_COPIED = {"keys": "kind = 'confirmed'", "edits": "1 = 1"}  # in this order: an edit's words are of its keys, too
DERIVED_TABLES = (*_COUNTED_AND_NAMED, *_WORDS)


def altered_tables(store: Connection, cut: Callable[[str], str] = str) -> Iterator[str]:
    """The names of the tables that say something else than the edits; it takes as long as adding these does.

    `cut` gives as much of a name or word as the store looks it up by; of a word that is cut it has no row.
    """
    with closing(empty_store()) as anew:
        anew.create_function("cut", 1, cut, deterministic=True)
        for table, condition in _COPIED.items():
            rows: Any = store.execute(f"SELECT * FROM {table} WHERE {condition}")
            anew.executemany(insertion(table, [column[0] for column in rows.description]), rows)
        told = _COUNTED_AND_NAMED | (_WORDS if up_to_date(store) else {})
        for table, sql in told.items():
            stored = _ordered(store, sql.replace("cut(", "("))
            if any(one != other for one, other in zip_longest(stored, _ordered(anew, sql))):
                yield table


def _ordered(connection: Connection, sql: str) -> Iterator[tuple[object, ...]]:
    empty: Any = connection.execute(f"{sql} LIMIT 0")
    columns = ", ".join(map(str, range(1, len(empty.description) + 1)))
    return map(tuple, connection.execute(f"{sql} ORDER BY {columns}"))
