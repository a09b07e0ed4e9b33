import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedit_memory.errors import InvalidInputError, NotFoundError, StoreError
from kedit_memory.records import Passage
from kedit_memory.retrieval.corpus import PASSAGE_WORDS, Corpus, read_documents, read_passages, split_text


def write(path, *rows):
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8"
    )
    return path


def passage(text, **fields):
    return Passage(**({"id": f"p-{text}", "title": ""} | fields), text=text)


# Reading.


def test_a_passage_file_gives_all_fields(tmp_path):
    full = {"id": "x1", "text": " A town. ", "title": "Gisors", "source": "here", "date": "2024-01-01"}
    first, second = read_passages(write(tmp_path / "a.jsonl", full, "", {"text": "Bare."}))
    assert first == Passage(id="x1", text="A town.", title="Gisors", source="here", date="2024-01-01")
    assert (second.text, second.title, second.source, second.date) == ("Bare.", "", None, None)
    assert second.id.startswith("p-")


def test_the_same_text_has_the_same_identifier_whatever_blanks_surround_it(tmp_path):
    first, second, third = read_passages(
        write(tmp_path / "a.jsonl", {"text": "One."}, {"text": " One.\n"}, {"text": "Two."})
    )
    assert first.id == second.id != third.id


def test_windows_files_are_read(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_bytes(b'\xef\xbb\xbf{"text": "One."}\r\n{"text": "Two."}\r\n')
    assert [p.text for p in read_passages(file)] == ["One.", "Two."]
    text = tmp_path / "b.txt"
    text.write_bytes(b"\xef\xbb\xbfOne.\r\n\r\nTwo.\r\n")
    assert [p.text for p in read_documents(text)] == ["One.", "Two."]


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[1]",
        "3",
        '"text"',
        "{}",
        '{"text": 3}',
        '{"text": " "}',
        '{"text": "a", "title": 3}',
        '{"text": "a", "date": []}',
    ],
)
def test_a_bad_line_is_named_with_its_number(tmp_path, line):
    file = write(tmp_path / "a.jsonl", {"text": "Good."}, "", line)
    with pytest.raises(InvalidInputError, match=r"a\.jsonl, line 3: .*correct the line"):
        read_passages(file)


@pytest.mark.parametrize("name", ["a.jsonl", "a.txt", "a.md"])
def test_a_file_that_is_not_utf_8_is_refused_with_the_place(tmp_path, name):
    file = tmp_path / name
    file.write_bytes(b"caf\xe9")
    with pytest.raises(InvalidInputError, match=r"not UTF-8 \(byte 3\)"):
        list(read_documents(file))


@pytest.mark.parametrize("name", ["none.jsonl", "none.txt", "none.pdf", "none"])
def test_a_missing_file_is_said_to_be_missing(tmp_path, name):
    with pytest.raises(NotFoundError, match=name):
        list(read_documents(tmp_path / name))


def test_a_file_of_another_kind_is_refused_with_the_allowed_ones(tmp_path):
    file = tmp_path / "a.pdf"
    file.write_bytes(b"%PDF")
    with pytest.raises(InvalidInputError, match=r"a\.pdf.*\.jsonl, \.md, \.txt"):
        list(read_documents(file))


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "a.jsonl").mkdir()
    with pytest.raises(InvalidInputError, match=r"cannot read .*a\.jsonl"):
        read_passages(tmp_path / "a.jsonl")


