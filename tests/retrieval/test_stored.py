"""The search of a store: the index in files gives what the reference gives, whatever comes and goes."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kedit_memory.errors import StoreError
from kedit_memory.records import Passage
from kedit_memory.retrieval import collection
from kedit_memory.retrieval.base import Retriever
from kedit_memory.retrieval.bm25 import Bm25Retriever
from kedit_memory.retrieval.checking import verify_corpus
from kedit_memory.retrieval.corpus import Corpus
from kedit_memory.retrieval.documents import Document
from kedit_memory.retrieval.indexfiles import drop_indexes
from kedit_memory.retrieval.stored import StoreRetriever

WORDS = [f"w{i}" for i in range(300)]
WEIGHTS = [1 / (i + 1) for i in range(300)]


def passages(count, seed, first=0):
    rng = random.Random(seed)
    texts = (" ".join(rng.choices(WORDS, WEIGHTS, k=rng.randint(0, 40))) for _ in range(count))
    return [Passage(id=f"{seed}-{first + i}", title=f"t{i % 7}", text=text) for i, text in enumerate(texts)]


def questions(count, seed=1):
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=rng.randint(1, 8))) for _ in range(count)]


def found(retriever, question, k=10):
    """Ranks, and scores without the last bits."""
    return [(hit.passage.id, pytest.approx(hit.score, abs=1e-5)) for hit in retriever.search(question, k)]


def assert_equals_the_reference(retriever, store, base=(), k=10):
    with Corpus(store) as corpus:
        reference = Bm25Retriever([*base, *corpus])
    for question in questions(40):
        assert found(retriever, question, k) == found(reference, question, k)


def segments(store):
    return sorted(folder.name for folder in (store / "passages" / "bm25").glob("segment-*"))


@pytest.fixture
def small_segments(monkeypatch):
    monkeypatch.setattr(collection, "SEGMENT", 100)


def test_ranks_are_those_of_the_reference(tmp_path):
    with Corpus(tmp_path) as corpus:
        corpus.add(passages(500, seed=2))
    assert_equals_the_reference(StoreRetriever(tmp_path, small=0), tmp_path)
    assert len(segments(tmp_path)) == 1


@pytest.mark.usefixtures("small_segments")
@pytest.mark.parametrize("k", [1, 3, 1000])
def test_whatever_is_added_later_counts_for_all(tmp_path, k):
    base = passages(60, seed=3)
    retriever = StoreRetriever(tmp_path, base, small=0)
    with Corpus(tmp_path) as corpus:
        for step, count in enumerate([1, 250, 2, 3, 90, 1]):
            corpus.add(passages(count, seed=10 + step))
            assert_equals_the_reference(retriever, tmp_path, base, k)
    assert 2 < len(segments(tmp_path)) < 8  # small ones are taken into the next


@pytest.mark.usefixtures("small_segments")
def test_passages_that_change_or_go_are_found_no_more(tmp_path):
    retriever = StoreRetriever(tmp_path, small=0)

    def document(name, version, texts):
        return Document(name=name, source=name, digest=version, read=lambda: iter(texts))

    with Corpus(tmp_path) as corpus:
        for seed in range(8):
            corpus.take(document(f"d{seed}", "1", passages(40, seed)))
        assert_equals_the_reference(retriever, tmp_path)
        corpus.take(document("d3", "2", passages(5, seed=30)))
        assert_equals_the_reference(retriever, tmp_path)
        corpus.forget(["d0", "d1", "d6"])
        assert_equals_the_reference(retriever, tmp_path)
        corpus.forget([f"d{seed}" for seed in range(8)])
        assert retriever.search("w0") == []


def test_another_process_finds_the_index_and_reads_no_text(tmp_path, monkeypatch):
    with Corpus(tmp_path) as corpus:
        corpus.add(passages(200, seed=4))
    StoreRetriever(tmp_path, small=0).update_index()
    monkeypatch.setattr(collection, "words_of", None)  # what indexing needs
    assert_equals_the_reference(StoreRetriever(tmp_path, small=0), tmp_path)


@pytest.mark.usefixtures("small_segments")
def test_building_goes_on_where_it_stopped(tmp_path, monkeypatch):
    with Corpus(tmp_path) as corpus:
        corpus.add(passages(350, seed=5))
    build, built = collection.build_segment, []

    def interrupted(folder, texts):
        if len(built) == 2:
            raise KeyboardInterrupt
        build(folder, texts)
        built.append(folder.name)

    monkeypatch.setattr(collection, "build_segment", interrupted)
    with pytest.raises(KeyboardInterrupt):
        StoreRetriever(tmp_path, small=0).update_index()
    monkeypatch.setattr(collection, "build_segment", build)
    assert_equals_the_reference(StoreRetriever(tmp_path, small=0), tmp_path)
    assert set(built) <= set(segments(tmp_path))


@pytest.mark.parametrize("file", ["manifest.json", "rows.npy", "data.csc.index.npy", "vocab.index.json"])
@pytest.mark.parametrize("content", [b"", b"{}", None])
def test_a_damaged_index_is_made_anew(tmp_path, file, content):
    with Corpus(tmp_path) as corpus:
        corpus.add(passages(100, seed=6))
    StoreRetriever(tmp_path, small=0).update_index()
    (damaged,) = (tmp_path / "passages" / "bm25").rglob(file)
    damaged.unlink() if content is None else damaged.write_bytes(content)
    assert_equals_the_reference(StoreRetriever(tmp_path, small=0), tmp_path)


def test_other_passages_that_ship_make_another_index(tmp_path):
    with Corpus(tmp_path) as corpus:
        corpus.add(passages(50, seed=7))
    first, second = passages(30, seed=8), passages(30, seed=9)
    for base in (first, second):
        assert_equals_the_reference(StoreRetriever(tmp_path, base, small=0), tmp_path, base)


def test_a_small_store_is_searched_in_memory_and_leaves_no_files(tmp_path):
    base = passages(30, seed=8)
    retriever = StoreRetriever(tmp_path / "store", base)
    assert isinstance(retriever, Retriever)
    assert found(retriever, "w1 w2") == found(Bm25Retriever(base), "w1 w2")
    retriever.update_index()
    assert not (tmp_path / "store").exists()


def test_what_is_ingested_meanwhile_is_found(tmp_path):
    retriever = StoreRetriever(tmp_path, small=2)
    assert retriever.search("w1") == []
    with Corpus(tmp_path) as corpus:
        for count in (1, 3):  # in memory, then in files
            corpus.add(passages(count, seed=20 + count))
            assert_equals_the_reference(retriever, tmp_path)
    assert segments(tmp_path)


def test_texts_without_words_are_no_trouble(tmp_path):
    with Corpus(tmp_path) as corpus:
        corpus.add([Passage(id=f"p{i}", title="", text="the of") for i in range(5)])
        retriever = StoreRetriever(tmp_path, small=0)
        assert retriever.search("castle the") == []
        corpus.add([Passage(id="x", title="", text="A castle.")])
        assert found(retriever, "castle") == found(Bm25Retriever(list(corpus)), "castle")


@pytest.mark.parametrize("question", ["", "?", "What is the?", "zyzzyva"])
def test_nothing_is_found_for_nothing(tmp_path, question):
    with Corpus(tmp_path) as corpus:
        corpus.add(passages(20, seed=2))
    retriever = StoreRetriever(tmp_path, small=0)
    assert retriever.search(question) == []
    assert retriever.search("w0", 0) == []


def test_an_index_that_cannot_be_written_is_one_line(tmp_path):
    with Corpus(tmp_path) as corpus:
        corpus.add(passages(20, seed=2))
    (tmp_path / "passages").write_text("a file in place of the folder", encoding="utf-8")
    with pytest.raises(StoreError, match=r"cannot write .*bm25: Not a directory"):
        StoreRetriever(tmp_path, small=0).search("w1")


def test_the_manifest_says_what_it_is(tmp_path):
    with Corpus(tmp_path) as corpus:
        corpus.add(passages(20, seed=2))
        StoreRetriever(tmp_path, small=0).update_index()
        manifest = json.loads((tmp_path / "passages" / "bm25" / "manifest.json").read_text(encoding="utf-8"))
        assert manifest["version"] == corpus.version
        assert list(manifest["segments"]) == segments(tmp_path)


word = st.sampled_from(["red", "green", "blue", "castle", "river", "town"])
text = st.lists(word, max_size=6).map(" ".join)
steps = st.lists(st.lists(st.tuples(st.integers(0, 9), text), min_size=1, max_size=5), min_size=1, max_size=4)


@settings(max_examples=30)
@given(steps, text)
def test_any_history_ranks_as_the_reference_does(tmp_path_factory, history, question):
    store = tmp_path_factory.mktemp("store")
    retriever = StoreRetriever(store, small=0)
    with Corpus(store) as corpus:
        for step in history:
            corpus.add([Passage(id=f"p{name}", title="", text=words) for name, words in step])
            assert found(retriever, question, 3) == found(Bm25Retriever(list(corpus)), question, 3)
    retriever.close()


def test_a_search_finds_nothing_of_another_namespace(tmp_path):
    for small in (0, 1000):  # in files, then in memory
        base = passages(3, seed=7)
        for namespace in ("default", "a", "b"):
            with Corpus(tmp_path, namespace) as corpus:
                corpus.add(
                    [Passage(id="same", title="", text=f"w1 of {namespace}"), *passages(30, seed=len(namespace))]
                )
        retrievers = {name: StoreRetriever(tmp_path, base, namespace=name, small=small) for name in ("default", "a")}
        for name, retriever in retrievers.items():
            with Corpus(tmp_path, name) as corpus:
                assert found(retriever, "w1") == found(Bm25Retriever([*base, *corpus]), "w1")
            (same,) = [hit.passage.text for hit in retriever.search("w1", 99) if hit.passage.id == "same"]
            assert same == f"w1 of {name}"
        assert StoreRetriever(tmp_path, namespace="c", small=small).search("w1") == []


def test_what_is_ingested_into_one_namespace_leaves_the_index_of_another(tmp_path, monkeypatch):
    with Corpus(tmp_path, "a") as mine, Corpus(tmp_path, "b") as other:
        mine.add(passages(20, seed=2))
        retriever = StoreRetriever(tmp_path, namespace="a", small=0)
        retriever.update_index()
        other.add(passages(20, seed=3))
        monkeypatch.setattr(collection, "words_of", None)  # what indexing needs
        assert retriever.search("w0")


def test_files_of_a_user_in_the_folder_of_an_index_stay(tmp_path):
    index = tmp_path / "passages" / "bm25"
    (index / "mine").mkdir(parents=True)
    (index / "mine" / "notes.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "passages" / "photos").mkdir()
    with Corpus(tmp_path) as corpus:
        corpus.add(passages(20, seed=2))
    StoreRetriever(tmp_path, small=0).update_index()
    assert segments(tmp_path)
    drop_indexes(tmp_path)
    assert [path.name for path in index.iterdir()] == ["mine"]
    assert (index / "mine" / "notes.txt").read_text(encoding="utf-8") == "mine"
    assert (tmp_path / "passages" / "photos").is_dir()


def test_an_index_behind_a_link_is_not_dropped(tmp_path):
    with Corpus(tmp_path / "one") as corpus:
        corpus.add(passages(20, seed=2))
    StoreRetriever(tmp_path / "one", small=0).update_index()
    (tmp_path / "two" / "passages").mkdir(parents=True)
    (tmp_path / "two" / "passages" / "bm25").symlink_to(tmp_path / "one" / "passages" / "bm25")
    drop_indexes(tmp_path / "two")
    assert segments(tmp_path / "one")


@pytest.mark.parametrize("file", ["manifest.json", "rows.npy", "data.csc.index.npy", "checksums.json"])
def test_an_index_that_was_altered_is_told_and_made_anew(tmp_path, file):
    with Corpus(tmp_path) as corpus:
        corpus.add(passages(100, seed=6))
    StoreRetriever(tmp_path, small=0).update_index()
    assert verify_corpus(tmp_path) == []
    (altered,) = (tmp_path / "passages" / "bm25").rglob(file)
    data = bytearray(altered.read_bytes())
    data[-3] ^= 1
    altered.write_bytes(data)
    assert all("run kedit rebuild" in problem for problem in verify_corpus(tmp_path))
    assert verify_corpus(tmp_path)
    drop_indexes(tmp_path)
    assert_equals_the_reference(StoreRetriever(tmp_path, small=0), tmp_path)
    assert verify_corpus(tmp_path) == []


def test_a_header_that_is_no_header_is_made_anew(tmp_path):
    with Corpus(tmp_path) as corpus:
        corpus.add(passages(100, seed=6))
    StoreRetriever(tmp_path, small=0).update_index()
    (rows,) = (tmp_path / "passages" / "bm25").rglob("rows.npy")
    rows.write_bytes(rows.read_bytes().replace(b"}", b"(", 1))  # what reads it raises an error of its own
    assert_equals_the_reference(StoreRetriever(tmp_path, small=0), tmp_path)
