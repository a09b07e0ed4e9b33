"""Retrieval by meaning, and its fusion with BM25; the encoder is the one that needs no weights."""

import numpy as np
import pytest

from kedit_memory.errors import EncoderMismatchError, InvalidInputError, ModelError, NotFoundError
from kedit_memory.memory.index import ENGINES, load_engine
from kedit_memory.models.encoder import HashingEncoder
from kedit_memory.records import Passage, RetrievedPassage
from kedit_memory.retrieval import dense
from kedit_memory.retrieval.base import Retriever
from kedit_memory.retrieval.corpus import Corpus
from kedit_memory.retrieval.dense import DenseRetriever, has_vectors
from kedit_memory.retrieval.fuse import FusedRetriever

BASE = [Passage(id="b0", title="Gisors", text="Gisors is a town in Normandy.")]
OWN = [
    Passage(id="p0", title="", text="Rouen is the capital of Normandy."),
    Passage(id="p1", title="", text="Nice lies by the sea."),
    Passage(id="p2", title="", text="The castle of Rouen was built by Philip."),
]


class Counting(HashingEncoder):
    """Counts what it encodes; another name makes it another encoder."""

    def __init__(self, name="hashing"):
        super().__init__()
        self.name = name
        self.texts = []

    def encode(self, texts):
        self.texts += texts
        return super().encode(texts)


def add(store, *passages):
    with Corpus(store) as corpus:
        corpus.add(passages)


def open_dense(store, encoder=None, engine="exact", base=BASE):
    return DenseRetriever(store, encoder or Counting(), load_engine(engine), base)


def found(retriever, question, k=3):
    return [hit.passage.id for hit in retriever.search(question, k)]


@pytest.mark.parametrize("engine", sorted(set(ENGINES) - {"faiss-gpu"}))
def test_the_nearest_passage_comes_first_with_its_cosine(tmp_path, engine):
    add(tmp_path, *OWN)
    retriever = open_dense(tmp_path, engine=engine)
    assert isinstance(retriever, Retriever)
    assert retriever.build() == 4
    hits = retriever.search("Nice lies by the sea.", 4)
    assert hits[0].passage.id == "p1"
    assert hits[0].score == pytest.approx(1.0)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    vectors = HashingEncoder().encode(["Nice lies by the sea.", hits[1].passage.text])
    if hits[1].passage.id != "b0":  # those with a title are encoded with it
        assert hits[1].score == pytest.approx(float(vectors[0] @ vectors[1]), abs=1e-6)
    assert found(retriever, "Gisors, a town in Normandy")[0] == "b0"
    assert retriever.search("Nice", 0) == []


def test_only_what_is_new_is_encoded(tmp_path):
    add(tmp_path, *OWN[:2])
    encoder = Counting()
    open_dense(tmp_path, encoder).build()
    add(tmp_path, OWN[2])
    encoder.texts = []
    assert open_dense(tmp_path, encoder).build() == 1
    assert encoder.texts == [OWN[2].text]
    assert open_dense(tmp_path, encoder).build() == 0


def test_encoding_goes_on_where_it_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(dense, "_BATCH", 2)
    add(tmp_path, *OWN)
    encoder = Counting()

    def first_batch_only(batches):
        yield encoder.encode(next(batches))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_dense(tmp_path, encoder).build(first_batch_only)
    assert open_dense(tmp_path, encoder).build() == 2
    assert len(encoder.texts) == len(set(encoder.texts)) == 4


def test_another_process_loads_the_index_and_encodes_the_question_only(tmp_path):
    add(tmp_path, *OWN)
    open_dense(tmp_path, engine="faiss").build()
    encoder = Counting()
    before = sorted((tmp_path / "passages" / "dense").iterdir())
    assert found(open_dense(tmp_path, encoder, "faiss"), "by the sea")[0] == "p1"
    assert encoder.texts == ["by the sea"]
    assert sorted((tmp_path / "passages" / "dense").iterdir()) == before


def test_passages_that_are_gone_or_not_yet_encoded_are_not_found(tmp_path):
    add(tmp_path, *OWN)
    retriever = open_dense(tmp_path)
    retriever.build()
    add(tmp_path, Passage(id="p1", title="", text="Something else altogether."))
    assert set(found(retriever, "Nice lies by the sea.", 9)) == {"b0", "p0", "p2"}
    retriever.build()
    assert found(retriever, "Something else altogether.")[0] == "p1"


