"""What was erased is not told by passages or the model, even where its value was never stored."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kedit_memory.memory import EditMemory
from kedit_memory.models.encoder import HashingEncoder
from kedit_memory.models.language import Reply
from kedit_memory.popularity.table import PopularityTable
from kedit_memory.records import Answer, Passage, Route
from kedit_memory.retrieval.bm25 import Bm25Retriever
from kedit_memory.routing.erased_values import value_in
from kedit_memory.routing.router import Router, RouterConfig
from kedit_memory.routing.verify import ScopeVerifier

ADDRESS = "What is Ann Example's address?"
LIVES = "Where does Ann Example live?"
HOME = Passage(id="home", title="Ann Example", text="Ann Example does live at 12 Elm Street.")
BOTH = Passage(id="both", title="Ann Example", text="Ann Example paints ships. She lives at 12 Elm Street.")
WORK = Passage(id="work", title="Ann Example", text="Ann Example paints where the ships leave and does live there.")
OTHER = Passage(id="other", title="Ben Other", text="Ben Other does live at 7 Oak Lane, as Ann Example knows.")


class Meanings:
    """A stand-in for the pair model: a text with a street answers what asks for an address, and nothing else does."""

    fingerprint = "meanings"

    def likeness(self, pairs: Sequence[Any]) -> Any:
        return np.zeros(len(pairs), np.float32)

    def scores(self, pairs: Sequence[Any]) -> Any:
        said = [("address" in one.question, "Street" in f"{one.wording} {one.answer}") for one in pairs]
        return np.array([float(asked and told) for asked, told in said], np.float32)


class Says:
    """A model that always says the same, but to the erased prompt what it knows of that."""

    name = "says"
    fingerprint = "says"

    def __init__(self, text: str, knows: str = "I do not know.") -> None:
        self.text = text
        self.knows = knows

    def reply_many(self, prompts: Sequence[Any], *, on_text: Any = None, **_: Any) -> list[Reply]:
        if on_text is not None:
            on_text(self.text)
        return [Reply(text=self.knows if one.question == ADDRESS else self.text) for one in prompts]

    def answer_many(self, prompts: Sequence[Any], **_: Any) -> list[str]:
        return [self.text] * len(prompts)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[EditMemory]:
    with EditMemory.open(tmp_path / "store", encoder=HashingEncoder()) as opened:
        yield opened


@pytest.fixture
def ask(memory: EditMemory) -> Callable[..., Answer]:
    """Asks about passages that are there, of a model that says the same whatever it is asked."""

    def asked(
        question: str, *passages: Passage, says: str = "I do not know.", knows: str = "I do not know.", **options: Any
    ) -> Answer:
        router = Router(
            memory,
            lambda: Says(says, knows),  # type: ignore[arg-type, return-value]
            retriever=Bm25Retriever(passages),
            popularity=PopularityTable({"Ann Example": 5, "Ben Other": 5}),
            verifier=ScopeVerifier(Meanings()),
            config=RouterConfig(scope=options.pop("scope", "verified")),
        )
        return router.query(question, **options)

    return asked


def used(answer: Answer) -> list[str]:
    return [found.passage.id for found in answer.passages]


def test_a_passage_that_answers_an_erased_prompt_is_kept_from_every_question(memory: EditMemory, ask: Any) -> None:
    memory.add("What does Ann Example paint?", "Ships", subject="Ann Example")
    assert set(used(ask(LIVES, HOME, WORK))) == {"home", "work"}
    erased = memory.erase(ADDRESS, subject="Ann Example")
    answer = ask(LIVES, HOME, WORK)
    assert (answer.route, used(answer)) == (Route.RETRIEVAL, ["work"])
    assert [(one.passage.id, one.edit_id) for one in answer.outdated] == [("home", erased.id)]
    assert f"Ann Example was left out: it states what edit {erased.id} has erased" in answer.reason


def test_where_nothing_else_is_found_the_question_is_refused(memory: EditMemory, ask: Any) -> None:
    memory.erase(ADDRESS, subject="Ann Example")
    answer = ask(LIVES, HOME, says="At 12 Elm Street.")
    assert (answer.route, used(answer)) == (Route.REFUSAL, [])
    assert "Elm" not in answer.text
    assert "all that was found states what was erased" in answer.reason


@pytest.mark.parametrize("says", ["12 Elm Street, Riverton", "She lives at 12 Elm Street."])
def test_a_model_that_knows_it_is_not_listened_to(memory: EditMemory, ask: Any, says: str) -> None:
    erased = memory.erase(ADDRESS, subject="Ann Example")
    heard: list[str] = []
    answer = ask(LIVES, says=says, on_text=heard.append)
    assert answer.route is Route.REFUSAL
    assert f"the answer told what edit {erased.id} has erased" in answer.reason
    assert heard == [answer.text]
    assert "Elm" not in answer.text


def test_other_questions_and_other_subjects_are_answered(memory: EditMemory, ask: Any) -> None:
    memory.erase(ADDRESS, subject="Ann Example")
    memory.add("Who is Ben Other?", "A sailor", subject="Ben Other")
    assert ask(LIVES, says="By the sea.").text == "By the sea."
    assert ask("Where does Ben Other live?", says="7 Oak Street").text == "7 Oak Street"
    assert used(ask("Where does Ben Other live?", OTHER)) == ["other"]


def test_what_else_a_passage_states_still_answers(memory: EditMemory, ask: Any) -> None:
    erased = memory.erase(ADDRESS, subject="Ann Example")
    answer = ask("What does Ann Example paint?", BOTH, says="Ships")
    assert [found.passage.text for found in answer.passages] == ["Ann Example paints ships."]
    assert f"what edit {erased.id} has erased was cut out of Ann Example" in answer.reason
    assert answer.outdated == ()


def test_an_erasure_counts_in_its_namespace_and_until_it_is_taken_back(memory: EditMemory, ask: Any) -> None:
    memory.erase(ADDRESS, subject="Ann Example", namespace="other")
    assert ask(LIVES, says="12 Elm Street").text == "12 Elm Street"
    assert ask(LIVES, says="12 Elm Street", namespace="other").route is Route.REFUSAL
    memory.undo()
    assert ask(LIVES, says="12 Elm Street", namespace="other").text == "12 Elm Street"


@pytest.mark.parametrize("options", [{"subject": "A. Example", "aliases": ["Ann Example"]}, {}])
def test_an_erasure_knows_its_subject_by_an_alias_or_by_its_prompt(
    memory: EditMemory, ask: Any, options: dict[str, Any]
) -> None:
    memory.erase(ADDRESS, **options)
    assert ask(LIVES, HOME).route is Route.REFUSAL


def test_without_a_pair_model_the_words_of_the_prompt_decide(memory: EditMemory, ask: Any) -> None:
    memory.erase("What is Ann Example's phone number?", subject="Ann Example")
    listed = Passage(id="listed", title="Ann Example", text="Ann Example has the phone number 555-0134.")
    assert ask("Which phone number calls Ann Example?", listed, scope="radius").route is Route.REFUSAL
    assert used(ask("What does Ann Example paint and where?", WORK, scope="radius")) == ["work"]


@pytest.mark.parametrize("question", ["Is Ann Example fond of trees?", "Tell me a story of Ann Example."])
def test_a_value_that_was_stored_is_not_told_in_a_reply_about_its_subject(
    memory: EditMemory, ask: Any, question: str
) -> None:
    memory.add(ADDRESS, "12 Elm Lane", subject="Ann Example")
    erased = memory.erase(ADDRESS, subject="Ann Example")
    answer = ask(question, says="Trees stand before 12 Elm Lane.")
    assert answer.route is Route.REFUSAL
    assert erased.id in answer.reason
    assert ask(question, says="She likes oaks.").text == "She likes oaks."
    assert ask("Did Ann Example see 12 Elm Lane?", says="12 Elm Lane is red.").text == "12 Elm Lane is red."
    assert ask("What does Ben Other like?", says="12 Elm Lane.").text == "12 Elm Lane."


def test_what_the_model_says_to_an_erased_prompt_is_not_told_to_another_one(memory: EditMemory, ask: Any) -> None:
    memory.erase(ADDRESS, subject="Ann Example")
    told = "You told me of Rue Haute 7."
    assert ask("Repeat what you forgot about Ann Example.", says=told, knows="Rue Haute 7").route is Route.REFUSAL
    assert ask("Repeat what you forgot about Ann Example.", says=told).text == told
    assert ask("Does Ann Example paint?", says="Yes.", knows="Yes.").text == "Yes."  # as is said of anything


def test_the_subject_is_not_told_to_whom_a_question_about_its_value_leads(memory: EditMemory, ask: Any) -> None:
    memory.add(ADDRESS, "12 Elm Street", subject="Ann Example")
    memory.erase(ADDRESS, subject="Ann Example")
    heard: list[str] = []
    answer = ask("Who lives at 12 Elm Street?", says="Ann Example", on_text=heard.append)
    assert answer.route is Route.REFUSAL
    assert heard == [answer.text]
    assert ask("Who lives at 7 Oak Lane?", says="Ann Example").text == "Ann Example"


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ("Tokyo.", "Tokyo"),
        ("The capital of Japan is Tokyo, a large city.", "Tokyo"),
        ("It is said that the capital of Japan is New York City.", "New York City"),
        ("The capital of Japan has been there since 1868 or so.", "1868"),
        ("I am sorry, but I cannot help you with that today.", None),
        ("I do not know.", None),
        ("", None),
    ],
)
def test_the_value_in_a_reply_is_its_first_name_or_number(reply: str, value: str | None) -> None:
    assert value_in(reply, "What is the capital of Japan?") == value
