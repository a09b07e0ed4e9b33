"""The tables of a store in PostgreSQL, and the functions of SQLite that its statements call there.

They are those of SQLite, column by column, at the format of today. An index that keeps an order takes values of some
2,700 bytes at most, so that long texts are found by their hash. What triggers of SQLite compute by functions of
Python is computed by the program instead: it hands names to `set_names` with each edit, and words to `set_words` at
the end of a transaction, for the edits that triggers have put into `touched`. So no row is written again and again
within a transaction, which PostgreSQL would have to skip over at each look.
"""

import re

from kedit_memory.memory.schema import CHECKED_TABLES, checksum_in

FORMAT = 7  # as in SQLite; later ones are scripts numbered from here

# Text is compared by its bytes, as in SQLite, whatever the database does otherwise.
_TEXT = 'text COLLATE "C"'

_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL, checksum bigint NOT NULL DEFAULT 0);
CREATE TABLE numbers (
    name TEXT PRIMARY KEY,  -- a table whose rows are counted; "format"; "version", which grows with each transaction
    last bigint NOT NULL
);
CREATE TABLE edits (
    id bigint PRIMARY KEY,
    namespace TEXT NOT NULL,
    kind TEXT NOT NULL,
    prompt TEXT NOT NULL,
    target TEXT,
    statement TEXT NOT NULL,
    subject TEXT,
    relation TEXT,
    paraphrases TEXT NOT NULL,
    aliases TEXT NOT NULL,
    metadata TEXT NOT NULL,
    radius_fixed boolean NOT NULL,
    valid_from TEXT,
    valid_until TEXT,
    source TEXT,
    status TEXT NOT NULL,
    superseded_by bigint,
    created_at TEXT NOT NULL,
    slot TEXT,
    prompt_key TEXT NOT NULL,
    subject_key TEXT,
    given_id TEXT,
    holds boolean NOT NULL,
    part_of bigint,
    checksum bigint NOT NULL,
    unnamed boolean NOT NULL
);
CREATE INDEX edits_by_slot ON edits USING hash (slot);
CREATE INDEX edits_by_prompt ON edits USING hash (prompt_key);
CREATE INDEX edits_by_subject ON edits USING hash (subject_key);
CREATE INDEX edits_without_subject ON edits (namespace) WHERE subject_key IS NULL AND holds;
CREATE INDEX edits_erasing ON edits (namespace, id) WHERE kind = 'erasure' AND holds;
CREATE INDEX edits_by_whole ON edits (part_of) WHERE part_of IS NOT NULL;
CREATE INDEX edits_by_successor ON edits (superseded_by) WHERE superseded_by IS NOT NULL;
CREATE UNIQUE INDEX edits_by_given_id ON edits (namespace, given_id) WHERE given_id IS NOT NULL AND status = 'active';
CREATE INDEX edits_by_name ON edits (given_id) WHERE given_id IS NOT NULL;
CREATE INDEX edits_by_status ON edits (namespace, status);
CREATE INDEX edits_unnamed ON edits (namespace) WHERE unnamed AND holds;
CREATE TABLE keys (
    id bigint PRIMARY KEY,
    edit_id bigint NOT NULL REFERENCES edits (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('prompt', 'statement', 'paraphrase', 'confirmed', 'rejected')),
    text TEXT NOT NULL,
    radius double precision NOT NULL CHECK (radius >= 0 AND radius <= 2),
    live boolean NOT NULL DEFAULT true,
    vector bytea NOT NULL,
    checksum bigint NOT NULL
);
CREATE INDEX keys_by_edit ON keys (edit_id);
CREATE INDEX keys_by_text ON keys USING hash (text);
CREATE INDEX keys_rejected ON keys (edit_id) WHERE live AND kind = 'rejected';
CREATE INDEX keys_expanded ON keys (radius) WHERE live AND radius > 0.65;
CREATE TABLE operations (
    seq bigint PRIMARY KEY,
    verb TEXT NOT NULL,
    namespace TEXT,
    at TEXT NOT NULL,
    undone_by bigint REFERENCES operations (seq),
    token TEXT NOT NULL,
    fired boolean,
    checksum bigint NOT NULL DEFAULT 0
);
CREATE INDEX operations_by_undo ON operations (undone_by) WHERE undone_by IS NOT NULL;
CREATE TABLE changes (
    id bigint PRIMARY KEY,
    operation bigint NOT NULL REFERENCES operations (seq) ON DELETE CASCADE,
    verb TEXT NOT NULL,
    edit_id bigint NOT NULL,
    before TEXT,
    after TEXT,
    checksum bigint NOT NULL
);
CREATE INDEX changes_by_operation ON changes (operation);
CREATE INDEX changes_by_edit ON changes (edit_id);
CREATE TABLE consolidations (
    operation bigint PRIMARY KEY REFERENCES operations (seq) ON DELETE CASCADE,
    fingerprint TEXT NOT NULL,
    base TEXT NOT NULL,
    method TEXT NOT NULL,
    folder TEXT NOT NULL,
    checksum bigint NOT NULL DEFAULT 0
);
CREATE INDEX consolidations_by_fingerprint ON consolidations (fingerprint);
CREATE TABLE consolidated (
    operation bigint NOT NULL REFERENCES consolidations (operation) ON DELETE CASCADE,
    edit_id bigint NOT NULL REFERENCES edits (id) ON DELETE CASCADE,
    prompt TEXT NOT NULL,
    target TEXT NOT NULL,
    checksum bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (operation, edit_id)
);
CREATE INDEX consolidated_by_edit ON consolidated (edit_id);
CREATE VIEW counts AS SELECT namespace, status, count(*) AS edits FROM edits GROUP BY namespace, status;
CREATE TABLE names (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace TEXT NOT NULL,
    subject TEXT NOT NULL,
    surface TEXT NOT NULL,
    name TEXT NOT NULL,
    words TEXT NOT NULL
);
CREATE UNIQUE INDEX names_once ON names (namespace, md5(subject), md5(surface));
CREATE INDEX names_by_subject ON names USING hash (subject);
CREATE INDEX names_by_name ON names (namespace, name);
CREATE INDEX names_by_words ON names (namespace, words);
CREATE TABLE name_words (
    namespace TEXT NOT NULL,
    word TEXT NOT NULL,
    name_id bigint NOT NULL REFERENCES names (id) ON DELETE CASCADE,
    PRIMARY KEY (namespace, word, name_id)
);
CREATE INDEX name_words_by_name ON name_words (name_id);
CREATE TABLE name_spellings (
    namespace TEXT NOT NULL,
    spelling TEXT NOT NULL,
    word TEXT NOT NULL,
    PRIMARY KEY (namespace, spelling, word)
);
CREATE INDEX name_spellings_by_word ON name_spellings (namespace, word);
CREATE TABLE name_pairs (
    namespace TEXT NOT NULL,
    pair TEXT NOT NULL,
    name_id bigint NOT NULL REFERENCES names (id) ON DELETE CASCADE,
    PRIMARY KEY (namespace, pair, name_id)
);
CREATE INDEX name_pairs_by_name ON name_pairs (name_id);
CREATE TABLE named (
    edit_id bigint NOT NULL REFERENCES edits (id) ON DELETE CASCADE,
    name_id bigint NOT NULL REFERENCES names (id),
    PRIMARY KEY (edit_id, name_id)
);
CREATE INDEX named_by_name ON named (name_id);
CREATE TABLE words (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace TEXT NOT NULL,
    word TEXT NOT NULL,
    edits bigint NOT NULL,
    UNIQUE (namespace, word)
);
CREATE INDEX words_unused ON words (id) WHERE edits = 0;
CREATE TABLE word_edits (
    word_id bigint NOT NULL,
    edit_id bigint NOT NULL,
    weight double precision NOT NULL,
    PRIMARY KEY (word_id, edit_id)
);
CREATE INDEX word_edits_by_edit ON word_edits (edit_id);
CREATE TABLE touched (edit_id bigint NOT NULL);  -- whose words are to be cut anew before the commit
"""

_OF_SQLITE = r"""
CREATE FUNCTION as_json(text) RETURNS json LANGUAGE sql IMMUTABLE STRICT AS $body$
    -- An escaped NUL is no text here, so that it is left out where JSON is looked into.
    SELECT CASE WHEN strpos($1, '\u0000') = 0 THEN $1
           ELSE regexp_replace($1, '(?<!\\)((?:\\\\)*)\\u0000', '\1', 'g') END::json
