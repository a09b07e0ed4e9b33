"""A passage that a model writes for a question is found like any other, and says who wrote it."""

from kedit_memory.retrieval.base import Retriever
from kedit_memory.retrieval.generated import GeneratedPassages, Written

ASKED = "Where is Borgen?"


def test_the_one_passage_is_what_was_written_and_by_whom():
    told: list[str] = []

    def write(instruction: str) -> Written:
        told.append(instruction)
        return Written(text="Borgen is a small town.\n\nIt lies on the Lysa.", by="far")

    source = GeneratedPassages(write)
    assert isinstance(source, Retriever)
    assert source.search(ASKED, 0) == []
    assert told == []
    (found,) = source.search(ASKED)
    assert (found.passage.text, found.written_by) == ("Borgen is a small town. It lies on the Lysa.", "far")
    assert told[0].endswith(f"Question: {ASKED}")
    assert source.search(ASKED)[0].passage.id == found.passage.id
    assert GeneratedPassages(lambda _: Written(text=" \n", by="far")).search(ASKED) == []
