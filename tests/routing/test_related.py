"""Edits that speak of a question and do not answer it: a model is told them where that is wanted, and only then."""

from collections.abc import Iterator

import pytest
from listening_model import Listening

from kedit_memory.errors import InvalidInputError
from kedit_memory.memory import EditMemory
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import Route
from kedit_memory.routing.provenance import to_dict, to_lines
from kedit_memory.routing.router import Router, RouterConfig

FEES = (
    ("What is the monthly fee of Lomta Pool?", "70 euros", "Lomta Pool"),
    ("What is the monthly fee of Sinford Gym?", "55 euros", "Sinford Gym"),
    ("When does Lomta Pool close?", "21:00", "Lomta Pool"),
    ("Who is the head of Lomta Pool?", "Ann Berg", "Lomta Pool"),
    ("How much paracetamol does a child of 10 kg get?", "150 mg", None),
)
COMPARED = "Which of the two is cheaper, Lomta Pool or Sinford Gym?"


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EditMemory]:
    with EditMemory.open(tmp_path_factory.mktemp("related") / "store") as opened:
        for prompt, target, subject in FEES:
            opened.add(prompt, target, subject=subject)
        opened.erase("Where does Ann Berg live?", subject="Ann Berg")
        yield opened


def router(memory: EditMemory, related: int = 3) -> Router:
    return Router(memory, Listening("so"), config=RouterConfig(related=related))


def told(one: Router, question: str) -> tuple[Route, list[str]]:
    decision = one.explain(question)
    return decision.route, [found.passage.id for found in decision.passages]


def test_without_it_nothing_is_put_before_a_question_that_no_edit_answers(memory: EditMemory) -> None:
    one = Router(memory, Listening("so"))
    assert told(one, COMPARED) == (Route.PARAMETRIC, [])
    assert one.query(COMPARED).text == "so"
    assert one.model.asked == [Prompt(question=COMPARED)]  # type: ignore[attr-defined]


def test_edits_about_what_a_question_names_are_told_as_sentences(memory: EditMemory) -> None:
    one = router(memory)
    answer = one.query(COMPARED)
    (prompt,) = one.model.asked  # type: ignore[attr-defined]
    assert answer.route is Route.RETRIEVAL
    assert {"e1", "e2"} <= {found.passage.id for found in answer.passages}
    assert "The answer to “What is the monthly fee of Sinford Gym?” is 55 euros." in prompt.passages
    assert "speak of what is asked, so the model is told" in answer.reason
    assert "answers alone" not in answer.reason
    assert {"e1", "e2"} <= {one["edit"] for one in to_dict(answer)["passages"]}
    assert any(line.startswith("told:   e2 The answer to") for line in to_lines(answer))


def test_no_more_are_told_than_are_wanted_and_the_likeliest_first(memory: EditMemory) -> None:
    route, found = told(router(memory, 1), "It is 20:30. Is Lomta Pool still open?")
    assert (route, found) == (Route.RETRIEVAL, ["e3"])


def test_an_edit_that_answers_stands_alone(memory: EditMemory) -> None:
    assert told(router(memory), "What is the monthly fee of Lomta Pool?") == (Route.DIRECT, [])


def test_what_can_be_reckoned_from_an_edit_is_told_it(memory: EditMemory) -> None:
    for question in ("What do 3 months at Lomta Pool cost?", "How many euros is a year at Lomta Pool?"):
        route, found = told(router(memory), question)
        assert (route, "e1" in found) == (Route.RETRIEVAL, True), question


def test_an_edit_that_differs_in_a_value_is_not_told(memory: EditMemory) -> None:
    assert told(router(memory), "How much paracetamol does a child of 20 kg get?") == (Route.PARAMETRIC, [])


def test_nothing_is_told_of_what_was_erased_or_to_a_question_about_something_else(memory: EditMemory) -> None:
    for question in ("How old is Ann Berg?", "Who wrote Hamlet?", "How do I bake a cake?"):
        assert told(router(memory), question) == (Route.PARAMETRIC, []), question


def test_what_phrases_stand_for_is_told_with_what_is_near_to_the_rest(memory: EditMemory) -> None:
    decision = router(memory).explain("By how many euros do the monthly fees of Lomta Pool and Sinford Gym differ?")
    known = {match.edit.id for match in decision.edits} | {found.passage.id for found in decision.passages}
    assert {"e1", "e2"} <= known


def test_fewer_than_none_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="related must be 0 or more"):
        RouterConfig(related=-1)
