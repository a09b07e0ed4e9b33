"""Which names stand in a text: what a look-up costs follows from the text's length, whatever the number of names."""

# ruff: noqa: S608 - what is joined into SQL is constants of this package; values are bound

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from kedit_memory.memory.database import Row
from kedit_memory.memory.rows import to_json
from kedit_memory.memory.spellings import STEM, beginning, spellings

RARE = 100  # names with a pair of words, beyond which the pair brings none of them up


@dataclass(frozen=True, kw_only=True)
class Name:
    """A name that a text may hold."""

    surface: str  # as it was given
    subject: str  # what it is a name of
    surfaces: tuple[str, ...]  # every way in which the subject is written
    edited: bool  # whether an edit is about it


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A name that stands, or seems to, at tokens or words [start, end) of a text."""

    start: int
    end: int
    name: Name


@dataclass(frozen=True, kw_only=True)
class InPieces:
    """A name of which two words may stand in a text.

    Attributes:
        holders: of each of its words, how many names have one that begins alike; counted up to `RARE`.
    """

    name: Name
    holders: Mapping[str, int]


class Names(Protocol):
    """Known names, as a linker looks them up; safe to share between threads."""

    def standing(self, text: Sequence[str]) -> list[Standing]:
        """Every name whose tokens stand in a text, given by its folded tokens; "" among these parts two texts."""
        ...

    def alike(self, text: Sequence[str], places: Collection[tuple[int, int]]) -> list[Standing]:
        """Every name of which the words [start, end) of a text may be a misspelling, for some of these places."""
        ...

    def in_pieces(self, pairs: Iterable[str]) -> list[InPieces]:
        """Every name that has one of these pairs of beginnings (see `pairs_of`), unless very many have it."""
        ...


class StoredNames:
    """The names that the edits of a namespace give, as a snapshot has them. Each look-up is one statement."""

    def __init__(self, query: Callable[..., Sequence[Row]], namespace: str) -> None:
        self._query = query
        self._namespace = namespace

    def standing(self, text: Sequence[str]) -> list[Standing]:
        """Every name whose tokens stand in a text, given by its folded tokens; "" among these parts two texts."""
        return self._walked(_STANDING, text)

    def alike(self, text: Sequence[str], places: Collection[tuple[int, int]]) -> list[Standing]:
        """Every name of which the words [start, end) of a text may be a misspelling, for some of these places."""
        inside = {place for start, end in places for place in range(start, end)}
        words = [word if place in inside else "" for place, word in enumerate(text)]
        pairs = [one and other and beginning(one + other) for one, other in pairwise(words)]
        spelt = {word: sorted(spellings(word)) for word in words if word}
        found = self._walked(_ALIKE, spelt, words, pairs, sorted({start for start, _ in places}))
        return [one for one in found if (one.start, one.end) in places]

    def in_pieces(self, pairs: Iterable[str]) -> list[InPieces]:
        """Every name that has one of these pairs of beginnings, unless very many have it."""
        rows = self._query(_IN_PIECES, self._namespace, to_json(sorted(pairs)))
        return [InPieces(name=self._name(row), holders=json.loads(row["holders"])) for row in rows]

    def _walked(self, sql: str, *values: object) -> list[Standing]:
        found = self._query(sql, self._namespace, *map(to_json, values))
        return [Standing(start=row["start"], end=row["finish"], name=self._name(row)) for row in found]

    def _name(self, row: Row) -> Name:
        surfaces = tuple(json.loads(row["surfaces"]))
        return Name(surface=row["surface"], subject=row["subject"], surfaces=surfaces, edited=True)


_SURFACES = (
    "(SELECT json_group_array(DISTINCT every.surface) FROM names every "
    "WHERE every.namespace = ?1 AND every.subject = found.subject) AS surfaces"
)


def _walk(column: str, words: str, starts: str) -> str:
    """Finds names from some words of a text on, word by word as long as some name begins so.

    Behind its words a name ends or goes on with a blank, and "!" is the character after a blank.
    """
    begins = (
        f"EXISTS (SELECT 1 FROM names one WHERE one.namespace = ?1 AND one.{column} >= {{0}} AND one.{column} < {{1}})"
    )
    goes_on = begins.format("walk.name || ' '", "walk.name || '!'")
    longer = "walk.name || ' ' || word.word"
    return f"""
        WITH RECURSIVE word(start, finish, word) AS MATERIALIZED ({words}),
        walk(start, finish, name) AS (
            SELECT start, finish, word FROM word WHERE {starts} AND {begins.format("word", "word || '!'")}
            UNION
            SELECT walk.start, word.finish, {longer} FROM walk CROSS JOIN word ON word.start = walk.finish
            WHERE {goes_on} AND {begins.format(longer, f"{longer} || '!'")}
        )
        SELECT walk.start, walk.finish, found.surface, found.subject, {_SURFACES}
        FROM walk CROSS JOIN names found ON found.namespace = ?1 AND found.{column} = walk.name
    """


_STANDING = _walk(
    "name", "SELECT CAST(key AS BIGINT), CAST(key AS BIGINT) + 1, value FROM json_each(?2) WHERE value <> ''", "true"
)
_SPELT = "CROSS JOIN name_spellings found ON found.namespace = ?1 AND found.spelling"
_ALIKE = _walk(
    "words",
    "WITH spelt(given, word) AS MATERIALIZED ("
    "SELECT given.key, given.key FROM json_each(?2) given UNION SELECT given.key, found.word "
    f"FROM json_each(?2) given CROSS JOIN json_each(given.value) one {_SPELT} = one.value "
    f"WHERE abs(length(found.word) - length(given.key)) <= {1 + 1}) "
    "SELECT CAST(at.key AS BIGINT), CAST(at.key AS BIGINT) + 1, spelt.word FROM json_each(?3) at CROSS JOIN "
    "spelt ON spelt.given = at.value UNION "
    f"SELECT CAST(at.key AS BIGINT), CAST(at.key AS BIGINT) + 2, found.word FROM json_each(?4) at {_SPELT} = "
    "at.value WHERE at.value <> ''",
    "start IN (SELECT CAST(value AS BIGINT) FROM json_each(?5))",
)
_COUNTED = f"SELECT 1 FROM name_pairs one WHERE one.namespace = ?1 AND one.pair = asked.value LIMIT {RARE + 1}"
_STEM = f"substr(part.word, 1, {STEM})"
_BEGINS = (
    "SELECT DISTINCT other.name_id FROM name_words other WHERE other.namespace = ?1 AND other.word >= "
    f"{_STEM} AND other.word < {_STEM} || CASE WHEN length(part.word) < {STEM} THEN char(1) ELSE "
    f"char({0x10FFFF}) END LIMIT {RARE}"
)
_IN_PIECES = f"""
    SELECT found.surface, found.subject, {_SURFACES},
           (SELECT json_group_object(part.word, (SELECT count(*) FROM ({_BEGINS}) few))
            FROM name_words part WHERE part.name_id = found.id) AS holders
    FROM names found WHERE found.id IN (
        SELECT pairs.name_id FROM json_each(?2) asked CROSS JOIN name_pairs pairs
        ON pairs.namespace = ?1 AND pairs.pair = asked.value
        WHERE (SELECT count(*) FROM ({_COUNTED}) few) <= {RARE})
"""
