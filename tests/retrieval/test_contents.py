"""Passages are listed page by page, shown, and removed without a trace."""

import pytest

from kedit_memory.errors import InvalidInputError, NotFoundError
from kedit_memory.memory.index import load_engine
from kedit_memory.models.encoder import HashingEncoder
from kedit_memory.records import Passage
from kedit_memory.retrieval.contents import list_passages, remove_passages, show_passage
from kedit_memory.retrieval.corpus import Corpus
from kedit_memory.retrieval.dense import DenseRetriever
from kedit_memory.retrieval.documents import Document
from kedit_memory.retrieval.stored import StoreRetriever


def passage(name, source=None):
    return Passage(id=name, title="", text=f"Zebrafinch {name}.", source=source)


@pytest.fixture
def corpus(tmp_path):
    with Corpus(tmp_path) as corpus:
        corpus.add([passage("a", "docs/x.md"), passage("b", "docs/y.pdf#page=1"), passage("c", "docs/y.pdf#page=2")])
        corpus.add([passage("d", "docs/y.pdfs"), passage("e")])
        yield corpus


def names(found):
    return "".join(one.id for one in found)


def test_pages_come_in_the_order_of_ingestion(corpus):
    assert names(list_passages(corpus)) == "abcde"
    assert names(list_passages(corpus, limit=2)) == "ab"
    assert names(list_passages(corpus, limit=2, after="b")) == "cd"
    assert names(list_passages(corpus, after="e")) == ""


@pytest.mark.parametrize(
    ("source", "found"), [("docs", "abcd"), ("docs/y.pdf", "bc"), ("docs/y.pdf#page=2", "c"), ("doc", ""), ("", "")]
)
def test_a_source_is_a_file_a_page_of_it_or_a_folder(corpus, source, found):
    assert names(list_passages(corpus, source=source)) == found


def test_what_is_not_there_is_said(corpus):
    with pytest.raises(NotFoundError, match="no passage 'z' in namespace 'default'; kedit passages list"):
        show_passage(corpus, "z")
    with pytest.raises(NotFoundError, match="no passage 'z'"):
        list_passages(corpus, after="z")
    with pytest.raises(InvalidInputError, match="limit is 0; give 1 or more"):
        list_passages(corpus, limit=0)
    with pytest.raises(NotFoundError, match="is from 'nowhere'"):
        remove_passages(corpus, ["a"], "nowhere")
    assert show_passage(corpus, "a") == passage("a", "docs/x.md")


def test_another_namespace_is_out_of_reach(corpus, tmp_path):
    with Corpus(tmp_path, "other") as other:
        other.add([passage("a"), passage("f")])
        assert names(list_passages(other)) == "af"
        assert remove_passages(other, ["a"]) == 1
        with pytest.raises(NotFoundError, match="namespace 'other'"):
            show_passage(other, "c")
    assert names(list_passages(corpus)) == "abcde"


def test_passages_are_removed_by_id_and_by_source(corpus):
    assert remove_passages(corpus) == 0
    assert remove_passages(corpus, ["a", "a"], "docs/y.pdf") == 3
    assert names(list_passages(corpus)) == "de"


def test_a_removed_passage_stays_away_until_its_document_changes(corpus):
    def read(version):
        given = [passage("m"), passage("n")]
        return Document(name="doc", source="doc", digest=version, read=lambda: iter(given))

    corpus.take(read("1"))
    remove_passages(corpus, ["m"])
    assert corpus.take(read("1")).changed is False
    assert names(list_passages(corpus, after="e")) == "n"
    corpus.take(read("2"))
    assert names(list_passages(corpus, after="e")) == "nm"


def test_neither_text_nor_vector_is_left_in_any_file(corpus, tmp_path):
    encoder = HashingEncoder()
    corpus.add([Passage(id="s", title="", text="Her number is 0171-99887 at quillwortish."), passage("t")])
    StoreRetriever(tmp_path, small=0).update_index()
    dense = DenseRetriever(tmp_path, encoder, load_engine("faiss"))
    dense.build()
    dense.close()
    vector = encoder.encode(["Her number is 0171-99887 at quillwortish."])[0].astype("<f4").tobytes()
    (tmp_path / "passages.jsonl.old").write_text("Her number is 0171-99887", encoding="utf-8")
    (tmp_path / "passages" / "fetched.db").write_text("Her number is 0171-99887", encoding="utf-8")

    def holders():
        signs = (b"0171-99887", b"quillwort", vector)
        files = [file for file in tmp_path.rglob("*") if file.is_file()]
        return {file.name for file in files for sign in signs if sign in file.read_bytes()}

    assert len(holders()) >= 4
    remove_passages(corpus, ["s"])
    assert holders() == set()
    corpus.close()
    assert holders() == set()
    assert next(hit.passage.id for hit in StoreRetriever(tmp_path, small=0).search("zebrafinch t")) == "t"
