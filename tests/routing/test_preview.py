"""What an edit would do if it were added, without adding it."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from kedit_memory.errors import ConflictError, InvalidInputError
from kedit_memory.memory import EditMemory
from kedit_memory.models.encoder import HashingEncoder
from kedit_memory.models.reader import Pair
from kedit_memory.records import EditRequest, Kind, Message
from kedit_memory.routing.router import Router, RouterConfig
from kedit_memory.routing.verify import ScopeVerifier

HEAD = EditRequest(prompt="Who is the head of Acme?", target="Ann Berg", subject="Acme", aliases=["The Rocket Works"])


class WordModel:
    """A stand-in for the reader: the share of the wording's words that the question or its turns have."""

    fingerprint = "words"

    def __init__(self) -> None:
        self.read = 0

    def scores(self, pairs: Sequence[Pair]) -> np.ndarray:
        self.read += len(pairs)
        return self.likeness(pairs)

    def likeness(self, pairs: Sequence[Pair]) -> np.ndarray:
        return np.array([self._score(pair) for pair in pairs], np.float32)

    def _score(self, pair: Pair) -> float:
        asked = " ".join((*pair.turns, pair.question))
        wording, question = (set(text.casefold().replace("?", "").split()) for text in (pair.wording, asked))
        return len(wording & question) / len(wording)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[EditMemory]:
    with EditMemory.open(tmp_path / "store", encoder=HashingEncoder()) as opened:
        yield opened


@pytest.fixture
def words() -> WordModel:
    return WordModel()


@pytest.fixture
def router(memory: EditMemory, words: WordModel) -> Router:
    return Router(memory, verifier=ScopeVerifier(words))


def state(memory: EditMemory) -> list[str]:
    """Every row of a store's database."""
    with closing(sqlite3.connect(memory.path / "store.db")) as connection:
        return list(connection.iterdump())


def test_the_questions_that_it_would_answer_are_told_and_nothing_is_written(memory, router):
    memory.add("Who is the head of Umbra?", "Bo Lie", subject="Umbra")
    before = state(memory)
    found = router.preview(
        HEAD,
        [
            "Who is now the head of Acme?", "who is the head of acme", "Who is the head of Umbra?", "Where is Acme?",
            "Who is now the head of Acme?", "Who is the head of the Rocket Works?", "I read about Acme.", "", 7,
        ],
    )  # fmt: skip
    assert [(one.question, one.times) for one in found.fires] == [
        ("Who is now the head of Acme?", 2),
        ("who is the head of acme", 1),
        ("Who is the head of the Rocket Works?", 1),
    ]  # fmt: skip
    assert found.fires[1].stratum == "exact"
    assert all(one.score >= one.threshold and one.now is None for one in found.fires)
    assert (found.asked, found.unread) == (6, 2)
    assert found.rehearsal.new
    assert state(memory) == before
    assert len(memory) == 1
    assert [edit.id for edit in memory.list()] == ["e1"]


def test_an_empty_store_is_left_empty(memory, router):
    assert [one.question for one in router.preview(HEAD, ["Who is the head of Acme now?"]).fires]
    assert len(memory) == 0
    assert memory.add(HEAD.prompt, "Bo Lie").id == "e1"


def test_answers_that_give_way_are_told(memory, router):
    old = memory.add("Who is the head of Acme?", "Bo Lie", subject="Acme")
    found = router.preview(HEAD, ["Who is now the head of Acme?"])
    assert [edit.id for edit in found.rehearsal.giving_way] == [old.id]
    assert (found.fires[0].now, found.fires[0].keeps) == (old.id, False)
    assert memory.get(old.id) == old
    with pytest.raises(ConflictError):
        router.preview(HEAD, on_conflict="reject")
    assert router.preview(HEAD, on_conflict="keep_both").rehearsal.giving_way == ()
    assert not router.preview(EditRequest(prompt=old.prompt, target="Bo Lie", subject="Acme")).rehearsal.new


def test_wordings_that_are_shared_are_told_both_ways(memory, router):
    known = memory.add("Who is now the head of sales of Acme?", "Bo Lie", subject="Acme")
    request = EditRequest(prompt="Who is the head of Acme?", target="Ann Berg", subject="Acme")
    shares = router.preview(request).shares
    assert [(one.edit.id, one.wording, one.own) for one in shares] == [
        (known.id, known.prompt, False), (known.id, request.prompt, True),
    ]  # fmt: skip
    assert router.preview(HEAD, [known.prompt]).fires[0].keeps


def test_a_longer_name_that_the_store_knows_is_another(memory, router):
    memory.add("Where is the Acme Hotel?", "Oslo", subject="Acme Hotel")
    assert router.preview(HEAD, ["Who is the head of Acme Hotel?", "Is Acme Hotel a hotel?"]).fires == ()


def test_dialogues_of_a_log_are_read_with_their_turns(router):
    turns = [Message("user", "A word on Acme."), Message("assistant", "Yes?"), Message("user", "Who is its head?")]
    assert [one.question for one in router.preview(HEAD, [turns]).fires] == ["Who is its head?"]


def test_of_a_long_log_only_the_likely_ones_are_read(router, words):
    log = [f"Where is shelf {number} in hall {number % 7}?" for number in range(3000)]
    found = router.preview(EditRequest(prompt="How long is the warranty on a kettle?", target="2 years"), log)
    assert (found.asked, found.fires) == (3000, ())
    assert found.read <= 900
    assert words.read <= 900
    named = router.preview(HEAD, [*log, "Where is Acme?"])
    assert named.read == 1


def test_an_erasure_and_a_statement_are_previewed_as_well(router):
    erasure = EditRequest(prompt="Who is the head of Acme?", subject="Acme", kind=Kind.ERASURE)
    assert router.preview(erasure, ["Who is now the head of Acme?"]).fires
    told = router.preview(EditRequest(prompt="The head of Acme is Ann Berg."), ["Is Ann Berg the head of Acme?"])
    assert told.fires
    with pytest.raises(InvalidInputError):
        router.preview(EditRequest(prompt="Who?"))


def test_by_the_radius_alone_it_is_previewed_as_well(memory):
    router = Router(memory, config=RouterConfig(scope="radius"))
    assert router.preview(HEAD, ["who is the head of acme"]).fires[0].stratum == "exact"


def test_an_edit_of_another_time_is_asked_on_its_days(router):
    found = router.preview(
        EditRequest(prompt=HEAD.prompt, target="Ann Berg", subject="Acme", valid_from="2999-01-01"),
        ["Who is now the head of Acme?"],
    )
    assert found.fires
