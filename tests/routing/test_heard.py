"""What of a reply is heard before all of it has been judged."""

import pytest

from kedit_memory.routing.heard import Heard


def heard(pieces: list[str], answer: str, name: str = "Ann") -> list[str]:
    passed: list[str] = []
    one = Heard(passed.append, held=lambda text: name in text)
    for piece in pieces:
        one(piece)
    one.finish(answer)
    return passed


def test_sentences_are_passed_on_as_they_end() -> None:
    pieces = ["Tea is ", "hot. It co", "mes from China. And", " more"]
    assert heard(pieces, "".join(pieces)) == ["Tea is hot.", " It comes from China.", " And more"]


def test_from_a_sentence_that_names_the_subject_on_nothing_is_heard_until_all_is_judged() -> None:
    pieces = ["Tea is hot. ", "Ann lives in Oslo. ", "Tea is tea."]
    assert heard(pieces, "".join(pieces)) == ["Tea is hot.", " Ann lives in Oslo. Tea is tea."]


def test_what_is_given_in_place_of_a_reply_stands_by_itself() -> None:
    pieces = ["Tea is hot. ", "Ann lives in Oslo."]
    assert heard(pieces, "That was erased.") == ["Tea is hot.", "\nThat was erased."]


@pytest.mark.parametrize("pieces", [["Oslo"], ["你好。", "再见"], ["one\n", "two"]])
def test_nothing_is_lost_or_doubled(pieces: list[str]) -> None:
    assert "".join(heard(pieces, "".join(pieces))) == "".join(pieces)
