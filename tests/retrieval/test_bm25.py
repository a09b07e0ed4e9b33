import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedit_memory.records import Passage
from kedit_memory.retrieval.bm25 import Bm25Retriever
from kedit_memory.words import words


def passages(*texts):
    return [Passage(id=f"p{i}", title="", text=text) for i, text in enumerate(texts)]


def found(retriever, question, k=3):
    return [hit.passage.id for hit in retriever.search(question, k)]


TOWNS = passages(
    "Gisors is a town in Normandy, known for its castle.",
    "Rouen is the capital of Normandy.",
    "Nice lies by the sea.",
    "The castle of Rouen was built by Philip, and Rouen grew around the castle.",
)


def test_the_passage_that_answers_comes_first():
    retriever = Bm25Retriever(TOWNS)
    assert found(retriever, "What is the capital of Normandy?")[0] == "p1"
    assert found(retriever, "Who built the castle of Rouen?")[0] == "p3"
    assert found(retriever, "Which town lies by the sea?")[0] == "p2"


def test_hits_are_scored_best_first_and_cut_at_k():
    retriever = Bm25Retriever(TOWNS)
    hits = retriever.search("castle in Normandy", 4)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert {hit.passage.id for hit in hits} == {"p0", "p1", "p3"}  # a passage that shares no word is no hit
    assert found(retriever, "castle in Normandy", 2) == [hit.passage.id for hit in hits[:2]]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_corpus_of_a_few_passages_is_searched_too(count):
    retriever = Bm25Retriever(TOWNS[:count])
    (first, *_) = retriever.search("the castle of Gisors")
    assert first.passage.id == "p0"
    assert first.score > 0


def test_a_word_of_every_passage_still_finds_them():
    assert found(Bm25Retriever(passages("red apple", "red pear", "red plum")), "red") == ["p0", "p1", "p2"]


def test_the_title_is_searched():
    retriever = Bm25Retriever([Passage(id="p0", title="Gisors", text="A town."), *passages("Another town.")])
    assert found(retriever, "Where is Gisors?") == ["p0"]


def test_accents_and_case_do_not_matter():
    retriever = Bm25Retriever(passages("São Tomé is an island.", "Malabo is a city."))
    assert found(retriever, "SAO TOME") == ["p0"]
    assert found(retriever, "sa\N{COMBINING TILDE}o tome\N{COMBINING ACUTE ACCENT}") == ["p0"]
    assert words("Sa\N{COMBINING TILDE}o") == words("São") == ["sao"]


@pytest.mark.parametrize("question", ["", "?", "What is the?", "zyzzyva"])
def test_nothing_is_found_for_nothing(question):
    assert Bm25Retriever(TOWNS).search(question) == []


@pytest.mark.parametrize("corpus", [[], passages("", "  "), passages("the of and")])
def test_an_empty_corpus_finds_nothing(corpus):
    assert Bm25Retriever(corpus).search("castle") == []


def test_k_may_be_zero_or_more_than_there_are():
    retriever = Bm25Retriever(TOWNS)
    assert retriever.search("castle", 0) == []
    assert len(retriever.search("castle", 100)) == 2


vocabulary = st.lists(st.sampled_from(["red", "green", "blue", "castle", "river", "town"]), max_size=6).map(" ".join)


@given(st.lists(vocabulary, max_size=6), vocabulary)
def test_exactly_the_passages_that_share_a_word_are_hits(texts, question):
    corpus = passages(*texts)
    hits = Bm25Retriever(corpus).search(question, 10)
    sharing = {p.id for p in corpus if set(words(p.text)) & set(words(question))}
    assert {hit.passage.id for hit in hits} == sharing
    assert all(hit.score > 0 for hit in hits)
