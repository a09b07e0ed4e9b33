"""The names of a store: of the edits of a namespace that hold, kept by triggers; looked up at the cost of the text."""

# ruff: noqa: S608 - the tables are named here

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kedit_memory.memory.memory import EditMemory
from kedit_memory.memory.name_tables import TABLES, register
from kedit_memory.memory.names import Names, Standing, StoredNames
from kedit_memory.memory.spellings import pairs_of, spellings, words_of
from kedit_memory.models.encoder import HashingEncoder
from kedit_memory.routing.link import GivenNames
from kedit_memory.text import fold, parts, tokens

OF_NAMES = ("names", "named", "name_words", "name_spellings", "name_pairs")


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[EditMemory]:
    with EditMemory.open(tmp_path / "store", encoder=HashingEncoder()) as opened:
        yield opened


def standing(names: Names, text: str) -> set[tuple[str, str]]:
    """Surface and subject of the names in a text."""
    folded = fold(text)
    return {(one.name.surface, one.name.subject) for one in names.standing([folded[a:b] for a, b in tokens(folded)])}


def named(memory: EditMemory, text: str, namespace: str = "default") -> set[tuple[str, str]]:
    with memory.reader(namespace=namespace) as reader:
        return standing(reader.names, text)


def rows(memory: EditMemory) -> dict[str, set[tuple[object, ...]]]:
    """All rows of the tables of names, names by their text rather than their number."""
    connection = sqlite3.connect(memory.path / "store.db")
    of = "(SELECT namespace || '/' || subject || '/' || surface FROM names WHERE id = name_id)"
    chosen = {
        "names": "SELECT namespace, subject, surface, name, words FROM names",
        "named": f"SELECT edit_id, {of} FROM named",
        "name_words": f"SELECT namespace, word, {of} FROM name_words",
        "name_spellings": "SELECT namespace, spelling, word FROM name_spellings",
        "name_pairs": f"SELECT namespace, pair, {of} FROM name_pairs",
    }
    found = {table: set(connection.execute(sql).fetchall()) for table, sql in chosen.items()}
    connection.close()
    return found


def test_a_subject_and_its_aliases_are_names(memory: EditMemory) -> None:
    memory.add("Who leads it?", "x", subject="United Kingdom", aliases=["UK", "Great Britain"])
    assert named(memory, "Is the UK in Europe?") == {("UK", "United Kingdom")}
    assert named(memory, "united  KINGDOM; great britain") == {
        ("United Kingdom", "United Kingdom"),
        ("Great Britain", "United Kingdom"),
    }


def test_names_stay_in_their_namespace(memory: EditMemory) -> None:
    memory.add("Who leads it?", "x", subject="United Kingdom", aliases=["UK"], namespace="a")
    memory.add("Who leads it?", "y", subject="United Kingdom", namespace="b")
    assert named(memory, "the UK", "a") == {("UK", "United Kingdom")}
    assert named(memory, "the UK", "b") == set()
    assert named(memory, "the United Kingdom", "b") == {("United Kingdom", "United Kingdom")}


def test_a_name_goes_with_the_last_edit_that_gives_it(memory: EditMemory) -> None:
    first = memory.add("Who leads it?", "x", subject="United Kingdom", aliases=["UK"])
    second = memory.add("Where is it?", "y", subject="United Kingdom", aliases=["UK", "Britain"])
    memory.retract(second.id)
    assert named(memory, "UK or Britain") == {("UK", "United Kingdom")}
    memory.update(first.id, aliases=["GB"])
    assert named(memory, "UK or GB") == {("GB", "United Kingdom")}
    memory.undo()
    assert named(memory, "UK or GB") == {("UK", "United Kingdom")}
    memory.undo()
    assert named(memory, "UK or Britain") == {("UK", "United Kingdom"), ("Britain", "United Kingdom")}
    memory.update(first.id, subject="Albion")
    assert named(memory, "Albion, UK") == {("Albion", "Albion"), ("UK", "Albion"), ("UK", "United Kingdom")}


def test_a_superseded_edit_gives_names_for_its_days(memory: EditMemory) -> None:
    memory.add("Who leads it?", "x", subject="Old Town", relation="mayor", valid_from="2010")
    memory.add("Who leads it?", "y", subject="old town", relation="mayor", valid_from="2020")
    with memory.reader(as_of="2015-01-01") as reader:
        assert standing(reader.names, "Old Town") == {("Old Town", "Old Town"), ("old town", "old town")}
    memory.add("Who leads it?", "z", subject="old town", relation="mayor", valid_from="2000")
    assert named(memory, "Old Town") == {("old town", "old town")}


