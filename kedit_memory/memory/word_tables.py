"""The tables of words, by which edits are found that a question need not name; kept by triggers, as those of names are.

A word of an edit has the weight that BM25 gives it in the shortest of the edit's texts that holds it (Robertson and
Zaragoza 2009), at most a part of it where only the answer does. How rare a word is, is looked up at the question.
Each statement of a trigger stands in one line, since scripts are parted at the ends of lines.
"""

# ruff: noqa: S608 - what is joined into SQL is constants of this module

import json
import sqlite3
from collections.abc import Iterable

from kedit_memory.memory.database import Connection
from kedit_memory.memory.rows import to_json
from kedit_memory.words import RULES, words

NOTE = "words"  # under which a store says by which rules its words were cut
WORD_RULES = f"1, {RULES}"
_SATURATION, _LENGTH, _USUAL = 1.2, 0.5, 8  # k1 and b of BM25, and the words of a text of usual length
_OF_ANSWER = 0.3  # of the weight of a word that only the answer has
_DIGITS = 3  # of a weight

_WORDS = (
    "json_each(weighted_words({0}.prompt, {0}.statement, {0}.target, {0}.paraphrases, "
    "(SELECT json_group_array(text) FROM keys WHERE edit_id = {0}.id AND live AND kind = 'confirmed')))"
)
_FOUND = "{0}.unnamed AND {0}.holds"
_ADD = (
    f"INSERT INTO words (namespace, word, edits) SELECT e.namespace, one.key, 1 FROM edits e CROSS JOIN {_WORDS} one "
    f"WHERE e.id = {{1}} AND {_FOUND} ON CONFLICT (namespace, word) DO UPDATE SET edits = edits + 1; "
    f"INSERT INTO word_edits SELECT words.id, e.id, one.value FROM edits e CROSS JOIN {_WORDS} one CROSS JOIN words "
    f"ON words.namespace = e.namespace AND words.word = one.key WHERE e.id = {{1}} AND {_FOUND}"
).replace("{0}", "e")
_OF_EDIT = "(SELECT word_id FROM word_edits WHERE edit_id = {0})"
_REMOVE = (
    f"UPDATE words SET edits = edits - 1 WHERE id IN {_OF_EDIT}; "
    f"DELETE FROM words WHERE edits = 0 AND id IN {_OF_EDIT}; "
    "DELETE FROM word_edits WHERE edit_id = {0}"
)
_COLUMNS = ("namespace", "prompt", "statement", "target", "paraphrases", "unnamed", "holds")
_DIFFERS = " OR ".join(f"OLD.{column} IS NOT NEW.{column}" for column in _COLUMNS)
_CHANGED = f"(OLD.unnamed OR NEW.unnamed) AND ({_DIFFERS})"


def _trigger(name: str, event: str, *statements: str) -> str:
    return f"CREATE TRIGGER {name} {event} BEGIN {'; '.join(statements)}; END;\n"


def _anew(edit: str) -> str:
    return f"{_REMOVE.replace('{0}', edit)}; {_ADD.replace('{1}', edit)}"


TABLES = f"""
CREATE TABLE words (
    id INTEGER PRIMARY KEY,
    namespace TEXT NOT NULL,
    word TEXT NOT NULL,  -- folded and stemmed, or a few characters of a script without blanks
    edits INTEGER NOT NULL,  -- how many have it
    UNIQUE (namespace, word)
);
CREATE TABLE word_edits (
    word_id INTEGER NOT NULL,
    edit_id INTEGER NOT NULL,
    weight REAL NOT NULL,
    PRIMARY KEY (word_id, edit_id)
) WITHOUT ROWID;
CREATE INDEX word_edits_by_edit ON word_edits (edit_id);
{_trigger("edits_worded", f"AFTER INSERT ON edits WHEN {_FOUND.format('NEW')}", _ADD.replace("{1}", "NEW.id"))}\
{_trigger("edits_reworded", f"AFTER UPDATE ON edits WHEN {_CHANGED}", _anew("NEW.id"))}\
{_trigger("edits_unworded", "AFTER DELETE ON edits", _REMOVE.replace("{0}", "OLD.id"))}\
{_trigger("keys_worded", "AFTER INSERT ON keys WHEN NEW.kind = 'confirmed'", _anew("NEW.edit_id"))}\
{_trigger("keys_unworded", "AFTER DELETE ON keys WHEN OLD.kind = 'confirmed'", _anew("OLD.edit_id"))}\
{_trigger("keys_reworded", "AFTER UPDATE OF live ON keys WHEN NEW.kind = 'confirmed'", _anew("NEW.edit_id"))}\
"""


def register(connection: sqlite3.Connection) -> None:
    """Gives a connection the function by which the triggers cut texts into words."""

    def weighted_words(prompt: str, statement: str, target: str | None, paraphrases: str, confirmed: str) -> str:
        return to_json(words_of_edit(prompt, statement, target, [*json.loads(paraphrases), *json.loads(confirmed)]))

    connection.create_function("weighted_words", 5, weighted_words, deterministic=True)


def words_of_edit(prompt: str, statement: str, target: str | None, wordings: Iterable[str]) -> dict[str, float]:
    """The words by which an edit is found, with their weights."""
    texts = [prompt, *wordings]
    if statement.startswith(prompt):  # which made it, with the answer
        return weights(texts, f"{statement} {target or ''}")
    return weights([*texts, statement], target or "")


def weights(texts: Iterable[str], answer: str) -> dict[str, float]:
    """The words of an edit with their weights, above 0, from its texts and its answer."""
    found: dict[str, float] = {}
    for text, share in [*((text, 1.0) for text in dict.fromkeys(texts)), (answer, _OF_ANSWER)]:
        held = set(words(text))
        length = 1 - _LENGTH + _LENGTH * len(held) / _USUAL
        weight = round(share * (1 + _SATURATION) / (1 + _SATURATION * length), _DIGITS)
        for word in held:
            found[word] = max(found.get(word, 0.0), weight)
    return found


def up_to_date(connection: Connection) -> bool:
    """Whether the texts of all edits were cut into words by the rules of today."""
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (NOTE,)).fetchone()
    return row is not None and row[0] == WORD_RULES


def fill(connection: sqlite3.Connection) -> None:
    """Cuts the texts of all edits into words, in one transaction, unless the rules of today have done so."""
    if up_to_date(connection):
        return
    one = f"FROM edits e CROSS JOIN {_WORDS.format('e')} one"
    found = _FOUND.format("e")
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not up_to_date(connection):  # another process may have been quicker
            connection.execute("DELETE FROM word_edits")
            connection.execute("DELETE FROM words")
            connection.execute(
                f"INSERT INTO words (namespace, word, edits) SELECT e.namespace, one.key, count(*) {one} "
                f"WHERE {found} GROUP BY e.namespace, one.key"
            )
            connection.execute(
                f"INSERT INTO word_edits SELECT words.id, e.id, one.value {one} CROSS JOIN words "
                f"ON words.namespace = e.namespace AND words.word = one.key WHERE {found}"
            )
            connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (NOTE, WORD_RULES))
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
