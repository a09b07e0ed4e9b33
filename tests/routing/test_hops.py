"""Questions over several stored facts, and what follows from facts, with the shipped reader."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from listening_model import Listening

from kedit_memory.memory import EditMemory
from kedit_memory.models.language import OnText, Reply
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import Route
from kedit_memory.routing.provenance import to_dict
from kedit_memory.routing.router import Router, RouterConfig

FACTS = (
    ("What is the capital of Norway?", "Bergen", "Norway"),
    ("Who is the mayor of Bergen?", "Ann Lund", "Bergen"),
    ("Where was Ann Lund born?", "Molde", "Ann Lund"),
    ("Who is Ann Lund married to?", "Bob Lee", "Ann Lund"),
    ("Ellie Marsh is a citizen of", "Croatia", "Ellie Marsh"),
)


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EditMemory]:
    with EditMemory.open(tmp_path_factory.mktemp("hops") / "store") as opened:
        for prompt, target, subject in FACTS:
            opened.add(prompt, target, subject=subject)
        yield opened


@pytest.fixture(scope="module")
def router(memory: EditMemory) -> Router:
    return Router(memory, Listening(), config=RouterConfig(path="direct"))


@pytest.mark.parametrize(
    ("question", "says", "rests_on"),
    [
        ("Who is the mayor of the capital of Norway?", "Ann Lund", ["Ann Lund", "Bergen"]),
        ("In which town was the mayor of Norway's capital born?", "Molde", ["Molde", "Bergen", "Ann Lund"]),
        ("Bergen is the capital of which country?", "Norway", ["Norway"]),
        ("Which country has Bergen as its capital?", "Norway", ["Norway"]),
        ("Who is Bob Lee's wife?", "Ann Lund", ["Ann Lund"]),
        ("Where was the wife of Bob Lee born?", "Molde", ["Molde", "Ann Lund"]),
    ],
)
def test_what_several_facts_lead_to_is_answered(router: Router, question: str, says: str, rests_on: list[str]) -> None:
    answer = router.query(question)
    assert (answer.text, answer.route) == (says, Route.DIRECT)
    assert [match.edit.target for match in answer.edits] == rests_on
    assert all(edit["id"] in answer.reason for edit in to_dict(answer)["edits"])


def test_what_differs_from_a_question_leads_nowhere(tmp_path: Path) -> None:
    """The edit says what comes before the tour: it is no name for the tour."""
    with EditMemory.open(tmp_path / "store") as memory:
        memory.add("The tour of Noralta Museum: what do we do ahead of it?", "a film", subject="Noralta Museum")
        found = Router(memory, Listening()).explain("What is planned after the tour of Noralta Museum?")
    assert (found.route, found.edits, found.left) == (Route.PARAMETRIC, (), "")


@pytest.mark.parametrize(
    "question",
    [
        "Who is Little Ann Lund's mother?",
        "Who is Little Ann Lund married to?",
        "What is the capital of Bergen?",  # the other way round
        "Norway is the capital of which country?",
        "When did Bob Lee marry?",
        "Who was born in Molde?",  # many were
        "Who is the mayor of Norway?",
        "Write a poem about the capital of Norway.",
    ],
)
def test_what_is_not_certain_is_left_to_the_model(router: Router, question: str) -> None:
    decision = router.explain(question)
    assert (decision.route, decision.edits) == (Route.PARAMETRIC, ())


def test_the_facts_that_were_found_are_told_to_a_model_that_is_asked_what_is_left(memory: EditMemory) -> None:
    model = Listening()
    answer = Router(memory, model).query("Who is the head of state of the country that Ellie Marsh is a citizen of?")
    assert (answer.text, answer.route) == ("Vera Holm", Route.CONTEXT)
    assert answer.left == "Who is the head of state of Croatia?"
    (prompt,) = model.asked
    assert prompt.question == answer.left
    assert any("Croatia" in fact for fact in prompt.facts)


def test_what_is_left_is_not_heard_before_it_is_known_to_tell_nothing_erased(tmp_path: Path) -> None:
    class Telling(Listening):
        def reply_many(self, prompts: Sequence[Prompt], *, on_text: OnText | None = None, **_: object) -> list[Reply]:
            said = "Vera Holm, who lives at 12 Elm Street."
            if on_text is not None:
                on_text(said)
            return [Reply(text=said)] * len(prompts)

    heard: list[str] = []
    with EditMemory.open(tmp_path / "store") as memory:
        memory.add("Ellie Marsh is a citizen of", "Croatia", subject="Ellie Marsh")
        memory.erase("Where does Vera Holm live?", subject="Vera Holm")
        question = "Who is the head of state of the country that Ellie Marsh is a citizen of?"
        answer = Router(memory, Telling()).query(question, on_text=heard.append)
    assert answer.left
    assert "Elm" not in "".join(heard)
    assert "".join(heard) == answer.text


def test_another_programs_model_is_told_an_edit_only_where_one_answers(router: Router) -> None:
    whole, part = router.rulings(
        ["Who is the mayor of the capital of Norway?", "How many people live in the capital of Norway?"]
    )
    assert whole.decision is not None
    assert whole.decision.edits[0].edit.target == "Ann Lund"
    assert part.decision is None


def test_what_follows_from_an_edit_goes_with_it(tmp_path: Path) -> None:
    asked = ("Who is the mayor of the capital of Norway?", "Bergen is the capital of which country?")
    with EditMemory.open(tmp_path / "store") as memory:
        for prompt, target, subject in FACTS[:2]:
            memory.add(prompt, target, subject=subject)
        router = Router(memory, Listening())

        def rests_on() -> list[int]:
            return [len(router.explain(one).edits) for one in asked]

        assert rests_on() == [2, 1]
        memory.add("What is the capital of Norway?", "Molde", subject="Norway")
        assert rests_on()[1] == 0
        memory.undo()
        assert rests_on() == [2, 1]
        memory.retract(memory.search("What is the capital of Norway?")[0].edit.id)
        assert rests_on() == [0, 0]


def test_two_answers_are_none(tmp_path: Path) -> None:
    with EditMemory.open(tmp_path / "store") as memory:
        for country in ("Norway", "Latvia"):
            memory.add(f"What is the capital of {country}?", "Bergen", subject=country)
        assert not Router(memory, Listening()).explain("Bergen is the capital of which country?").edits
