"""What users gave to a store: kept whole, replaced when it changes, taken over from the older format."""

import json
import sqlite3

import pytest

from kedit_memory.errors import InvalidInputError, NotFoundError, StoreError
from kedit_memory.records import Passage
from kedit_memory.retrieval.checking import verify_corpus
from kedit_memory.retrieval.corpus import Corpus
from kedit_memory.retrieval.documents import Document, document_of, documents_of
from kedit_memory.retrieval.ingest import ingest_files, prune
from kedit_memory.retrieval.schema import _FORMAT_1
from kedit_memory.retrieval.splitting import digest


def passage(text, **fields):
    return Passage(**({"id": f"p-{text}", "title": ""} | fields), text=text)


def document(name, *texts, version="1"):
    return Document(name=name, source=name, digest=version, read=lambda: iter([passage(text) for text in texts]))


def texts(folder):
    with Corpus(folder) as corpus:
        return [p.text for p in corpus]


def write(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    return folder


def ingest(store, folder):
    with Corpus(store) as corpus:
        report = ingest_files(corpus, documents_of(folder).files)
    return (report.new, report.changed, report.unchanged), report.added


def test_what_is_ingested_is_there_after_opening_again(tmp_path):
    given = [
        passage(
            "One\N{LINE SEPARATOR}two\x85three\x0b and \N{PARAGRAPH SEPARATOR}.",
            title="T",
            source="s",
            date="2024-01-01",
        ),
        passage("\u00dcn\u00ef"),
    ]
    with Corpus(tmp_path) as corpus:
        assert corpus.add(given) == 2
    with Corpus(tmp_path) as corpus:
        assert list(corpus) == given
        assert len(corpus) == 2


def test_ingesting_twice_changes_nothing(tmp_path):
    docs = write(tmp_path / "docs", a="Same.\n\nOther.", b="Same.")
    assert ingest(tmp_path / "store", docs) == ((2, 0, 0), 2)
    with Corpus(tmp_path / "store") as corpus:
        before = list(corpus.items())
    assert ingest(tmp_path / "store", docs) == ((0, 0, 2), 0)
    with Corpus(tmp_path / "store") as corpus:
        assert list(corpus.items()) == before


def test_a_file_that_changed_replaces_its_old_passages(tmp_path):
    docs = write(tmp_path / "docs", a="Old.\n\nKept.", b="Other.")
    ingest(tmp_path / "store", docs)
    write(docs, a="Kept.\n\nNew.")
    assert ingest(tmp_path / "store", docs) == ((0, 1, 1), 1)
    assert texts(tmp_path / "store") == ["Kept.", "Other.", "New."]


def test_a_passage_goes_with_the_last_document_that_holds_it(tmp_path):
    docs = write(tmp_path / "docs", a="Shared.", b="Shared.")
    ingest(tmp_path / "store", docs)
    write(docs, a="Alone.")
    ingest(tmp_path / "store", docs)
    assert texts(tmp_path / "store") == ["Shared.", "Alone."]
    write(docs, b="Alone.")
    ingest(tmp_path / "store", docs)
    assert texts(tmp_path / "store") == ["Alone."]


def test_a_passage_that_changes_gets_another_row(tmp_path):
    with Corpus(tmp_path) as corpus:
        corpus.add([passage("Old.", id="x"), passage("Kept.", id="y")])
        assert corpus.add([passage("New.", id="x")]) == 1
        assert [(row, p.text) for row, p in corpus.items()] == [(2, "Kept."), (3, "New.")]
        with pytest.raises(NotFoundError, match="row 1"):
            corpus.get([1])


def test_an_identifier_twice_in_a_document_counts_once(tmp_path):
    twice = [passage("First.", id="x"), passage("Second.", id="x")]
    with Corpus(tmp_path) as corpus:
        corpus.take(Document(name="d", source="d", digest="1", read=lambda: iter(twice)))
        corpus.take(Document(name="d", source="d", digest="2", read=lambda: iter(twice)))
        assert [p.text for p in corpus] == ["Second."]
        corpus.forget(["d"])
        assert len(corpus) == 0


def test_a_document_that_fails_half_way_leaves_everything_as_it_was(tmp_path):
    def broken():
        yield passage("New.")
        raise InvalidInputError("line 2 is no good")

    with Corpus(tmp_path) as corpus:
        corpus.take(document("d", "Old."))
        version = corpus.version
        with pytest.raises(InvalidInputError, match="line 2"):
            corpus.take(Document(name="d", source="d", digest="2", read=broken))
        assert [p.text for p in corpus] == ["Old."]
        assert corpus.version == version
        assert corpus.documents() == {"d": "1"}


def test_an_unreadable_file_is_reported_and_what_it_gave_before_stays(tmp_path):
    docs = write(tmp_path / "docs", a="One.", b="Two.")
    ingest(tmp_path / "store", docs)
    (docs / "a.txt").write_bytes(b"\xff")
    write(docs, b="Three.")
    with Corpus(tmp_path / "store") as corpus:
        report = ingest_files(corpus, documents_of(docs).files)
        assert (report.changed, len(report.unreadable)) == (1, 1)
        assert "a.txt is not UTF-8" in report.unreadable[0]
        assert [p.text for p in corpus] == ["One.", "Three."]


def test_documents_of_a_folder_that_are_gone_can_be_dropped(tmp_path):
    docs = write(tmp_path / "docs", a="One.", b="Two.")
    other = write(tmp_path / "other", c="Three.")
    for folder in (docs, other):
        ingest(tmp_path / "store", folder)
    (docs / "a.txt").unlink()
    (other / "c.txt").unlink()
    with Corpus(tmp_path / "store") as corpus:
        assert prune(corpus, docs) == 1
        assert prune(corpus, docs) == 0
        assert [p.text for p in corpus] == ["Two.", "Three."]


def test_the_version_tells_of_changes_only(tmp_path):
    with Corpus(tmp_path) as corpus:
        assert corpus.version == 0
        corpus.take(document("d", "One."))
        first = corpus.version
        corpus.take(document("d", "One."))
        assert corpus.version == first > 0
        corpus.forget(["d"])
        assert corpus.version > first


def test_two_processes_see_each_others_passages(tmp_path):
    with Corpus(tmp_path) as one, Corpus(tmp_path) as two:
        one.add([passage("One.")])
        two.add([passage("Two.")])
        assert [p.text for p in one] == [p.text for p in two] == ["One.", "Two."]


def test_nothing_is_written_when_nothing_is_given(tmp_path):
    with Corpus(tmp_path / "store") as corpus:
        assert (corpus.add([]), len(corpus), list(corpus), corpus.version) == (0, 0, [], 0)
    assert not (tmp_path / "store").exists()


def test_a_folder_that_cannot_be_written_gives_one_error(tmp_path):
    (tmp_path / "store").write_text("a file in place of the folder", encoding="utf-8")
    with pytest.raises(StoreError, match="nothing was ingested"):
        Corpus(tmp_path / "store").add([passage("One.")])


def test_a_database_of_a_newer_format_is_refused(tmp_path):
    with Corpus(tmp_path) as corpus:
        corpus.add([passage("One.")])
    database = sqlite3.connect(tmp_path / "passages.db")
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StoreError, match=r"passages\.db has format 99, .* reads up to 2; install a newer"):
        Corpus(tmp_path)