def test_a_folder_gives_what_lies_below_it_in_order(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.md").write_text("Second.", encoding="utf-8")
    (tmp_path / "A.TXT").write_text("First.", encoding="utf-8")
    (tmp_path / "image.png").write_bytes(b"\x89PNG")
    write(tmp_path / "sub" / "c.jsonl", {"text": "Third."})
    found = list(read_documents(tmp_path))
    assert [p.text for p in found] == ["First.", "Second.", "Third."]
    assert found[0].title == "A"
    assert found[0].source == str(tmp_path / "A.TXT")


def test_a_folder_without_any_text_is_said_to_hold_none(tmp_path):
    (tmp_path / "image.png").write_bytes(b"\x89PNG")
    with pytest.raises(NotFoundError, match="holds no"):
        list(read_documents(tmp_path))


# Splitting.


def test_paragraphs_stay_apart_and_lines_of_one_are_joined():
    found = list(split_text("One\ntwo.\n\n \nThree.\n", title="T", source="s"))
    assert [p.text for p in found] == ["One two.", "Three."]
    assert {(p.title, p.source) for p in found} == {("T", "s")}


def test_a_long_paragraph_is_cut_after_whole_sentences():
    sentences = [f"Sentence {'word ' * 30}number {i} ends.” And so on!" for i in range(20)]
    found = list(split_text(" ".join(sentences), title="", source=None))
    assert len(found) > 3
    assert all(p.text.endswith(("ends.”", "!")) for p in found)
    assert all(PASSAGE_WORDS <= len(p.text.split()) < 2 * PASSAGE_WORDS for p in found[:-1])


def test_a_table_without_sentences_is_cut_too():
    found = list(split_text("cell " * 1000, title="", source=None))
    assert sum(len(p.text.split()) for p in found) == 1000
    assert all(len(p.text.split()) < 2 * PASSAGE_WORDS for p in found)


prose = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(" .!?\nA"), max_size=400)


@given(prose)
def test_splitting_keeps_every_word_in_order(text):
    found = list(split_text(text, title="", source=None))
    assert " ".join(p.text for p in found).split() == text.split()
    assert all(p.text for p in found)


# Keeping.


def test_what_is_ingested_is_there_after_opening_again(tmp_path):
    given_passages = [
        passage(
            "One\N{LINE SEPARATOR}two\x85three\x0b and \N{PARAGRAPH SEPARATOR}.",
            title="T",
            source="s",
            date="2024-01-01",
        ),
        passage("Ünï"),
    ]
    assert Corpus(tmp_path).add(given_passages) == 2
    assert list(Corpus(tmp_path).passages.values()) == given_passages


def test_ingesting_twice_changes_nothing(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("Same.\n\nOther.", encoding="utf-8")
    (tmp_path / "docs" / "b.txt").write_text("Same.", encoding="utf-8")
    assert Corpus(tmp_path).add(read_documents(tmp_path / "docs")) == 2
    before = (tmp_path / "passages.jsonl").read_bytes()
    assert Corpus(tmp_path).add(read_documents(tmp_path / "docs")) == 0
    assert (tmp_path / "passages.jsonl").read_bytes() == before


def test_a_passage_that_changed_under_its_identifier_is_replaced(tmp_path):
    corpus = Corpus(tmp_path)
    corpus.add([passage("Old.", id="x"), passage("Kept.", id="y")])
    assert corpus.add([passage("New.", id="x")]) == 1
    assert {p.id: p.text for p in Corpus(tmp_path).passages.values()} == {"x": "New.", "y": "Kept."}


def test_nothing_is_written_when_nothing_is_given(tmp_path):
    assert Corpus(tmp_path / "store").add([]) == 0
    assert not (tmp_path / "store").exists()


def test_a_folder_that_cannot_be_written_gives_one_error_and_keeps_nothing(tmp_path):
    (tmp_path / "store").write_text("a file in place of the folder", encoding="utf-8")
    corpus = Corpus(tmp_path / "store")
    with pytest.raises(StoreError, match="nothing was ingested"):
        corpus.add([passage("One.")])
    assert corpus.passages == {}


def test_a_failed_write_leaves_the_passages_of_before(tmp_path):
    corpus = Corpus(tmp_path)
    corpus.add([passage("One.")])
    (tmp_path / "passages.part").mkdir()  # the file that is written aside cannot be opened
    with pytest.raises(StoreError, match="nothing was ingested"):
        corpus.add([passage("Two.")])
    assert [p.text for p in corpus.passages.values()] == ["One."]
    assert [p.text for p in Corpus(tmp_path).passages.values()] == ["One."]


def test_a_damaged_corpus_is_named(tmp_path):
    (tmp_path / "passages.jsonl").write_text("oops\n", encoding="utf-8")
    with pytest.raises(InvalidInputError, match=r"passages\.jsonl, line 1"):
        Corpus(tmp_path)