$body$;
CREATE FUNCTION plain(json) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $body$
    SELECT CASE json_typeof($1) WHEN 'number' THEN trim_scale(($1 #>> '{}')::numeric)::text ELSE $1 #>> '{}' END
$body$;
CREATE FUNCTION json_each(text) RETURNS TABLE (key text, value text, type text)
LANGUAGE sql IMMUTABLE ROWS 20 AS $body$
    SELECT (one.at - 1)::text, plain(one.part), json_typeof(one.part) FROM json_array_elements(
        CASE json_typeof(as_json($1)) WHEN 'array' THEN as_json($1) ELSE '[]' END
    ) WITH ORDINALITY AS one (part, at)
    UNION ALL
    SELECT one.name, plain(one.part), json_typeof(one.part) FROM pg_catalog.json_each(
        CASE json_typeof(as_json($1)) WHEN 'object' THEN as_json($1) ELSE '{}' END
    ) AS one (name, part)
$body$;
CREATE FUNCTION json_extract(text, text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $body$
    SELECT as_json($1) #>> string_to_array(substr($2, 3), '.')
$body$;
CREATE FUNCTION instr(text, text) RETURNS integer LANGUAGE sql IMMUTABLE STRICT AS $body$
    SELECT strpos($1, $2)
$body$;
CREATE FUNCTION array_text(text[]) RETURNS text LANGUAGE sql IMMUTABLE AS $body$
    SELECT array_to_json($1)::text
$body$;
CREATE AGGREGATE json_group_array(text) (
    sfunc = array_append, stype = text[], initcond = '{}', finalfunc = array_text
);
CREATE FUNCTION with_member(jsonb, text, bigint) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $body$
    SELECT $1 || jsonb_build_object($2, $3)
$body$;
CREATE FUNCTION object_text(jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $body$
    SELECT $1::text
$body$;
CREATE AGGREGATE json_group_object(text, bigint) (
    sfunc = with_member, stype = jsonb, initcond = '{}', finalfunc = object_text
);
"""

_FOLLOWING = """
CREATE FUNCTION set_names(_edit bigint, _namespace text, _subject text, _given json)
RETURNS void LANGUAGE plpgsql AS $body$
DECLARE
    _one json;
    _name bigint;
BEGIN
    -- Each as [surface, name, words, {word: [spellings]}, [pairs]].
    FOR _one IN SELECT json_array_elements(_given) LOOP
        INSERT INTO names (namespace, subject, surface, name, words)
            VALUES (_namespace, _subject, _one ->> 0, _one ->> 1, _one ->> 2) ON CONFLICT DO NOTHING
            RETURNING id INTO _name;
        CONTINUE WHEN _name IS NULL;
        INSERT INTO name_words SELECT _namespace, part.key, _name FROM pg_catalog.json_each(_one -> 3) part;
        INSERT INTO name_spellings SELECT _namespace, spelling, part.key
            FROM pg_catalog.json_each(_one -> 3) part CROSS JOIN json_array_elements_text(part.value) spelling
            ON CONFLICT DO NOTHING;
        INSERT INTO name_pairs SELECT _namespace, pair, _name FROM json_array_elements_text(_one -> 4) pair;
    END LOOP;
    INSERT INTO named SELECT _edit, names.id FROM names WHERE namespace = _namespace AND subject = _subject
        AND surface IN (SELECT one ->> 0 FROM json_array_elements(_given) one) ON CONFLICT DO NOTHING;
    DELETE FROM named WHERE edit_id = _edit AND name_id NOT IN (SELECT names.id FROM names
        WHERE namespace = _namespace AND subject = _subject
        AND surface IN (SELECT one ->> 0 FROM json_array_elements(_given) one));
END $body$;
CREATE FUNCTION drop_name() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM named WHERE name_id = OLD.name_id) THEN
        DELETE FROM names WHERE id = OLD.name_id;
    END IF;
    RETURN NULL;
END $body$;
CREATE TRIGGER named_removed AFTER DELETE ON named FOR EACH ROW EXECUTE FUNCTION drop_name();
CREATE FUNCTION drop_spellings() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM name_words WHERE namespace = OLD.namespace AND word = OLD.word) THEN
        DELETE FROM name_spellings WHERE namespace = OLD.namespace AND word = OLD.word;
    END IF;
    RETURN NULL;
END $body$;
CREATE TRIGGER name_words_removed AFTER DELETE ON name_words FOR EACH ROW EXECUTE FUNCTION drop_spellings();
CREATE FUNCTION set_words(_edits json, _found json) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    -- Of each edit as [edit, word, weight]; what the edits had before goes.
    WITH gone AS (
        DELETE FROM word_edits USING json_array_elements_text(_edits) one
        WHERE word_edits.edit_id = one::bigint RETURNING word_id
    ), counted AS (SELECT word_id, count(*) AS edits FROM gone GROUP BY word_id)
    UPDATE words SET edits = words.edits - counted.edits FROM counted WHERE words.id = counted.word_id;
    WITH fresh AS MATERIALIZED (
        SELECT e.namespace, e.id AS edit_id, one ->> 1 AS word, (one ->> 2)::double precision AS weight
        FROM json_array_elements(_found) one JOIN edits e ON e.id = (one ->> 0)::bigint
    ), kept AS (
        INSERT INTO words (namespace, word, edits)
            SELECT fresh.namespace, fresh.word, count(*) FROM fresh GROUP BY fresh.namespace, fresh.word
            ON CONFLICT (namespace, word) DO UPDATE SET edits = words.edits + excluded.edits
            RETURNING words.id, words.namespace, words.word
    )
    INSERT INTO word_edits SELECT kept.id, fresh.edit_id, fresh.weight FROM fresh JOIN kept USING (namespace, word);
    DELETE FROM words WHERE edits = 0;
END $body$;
CREATE FUNCTION touch_edit() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO touched VALUES (coalesce(NEW.id, OLD.id));
    RETURN NULL;
END $body$;
CREATE FUNCTION touch_key() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO touched VALUES (coalesce(NEW.edit_id, OLD.edit_id));
    RETURN NULL;
END $body$;
CREATE TRIGGER edits_worded AFTER INSERT ON edits FOR EACH ROW WHEN (NEW.unnamed AND NEW.holds)
    EXECUTE FUNCTION touch_edit();
CREATE TRIGGER edits_reworded AFTER UPDATE ON edits FOR EACH ROW WHEN ((OLD.unnamed OR NEW.unnamed) AND
    (OLD.namespace, OLD.prompt, OLD.statement, OLD.target, OLD.paraphrases, OLD.unnamed, OLD.holds) IS DISTINCT FROM
    (NEW.namespace, NEW.prompt, NEW.statement, NEW.target, NEW.paraphrases, NEW.unnamed, NEW.holds))
    EXECUTE FUNCTION touch_edit();
CREATE TRIGGER edits_unworded AFTER DELETE ON edits FOR EACH ROW WHEN (OLD.unnamed) EXECUTE FUNCTION touch_edit();
CREATE TRIGGER keys_worded AFTER INSERT ON keys FOR EACH ROW WHEN (NEW.kind = 'confirmed') EXECUTE FUNCTION touch_key();
CREATE TRIGGER keys_unworded AFTER DELETE ON keys FOR EACH ROW WHEN (OLD.kind = 'confirmed')
    EXECUTE FUNCTION touch_key();
CREATE TRIGGER keys_reworded AFTER UPDATE OF live ON keys FOR EACH ROW WHEN (NEW.kind = 'confirmed')
    EXECUTE FUNCTION touch_key();
"""


def spoken_checksum(sql: str) -> str:
    """SQL in which checksums are taken of one text each, since a function here takes no list of any values."""
    return re.sub(r"checksum_of\(([^()]*)\)", r"checksum_of(json_build_array(\1)::text)", sql)


def _checking(table: str) -> str:
    """Triggers that keep checksums; a row that was altered does not get another when it is written to."""
    old, new = (spoken_checksum(checksum_in(table, side)) for side in ("OLD.", "NEW."))
    return f"""
CREATE FUNCTION check_{table}() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.checksum := {new};
    ELSIF OLD.checksum = {old} THEN
        NEW.checksum := {new};
    END IF;
    RETURN NEW;
END $body$;
CREATE TRIGGER {table}_checked BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION check_{table}();
"""


_CHECKING = """
CREATE FUNCTION checksum_of(text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $body$
    SELECT ('x' || left(encode(sha256(convert_to($1, 'UTF8')), 'hex'), 8))::bit(32)::bigint
$body$;
""" + "".join(map(_checking, CHECKED_TABLES))

SCRIPT = re.sub(r"\bTEXT\b", _TEXT, _TABLES) + _OF_SQLITE + _FOLLOWING + _CHECKING
# Whatever the script makes, by kind and name.
MADE = frozenset(re.findall(r"CREATE (?:UNIQUE )?(TABLE|VIEW|INDEX|FUNCTION|AGGREGATE|TRIGGER) (\w+)", SCRIPT))
TABLES = tuple(re.findall(r"CREATE TABLE (\w+)", SCRIPT))
