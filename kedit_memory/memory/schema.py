"""The tables of a store, as numbered migrations, and what makes a file one of ours."""

# ruff: noqa: S608 - what is joined into SQL is constants of this module

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from functools import cache
from pathlib import Path

from kedit_memory.memory.conflicts import prompt_key, slot_of, subject_key
from kedit_memory.memory.name_tables import TABLES as NAMES
from kedit_memory.memory.name_tables import register
from kedit_memory.memory.subjects import is_unnamed
from kedit_memory.memory.word_tables import TABLES as WORDS
from kedit_memory.memory.word_tables import register as register_words
from kedit_memory.sqlite import checksum, made_of, migrate, run

APPLICATION_ID = 0x4B454454  # "KEDT"
# What the checksums that triggers keep are of, by table: the columns of its key, and the others.
_CHECKED: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "meta": (("name",), ("value",)),
    "operations": (("seq",), ("verb", "namespace", "at", "undone_by", "token", "fired")),
    "consolidations": (("operation",), ("fingerprint", "base", "method", "folder")),
    "consolidated": (("operation", "edit_id"), ("prompt", "target")),
}
CHECKED_TABLES = tuple(_CHECKED)


def _counting(name: str, event: str, row: str, step: int) -> str:
    """A trigger that keeps the counts of edits, in one line: scripts are parted at the ends of lines."""
    return (
        f"CREATE TRIGGER edits_{name} AFTER {event} ON edits BEGIN "
        f"INSERT INTO counts VALUES ({row}.namespace, {row}.status, {step}) "
        f"ON CONFLICT (namespace, status) DO UPDATE SET edits = edits + {step}; END;"
    )


def _with_holds(side: str) -> str:
    """Adds to edits in history whether they held, as their successors' intervals of today tell."""
    found = f"json_extract({side}, '$.edit.%s')"
    holds = (
        f"{found % 'status'} = 'active' OR ({found % 'status'} = 'superseded' AND EXISTS (SELECT 1 FROM edits s "
        f"WHERE s.id = CAST(substr({found % 'superseded_by'}, 2) AS INTEGER) "
        f"AND (s.valid_from >= {found % 'valid_until'} OR s.valid_until <= {found % 'valid_from'})))"
    )
    return (
        f"UPDATE changes SET {side} = json_set({side}, '$.edit.given_id', NULL, '$.edit.part_of', NULL, "
        f"'$.edit.holds', json(CASE WHEN {holds} THEN 'true' ELSE 'false' END)) WHERE {side} IS NOT NULL;"
    )


def checksum_in(table: str, side: str = "") -> str:
    """The checksum that a row should have; `side` names the row where it is not the only one."""
    key, others = _CHECKED[table]
    return f"checksum_of({', '.join(f'{side}{column}' for column in (*key, *others))})"


def _checked(table: str) -> str:
    """Gives each row of a table a checksum; one that was altered does not get another when it is written to."""
    key, others = _CHECKED[table]
    this = " AND ".join(f"{column} = NEW.{column}" for column in key)
    note = f"UPDATE {table} SET checksum = {checksum_in(table)}"
    return (
        f"ALTER TABLE {table} ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;\n{note};\n"
        f"CREATE TRIGGER {table}_written AFTER INSERT ON {table} BEGIN {note} WHERE {this}; END;\n"
        f"CREATE TRIGGER {table}_changed AFTER UPDATE OF {', '.join((*key, *others))} ON {table} "
        f"WHEN OLD.checksum = {checksum_in(table, 'OLD.')} BEGIN {note} WHERE {this}; END;\n"
    )


def whole(table: str, alias: str) -> str:
    """The condition that a row, under the name `alias` in a query, is as it was written."""
    return f"{alias}.checksum = {checksum_in(table, f'{alias}.')}"


