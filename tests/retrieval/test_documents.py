"""Reading files of many kinds as passages, and cutting text into them."""

import io
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedit_memory.errors import InvalidInputError, MissingDependencyError, NotFoundError
from kedit_memory.records import Passage
from kedit_memory.retrieval.documents import document_of, documents_of, read_passages
from kedit_memory.retrieval.splitting import PASSAGE_WORDS, sentences, split_text


def read_documents(path):
    """The passages of a file, or of all below a folder."""
    return (passage for file in documents_of(path).files for passage in document_of(file).read())


def write(path, *rows):
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8"
    )
    return path


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
    file = tmp_path / "a.docx"
    file.write_bytes(b"PK")
    with pytest.raises(InvalidInputError, match=r"a\.docx.*\.html, \.jsonl, \.md, \.pdf, \.txt"):
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
    text = " ".join(f"Sentence {'word ' * 30}number {i} ends.” And so on!" for i in range(20))
    found = list(split_text(text, title="", source=None))
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
    assert "".join("".join(p.text for p in found).split()) == "".join(text.split())
    assert all(p.text for p in found)


@pytest.mark.parametrize("end", ["\u3002", "\uff01", "\uff1f"])
def test_text_without_blanks_is_cut_after_sentences(end):
    found = list(split_text((f"按住按钮三秒钟然后等待灯亮{end}\n" * 60), title="", source=None))
    assert len(found) > 3
    assert all(p.text.endswith(end) and " " not in p.text for p in found)
    assert all(len(p.text) < 4 * PASSAGE_WORDS for p in found)
    assert "".join(p.text for p in found) == f"按住按钮三秒钟然后等待灯亮{end}" * 60


@pytest.mark.parametrize("text", ["ปุ่มรีเซ็ตอยู่ด้านหลัง" * 200, "重置按钮在背面" * 200, "ボタンは裏にあります" * 200])
def test_text_without_any_sentence_is_cut_too(text):
    found = list(split_text(text, title="", source=None))
    assert "".join(p.text for p in found) == text
    assert len(found) > 3
    assert all(len(p.text) <= 4 * PASSAGE_WORDS for p in found)


def test_an_abbreviation_ends_no_sentence():
    text = "Dr. Smith lives in Washington, D.C. since 1990. He said: “Go!” Then (at 3 p.m.) he left."
    assert list(sentences(text)) == [
        "Dr. Smith lives in Washington, D.C. since 1990.",
        "He said: “Go!”",
        "Then (at 3 p.m.) he left.",
    ]


# HTML.

PAGE = """<!DOCTYPE html>
<html><head><title>Gisors \u2014
  a town</title><style>p { color: red }</style><meta name="date" content="2024-05-06T10:00:00Z"></head>
<body><nav><a href="/">Home</a></nav><!-- hidden --><h1>Gisors</h1>
<p>Gisors lies on
the <b>Epte</b>,<br>in Normandy &amp; has a castle.</p><script>alert("no")</script>
<ul><li>One</li><li>Two</li></ul><table><tr><td>Area</td><td>16 km</td></tr></table>
<footer>Imprint</footer></body></html>
"""


def html(tmp_path, content, name="page.html"):
    pytest.importorskip("bs4")
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_documents(file))


def test_a_page_gives_what_is_read_of_it(tmp_path):
    found = html(tmp_path, PAGE)
    assert [p.text for p in found] == [
        *("Gisors", "Gisors lies on the Epte, in Normandy & has a castle.", "One", "Two", "Area 16 km"),
    ]
    assert {(p.title, p.source, p.date) for p in found} == {
        ("Gisors \u2014 a town", str(tmp_path / "page.html"), "2024-05-06")
    }


def test_a_page_without_a_title_is_called_by_its_file(tmp_path):
    (found,) = html(tmp_path, "<p>Text.", "town.htm")
    assert (found.title, found.date) == ("town", None)


def test_a_page_may_be_in_the_encoding_that_it_names(tmp_path):
    page = '<html><head><meta charset="iso-8859-1"></head><body><p>Ch\u00e2teau.</p></body></html>'
    assert [p.text for p in html(tmp_path, page.encode("iso-8859-1"))] == ["Ch\u00e2teau."]


def test_xhtml_is_read_too(tmp_path):
    page = (
        '<?xml version="1.0" encoding="UTF-8"?><html xmlns="http://www.w3.org/1999/xhtml"><body><p>A.</p></body></html>'
    )
    assert [p.text for p in html(tmp_path, page)] == ["A."]


@pytest.mark.parametrize("page", ["", "<html><script>x()</script></html>", "<nav>Home</nav>"])
def test_a_page_without_text_is_said_to_have_none(tmp_path, page):
    with pytest.raises(InvalidInputError, match=r"page\.html holds no text"):
        html(tmp_path, page)


# PDF.


