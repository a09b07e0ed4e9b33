"""The same text in other clothes."""

import random

import pytest

from kedit_memory.errors import UnknownNameError
from kedit_memory.evaluation.invariance import _AFTER, _BEFORE, _POLITE, KINDS, varied
from kedit_memory.evaluation.lexicons import PARTS


def all_varied(text: str, kind: str, subject: str = "", part: str = "training") -> set[str | None]:
    return {varied(text, kind, random.Random(seed), part, subject) for seed in range(60)}


@pytest.mark.parametrize(
    ("kind", "text", "subject", "one"),
    [
        ("title", "Where does Anna Berg live?", "Anna Berg", "Where does Dr. Anna Berg live?"),
        ("quotes", "Who wrote Elm Hill?", "Elm Hill", "Who wrote “Elm Hill”?"),
        ("brackets", "Who wrote Elm Hill?", "Elm Hill", "Who wrote (Elm Hill)?"),
        ("brackets", "Who wrote Elm Hill?", "", "Who wrote Elm Hill? (just curious)"),
        ("politeness", "When is it?", "", "Hello, when is it?"),
        ("politeness", "Elm is when?", "Elm", "Hello, Elm is when?"),
        ("before", "When is it?", "", "I am new here. When is it?"),
        ("after", "When is it", "", "When is it. It is not urgent."),
        ("typo", "Where is the kitchen of Elmwood?", "Elmwood", "Where is the kitchn of Elmwood?"),
        ("case", "Where is it?", "", "where is it?"),
        ("marks", "Where's Tom, please?", "", "Wheres Tom please"),
        ("contraction", "What is it?", "", "What's it?"),
        ("contraction", "It doesn't fit.", "", "It does not fit."),
        ("digits", "A box of 5", "", "A box of five"),
        ("digits", "Five boxes", "", "5 boxes"),
        ("digits", "The third floor", "", "The 3rd floor"),
        ("digits", "The 2nd floor", "", "The second floor"),
        ("spacing", "A bag of 10 kg", "", "A bag of 10kg"),
        ("articles", "What is the price of a bag?", "", "What is price of bag?"),
    ],
)
def test_each_kind(kind: str, text: str, subject: str, one: str) -> None:
    made = all_varied(text, kind, subject)
    assert one in made
    assert text not in made


@pytest.mark.parametrize(
    ("kind", "text", "subject"),
    [
        ("title", "How high is Elm Hill?", "Elm Hill"),
        ("title", "Who is Anna?", "Anna"),
        ("quotes", 'Who wrote "Elm Hill"?', "Elm Hill"),
        ("typo", "What is the minimum for Elmwood?", "Elmwood"),
        ("contraction", "When did he go?", ""),
        ("digits", "It was in 1998, at 10:30 on 5 May.", ""),
        ("digits", "Who led at first?", ""),
        ("marks", "no mark", ""),
        ("articles", "Who is Tom?", ""),
    ],
)
def test_a_kind_that_has_no_hold(kind: str, text: str, subject: str) -> None:
    assert all_varied(text, kind, subject) == {None}


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="kind of invariance"):
        varied("a", "quote", random.Random(1), "test")
    with pytest.raises(UnknownNameError, match="no part"):
        varied("a", "quotes", random.Random(1), "tests")


def test_parts_share_no_words_and_kinds_are_named() -> None:
    for table in (_BEFORE, _AFTER, _POLITE):
        assert sum(len(table[part]) for part in PARTS) == len({one for part in PARTS for one in table[part]})
    assert len(KINDS) == 13