_FIRST = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE edits (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- 17 is shown as e17; never used twice
    namespace TEXT NOT NULL,
    kind TEXT NOT NULL,
    prompt TEXT NOT NULL,
    target TEXT,
    statement TEXT NOT NULL,
    subject TEXT,
    relation TEXT,
    paraphrases TEXT NOT NULL,  -- JSON lists and object
    aliases TEXT NOT NULL,
    metadata TEXT NOT NULL,
    radius_fixed INTEGER NOT NULL,  -- given by the caller, hence never moved by other edits
    valid_from TEXT,
    valid_until TEXT,
    source TEXT,
    status TEXT NOT NULL,
    superseded_by INTEGER,
    created_at TEXT NOT NULL,
    slot TEXT,  -- folded subject and relation, when both are known
    prompt_key TEXT NOT NULL,  -- folded prompt
    subject_key TEXT  -- folded subject
);
CREATE INDEX edits_by_slot ON edits (namespace, slot) WHERE slot IS NOT NULL;
CREATE INDEX edits_by_prompt ON edits (namespace, prompt_key);
CREATE INDEX edits_by_subject ON edits (namespace, subject_key, status);
CREATE INDEX edits_without_subject ON edits (status) WHERE subject_key IS NULL;
CREATE TABLE keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    edit_id INTEGER NOT NULL REFERENCES edits (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('prompt', 'statement', 'paraphrase')),
    text TEXT NOT NULL,
    radius REAL NOT NULL CHECK (radius >= 0 AND radius <= 2),
    live INTEGER NOT NULL DEFAULT 1,  -- 0: replaced by an update, kept for its undo
    vector BLOB NOT NULL,  -- float32, little endian
    checksum INTEGER NOT NULL  -- CRC-32 of the vector
);
CREATE INDEX keys_by_edit ON keys (edit_id);
CREATE INDEX keys_by_text ON keys (text);
CREATE TABLE operations (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    verb TEXT NOT NULL,
    namespace TEXT,  -- NULL when it touched several
    at TEXT NOT NULL,
    undone_by INTEGER REFERENCES operations (seq)
);
CREATE TABLE changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    operation INTEGER NOT NULL REFERENCES operations (seq) ON DELETE CASCADE,
    verb TEXT NOT NULL,
    edit_id INTEGER NOT NULL,  -- no reference: history outlives the edit
    before TEXT,  -- JSON of the edit and its keys; NULL when there was none
    after TEXT
);
CREATE INDEX changes_by_operation ON changes (operation);
CREATE INDEX changes_by_edit ON changes (edit_id);
"""

# SQLite cannot change a CHECK, so the table is made anew; key numbers go on where they were.
_SECOND = """
CREATE TABLE keys_2 (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    edit_id INTEGER NOT NULL REFERENCES edits (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('prompt', 'statement', 'paraphrase', 'confirmed', 'rejected')),
    text TEXT NOT NULL,
    radius REAL NOT NULL CHECK (radius >= 0 AND radius <= 2),
    live INTEGER NOT NULL DEFAULT 1,  -- 0: replaced by an update or taken back by feedback, kept for its undo
    vector BLOB NOT NULL,  -- float32, little endian
    checksum INTEGER NOT NULL  -- CRC-32 of the vector
);
INSERT INTO keys_2 SELECT id, edit_id, kind, text, radius, live, vector, checksum FROM keys;
DELETE FROM sqlite_sequence WHERE name = 'keys_2';
INSERT INTO sqlite_sequence (name, seq) SELECT 'keys_2', seq FROM sqlite_sequence WHERE name = 'keys';
DROP TABLE keys;
ALTER TABLE keys_2 RENAME TO keys;
CREATE INDEX keys_by_edit ON keys (edit_id);
CREATE INDEX keys_by_text ON keys (text);
CREATE INDEX keys_rejected ON keys (edit_id) WHERE live AND kind = 'rejected';
CREATE INDEX keys_expanded ON keys (radius) WHERE live AND radius > 0.65;
"""

# Which edits a model holds in its weights follows from operations, so that an undo needs no more than its mark on one.
_THIRD = """
CREATE TABLE consolidations (
    operation INTEGER PRIMARY KEY REFERENCES operations (seq) ON DELETE CASCADE,
    fingerprint TEXT NOT NULL,  -- of the model that holds the edits
    base TEXT NOT NULL,  -- of the model that they were written into
    method TEXT NOT NULL,
    folder TEXT NOT NULL  -- where the checkpoint was saved
);
CREATE INDEX consolidations_by_fingerprint ON consolidations (fingerprint);
CREATE TABLE consolidated (
    operation INTEGER NOT NULL REFERENCES consolidations (operation) ON DELETE CASCADE,
    edit_id INTEGER NOT NULL REFERENCES edits (id) ON DELETE CASCADE,
    prompt TEXT NOT NULL,  -- as they were written: an edit that says something else by now answers from the memory
    target TEXT NOT NULL,
    PRIMARY KEY (operation, edit_id)
) WITHOUT ROWID;
CREATE INDEX consolidated_by_edit ON consolidated (edit_id);
"""

# What has to be told at once: which store and operation a cache belongs to, which edits still answer on the days of
# their interval, whether a row is as it was written, how many edits there are.
_FOURTH = f"""
ALTER TABLE edits ADD COLUMN given_id TEXT;
ALTER TABLE edits ADD COLUMN holds INTEGER NOT NULL DEFAULT 0;
ALTER TABLE edits ADD COLUMN part_of INTEGER;
ALTER TABLE edits ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
UPDATE edits SET
    slot = slot_of(subject, relation), prompt_key = prompt_key(prompt), subject_key = subject_key(subject),
    holds = (status = 'active' OR (status = 'superseded' AND EXISTS (
        SELECT 1 FROM edits s WHERE s.id = edits.superseded_by
        AND (s.valid_from >= edits.valid_until OR s.valid_until <= edits.valid_from))));
