"""An altered or damaged `passages.db` is found."""

import sqlite3

import pytest

from kedit_memory.memory import EditMemory
from kedit_memory.models.encoder import HashingEncoder
from kedit_memory.records import Passage
from kedit_memory.retrieval.checking import verify_corpus
from kedit_memory.retrieval.corpus import Corpus
from kedit_memory.retrieval.documents import Document


def passage(number):
    return Passage(id=f"p-{number}", title="T", text=f"Passage {number}.", source="s", date="2024-01-01")


@pytest.fixture
def store(tmp_path):
    with Corpus(tmp_path / "store") as corpus, Corpus(tmp_path / "store", "a") as other:
        for given in (corpus, other):
            given.take(Document(name="d", source="s", digest="1", read=lambda: map(passage, range(20))))
        vectors = [(row, b"\0\0\x80?") for row in corpus.rows()]
        with corpus.database.transaction():
            corpus.database.run_many("INSERT INTO vectors VALUES (?1, ?2, checksum_of(?2))", vectors)
    return tmp_path / "store"


def change(store, sql):
    database = sqlite3.connect(store / "passages.db")
    with database:
        assert database.execute(sql).rowcount != 0
    database.close()


def test_what_is_sound_or_absent_has_no_faults(store, tmp_path):
    assert verify_corpus(store) == []
    assert verify_corpus(tmp_path / "nothing") == []
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize(
    ("sql", "fault"),
    [
        ("UPDATE passages SET text = 'Forged.' WHERE row = 3", "passage p-2 of namespace 'default' is not as it was"),
        ("UPDATE passages SET source = NULL WHERE row = 3", "passage p-2 of namespace 'default' is not as it was"),
        ("UPDATE passages SET namespace = 'b' WHERE row = 23", "passage p-2 of namespace 'b' is not as it was"),
        ("UPDATE documents SET digest = '2' WHERE id = 1", "document d of namespace 'default' is not as it was"),
        ("UPDATE vectors SET vector = x'00' WHERE row = 5", "the vector of row 5 is not as it was written"),
        ("DELETE FROM held WHERE row = 4", "passage p-3 of namespace 'default' belongs to no document"),
        ("DELETE FROM passages WHERE row = 4", "document 1 is said to hold row 4"),
        ("UPDATE held SET document = 9 WHERE row = 4", "document 9 is said to hold row 4"),
    ],
)
def test_every_altered_row_is_found(store, sql, fault):
    change(store, sql)
    assert fault in " ".join(verify_corpus(store))


def test_many_faults_are_counted(store):
    change(store, "UPDATE passages SET text = 'Forged.'")
    problems = verify_corpus(store)
    assert (len(problems), "30 more rows like this; restore" in problems[-1]) == (11, True)


@pytest.mark.parametrize("content", [b"", b"no database at all" * 300])
def test_a_file_that_is_no_database_is_found(store, content):
    (store / "passages.db").write_bytes(content)
    (problem,) = verify_corpus(store)
    assert "passages.db" in problem
    assert "\n" not in problem


def test_a_file_that_is_cut_or_overwritten_is_found(store):
    whole = (store / "passages.db").read_bytes()
    with Corpus(store) as corpus:
        free = corpus.database.number("PRAGMA freelist_count")
    unseen = []
    for place in range(4096, len(whole), 4096):
        (store / "passages.db").write_bytes(whole[:place])
        assert verify_corpus(store), f"cut at {place}"
        (store / "passages.db").write_bytes(whole[:place] + b"\xff" * 100 + whole[place + 100 :])
        if not verify_corpus(store):
            unseen.append(place)
    assert len(unseen) <= free  # pages that hold nothing


def test_a_backup_of_the_store_holds_them_too(store, tmp_path):
    with EditMemory.open(store, HashingEncoder()) as memory:
        memory.backup(tmp_path / "copy")
    assert verify_corpus(tmp_path / "copy") == []
    for namespace in ("default", "a"):
        with Corpus(store, namespace) as corpus, Corpus(tmp_path / "copy", namespace) as copied:
            assert list(copied.items()) == list(corpus.items())
            assert copied.documents() == corpus.documents()
