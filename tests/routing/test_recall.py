"""Which edits may answer a question: by names, by words, by meaning, at most 32 of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kedit_memory.memory import EditMemory
from kedit_memory.models.encoder import HashingEncoder
from kedit_memory.records import Edit, KeyKind, Match
from kedit_memory.routing.background import Background
from kedit_memory.routing.question import EXACT, LINKED, UNLINKED, Question
from kedit_memory.routing.recall import MOST, fused
from kedit_memory.routing.scope import RADIUS, VERIFIED, Scope

CLINIC = "The clinic in Bremen closes at six."


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[EditMemory]:
    with EditMemory.open(tmp_path / "store", encoder=HashingEncoder()) as opened:
        yield opened


def recalled(memory: EditMemory, text: str, *turns: str, how: str = VERIFIED, **names: tuple[str, ...]) -> Question:
    scope = Scope(memory, Background(aliases=names), verifier=None, how=how)
    question = Question(text=text, as_of=None, namespace="default", turns=turns)
    return scope.recall(scope.link([question]))[0]


def found(question: Question) -> list[tuple[str, str]]:
    return [(one.match.edit.id, one.found) for one in question.candidates]


def test_a_statement_is_found_whatever_it_names(memory: EditMemory) -> None:
    edit = memory.add(CLINIC)
    names = {"Bremen": (), "Hamburg": ()}
    assert found(recalled(memory, "When does the clinic close?", **names)) == [(edit.id, UNLINKED)]
    assert found(recalled(memory, "When does the clinic in Hamburg close?", **names)) == [(edit.id, UNLINKED)]
    assert found(recalled(memory, CLINIC, **names)) == [(edit.id, EXACT)]


def test_a_phrase_need_not_be_named_and_a_name_must(memory: EditMemory) -> None:
    window = memory.add("How long is the refund window?", "30 days", subject="refund window")
    memory.add("Who leads Acme?", "Ann", subject="Acme")
    assert found(recalled(memory, "Until when can I send something back?")) == [(window.id, UNLINKED)]
    assert found(recalled(memory, "May goods be refunded after a while?")) == [(window.id, UNLINKED)]
    assert found(recalled(memory, "And the refund window?")) == [(window.id, LINKED)]


def test_what_a_question_names_comes_first(memory: EditMemory) -> None:
    free = memory.add("Who leads the choir?", "Bo")
    head = memory.add("Who leads Acme?", "Ann", subject="Acme")
    seat = memory.add("Where is the seat of Acme?", "Rome", subject="Acme")
    asked = recalled(memory, "Who leads the choir of Acme?")
    assert found(asked) == [(head.id, LINKED), (seat.id, LINKED), (free.id, UNLINKED)]
    assert asked.candidates[0].names == ("Acme",)


def test_an_ordinary_word_is_a_name_where_the_rest_of_the_question_is_the_edits(memory: EditMemory) -> None:
    film = memory.add("Who directed Life?", "Ann", subject="Life")
    assert found(recalled(memory, "so who directed life back then")) == [(film.id, LINKED)]
    assert recalled(memory, "What is the meaning of life?").candidates == ()


def test_there_are_never_more_than_most(memory: EditMemory) -> None:
    memory.add_many(
        [{"prompt": f"Which colour has room {n} of Acme?", "target": "a", "subject": "Acme"} for n in range(60)]
    )
    assert len(recalled(memory, "Which colour has the hall of Acme?").candidates) == MOST
    memory.add_many([{"prompt": f"Which colour has hall {n}?", "target": "a"} for n in range(60)])
    ways = [how for _, how in found(recalled(memory, "Which colour has the hall of Acme?"))]
    assert (ways.count(LINKED), ways.count(UNLINKED)) == (20, 12)
    assert len(recalled(memory, "Which colour has the hall?").candidates) == MOST


def test_the_wording_is_the_nearest_text_and_never_a_rejected_one(memory: EditMemory) -> None:
    edit = memory.add("How do I reset the badge?", "Hold it.", paraphrases=["my card has stopped working"])
    (one,) = recalled(memory, "help, the card stopped working").candidates
    assert one.wording == "my card has stopped working"
    memory.confirm(edit.id, "the door ignores me")
    assert recalled(memory, "now the door ignores me too").candidates[0].wording == "the door ignores me"
    memory.reject(edit.id, "where do I buy a badge holder")
    assert recalled(memory, "so where do I buy a badge holder").candidates == ()


def test_a_radius_that_was_given_limits(memory: EditMemory) -> None:
    memory.add("Which door code is valid?", "4711", radius=0.05)
    assert recalled(memory, "Tell me which door code is valid at night").candidates == ()


def test_names_of_earlier_turns_lead_where_those_of_the_question_do_not(memory: EditMemory) -> None:
    head = memory.add("Who leads Acme?", "Ann", subject="Acme")
    other = memory.add("Who leads Umbra?", "Bo", subject="Umbra")
    turns = ("Tell me about Umbra.", "It is old.", "And Acme?", "Young.")
    assert found(recalled(memory, "Who leads it?", *turns)) == [(head.id, LINKED)]
    assert found(recalled(memory, "Who leads Umbra?", *turns)) == [(other.id, EXACT)]
    assert found(recalled(memory, "So who leads Umbra now?", *turns)) == [(other.id, LINKED)]
    assert recalled(memory, "Who leads it?", "Hello.").candidates == ()


def test_the_words_of_the_last_turn_count(memory: EditMemory) -> None:
    memory.add_many([{"prompt": f"Is form {n} signed by {n}?", "target": "no"} for n in range(40)])
    dose = memory.add("Which dose of paracetamol suits a child?", "10 mg")
    asked = recalled(memory, "And signed by whom?", "Which dose of paracetamol is right?")
    assert dose.id in [edit for edit, _ in found(asked)]
    assert dose.id not in [edit for edit, _ in found(recalled(memory, "And signed by whom?"))]


def test_where_nothing_reads_names_and_radius_decide(memory: EditMemory) -> None:
    memory.add(CLINIC)
    names = {"Bremen": (), "Hamburg": ()}
    assert recalled(memory, "When does the clinic in Hamburg close?", how=RADIUS, **names).candidates == ()
    assert recalled(memory, "Something else?", how=RADIUS, **names).candidates == ()


def test_fusing_prefers_what_several_rankings_hold() -> None:
    def match(name: str, distance: float) -> Match:
        edit = Edit(id=name, kind="insertion", prompt=name, target="x", statement="x", radius=0.6, created_at="")  # type: ignore[arg-type]
        return Match(edit=edit, key=f"{name} at {distance}", key_kind=KeyKind.PROMPT, distance=distance, radius=0.6)

    rankings = [[match("e1", 0.1), match("e2", 0.2), match("e3", 0.3)], [match("e3", 0.25), match("e4", 0.4)]]
    best = fused(rankings)
    assert [one.edit.id for one in best] == ["e3", "e1", "e2", "e4"]
    assert best[0].key == "e3 at 0.25"
    assert fused([]) == []