def test_other_passages_that_ship_are_encoded_anew(tmp_path):
    add(tmp_path, *OWN)
    open_dense(tmp_path).build()
    other = [Passage(id="c0", title="", text="Vernon is a town.")]
    encoder = Counting()
    retriever = open_dense(tmp_path, encoder, base=other)
    assert "c0" not in found(retriever, "Vernon is a town.", 9)
    assert retriever.build() == 1
    assert found(retriever, "Vernon is a town.")[0] == "c0"


def test_without_vectors_it_says_how_to_make_them(tmp_path):
    add(tmp_path, *OWN)
    assert not has_vectors(tmp_path)
    with pytest.raises(NotFoundError, match=r"no passage of .* is encoded; run: kedit ingest PATH --dense"):
        open_dense(tmp_path).search("Nice")
    open_dense(tmp_path).build()
    assert has_vectors(tmp_path)


def test_vectors_of_another_encoder_are_refused_until_they_are_made_anew(tmp_path):
    add(tmp_path, *OWN)
    open_dense(tmp_path).build()
    other = Counting("other")
    with pytest.raises(EncoderMismatchError, match="encoded by hashing@1, not by other@1"):
        open_dense(tmp_path, other).search("Nice")
    assert open_dense(tmp_path, other).build() == 4
    assert found(open_dense(tmp_path, other), "Nice lies by the sea.")[0] == "p1"


@pytest.mark.parametrize("vectors", [np.zeros((4, 3), np.float32), np.full((4, 384), np.nan, np.float32)])
def test_an_encoder_that_gives_something_else_is_named(tmp_path, vectors):
    add(tmp_path, *OWN)
    with pytest.raises(ModelError, match="encoder hashing gave an array"):
        open_dense(tmp_path).build(lambda batches: (vectors for _ in batches))


@pytest.mark.parametrize("file", ["manifest.json", "vectors.npy"])
def test_a_damaged_index_is_made_anew_from_the_vectors(tmp_path, file):
    add(tmp_path, *OWN)
    open_dense(tmp_path).build()
    (damaged,) = (tmp_path / "passages" / "dense").rglob(file)
    damaged.write_bytes(b"{}")
    encoder = Counting()
    assert found(open_dense(tmp_path, encoder), "Nice lies by the sea.")[0] == "p1"
    assert len(encoder.texts) == 1


# Fusion.


class Fixed:
    """A ranking that is given."""

    def __init__(self, *names):
        self._found = [
            RetrievedPassage(passage=Passage(id=n, title="", text=n), score=9 - i) for i, n in enumerate(names)
        ]

    def search(self, question, k=3):  # noqa: ARG002 - a ranking whatever is asked
        return self._found[:k]


def test_fusion_sums_reciprocal_ranks():
    hits = FusedRetriever([Fixed("a", "b", "c"), Fixed("c", "a")]).search("", 3)
    assert [hit.passage.id for hit in hits] == ["a", "c", "b"]
    assert [hit.score for hit in hits] == [1 / 61 + 1 / 62, 1 / 63 + 1 / 61, 1 / 62]


def test_equals_keep_the_order_of_the_first_retriever_and_k_cuts():
    fused = FusedRetriever([Fixed("a", "b"), Fixed("b", "a")])
    assert found(fused, "", 1) == ["a"]
    assert found(fused, "", 9) == ["a", "b"]
    assert fused.search("", 0) == []


def test_each_retriever_is_asked_deeper_than_k():
    deep = Fixed(*"abcdefgh")
    assert found(FusedRetriever([deep, Fixed("h")]), "", 1) == ["h"]
    assert found(FusedRetriever([deep, Fixed("h")], depth=2), "", 1) == ["a"]


@pytest.mark.parametrize("bad", [{"retrievers": []}, {"constant": -1}, {"depth": 0}])
def test_settings_without_meaning_are_refused(bad):
    with pytest.raises(InvalidInputError, match="cannot fuse"):
        FusedRetriever(**({"retrievers": [Fixed("a")]} | bad))
