"""The tables of names, which follow the edits by themselves: a name is there while some edit that holds gives it.

They are kept by triggers, so whatever changes an edit, an undo or a purge too, changes them in the same transaction.
Each statement of a trigger stands in one line, since scripts are parted at the ends of lines.
"""

# ruff: noqa: S608 - what is joined into SQL is constants of this module

import sqlite3
from functools import lru_cache

from kedit_memory.memory.rows import to_json
from kedit_memory.memory.spellings import pairs_of, spellings, words_of
from kedit_memory.text import LONGEST_LINE, fold, name_key, words_key

_NAMES = "json_each(json_insert({0}.aliases, '$[#]', {0}.subject))"
_ADD = (
    "INSERT OR IGNORE INTO names (namespace, subject, surface, name, words) "
    "SELECT {0}.namespace, {0}.subject, value, name_key(value), words_key(value) "
    f"FROM {{1}}{_NAMES} WHERE {{0}}.holds AND {{0}}.subject IS NOT NULL AND name_key(value) <> ''"
)
_LINK = (
    f"INSERT OR IGNORE INTO named SELECT {{0}}.id, names.id FROM {{1}}{_NAMES} CROSS JOIN names "
    "ON names.namespace = {0}.namespace AND names.subject = {0}.subject AND names.surface = value WHERE {0}.holds"
)
_GIVEN = (
    "SELECT names.id FROM names WHERE namespace = NEW.namespace AND subject = NEW.subject AND NEW.holds "
    f"AND surface IN (SELECT value FROM {_NAMES.format('NEW')})"
)
_CHANGED = " OR ".join(f"OLD.{column} IS NOT NEW.{column}" for column in ("namespace", "subject", "aliases", "holds"))

# The last two statements write the names of the edits of a store that had none.
TABLES = f"""
CREATE TABLE names (
    id INTEGER PRIMARY KEY,
    namespace TEXT NOT NULL,
    subject TEXT NOT NULL,
    surface TEXT NOT NULL,  -- the subject or an alias, as it is written
    name TEXT NOT NULL,  -- the folded tokens of the surface
    words TEXT NOT NULL,  -- those of them that are words
    UNIQUE (namespace, subject, surface)
);
CREATE INDEX names_by_name ON names (namespace, name);
CREATE INDEX names_by_words ON names (namespace, words);
CREATE TABLE name_words (
    namespace TEXT NOT NULL,
    word TEXT NOT NULL,  -- or two, which a text may have as one
    name_id INTEGER NOT NULL REFERENCES names (id),
    PRIMARY KEY (namespace, word, name_id)
) WITHOUT ROWID;
CREATE INDEX name_words_by_name ON name_words (name_id);
CREATE TABLE name_spellings (
    namespace TEXT NOT NULL,
    spelling TEXT NOT NULL,  -- what is left of a word when letters are left out
    word TEXT NOT NULL,
    PRIMARY KEY (namespace, spelling, word)
) WITHOUT ROWID;
CREATE TABLE name_pairs (
    namespace TEXT NOT NULL,
    pair TEXT NOT NULL,  -- how two words of a name begin
    name_id INTEGER NOT NULL REFERENCES names (id),
    PRIMARY KEY (namespace, pair, name_id)
) WITHOUT ROWID;
CREATE INDEX name_pairs_by_name ON name_pairs (name_id);
CREATE TRIGGER names_added AFTER INSERT ON names BEGIN \
INSERT OR IGNORE INTO name_spellings SELECT NEW.namespace, one.value, word.key \
FROM json_each(words_of_name(NEW.surface)) word CROSS JOIN json_each(word.value) one; \
INSERT INTO name_words SELECT NEW.namespace, key, NEW.id FROM json_each(words_of_name(NEW.surface)); \
INSERT INTO name_pairs SELECT NEW.namespace, value, NEW.id FROM json_each(pairs_of_name(NEW.surface)); END;
CREATE TRIGGER names_removed BEFORE DELETE ON names BEGIN \
DELETE FROM name_words WHERE name_id = OLD.id; DELETE FROM name_pairs WHERE name_id = OLD.id; END;
CREATE TRIGGER name_words_removed AFTER DELETE ON name_words WHEN NOT EXISTS \
(SELECT 1 FROM name_words WHERE namespace = OLD.namespace AND word = OLD.word) BEGIN \
DELETE FROM name_spellings WHERE namespace = OLD.namespace AND word = OLD.word \
AND spelling IN (SELECT value FROM json_each(spellings_of(OLD.word))); END;
CREATE TABLE named (
    edit_id INTEGER NOT NULL REFERENCES edits (id) ON DELETE CASCADE,
    name_id INTEGER NOT NULL REFERENCES names (id),
    PRIMARY KEY (edit_id, name_id)
) WITHOUT ROWID;
CREATE INDEX named_by_name ON named (name_id);
CREATE TRIGGER edits_named AFTER INSERT ON edits BEGIN {_ADD.format("NEW", "")}; {_LINK.format("NEW", "")}; END;
CREATE TRIGGER edits_renamed AFTER UPDATE ON edits WHEN {_CHANGED} BEGIN \
{_ADD.format("NEW", "")}; {_LINK.format("NEW", "")}; \
DELETE FROM named WHERE edit_id = NEW.id AND name_id NOT IN ({_GIVEN}); END;
CREATE TRIGGER named_removed AFTER DELETE ON named WHEN NOT EXISTS \
(SELECT 1 FROM named WHERE name_id = OLD.name_id) BEGIN DELETE FROM names WHERE id = OLD.name_id; END;
{_ADD.format("edits", "edits CROSS JOIN ")};
{_LINK.format("edits", "edits CROSS JOIN ")};
"""


def register(connection: sqlite3.Connection) -> None:
    """Gives a connection the functions by which the triggers read names."""

    def words_of_name(name: str) -> str:
        return to_json(_spelt(name))

    def pairs_of_name(name: str) -> str:
        return to_json(_paired(name))

    def spellings_of(word: str) -> str:
        return to_json(sorted(spellings(word.replace(" ", ""))))

    for function in (name_key, words_key, words_of_name, pairs_of_name, spellings_of):
        connection.create_function(function.__name__, 1, function, deterministic=True)


def name_of(surface: str) -> tuple[str, str, dict[str, list[str]], list[str]]:
    """What the tables hold of a name: name, words, the spellings of each word, pairs."""
    return name_key(surface), words_key(surface), _spelt(surface), _paired(surface)


@lru_cache(64)  # a trigger asks twice for each name
def _spelt(name: str) -> dict[str, list[str]]:
    return {word: sorted(of) for word, of in words_of(name).items()}


def _paired(name: str) -> list[str]:
    return sorted(pairs_of(fold(name[:LONGEST_LINE])))
