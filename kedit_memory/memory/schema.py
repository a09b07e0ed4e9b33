"""The tables of a store, as numbered migrations, and what makes a file one of ours."""

import sqlite3
from pathlib import Path

from kedit_memory.errors import StoreError

APPLICATION_ID = 0x4B454454  # "KEDT"
FORMAT_VERSION = 4

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

# Whether an edit answers on the days of its interval is a column; a superseded one did on those before its successor's.
_FOURTH = """
ALTER TABLE edits ADD COLUMN holds INTEGER NOT NULL DEFAULT 1;
ALTER TABLE edits ADD COLUMN part_of INTEGER;
UPDATE edits SET holds = status = 'active' OR (status = 'superseded' AND EXISTS (
    SELECT 1 FROM edits s WHERE s.id = edits.superseded_by AND s.valid_from >= edits.valid_until));
"""

MIGRATIONS: tuple[str, ...] = (_FIRST, _SECOND, _THIRD, _FOURTH)  # the n-th leads from format n - 1 to n


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Creates the tables or brings an older store up to date, in one transaction.

    Raises:
        StoreError: the file belongs to another program, or to a newer version of this one.
    """
    if _version(connection, path) == FORMAT_VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for script in MIGRATIONS[_version(connection, path) :]:
            for statement in script.split(";\n"):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection, path: Path) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
    empty = connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None
    if owner != APPLICATION_ID and not empty:
        raise StoreError(f"{path} is a database of another program; name another folder as the store")
    if version > FORMAT_VERSION:
        raise StoreError(
            f"{path} has format {version}, this version of kedit-memory reads up to "
            f"{FORMAT_VERSION}; install a newer kedit-memory"
        )
    return version
