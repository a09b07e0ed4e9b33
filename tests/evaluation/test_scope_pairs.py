"""Pairs of texts that are marked as the same or not, and the edits that stand near each other."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kedit_memory.errors import InvalidInputError
from kedit_memory.evaluation.tasks.scope.cases import ScopeEdit, ScopeSet
from kedit_memory.evaluation.tasks.scope.doubts import doubted
from kedit_memory.evaluation.tasks.scope.nearest import NearestTexts, near_edits
from kedit_memory.evaluation.tasks.scope.same_question import PAIRS, gptcache_set, mediqa_rqe_set, quora_set


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("quora_question_pairs", "mediqa_rqe", "covid_qa_deepset", "gptcache_mock"):
        (tmp_path / name).mkdir()
    same = [("1", f"How do I boil {n} eggs?", f"How are {n} eggs boiled?") for n in range(30)]
    near = [("0", f"How do I boil {n} eggs?", f"How do I fry {n} eggs?") for n in range(30)]
    chain = [
        ("1", "How are 1 eggs boiled?", "Boiling 1 eggs?", "1"),
        ("0", "Boiling 1 eggs?", "How do I boil 1 eggs?", "1"),
    ]
    rows = "\n".join("\t".join(row) for row in same + near + chain)
    (tmp_path / "quora_question_pairs/test_deep1994.tsv").write_text(rows, "utf-8")
    for name, places in (("validation", range(9)), ("test", range(9, 18))):
        pairs = "".join(
            f'<pair pid="{n}" value="{value}"><chq>Pain {n}. {asked}</chq><faq>What helps {n} &lt; 3?</faq></pair>'
            for n in places
            for value, asked in (("true", "Help."), ("false", "Who had it?"))
        )
        (tmp_path / f"mediqa_rqe/rqe_{name}.xml").write_text(f"<set>{pairs}</set>", "utf-8")
    for language in ("en", "de"):
        lines = [f"Is it {n}?,Is that {n}?,1\nIs it {n}?,Was it {n}?,0" for n in range(30)]
        text = "\n".join(["question_1,question_2,similar", *lines])
        (tmp_path / f"covid_qa_deepset/eval_question_similarity_{language}.csv").write_text(text, "utf-8")
    words = [f"word{letter}" for letter in "abcdefghijklmnopqrstuvwxyzabcdef"]
    mock = [
        {"origin": f"`{a}` keeps {b} of {c} {n}.", "similar": f"{n} {c} of {b} stay in `{a}`."}
        for n, (a, b, c) in enumerate(zip(words, words[1:], words[2:], strict=False))
    ]
    (tmp_path / "gptcache_mock/mock_data.json").write_text(json.dumps(mock), "utf-8")
    return tmp_path


@pytest.mark.parametrize("name", PAIRS)
def test_a_set_of_pairs_is_read_the_same_each_time(data: Path, name: str) -> None:
    one = PAIRS[name](data, seed=3)
    assert one == PAIRS[name](data, seed=3)
    assert one != PAIRS[name](data, seed=4)
    assert one.name == name
    kinds = {case.kind for case in one.cases if case.kind != "prompt"}
    assert kinds <= {"same_question", "near_question", "rewording", "another_statement"}
    assert any(case.covered for case in one.cases if case.kind in kinds)
    for case in one.cases:
        assert case.covered == (case.kind in {"prompt", "same_question", "rewording"})


def test_of_questions_that_are_the_same_by_a_chain_one_is_stored(data: Path) -> None:
    for seed in range(5):
        one = quora_set(data, seed=seed)
        held = [edit.prompt for edit in one.edits if " 1 eggs" in edit.prompt]
        assert len(held) <= 1
        refused = {case.question for case in one.cases if not case.covered}
        assert "How do I boil 1 eggs?" not in refused  # by two labels it is the same, by a third it is not
        assert Counter(edit.prompt for edit in one.edits).most_common(1)[0][1] == 1


def test_a_consumers_question_covers_the_entry_that_answers_it(data: Path) -> None:
    one = mediqa_rqe_set(data)
    assert len(one.edits) == 12  # of 18, a third is left out
    assert one.edits[0].prompt.endswith("< 3?")
    (data / "mediqa_rqe/rqe_test.xml").write_text("<set>", "utf-8")
    with pytest.raises(InvalidInputError, match="cannot be read as XML"):
        mediqa_rqe_set(data)


def test_a_statement_is_stored_as_it_is(data: Path) -> None:
    one = gptcache_set(data)
    assert all(edit.prompt == edit.target for edit in one.edits)
    assert len(one.edits) == 15
    assert sum(case.kind == "rewording" for case in one.cases) == 15


def test_the_nearest_edits_leave_out_what_is_the_same_or_doubted() -> None:
    plain = ScopeEdit(prompt="a", target="1", part="test", subject="Blue Inn", relation="wifi")
    edits = (
        plain,
        replace(plain, prompt="b", target="2"),  # the same matter of the same place
        replace(plain, prompt="c", target="3", relation="price of wifi"),
        replace(plain, prompt="d", target="4", subject="Old Inn"),
        replace(plain, prompt="e", target="1", relation="dogs"),  # the same answer
        replace(plain, prompt="f", target="5", relation="gym"),
        replace(plain, prompt="g", target="6", relation="gym", part="training"),
        ScopeEdit(prompt="h", target="7", part="test"),
        ScopeEdit(prompt="i", target="8", part="test"),
    )
    angles = np.arange(len(edits)) / 10
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    found = near_edits(ScopeSet(name="x", edits=edits, cases=()), vectors, 3)
    assert found[0] == [3, 5, 7]
    assert found[6] == []
    assert found[8][:2] == [7, 5]


def test_the_nearest_text_shares_the_rarest_words() -> None:
    near = NearestTexts([("turn the light on", "a light"), ("turn the radio on please",), ("stop the alarm",)])
    assert near.among([0, 1, 2], "the radio") == 1
    assert near.among([0, 2], "the radio, or the alarm") == 2
    assert near.among([1, 2], "zebra") == 1


def test_doubts_are_mutual_and_end_where_words_decide() -> None:
    assert doubted("wifi", "price of wifi")
    assert doubted("price of wifi", "wifi")
    assert not doubted("Apple Pay", "Google Pay")
    assert not doubted("wifi", "dogs")