def test_nothing_is_left_of_a_purged_name(memory: EditMemory) -> None:
    kept = memory.add("Who leads it?", "x", subject="Karl-Heinz Berg", aliases=["Berg"])
    before = rows(memory)
    gone = memory.add("Where is she?", "y", subject="Wilhelmina Zauberberg", aliases=["Berg", "Mina Berg"])
    assert rows(memory)["name_spellings"] > before["name_spellings"]
    memory.retract(gone.id)
    memory.purge(gone.id)
    assert rows(memory) == before
    memory.retract(kept.id)
    assert rows(memory) == {table: set() for table in OF_NAMES}


def test_many_edits_about_one_subject_give_one_name(memory: EditMemory) -> None:
    memory.add_many([{"prompt": f"What is {n}?", "target": "x", "subject": "me", "aliases": ["I"]} for n in range(50)])
    found = rows(memory)
    assert len(found["names"]) == 2
    assert len(found["named"]) == 100


def test_a_lookup_is_one_statement_that_scans_no_table(memory: EditMemory) -> None:
    memory.add("Who leads it?", "x", subject="Karl Berg")
    asked: list[str] = []
    with memory.reader() as reader:

        def traced(sql: str, *values: object) -> list[sqlite3.Row]:
            asked.append(sql)
            plan = reader._rows.query(f"EXPLAIN QUERY PLAN {sql}", *values)
            assert not [row["detail"] for row in plan if row["detail"].startswith(("SCAN name", "SCAN found"))]
            return reader._rows.query(sql, *values)

        names = StoredNames(traced, "default")
        assert names.standing(["karl", "berg"])
        assert names.alike(["karl", "bergg"], {(0, 2)})
        assert names.in_pieces({"berg karl"})
    assert len(asked) == 3


WORDS = st.sampled_from(
    ["new", "york", "York", "city", "Karl-Heinz", "Berg", "bergen", "of", "the", "C++", "O'Neil", "11"]
)
NAMES = st.lists(st.lists(WORDS, min_size=1, max_size=4).map(" ".join), min_size=1, max_size=8, unique=True)


@settings(max_examples=60, deadline=None)
@given(NAMES, st.lists(WORDS | st.sampled_from(["Brg", "yorkk", "karlheinz", "?"]), max_size=8).map(" ".join))
def test_given_names_and_those_of_edits_are_found_alike(names: list[str], text: str) -> None:
    folded = fold(text)
    read, words = [folded[a:b] for a, b in tokens(folded)], parts(folded)
    places = {(i, k) for i in range(len(words)) for k in range(i + 1, len(words) + 1)}
    given_names = GivenNames((name, name) for name in names)
    stored = stored_names(names)
    assert found(stored.standing(read)) == found(given_names.standing(read))
    assert found(stored.alike(words, places)) == found(given_names.alike(words, places))
    pieces = [{one.name.surface: one.holders for one in of.in_pieces(pairs_of(folded))} for of in (stored, given_names)]
    assert pieces[0] == pieces[1]


def found(names: list[Standing]) -> list[tuple[int, int, str]]:
    return sorted({(one.start, one.end, one.name.surface) for one in names})


def stored_names(names: list[str]) -> StoredNames:
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    register(connection)
    connection.execute("CREATE TABLE edits (id INTEGER PRIMARY KEY, namespace, subject, aliases, holds)")
    connection.executescript(TABLES)
    connection.executemany("INSERT INTO edits VALUES (NULL, 'n', ?, '[]', 1)", [(name,) for name in names])
    return StoredNames(lambda sql, *values: connection.execute(sql, values).fetchall(), "n")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("einstein", "einstien"), ("switzerland", "switserland"), ("tchaikovsky", "tchaikowsky"), ("jacob", "jakob"),
        ("philippines", "phillippines"), ("berlin", "brlin"), ("oslo", "osloo"), ("democratic", "democartic"),
    ],
)  # fmt: skip
def test_words_a_slip_apart_share_a_spelling(one: str, other: str) -> None:
    assert spellings(one) & spellings(other)


@pytest.mark.parametrize(("one", "other"), [("1990", "1991"), ("berlin", "london"), ("an", "a")])
def test_short_words_and_numbers_have_no_other_spelling(one: str, other: str) -> None:
    assert not spellings(one) & spellings(other)


def test_the_longest_names_make_no_more_than_a_line_of_words() -> None:
    name = "wörd " * 1_000_000
    assert set(words_of(name)) == {"word"}
    names = GivenNames([(name, "x"), ("y" * 1_000_000, "y")])
    assert [one.name.subject for one in names.standing(["word"] * 40)] == ["x"] * 9
    assert len(names.alike(["y" * 1_000_000], {(0, 1)})) == 1  # for the linker to compare