def test_a_damaged_database_is_one_line(tmp_path):
    (tmp_path / "passages.db").write_bytes(b"not a database, whatever its name says" * 99)
    with pytest.raises(StoreError, match=r"passages\.db.*restore a backup"):
        Corpus(tmp_path)


@pytest.mark.parametrize(
    ("sql", "read"),
    [
        ("UPDATE passages SET text = x'ff00'", list),
        ("UPDATE meta SET value = 'x'", lambda corpus: corpus.version),
        ("UPDATE passages SET text = CAST(x'ff' AS TEXT)", list),
    ],
)
def test_values_of_another_kind_are_one_line(tmp_path, sql, read):
    with Corpus(tmp_path) as corpus:
        corpus.add([passage("One.")])
        with corpus.database.transaction():
            corpus.database.run(sql)
        with pytest.raises(StoreError, match=r"restore a backup|run kedit verify"):
            read(corpus)


# Namespaces.


def test_a_namespace_sees_and_touches_its_own_passages_alone(tmp_path):
    with Corpus(tmp_path) as mine, Corpus(tmp_path, " a\u0301 ") as other:
        assert other.namespace == "\u00e1"
        mine.take(document("d", "Shared.", "Mine."))
        version = mine.version
        assert (len(other), other.version, other.documents()) == (0, 0, {})
        other.take(document("d", "Shared.", "Other."))
        assert (mine.version, [p.text for p in mine]) == (version, ["Shared.", "Mine."])
        assert [p.text for p in other] == ["Shared.", "Other."]
        with pytest.raises(NotFoundError, match="row 1"):
            other.get([1])
        other.forget(["d"])
        assert (len(other), [p.text for p in mine]) == (0, ["Shared.", "Mine."])
    with pytest.raises(InvalidInputError, match="namespace is empty"):
        Corpus(tmp_path, " ")