UPDATE edits SET checksum = checksum_of(
    given_id, namespace, kind, prompt, target, statement, subject, relation, paraphrases, aliases, radius_fixed,
    valid_from, valid_until, source, metadata, status, holds, superseded_by, part_of, created_at, slot, prompt_key,
    subject_key);
DROP INDEX edits_by_slot;
DROP INDEX edits_by_prompt;
DROP INDEX edits_by_subject;
DROP INDEX edits_without_subject;
CREATE INDEX edits_by_slot ON edits (namespace, slot, holds) WHERE slot IS NOT NULL;
CREATE INDEX edits_by_prompt ON edits (namespace, prompt_key, holds);
CREATE INDEX edits_by_subject ON edits (namespace, subject_key, holds);
CREATE INDEX edits_without_subject ON edits (namespace) WHERE subject_key IS NULL AND holds;
CREATE INDEX edits_erasing ON edits (namespace, subject_key) WHERE kind = 'erasure' AND holds;
CREATE INDEX edits_by_whole ON edits (part_of) WHERE part_of IS NOT NULL;
CREATE UNIQUE INDEX edits_by_given_id ON edits (namespace, given_id) WHERE given_id IS NOT NULL AND status = 'active';
CREATE INDEX edits_by_name ON edits (given_id) WHERE given_id IS NOT NULL;
UPDATE keys SET checksum = checksum_of(kind, text, radius, vector);
ALTER TABLE operations ADD COLUMN token TEXT NOT NULL DEFAULT '';
ALTER TABLE changes ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
{_with_holds("before")}
{_with_holds("after")}
UPDATE changes SET checksum = checksum_of(verb, edit_id, before, after);
CREATE TABLE counts (
    namespace TEXT NOT NULL,
    status TEXT NOT NULL,
    edits INTEGER NOT NULL,
    PRIMARY KEY (namespace, status)
) WITHOUT ROWID;
INSERT INTO counts SELECT namespace, status, count(*) FROM edits GROUP BY namespace, status;
{_counting("inserted", "INSERT", "NEW", 1)}
{_counting("deleted", "DELETE", "OLD", -1)}
{_counting("left", "UPDATE OF namespace, status", "OLD", -1)}
{_counting("entered", "UPDATE OF namespace, status", "NEW", 1)}
INSERT INTO meta VALUES ('store_id', lower(hex(randomblob(16))));
{NAMES}"""

# Which edits a question need not name: those are found by words and meaning, too.
_FIFTH = f"""
ALTER TABLE edits ADD COLUMN unnamed INTEGER NOT NULL DEFAULT 1;
UPDATE edits SET unnamed = is_unnamed(subject, prompt, statement);
UPDATE edits SET checksum = checksum_of(
    given_id, namespace, kind, prompt, target, statement, subject, relation, paraphrases, aliases, radius_fixed,
    valid_from, valid_until, source, metadata, status, holds, superseded_by, part_of, created_at, slot, prompt_key,
    subject_key, unnamed);
CREATE INDEX edits_unnamed ON edits (namespace) WHERE unnamed AND holds;
{WORDS}"""

# Whether the edit had answered the question that feedback is about; NULL where nobody said.
_SIXTH = """
ALTER TABLE operations ADD COLUMN fired INTEGER;
"""

# Whether a row is as it was written, for those that no earlier format checks.
_SEVENTH = "".join(map(_checked, _CHECKED))

MIGRATIONS: tuple[str, ...] = (
    _FIRST,
    _SECOND,
    _THIRD,
    _FOURTH,
    _FIFTH,
    _SIXTH,
    _SEVENTH,
)  # the n-th leads from format n - 1 to n


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Creates the tables or brings an older store up to date, in one transaction.

    Raises:
        StoreError: the file belongs to another program, is of a newer format, or may not be changed.
    """
    _register(connection)
    migrate(connection, path, MIGRATIONS, APPLICATION_ID)


@cache
def tables() -> Mapping[str, str]:
    """What makes each table, index and trigger of a store of today, by name."""
    with closing(empty_store()) as connection:
        return made_of(connection)


def empty_store() -> sqlite3.Connection:
    """A database of today that is nobody's store: in memory, and in a file without a name where it grows large."""
    connection = sqlite3.connect("")
    connection.create_function("checksum_of", -1, checksum, deterministic=True)
    _register(connection)
    run(connection, MIGRATIONS)
    return connection


def _register(connection: sqlite3.Connection) -> None:
    """Gives a connection the functions that migrations and triggers call."""
    for function in (slot_of, prompt_key, subject_key, is_unnamed):
        connection.create_function(function.__name__, -1, function, deterministic=True)
    register(connection)
    register_words(connection)
