"""Tables of popularity: read from files of several kinds, refused with a clear line, and turned into tiers."""

import json
import sqlite3
import sys
from contextlib import closing

import pytest

from kedit_memory.errors import InvalidInputError, MissingDependencyError, NotFoundError
from kedit_memory.popularity.files import read_views
from kedit_memory.popularity.table import PopularityTable
from kedit_memory.records import Mention

WANTED = {"Paris": 90000.0, "Gisors": 310.0, "Nowhere": 0.0}
POPQA = [
    {"subj": "Easy Living", "s_pop": 1381, "obj": "Ralph Rainger", "o_pop": 922, "prop": "composer"},
    {"subj": "Easy Living", "s_pop": 77, "obj": "Ralph Rainger", "o_pop": 922, "prop": "composer"},
]
POPQA_VIEWS = {"Easy Living": 1381.0, "Ralph Rainger": 922.0}


def sqlite(file, rows):
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("CREATE TABLE popularity (name, views)")
        database.executemany("INSERT INTO popularity VALUES (?, ?)", rows)
    return file


def table(file, *lines):
    file.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return file


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.db", "a.sqlite", "a.parquet"])
def test_a_table_is_read_whatever_it_is_kept_in(tmp_path, name):
    file = tmp_path / name
    if name.endswith(".parquet"):
        arrow = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        parquet.write_table(
            arrow.table({"views": list(WANTED.values()), "name": list(WANTED), "other": [1, 2, 3]}), file
        )
    elif name.endswith(".jsonl"):
        table(file, *(json.dumps({"name": name, "views": views}) for name, views in WANTED.items()))
    elif name.endswith((".csv", ".tsv")):
        comma = "," if name.endswith(".csv") else "\t"
        table(file, f"name{comma}views", *(f"{name}{comma}{views}" for name, views in WANTED.items()))
    else:
        sqlite(file, WANTED.items())
    assert read_views(file) == WANTED


def test_popqa_gives_subjects_and_objects_and_of_namesakes_the_best_known(tmp_path):
    assert read_views(table(tmp_path / "a.jsonl", *map(json.dumps, POPQA))) == POPQA_VIEWS
    within = [json.dumps({"id": i, "metadata": row}) for i, row in enumerate(POPQA)]
    assert read_views(table(tmp_path / "b.jsonl", *within)) == POPQA_VIEWS
    lines = ["\t".join(POPQA[0]), *("\t".join(map(str, row.values())) for row in POPQA)]
    assert read_views(table(tmp_path / "c.tsv", *lines)) == POPQA_VIEWS


def test_views_that_are_not_told_are_unknown(tmp_path):
    assert read_views(table(tmp_path / "a.csv", "name,views", "Paris,5", "Gisors,")) == {"Paris": 5.0}


def test_the_same_row_twice_is_no_contradiction(tmp_path):
    assert read_views(table(tmp_path / "a.csv", "name,views", "Paris,5", "Paris,5")) == {"Paris": 5.0}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["name,views", "Paris,5", "Paris,6"], r"row 2: 'Paris' has 6 views here, 5 before"),
        (["name,views", "Paris,-1"], r"row 1: 'Paris' has '-1' views; give a number of 0 or more"),
        (["name,views", "Paris,nan"], r"'nan' views"),
        (["name,views", "Paris,inf"], r"'inf' views"),
        (["name,views", "Paris,many"], r"'many' views"),
        (["title,count", "Paris,5"], r"row 1: no name with views; give a table with the columns name and views"),
        (["name,views", ",5"], r"row 1: no name with views"),
        (["name,views"], r"holds no row"),
        ([], r"holds no row"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(tmp_path, lines, message):
    with pytest.raises(InvalidInputError, match=message):
        read_views(table(tmp_path / "a.csv", *lines))


def test_negative_views_and_contradictions_are_refused_in_a_database_too(tmp_path):
    with pytest.raises(InvalidInputError, match="-5 views"):
        read_views(sqlite(tmp_path / "a.db", [("Paris", -5)]))
    with pytest.raises(InvalidInputError, match="'Paris' has 6 views here"):
        read_views(sqlite(tmp_path / "b.db", [("Paris", 5), ("Paris", 6)]))


@pytest.mark.parametrize("name", ["a.db", "a.jsonl", "a.csv"])
def test_a_file_that_is_no_table_is_one_line(tmp_path, name):
    (tmp_path / name).write_bytes(b"\xff\xfe\x00 nothing of the kind" * 50)
    with pytest.raises(InvalidInputError, match="cannot be read as a table"):
        read_views(tmp_path / name)


def test_a_damaged_parquet_file_is_one_line(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "a.parquet").write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(InvalidInputError, match="cannot be read as a table"):
        read_views(tmp_path / "a.parquet")


def test_other_files_and_missing_ones_are_refused(tmp_path):
    with pytest.raises(NotFoundError, match=r"no file .*a\.csv"):
        read_views(tmp_path / "a.csv")
    with pytest.raises(InvalidInputError, match=r"allowed are \.csv, \.db, \.jsonl, \.parquet, \.sqlite, \.tsv"):
        read_views(tmp_path / "a.xlsx")


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch):
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"kedit-memory\[popularity\]"):
        read_views(tmp_path / "a.parquet")


def test_views_become_tiers():
    tiers = PopularityTable.of_views({"Paris": 100, "Rouen": 99, "Gisors": 9, "Nowhere": 0}, bounds=(100, 10, 5))

    def tier(name):
        return tiers.rarest([Mention(start=0, end=1, surface=name, name=name)]).tier

    assert [tier(name) for name in ("Paris", "Rouen", "Gisors", "Nowhere", "Unknown")] == [1, 2, 3, 4, None]


@pytest.mark.parametrize("bounds", [(), (1, 2), (5, 5)])
def test_bounds_must_descend(bounds):
    with pytest.raises(InvalidInputError, match="must descend"):
        PopularityTable.of_views({}, bounds=bounds)