def test_a_database_of_the_first_format_is_brought_up_to_date(tmp_path):
    vector = b"\0\0\x80?"
    database = sqlite3.connect(tmp_path / "passages.db")
    database.executescript(_FORMAT_1)
    database.executescript(
        f"""INSERT INTO documents VALUES (7, 'd', '1', '2024-01-01T00:00:00+00:00');
        INSERT INTO passages VALUES (3, 'p-3', 'T', 'Three.', 's', NULL), (9, 'p-9', '', 'Nine.', NULL, NULL);
        DELETE FROM passages WHERE row = 9;
        INSERT INTO held VALUES (7, 3);
        INSERT INTO vectors VALUES (3, x'{vector.hex()}');
        UPDATE meta SET value = 5;
        PRAGMA user_version = 1;
        """  # noqa: S608
    )
    database.close()
    with Corpus(tmp_path) as corpus, Corpus(tmp_path, "a") as other:
        assert list(corpus.items()) == [(3, Passage(id="p-3", title="T", text="Three.", source="s"))]
        assert (corpus.version, corpus.documents(), corpus.last_row, len(other)) == (5, {"d": "1"}, 9, 0)
        assert [tuple(row)[1] for row in corpus.database.query("SELECT * FROM vectors")] == [vector]
        corpus.take(document("d", "Ten.", version="2"))
        assert [row for row, _ in corpus.items()] == [10]
    assert verify_corpus(tmp_path) == []


def test_a_file_of_another_program_is_left_alone(tmp_path):
    database = sqlite3.connect(tmp_path / "passages.db")
    database.executescript("CREATE TABLE passages (verse TEXT); PRAGMA user_version = 1;")
    database.close()
    with pytest.raises(StoreError, match="a database of another program"):
        Corpus(tmp_path)


# The older format.


def older(folder, *passages):
    lines = "".join(json.dumps({k: v for k, v in vars(p).items() if v is not None}) + "\n" for p in passages)
    (folder / "passages.jsonl").write_text(lines, encoding="utf-8")


def test_passages_of_the_older_format_are_taken_over_once(tmp_path):
    short = digest("One.")[:14]
    older(tmp_path, passage("One.", id=short), passage("Two.", id="own", title="T", source="s", date="2024-01-01"))
    for _ in range(2):
        with Corpus(tmp_path) as corpus:
            assert [(p.id, p.text) for p in corpus] == [(digest("One."), "One."), ("own", "Two.")]
    assert not (tmp_path / "passages.jsonl").exists()
    assert (tmp_path / "passages.jsonl.old").exists()


def test_a_file_ingested_in_the_older_format_takes_its_passages_with_it(tmp_path):
    docs = write(tmp_path / "docs", a="New.")
    source = str(docs / "a.txt")
    older(tmp_path, passage("Old.", source=source), passage("Loose."))
    with Corpus(tmp_path) as corpus:
        corpus.take(document_of(docs / "a.txt"))
        assert [p.text for p in corpus] == ["Loose.", "New."]


def test_damaged_passages_of_the_older_format_are_named(tmp_path):
    (tmp_path / "passages.jsonl").write_text("oops\n", encoding="utf-8")
    with pytest.raises(InvalidInputError, match=r"passages\.jsonl, line 1"):
        Corpus(tmp_path)
    assert (tmp_path / "passages.jsonl").exists()