def pdf(tmp_path, *pages, title=None, name="paper.pdf"):
    """A PDF with one line of text on each page, written by hand; None is a page that shows nothing."""
    pypdf = pytest.importorskip("pypdf")
    from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

    writer = pypdf.PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    for text in pages:
        page = writer.add_blank_page(300, 300)
        if text is None:
            continue
        lines = " T* ".join(f"({line}) Tj" for line in text.split("\n"))
        stream = DecodedStreamObject()
        stream.set_data(f"BT /F1 12 Tf 14 TL 10 200 Td {lines} ET".encode())
        page[NameObject("/Resources")] = DictionaryObject(
            {NameObject("/Font"): DictionaryObject({NameObject("/F1"): writer._add_object(font)})}
        )
        page[NameObject("/Contents")] = writer._add_object(stream)
    if title:
        writer.add_metadata({"/Title": title, "/CreationDate": "D:20240506120000Z"})
    file = tmp_path / name
    with file.open("wb") as written:
        writer.write(written)
    return file


def test_a_pdf_gives_its_pages(tmp_path):
    file = pdf(tmp_path, "A castle in Nor-\nmandy.", None, "A second page.", title="Gisors")
    first, second = read_documents(file)
    assert (first.text, first.title, first.date) == ("A castle in Normandy.", "Gisors", "2024-05-06")
    assert (first.source, second.source) == (f"{file}#page=1", f"{file}#page=3")


def test_a_pdf_without_a_title_is_called_by_its_file(tmp_path):
    (found,) = read_documents(pdf(tmp_path, "Text."))
    assert (found.title, found.date) == ("paper", None)


def test_a_pdf_without_text_is_one_clear_line(tmp_path):
    with pytest.raises(
        InvalidInputError, match=r"paper\.pdf holds no text, only pictures it seems; run it through text"
    ):
        list(read_documents(pdf(tmp_path, None, None)))


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7", b"oops", b"%PDF-1.4\n%%EOF\n"])
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_pdf_is_named(tmp_path, content):
    pytest.importorskip("pypdf")
    file = tmp_path / "paper.pdf"
    file.write_bytes(content)
    with pytest.raises(InvalidInputError, match=r"paper\.pdf"):
        list(read_documents(file))


def test_an_unreadable_page_is_reported_and_the_others_are_read(tmp_path, monkeypatch, caplog):
    file = pdf(tmp_path, "One.", "Two.")
    from pypdf import PageObject

    read, calls = PageObject.extract_text, []

    def fail_first(page):
        calls.append(page)
        if len(calls) == 1:
            raise KeyError("/Contents")
        return read(page)

    monkeypatch.setattr(PageObject, "extract_text", fail_first)
    assert [p.text for p in read_documents(file)] == ["Two."]
    assert "paper.pdf: page 1 cannot be read" in caplog.text


def test_an_encrypted_pdf_is_refused(tmp_path):
    pypdf = pytest.importorskip("pypdf")
    writer = pypdf.PdfWriter(clone_from=pdf(tmp_path, "Secret."))
    writer.encrypt("password", algorithm="RC4-128")
    written = io.BytesIO()
    writer.write(written)
    (tmp_path / "paper.pdf").write_bytes(written.getvalue())
    with pytest.raises(InvalidInputError, match="is encrypted"):
        list(read_documents(tmp_path / "paper.pdf"))


@pytest.mark.parametrize(("name", "package"), [("a.html", "bs4"), ("a.pdf", "pypdf")])
def test_without_the_package_the_extra_is_named(tmp_path, monkeypatch, name, package):
    (tmp_path / name).write_bytes(b"<p>x")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=r"kedit-memory\[documents\]"):
        list(read_documents(tmp_path / name))


# Documents.


def test_a_document_is_told_from_others_by_its_whole_path_and_from_its_past_by_its_content(tmp_path, monkeypatch):
    file = tmp_path / "a.txt"
    file.write_text("One.", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (given,) = documents_of(tmp_path.relative_to(tmp_path) / "a.txt").files
    first = document_of(given)
    assert (first.name, first.source) == (str(file.resolve()), "a.txt")
    assert document_of(file).digest == first.digest
    file.write_text("Two.", encoding="utf-8")
    assert document_of(file).digest != first.digest


def test_the_place_of_a_wrong_byte_counts_from_the_start_of_the_file(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_bytes(b'{"text": "One."}\n{"text": "\xe9"}\n')
    with pytest.raises(InvalidInputError, match=r"not UTF-8 \(byte 27\)"):
        read_passages(file)


def test_a_very_long_passage_of_json_lines_is_cut_as_other_texts_are(tmp_path):
    long = " ".join(f"The tower number {number} stands by the river." for number in range(200))
    rows = [{"id": "short", "text": "A tower."}, {"id": "long", "text": long, "title": "T", "date": "2024-01-01"}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    first, *parts = read_documents(tmp_path / "a.jsonl")
    assert (first.id, first.text) == ("short", "A tower.")
    assert " ".join(part.text for part in parts) == long
    assert [part.id for part in parts[:2]] == ["long#1", "long#2"]
    assert {(part.title, part.date) for part in parts} == {("T", "2024-01-01")}
    assert all(len(part.text) < 1500 for part in parts)
